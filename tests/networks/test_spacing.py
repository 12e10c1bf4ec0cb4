"""What voices hear of one another's heights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.spacing import GAIN, Spacing

RANGES, FRAMES = ((64, 70), (62, 67), (55, 64), (48, 60)), 2
LOWEST, PITCHES = 48, 23


@pytest.fixture(scope="module")
def spacing(space_of):
    return Spacing(space_of(Vocabulary(ranges=RANGES)))


@pytest.fixture(scope="module")
def apply(spacing):
    return jax.jit(spacing.apply)


@pytest.fixture(scope="module")
def params():
    generator = np.random.default_rng(0)
    return {"table": generator.normal(0, 0.2, (4, 4, 2 * PITCHES - 1)) / GAIN}


@pytest.fixture(scope="module")
def posterior():
    """Each voice's first sound is a rest; sounds above its range do not exist."""
    generator = np.random.default_rng(1)
    shares = np.zeros((1, FRAMES, 4, 1 + max(high - low + 1 for low, high in RANGES)))
    for voice, (low, high) in enumerate(RANGES):
        shares[:, :, voice, :high - low + 2] = generator.dirichlet(
            np.ones(high - low + 2), (1, FRAMES))
    return shares


def sounds_of(voice):
    """The pitches of a voice's sounds, None for its rest."""
    low, high = RANGES[voice]
    return [None, *range(low, high + 1)]


def test_each_voice_is_told_the_message_of_every_factor(apply, params, posterior):
    told = np.asarray(apply({"params": params}, posterior))
    table = np.asarray(params["table"])

    def factor(u, v, q, p):
        """Of pitch q in voice u and p in v; the tables of both orders are of one factor."""
        middle = PITCHES - 1
        return np.exp(GAIN * (table[u, v, q - p + middle] + table[v, u, p - q + middle]))

    for frame in range(FRAMES):
        for voice in range(4):
            for sound, pitch in enumerate(sounds_of(voice)):
                shares = [zip(posterior[0, frame, u], sounds_of(u), strict=False)
                          for u in range(4)]  # what does not exist, at the end, is left out
                expected = 0.0 if pitch is None else sum(
                    np.log(sum(share * (1.0 if q is None else factor(u, voice, q, pitch))
                               for share, q in shares[u]))
                    for u in range(4) if u != voice)
                np.testing.assert_allclose(told[0, frame, voice, sound], expected, rtol=1e-3,
                                           atol=1e-5)


def test_a_factor_is_read_alike_from_both_sides(apply, params, posterior):
    """Of two voices alone that sound one note each, what is told either way is one number."""
    alone = np.zeros_like(posterior)
    alone[:, :, [0, 3], 0] = 1.0  # soprano and bass rest
    alone[:, :, 1, 3] = alone[:, :, 2, 5] = 1.0
    told = np.asarray(apply({"params": params}, alone))
    np.testing.assert_allclose(told[..., 1, 3], told[..., 2, 5], rtol=1e-5)
    assert abs(told[0, 0, 1, 3]) > 1e-2


def test_a_table_that_refuses_crossings_refuses_them(apply, params, posterior):
    middle = PITCHES - 1
    refused = np.zeros((4, 4, 2 * PITCHES - 1))
    refused[1, 2, :middle] = -4.0 / GAIN  # the alto below the tenor
    tenor = RANGES[2][0]
    sure = posterior.copy()
    sure[:, :, 2] = np.eye(posterior.shape[-1])[1 + 63 - tenor]
    told = np.asarray(apply({"params": {"table": refused}}, sure))[0, 0, 1]
    for sound, pitch in enumerate(sounds_of(1)):
        assert told[sound] == pytest.approx(-4.0 if pitch is not None and pitch < 63 else 0.0,
                                            abs=1e-5)


def test_a_voice_is_not_told_of_itself(apply, params, posterior):
    other = posterior.copy()
    other[:, :, 1, :7] = np.roll(other[:, :, 1, :7], 3, axis=-1)
    here, there = (np.asarray(apply({"params": params}, p)) for p in (posterior, other))
    change = np.abs(there - here).max((0, 1, 3))
    assert change[1] < 1e-6 and np.delete(change, 1).min() > 1e-4


def test_a_frame_is_told_of_itself_alone(apply, params, posterior):
    here = np.asarray(apply({"params": params}, posterior))
    alone = np.asarray(apply({"params": params}, posterior[:, 1:]))
    np.testing.assert_allclose(alone, here[:, 1:], rtol=1e-5, atol=1e-6)


def test_at_first_nothing_is_told(spacing, posterior):
    fresh = spacing.init(jax.random.key(0), jnp.asarray(posterior))
    np.testing.assert_allclose(np.asarray(spacing.apply(fresh, posterior)), 0, atol=1e-5)
