import jax
import jax.numpy as jnp
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition


def space_of(vocabulary):
    sound, articulation = vocabulary.parts
    return TokenSpace(vocabulary.valid, sound, articulation, vocabulary.pitches)


@pytest.fixture(scope="session")
def space():
    """Rest and two or three pitches, each struck or held."""
    return space_of(Vocabulary(ranges=((60, 62), (60, 61), (48, 49), (36, 38))))


@pytest.fixture(scope="session")
def hold_space():
    return space_of(Vocabulary("hold", ranges=((60, 62), (60, 61), (48, 49), (36, 38))))


@pytest.fixture(scope="session")
def random_condition():
    """Random tracks [B, T, 2] of 3 and 5 values, nothing known."""
    def make(batch, time, seed=0):
        keys = jax.random.split(jax.random.key(seed))
        tracks = [jax.random.randint(keys[i], (batch, time), 0, n) for i, n in enumerate((3, 5))]
        return Condition.free(jnp.stack(tracks, axis=-1))
    return make
