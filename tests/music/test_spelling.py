import pytest

from lmjax.music.spelling import spell


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
