"""A musician's file as a music21 score, once what music21 would get wrong in silence is found."""

import contextlib
import io
import itertools
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from lmjax.music.chorale import FRAMES_PER_QUARTER
from lmjax.music.rhythm import LONGEST_BAR

LONGEST_TUNE = 1024  # quarters; no chorale of Bach's is longer than 200
LONG_BAR = "a bar may be three whole notes long at most"
MOST_SHARPS = 7  # or flats
FAR_KEY = "a key signature has seven sharps or flats at most"
MIDI = b"MThd"
FAR_FIFTHS = re.compile(rb"<fifths[^>]*>\s*-?\d{2,}")
# Of MIDI, more than 48 beats, or beats of 1 / 2**5 and shorter.
ODD_METRE = re.compile(rb"\xff\x58\x04(?:[\x31-\xff]|.[\x05-\xff])", re.DOTALL)
ODD_NUMBER = re.compile(
    rb"(?:<beat(?:s|-type)[^>]*>\s*|(?:\*M|^M:\s*)(?:\d+\s*/\s*)?)([\d+ ]*\d{3,})", re.M)
# Of ABC the fields, comments, texts over notes and signs.
NO_ABC_NOTES = re.compile(r"^[A-Za-z+]:.*|%.*|\[[A-Za-z]:[^\]]*\]|\"[^\"]*\"|![^!\n]*!", re.M)


class ImportingError(ValueError):
    """A file that cannot be used, in one sentence: what is wrong, where, and what would help."""


def parse(path: Path, content: bytes) -> Any:
    """A file as a music21 score of parts with bars, at the pitch at which they sound.

    Raises:
      ImportingError: if it cannot be read, or music21 would read it wrong or not in time.
    """
    from music21 import converter, stream

    warned = io.StringIO()
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(warned):
            _check_content(path, unpacked(content))
            if content.startswith(MIDI):
                score = _parse_midi(path, content)
            elif path.suffix.lower() == ".abc":
                score = converter.parse(_usual_abc(content.decode()), format="abc")
            else:  # past music21's own pickles, which can be stale
                score = converter.parse(path, forceSource=True, storePickle=False)
            if isinstance(score, stream.Opus):
                raise ImportingError(f"{path} holds {len(score.scores)} pieces; leave only one")
            _check_length(path, score.highestTime)
            if not isinstance(score, stream.Score):
                whole = stream.Score()
                whole.insert(0, score)
                score = whole
            for part in list(score.parts):
                if part.atSoundingPitch is not False:
                    # Else a trumpet of MIDI, which knows no written pitch, is transposed too.
                    for singer in part.recurse().getElementsByClass("Instrument"):
                        singer.transposition = None
                part.toSoundingPitch(inPlace=True)
                # Some readers leave it to others to draw bar lines.
                barred = part if part.getElementsByClass("Measure") else part.makeMeasures()
                if barred is not part:
                    barred.makeTies(inPlace=True)
                    score.replace(part, barred)
                _tidy(barred)
    except ImportingError:
        raise
    except Exception as error:  # its readers raise whatever they stumble over
        raise _unreadable(path, str(error) or type(error).__name__) from error
    # What it cannot read of Humdrum it leaves out.
    left_out = re.search(r"Error in parsing event (.*)", warned.getvalue())
    if left_out:
        raise _unreadable(path, left_out[1])
    return score


def _tidy(part: Any) -> None:
    """Removes what music21 would not write as it read it.

    These are bars between two bar lines at one place, and time signatures within a bar.
    """
    measures = list(part.getElementsByClass("Measure"))
    for measure, after in itertools.zip_longest(measures, measures[1:]):
        measure.remove([metre for metre in measure.getElementsByClass("TimeSignature")
                        if metre.offset > 0])
        here = after is None or after.offset == measure.offset
        if here and measure.highestTime == 0 and measure.timeSignature is None:
            part.remove(measure)


