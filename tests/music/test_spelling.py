import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.spelling import fifths, fifths_of, named, spell


@pytest.mark.parametrize(("midi", "sharps", "name"), [
    (60, 0, ("C", 0, 4)),
    (66, 0, ("F", 1, 4)),
    (68, 0, ("G", 1, 4)),  # the leading tone of A minor
    (63, 0, ("E", -1, 4)),
    (70, 0, ("B", -1, 4)),
    (63, 1, ("D", 1, 4)),  # the leading tone of E minor
    (61, -3, ("D", -1, 4)),
    (59, -3, ("B", 0, 3)),  # the leading tone of C minor
    (65, 6, ("E", 1, 4)),
    (60, 6, ("B", 1, 3)),  # B sharp lies in the octave below
    (59, -6, ("C", -1, 4)),  # C flat in the octave above
    (36, -7, ("C", 0, 2)),
])
def test_known_spellings(midi: int, sharps: int, name: tuple[str, int, int]) -> None:
    assert spell(midi, sharps) == name


def test_every_spelling_sounds_as_asked() -> None:
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    for sharps in range(-7, 8):
        for midi in range(30, 90):
            step, alter, octave = spell(midi, sharps)
            assert 12 * (octave + 1) + semitones[step] + alter == midi
            assert abs(alter) <= 2


@pytest.mark.parametrize(("chords", "sharps", "name"), [
    ([[76, 71, 68, 52], [72, 69, 64, 57]], -1, "G"),  # E major to A minor, in D minor
    ([[72, 68, 65, 53], [70, 67, 64, 48]], -1, "A"),  # F minor to C major, in F major
    ([[REST, REST, 68, REST], [REST] * 4], -1, "A"),  # nothing to go by
    ([[73, 68, 65, 49], [73, 69, 66, 54]], 3, "G"),  # C sharp major to F sharp minor, in A major
])
def test_spellings_in_context(chords: list[list[int]], sharps: int, name: str) -> None:
    pitch = np.repeat(chords, 4, axis=0)
    struck = (np.arange(8)[:, None] % 4 == 0) & (pitch != REST)
    names = fifths_of(Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 2, 4),), sharps))
    frame, voice = np.argwhere(pitch % 12 == 8)[0]
    assert named(68, int(names[frame, voice])).step == name
    sounding = pitch != REST
    assert (names[~sounding] == 0).all()
    assert ((names - fifths(pitch, sharps))[sounding] % 12 == 0).all()
