"""Single-cell Gibbs sampling with a score network, which was trained with given cells.

Each step asks the network for one cell of which all others are given, and draws it anew. The state
is noise, so that it says nothing of the cell. The network's conditionals need not be those of any
joint distribution ("pseudo-Gibbs", Heckerman et al. 2000).
"""

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise
from lmjax.sampling.chain import initial


def step(keys: jax.Array, denoise: Denoise, tokens: jax.Array, condition: Condition,
         centre: jax.Array, sigma: float) -> jax.Array:
    """Draws one random cell of each chorale anew, at one call of the network.

    Args:
      keys: B PRNG keys.
      denoise: the model.
      tokens: int32[B, T, V].
      condition: its tracks and frames are used; every frame exists.
      centre: float32[D], the data's mean frame.
      sigma: of the noise, so large that it drowns every token.

    Returns:
      int32[B, T, V], which differ from `tokens` in one cell at most.
    """
    cell_keys, noise_keys, token_keys = jnp.moveaxis(
        jax.vmap(lambda key: jax.random.split(key, 3))(keys), 1, 0)
    batch, time, voices = tokens.shape
    cell = jax.vmap(lambda key: jax.random.randint(key, (), 0, time * voices))(cell_keys)
    here = jax.nn.one_hot(cell, time * voices, dtype=bool).reshape(tokens.shape)
    x = initial(noise_keys, time, centre, sigma)
    others = condition._replace(known=~here, tokens=jnp.where(here, 0, tokens))
    logits = denoise(x, jnp.full(batch, sigma), others).logits
    asked = logits.reshape(batch, time * voices, -1)[jnp.arange(batch), cell]
    drawn = jax.vmap(jax.random.categorical)(token_keys, asked)
    return jnp.where(here, drawn[:, None, None], tokens).astype(jnp.int32)


def run(keys: jax.Array, denoise: Denoise, tokens: jax.Array, condition: Condition,
        centre: jax.Array, sigma: float, first: int | jax.Array,
        last: int | jax.Array) -> jax.Array:
    """Steps `first` to `last` - 1 of a chain, of which step i draws from `fold_in(keys[b], i)`."""
    def body(i: jax.Array, tokens: jax.Array) -> jax.Array:
        return step(jax.vmap(jax.random.fold_in, (0, None))(keys, i), denoise, tokens, condition,
                    centre, sigma)

    return jax.lax.fori_loop(first, last, body, tokens)
