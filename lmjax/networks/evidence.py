"""The score network of `configs/ncsn.py`: token logits from shared evidence and context.

By Tweedie's formula the score of noisy tokens is a posterior mean, and a posterior is a prior
times a likelihood. The likelihood of the noise is exact and needs no network; what has to be
learned is the prior that the context gives. Two things are known of it beforehand. Notes are held:
a Markov chain for each voice gathers what neighbouring frames say (`smoothing`), first by itself,
to clean the input, and at the end with what the context makes likely. And harmony is the same in
every key: all layers between commute with transposition (`symmetry`).

A state goes this way: evidence of tokens, and that of passages which they may repeat (`repeats`) ->
a chain for each voice by itself -> chains that have heard what the other voices sound ->
posteriors, here and in the frames before and after, laid on one pitch axis, and how each voice is
likely to move (`motion`) -> features of each pitch from all pitches around it -> folded to pitch
classes -> a transformer over groups of frames -> laid back on the pitch axis -> logits of tokens
and fresh notes -> the last chain -> what the voices say of one another by their motion (`pairs`),
by the chord that they share (`chords`) and by their heights (`spacing`) -> the last chain again.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.chords import Chords
from lmjax.networks.layers import channel_dropout, fourier_features
from lmjax.networks.motion import Moves, pulse
from lmjax.networks.pairs import VoicePairs
from lmjax.networks.repeats import Repeats
from lmjax.networks.smoothing import (
    distribution,
    holding,
    likelihood,
    listen,
    same_note,
    shifted,
)
from lmjax.networks.spacing import Spacing
from lmjax.networks.symmetry import (
    ModulatedBlock,
    PitchClassDense,
    PitchDense,
    fold,
    over_classes,
    unfold,
)
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER

KNOWN_CELL = -30.0  # log-likelihood of a token that a cell cannot have, beside those it can
UNHEARD = 1e-12  # the least likelihood of what sounds, before its logarithm
SMALL = nn.initializers.normal(0.02)  # for what is added to exact evidence: little at first
LARGEST_PUSH = 8.0  # nats, of what is learned within a chain: its messages stay in float32
STEPWISE = -0.15  # at first, nats per semitone that a melody moves


@dataclasses.dataclass(frozen=True)
class EvidenceSettings:
    """Sizes of the network.

    Attributes:
      channels: of a pitch class, in the transformer that reads groups of frames.
      frame_channels: of a pitch class, in one frame.
      early_channels: of a pitch, read from the pitches around it, between the first chains.
      pitch_channels: of a pitch, read from the pitches around it, for all that follows.
      cell_channels: of a pitch, from which its logits are read.
      local_width: of the features of a frame that are the same in every key.
      fold: frames to a group.
      layers, heads, expansion: of the transformer; the last is the hidden width of its
        perceptrons, in widths.
      reach: groups, and in `repeats` beats, whose distance is told apart.
      offsets: frames to each side with which a frame is compared.
      level_width: of the noise-level features.
      dropout: share of channels that are dropped in training: of the frames' features on their
        way into and out of the transformer, and of its hidden layers.
      smoothing: whether the frames around a cell are heard by the chains.
      repeats: whether a cell hears the passages that its own may repeat.
      rounds: chains before the transformer.
      pulse: whether frames hear how often voices move in the whole window; for chains that are
        heard.
      pairs: whether voices hear how the others move; for chains that are heard.
      chords: types of chord that voices may share in a frame, or 0; likewise.
      spacing: whether voices hear how high the others lie; likewise.
      symmetry: whether weights are shared over transpositions.
    """

    channels: int = 16
    frame_channels: int = 16
    early_channels: int = 8
    pitch_channels: int = 12
    cell_channels: int = 24
    local_width: int = 64
    fold: int = 2
    layers: int = 3
    heads: int = 4
    expansion: int = 4
    reach: int = 64
    offsets: int = 4
    level_width: int = 64
    dropout: float = 0.05
    smoothing: bool = True
    repeats: bool = True
    rounds: int = 3
    pulse: bool = True
    pairs: bool = True
    chords: int = 8
    spacing: bool = True
    symmetry: bool = True

    def __post_init__(self) -> None:
        if self.heads > 0 and self.channels % self.heads:
            raise ValueError(f"network.channels must be a multiple of network.heads, but they are "
                             f"{self.channels} and {self.heads}")
        if self.rounds < 1:
            raise ValueError(f"network.rounds must be at least 1, not {self.rounds}")
        for name in ("pulse", "pairs", "chords", "spacing"):
            if getattr(self, name) and not self.smoothing:
                raise ValueError(f"network.{name} needs network.smoothing: it reads the chains")
        if self.chords < 0:
            raise ValueError(f"network.chords must not be negative, but it is {self.chords}")
        if self.level_width % 2:
            raise ValueError(f"network.level_width must be even, not {self.level_width}")


class EvidenceNetwork(nn.Module):
    """Logits of the tokens of every cell, given the exact log-likelihood of the noise.

    Attributes:
      space: the vocabulary.
      settings: the sizes.
      track_sizes: how many values each conditioning track takes.
      key_track: which of them is the pitch class of the key, if one is.
    """

    space: TokenSpace
    settings: EvidenceSettings
    track_sizes: tuple[int, ...]
    key_track: int | None = None

    @nn.compact
    def __call__(self, evidence: jax.Array, sigma: jax.Array, m: Condition,
                 train: bool = False) -> jax.Array:
        """Posterior logits.

        Args:
          evidence: float32[B, T, V, K], log q(x | token) up to a constant per cell.
          sigma: float32[B].
          m: the condition; given cells are used as if seen without noise, and so is it that a token
            is not allowed.
          train: whether channels are dropped.

        Returns:
          float32[B, T, V, K]: context + neighbours' evidence + own evidence, `NEVER` where a
          voice has no such token.
        """
        cfg, space = self.settings, self.space
        voices, tokens = evidence.shape[2:]
        if m.allowed is not None:
            best = jnp.where(m.allowed, evidence, NEVER).max(axis=-1, keepdims=True)
            evidence = jnp.where(m.allowed, evidence, best + KNOWN_CELL)
        given = jnp.where(jax.nn.one_hot(m.tokens, tokens, dtype=bool), 0.0, KNOWN_CELL)
        evidence = jnp.where(m.known[..., None], given, evidence)
        evidence = jnp.where(space.valid, evidence, NEVER) * m.frames[:, :, None, None]
        level = nn.gelu(nn.Dense(cfg.level_width, name="level")(
            fourier_features(jnp.log(sigma), cfg.level_width)))

        # What sounds in a cell, whatever its articulation: this is what neighbours share.
        sounds, exists = jnp.asarray(space.sounds), jnp.asarray(space.sounds.any(axis=1))
        best = jnp.max(evidence, axis=-1, keepdims=True)
        heard = jnp.einsum("btvk,vks->btvs", jnp.exp(evidence - best), sounds)
        # [B, T, V, S], the best has 0; a frame that does not exist says nothing.
        heard = jnp.log(heard + UNHEARD) * m.frames[..., None, None]
        usual = self.param("usual", nn.initializers.zeros, (voices, sounds.shape[-1]))
        told, repeated = jnp.zeros_like(heard), jnp.zeros(heard.shape[:-1])
        if cfg.repeats:
            told, repeated = Repeats(cfg.reach, name="repeats")(
                likelihood(heard, exists),
                jax.lax.stop_gradient(distribution(usual, exists)), m.frames)
            told = jnp.log(told)
            heard = heard + told
            heard = heard - heard.max(axis=-1, keepdims=True)
        local, key = self._local(m, heard, repeated, level)
        seen = likelihood(heard, exists)
        if cfg.smoothing:
            laid, felt = self._rounds(seen, usual, exists, local, m.frames)
            local = local + felt
        else:
            shares = seen * distribution(usual, exists)
            laid = self._lay(shares / shares.sum(axis=-1, keepdims=True), m.frames)

        pitches = self._pitches("pitch", cfg.pitch_channels, laid, local)
        frame = self._frame(pitches, laid, local, key)
        frame = self._trunk(frame, level, m.frames, train)
        context, fresh, hold = self._cells(frame, pitches, local)
        logits = (context + self.param("prior", nn.initializers.zeros, (voices, tokens)) + evidence
                  + jnp.einsum("btvs,vks->btvk", told, sounds))
        if cfg.smoothing:
            around = self._around(seen, fresh + usual, exists, hold + 1.0, frame, m.frames)
            logits = logits + jnp.einsum("btvs,vks->btvk", around, sounds)
        return jnp.where(space.valid, logits, NEVER)

    def _rounds(self, seen: jax.Array, usual: jax.Array, exists: jax.Array, local: jax.Array,
                frames: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The chains before the transformer: the first hears each voice by itself, and each that
        follows what the one before it has made of all voices.

        Returns the last posterior, laid out, float32[B, T, P, V], and features of how the voices
        are likely to move, float32[B, T, F].
        """
        cfg = self.settings
        voices = seen.shape[2]
        hold = self._holding(nn.Dense(
            voices, kernel_init=SMALL, bias_init=nn.initializers.ones, name="early_hold")(local),
            frames)
        fresh = jnp.broadcast_to(usual, seen.shape)
        chain = listen(seen, hold, distribution(fresh, exists), self._motion("motion_0", exists))
        for i in range(1, cfg.rounds):
            pitches = self._pitches(f"early_{i}", cfg.early_channels,
                                    self._lay(chain.posterior, frames), local)
            said = nn.Dense(voices, kernel_init=SMALL, name=f"early_cells_{i}")(pitches)
            said = jnp.einsum("btpv,vsp->btvs", said, jnp.asarray(self.space.axis))
            chain = listen(seen, hold, distribution(fresh + said, exists),
                           self._motion(f"motion_{i}", exists))
        taken = Moves(self.space, chain).taken()
        # Upwards or downwards. By which steps a whole piece moves would be its fingerprint.
        often = taken[..., -2:].sum(axis=-1)
        taken = taken.reshape(*taken.shape[:2], -1)
        moves = [taken, shifted(taken, 1)] + ([pulse(often, frames)] if cfg.pulse else [])
        felt = nn.gelu(nn.Dense(cfg.local_width, name="moves")(jnp.concatenate(moves, axis=-1)))
        return self._lay(chain.posterior, frames), felt

    def _around(self, seen: jax.Array, fresh: jax.Array, exists: jax.Array, hold: jax.Array,
                frame: jax.Array, frames: jax.Array) -> jax.Array:
        """What the frames around a cell say of what sounds there, and the other voices in its own,
        in nats: the last chain, which is heard twice if voices hear of one another. `fresh` and
        `hold` are logits, `frame` features float32[B, T, 12 C]."""
        cfg, motion = self.settings, self._motion("motion", exists)
        hold = self._holding(hold, frames)
        chain = listen(seen, hold, distribution(fresh, exists), motion)
        # Likelihoods, not distributions: what is refused may as well be held as be another note.
        arriving = sounding = jnp.zeros_like(seen)
        if cfg.pairs:
            arriving, sounding = VoicePairs(self.space, name="pairs")(chain)
        if cfg.chords:
            chord = Chords(self.space, cfg.chords, name="chords")(
                chain.posterior, frame.reshape(*frame.shape[:2], PITCH_CLASSES, -1))
            sounding = sounding + chord * frames[..., None, None]
        if cfg.spacing:
            heights = Spacing(self.space, name="spacing")(chain.posterior)
            sounding = sounding + heights * frames[..., None, None]
        if cfg.pairs or cfg.chords or cfg.spacing:
            # What is said of all frames of a note, however long it is held, and of its first.
            chain = listen(seen * _push(sounding), hold,
                           distribution(fresh, exists) * _push(arriving), motion)
        return sounding + jnp.log(chain.before + 1e-9) + jnp.log(chain.after + 1e-9)

    @staticmethod
    def _holding(logits: jax.Array, frames: jax.Array) -> jax.Array:
        """Probabilities of holding, of logits [B, T, V]; 1 in a frame that does not exist, through
        which nothing is heard."""
        return jnp.where(frames[..., None], holding(logits), 1.0)

    def _local(self, m: Condition, heard: jax.Array, repeated: jax.Array,
               level: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What is the same in every key, float32[B, T, F], and the key itself, [B, T, 12, 1]."""
        cfg = self.settings
        # Products with one-hot rows: on a CPU their gradients are far cheaper than a scatter.
        rows = [jax.nn.one_hot(m.tracks[..., i], size) for i, size in enumerate(self.track_sizes)]
        key = jnp.zeros((*m.frames.shape, PITCH_CLASSES))
        if self.key_track is not None:
            key = rows.pop(self.key_track)[..., 1:]  # its value 0 is "not known"
        rows += [same_note(heard, cfg.offsets), repeated, m.known, m.frames[..., None],
                 narrowed(m, self.space.valid)]
        local = nn.Dense(cfg.local_width, name="local")(
            jnp.concatenate([row.astype(jnp.float32) for row in rows], axis=-1))
        local = local + nn.Dense(cfg.local_width, name="local_level")(level)[:, None]
        return nn.gelu(local), key[..., None]

    def _motion(self, name: str, exists: jax.Array) -> jax.Array:
        """Weights of how each voice moves from one sound to the next, float32[V, S, S]: a matter
        of the interval between pitches. `exists` is bool[V, S]."""
        voices, size = exists.shape

        def stepwise(key: jax.Array, shape: tuple[int, int]) -> jax.Array:
            del key
            return jnp.broadcast_to(STEPWISE * jnp.abs(jnp.arange(shape[1]) - size + 1), shape)

        steps = self.param(name, stepwise, (voices, 2 * size - 1))
        steps = jnp.clip(steps, -LARGEST_PUSH, LARGEST_PUSH)
        return jnp.exp(jnp.einsum("vi,vsri->vsr", steps, self.space.steps)) * exists[:, None]

    def _lay(self, shares: jax.Array, frames: jax.Array) -> jax.Array:
        """What sounds, float32[B, T, V, S], laid on the pitch axis: float32[B, T, P, V]; nothing
        in a frame that does not exist."""
        # One product with a table of ones and zeros: no transposition, and no scatter backward.
        voices, sounds, pitches = self.space.axis.shape
        table = jnp.einsum("vsp,vw->vspw", self.space.axis, jnp.eye(voices))
        laid = (shares * frames[..., None, None]).reshape(*shares.shape[:2], -1)
        laid = laid @ table.reshape(voices * sounds, -1)
        return laid.reshape(*shares.shape[:2], pitches, voices)

    def _pitches(self, name: str, channels: int, laid: jax.Array, local: jax.Array) -> jax.Array:
        """Features of every pitch, float32[B, T, P, C]: what is laid on the pitch axis, of all
        voices, here and in the frames before and after, as heard from there."""
        features = PitchDense(channels, self.settings.symmetry, name=name)(
            jnp.concatenate([laid, shifted(laid, -1), shifted(laid, 1)], axis=-1))
        return nn.gelu(features + nn.Dense(channels, use_bias=False, name=f"{name}_local")(
            local)[:, :, None])

    def _frame(self, pitches: jax.Array, posterior: jax.Array, local: jax.Array,
               key: jax.Array) -> jax.Array:
        """Features of every pitch class, float32[B, T, 12 C]: of its pitches, of what sounds of it
        in each voice, and whether it is the key."""
        cfg, lowest = self.settings, self.space.lowest_class
        inputs = jnp.concatenate([fold(pitches, lowest), fold(posterior, lowest), key], axis=-1)
        inputs = inputs.reshape(*inputs.shape[:2], -1)
        frame = PitchClassDense(cfg.frame_channels, cfg.symmetry, name="features")(inputs)
        return frame + over_classes(nn.Dense(cfg.frame_channels, name="frame_local")(local))

    def _trunk(self, frame: jax.Array, level: jax.Array, present: jax.Array,
               train: bool) -> jax.Array:
        """The transformer over groups of `fold` frames; features float32[B, T, 12 C] in and out."""
        cfg = self.settings
        drop = channel_dropout(cfg.dropout, train)
        norm = nn.LayerNorm(use_bias=False, use_scale=False)
        time, channels = frame.shape[1], frame.shape[-1] // PITCH_CLASSES
        ragged = -time % cfg.fold
        inputs = drop(nn.gelu(frame)) * present[..., None]
        inputs = jnp.pad(inputs, ((0, 0), (0, ragged), (0, 0)))
        there = jnp.pad(present, ((0, 0), (0, ragged))).reshape(len(frame), -1, cfg.fold).any(-1)
        x = jnp.zeros((*there.shape, PITCH_CLASSES * cfg.channels))
        for i in range(cfg.fold):
            x = x + PitchClassDense(cfg.channels, cfg.symmetry, name=f"fold_{i}")(
                inputs[:, i::cfg.fold])
        for i in range(cfg.layers):
            x = ModulatedBlock(cfg.heads, cfg.reach, cfg.expansion, cfg.dropout, cfg.symmetry,
                               name=f"block_{i}")(x, level, there, train)
        x = jnp.stack([PitchClassDense(channels, cfg.symmetry, name=f"unfold_{i}")(norm(x))
                       for i in range(cfg.fold)], axis=2)
        frame = frame + x.reshape(len(frame), -1, frame.shape[-1])[:, :time]
        mixed = nn.gelu(PitchClassDense(channels, cfg.symmetry, name="mix")(norm(frame)))
        return drop(mixed + frame)

    def _cells(self, frame: jax.Array, pitches: jax.Array,
               local: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Logits of tokens float32[B, T, V, K], of fresh sounds [B, T, V, S], of holds [B, T, V].

        Those of pitches are read from the features of the pitch and of its class, those of what
        has no pitch from the mean over classes.
        """
        cfg, space = self.settings, self.space
        (voices, tokens), kinds, others = space.valid.shape, space.kinds, space.others
        size, shape = space.sounds.shape[-1], frame.shape[:2]
        classes = frame.reshape(*shape, PITCH_CLASSES, -1)
        by_class = nn.Dense(cfg.cell_channels, name="cell_class")(classes)
        hidden = nn.gelu(nn.Dense(cfg.cell_channels, use_bias=False, name="cell_pitch")(pitches)
                         + unfold(by_class, space.lowest_class, space.pitches))
        of_pitch = nn.Dense(voices * (kinds + 1), kernel_init=SMALL, name="cells")(hidden)
        of_pitch = of_pitch.reshape(*shape, space.pitches, voices, kinds + 1)
        plain = nn.Dense(voices * (2 * others + 1), kernel_init=SMALL, name="plain")(
            jnp.concatenate([classes.mean(axis=2), local], axis=-1))
        plain = plain.reshape(*shape, voices, 2 * others + 1)

        def place(values: jax.Array, table: np.ndarray, names: str, size: int) -> jax.Array:
            """Values float32[B, T, ...] where the table, of each voice, wants them: [V, size]."""
            whole = jnp.einsum(names, table, np.eye(voices)).reshape(-1, voices * size)
            return (values.reshape(*shape, -1) @ whole).reshape(*shape, voices, size)

        context = (place(of_pitch[..., :-1], space.pitched_tokens, "vapk,vw->pvawk", tokens)
                   + place(plain[..., :others], space.other_tokens, "vok,vw->vowk", tokens))
        fresh = (place(of_pitch[..., -1], space.axis, "vsp,vw->pvws", size)
                 + place(plain[..., others:-1], space.other_sounds, "vos,vw->vows", size))
        return context, fresh, plain[..., -1]


def narrowed(m: Condition, valid: np.ndarray) -> jax.Array:
    """How far sets of allowed tokens narrow the cells that are not given, float32[B, T, V].

    With n of N tokens allowed, `1 - log n / log N`: 0 if all are, 1 if one is. Without this a set
    would be taken for noise so low that it rules the other tokens out. `valid` is bool[V, K], the
    tokens that exist.
    """
    if m.allowed is None:
        return jnp.zeros(m.known.shape)
    left = (m.allowed & valid).sum(axis=-1)
    return jnp.where(m.known, 0.0, 1.0 - jnp.log(left) / np.log(valid.sum(axis=-1)))


def _push(logits: jax.Array) -> jax.Array:
    """What logits make of weights; bounded."""
    return jnp.exp(jnp.clip(logits, -LARGEST_PUSH, LARGEST_PUSH))
