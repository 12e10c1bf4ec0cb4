"""Families of models: what training, composing and judging ask of a model, whatever it is.

A family is a module of this folder with the functions of `Family`. A new one is a network, a loss
and a sampler, which it joins.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

from lmjax.families import masked, score, sequential
from lmjax.metrics.likelihood import Likelihood
from lmjax.music.tokens import Vocabulary
from lmjax.networks.causal import CausalSettings
from lmjax.networks.chained import ChainedSettings
from lmjax.networks.evidence import EvidenceSettings
from lmjax.networks.lstm import LSTMSettings
from lmjax.networks.masked import MaskedSettings
from lmjax.networks.score import Params
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.condition import Condition
from lmjax.settings import Settings
from lmjax.training.step import Objective


class Drawn(Protocol):
    """What a sampler returns.

    Attributes:
      tokens: int32[B, T, V], 0 in padding.
      logits: float32[B, T, V, K], what is thought of each cell by itself, from which another choice
        can be made where the tokens do not hold the relations of a frame.
      corrected: int32[B], cells in which legality overruled the most probable token.
      diagnostics: a named tuple of float32[N, B] each, N steps of the sampler.
    """

    tokens: jax.Array
    logits: jax.Array
    corrected: jax.Array
    diagnostics: Any


# (params, keys [B], condition, tokens int32[B, T, V] of music to be near to or None) -> chorales,
# a pure function
Sample = Callable[[Params, jax.Array, Condition, jax.Array | None], Drawn]


class Family(Protocol):
    """The functions of a family; a model is what `build` makes.

    Attributes:
      AT_ONCE: whether its sampler takes a piece longer than a window, which it composes as a whole
        (see `sampling.overlap`). Otherwise it is composed window by window, each given what the one
        before composed of it.
    """

    AT_ONCE: bool

    def build(self, settings: Settings, vocabulary: Vocabulary) -> Any:
        """The model that a config describes: its `init(key, tracks)` makes fresh parameters."""

    def objective(self, model: Any, settings: Settings) -> Objective:
        """What training minimises."""

    def likelihood(self, model: Any, draws: int, ends: tuple[float, float],
                   ) -> Callable[..., Likelihood]:
        """A function from parameters, parts, token frequencies float[V, K], a batch size and
        whether to show progress, to the likelihood of what the parts make up. Noise levels per part
        and their range count where there is only a bound."""

    def framewise(self, model: Any) -> Callable[..., Likelihood] | None:
        """Coconet's framewise figure (`metrics.orders`) of a model that fills hidden cells: a
        function from parameters, parts, a batch size and whether to show progress. No likelihood,
        and shown apart."""

    def sampler(self, model: Any, settings: Settings, vocabulary: Vocabulary,
                frequencies: np.ndarray) -> Sample:
        """How chorales are drawn."""

    def evaluations(self, settings: Settings, frames: int) -> int:
        """How often the sampler asks the network for a window of so many frames."""


FAMILIES: dict[type, Any] = {
    EvidenceSettings: score, TransformerSettings: score,
    MaskedSettings: masked, LSTMSettings: sequential, CausalSettings: sequential,
    ChainedSettings: sequential}


def family_of(settings: Settings) -> Family:
    """The family of a config's model."""
    return FAMILIES[type(settings.network)]
