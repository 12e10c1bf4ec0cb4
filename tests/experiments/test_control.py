import numpy as np
import pytest

from experiments.control import held_out
from lmjax.music.chorale import Bar, Chorale

FRAMES = 48


def chorale(seed=0):
    generator = np.random.default_rng(seed)
    steps = generator.integers(-1, 2, (FRAMES // 4, 4))
    pitch = np.repeat(np.array([70, 63, 58, 50]) + steps, 4, axis=0).astype(np.int16)
    struck = np.zeros(pitch.shape, bool)
    struck[::4] = True
    return Chorale(pitch, struck, np.zeros_like(struck),
                   tuple(Bar(start, 4, 4) for start in range(0, FRAMES, 16)))


def test_what_is_kept():
    one = chorale()
    for condition, voices in (("soprano given", [0]), ("bass given", [3]),
                              ("soprano and bass given", [0, 3])):
        known = held_out.kept_of(one, condition).known
        assert np.flatnonzero(known.all(axis=0)).tolist() == voices
        assert known.any(axis=0).sum() == len(voices)
    known = held_out.kept_of(one, held_out.MIDDLE).known
    assert not known[16:32].any() and known[:16].all() and known[32:].all()


def test_agreement_counts_what_was_composed():
    one = chorale()
    known = held_out.kept_of(one, "soprano given").known
    assert held_out.agreement(one, one, known) == {
        "soprano": (0, 0), "alto": (48, 48), "tenor": (48, 48), "bass": (48, 48),
        "chords": (12, 12)}
    pitch = one.pitch.copy()
    pitch[:12, 3] += 1
    struck = one.struck | (np.diff(pitch, axis=0, prepend=np.int16(-1)) != 0)
    other = Chorale(pitch, struck, one.fermata, one.bars)
    found = held_out.agreement(other, one, known)
    assert found["bass"] == (36, 48) and found["alto"] == (48, 48)
    assert found["chords"][0] in (9, 10, 11)  # the same classes may sound in other voices


@pytest.mark.usefixtures("quick_to_compile")
def test_a_table(composer):
    table = held_out.complete(composer, [chorale(0), chorale(1)], "soprano and bass given",
                              progress=False)
    assert set(table) == {row.label for row in held_out.ROWS.values()}
    assert np.isnan(table[held_out.ROWS["soprano"].label][0])
    assert 0 <= table[held_out.ROWS["alto"].label][0] <= 100
