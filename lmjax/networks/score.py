"""A network and an embedding, joined to the denoiser that everything else sees."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.evidence import EvidenceNetwork, EvidenceSettings
from lmjax.networks.tokens import TokenSpace
from lmjax.networks.transformer import ScoreTransformer, TransformerSettings
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, from_logits, from_mean
from lmjax.noise.embed import (
    NEVER,
    evidence,
    factored_table,
    one_hot_table,
    place,
    scaled,
    unit_rows,
)
from lmjax.noise.perturb import per_example

EMBEDDINGS = ("one_hot", "random", "learned")
Params = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class EmbeddingSettings:
    """How tokens become vectors.

    Attributes:
      kind: "one_hot", "random" or "learned". Learned vectors have unit norm; the struck and the
        held form of a pitch are each the sum of a vector for the pitch and one for how it sounds.
        Learn them by cross-entropy: under the squared error alone they collapse. Random vectors
        are those with which learning would begin, the same for every seed.
      width: of one voice's vectors, `random` and `learned` only.
      articulation: `one_hot` only: the size of the coordinate that tells struck from held.
    """

    kind: str = "one_hot"
    width: int = 16
    articulation: float = 0.15

    def __post_init__(self) -> None:
        if self.kind not in EMBEDDINGS:
            raise ValueError(f"embedding.kind must be one of {EMBEDDINGS}, not {self.kind!r}")


class UnitVectors(nn.Module):
    """Unit vectors of tokens, each a sum over what sounds and how."""

    space: TokenSpace
    width: int

    @nn.compact
    def __call__(self) -> jax.Array:
        """The table float32[V, K, V * width]."""
        voices = self.space.sound.shape[0]
        scale = nn.initializers.normal(1.0)
        sound = self.param("sound", scale, (voices, int(self.space.sound.max()) + 1, self.width))
        how = self.param("articulation", scale, (voices, 3, self.width))
        voice = jnp.arange(voices)[:, None]
        rows = unit_rows(sound[voice, self.space.sound] + how[voice, self.space.articulation])
        return place(rows * self.space.valid[..., None])


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreModel:
    """A score model as pure functions of its parameters.

    Attributes:
      space: the vocabulary, as arrays.
      network: sizes of the network; their type decides which.
      embedding: how tokens become vectors.
      track_sizes: how many values each conditioning track takes.
      key_track: which of them is the key, if one is: 0 or 1 + its pitch class.

    Raises:
      ValueError: if the network cannot work with the embedding.
    """

    space: TokenSpace
    network: EvidenceSettings | TransformerSettings
    embedding: EmbeddingSettings
    track_sizes: tuple[int, ...]
    key_track: int | None = None

    def __post_init__(self) -> None:
        if not self.states_logits and (
                self.embedding.kind != "one_hot" or self.space.articulation.any()):
            raise ValueError("the paper's transformer states a mean, of which token probabilities "
                             "can be read only where tokens are one-hot: use encoding 'hold' and "
                             "embedding 'one_hot', or network.output 'logits'")

    @property
    def states_logits(self) -> bool:
        """Whether the network states token probabilities, or a mean of which they are guessed."""
        return isinstance(self.network, EvidenceSettings) or self.network.output == "logits"

    def init(self, key: jax.Array, tracks: jax.Array) -> Params:
        """Fresh parameters; tracks int32[B, T, C] are those of any batch."""
        network_key, embedding_key = jax.random.split(key)
        params: Params = {}
        if self.embedding.kind == "learned":
            params["embedding"] = self._vectors().init(embedding_key)
        table = self.table(params)
        batch, time = tracks.shape[:2]
        x, sigma = jnp.zeros((batch, time, table.shape[-1])), jnp.ones(batch)
        if isinstance(self.network, EvidenceSettings):
            x = evidence(table, x, sigma)
        params["network"] = self._module(table).init(network_key, x, sigma, Condition.free(tracks))
        return params

    def table(self, params: Params) -> jax.Array:
        """The embedding, float32[V, K, D]."""
        if self.embedding.kind == "learned":
            return apply(self._vectors(), params["embedding"])
        if self.embedding.kind == "random":
            return apply(self._vectors(), self._vectors().init(jax.random.key(0)))
        space = self.space
        if not space.articulation.any():
            return one_hot_table(tuple(int(n) for n in space.valid.sum(axis=1)))
        return factored_table(
            space.sound, space.articulation, space.valid, self.embedding.articulation)

    def denoiser(self, params: Params, dropout_key: jax.Array | None = None) -> Denoise:
        """The model with these parameters; with a key, as it is in training."""
        table, network = self.table(params), self.network
        module = self._module(table)
        train = dropout_key is not None
        rngs = {"dropout": dropout_key} if train else None

        def ask(heard: jax.Array, sigma: jax.Array, m: Condition) -> jax.Array:
            return apply(module, params["network"], heard, sigma, m, train, rngs=rngs)

        if isinstance(network, EvidenceSettings):
            return lambda x, sigma, m: from_logits(
                table, ask(evidence(table, x, sigma), sigma, m))

        def by_transformer(x: jax.Array, sigma: jax.Array, m: Condition) -> Denoised:
            stated = ask(scaled(table, x, sigma) if network.level else x, sigma, m)
            if network.output == "score":
                # score = f / sigma, so the mean x + sigma^2 score is x + sigma f.
                return from_mean(table, x + per_example(sigma, x) * stated)
            own = evidence(table, x, sigma)
            logits = stated.reshape(own.shape) + own
            return from_logits(table, jnp.where(self.space.valid, logits, NEVER))

        return by_transformer

    def _module(self, table: jax.Array) -> EvidenceNetwork | ScoreTransformer:
        if isinstance(self.network, EvidenceSettings):
            return EvidenceNetwork(self.space, self.network, self.track_sizes, self.key_track)
        voices, tokens, width = table.shape
        return ScoreTransformer(
            self.network, voices * tokens if self.states_logits else width, self.track_sizes)

    def _vectors(self) -> UnitVectors:
        return UnitVectors(self.space, self.embedding.width)


def apply(module: Any, *arguments: Any, **options: Any) -> Any:
    """The output of a flax module, which flax types as one of several.

    Products are of whole float32: accelerators would round their factors to ten bits, and what a
    voice does, or does not, would no longer sum to 1.
    """
    with jax.default_matmul_precision("float32"):
        return module.apply(*arguments, **options)
