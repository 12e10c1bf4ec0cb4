"""What a network is told about the vocabulary, as plain arrays."""

import dataclasses
import functools

import numpy as np

PITCH_CLASSES = 12


def _one_hot(index: np.ndarray, size: int) -> np.ndarray:
    """float32[..., size]; an index outside is no one's."""
    return (index[..., None] == np.arange(size)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class TokenSpace:
    """The tokens of each voice, and the tables by which logits and pitches meet.

    S counts what may sound in a voice, P the pitches of a common axis from the lowest pitch of any
    voice to the highest, O the tokens of a voice that state no pitch: a rest, for instance.

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

    @functools.cached_property
    def sounds(self) -> np.ndarray:
        """float32[V, K, S]: what a token sounds."""
        return _one_hot(self.sound, int(self.sound.max()) + 1) * self.valid[..., None]

    @property
    def kinds(self) -> int:
        """How many tokens may share a pitch: struck and held, or one that says neither."""
        return 2 if self.articulation.any() else 1

    @property
    def others(self) -> int:
        """O: the most tokens of a voice that state no pitch."""
        return int((self.valid & (self.pitch < 0)).sum(axis=1).max())

    @functools.cached_property
    def _positions(self) -> np.ndarray:
        """int[V, K]: where on the pitch axis a token lies, -1 if it has no pitch."""
        pitched = self.pitch >= 0
        return np.where(pitched, self.pitch - self.pitch[pitched].min(), -1)

    @property
    def pitches(self) -> int:
        """P."""
        return int(self._positions.max()) + 1

    @functools.cached_property
    def axis(self) -> np.ndarray:
        """float32[V, S, P]: where on the pitch axis a sound lies."""
        places = _one_hot(self._positions, self.pitches)
        return np.einsum("vks,vkp->vsp", self.sounds, places).clip(0, 1)

    @functools.cached_property
    def octaves(self) -> np.ndarray:
        """float32[V, S, Q]: `axis`, lengthened to whole octaves from pitch class 0."""
        below = self.lowest_class
        above = -(below + self.pitches) % PITCH_CLASSES
        return np.pad(self.axis, ((0, 0), (0, 0), (below, above)))

    @property
    def lowest_class(self) -> int:
        """The pitch class of the axis's first pitch."""
        return int(self.pitch[self.pitch >= 0].min()) % PITCH_CLASSES

    @functools.cached_property
    def steps(self) -> np.ndarray:
        """float32[V, S, S, 2 S - 1]: the interval, S - 1 added to it, from one pitch to another.

        All zero from or to what has no pitch.
        """
        size = self.sounds.shape[-1]
        pitched = self.axis.max(axis=-1) > 0
        place = self.axis.argmax(axis=-1)
        interval = place[:, None] - place[:, :, None] + size - 1
        both = pitched[:, None] & pitched[:, :, None]
        return _one_hot(np.where(both, interval, -1), 2 * size - 1)

    @functools.cached_property
    def pitched_tokens(self) -> np.ndarray:
        """float32[V, A, P, K]: the token of each kind and pitch."""
        kind = np.maximum(self.articulation - 1, 0)
        both = np.einsum("vka,vkp->vapk", _one_hot(kind, self.kinds),
                         _one_hot(self._positions, self.pitches))
        return both.astype(np.float32)

    @functools.cached_property
    def _rank(self) -> np.ndarray:
        """int[V, K]: the number of a token among those without pitch, -1 if it has one."""
        plain = self.valid & (self.pitch < 0)
        return np.where(plain, np.cumsum(plain, axis=1) - 1, -1)

    @functools.cached_property
    def other_tokens(self) -> np.ndarray:
        """float32[V, O, K]: the tokens that state no pitch."""
        return np.moveaxis(_one_hot(self._rank, self.others), 2, 1)

    @functools.cached_property
    def other_sounds(self) -> np.ndarray:
        """float32[V, O, S]: what sounds of those tokens."""
        return np.einsum("vok,vks->vos", self.other_tokens, self.sounds)
