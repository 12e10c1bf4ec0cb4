import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import embed, evidence, one_hot_table
from lmjax.noise.schedule import geometric
from lmjax.sampling import chain, constraints, langevin, predictors

PAIR = one_hot_table((2,))
TABLE = one_hot_table((3, 4))
TIME = 6


def coin(x, sigma, condition):
    """The exact model of a token that is 0 in 7 draws of 10."""
    return from_logits(PAIR, jnp.log(jnp.array([0.7, 0.3])) + evidence(PAIR, x, sigma))


def network(x, sigma, condition):
    """Some model in which every cell's logits depend on the whole state."""
    weights = jax.random.normal(jax.random.key(7), (x[0].size, TIME * 2 * 4)) / 5
    context = jnp.tanh(x.reshape(len(x), -1) / (1 + sigma[:, None])) @ weights
    exists = (TABLE != 0).any(-1)
    logits = context.reshape(len(x), TIME, 2, 4) + evidence(TABLE, x, sigma)
    return from_logits(TABLE, jnp.where(exists, logits, -1e9))


@pytest.mark.parametrize("sampler", [
    langevin.annealed(geometric(3, 0.1, 20), 120, rate=0.05),
    predictors.ancestral(geometric(8, 0.1, 200)),
    predictors.euler(geometric(8, 0.1, 200)),
    predictors.heun(geometric(8, 0.1, 60)),
    predictors.consistent(geometric(8, 0.1, 200), 0.03),
    langevin.predictor_corrector(geometric(8, 0.1, 100), 1, 0.05)])
def test_frequencies_of_a_mixture_are_recovered(sampler, free, anything, keys):
    batch = 4000
    sampled = jax.jit(lambda keys: chain.sample(
        keys, coin, sampler, free(batch, 1), jnp.array([0.7, 0.3]), anything(1, 2)))(keys(batch))
    share = float((sampled.tokens == 0).mean())
    assert abs(share - 0.7) < 4 * np.sqrt(0.7 * 0.3 / batch)


def langevin_share(levels, steps, rate, chains):
    """The share of token 0 by Langevin dynamics written afresh, along the line between the two.

    Its steps are those of Euler and Maruyama."""
    rng = np.random.default_rng(1)
    log_odds = np.log(0.7 / 0.3)
    along = 0.4 + np.sqrt(2) * levels[0] * rng.normal(size=chains)
    for sigma in np.repeat(levels, steps):
        alpha = rate * sigma**2
        score = (np.tanh((log_odds + along / sigma**2) / 2) - along) / sigma**2
        along = along + alpha * score + np.sqrt(2 * alpha) * np.sqrt(2) * rng.normal(size=chains)
    return (log_odds + along / levels[-1] ** 2 > 0).mean()


def test_hasty_langevin_misses_frequencies_by_as_much_as_it_must(free, anything, keys):
    """Cooled in few steps the chain lags behind its level, and settles the odds while too hot."""
    batch, levels = 10_000, geometric(8, 0.1, 40)
    shares = []
    for steps in (10, 40):
        sampler = langevin.annealed(levels, steps, 0.05, "euler_maruyama")
        sampled = jax.jit(lambda keys, sampler=sampler: chain.sample(
            keys, coin, sampler, free(batch, 1), jnp.array([0.7, 0.3]), anything(1, 2)))(
                keys(batch))
        shares.append(float((sampled.tokens == 0).mean()))
        expected = langevin_share(np.float64(levels), steps, 0.05, 2 * batch)
        error = np.sqrt(0.7 * 0.3 / batch * (1 + 1 / 2))
        assert abs(shares[-1] - expected) < 4 * error
    hasty, patient = shares
    assert 0.7 - hasty > 4 * np.sqrt(0.7 * 0.3 / batch)
    assert abs(0.7 - patient) < (0.7 - hasty) / 2


def test_sample_is_independent_of_its_batch(build, ladder, free, anything, keys):
    sampler, centre, legal = build(ladder), jnp.full(7, 0.3), anything(2, 4)

    @jax.jit
    def sample(keys):
        return chain.sample(
            keys, network, sampler, free(len(keys), TIME, 2), centre, legal)

    together, alone = sample(keys(5)), sample(keys(5)[3:4])
    np.testing.assert_array_equal(together.tokens[3], alone.tokens[0])
    np.testing.assert_allclose(together.x[3], alone.x[0], atol=1e-3)
    assert len(np.unique(np.asarray(together.x), axis=0)) == 5


def test_known_cells_and_forbidden_tokens_are_held_exactly(build, ladder, free, anything, keys):
    batch, rng = 8, np.random.default_rng(0)
    tokens = jnp.asarray(rng.integers(0, (3, 4), (batch, TIME, 2)))
    known = jnp.asarray(rng.random(tokens.shape) < 0.3)
    allowed = jnp.asarray(rng.random((*tokens.shape, 4)) < 0.5) | jax.nn.one_hot(
        tokens, 4, dtype=bool)
    condition = free(batch, TIME, 2)._replace(
        known=known, tokens=jnp.where(known, tokens, 0), allowed=allowed)
    seen = []

    def watched(x, sigma, condition):
        denoised = constraints.hold(network, TABLE)(x, sigma, condition)
        p = jax.nn.softmax(denoised.logits)
        seen.append((jnp.where(allowed, 0, p).max(),))
        return denoised

    sampled = chain.sample(
        keys(batch), watched, build(ladder), condition, jnp.full(7, 0.3), anything(2, 4))
    out = np.asarray(sampled.tokens)
    np.testing.assert_array_equal(out[known], tokens[known])
    assert np.take_along_axis(np.asarray(allowed), out[..., None], -1).all()
    assert float(seen[-1][0]) == 0
    assert (out[~np.asarray(known)] != np.asarray(tokens)[~np.asarray(known)]).any()


