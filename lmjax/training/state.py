"""What a training run is at a step: all that a checkpoint has to keep."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class TrainState(NamedTuple):
    """A pytree. Randomness is no part of it: keys are folded from the step.

    Attributes:
      step: int32[], steps done.
      params: the network's and the embedding's.
      ema: their running average.
      opt_state: the optimizer's.
    """

    step: jax.Array
    params: Any
    ema: Any
    opt_state: Any

    @classmethod
    def create(cls, params: Any, optimizer: optax.GradientTransformation) -> "TrainState":
        """The state before the first step."""
        return cls(jnp.zeros((), jnp.int32), params, jax.tree.map(jnp.copy, params),
                   optimizer.init(params))

    def updated(self, gradients: Any, optimizer: optax.GradientTransformation,
                decay: float) -> "TrainState":
        """The state after one step along gradients; `decay` is that of the average."""
        updates, opt_state = optimizer.update(gradients, self.opt_state, self.params)
        params = optax.apply_updates(self.params, updates)
        # While few steps are done, the average is over those alone.
        kept = jnp.minimum(decay, self.step / (self.step + 10.0))
        ema = jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, self.ema, params)
        return TrainState(self.step + 1, params, ema, opt_state)
