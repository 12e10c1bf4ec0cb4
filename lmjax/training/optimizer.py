"""Adam with warm-up, decay and clipping, from optax."""

import dataclasses

import optax


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """How parameters follow gradients.

    Attributes:
      learning_rate: the highest.
      warmup: steps in which the rate rises linearly to it.
      decay: share of all steps, at the end, in which it falls linearly to 1 % of the highest.
      b2: decay of Adam's second moment.
      weight_decay: decoupled, per step and unit of learning rate; 0 is plain Adam.
      clip: largest norm of the gradient; 0 for no limit.
      ema: decay per step of the average of the weights that is evaluated and sampled from; 0 uses
        the weights themselves.
    """

    learning_rate: float = 3e-3
    warmup: int = 200
    decay: float = 0.4
    b2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999

    def __post_init__(self) -> None:
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
    return optax.chain(clip, optax.adamw(
        learning_rate(settings, steps), b2=settings.b2, weight_decay=settings.weight_decay))
