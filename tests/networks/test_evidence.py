import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.evidence import EvidenceNetwork, EvidenceSettings, neighbours, shifted
from lmjax.noise.embed import NEVER, embed, evidence, factored_table
from lmjax.noise.perturb import perturb

TINY = EvidenceSettings(channels=2, frame_channels=2, pitch_channels=2, cell_channels=4,
                        local_width=8, fold=2, layers=1, heads=2, expansion=2, reach=4, offsets=3,
                        level_width=8)
BATCH, TIME = 2, 8


@pytest.fixture(scope="module")
def network(space):
    return EvidenceNetwork(space, TINY, (3, 5))


@pytest.fixture(scope="module")
def table(space):
    return factored_table(space.sound, space.articulation, space.valid, 0.5)


@pytest.fixture(scope="module")
def apply(network):
    return jax.jit(network.apply)


@pytest.fixture(scope="module")
def params(network, space, random_condition):
    start = jnp.zeros((BATCH, TIME, *space.valid.shape))
    fresh = jax.jit(network.init)(
        jax.random.key(0), start, jnp.ones(BATCH), random_condition(BATCH, TIME))
    # Away from zeros, so that no part of the network is silent.
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), fresh)


def silenced(params, *names):
    """The parameters with all of the layers `names` zero."""
    inner = {name: jax.tree.map(jnp.zeros_like, layer) if name in names else layer
             for name, layer in params["params"].items()}
    return {"params": inner}


def noisy_evidence(table, space, sigma=1.0, seed=0, time=TIME):
    key = jax.random.key(seed)
    tokens = jax.random.randint(
        key, (BATCH, time, 4), 0, jnp.asarray(space.valid.sum(1)))
    level = jnp.full(BATCH, sigma)
    x, _ = perturb(jax.random.fold_in(key, 1), embed(table, tokens), level)
    return evidence(table, x, level), level


def log_share(logits):
    return jax.nn.log_softmax(logits)


def test_shifted_by_hand():
    x = jnp.arange(1.0, 5.0)[None]
    np.testing.assert_array_equal(shifted(x, 1)[0], [2, 3, 4, 0])
    np.testing.assert_array_equal(shifted(x, -2)[0], [0, 0, 1, 2])
    np.testing.assert_array_equal(shifted(x, 0)[0], [1, 2, 3, 4])


def test_neighbours_are_bayes_rule_for_a_markov_chain():
    """Against the sum over all sequences of a chain of 5 frames and 3 states."""
    time, size = 5, 3
    generator = np.random.default_rng(0)
    likelihood = generator.uniform(0.01, 1.0, (time, size))
    hold = generator.uniform(0.1, 0.9, time)
    fresh = generator.dirichlet(np.ones(size), time)
    posterior = np.zeros((time, size))
    for states in itertools.product(range(size), repeat=time):
        p = fresh[0, states[0]]
        for t in range(1, time):
            p *= hold[t] * (states[t] == states[t - 1]) + (1 - hold[t]) * fresh[t, states[t]]
        p *= np.prod(likelihood[np.arange(time), states])
        posterior[np.arange(time), states] += p
    posterior /= posterior.sum(-1, keepdims=True)
    around = neighbours(*(jnp.asarray(a, jnp.float32)[None, :, None] for a in (
        likelihood, hold[:, None], fresh)))
    found = jax.nn.softmax(around[0, :, 0] + np.log(likelihood))
    np.testing.assert_allclose(found, posterior, rtol=1e-4)


def test_without_context_struck_and_held_are_told_apart_by_their_own_evidence(
        apply, params, table, space, random_condition):
    """Neighbours speak of what sounds, not of how: they move both forms of a pitch alike."""
    own, sigma = noisy_evidence(table, space)
    logits = np.asarray(apply(
        silenced(params, "context"), own, sigma, random_condition(BATCH, TIME)))
    for voice in range(4):
        for struck in range(1, int(space.valid[voice].sum()), 2):
            np.testing.assert_allclose(
                logits[:, :, voice, struck] - logits[:, :, voice, struck + 1],
                own[:, :, voice, struck] - own[:, :, voice, struck + 1], atol=1e-3)


def test_a_token_that_a_voice_lacks_is_never_expected(apply, params, table, space,
                                                      random_condition):
    own, sigma = noisy_evidence(table, space)
    logits = apply(params, own, sigma, random_condition(BATCH, TIME))
    assert (np.asarray(logits)[..., ~space.valid] == NEVER).all()


def test_a_known_cell_is_certain_and_its_noise_unread(apply, params, table, space,
                                                      random_condition):
    free = random_condition(BATCH, TIME)
    known = free.known.at[0, 3, 1].set(True).at[1, :, 0].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 2, 0))
    first, sigma = noisy_evidence(table, space, sigma=0.5)
    # Whatever the state says of a known cell, nothing changes anywhere.
    other = jnp.where(known[..., None], noisy_evidence(table, space, 0.5, seed=5)[0], first)
    logits = apply(params, first, sigma, condition)
    np.testing.assert_array_equal(logits, apply(params, other, sigma, condition))
    assert (np.asarray(jax.nn.softmax(logits))[np.asarray(known)][:, 2] > 0.999).all()


def test_a_known_cell_informs_its_neighbours(apply, params, table, space, random_condition):
    free = random_condition(BATCH, TIME)
    known = free.known.at[0, 3, 1].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 3, 0))
    own, sigma = noisy_evidence(table, space, sigma=5.0)
    change = jnp.abs(apply(params, own, sigma, condition)
                     - apply(params, own, sigma, free)).max((2, 3))
    assert float(change[0, 4]) > 0.1, "the next frame"
    assert float(change[1].max()) == 0, "another example"


def test_what_stands_in_padding_is_not_read(apply, params, table, space, random_condition):
    condition = random_condition(BATCH, TIME)
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, tracks=condition.tracks * frames[..., None])
    first, sigma = noisy_evidence(table, space)
    other = jnp.where(frames[..., None, None], first, noisy_evidence(table, space, seed=7)[0])
    one, two = (apply(params, e, sigma, condition) for e in (first, other))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1, :5], two[1, :5])


def test_padding_changes_nothing(apply, params, table, space, random_condition):
    own, sigma = noisy_evidence(table, space)
    whole = random_condition(BATCH, TIME)
    frames = jnp.broadcast_to(jnp.arange(TIME) < 6, (BATCH, TIME))
    padded = whole._replace(frames=frames, tracks=whole.tracks * frames[..., None])
    short = jax.tree.map(lambda leaf: leaf[:, :6], whole)
    np.testing.assert_allclose(
        log_share(apply(params, own, sigma, padded)[:, :6]),
        log_share(apply(params, own[:, :6], sigma, short)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("time", [1, 7, 40])
def test_any_length_can_be_read(apply, params, table, space, random_condition, time):
    # The last is beyond the reach of the attention's offsets and longer than in `init`.
    own, sigma = noisy_evidence(table, space, time=time)
    logits = apply(params, own, sigma, random_condition(BATCH, time))
    assert logits.shape == own.shape
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("sigma", [0.05, 20.0])
def test_gradients_are_finite_at_the_ends(apply, params, table, space, random_condition, sigma):
    own, level = noisy_evidence(table, space, sigma)
    condition = random_condition(BATCH, TIME)
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, known=condition.known.at[0, :3].set(True))

    def objective(params, own):
        log_p = log_share(apply(params, own, level, condition))
        return -log_p[..., 0].mean()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(objective, (0, 1)))(params, own)):
        assert np.isfinite(leaf).all()
