"""Independent cells, of which the exact denoiser and the likelihood of any piece are known.

For the exact denoiser of a distribution the bound is tight, piece by piece, but for what lies
beyond the ends of the integral.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.data.jsb import piece_of_pitches
from lmjax.metrics import likelihood
from lmjax.music import rhythm
from lmjax.music.chorale import REST
from lmjax.music.tokens import Vocabulary
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import evidence, one_hot_table

VOCABULARY = Vocabulary("sounding", ((60, 61),) * 4, articulation=False)  # rest, 60, 61
P = np.array([[0.1, 0.6, 0.3], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9], [0.5, 0.25, 0.25]])
ENTROPY = -(P * np.log(P)).sum()  # nats per frame
TABLE = one_hot_table(VOCABULARY.sizes)
ALL = range(len(rhythm.SIZES))


def pieces_of(tokens):
    """Pieces with the tokens int[P, T, 4]."""
    return [piece_of_pitches(np.where(t == 0, REST, 59 + t), str(i)) for i, t in enumerate(tokens)]


def drawn(count, frames, seed=0):
    """Tokens int[count, frames, 4] of the distribution."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.choice(3, (count, frames), p=p) for p in P], axis=-1)


def surprise(tokens, p=P):
    """-log p of each piece, float[P]."""
    return -np.log(p[np.arange(4), tokens]).sum((1, 2))


def exact(p):
    """The denoiser of independent cells with probabilities float[V, K]; given cells are given."""
    def denoiser(params):
        def denoise(x, sigma, condition):
            logits = jnp.log(jnp.asarray(p, jnp.float32)) + evidence(TABLE, x, sigma)
            return from_logits(TABLE, logits)
        return denoise
    return denoiser


MEASURE = likelihood.build_measure(exact(P), lambda params: TABLE)


def bound(tokens, measure=MEASURE, length=8, stride=4, draws=8, batch_size=64, ends=(0.03, 30.0),
          seed=0):
    parts = likelihood.parts_of(pieces_of(tokens), VOCABULARY, length, stride, ALL)
    return likelihood.bound(measure, None, parts, P, draws, *ends, batch_size, seed)


@given(st.lists(st.integers(1, 70), min_size=1, max_size=4), st.integers(1, 20), st.data())
@settings(deadline=None)
def test_every_frame_is_new_once_and_what_is_before_is_given(lengths, length, data):
    stride = data.draw(st.integers(1, length))
    tokens = [drawn(1, frames, seed)[0] for seed, frames in enumerate(lengths)]
    parts = likelihood.parts_of(pieces_of(tokens), VOCABULARY, length, stride, ALL)
    done = [0] * len(lengths)
    for piece, window, new, known in parts:
        assert known is None
        count = int(window.frames.sum())
        start = done[piece] - new
        assert 0 <= new < count and start >= 0 and window.frames[:count].all()
        assert new == 0 or count - new <= stride
        assert count == min(length, lengths[piece])
        np.testing.assert_array_equal(window.tokens[:count], tokens[piece][start:start + count])
        done[piece] += count - new
    assert done == lengths


def test_pieces_read_whole_make_one_part_each():
    parts = likelihood.parts_of(pieces_of(drawn(2, 130)), VOCABULARY, 0, 1, ALL)
    assert [(part.piece, part.new, len(part.window.frames), part.window.frames.sum())
            for part in parts] == [(0, 0, 256, 130), (1, 0, 256, 130)]


def test_tracks_that_are_not_given_are_withheld():
    parts = likelihood.parts_of(pieces_of(drawn(1, 8)), VOCABULARY, 8, 4, [rhythm.BEAT])
    tracks = parts[0].window.tracks
    assert tracks[:, rhythm.BEAT].any()
    assert not np.delete(tracks, rhythm.BEAT, axis=1).any()


@pytest.mark.parametrize("length, stride", [(8, 4), (16, 16), (0, 1)])
def test_the_bound_of_the_exact_model_is_the_likelihood(length, stride):
    tokens = drawn(256, 20)
    found = bound(tokens, length=length, stride=stride, draws=64, batch_size=2048)
    assert (found.frames == 20).all()
    gap = (found.nats - surprise(tokens)) / 20
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    assert error < 0.02
    assert abs(gap.mean()) < 4 * error
    # And the mean over pieces is the entropy, within the error the bound states of itself.
    assert abs(found.per_frame - ENTROPY) < 4 * found.error < 0.25
    low, high = found.interval
    assert low < found.per_frame < high
    assert sum(found.terms.values()) == pytest.approx(found.per_frame)
    assert found.terms["integral"] > 0.95 * found.per_frame


