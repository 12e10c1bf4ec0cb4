"""The score network of `configs/ncsn.py`: token logits from shared evidence and context.

By Tweedie's formula the score of noisy tokens is a posterior mean, and a posterior is a prior
times a likelihood. The likelihood of the noise is exact and needs no network; what has to be
learned is the prior that the context gives. Four of five cells repeat the frame before, so the
strongest context of a cell is the noisy state of its own neighbours: the network states, per
voice and frame, a gate in (0, 1) for each of the frames around, and adds their gated
log-likelihoods. If those frames are one held note this is Bayes' rule for a shared cause.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import ModulatedBlock, fourier_features
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER

PITCH_CLASSES = 12
KNOWN_CELL = -30.0  # log-likelihood of every other token where a cell is given
LARGEST_RATIO = 8.0  # nats; beyond this two cells are as good as surely equal, or different


@dataclasses.dataclass(frozen=True, eq=False)
class TokenSpace:
    """What the network is told about the vocabulary, as plain arrays.

    Attributes:
      valid: bool[V, K], the tokens that exist.
      sound: int[V, K], what sounds: tokens that differ only in articulation share an index.
      articulation: int[V, K], 0 where a token says nothing of it, 1 struck, 2 held.
      pitch: int[V, K], MIDI pitch of a token, -1 if it has none.
    """

    valid: np.ndarray
    sound: np.ndarray
    articulation: np.ndarray
    pitch: np.ndarray

    @property
    def sounds(self) -> np.ndarray:
        """float32[V, K, S]: one-hot of what a token sounds."""
        one_hot = np.eye(int(self.sound.max()) + 1, dtype=np.float32)[self.sound]
        return one_hot * self.valid[..., None]

    @property
    def pitch_classes(self) -> np.ndarray:
        """float32[V, K, 12]: one-hot of a token's pitch class; zero for a rest or a hold."""
        one_hot = np.eye(PITCH_CLASSES, dtype=np.float32)[self.pitch % PITCH_CLASSES]
        return one_hot * (self.pitch >= 0)[..., None]


@dataclasses.dataclass(frozen=True)
class EvidenceSettings:
    """Sizes of the network.

    Attributes:
      width: of the transformer that reads groups of frames.
      frame_width: of the features of one frame.
      fold: frames to a group.
      layers, heads, expansion: of the transformer.
      reach: groups whose relative position is told apart.
      offsets: frames to each side whose evidence is shared.
      level_width: of the noise-level features.
    """

    width: int = 192
    frame_width: int = 128
    fold: int = 2
    layers: int = 3
    heads: int = 6
    expansion: int = 4
    reach: int = 64
    offsets: int = 7
    level_width: int = 128


def shifted(x: jax.Array, offset: int) -> jax.Array:
    """x[:, t + offset] at every t, zeros beyond the ends. x: [B, T, ...]."""
    pad = [(0, 0)] * x.ndim
    if offset >= 0:
        pad[1] = (0, offset)
        return jnp.pad(x[:, offset:], pad)
    pad[1] = (-offset, 0)
    return jnp.pad(x[:, :offset], pad)


