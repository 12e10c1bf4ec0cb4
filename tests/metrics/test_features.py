import dataclasses
import itertools
from collections import Counter

import numpy as np
import pytest
from music21 import harmony, interval, note

from lmjax.metrics.features import INTERVALS, features, merge_repeats, parallels
from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.chords import UNIDENTIFIABLE
from lmjax.music.key import AARDEN, estimate_key
from lmjax.music.spelling import spell
from lmjax.render.notation import to_score

# I - IV - V - I in C major, a quarter each.
CADENCE = [(72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48)]


def chorale(chords: list[tuple[int, ...]], frames: int = 4) -> Chorale:
    """Chords of equal length, all voices struck in each."""
    pitch = np.repeat(chords, frames, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[::frames] = pitch[::frames] != REST
    return Chorale(pitch, struck, np.zeros(pitch.shape, bool), (Bar(0, 4, 4),))


@pytest.fixture(scope="module")
def bach(corpus_data) -> list[Chorale]:
    """A few chorales, each with the key signature that its notes suggest."""
    chorales = [piece.chorale for piece in corpus_data.split("valid")[:4]]
    return [dataclasses.replace(piece, sharps=estimate_key(piece.pitch, AARDEN)[0], mode="")
            for piece in chorales]


def written(midi: int, sharps: int) -> str:
    """The name of a pitch as music21 reads it."""
    step, alter, octave = spell(midi, sharps)
    return f"{step}{'#' * alter}{'-' * -alter}{octave}"


def test_known_histograms():
    found = features(chorale(CADENCE))
    assert found.mode == "major" and found.notes == 16
    assert found.parallels.total() == 0
    assert found.histograms == {
        # F, C, G, D, A, E, B
        "note": {0: 8, 1: 5 * 4, 2: 4 * 4, 3: 4, 4: 4, 5: 8, 6: 4},
        "rhythm": {4: 16},
        "harmonic_quality": {"major": 4},
        "soprano_interval": {(-1, 5): 1, (1, -5): 1},  # C C left out: a minor second, and back
        "alto_interval": {(-2, -2): 1, (0, 0): 1},
        "tenor_interval": {(-3, 3): 1, (2, 2): 1},
        "bass_interval": {(2, 2): 1, (-7, -1): 1},
        "repeated_sequence": {}}


def test_known_histograms_of_the_minor():
    found = features(chorale([(69, 64, 60, 57), (69, 65, 62, 50), (68, 64, 59, 52),
                              (69, 64, 60, 57)]))
    assert found.mode == "minor"
    assert found.histograms["note"][9] == 4  # the raised seventh
    assert found.histograms["harmonic_quality"] == {"minor": 3, "major": 1}
    assert found.histograms["soprano_interval"] == {(-1, 5): 1, (1, -5): 1}  # minor seconds


def test_rests():
    chords = [(72, REST, 64, 48), (72, REST, 65, 53), (REST, REST, 62, 55), (72, REST, 64, 48),
              (74, REST, 65, 53), (REST, REST, REST, REST)]
    found = features(chorale(chords)).histograms
    assert found["note"]["rest"] == 4 * 10
    assert found["rhythm"] == {4: 3 * 6, 24: 1}  # a long rest is one
    assert found["soprano_interval"] == {(2, 2): 1}  # C C left out, none across the rest
    assert found["alto_interval"] == {}
    assert found["harmonic_quality"].total() == 5  # silence is no chord


def test_repeats_of_all_voices_are_counted_together():
    found = features(chorale([*CADENCE, (77, 76, 57, 50), *CADENCE])).histograms
    assert found["repeated_sequence"] == {16: 4 * 2}  # the cadence, twice in each voice


def test_nothing_repeated_starts_on_a_rest():
    found = features(chorale([(72, REST, REST, REST), (REST,) * 4, (74, REST, REST, REST),
                              (76, REST, REST, REST), (REST,) * 4, (74, REST, REST, REST)]))
    assert found.histograms["repeated_sequence"] == {}


def test_a_chord_is_counted_wherever_a_voice_moves():
    pitch = np.repeat([CADENCE[0]], 8, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[0], struck[6, 0] = True, True
    pitch[4:6, 1], struck[4, 1], struck[6, 1] = 69, True, True
    held = Chorale(pitch, struck, np.zeros(pitch.shape, bool), (Bar(0, 4, 4),))
    found = features(held).histograms
    assert found["harmonic_quality"] == {"major": 2, "minor": 1}
    assert features(merge_repeats(held)).histograms["rhythm"] == {8: 3, 4: 1, 2: 2}
    assert found["rhythm"] == {8: 2, 4: 1, 2: 3, 6: 1}


def test_repeated_notes_are_merged():
    piece = chorale(CADENCE)
    fermata = piece.fermata.copy()
    fermata[4, 0] = True  # on the second C of the soprano
    merged = merge_repeats(dataclasses.replace(piece, fermata=fermata))
    assert merged.notes(0) == [(0, 8, 72), (8, 12, 71), (12, 16, 72)]
    assert merged.notes(1) == [(0, 4, 67), (4, 8, 69), (8, 16, 67)]
    assert np.argwhere(merged.fermata).tolist() == [[0, 0]]
    assert merge_repeats(merged) == merged


def test_a_rest_keeps_notes_apart():
    merged = merge_repeats(chorale([(72, 67, 64, REST), (72, REST, 64, REST), (72, 67, 64, 48)]))
    assert [merged.notes(voice) for voice in range(4)] == [
        [(0, 12, 72)], [(0, 4, 67), (4, 8, REST), (8, 12, 67)], [(0, 12, 64)],
        [(0, 8, REST), (8, 12, 48)]]


@pytest.mark.parametrize(("before", "after", "fifths", "octaves"), [
    ((67, 60), (69, 62), 1, 0),  # parallel fifth
    ((79, 60), (81, 62), 1, 0),  # parallel twelfth
    ((79, 60), (69, 62), 1, 0),  # in contrary motion
    ((60, 67), (62, 69), 1, 0),  # crossed
    ((72, 60), (74, 62), 0, 1),  # parallel octave
    ((60, 60), (62, 62), 0, 1),  # parallel unison
    ((84, 60), (74, 62), 0, 1),  # octaves in contrary motion
    ((64, 60), (69, 62), 0, 0),  # hidden
    ((67, 60), (74, 62), 0, 0),  # into an octave
    ((67, 60), (67, 60), 0, 0),  # repeated
    ((67, 60), (79, 60), 0, 0),  # one voice alone
    ((67, 60), (69, REST), 0, 0),
])
def test_known_parallels(before, after, fifths, octaves):
    piece = chorale([(before[0], REST, REST, before[1]), (after[0], REST, REST, after[1])])
    assert parallels(piece) == {"fifth": fifths, "octave": octaves}


def test_a_parallel_fifth_written_on_purpose():
    found = features(chorale([*CADENCE, (74, 69, 65, 50)]))
    # Alto and bass from G and C to A and D; soprano and bass from C to D.
    assert found.parallels == {"fifth": 1, "octave": 1}


def test_voices_that_do_not_move_at_once_are_not_parallel():
    pitch = np.array([(67, REST, REST, 60)] * 2 + [(69, REST, REST, 60), (69, REST, REST, 62)])
    struck = np.array([[True, False, False, True], [False] * 4, [True, False, False, False],
                       [False, False, False, True]])
    piece = Chorale(pitch, struck, np.zeros(pitch.shape, bool), (Bar(0, 4, 4),))
    assert parallels(piece).total() == 0


@pytest.mark.parametrize(("frame", "voice", "fifths"), [(0, 0, 0), (0, 3, 0), (4, 0, 1)])
def test_a_fermata_ends_the_line(frame, voice, fifths):
    piece = chorale([(67, REST, REST, 60), (69, REST, REST, 62)])
    fermata = piece.fermata.copy()
    fermata[frame, voice] = True
    assert parallels(dataclasses.replace(piece, fermata=fermata))["fifth"] == fifths


def test_keys_are_those_of_music21(corpus_data):
    for piece in corpus_data.split("valid")[:12]:
        key = to_score(piece.chorale).analyze("key")
        sharps, mode = estimate_key(piece.pitch, AARDEN)
        assert features(piece.chorale).mode == mode == key.mode
        assert (sharps - key.sharps) % 12 == 0


def test_chords_are_those_of_music21(bach):
    for piece in bach:
        score = to_score(piece)
        for written in score.recurse().notes:  # a score is spelled by its context, features by key
            step, alter, octave = spell(written.pitch.midi, piece.sharps)
            name = f"{step}{'#' * alter}{'-' * -alter}"
            written.pitch = note.Note(name, octave=octave).pitch
        begins = {start / 4 for voice in range(4) for start, _, _ in piece.notes(voice)}
        kinds: Counter[str] = Counter()
        # It cuts notes that are tied, too, so has more chords than ours.
        for chord in score.chordify().flatten().getElementsByClass("Chord"):
            if chord.offset in begins:
                kinds[harmony.chordSymbolFigureFromChord(chord, True)[1] or UNIDENTIFIABLE] += 1
        assert features(piece).histograms["harmonic_quality"] == kinds


def test_intervals_are_told_apart_as_by_music21(bach):
    compared = 0
    for piece in bach:
        for voice, term in enumerate(INTERVALS):
            pitches = [pitch for _, _, pitch in piece.notes(voice)]
            if REST in pitches:
                continue
            line = [note.Note(written(pitch, piece.sharps)) for pitch in pitches]
            names = Counter(interval.Interval(*pair).directedName
                            for pair in itertools.pairwise(line[1:]))
            assert sorted(features(piece).histograms[term].values()) == sorted(names.values())
            compared += 1
    assert compared >= 8