def test_restriction_holds_at_every_noise_level(free):
    x = 30 * jax.random.normal(jax.random.key(0), (2, TIME, 7))
    allowed = jnp.zeros((2, TIME, 2, 4), bool).at[..., 1].set(True)
    only = constraints.hold(network, TABLE)
    expected = embed(TABLE, jnp.ones((2, TIME, 2), jnp.int32))
    for sigma in (0.01, 1.0, 30.0):
        denoised = only(x, jnp.full(2, sigma), free(2, TIME, 2)._replace(allowed=allowed))
        np.testing.assert_array_equal(denoised.mean, expected)


def test_replace_known_shows_the_model_noised_truth(ladder, free, keys):
    batch = 500
    tokens = jnp.ones((batch, TIME, 2), jnp.int32)
    known = jnp.zeros(tokens.shape, bool).at[:, 2, 1].set(True)
    condition = free(batch, TIME, 2)._replace(known=known, tokens=jnp.where(known, tokens, 0))
    sampler = constraints.replace_known(predictors.euler(ladder), TABLE, condition)
    row = chain.Plan(*(column[5] for column in sampler.plan))
    shown = []

    def ask(x, sigma):
        shown.append(x)
        return network(x, jnp.full(batch, sigma), condition)

    sampler.step(ask, keys(batch), jnp.full((batch, TIME, 7), 77.0), row)
    soprano, bass = shown[0][:, 2, :3], shown[0][:, 2, 3:]
    assert (soprano == 77).all() and (shown[0][:, 3] == 77).all()
    z = np.asarray((bass - TABLE[1, 1, 3:]) / row.sigma)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)


def test_padding_comes_out_empty(ladder, free, anything, keys):
    frames = jnp.arange(TIME) < jnp.array([[TIME], [2]])
    condition = free(2, TIME, 2)._replace(frames=frames)
    sampled = chain.sample(keys(2), network, predictors.euler(ladder), condition,
                           jnp.full(7, 0.3), anything(2, 4))
    assert not sampled.tokens[1, 2:].any() and sampled.tokens[0, 2:].any()
    assert sampled.diagnostics.step_norm[0, 1] < sampled.diagnostics.step_norm[0, 0]


def test_entropy_and_changes_of_a_known_posterior(free, keys):
    def fixed(x, sigma, condition):
        late = sigma[0] < 1.5
        logits = jnp.log(jnp.where(late, jnp.array([0.2, 0.8]), jnp.array([0.5, 0.5])))
        return from_logits(PAIR, jnp.broadcast_to(logits, (1, TIME, 1, 2)))

    sampler = predictors.euler(jnp.array([3.0, 2.0, 1.0, 0.5]))
    _, info = chain.run(keys(1), fixed, sampler, jnp.zeros((1, TIME, 2)), free(1, TIME))
    spread = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    np.testing.assert_allclose(info.entropy[:, 0], [np.log(2), np.log(2), spread], rtol=1e-5)
    np.testing.assert_array_equal(info.changed[:, 0], [1, 0, 1])


def test_starts(keys):
    centre = jnp.array([5.0, -5.0])
    normal = np.asarray(chain.initial(keys(400), 10, centre, 2.0))
    np.testing.assert_allclose(normal.mean((0, 1)), centre, atol=4 * 2 / np.sqrt(4000))
    assert abs(normal.std(axis=(0, 1)) / 2 - 1).max() < 4 / np.sqrt(2 * 4000)
    uniform = np.asarray(chain.initial(keys(400), 10, centre, 2.0, "uniform"))
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 4 * np.sqrt(1 / 12 / uniform.size)
    with pytest.raises(ValueError, match="gamma"):
        chain.initial(keys(1), 1, centre, 1.0, "gamma")


def test_variations_keep_the_more_the_less_they_are_noised(free, anything, keys):
    """From little noise the given tokens come back; from much, what was given is forgotten."""
    batch = 2000
    given = embed(PAIR, jnp.ones((batch, 1, 1), jnp.int32))
    shares = []
    for sigma in (0.2, 1.0, 30.0):
        sampler = predictors.ancestral(geometric(sigma, 0.1, 60))
        varied = jax.jit(lambda keys, sampler=sampler: chain.vary(
            keys, coin, sampler, given, free(batch, 1), anything(1, 2)))(keys(batch))
        shares.append(float((varied.tokens == 1).mean()))
    assert shares[0] > 0.99
    assert 0.4 < shares[1] < 0.9
    assert abs(shares[2] - 0.3) < 4 * np.sqrt(0.7 * 0.3 / batch)
