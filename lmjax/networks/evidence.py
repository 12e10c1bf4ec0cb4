"""The score network of `configs/ncsn.py`: token logits from shared evidence and context.

By Tweedie's formula the score of noisy tokens is a posterior mean, and a posterior is a prior
times a likelihood. The likelihood of the noise is exact and needs no network; what has to be
learned is the prior that the context gives. Four of five cells repeat the frame before, so the
strongest context of a cell is the noisy state of its own neighbours. The network need not learn to
gather it either: it states, per voice and frame, the probability that the note is held over and
the distribution of a fresh one, and Bayes' rule for that Markov chain (forward and backward
messages, Baum et al. 1970) does the rest, exactly.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import ModulatedBlock, channel_dropout, fourier_features
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER

Row = tuple[jax.Array, jax.Array, jax.Array]

PITCH_CLASSES = 12
KNOWN_CELL = -30.0  # log-likelihood of every other token where a cell is given
LARGEST_RATIO = 8.0  # nats; beyond this two cells are as good as surely equal, or different
# Nothing in the Markov chain is quite certain, so that its messages stay within float32.
LEAST = 1e-3  # probability of holding, of not holding, and of all fresh notes together
LEAST_HEARD = -12.0  # log-likelihood of what sounds, below that of the likeliest


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
      layers, heads, expansion: of the transformer; the last is the hidden width of its
        perceptrons, in widths.
      reach: groups whose relative position is told apart.
      offsets: frames to each side with which a frame is compared.
      level_width: of the noise-level features.
      dropout: share of channels that are dropped in training: of the frames' features on their
        way into and out of the transformer, and of its hidden layers.
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
    dropout: float = 0.15


def shifted(x: jax.Array, offset: int) -> jax.Array:
    """x[:, t + offset] at every t, zeros beyond the ends. x: [B, T, ...]."""
    pad = [(0, 0)] * x.ndim
    offset = max(min(offset, x.shape[1]), -x.shape[1])
    if offset >= 0:
        pad[1] = (0, offset)
        return jnp.pad(x[:, offset:], pad)
    pad[1] = (-offset, 0)
    return jnp.pad(x[:, :x.shape[1] + offset], pad)


def neighbours(likelihood: jax.Array, hold: jax.Array, fresh: jax.Array) -> jax.Array:
    """The log-prior of each frame's state given all other frames of a Markov chain.

    The state of frame t is that of frame t - 1 with probability hold[t], else drawn from fresh[t];
    the first is always drawn.

    Args:
      likelihood: float32[B, T, V, S], of each state by itself, up to a factor per frame.
      hold: float32[B, T, V, 1].
      fresh: float32[B, T, V, S], each a distribution.

    Returns:
      float32[B, T, V, S], nats, up to a constant per frame: log-messages from before and after.
    """
    hold = hold.at[:, 0].set(0.0)
    rows = jax.tree.map(lambda a: jnp.moveaxis(a, 1, 0), (likelihood, hold, fresh))

    def forward(posterior: jax.Array, row: Row) -> tuple[jax.Array, jax.Array]:
        seen, held, drawn = row
        before = held * posterior + (1 - held) * drawn
        joint = seen * before
        return joint / joint.sum(axis=-1, keepdims=True), before

    def backward(after: jax.Array, row: Row) -> tuple[jax.Array, jax.Array]:
        seen, held, drawn = row
        joint = seen * after
        message = held * joint + (1 - held) * (drawn * joint).sum(axis=-1, keepdims=True)
        return message / message.sum(axis=-1, keepdims=True), after

    _, before = jax.lax.scan(forward, rows[2][0], rows, unroll=4)
    _, after = jax.lax.scan(backward, jnp.ones_like(rows[2][0]), rows, reverse=True, unroll=4)
    return jnp.moveaxis(jnp.log(before + 1e-9) + jnp.log(after + 1e-9), 0, 1)


class EvidenceNetwork(nn.Module):
    """Logits of the tokens of every cell, given the exact log-likelihood of the noise."""

    space: TokenSpace
    settings: EvidenceSettings
    track_sizes: tuple[int, ...]

    @nn.compact
    def __call__(self, evidence: jax.Array, sigma: jax.Array, m: Condition,
                 train: bool = False) -> jax.Array:
        """Posterior logits.

        Args:
          evidence: float32[B, T, V, K], log q(x | token) up to a constant per cell.
          sigma: float32[B].
          m: the condition; given cells are used as if seen without noise.
          train: whether channels are dropped.

        Returns:
          float32[B, T, V, K]: context + neighbours' evidence + own evidence, `NEVER` where a
          voice has no such token.
        """
        cfg = self.settings
        batch, time, voices, tokens = evidence.shape
        given = jnp.where(jax.nn.one_hot(m.tokens, tokens, dtype=bool), 0.0, KNOWN_CELL)
        evidence = jnp.where(m.known[..., None], given, evidence)
        evidence = jnp.where(self.space.valid, evidence, NEVER) * m.frames[:, :, None, None]
        level = nn.gelu(nn.Dense(cfg.level_width, name="level")(
            fourier_features(jnp.log(sigma), cfg.level_width)))

        # What sounds in a cell, whatever its articulation: this is what neighbours share.
        sounds = jnp.asarray(self.space.sounds)
        best = jnp.max(evidence, axis=-1, keepdims=True)
        heard = jnp.einsum("btvk,vks->btvs", jnp.exp(evidence - best), sounds)
        # [B, T, V, S], the best token has 0; a frame that does not exist says nothing.
        heard = jnp.log(heard + 1e-12) * m.frames[..., None, None]
        ratio = self._same_note(heard)

        tracks = self._tracks(m)
        local = jnp.concatenate([
            ratio.reshape(batch, time, -1), m.known.astype(jnp.float32),
            m.frames[..., None].astype(jnp.float32)], axis=-1)
        hidden = nn.Dense(cfg.frame_width, name="local")(local) + tracks
        hidden = hidden + nn.Dense(cfg.frame_width, name="local_level")(level)[:, None]
        prior = self.param("prior", nn.initializers.zeros, (voices, tokens))
        first = evidence + prior + self._smooth(nn.gelu(hidden), heard, "early")

        p = jax.nn.softmax(first, axis=-1)
        classes = jnp.einsum("btvk,vkc->btvc", p, jnp.asarray(self.space.pitch_classes))
        features = jnp.concatenate([
            p.reshape(batch, time, -1), classes.reshape(batch, time, -1)], axis=-1)
        frame = hidden + nn.Dense(cfg.frame_width, name="features")(features)
        frame = self._trunk(frame, level, m.frames, train)

        context = nn.Dense(voices * tokens, name="context")(frame)
        logits = context.reshape(evidence.shape) + evidence + self._smooth(frame, heard, "late")
        return jnp.where(self.space.valid, logits, NEVER)

    def _same_note(self, heard: jax.Array) -> jax.Array:
        """Log Bayes factor that frames t and t + offset hold the same note, against two
        independent ones; float32[B, T, V, 2 * offsets], in nats, bounded."""
        size = heard.shape[-1]
        # A uniform prior over what sounds is enough here: the network learns the rest.
        total = jax.nn.logsumexp(heard, axis=-1) - jnp.log(size)
        ratios = []
        for offset in range(1, self.settings.offsets + 1):
            both = jax.nn.logsumexp(heard + shifted(heard, offset), axis=-1) - jnp.log(size)
            ratio = jnp.clip(both - total - shifted(total, offset), -LARGEST_RATIO, LARGEST_RATIO)
            ratios += [ratio, shifted(ratio, -offset)]
        return jax.lax.stop_gradient(jnp.stack(ratios, axis=-1))

    def _smooth(self, features: jax.Array, heard: jax.Array, name: str) -> jax.Array:
        """What the frames before and after say of each token: float32[B, T, V, K], nats.

        The network states the chain from features float32[B, T, F]; heard float32[B, T, V, S] is
        the log-likelihood of what sounds.
        """
        voices, size = heard.shape[2:]
        exists = jnp.asarray(self.space.sounds.max(axis=1)) > 0
        hold = nn.Dense(voices, kernel_init=nn.initializers.normal(0.01), name=f"{name}_hold",
                        bias_init=nn.initializers.constant(1.0))(features)
        fresh = nn.Dense(voices * size, kernel_init=nn.initializers.normal(0.01),
                         name=f"{name}_fresh")(features).reshape(heard.shape)
        fresh = jax.nn.softmax(jnp.where(exists, fresh, NEVER), axis=-1)
        fresh = (1 - LEAST) * fresh + LEAST * exists / exists.sum(axis=-1, keepdims=True)
        hold = LEAST + (1 - 2 * LEAST) * jax.nn.sigmoid(hold)
        likelihood = jnp.where(exists, jnp.exp(jnp.maximum(heard, LEAST_HEARD)), 0.0)
        around = neighbours(likelihood, hold[..., None], fresh)
        return jnp.einsum("btvs,vks->btvk", around, jnp.asarray(self.space.sounds))

    def _tracks(self, m: Condition) -> jax.Array:
        """The sum of the embeddings of the conditioning tracks, float32[B, T, F]."""
        # A product with one-hot rows: on a CPU its gradient is far cheaper than a scatter.
        rows = [jax.nn.one_hot(m.tracks[..., i], size) for i, size in enumerate(self.track_sizes)]
        return nn.Dense(self.settings.frame_width, use_bias=False, name="tracks")(
            jnp.concatenate(rows, axis=-1))

    def _trunk(self, frame: jax.Array, level: jax.Array, present: jax.Array,
               train: bool) -> jax.Array:
        """The transformer over groups of `fold` frames; frame features in and out."""
        cfg = self.settings
        drop = channel_dropout(cfg.dropout, train)
        batch, time, width = frame.shape
        ragged = -time % cfg.fold
        grouped = jnp.pad(frame, ((0, 0), (0, ragged), (0, 0))).reshape(
            batch, -1, cfg.fold * width)
        there = jnp.pad(present, ((0, 0), (0, ragged))).reshape(batch, -1, cfg.fold).any(-1)
        x = nn.Dense(cfg.width, name="fold")(drop(nn.gelu(grouped)))
        for i in range(cfg.layers):
            x = ModulatedBlock(
                cfg.heads, cfg.reach, cfg.expansion, cfg.dropout, name=f"block_{i}")(
                    x, level, there, train)
        x = nn.Dense(cfg.fold * width, name="unfold")(nn.LayerNorm()(x))
        frame = frame + x.reshape(batch, -1, width)[:, :time]
        return drop(nn.gelu(nn.Dense(width, name="mix")(nn.LayerNorm()(frame))) + frame)
