"""Relations of frames: marginals beside all frames counted out, chorales beside all chorales."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.noise.condition import Relations
from lmjax.noise.embed import NEVER
from lmjax.sampling.joint import decode_jointly
from lmjax.sampling.relations import conditional

# Three voices that can be silent, two of them with two tokens of one pitch.
PITCHES = np.array([[-1, 63, 64, 64, 65], [-1, 61, 62, 63, 64], [-1, 60, 61, 63, 63]])


def sounds_of(pitches):
    lowest = pitches[pitches >= 0].min()
    index = np.where(pitches >= 0, pitches - lowest + 1, 0)
    return np.eye(index.max() + 1, dtype=bool)[index]


def groups_of(rng, shape, pitches):
    """Random sets of pitches as tokens, bool[*shape, V, K]."""
    sets = rng.random((*shape, 128)) < 0.4
    return sets[..., np.maximum(pitches, 0)] & (pitches >= 0)


def holds(relations, frame, pitches, tokens):
    """Whether a frame of tokens holds its relations, from their definition."""
    sung = [pitches[v, k] for v, k in enumerate(tokens) if pitches[v, k] >= 0]
    if relations.order[frame] and any(a < b for a, b in itertools.combinations(sung, 2)):
        return False
    for r in range(relations.least.shape[1]):
        count = sum(relations.groups[frame][r, v, k] for v, k in enumerate(tokens))
        if (relations.least[frame, r] and count < 1) or (relations.most[frame, r] and count > 1):
            return False
    return True


@pytest.mark.parametrize("groups", [0, 1, 2])
def test_marginals_are_those_of_all_frames_that_hold(groups):
    rng = np.random.default_rng(groups)
    batch, time, (voices, size) = 2, 8, PITCHES.shape
    logits = 2 * rng.normal(size=(batch, time, voices, size))
    logits[0, 0, 0, 1] = NEVER
    relations = Relations(
        rng.random((batch, time)) < 0.6, groups_of(rng, (batch, time, groups), PITCHES),
        rng.random((batch, time, groups)) < 0.6, rng.random((batch, time, groups)) < 0.6,
        np.stack([sounds_of(PITCHES)] * batch))
    found = np.asarray(jax.nn.softmax(conditional(
        jnp.asarray(logits, jnp.float32), Relations(*map(jnp.asarray, relations)))))
    p = np.asarray(jax.nn.softmax(logits))
    held = 0
    for b, t in np.ndindex(batch, time):
        one = Relations(*(part[b] for part in relations))
        expected = np.zeros((voices, size))
        for tokens in itertools.product(range(size), repeat=voices):
            if holds(one, t, PITCHES, tokens):
                weight = np.prod([p[b, t, v, k] for v, k in enumerate(tokens)])
                for v, k in enumerate(tokens):
                    expected[v, k] += weight
        held += expected.sum() > 0
        expected = expected if expected.sum() else p[b, t]
        np.testing.assert_allclose(
            found[b, t], expected / expected.sum(-1, keepdims=True), atol=2e-5)
    assert held >= 12


def test_a_frame_that_can_hold_nothing_is_left_as_it_is():
    logits = jnp.full((1, 1, 3, 5), NEVER).at[..., 1].set(0.0)  # 63, 61, 60
    nothing = jnp.zeros((1, 1, 1, 3, 5), bool)
    asked = jnp.ones((1, 1, 1), bool)
    relations = Relations(jnp.zeros((1, 1), bool), nothing, asked, ~asked,
                          jnp.asarray(sounds_of(PITCHES))[None])
    np.testing.assert_array_equal(conditional(logits, relations), logits)


def test_certainty_of_the_opposite_is_overcome():
    """Two voices that are sure to cross, by 90 nats each, are told that they must not."""
    logits = np.zeros((1, 1, 3, 5), np.float32)
    logits[0, 0, 0, 1] = logits[0, 0, 1, 4] = 90.0  # 63 above 64
    relations = Relations(jnp.ones((1, 1), bool), jnp.zeros((1, 1, 0, 3, 5), bool),
                          jnp.zeros((1, 1, 0), bool), jnp.zeros((1, 1, 0), bool),
                          jnp.asarray(sounds_of(PITCHES))[None])
    p = jax.nn.softmax(conditional(jnp.asarray(logits), relations))[0, 0]
    assert p[0, 1] + p[1, 4] < 1.001 and p[0, 1] > 0.1 and p[1, 4] > 0.1


VOICES = Vocabulary(ranges=((60, 61), (60, 61), (59, 60), (59, 59)))


def best_of_all(log_p, legal, relations, pitches):
    """The log probability of the best chorale, by trying all frames; None if there is none."""
    tokens = list(itertools.product(*(np.flatnonzero(row) for row in VOICES.valid)))
    best = None
    for t in range(len(log_p)):
        now = {}
        for frame in filter(lambda frame, t=t: holds(relations, t, pitches, frame), tokens):
            value = sum(log_p[t, v, k] for v, k in enumerate(frame))
            if best is None:
                if all(legal[0][v, k] for v, k in enumerate(frame)):
                    now[frame] = value
                continue
            before = [sofar for past, sofar in best.items()
                      if all(legal[1][v, a, k] for v, (a, k) in enumerate(zip(past, frame,
                                                                              strict=True)))]
            if before:
                now[frame] = value + max(before)
        best = now
    return max(best.values(), default=None)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_chorale_of_all(seed):
    rng = np.random.default_rng(seed)
    time, groups, pitches = 3, 2, VOICES.pitches
    logits = np.where(VOICES.valid, 3 * rng.normal(size=(time, *pitches.shape)), NEVER)
    relations = Relations(
        rng.random(time) < 0.6, groups_of(rng, (time, groups), pitches),
        rng.random((time, groups)) < 0.5, rng.random((time, groups)) < 0.5, sounds_of(pitches))
    log_p = np.where(VOICES.valid, logits, -np.inf)
    log_p -= np.log(np.exp(log_p).sum(-1, keepdims=True))
    found = decode_jointly(logits, VOICES.legal(), relations)
    best = best_of_all(log_p, VOICES.legal(), relations, pitches)
    if best is None:
        assert found is None
        return
    value = sum(log_p[t, v, k] for t, row in enumerate(found.tokens) for v, k in enumerate(row))
    assert value <= best + 1e-9
    assert all(holds(relations, t, pitches, row) for t, row in enumerate(found.tokens))
    assert found.exact and value == pytest.approx(best)


def test_unlikely_tones_are_found_where_they_are_asked_for():
    """A tone that no voice thinks likely, in the midst of a chorale that is sure of itself."""
    vocabulary = Vocabulary()
    pitches, time = vocabulary.pitches, 16
    logits = np.where(vocabulary.valid, 0.0, NEVER) + np.zeros((time, 4, 1))
    for voice, pitch in enumerate((72, 67, 64, 48)):
        struck, held = np.flatnonzero(pitches[voice] == pitch)
        logits[0, voice, struck] = logits[1:, voice, held] = 60.0
    groups = np.stack([(pitches >= 0) & (pitches % 12 == 6)])[None].repeat(time, 0)
    least = (np.arange(time) == 8)[:, None]
    relations = Relations(np.ones(time, bool), groups, least, np.zeros_like(least),
                          sounds_of(pitches))
    found = decode_jointly(logits, vocabulary.legal(), relations)
    sung, _ = vocabulary.decode(found.tokens)
    assert (sung[8] % 12 == 6).sum() == 1
    assert (np.delete(sung, 8, axis=0) == (72, 67, 64, 48)).all()


def test_nothing_that_holds():
    vocabulary = Vocabulary()
    logits = np.where(vocabulary.valid, 0.0, NEVER)[None]
    nothing = np.zeros((1, 1, *vocabulary.pitches.shape), bool)
    relations = Relations(np.zeros(1, bool), nothing, np.ones((1, 1), bool),
                          np.zeros((1, 1), bool), sounds_of(vocabulary.pitches))
    assert decode_jointly(logits, vocabulary.legal(), relations) is None
