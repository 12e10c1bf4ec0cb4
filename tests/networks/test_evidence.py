import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.evidence import EvidenceNetwork, EvidenceSettings, shifted
from lmjax.noise.embed import NEVER, embed, evidence, factored_table
from lmjax.noise.perturb import perturb

TINY = EvidenceSettings(width=8, frame_width=8, fold=2, layers=1, heads=2, expansion=2, reach=4,
                        offsets=3, level_width=8)
BATCH, TIME = 2, 8


@pytest.fixture(scope="module")
def network(space):
    return EvidenceNetwork(space, TINY, (3, 5))


@pytest.fixture(scope="module")
def table(space):
    return factored_table(space.sound, space.articulation, space.valid, 0.5)


@pytest.fixture(scope="module")
def params(network, space, random_condition):
    start = jnp.zeros((BATCH, TIME, *space.valid.shape))
    fresh = network.init(jax.random.key(0), start, jnp.ones(BATCH), random_condition(BATCH, TIME))
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


def test_without_context_the_logits_are_bayes_rule(network, params, table, space,
                                                   random_condition):
    """Own evidence, and that of the neighbours for what sounds, gated by 1/2."""
    own, sigma = noisy_evidence(table, space)
    logits = network.apply(
        silenced(params, "context", "late_gates"), own, sigma, random_condition(BATCH, TIME))
    own = np.where(space.valid, np.asarray(own, np.float64), -1e9)
    expected = own.copy()
    for voice in range(4):
        for token in np.flatnonzero(space.valid[voice]):
            same = space.valid[voice] & (space.sound[voice] == space.sound[voice, token])
            likelihood = np.exp(own - own.max(-1, keepdims=True))[:, :, voice, same].sum(-1)
            heard = np.log(likelihood + 1e-12)
            for offset in (-3, -2, -1, 1, 2, 3):
                low, high = max(0, -offset), min(TIME, TIME - offset)
                expected[:, low:high, voice, token] += (
                    0.5 * heard[:, low + offset:high + offset])
    expected = np.where(space.valid, expected, NEVER)
    np.testing.assert_allclose(log_share(logits), log_share(expected), rtol=1e-4, atol=1e-3)


def test_a_token_that_a_voice_lacks_is_never_expected(network, params, table, space,
                                                      random_condition):
    own, sigma = noisy_evidence(table, space)
    logits = network.apply(params, own, sigma, random_condition(BATCH, TIME))
    assert (np.asarray(logits)[..., ~space.valid] == NEVER).all()


def test_a_known_cell_is_certain_and_its_noise_unread(network, params, table, space,
                                                      random_condition):
    free = random_condition(BATCH, TIME)
    known = free.known.at[0, 3, 1].set(True).at[1, :, 0].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 2, 0))
    first, sigma = noisy_evidence(table, space, sigma=0.5)
    # Whatever the state says of a known cell, nothing changes anywhere.
    other = jnp.where(known[..., None], noisy_evidence(table, space, 0.5, seed=5)[0], first)
    logits = network.apply(params, first, sigma, condition)
    np.testing.assert_array_equal(logits, network.apply(params, other, sigma, condition))
    assert (np.asarray(jax.nn.softmax(logits))[np.asarray(known)][:, 2] > 0.999).all()


def test_a_known_cell_informs_its_neighbours(network, params, table, space, random_condition):
    free = random_condition(BATCH, TIME)
    known = free.known.at[0, 3, 1].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 3, 0))
    own, sigma = noisy_evidence(table, space, sigma=5.0)
    change = jnp.abs(network.apply(params, own, sigma, condition)
                     - network.apply(params, own, sigma, free)).max((2, 3))
    assert float(change[0, 4]) > 0.1, "the next frame"
    assert float(change[1].max()) == 0, "another example"


def test_what_stands_in_padding_is_not_read(network, params, table, space, random_condition):
    condition = random_condition(BATCH, TIME)
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, tracks=condition.tracks * frames[..., None])
    first, sigma = noisy_evidence(table, space)
    other = jnp.where(frames[..., None, None], first, noisy_evidence(table, space, seed=7)[0])
    one, two = (network.apply(params, e, sigma, condition) for e in (first, other))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1, :5], two[1, :5])


def test_padding_changes_nothing(network, params, table, space, random_condition):
    own, sigma = noisy_evidence(table, space)
    whole = random_condition(BATCH, TIME)
    frames = jnp.broadcast_to(jnp.arange(TIME) < 6, (BATCH, TIME))
    padded = whole._replace(frames=frames, tracks=whole.tracks * frames[..., None])
    short = jax.tree.map(lambda leaf: leaf[:, :6], whole)
    np.testing.assert_allclose(
        network.apply(params, own, sigma, padded)[:, :6],
        network.apply(params, own[:, :6], sigma, short), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("time", [1, 7, 40])
def test_any_length_can_be_read(network, params, table, space, random_condition, time):
    # The last is beyond the reach of the attention's offsets and longer than in `init`.
    own, sigma = noisy_evidence(table, space, time=time)
    logits = network.apply(params, own, sigma, random_condition(BATCH, time))
    assert logits.shape == own.shape
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("sigma", [0.05, 20.0])
def test_gradients_are_finite_at_the_ends(network, params, table, space, random_condition, sigma):
    own, level = noisy_evidence(table, space, sigma)
    condition = random_condition(BATCH, TIME)
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, known=condition.known.at[0, :3].set(True))

    def objective(params, own):
        log_p = log_share(network.apply(params, own, level, condition))
        return -log_p[..., 0].mean()

    for leaf in jax.tree.leaves(jax.grad(objective, (0, 1))(params, own)):
        assert np.isfinite(leaf).all()
