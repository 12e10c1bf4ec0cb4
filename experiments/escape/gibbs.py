"""Single-cell Gibbs sampling with a score network, which was trained with given cells.

Each step asks the network for one cell of which all others are given, and draws it anew. The state
is noise, so that it says nothing of the cell.
"""

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise
from lmjax.sampling.chain import initial
from lmjax.sampling.gibbs import Ask, one_cell, redraw


def by_score(denoise: Denoise, centre: jax.Array, sigma: float) -> Ask:
    """A score network's logits of cells that are not known.

    Args:
      denoise: the model.
      centre: float32[D], the data's mean frame.
      sigma: of the noise, so large that it drowns every token.
    """
    def ask(keys: jax.Array, condition: Condition) -> jax.Array:
        batch, time = condition.frames.shape
        return denoise(initial(keys, time, centre, sigma), jnp.full(batch, sigma),
                       condition).logits

    return ask


def run(keys: jax.Array, ask: Ask, tokens: jax.Array, condition: Condition,
        first: int | jax.Array, last: int | jax.Array) -> jax.Array:
    """Steps `first` to `last` - 1 of a chain from tokens int32[B, T, V].

    Step i draws from `fold_in(keys[b], i)`.
    """
    def body(i: jax.Array, tokens: jax.Array) -> jax.Array:
        cell_keys, draw_keys = jnp.moveaxis(jax.vmap(
            lambda key: jax.random.split(jax.random.fold_in(key, i)))(keys), 1, 0)
        cell = one_cell(cell_keys, jnp.broadcast_to(condition.frames[..., None], tokens.shape))
        return redraw(draw_keys, ask, tokens, cell, condition)[0]

    return jax.lax.fori_loop(first, last, body, tokens)
