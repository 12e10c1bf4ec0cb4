import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.data.batches import Batches
from lmjax.data.dataset import Piece
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary

VOCABULARY = Vocabulary()
# Three semitones down and four up for a piece on 66, 60, 55 and 45.
RANGES = ((63, 72), (55, 70), (50, 60), (40, 49))


def piece_of(frames, top=66, name=""):
    pitch = np.tile(np.int16([top, 60, 55, 45]), (frames, 1))
    struck = np.repeat(np.arange(frames)[:, None] % 4 == 0, 4, axis=1)
    return Piece(pitch, struck, rhythm.tracks(frames, sharps=0), name)


def batches(pieces, size=8, length=16, vocabulary=VOCABULARY, **options):
    return Batches(pieces, vocabulary, size, length, **options)


def tops(batch):
    """The soprano's pitch, which is one throughout a window."""
    return [int(VOCABULARY.decode(tokens)[0][0, 0]) for tokens in batch.tokens]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), step=st.integers(0, 10**6))
def test_a_batch_is_a_pure_function_of_seed_and_step(seed, step):
    pieces = [piece_of(40, 66), piece_of(60, 65)]
    first, second = (batches(pieces, ranges=RANGES) for _ in range(2))
    wanted = first(seed, step)
    second(seed + 1, step)  # what was drawn before is all the same
    for one, other in zip(wanted, second(seed, step), strict=True):
        np.testing.assert_array_equal(one, other)


def test_seeds_and_steps_differ():
    draw = batches([piece_of(200)], ranges=RANGES)
    drawn = {draw(seed, step).tokens.tobytes() + draw(seed, step).tracks.tobytes()
             for seed in range(5) for step in range(5)}
    assert len(drawn) == 25


def test_shapes():
    batch = batches([piece_of(40)], size=3)(0, 0)
    assert batch.tokens.shape == (3, 16, 4)
    assert batch.tracks.shape == (3, 16, len(rhythm.SIZES))
    assert batch.frames.shape == (3, 16)
    assert batch.frames.all()


@pytest.mark.parametrize("upbeat", [0, 2])
def test_windows_start_on_beats_all_over_the_piece(upbeat):
    piece = piece_of(50)
    beat = 1 + (np.arange(50) - upbeat) % 4
    piece.tracks[:, rhythm.BEAT] = beat
    piece.tracks[:, rhythm.BAR] = 1 + np.arange(50)  # to tell where a window was cut
    batch = batches([piece], size=400)(0, 0)
    begun = set((batch.tracks[:, 0, rhythm.BAR] - 1).tolist())
    # Before an upbeat there is no beat; such a window starts with the piece.
    assert begun == {0, *(t for t in range(50 - 16 + 1) if beat[t] == 1)}


def test_the_beginning_and_the_end_are_seen_often():
    # Of 29 + 8 places, five and what lies over the edge fall to the first beat and to the last.
    batch = batches([piece_of(44)], size=2000)(0, 0)
    places, counts = np.unique(batch.tracks[:, -1, rhythm.END], return_counts=True)
    ends_inside = counts[places > 0].sum() / 2000
    begins_inside = np.mean(batch.tracks[:, 0, rhythm.START] > 0)
    assert abs(begins_inside - (4 + 4) / 37) < 0.04
    assert abs(ends_inside - (1 + 4) / 37) < 0.04


def test_every_transposition_in_range_and_no_other():
    batch = batches([piece_of(40)], size=200, ranges=RANGES)(0, 0)
    assert set(tops(batch)) == {66 + shift for shift in range(-3, 5)}
    shifts = np.array(tops(batch)) - 66
    np.testing.assert_array_equal(batch.tracks[:, 0, rhythm.KEY], 1 + shifts % 12)


def test_without_ranges_nothing_is_transposed():
    assert set(tops(batches([piece_of(40)], size=50)(0, 0))) == {66}


def test_pieces_are_drawn_in_proportion_to_their_lengths():
    batch = batches([piece_of(30, 66), piece_of(90, 70)], size=2000)(0, 0)
    assert abs(tops(batch).count(70) / 2000 - 0.75) < 0.04


def test_a_piece_that_fits_in_no_transposition():
    wide = piece_of(40, 80)  # the soprano must come down by 8, the bass by no more than 5
    both = [piece_of(40), wide]
    kept = tops(batches(both, size=100, ranges=RANGES)(0, 0))
    assert 80 in kept, "as written"
    assert set(kept) - {80} <= set(range(63, 71))
    left_out = batches(both, size=100, ranges=RANGES, keep_outside=False)
    assert [piece for piece, _, _ in left_out.choices] == [both[0]]
    assert 80 not in tops(left_out(0, 0))


def test_a_vocabulary_narrower_than_the_transpositions_is_an_error():
    # The soprano goes up to 70 and the vocabulary to 69.
    narrow = Vocabulary(ranges=((60, 69), (50, 76), (44, 71), (34, 67)))
    with pytest.raises(ValueError, match=r"x would leave the vocabulary's voice ranges"):
        batches([piece_of(40, name="x")], vocabulary=narrow, ranges=RANGES)
    batches([piece_of(40)], vocabulary=narrow)  # as written it fits


def test_no_piece_that_fits_is_an_error():
    with pytest.raises(ValueError, match="no piece is left to train on"):
        batches([piece_of(40, 80)], ranges=RANGES, keep_outside=False)
    with pytest.raises(ValueError, match="no piece is left to train on"):
        batches([])


def test_frames_after_a_short_piece_are_marked():
    batch = batches([piece_of(12)])(0, 0)
    np.testing.assert_array_equal(batch.frames, np.tile(np.arange(16) < 12, (8, 1)))
    assert not batch.tokens[:, 12:].any()


def test_the_padding_token_is_learned_like_any_other():
    padded = Vocabulary("hold", padding=True)
    batch = batches([piece_of(12)], vocabulary=padded)(0, 0)
    assert batch.frames.all()
    assert (batch.tokens[:, 12:] == np.array(padded.sizes) - 1).all()
