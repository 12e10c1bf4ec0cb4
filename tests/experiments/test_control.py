import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.control import dial, held_out, informing, seams, wishes
from lmjax.metrics.grade import Reference
from lmjax.music.chorale import Bar, Chorale
from lmjax.sampling.gibbs import GibbsSettings

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


def test_a_table(composer):
    chorales = [chorale(0), chorale(1)]
    table = held_out.complete(composer, chorales, "soprano and bass given",
                              Reference.of(chorales, merged=True), progress=False)
    assert set(table) == {row.label for row in (*held_out.ROWS.values(), held_out.GRADE)}
    assert np.isnan(table[held_out.ROWS["soprano"].label][0])
    assert 0 <= table[held_out.ROWS["alto"].label][0] <= 100


def test_bachs_own_answer_given_all_but_one_voice_is_likelier_than_given_one(composer):
    """Of an untrained model, a cell costs the same everywhere: so a frame costs by its cells."""
    chorales = [chorale(0), chorale(1)]
    most, _, _ = held_out.surprise(composer, chorales, "soprano given", progress=False)
    fewest, _, _ = held_out.surprise(composer, chorales, "soprano and bass given", progress=False)
    assert 0 < fewest < most


def test_what_is_asked_for_comparison_is_true_of_bach():
    one = chorale()
    for condition in informing.CONDITIONS[:2]:
        request = informing.asked_of(one, condition).request
        assert not request.broken(one.pitch, one.struck).any()
    low = informing.asked_of(one, informing.CONDITIONS[2]).request
    assert np.flatnonzero(low.broken(one.pitch, one.struck).any(axis=0)).tolist() == [3]


def test_informed_and_clamped_answers(composer):
    """All hold what is asked (asserted inside); the deaf network makes others."""
    chorales = [chorale(0), chorale(1)]
    reference = Reference.of(chorales, merged=True)
    for condition, ways in ((informing.CONDITIONS[0], 3), (informing.CONDITIONS[1], 2)):
        made = informing.compare(composer, chorales, reference, condition, 0, progress=False)
        assert len(made) == ways
        labels = {row.label for row in (*held_out.ROWS.values(), held_out.GRADE)}
        assert all(set(column) == labels for column in made.values())


def test_wishes_one_by_one(composer, tmp_path):
    found = {wish: wishes.measure(composer, wish, weights, 2, 16, 0, progress=False)
             for wish, weights in (("temperature", (1.0, 0.5)), ("form", (1.0, 2.0)))}
    assert list(found["temperature"]) == [1.0, 0.5]
    # Neither does a weight of 1: the first columns are the same music.
    np.testing.assert_array_equal(*(list(next(iter(columns.values())).values())
                                    for columns in found.values()))
    text = wishes.markdown(found)
    assert "**temperature**" in text and wishes.OBEDIENCE["motion"].label in text
    wishes.plot(found, tmp_path / "wishes.png")
    assert (tmp_path / "wishes.png").read_bytes().startswith(b"\x89PNG")


def test_places_of_borders():
    for at_once, border in ((False, 256), (True, 192)):
        borders, others = seams.places(384, 256, at_once)
        assert borders == [border]
        assert others and all(frame % 64 == 0 and abs(frame - border) >= 32 for frame in others)
        assert seams.places(128, 256, at_once)[0] == []


def test_borders_beside_other_places(composer):
    settings = composer.settings
    wider = dataclasses.replace(composer, settings=dataclasses.replace(
        settings, compose=dataclasses.replace(settings.compose, window=64)))
    table = seams.compare(wider, 8, 2, 0, progress=False)
    assert set(table) == {"around borders", "elsewhere"}
    with pytest.raises(ValueError, match="1 bars fit into one window of 16 sixteenths"):
        seams.compare(composer, 1, 2, 0, progress=False)
    with pytest.raises(ValueError, match="6 bars have no places that are as far into four bars"):
        seams.compare(wider, 6, 2, 0, progress=False)


def test_what_is_counted_of_liveliness():
    one = chorale()
    counts = wishes.counts_of(one.pitch, one.struck)
    assert counts["attacks"] == (48.0, 48.0)
    assert counts["motion"] == (np.abs(np.diff(one.pitch.astype(int), axis=0)).sum(), 48.0)


def test_the_dial(composer):
    windows = [chorale(0), chorale(1)]
    least, most = (dial.vary(composer, windows, level, 0) for level in (0.151, 4.0))
    changed = dial.CHANGED.label
    assert least[changed][0] < 2 < 50 < most[changed][0]
    with pytest.raises(ValueError, match="only score models come back"):
        dial.vary(SimpleNamespace(settings=SimpleNamespace(sampler=GibbsSettings())), windows,
                  1.0, 0)
