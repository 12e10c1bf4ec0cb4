import dataclasses
import time
from collections import Counter

import numpy as np
import pytest

from lmjax.metrics import distances
from lmjax.metrics.features import merge_repeats
from lmjax.metrics.grade import (
    TERMS,
    Grade,
    Reference,
    Ungradable,
    Ungraded,
    grade,
    grades,
    length_wasserstein,
    rank_wasserstein,
    summary,
    totals,
)
from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.corpus import hymn_titles

# I - IV - V - I in C major, twice, with another chord between; and i - iv - V - i in A minor.
CADENCE = [(72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48)]
MAJOR = [*CADENCE, (77, 76, 57, 50), *CADENCE]
MINOR = [(69, 64, 60, 57), (69, 65, 62, 50), (68, 64, 59, 52), (69, 64, 60, 57)] * 2


def chorale(chords: list[tuple[int, ...]], frames: int = 4) -> Chorale:
    """Chords of equal length, all voices struck in each."""
    pitch = np.repeat(chords, frames, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[::frames] = pitch[::frames] != REST
    return Chorale(pitch, struck, np.zeros(pitch.shape, bool), (Bar(0, 4, 4),))


def shuffled(piece: Chorale, seed: int) -> Chorale:
    """The frames in another order."""
    pitch = np.random.default_rng(seed).permutation(piece.pitch)
    changed = np.concatenate([[[True] * 4], pitch[1:] != pitch[:-1]])
    return Chorale(pitch, changed & (pitch != REST), np.zeros(pitch.shape, bool), piece.bars)


def test_rank_wasserstein_by_hand():
    reference = Counter({"a": 3, "b": 1})
    assert rank_wasserstein(Counter("aaab"), reference) == 0
    assert rank_wasserstein(Counter("b"), reference) == pytest.approx(0.75)
    assert rank_wasserstein(Counter("ab"), reference) == pytest.approx(0.25)
    # Places a, b, then what the reference lacks, the rarest first: y, x. The shares of the piece
    # are 0, 0, 1/3, 2/3, summed 0, 0, 1/3; the reference's summed 3/4, 1, 1.
    assert rank_wasserstein(Counter("xxy"), reference) == pytest.approx(3 / 4 + 1 + 2 / 3)
    # The reference's frequencies alone decide its order.
    assert rank_wasserstein(Counter("bbb"), Counter("abb")) == pytest.approx(1 / 3)


def test_lengths_by_hand():
    assert length_wasserstein(Counter([10]), Counter([4])) == pytest.approx(6)
    assert length_wasserstein(Counter([4, 8]), Counter([4, 4, 4, 8])) == pytest.approx(1)
    assert length_wasserstein(Counter([2, 20]), Counter([20, 2, 2, 20])) == 0


@pytest.mark.parametrize("measure", [rank_wasserstein, length_wasserstein])
def test_nothing_has_no_distance(measure):
    with pytest.raises(ValueError, match="both sides"):
        measure(Counter(), Counter([1]))
    with pytest.raises(ValueError, match="both sides"):
        measure(Counter([1]), Counter())


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("chords", [MAJOR, MINOR])
def test_a_piece_is_like_itself(chords, merged):
    piece = chorale(chords)
    result = grade(piece, Reference.of([piece], merged=merged))
    assert set(result.terms) == set(TERMS) and len(TERMS) == 9
    assert result.total == pytest.approx(0, abs=1e-9)
    assert result.parallels_per_note == 0


def test_the_reference_sums_counts():
    # A piece of eighths twice as long: 2 x 36 eighths beside 36 quarters.
    reference = Reference.of([chorale(MAJOR), chorale(MAJOR * 2, 2)], merged=False)
    assert reference.histograms["rhythm", ""] == {2: 72, 4: 36}
    assert grade(chorale(MAJOR), reference).terms["rhythm"] == pytest.approx(2 / 3)


def test_modes_have_their_own_histograms():
    both = Reference.of([chorale(MAJOR), chorale(MINOR)], merged=False)
    terms = grade(chorale(MINOR), both).terms
    assert terms["note"] == terms["harmonic_quality"] == terms["tenor_interval"] == 0
    assert terms["repeated_sequence"] > 0  # of both together


def test_the_parallel_term():
    notes = 4 * (len(MAJOR) + 1)
    reference = Reference.of([chorale(MAJOR)], merged=False)
    octave = chorale([*MAJOR, (74, 67, 65, 50)])  # soprano and bass from C to D
    result = grade(octave, reference)
    assert result.parallels_per_note == pytest.approx(1 / notes)
    assert result.terms["parallel_error"] == pytest.approx(0.744 / notes / 0.0016033)
    both = grade(chorale([*MAJOR, (74, 69, 65, 50)]), reference)  # and alto and bass a fifth
    assert both.parallels_per_note == pytest.approx(2 / notes)
    assert both.terms["parallel_error"] == pytest.approx((0.5 - 0.256) * 2 / notes / 0.0016033)


def test_the_representation_is_that_of_the_reference():
    struck, merged = chorale(MAJOR), merge_repeats(chorale(MAJOR))
    assert struck != merged
    joined = Reference.of([chorale(MINOR), struck], merged=True)
    assert grade(struck, joined) == grade(merged, joined)
    apart = Reference.of([chorale(MINOR), struck], merged=False)
    assert grade(struck, apart).terms["rhythm"] == 0 < grade(merged, apart).terms["rhythm"]


@pytest.mark.parametrize("semitones", [-2, 1, 6])
def test_the_key_does_not_matter(semitones):
    reference = Reference.of([chorale(MAJOR), chorale(MINOR)], merged=False)
    for piece in (chorale(MAJOR[2:]), chorale(MINOR[1:])):
        moved = dataclasses.replace(piece, pitch=piece.pitch + semitones)
        assert grade(moved, reference) == grade(piece, reference)


@pytest.mark.parametrize(("chords", "reason"), [
    ([(REST,) * 4] * 4, "piece.*harmonic_quality"),
    (CADENCE, "piece.*repeated_sequence"),
    ([(72, REST, 64, 48), (72, REST, 65, 53), (71, REST, 62, 55)] * 2, "piece.*alto_interval"),
    (MINOR, "reference.*note in minor"),
])
def test_what_cannot_be_graded_says_why(chords, reason):
    reference = Reference.of([chorale(MAJOR)], merged=False)
    with pytest.raises(Ungradable, match=reason):
        grade(chorale(chords), reference)
    first, second = grades([chorale(chords), chorale(MAJOR)], reference)
    assert isinstance(first, Ungraded) and isinstance(second, Grade)
    found = summary([first, second])
    assert found == (0, 0, 0, 1, (first.reason,))
    assert totals([first, second]).tolist() == [0]


def test_summary():
    results = [Grade({"note": float(value)}, 0.0) for value in (9, 1, 2, 3, 4)]
    found = summary(results)
    assert found.median == 3 and found.graded == 5 and found.ungraded == ()
    assert 1 <= found.low < 3 < found.high <= 9
    none = summary([Ungraded("silent")])
    assert np.isnan(none[:3]).all() and none.graded == 0 and none.ungraded == ("silent",)


def test_a_reference_needs_pieces():
    with pytest.raises(ValueError, match="at least one"):
        Reference.of([], merged=False)


def test_bach_is_graded_as_published(corpus_data):
    # Fang et al. graded the printed collection with itself for reference: median 4.91.
    collection = [piece.chorale for split in corpus_data.splits.values() for piece in split
                  if piece.name in hymn_titles()][::3]
    found = summary(grades(collection, Reference.of(collection, merged=False)))
    assert found.graded == len(collection) > 100
    assert found.median == pytest.approx(4.91, abs=0.4)


def test_shuffled_bach_is_no_bach(corpus_data):
    train, valid = ([piece.chorale for piece in corpus_data.split(split)]
                    for split in ("train", "valid"))
    reference = Reference.of(train[::4], merged=False)
    began = time.process_time()
    bach = grades(valid, reference)
    assert (time.process_time() - began) / len(valid) < 0.3
    mock = grades([shuffled(piece, seed) for seed, piece in enumerate(valid)], reference)
    assert summary(bach).graded == summary(mock).graded == len(valid)
    assert summary(mock).median > 2 * summary(bach).median
    assert distances.auc(totals(mock), totals(bach))[0] > 0.98
