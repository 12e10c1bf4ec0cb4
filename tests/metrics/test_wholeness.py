import dataclasses

import numpy as np
import pytest

from lmjax.metrics.wholeness import (
    ROWS,
    arrival,
    count,
    fermata_moments,
    is_strong,
    is_triad,
    table,
)
from lmjax.music.chorale import Bar, Chorale

COMMON = Bar(0, 4, 4)
# Chords of C major as they are spelled from the soprano down.
I, IV, V, VI = (72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 69, 64, 57)
V7 = (71, 65, 62, 55)
MINOR = (72, 67, 63, 48)
V_WITHOUT_LEADING_NOTE = (74, 67, 62, 55)


def chorale(*chords: tuple[int, ...], beats: tuple[int, ...] = (), sharps: int = 0,
            mode: str = "major", bar: Bar = COMMON) -> Chorale:
    """Chords of a quarter note each, with fermatas in all voices on some of them."""
    pitch = np.repeat(np.array(chords), 4, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[::4] = True
    fermata = np.zeros(pitch.shape, bool)
    fermata[[4 * beat for beat in beats]] = True
    sounding = pitch != -1
    first = bar.length - bar.offset
    bars = [bar, *(Bar(start, bar.numerator, bar.denominator)
                   for start in range(first, len(pitch), bar.length))]
    return Chorale(pitch, struck & sounding, fermata & sounding, tuple(bars), sharps, mode)


@pytest.mark.parametrize(("frame", "triad"), [
    (I, True), (MINOR, True),
    ((72, 64, 64, 60), True),  # without the fifth
    ((67, -1, 64, 48), True),  # of three voices
    ((72, 48, 67, 64), True),  # whichever voice is the lowest
    ((72, 67, 60, 48), False),  # an open fifth
    ((72, 72, 60, 48), False),  # octaves
    ((72, 67, 60, 52), False),  # a sixth chord
    ((72, 64, 60, 55), False),  # a six-four chord
    ((70, 67, 64, 48), False),  # a seventh chord
    ((66, 63, 60, 48), False),  # diminished
    ((68, 64, 60, 48), False),  # augmented
    ((72, 67, 65, 48), False),  # suspended
    ((67, 64, 63, 48), False),  # both thirds
    ((-1, 64, -1, 48), False),  # two voices
    ((-1, -1, -1, -1), False),
])
def test_known_triads(frame: tuple[int, ...], triad: bool) -> None:
    assert is_triad(np.array(frame)) == triad


@pytest.mark.parametrize(("last", "sharps", "mode", "tonic"), [
    (I, 0, "major", 1), (V, 0, "major", 0), (IV, 0, "major", 0), (VI, 0, "major", 0),
    (MINOR, 0, "major", 0),  # no minor third in a major key
    (V, 1, "major", 1), (IV, -1, "major", 1), (I, 1, "major", 0),
    (VI, 0, "minor", 1), (I, 0, "minor", 0),
    ((73, 69, 64, 57), 0, "minor", 1),  # Picardy third
    ((73, 69, 64, 57), 0, "major", 0),
    (MINOR, -3, "minor", 1), (I, -3, "minor", 1),
    (I, 0, "", 1), (VI, 0, "", 1), (V, 0, "", 0), (MINOR, 0, "", 0),  # the mode is not known
    ((72, 67, 60, 52), 0, "major", 0),  # the tonic, but inverted
])
def test_known_endings(last: tuple[int, ...], sharps: int, mode: str, tonic: int) -> None:
    assert count(chorale(I, V, last, sharps=sharps, mode=mode))["tonic"] == (tonic, 1)


def test_silence_after_the_last_chord_is_passed_over() -> None:
    counts = count(chorale(I, V, I, (-1, -1, -1, -1)))
    assert counts["triad"] == counts["tonic"] == counts["strong"] == (1, 1)
    silent = count(chorale((-1, -1, -1, -1)))
    assert silent["triad"] == silent["tonic"] == silent["strong"] == (0, 1)


@pytest.mark.parametrize(("metre", "strong"), [
    ((4, 4), (0, 8)), ((3, 4), (0,)), ((2, 4), (0,)), ((6, 8), (0, 6)), ((3, 2), (0,)),
    ((5, 4), (0,)), ((12, 8), (0, 12)), ((4, 2), (0, 16))])
def test_strong_beats(metre: tuple[int, int], strong: tuple[int, ...]) -> None:
    bar = Bar(0, *metre)
    piece = dataclasses.replace(chorale(*[I] * (bar.length // 2)), bars=(
        bar, bar._replace(start=bar.length)))
    frames = [frame for frame in range(2 * bar.length) if is_strong(piece, frame)]
    assert frames == [*strong, *(bar.length + frame for frame in strong)]


@pytest.mark.parametrize(("chords", "offset", "strong"), [
    ((I, V, I), 0, 1), ((I, I, V, I), 0, 0), ((I, IV, V, V, I), 0, 1),
    ((V, I), 12, 1),  # over the bar line from an upbeat
    ((V, I), 8, 0), ((V, I), 4, 1),  # a bar that lacks its beginning
    ((IV, V, I, I), 0, 1),  # the bass has arrived already
])
def test_where_the_last_chord_arrives(chords: tuple, offset: int, strong: int) -> None:
    piece = chorale(*chords, bar=Bar(0, 4, 4, offset))
    assert count(piece)["strong"] == (strong, 1)


def test_an_octave_leap_is_no_arrival() -> None:
    pitch = np.repeat([I, V, I, (72, 67, 64, 60)], 4, axis=0)
    assert arrival(pitch, 15) == 8
    pitch[4:8] = I
    assert arrival(pitch, 15) == 0


@pytest.mark.parametrize(("before", "root", "kind"), [
    (V, I, "authentic"), (V7, I, "authentic"), (V, MINOR, "authentic"),
    (V_WITHOUT_LEADING_NOTE, I, None),
    (IV, I, "fourths"), (I, V, "fourths"),  # plagal; half
    (V, VI, None),  # deceptive
    ((71, 67, 62, 59), I, None),  # over the leading note
    ((-1, -1, -1, -1), I, None), ((-1, -1, -1, -1), (73, 70, 66, 54), None),
])
def test_known_cadences(before: tuple[int, ...], root: tuple[int, ...], kind: str | None) -> None:
    counts = count(chorale(IV, before, root, beats=(2,)))
    assert counts["fermata_triads"] == (1, 1)
    assert {name for name in ("authentic", "fourths") if counts[name] == (1, 1)} == {kind} - {None}


def test_fermatas_are_counted_one_by_one() -> None:
    piece = chorale(I, V, I, IV, V, (72, 67, 60, 52), V, I, beats=(2, 5, 7))
    counts = count(piece)
    assert counts["fermata_triads"] == (2, 3)
    assert counts["authentic"] == (2, 3)
    assert count(chorale(V, I))["fermata_triads"] == (0, 0)
    assert count(chorale(I, V, beats=(0,)))["authentic"] == (0, 1)


def test_a_fermata_is_where_its_notes_sound_together() -> None:
    """A melody's half note, under which the bass walks to the root and the alto resolves."""
    pitch = np.repeat([V, V, (72, 65, 62, 55), (72, 65, 60, 53)], 4, axis=0)
    pitch[12:14, 3], pitch[14:, 3], pitch[14:, 1], pitch[14:, 2] = 50, 48, 64, 55
    struck = np.diff(pitch, axis=0, prepend=-1) != 0
    fermata = np.zeros(pitch.shape, bool)
    fermata[8, 0] = fermata[14, 1] = fermata[14, 2] = fermata[14, 3] = True
    piece = Chorale(pitch, struck, fermata, (COMMON,))
    assert fermata_moments(piece) == [(14, 16)]
    assert count(piece)["fermata_triads"] == (1, 1)


def test_a_fermata_is_judged_by_its_end() -> None:
    """A melody's half note alone bears the sign, and the alto resolves below it."""
    pitch = np.repeat([V, (72, 65, 64, 48), (72, 67, 64, 48)], 4, axis=0)
    for order, triads in ((pitch, 1), (pitch[[0, 1, 2, 3, *range(8, 12), *range(4, 8)]], 0)):
        struck = np.diff(order, axis=0, prepend=-1) != 0
        fermata = np.zeros(order.shape, bool)
        fermata[4, 0] = True
        piece = Chorale(order, struck, fermata, (COMMON,))
        assert fermata_moments(piece) == [(4, 12)]
        assert count(piece)["fermata_triads"] == (triads, 1)
        assert count(piece)["authentic"] == (triads, 1)


def test_adjoining_fermatas_are_two() -> None:
    assert fermata_moments(chorale(I, V, I, beats=(1, 2))) == [(4, 8), (8, 12)]


def test_table_is_a_ratio_of_sums() -> None:
    pieces = [chorale(V, I, V, I, beats=(1, 3)), chorale(V, I, V, beats=(2,))]
    rows = table(pieces)
    assert rows[ROWS["tonic"].label] == (50, 0, 100)
    assert rows[ROWS["authentic"].label][0] == pytest.approx(200 / 3)
    assert rows[ROWS["triad"].label] == (100, 100, 100)
    assert np.isnan(table([chorale(V, I)])[ROWS["authentic"].label]).all()
    with pytest.raises(ValueError, match="at least one chorale"):
        table([])


def test_bach_is_whole(corpus_data) -> None:
    rows = table([piece.chorale for piece in corpus_data.split("train")])
    assert rows[ROWS["triad"].label][0] > 99
    assert rows[ROWS["strong"].label][0] > 99
    assert rows[ROWS["fermata_triads"].label][0] > 98
