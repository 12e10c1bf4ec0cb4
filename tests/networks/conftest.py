import jax
import jax.numpy as jnp
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition

RANGES = ((60, 62), (60, 61), (48, 49), (36, 38))


@pytest.fixture(scope="session")
def space_of():
    """The tables of a vocabulary."""
    def make(vocabulary):
        return TokenSpace(vocabulary.valid, *vocabulary.parts, vocabulary.pitches)
    return make


@pytest.fixture(scope="session")
def space(space_of):
    """Rest and two or three pitches, each struck or held."""
    return space_of(Vocabulary(ranges=RANGES))


@pytest.fixture(scope="session")
def hold_ranges():
    """The ranges of `hold_space`, and of `space`."""
    return RANGES


@pytest.fixture(scope="session")
def hold_space(space_of):
    """Hold, rest and two or three pitches."""
    return space_of(Vocabulary("hold", ranges=RANGES))


@pytest.fixture(scope="session")
def random_condition():
    """Random tracks [B, T, C], of 3 and 5 values unless others are named, nothing known."""
    def make(batch, time, seed=0, sizes=(3, 5)):
        keys = jax.random.split(jax.random.key(seed), len(sizes))
        tracks = [jax.random.randint(keys[i], (batch, time), 0, n) for i, n in enumerate(sizes)]
        return Condition.free(jnp.stack(tracks, axis=-1))
    return make
