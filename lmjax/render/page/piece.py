"""One piece of a report: its score, its sound, its faults, and files to take along."""

import bisect
import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from lmjax.music.chorale import SIXTEENTHS_PER_WHOLE, VOICES, Chorale
from lmjax.render.audio import mp3_of
from lmjax.render.mei import notes_of
from lmjax.render.midi import MAJOR, MINOR, midi_of
from lmjax.render.notation import musicxml_of, to_score
from lmjax.render.page import data_uri, escape, facts_list, fill
from lmjax.render.pages import TALL, chorale_pages
from lmjax.render.tempo import seconds_of

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container><rootfiles><rootfile full-path="score.musicxml"/></rootfiles></container>
"""
# Engraved twice, four or five bars wide and one or two: the style sheet shows the one that can be
# read in the window. Without a header, which would repeat the heading.
SIZES = {"wide": {**TALL, "pageWidth": 2100, "header": "none"},
         "narrow": {**TALL, "pageWidth": 950, "header": "none"}}
GIVEN = '<p class="remark">Notes in grey were given.</p>'


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault of counterpoint between two voices, from one frame to the next.

    Attributes:
      kind: what it is called, such as "parallel fifths".
      frame: the later of the two frames, at least 1.
      voices: both, the higher one first.
    """

    kind: str
    frame: int
    voices: tuple[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """A piece of a report.

    Attributes:
      chorale: its music.
      name: its heading.
      facts: what is said about it, such as its seed, by name.
      command: that makes it again, "" if there is none.
      faults: what is marked in its score.
      given: bool[T, 4], the cells that were given and not composed; None if none were.

    Raises:
      ValueError: if a fault or `given` does not fit the chorale.
    """

    chorale: Chorale
    name: str
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    command: str = ""
    faults: Sequence[Fault] = ()
    given: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.given is not None and np.shape(self.given) != self.chorale.pitch.shape:
            raise ValueError(f"the given cells of {self.name} have shape {np.shape(self.given)}, "
                             f"its notes {self.chorale.pitch.shape}")
        for fault in self.faults:
            if not 0 < fault.frame < len(self.chorale):
                raise ValueError(f"{self.name} has frames 0 to {len(self.chorale) - 1}, and so no "
                                 f"{fault.kind} from frame {fault.frame - 1} to {fault.frame}")


def article(piece: Piece, name: str) -> str:
    """A piece as HTML, whose ids begin with a name.

    Raises:
      MissingExtra: if a library is not installed.
    """
    chorale = piece.chorale
    seconds = seconds_of(chorale)
    return fill(
        "piece.html", id=name, name=escape(piece.name), form=in_words(chorale),
        facts=facts_list(piece.facts), duration=f"{seconds[-1]:.3f}", length=_clock(seconds[-1]),
        audio=data_uri(mp3_of(chorale), "audio/mpeg"),
        scores="\n".join(_score(piece, width, f"{name}{width[0]}-") for width in SIZES),
        legend=GIVEN if piece.given is not None else "", faults=_faults(piece, name),
        downloads=_downloads(piece), command=_command(piece.command),
        timing=json.dumps(_timing(chorale, seconds), separators=(",", ":")))


def in_words(chorale: Chorale) -> str:
    """Key, metre, bars and duration, such as "G major, 4/4, 8 bars, 0:31"."""
    key = {"major": MAJOR, "minor": MINOR}.get(chorale.mode)
    said = [" and ".join(dict.fromkeys(bar.metre for bar in chorale.bars)),
            f"{_place(chorale, len(chorale) - 1)[0]} bars", _clock(seconds_of(chorale)[-1])]
    if key:
        tonic = key[chorale.sharps + 7].removesuffix("m").replace("#", "♯").replace("b", "♭")
        said.insert(0, f"{tonic} {chorale.mode}")
    return ", ".join(said)


def _clock(seconds: float) -> str:
    """A time as it is shown, such as "0:31"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _place(chorale: Chorale, frame: int) -> tuple[int, float]:
    """The number of the bar in which a frame is, and its beat."""
    index = bisect.bisect([bar.start for bar in chorale.bars], frame) - 1
    bar = chorale.bars[index]
    since = frame - bar.start + bar.offset  # sixteenths
    return chorale.numbers()[index], 1 + since * bar.denominator / SIXTEENTHS_PER_WHOLE


def _timing(chorale: Chorale, seconds: np.ndarray) -> dict[str, object]:
    """What the player must know: when each frame begins, and where bars and beats are."""
    places = [(frame, *_place(chorale, frame)) for frame in range(len(chorale))]
    starts = [bar.start for bar in chorale.bars]
    return {"seconds": np.round(seconds, 3).tolist(), "bars": starts,
            "beats": [place for place in places if place[2] % 1 == 0 or place[0] in starts]}


def _score(piece: Piece, width: str, prefix: str) -> str:
    """A score of one of `SIZES`. Each note says which voice sings it, from which frame to which,
    whether it was given, and whether it is at fault; ids of glyphs begin with `prefix`."""
    svg, = chorale_pages(piece.chorale, "hymn", SIZES[width], prefix)
    notes = notes_of(piece.chorale, prefix)
    faulty = np.zeros(piece.chorale.pitch.shape, bool)
    for fault in piece.faults:
        faulty[fault.frame - 1:fault.frame + 1, list(fault.voices)] = True

    def annotate(found: re.Match[str]) -> str:
        if found[1] not in notes:
            return found[0]
        voice, start, end = notes[found[1]]
        cells = slice(start, end), voice
        given = piece.given is not None and piece.given[cells].all()
        return (f' data-sung="{voice} {start} {end}"{" data-given" if given else ""}'
                f'{" data-fault" if faulty[cells].any() else ""}')

    return re.sub(r' id="([^"]*)"', annotate, svg.replace("<svg ", f'<svg class="{width}" ', 1))


def _faults(piece: Piece, name: str) -> str:
    """The faults in words, each a link that the player takes to the place."""
    items = []
    for fault in sorted(piece.faults, key=lambda fault: (fault.frame, fault.voices)):
        number, beat = _place(piece.chorale, fault.frame)
        first, second = fault.voices
        items.append(
            f'<li><a href="#{name}" data-frame="{fault.frame}" data-voices="{first} {second}">'
            f"Bar {number}, beat {beat:g}: {escape(fault.kind)} between {VOICES[first]} and "
            f"{VOICES[second]}</a></li>")
    return (f'<ul class="faults" aria-label="Faults of counterpoint">{"".join(items)}</ul>'
            if items else "")


def _downloads(piece: Piece) -> str:
    """Links to the piece as files, which the page holds."""
    stem = re.sub(r"\W+", "-", piece.name).strip("-") or "piece"
    midi = io.BytesIO()
    midi_of(piece.chorale).save(file=midi)
    files = (("MusicXML", "mxl", "application/vnd.recordare.musicxml", _mxl(piece.chorale)),
             ("MIDI", "mid", "audio/midi", midi.getvalue()))
    return " ".join(f'<a download="{stem}.{suffix}" href="{data_uri(content, kind)}">{label}</a>'
                    for label, suffix, kind, content in files)


def _command(command: str) -> str:
    """A command that breaks into lines only between its arguments."""
    if not command:
        return ""
    arguments = " ".join(f"<span>{escape(argument)}</span>" for argument in command.split())
    return f'<p class="again">Made by <code>{arguments}</code></p>'


def _mxl(chorale: Chorale) -> bytes:
    """Compressed MusicXML, undated, so that the same piece gives the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("META-INF/container.xml", CONTAINER.encode()),
                           ("score.musicxml", musicxml_of(to_score(chorale)))):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()
