import numpy as np
import pytest
from music21 import chord, harmony

from lmjax.music.chords import UNIDENTIFIABLE, chord_kind
from lmjax.music.spelling import spell


def kind_of_music21(pitches: list[int], sharps: int) -> str:
    """The kind of the chord as it stands, spelled in the same way."""
    names = []
    for midi in sorted(set(pitches)):
        step, alter, octave = spell(midi, sharps)
        names.append(f"{step}{'#' * alter}{'-' * -alter}{octave}")
    return harmony.chordSymbolFigureFromChord(chord.Chord(names), True)[1] or UNIDENTIFIABLE


@pytest.mark.parametrize(("pitches", "sharps", "kind"), [
    ([72, 67, 64, 48], 0, "major"),
    ([67, 60, 57, 52], 0, "minor-seventh"),
    ([69, 64, 60, 60], 0, "minor"),
    ([65, 62, 59, 55], 0, "dominant-seventh"),
    ([65, 62, 59, 50], 0, "diminished"),
    ([68, 64, 60, 48], 0, "augmented"),
    ([65, 62, 59, 56], 0, "diminished-seventh"),
    ([67, 65, 60, 48], 0, "suspended-fourth"),
    ([67, 60], 0, "power"),
    ([60, 60, 60, 60], 0, "pedal"),
    ([72, 60, 48, 48], 0, UNIDENTIFIABLE),  # octaves
    ([62, 61, 60, 48], 0, UNIDENTIFIABLE),
    ([63, 59, 56], 4, "minor"),  # G sharp, B, D sharp
    ([63, 59, 56], 0, UNIDENTIFIABLE),  # G sharp, B, E flat
])
def test_known_kinds(pitches: list[int], sharps: int, kind: str) -> None:
    assert chord_kind(pitches, sharps) == kind


def test_kinds_are_those_of_music21() -> None:
    generator = np.random.default_rng(0)
    chords = [(generator.integers(36, 80, size).tolist(), int(generator.integers(-7, 8)))
              for size in generator.integers(1, 5, 400)]
    assert [chord_kind(*spelled) for spelled in chords] == [
        kind_of_music21(*spelled) for spelled in chords]
