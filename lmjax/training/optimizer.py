"""Adam or Muon with warm-up, decay and clipping, from optax.

Muon (Jordan et al. 2024) steps in the direction of the gradient's momentum with all its singular
values made equal, so that what is rare in the data is learned as fast as what is common. It is for
the matrices of hidden layers; everything else follows Adam.
"""

import dataclasses
import re
from typing import Any

import jax
import optax

MUON_RMS = 0.2  # of a matrix's update at rate 1: about what Adam's has (Liu et al. 2025)
# Dense layers that state logits of tokens: Adam's, as Jordan et al. advise.
HEADS = re.compile(r"(rest_)?cells(_\d+)?|plain|decode")


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """How parameters follow gradients.

    Attributes:
      kind: "adam", or "muon" for Muon on the matrices of hidden layers and Adam on the rest.
      learning_rate: the highest.
      warmup: steps in which the rate rises linearly to it.
      decay: share of all steps, at the end, in which it falls linearly to 1 % of the highest.
      b2: decay of Adam's second moment.
      weight_decay: decoupled, per step and unit of learning rate; 0 is plain Adam.
      clip: largest norm of the gradient; 0 for no limit.
      ema: decay per step of the average of the weights that is evaluated and sampled from; 0 uses
        the weights themselves.
    """

    kind: str = "muon"
    learning_rate: float = 4e-3
    warmup: int = 200
    decay: float = 0.4
    b2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999

    def __post_init__(self) -> None:
        if self.kind not in ("adam", "muon"):
            raise ValueError(f"optimizer.kind must be 'adam' or 'muon', not {self.kind!r}")
        if self.learning_rate <= 0:
            raise ValueError(
                f"optimizer.learning_rate must be positive, not {self.learning_rate}")
        for name in ("decay", "b2", "ema"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"optimizer.{name} must lie between 0 and 1, "
                                 f"not {getattr(self, name)}")
        for name in ("warmup", "weight_decay", "clip"):
            if getattr(self, name) < 0:
                raise ValueError(f"optimizer.{name} must not be negative, "
                                 f"but is {getattr(self, name)}")


def learning_rate(settings: OptimizerSettings, steps: int) -> optax.Schedule:
    """The rate as a function of the step, for a training of so many steps."""
    highest = settings.learning_rate
    falling = max(int(settings.decay * steps), 1)
    final = 0.01 * highest if settings.decay else highest
    return optax.join_schedules(
        [optax.linear_schedule(highest / max(settings.warmup, 1), highest, settings.warmup),
         optax.constant_schedule(highest),
         optax.linear_schedule(highest, final, falling)],
        [settings.warmup, max(steps - falling, settings.warmup)])


def build(settings: OptimizerSettings, steps: int) -> optax.GradientTransformation:
    """The optimizer for a training of so many steps."""
    clip = optax.clip_by_global_norm(settings.clip) if settings.clip else optax.identity()
    rate, decay = learning_rate(settings, steps), settings.weight_decay
    if settings.kind == "adam":
        return optax.chain(clip, optax.adamw(rate, b2=settings.b2, weight_decay=decay))
    return optax.chain(clip, optax.contrib.muon(
        rate, adam_b2=settings.b2, weight_decay=decay, adam_weight_decay=decay,
        consistent_rms=MUON_RMS, muon_weight_dimension_numbers=hidden_matrices))


def hidden_matrices(params: Any) -> Any:
    """Of each parameter, which axes are a matrix's inputs and outputs; None if Adam's.

    A kernel's last axis counts outputs; all others, an interval of transposition among them,
    count inputs. That of queries, keys and values has two axes of inputs if it is shared over
    transpositions, and one if not.
    """
    def axes(path: tuple[Any, ...], value: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        *layer, name = [str(getattr(part, "key", part)) for part in path]
        if name not in ("kernel", "qkv", "out") or (layer and HEADS.fullmatch(layer[-1])):
            return None
        inputs = (2 if value.ndim > 2 else 1) if name == "qkv" else value.ndim - 1
        every = tuple(range(value.ndim))
        return optax.contrib.MuonDimensionNumbers(every[:inputs], every[inputs:])

    return jax.tree_util.tree_map_with_path(axes, params)
