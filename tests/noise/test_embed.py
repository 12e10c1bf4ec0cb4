import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.music.tokens import HELD, STRUCK, Vocabulary
from lmjax.noise.embed import (
    NEVER,
    coordinates,
    embed,
    evidence,
    factored_table,
    forbid,
    one_hot_table,
    place,
    posterior_mean,
    scaled,
    unit_rows,
)

WORDS = Vocabulary(ranges=((60, 62), (55, 60), (50, 52), (40, 41)))


def test_one_hot_table_puts_each_voice_in_its_own_slice():
    table = one_hot_table((2, 3))
    assert table.shape == (2, 3, 5)
    np.testing.assert_array_equal(table[0], [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0] * 5])
    np.testing.assert_array_equal(embed(table, jnp.array([[[1, 2]]])), [[[0, 1, 0, 0, 1]]])


def test_struck_and_held_share_all_but_one_coordinate():
    table = np.asarray(factored_table(*WORDS.parts, WORDS.valid, 0.5))
    struck, held = table[0, 1], table[0, 2]
    assert (WORDS.parts[1][0, 1], WORDS.parts[1][0, 2]) == (STRUCK, HELD)
    difference = struck - held
    assert np.count_nonzero(difference) == 1 and difference.max() == 1.0
    assert struck @ held == 1 - 0.25
    assert not table[0, 0] @ struck and not table[~WORDS.valid].any()


def test_factored_table_without_articulation_is_one_hot():
    words = Vocabulary(articulation=False, ranges=WORDS.ranges)
    table = factored_table(*words.parts, words.valid, 0.5)
    np.testing.assert_array_equal(table, one_hot_table(words.sizes))


@pytest.mark.parametrize("table", [
    one_hot_table(WORDS.sizes), factored_table(*WORDS.parts, WORDS.valid, 0.7),
    place(unit_rows(jax.random.normal(jax.random.key(3), (4, WORDS.size, 5))))])
@given(seed=st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=10)
def test_clean_state_is_evidence_for_its_own_tokens(table, seed):
    rng = np.random.default_rng(seed)
    tokens = jnp.asarray(rng.integers(0, WORDS.sizes, (2, 3, 4)))
    logits = forbid(evidence(table, embed(table, tokens), jnp.full(2, 0.05)), WORDS.valid)
    np.testing.assert_array_equal(logits.argmax(-1), tokens)


def test_evidence_is_the_gaussian_log_likelihood_up_to_a_constant():
    table = factored_table(*WORDS.parts, WORDS.valid, 0.7)
    x = jax.random.normal(jax.random.key(0), (2, 3, table.shape[-1]))
    sigma = jnp.array([0.3, 4.0])
    width = coordinates(table, jnp.eye(4, dtype=bool)[None])[0]
    for v in range(4):
        slice_ = jnp.where(width[v], x, 0)
        distance = jnp.square(slice_[:, :, None] - table[v]).sum(-1)
        expected = -distance / (2 * sigma[:, None, None] ** 2)
        shared = expected[..., :1]
        got = evidence(table, x, sigma)[:, :, v]
        np.testing.assert_allclose(got - got[..., :1], expected - shared, rtol=1e-4, atol=1e-4)


def test_posterior_mean_of_certainty_is_the_embedding():
    table = factored_table(*WORDS.parts, WORDS.valid, 0.7)
    tokens = jnp.array([[[1, 2, 3, 4], [0, 0, 1, 2]]])
    certain = jax.nn.one_hot(tokens, table.shape[1])
    np.testing.assert_allclose(posterior_mean(table, certain), embed(table, tokens), atol=1e-6)


def test_unit_rows_have_length_one_and_place_keeps_slices_apart():
    rows = unit_rows(5 * jax.random.normal(jax.random.key(0), (3, 4, 2)))
    np.testing.assert_allclose(jnp.linalg.norm(rows, axis=-1), 1, rtol=1e-5)
    table = place(rows)
    assert table.shape == (3, 4, 6)
    np.testing.assert_array_equal(table[1, :, 2:4], rows[1])
    np.testing.assert_array_equal(coordinates(table, jnp.array([[[False, True, False]]])),
                                  [[[False, False, True, True, False, False]]])


def test_forbidden_tokens_get_no_probability():
    p = jax.nn.softmax(forbid(jnp.array([5.0, 0.0]), jnp.array([False, True])))
    np.testing.assert_array_equal(p, [0, 1])
    assert np.isfinite(NEVER)


@pytest.mark.parametrize("table, clean", [
    # Every frame has two ones in five coordinates; or four unit vectors in twenty.
    (one_hot_table((2, 3)), 2 / 5),
    (place(unit_rows(jax.random.normal(jax.random.key(3), (4, 7, 5)))), 4 / 20)])
def test_a_scaled_state_has_one_size_at_every_level(table, clean):
    sigma, x = jnp.array([0.05, 1.0, 20.0]), jnp.ones((3, 2, table.shape[-1]))
    expected = 1 / np.sqrt(np.array([0.0025, 1.0, 400.0]) + clean)
    np.testing.assert_allclose(
        scaled(table, x, sigma), np.broadcast_to(expected[:, None, None], x.shape), rtol=1e-6)