def test_given_cells_cost_nothing_and_frames_full_of_them_do_not_count():
    """Two voices given throughout, and all of them in the first five frames."""
    tokens = drawn(256, 20)
    known = np.zeros(tokens.shape[1:], bool)
    known[:, :2] = known[:5] = True
    parts = [part._replace(known=known) for part in likelihood.parts_of(
        pieces_of(tokens), VOCABULARY, 20, 20, ALL)]
    found = likelihood.bound(MEASURE, None, parts, P, 64, 0.03, 30.0, 2048)
    assert (found.frames == 15).all()
    cells = -np.log(P[np.arange(tokens.shape[-1]), tokens])
    gap = (found.nats - (cells * ~known).sum((1, 2))) / 15
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    assert error < 0.02 and abs(gap.mean()) < 4 * error


def test_the_bound_of_another_model_is_its_cross_entropy():
    other = np.roll(P, 1, axis=1)
    tokens = drawn(256, 20)
    measure = likelihood.build_measure(exact(other), lambda params: TABLE)
    found = bound(tokens, measure, draws=64, batch_size=2048)
    gap = (found.nats - surprise(tokens, other)) / 20
    assert abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(gap)) < 0.1
    assert surprise(tokens, other).sum() > 1.2 * surprise(tokens).sum()


def test_the_ends_of_the_integral_do_not_matter():
    # What the integral leaves out, the prior and the reconstruction take over.
    tokens = drawn(128, 20)
    gap = (bound(tokens, ends=(0.3, 4.0), draws=16).nats - surprise(tokens)) / 20
    found = bound(tokens, ends=(0.3, 4.0)).terms
    assert found["prior"] > 0.04 and found["reconstruction"] > 0.02
    # The prior takes four coordinates for Gaussian, which costs a little: the order sigma^-4.
    assert abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(gap)) + 4 / 4.0**4


def test_the_density_integrates_to_the_integral():
    found = bound(drawn(64, 16), draws=16)
    width = found.log_sigma[1] - found.log_sigma[0]
    assert (found.density * width).sum() == pytest.approx(found.terms["integral"], rel=0.05)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_batch_size_changes_nothing(batch_size):
    tokens = drawn(3, 14)
    one, other = bound(tokens, draws=2), bound(tokens, draws=2, batch_size=batch_size)
    np.testing.assert_allclose(one.nats, other.nats, rtol=1e-5)
    np.testing.assert_array_equal(one.frames, other.frames)


def test_the_draws_are_fixed_by_the_seed():
    tokens = drawn(3, 14)
    np.testing.assert_array_equal(bound(tokens).nats, bound(tokens).nats)
    assert (bound(tokens).nats != bound(tokens, seed=1).nats).all()


def ladder_bound(tokens, sigmas, draws=64):
    parts = likelihood.parts_of(pieces_of(tokens), VOCABULARY, 20, 20, ALL)
    return likelihood.ladder_bound(MEASURE, None, parts, P, draws, np.array(sigmas), 2048)


def test_a_fine_ladder_has_the_bound_of_the_model_and_a_coarse_one_a_worse():
    tokens = drawn(128, 20)
    gaps = [(ladder_bound(tokens, np.geomspace(30, 0.03, levels)).nats - surprise(tokens)) / 20
            for levels in (400, 20, 6)]
    fine, middle, coarse = (gap.mean() for gap in gaps)
    assert abs(fine) < 4 * gaps[0].std(ddof=1) / np.sqrt(128) + 0.05
    assert fine + 0.1 < middle < coarse - 0.1


def test_one_rung_costs_what_it_must():
    """At sigma 30 the state says nothing, and the posterior mean is that of the tokens."""
    tokens, sigmas = drawn(16, 20), (30.0, 0.5)
    found = ladder_bound(tokens, sigmas, draws=4)
    error = sum((np.square(np.eye(3)[tokens[..., v]] - P[v])).sum() for v in range(4)) / 320
    expected = error * (1 / sigmas[1] ** 2 - 1 / sigmas[0] ** 2) / 2
    assert found.terms["integral"] == pytest.approx(expected, rel=0.02)
    assert found.terms["prior"] == pytest.approx(error / (2 * 30**2), rel=1e-4)
    # The density is measured at one level alone.
    assert (found.density > 0).sum() == 1 and found.density[-1] > 0
