import jax
import jax.numpy as jnp
import pytest

from lmjax.noise.condition import Condition
from lmjax.noise.schedule import geometric
from lmjax.sampling import langevin, predictors

LADDER = geometric(8.0, 0.05, 24)
SAMPLERS = {
    "langevin": lambda sigmas: langevin.annealed(sigmas, 10, rate=0.2),
    "ancestral": predictors.ancestral,
    "euler": predictors.euler,
    "heun": predictors.heun,
    "consistent": lambda sigmas: predictors.consistent(sigmas, 0.3),
    "corrected": lambda sigmas: langevin.predictor_corrector(sigmas, 2, 0.1),
}


@pytest.fixture(params=SAMPLERS)
def build(request):
    """Each sampler as a function of the ladder."""
    return SAMPLERS[request.param]


@pytest.fixture
def ladder():
    return LADDER


@pytest.fixture
def free():
    """A condition of which nothing is known, by batch, time and voices."""
    return lambda batch, time, voices=1: Condition.free(
        jnp.zeros((batch, time, 1), jnp.int32), voices)


@pytest.fixture
def anything():
    """Laws under which every sequence is legal, by voices and tokens."""
    return lambda voices, size: (
        jnp.ones((voices, size), bool), jnp.ones((voices, size, size), bool))


@pytest.fixture
def keys():
    """B independent keys."""
    return lambda batch, seed=0: jax.random.split(jax.random.key(seed), batch)
