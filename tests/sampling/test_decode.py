import itertools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.music.tokens import Vocabulary
from lmjax.sampling.decode import decode

WORDS = Vocabulary(ranges=((60, 62),) * 4)
JITTED = jax.jit(decode)


def test_a_hold_without_its_note_gives_way():
    """Tokens: 0 rest, 1 and 2 the lowest pitch struck and held, 3 and 4 the next one."""
    p = np.full((1, 3, 4, WORDS.size), 0.01)
    p[0, 0, :, 1] = 0.9
    p[0, 1, :, 4], p[0, 1, :, 3] = 0.5, 0.4
    p[0, 2, :, 4] = 0.9
    tokens, corrected = JITTED(jnp.log(p), WORDS.legal(), jnp.ones((1, 3), bool))
    np.testing.assert_array_equal(tokens[0], np.array([[1] * 4, [3] * 4, [4] * 4]))
    np.testing.assert_array_equal(corrected, [4])
    pitch, struck = WORDS.decode(np.asarray(tokens[0]))
    np.testing.assert_array_equal(WORDS.encode(pitch, struck), tokens[0])


@given(seed=st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=40)
def test_decoding_is_the_best_of_all_legal_sequences(seed):
    rng = np.random.default_rng(seed)
    voices, time, size = 2, 4, 3
    logits = rng.normal(size=(1, time, voices, size)).astype(np.float32) * 3
    start, follow = rng.random((voices, size)) < 0.5, rng.random((voices, size, size)) < 0.5
    start[:, 0] = follow[:, 0, 0] = True
    length = int(rng.integers(1, time + 1))
    tokens, corrected = JITTED(
        jnp.asarray(logits), (start, follow), jnp.arange(time)[None] < length)
    tokens = np.asarray(tokens)[0]
    for v in range(voices):
        legal = [path for path in itertools.product(range(size), repeat=length)
                 if start[v, path[0]] and all(follow[v][a, b] for a, b in itertools.pairwise(path))]
        best = max(legal, key=lambda path: logits[0, range(length), v, path].sum())
        np.testing.assert_array_equal(tokens[:length, v], best)
    assert not tokens[length:].any()
    assert corrected[0] == (tokens != logits[0].argmax(-1))[:length].sum()


def test_without_laws_it_is_the_most_probable_token(anything):
    logits = jax.random.normal(jax.random.key(0), (3, 7, 2, 5))
    tokens, corrected = JITTED(logits, anything(2, 5), jnp.ones((3, 7), bool))
    np.testing.assert_array_equal(tokens, logits.argmax(-1))
    assert not corrected.any()


def test_one_frame():
    logits = jnp.zeros((1, 1, 4, WORDS.size)).at[..., 2].set(3.0).at[..., 3].set(2.0)
    tokens, corrected = JITTED(logits, WORDS.legal(), jnp.ones((1, 1), bool))
    np.testing.assert_array_equal(tokens[0, 0], 3)
    np.testing.assert_array_equal(corrected, [4])
