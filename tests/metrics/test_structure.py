import numpy as np
import pytest

from lmjax.metrics.structure import (
    ROWS,
    Barred,
    barred,
    harmony,
    melody,
    nearest,
    shuffled,
    table,
)
from lmjax.music.chorale import Bar, Chorale

REST = -1
C, D, E, F, G, A, B = 60, 62, 64, 65, 67, 69, 71


def tune(*bars: tuple[int, ...], lower: tuple[int, int, int] = (REST, REST, REST)) -> Barred:
    """Bars of four quarter notes each in the soprano, above three voices that do not move."""
    soprano = np.repeat(np.ravel(bars), 4)
    return Barred(np.stack([soprano, *(np.full(len(soprano), note) for note in lower)], axis=1))


def random_bars(count: int, seed: int, low: int = 50, high: int = 80) -> np.ndarray:
    """Bars without likeness, int[count, 16, 4]: every voice leaps with every quarter note."""
    pitch = np.random.default_rng(seed).integers(low, high, (count, 4, 4))
    return np.repeat(pitch, 4, axis=1)


def form(letters: str, seed: int = 0) -> Barred:
    """A form such as AABA, of phrases of four bars in which nothing else is alike."""
    phrases = {letter: random_bars(4, [seed, ord(letter)]) for letter in letters}
    return Barred(np.concatenate([phrases[letter] for letter in letters]).reshape(-1, 4))


@pytest.mark.parametrize(("bar", "share"), [
    ((C, D, E, C), 1), ((F, G, A, F), 1),  # transposed by a fourth
    ((C, D, E, F), 0.75), ((D, E, F, D), 0.75),  # by step of the scale: E-F is a semitone
    ((C, B, A, G), 0.25),  # any two notes agree under some transposition
    ((C, C, C, C), 0.5), ((REST, D, E, C), 0.75), ((REST, REST, REST, REST), 0),
])
def test_known_melodies(bar: tuple[int, ...], share: float) -> None:
    likeness = melody(tune((C, D, E, C), bar), span=1)
    assert likeness.tolist() == [[1, share], [share, 1]]


def test_rests_agree_in_any_transposition() -> None:
    likeness = melody(tune((C, REST, E, REST), (D, REST, E, REST), (REST,) * 4), span=1)
    assert likeness[0].tolist() == [1, 0.75, 0.5]
    assert likeness[2, 2] == 1


def test_two_bars_keep_one_transposition() -> None:
    piece = tune((C, D, E, C), (G, G, E, C), (D, E, A, D), (A, A, A, D), (C, D, E, C))
    assert melody(piece, 1)[0, 4] == 1
    assert melody(piece).shape == (4, 4)
    assert melody(piece)[0, 2] == 0.75  # all but E and E, which became A and A


@pytest.mark.parametrize(("lower", "share"), [
    ((67, 64, 48), 1), ((64, 55, 48), 1),  # C major, however it is spaced
    ((69, 65, 53), 1 / 5),  # C among C, E, G, F, A
    ((69, 64, 57), 2 / 4), ((70, 67, 52), 3 / 4), ((66, 70, 73), 0),
])
def test_known_harmonies(lower: tuple[int, int, int], share: float) -> None:
    whole = np.concatenate([tune((72,) * 4, lower=(67, 64, 48)).pitch,
                            tune((72 if share else 66,) * 4, lower=lower).pitch])
    assert harmony(Barred(whole), span=1)[0, 1] == pytest.approx(share)


def test_harmony_is_not_transposed_and_silence_is_silence() -> None:
    chord = np.tile([72, 67, 64, 48], (16, 1))
    likeness = harmony(Barred(np.concatenate([chord, chord + 1, np.full((32, 4), REST)])), 1)
    assert likeness.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_harmony_is_heard_on_the_beat() -> None:
    chord = np.tile([72, 67, 64, 48], (32, 1))
    chord[17:20, 0] = 74  # after the beat
    assert harmony(Barred(chord), 1)[0, 1] == 1
    chord[16, 0] = 74
    assert harmony(Barred(chord), 1)[0, 1] == pytest.approx((3 + 3 / 4) / 4)


def test_upbeat_and_remainder_are_passed_over() -> None:
    bars = random_bars(3, 0, high=60).reshape(-1, 4)
    upbeat = random_bars(1, 1)[0]
    piece = Barred(np.concatenate([upbeat[:4], bars, upbeat[:12]]), 16, 4)
    assert np.array_equal(melody(piece, 1), melody(Barred(bars), 1))
    assert np.array_equal(harmony(piece, 1), harmony(Barred(bars), 1))
    assert melody(Barred(bars, 12), 1).shape == (4, 4)
    assert melody(Barred(bars[:15])).shape == (0, 0)


def test_bars_of_a_chorale() -> None:
    pitch = np.tile([72, 67, 64, 48], (28, 1))
    struck = np.diff(pitch, axis=0, prepend=-1) != 0
    plain = Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 3, 4), Bar(12, 3, 4)))
    assert barred(plain)[1:] == (12, 0)
    upbeat = Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 4, 4, 12), Bar(4, 4, 4)))
    assert barred(upbeat)[1:] == (16, 4)


def test_nearest_is_neither_itself_nor_beside() -> None:
    likeness = np.array([[1, 0.9, 0.2, 0.3], [0.9, 1, 0.8, 0.4],
                         [0.2, 0.8, 1, 0.7], [0.3, 0.4, 0.7, 1]])
    assert nearest(likeness, 1).tolist() == [0.3, 0.4, 0.2, 0.4]
    assert nearest(likeness, 3).tolist() == [0.3, 0.3]  # the inner two overlap all others
    assert len(nearest(np.ones((1, 1)))) == len(nearest(np.ones((0, 0)))) == 0


def test_a_form_is_repetition_and_random_bars_are_none() -> None:
    kept, mixed = (table([form(letters, seed) for seed in range(4)])
                   for letters in ("AABA", "ABCD"))
    for name in ("melody", "harmony"):
        # Of the 15 passages of two bars, the 9 inside the three A are found again.
        assert kept[ROWS[name].label][0] > 70
        assert mixed[ROWS[name].label][0] < 50
        assert kept[ROWS[f"{name}_order"].label][1] > 10
        assert abs(mixed[ROWS[f"{name}_order"].label][0]) < 5


def test_one_chord_is_all_alike_and_loses_nothing() -> None:
    rows = table([tune(*[(C,) * 4] * 8, lower=(55, 52, 48))])
    assert rows[ROWS["melody"].label] == rows[ROWS["harmony"].label] == (100, 100, 100)
    assert rows[ROWS["melody_order"].label] == rows[ROWS["harmony_order"].label] == (0, 0, 0)


def test_shuffling_keeps_the_bars() -> None:
    piece = form("ABCD")._replace(anacrusis=16)
    other = shuffled(piece, np.random.default_rng(0))
    bars, moved = (list(map(bytes, pitch.reshape(15, -1))) for pitch in (
        piece.pitch[16:], other.pitch))
    assert bars != moved and sorted(bars) == sorted(moved)


def test_bach_repeats_his_melodies(corpus_data) -> None:
    rows = table([barred(piece.chorale) for piece in corpus_data.split("valid")])
    assert rows[ROWS["melody"].label][0] > 55
    assert rows[ROWS["melody_order"].label][1] > 4


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="frames, 4"):
        melody(Barred(np.zeros((32, 3))))
    with pytest.raises(ValueError, match="at least one piece"):
        table([])
    assert np.isnan(table([tune((C,) * 4)])[ROWS["melody"].label]).all()
