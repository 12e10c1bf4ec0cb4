"""What is asked of a piece, as arrays: what samplers are told, whatever a musician said."""

import dataclasses

import numpy as np

from lmjax.music.chorale import REST, VOICES

SILENCE = 128  # where `Request.allowed` has silence: after all MIDI pitches


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What is known of a piece before it is composed.

    Attributes:
      tracks: int32[T, C], its rhythm and form (see `music.rhythm`).
      known: bool[T, 4], the cells that are given.
      pitch: int16[T, 4], MIDI pitch of what sounds in them, `REST` for silence and elsewhere.
      struck: bool[T, 4], whether it is struck there.
      allowed: bool[T, 4, 129], the MIDI pitches and, last, silence that any other cell may have;
        None for all.

    Raises:
      ValueError: if shapes disagree, or a cell may have nothing.
    """

    tracks: np.ndarray
    known: np.ndarray
    pitch: np.ndarray
    struck: np.ndarray
    allowed: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = len(self.tracks), len(VOICES)
        for name in ("known", "pitch", "struck", "allowed"):
            array = getattr(self, name)
            expected = (*shape, SILENCE + 1) if name == "allowed" else shape
            if array is not None and array.shape != expected:
                raise ValueError(f"{name} has shape {array.shape}, not {expected}")
        if self.allowed is not None:
            self._check(self.allowed)

    @classmethod
    def open(cls, tracks: np.ndarray) -> "Request":
        """A piece of which nothing is given but its tracks int32[T, C]."""
        shape = len(tracks), len(VOICES)
        return cls(tracks, np.zeros(shape, bool), np.full(shape, REST, np.int16),
                   np.zeros(shape, bool))

    def __len__(self) -> int:
        """Sixteenths."""
        return len(self.tracks)

    def tokens(self, pitches: np.ndarray) -> np.ndarray:
        """What is allowed, as tokens: bool[T, V, K], of which int[V, K] states the pitches.

        Raises:
          ValueError: if no token of a cell is.
        """
        if self.allowed is None:
            return np.ones((len(self), *pitches.shape), bool)
        may = np.stack([self.allowed[:, voice, row] for voice, row in enumerate(pitches)], axis=1)
        self._check(may)
        return may

    def _check(self, allowed: np.ndarray) -> None:
        """Raises ValueError if a cell that is not given may have nothing."""
        nothing = ~self.known & ~allowed.any(axis=-1)
        if nothing.any():
            frame, voice = np.argwhere(nothing)[0]
            raise ValueError(f"the {VOICES[voice]} can sing nothing that is allowed at frame "
                             f"{frame}")
