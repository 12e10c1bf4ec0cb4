"""What voices hear of one another through a latent chord."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.chords import GAIN, Chords

LOW, HIGH = 60, 76  # more than an octave
TYPES, CHANNELS, FRAMES = 2, 3, 2


@pytest.fixture(scope="module")
def chords(space_of):
    return Chords(space_of(Vocabulary(ranges=((LOW, HIGH),) * 4)), TYPES)


@pytest.fixture(scope="module")
def apply(chords):
    return jax.jit(chords.apply)


@pytest.fixture(scope="module")
def music():
    """Posteriors and features, with some parameters."""
    generator = np.random.default_rng(0)
    size = HIGH - LOW + 2  # the first is a rest
    params = {"emission": generator.normal(0, 1, (4, TYPES, 13)) / GAIN,
              "prior": {"kernel": generator.normal(0, 1, (CHANNELS, TYPES)),
                        "bias": generator.normal(0, 1, TYPES)}}
    return (params, generator.dirichlet(np.ones(size) / 4, (1, FRAMES, 4)),
            generator.normal(0, 1, (1, FRAMES, 12, CHANNELS)))


def states(size):
    """Of every sound, its pitch class, or 12 if it has none."""
    return [12, *(np.arange(LOW, LOW + size - 1) % 12)]


def test_each_voice_is_told_the_posterior_of_the_chord_given_the_others(apply, music):
    params, posterior, classes = music
    told = np.asarray(apply({"params": params}, posterior, classes))
    classes_of = states(posterior.shape[-1])

    def emitted(voice, state, root, kind):
        interval = 12 if state == 12 else (state - root) % 12
        return np.exp(GAIN * params["emission"][voice, kind, interval])

    prior = np.exp(classes @ params["prior"]["kernel"] + params["prior"]["bias"])
    for frame in range(FRAMES):
        for voice in range(4):
            weight = {(root, kind): prior[0, frame, root, kind] * np.prod([
                sum(share * emitted(other, state, root, kind)
                    for share, state in zip(posterior[0, frame, other], classes_of, strict=True))
                for other in range(4) if other != voice])
                for root in range(12) for kind in range(TYPES)}
            total = sum(weight.values())
            expected = [np.log(sum(value * emitted(voice, state, *chord)
                                   for chord, value in weight.items()) / total)
                        for state in classes_of]
            np.testing.assert_allclose(told[0, frame, voice], expected, rtol=1e-3, atol=1e-4)


def test_a_triad_tells_the_voice_that_is_not_heard_its_tones(apply, music):
    """One type, a major triad: C and E in two voices make G likely in a third."""
    _, posterior, classes = music
    emission = np.full((4, TYPES, 13), -4.0 / GAIN)
    emission[:, 0, [0, 4, 7]] = 0
    params = {"emission": emission, "prior": {"kernel": np.zeros((CHANNELS, TYPES)),
                                              "bias": np.zeros(TYPES)}}
    sounds = np.eye(posterior.shape[-1])
    at = {name: sounds[1 + pitch - LOW] for name, pitch in (("C", 60), ("E", 64))}
    unknown = np.full(posterior.shape[-1], 1 / posterior.shape[-1])
    heard = np.stack([at["C"], at["E"], unknown, at["C"]])[None, None]
    told = np.asarray(apply({"params": params}, heard, classes[:, :1]))[0, 0, 2]
    likely = {pitch % 12 for pitch in np.arange(LOW, HIGH + 1) if told[1 + pitch - LOW] > -0.5}
    assert likely == {0, 4, 7}
    assert told[1 + 67 - LOW] - told[1 + 66 - LOW] > 2


def test_a_voice_is_not_told_of_itself(apply, music):
    params, posterior, classes = music
    other = posterior.copy()
    other[:, :, 1] = np.roll(other[:, :, 1], 3, axis=-1)
    here, there = (np.asarray(apply({"params": params}, p, classes)) for p in (posterior, other))
    change = np.abs(there - here).max((0, 1, 3))
    assert change[1] < 1e-6 and np.delete(change, 1).min() > 1e-3


def test_a_frame_is_told_of_itself_alone(apply, music):
    params, posterior, classes = music
    here = np.asarray(apply({"params": params}, posterior, classes))
    alone = np.asarray(apply({"params": params}, posterior[:, 1:], classes[:, 1:]))
    np.testing.assert_allclose(alone, here[:, 1:], rtol=1e-5, atol=1e-6)


def test_types_are_the_same_on_every_root(apply, music):
    params, posterior, classes = music
    up = 3
    posterior = np.where(np.arange(posterior.shape[-1]) >= posterior.shape[-1] - up, 0, posterior)
    posterior /= posterior.sum(-1, keepdims=True)
    moved = np.concatenate([posterior[..., :1], np.zeros((*posterior.shape[:-1], up)),
                            posterior[..., 1:-up]], axis=-1)
    here = np.asarray(apply({"params": params}, posterior, classes))
    there = np.asarray(apply({"params": params}, moved, np.roll(classes, up, axis=2)))
    np.testing.assert_allclose(there[..., 1 + up:], here[..., 1:-up], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(there[..., 0], here[..., 0], rtol=1e-4, atol=1e-5)


def test_without_chords_to_tell_apart_nothing_is_told(chords, music):
    _, posterior, classes = music
    params = chords.init(jax.random.key(0), jnp.asarray(posterior), jnp.asarray(classes))["params"]
    silent = {**params, "emission": jnp.zeros_like(params["emission"])}
    told = np.asarray(chords.apply({"params": silent}, posterior, classes))
    np.testing.assert_allclose(told, 0, atol=1e-6)
