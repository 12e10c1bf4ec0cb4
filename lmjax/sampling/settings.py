"""Which sampler, from a config."""

import bisect
import dataclasses

import jax

from lmjax.noise.schedule import geometric, karras, log_logistic
from lmjax.sampling import langevin, predictors
from lmjax.sampling.chain import STARTS, Sampler
from lmjax.sampling.guidance import check_guidance

SAMPLERS = ("langevin", "ancestral", "consistent", "predictor_corrector", "ode")
LADDERS = ("geometric", "karras", "log_logistic")


@dataclasses.dataclass(frozen=True)
class SamplerSettings:
    """A noise ladder and the way down it.

    Attributes:
      kind: "langevin" (annealed Langevin dynamics), "ancestral" (reverse diffusion), "consistent"
        (consistent annealed sampling), "predictor_corrector" or "ode" (Heun).
      ladder: how the levels are spaced: "geometric", "karras", or "log_logistic", which spends
        them where tokens are in doubt.
      sigma_max, sigma_min, levels: of the ladder.
      centre, spread: of "log_logistic".
      steps: Langevin steps at each level ("langevin", "predictor_corrector").
      rate: of a Langevin step, the share of the way to the denoised state.
      scheme: of a Langevin step, "leimkuhler_matthews" or "euler_maruyama" (the paper's).
      eta: the share of the way at each level ("consistent").
      guidance: w of guidance by metre, form and key (see `sampling.guidance`); 1 for none.
      guided_below: the highest noise level at which there is guidance, and the network is asked
        twice.
      start: "normal" at the first level about the data's mean, or "uniform" in the unit cube (the
        paper's code).
    """

    kind: str = "predictor_corrector"
    ladder: str = "log_logistic"
    sigma_max: float = 20.0
    sigma_min: float = 0.15
    levels: int = 13
    centre: float = 0.9
    spread: float = 0.55
    steps: int = 3
    rate: float = 0.7
    scheme: str = "leimkuhler_matthews"
    eta: float = 0.5
    guidance: float = 1.75
    guided_below: float = 5.0
    start: str = "normal"

    def __post_init__(self) -> None:
        for name, choices in (("kind", SAMPLERS), ("ladder", LADDERS), ("start", STARTS),
                              ("scheme", langevin.SCHEMES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"sampler.{name} must be one of {', '.join(choices)}, "
                                 f"not {getattr(self, name)!r}")
        check_guidance(self.guidance)
        if self.steps < 1:
            raise ValueError(f"sampler.steps must be at least 1, not {self.steps}")
        self.build()

    @property
    def evaluations(self) -> int:
        """How often the network is asked for a window."""
        sampler = self.build()
        if self.guidance == 1:
            return sampler.evaluations
        plan = sampler.plan
        asked = [plan.target[-1:], plan.sigma, plan.target][:1 + sampler.calls]
        return sampler.evaluations + sum(int((at <= self.guided_below).sum()) for at in asked)

    def sigmas(self) -> jax.Array:
        """The ladder, float32[levels], descending."""
        ends = self.sigma_max, self.sigma_min, self.levels
        if self.ladder == "geometric":
            return geometric(*ends)
        if self.ladder == "karras":
            return karras(*ends)
        return log_logistic(*ends, self.centre, self.spread)

    def within(self, evaluations: int) -> "SamplerSettings":
        """The same sampler with as many levels as so many calls of the network allow.

        Raises:
          ValueError: if they do not allow two, or the numbers make no sampler on so few levels.
        """
        calls = {"langevin": self.steps, "predictor_corrector": 1 + self.steps, "ode": 2}
        rungs = (evaluations - 1) // calls.get(self.kind, 1)  # one call is the final denoising
        levels = rungs if self.kind == "langevin" else rungs + 1
        if self.guidance != 1:
            # Whatever eta is, consistent sampling asks as often as this, for which there is none.
            other = "ancestral" if self.kind == "consistent" else self.kind
            levels = bisect.bisect(range(levels + 1), evaluations, lo=2, key=lambda fewer: (
                dataclasses.replace(self, kind=other, levels=fewer).evaluations)) - 1
        if levels < 2:
            raise ValueError(f"{evaluations} evaluations are too few for two levels of this "
                             f"sampler ({self.kind})")
        return dataclasses.replace(self, levels=levels)

    def build(self) -> Sampler:
        """The sampler.

        Raises:
          ValueError: if the numbers make no sampler.
        """
        sigmas = self.sigmas()
        if self.kind == "langevin":
            return langevin.annealed(sigmas, self.steps, self.rate, self.scheme)
        if self.kind == "ancestral":
            return predictors.ancestral(sigmas)
        if self.kind == "consistent":
            return predictors.consistent(sigmas, self.eta)
        if self.kind == "ode":
            return predictors.heun(sigmas)
        return langevin.predictor_corrector(sigmas, self.steps, self.rate, self.scheme)