class EvidenceNetwork(nn.Module):
    """Logits of the tokens of every cell, given the exact log-likelihood of the noise."""

    space: TokenSpace
    settings: EvidenceSettings
    track_sizes: tuple[int, ...]

    @nn.compact
    def __call__(self, evidence: jax.Array, sigma: jax.Array, m: Condition) -> jax.Array:
        """Posterior logits.

        Args:
          evidence: float32[B, T, V, K], log q(x | token) up to a constant per cell.
          sigma: float32[B].
          m: the condition; given cells are used as if seen without noise.

        Returns:
          float32[B, T, V, K]: context + shared evidence + own evidence, `NEVER` where a voice
          has no such token.
        """
        cfg = self.settings
        batch, time, voices, tokens = evidence.shape
        given = jax.nn.one_hot(m.tokens, tokens) - 1.0
        evidence = jnp.where(m.known[..., None], -KNOWN_CELL * given, evidence)
        evidence = jnp.where(self.space.valid, evidence, NEVER) * m.frames[:, :, None, None]
        level = nn.gelu(nn.Dense(cfg.level_width, name="level")(
            fourier_features(jnp.log(sigma), cfg.level_width)))

        # What sounds in a cell, whatever its articulation: this is what neighbours share.
        sounds = jnp.asarray(self.space.sounds)
        best = jnp.max(evidence, axis=-1, keepdims=True)
        heard = jnp.einsum("btvk,vks->btvs", jnp.exp(evidence - best), sounds)
        heard = jnp.log(heard + 1e-12)  # [B, T, V, S]; the best token has 0
        ratio = self._same_note(heard)

        tracks = self._tracks(m)
        local = jnp.concatenate([
            ratio.reshape(batch, time, -1), m.known.astype(jnp.float32),
            m.frames[..., None].astype(jnp.float32)], axis=-1)
        hidden = nn.Dense(cfg.frame_width, name="local")(local) + tracks
        hidden = hidden + nn.Dense(cfg.frame_width, name="local_level")(level)[:, None]
        prior = self.param("prior", nn.initializers.zeros, (voices, tokens))
        first = evidence + prior + self._shared(nn.gelu(hidden), heard, "early")

        p = jax.nn.softmax(first, axis=-1)
        classes = jnp.einsum("btvk,vkc->btvc", p, jnp.asarray(self.space.pitch_classes))
        features = jnp.concatenate([
            p.reshape(batch, time, -1), classes.reshape(batch, time, -1)], axis=-1)
        frame = hidden + nn.Dense(cfg.frame_width, name="features")(features)
        frame = self._trunk(frame, level, m.frames)

        context = nn.Dense(voices * tokens, name="context")(frame)
        logits = context.reshape(evidence.shape) + evidence + self._shared(frame, heard, "late")
        return jnp.where(self.space.valid, logits, NEVER)

    def _same_note(self, heard: jax.Array) -> jax.Array:
        """Log Bayes factor that frames t and t + offset hold the same note, against two
        independent ones; float32[B, T, V, 2 * offsets], in nats, bounded."""
        size = heard.shape[-1]
        # A uniform prior over what sounds is enough here: the gates learn the rest.
        total = jax.nn.logsumexp(heard, axis=-1) - jnp.log(size)
        ratios = []
        for offset in range(1, self.settings.offsets + 1):
            both = jax.nn.logsumexp(heard + shifted(heard, offset), axis=-1) - jnp.log(size)
            ratio = jnp.clip(both - total - shifted(total, offset), -LARGEST_RATIO, LARGEST_RATIO)
            ratios += [ratio, shifted(ratio, -offset)]
        return jax.lax.stop_gradient(jnp.stack(ratios, axis=-1))

    def _shared(self, features: jax.Array, heard: jax.Array, name: str) -> jax.Array:
        """Neighbours' gated log-likelihoods, per token: float32[B, T, V, K]."""
        reach = self.settings.offsets
        voices = heard.shape[2]
        offsets = [o for d in range(1, reach + 1) for o in (d, -d)]
        start = -1.0 - 0.5 * np.abs(offsets)
        gates = nn.Dense(
            voices * len(offsets), kernel_init=nn.initializers.normal(0.01), name=f"{name}_gates",
            bias_init=lambda *_: jnp.tile(jnp.asarray(start, jnp.float32), voices))(features)
        gates = jax.nn.sigmoid(gates.reshape(*heard.shape[:3], len(offsets)))
        shared = jnp.zeros_like(heard)
        for i, offset in enumerate(offsets):
            shared += gates[..., i, None] * shifted(heard, offset)
        return jnp.einsum("btvs,vks->btvk", shared, jnp.asarray(self.space.sounds))

    def _tracks(self, m: Condition) -> jax.Array:
        """The sum of the embeddings of the conditioning tracks, float32[B, T, F]."""
        # A product with one-hot rows: on a CPU its gradient is far cheaper than a scatter.
        rows = [jax.nn.one_hot(m.tracks[..., i], size) for i, size in enumerate(self.track_sizes)]
        return nn.Dense(self.settings.frame_width, use_bias=False, name="tracks")(
            jnp.concatenate(rows, axis=-1))

    def _trunk(self, frame: jax.Array, level: jax.Array, present: jax.Array) -> jax.Array:
        """The transformer over groups of `fold` frames; frame features in and out."""
        cfg = self.settings
        batch, time, width = frame.shape
        ragged = -time % cfg.fold
        grouped = jnp.pad(frame, ((0, 0), (0, ragged), (0, 0))).reshape(
            batch, -1, cfg.fold * width)
        there = jnp.pad(present, ((0, 0), (0, ragged))).reshape(batch, -1, cfg.fold).any(-1)
        x = nn.Dense(cfg.width, name="fold")(nn.gelu(grouped))
        for i in range(cfg.layers):
            x = ModulatedBlock(
                cfg.heads, cfg.reach, cfg.expansion, name=f"block_{i}")(x, level, there)
        x = nn.Dense(cfg.fold * width, name="unfold")(nn.LayerNorm()(x))
        frame = frame + x.reshape(batch, -1, width)[:, :time]
        return nn.gelu(nn.Dense(width, name="mix")(nn.LayerNorm()(frame))) + frame