def _parse_midi(path: Path, content: bytes) -> Any:
    """A MIDI file as a music21 score, all parts with the metres and keys of the first.

    Music21 heeds only those of a track without notes.
    """
    from music21.midi import DeltaTime, MetaEvents, MidiFile, MidiTrack, translate

    if ODD_METRE.search(content):
        raise ImportingError(f"{path} has bars of more than 48 beats, or of beats shorter than "
                             f"sixteenths; give it another time signature")
    file = MidiFile()
    file.readstr(content)
    end = 0
    while content[end:end + 4] in (MIDI, b"MTrk"):
        end += 8 + int.from_bytes(content[end + 4:end + 8], "big")
    if end > len(content):
        raise ImportingError(f"{path} is cut off: its last track is longer than what is left of it")
    told: list[MidiTrack] = []
    sung: list[MidiTrack] = []
    for track in file.tracks:
        events = translate.getTimeForEvents(track)
        if events:
            _check_length(path, events[-1][0] / file.ticksPerQuarterNote)
        for chosen, of_form in ((told, True), (sung, False)):
            chosen.append(MidiTrack(track.index))
            before = 0
            for time, event in events:
                if of_form == (event.type in (MetaEvents.TIME_SIGNATURE,
                                              MetaEvents.KEY_SIGNATURE)):
                    chosen[-1].events += [DeltaTime(chosen[-1], time=time - before), event]
                    before = time
    file.tracks = [next((track for track in told if track.events), MidiTrack()), *sung]
    return translate.midiFileToStream(file)


def _usual_abc(text: str) -> str:
    """ABC such that music21 reads it as other programs do.

    These let an accidental count up to the bar line also where no version of the standard is
    stated, and let a clef in the key's line say nothing of the octave.
    """
    text = re.sub(r"^(K:[^%\n]*?)\s+(?:clef=)?bass\b", r"\1", text, flags=re.M)
    return text if re.search(r"^%abc-\d", text, re.M) else f"%abc-2.1\n{text}"


def _unreadable(path: Path, why: str) -> ImportingError:
    return ImportingError(f"{path} cannot be read as music ({' '.join(why.split())[:200]}); save "
                          f"it as MusicXML from a notation editor")


def unpacked(content: bytes) -> bytes:
    """The MusicXML in a compressed file; other content as it is."""
    if not content.startswith(b"PK"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"".join(archive.read(name) for name in archive.namelist()
                        if name.endswith((".xml", ".musicxml")))


def _check_content(path: Path, content: bytes) -> None:
    """Finds what music21 would leave out in silence, or would take hours to read.

    Raises:
      ImportingError: if there is any.
      Exception: of any kind if the file is broken.
    """
    from music21 import abcFormat

    suffix = path.suffix.lower()
    odd = ODD_NUMBER.search(content)
    if odd:
        raise ImportingError(f"{path} has a metre with {odd[1].decode()[:20]} in it; {LONG_BAR}, "
                             f"and a beat a sixteenth at least")
    if FAR_FIFTHS.search(content):
        raise ImportingError(f"{path}: {FAR_KEY}")
    if suffix == ".krn" and not re.search(rb"^\*-[\s*-]*(^!.*\s*)*\Z", content, re.M):
        raise ImportingError(f"{path} is cut off: the line of *- that ends Humdrum is missing")
    elif suffix == ".abc":
        text = content.decode()
        pieces = len(re.findall("^X:", text, re.M))
        if pieces > 1:
            raise ImportingError(f"{path} holds {pieces} pieces; leave only one")
        inside = re.search(r"\[[KLMV]:[^\]\n]{,20}", text)
        if inside:
            raise ImportingError(f"{path} has {inside[0]}] in a line, which would be left out; "
                                 f"give it a line of its own, without brackets")
        named = re.search(r"^V:\s*([^\d\s]\S*)", text, re.M)
        if named:
            raise ImportingError(f"{path} calls a voice {named[1][:20]}; number the voices, as in "
                                 f"V:1")
        unread = re.search("!fermata!", text) or re.search(
            r"H[.~^=_HLMOPSTuv]*[A-Ga-gz]|Z|x", NO_ABC_NOTES.sub("", text))
        if unread:
            raise ImportingError(f"{path} has {unread[0]}, which would be left out; leave fermatas "
                                 f"out, and write z with its length for a rest")
        head, *voices = abcFormat.ABCFile().readstr(text).splitByVoice()
        for voice in [head + voice for voice in voices] or [head]:
            for bar in voice.splitByMeasure() if voice.definesMeasures() else ():
                notes = [one for one in bar.tokens if isinstance(one, abcFormat.ABCNote)]
                quarters = sum(note.quarterLength for note in notes if not note.inGrace)
                if quarters * FRAMES_PER_QUARTER > LONGEST_BAR:
                    raise ImportingError(f"{path} lacks a bar line; {LONG_BAR}")


def _check_length(path: Path, quarters: float) -> None:
    """Raises ImportingError if music is too long to be read."""
    if quarters > LONGEST_TUNE:
        raise ImportingError(f"{path} is {float(quarters):.0f} quarters long, and no more than "
                             f"{LONGEST_TUNE} can be read; cut it into pieces")
