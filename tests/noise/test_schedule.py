import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.noise.schedule import (
    KINDS,
    SigmaDistribution,
    geometric,
    karras,
    log_logistic,
    ncsnv2_levels,
    ncsnv2_ratio,
    ncsnv2_step,
    stratified_sigma,
)

LADDERS = [
    lambda high, low, n: geometric(high, low, n), lambda high, low, n: karras(high, low, n, 7.0),
    lambda high, low, n: log_logistic(high, low, n, 0.5, 0.8)]


@pytest.mark.parametrize("ladder", LADDERS)
@given(high=st.floats(5, 100), low=st.floats(0.001, 0.1), levels=st.sampled_from([2, 7, 60]))
@settings(deadline=None, max_examples=12)
def test_ladders_descend_from_end_to_end(ladder, high, low, levels):
    sigmas = np.asarray(ladder(high, low, levels))
    assert sigmas.shape == (levels,) and sigmas.dtype == np.float32
    np.testing.assert_allclose(sigmas[[0, -1]], [high, low], rtol=1e-5)
    assert (np.diff(sigmas) < 0).all()


def test_geometric_is_the_papers():
    sigmas = np.asarray(geometric(20, 0.05, 20))
    np.testing.assert_allclose(sigmas[:-1] / sigmas[1:], 400 ** (1 / 19), rtol=1e-5)


def test_karras_halfway():
    assert np.isclose(karras(4.0, 1.0, 3, rho=2.0)[1], 1.5**2)


def test_logistic_ladder_is_densest_at_its_centre():
    gaps = -np.diff(np.log(np.asarray(log_logistic(20, 0.02, 41, 0.5, 0.6))))
    closest = np.log(np.asarray(log_logistic(20, 0.02, 41, 0.5, 0.6)))[gaps.argmin()]
    assert abs(closest - np.log(0.5)) < 0.1


def test_ncsnv2_rules_give_the_published_numbers():
    # Song & Ermon 2020, CIFAR-10: 232 levels from 50 to 0.01, epsilon 6.2e-6 with 5 steps each.
    assert ncsnv2_levels(3072, 50, 0.01) == pytest.approx(232, rel=0.06)
    assert ncsnv2_step(5000 ** (1 / 231), 0.01, 5) == pytest.approx(6.2e-6, rel=0.01)


def test_ncsnv2_ratio_needs_dimensions():
    assert ncsnv2_ratio(5) > ncsnv2_ratio(50) > ncsnv2_ratio(20_000) > 1
    with pytest.raises(ValueError, match="5 dimensions"):
        ncsnv2_ratio(4)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_the_density(kind):
    distribution = SigmaDistribution(kind, 0.05, 20.0, 400, 0.5, 0.7)
    log_sigma = np.log(np.asarray(distribution.sample(jax.random.key(0), 40_000)))
    edges = np.linspace(np.log(0.05), np.log(20.0), 21)
    share = np.histogram(log_sigma, edges)[0] / len(log_sigma)
    fine = np.linspace(edges[0], edges[-1], 4001)
    density = np.asarray(distribution.density(jnp.exp(jnp.asarray(fine))))
    mass = (density[1:] + density[:-1]).reshape(20, -1).sum(1) / 2 * (fine[1] - fine[0])
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    # Stratified: far closer than the 4e-3 of independent draws; discrete rungs straddle edges.
    np.testing.assert_allclose(share, mass, atol=3e-3 if kind == "discrete" else 5e-4)


def test_discrete_draws_are_rungs():
    ladder = np.asarray(geometric(20, 0.05, 5))
    drawn = np.asarray(SigmaDistribution("discrete", levels=5).sample(jax.random.key(1), 50))
    counts = np.isclose(drawn[:, None], ladder, rtol=1e-4).sum(0)
    np.testing.assert_array_equal(counts, 10)


def test_one_sigma_for_the_whole_batch():
    drawn = SigmaDistribution().sample(jax.random.key(0), 8, per="batch")
    assert drawn.shape == (8,) and len(set(drawn.tolist())) == 1
    with pytest.raises(ValueError, match="'example' or 'batch'"):
        SigmaDistribution().sample(jax.random.key(0), 8, per="piece")


def test_strata_are_each_hit_once():
    u = stratified_sigma(jax.random.key(0), 16, lambda u: u)
    np.testing.assert_array_equal(np.sort(np.floor(np.asarray(u) * 16)), np.arange(16))


@pytest.mark.parametrize("wrong, said", [
    ({"kind": "cosine"}, "cosine"), ({"sigma_min": 30.0}, "exceed"), ({"levels": 1}, "2 levels"),
    ({"spread": 0.0}, "positive")])
def test_wrong_settings_are_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        SigmaDistribution(**wrong)
