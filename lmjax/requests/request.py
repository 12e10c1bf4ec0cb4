"""What is asked of a piece, as arrays: what samplers are told, whatever a musician said."""

import dataclasses
from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import REST, VOICES
from lmjax.music.tokens import HELD, Vocabulary

SILENCE = 128  # where `Request.allowed` has silence: after all MIDI pitches


class Together(NamedTuple):
    """What the voices of a frame have to be together.

    Attributes:
      order: bool[T], whether no voice may be higher than one above it.
      groups: bool[T, R, 128], sets of MIDI pitches.
      least: bool[T, R], whether some voice must have a pitch of the set.
      most: bool[T, R], whether only one voice may.
    """

    order: np.ndarray
    groups: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @classmethod
    def open(cls, frames: int, groups: int = 0) -> "Together":
        """Nothing is asked of so many frames."""
        nothing = np.zeros((frames, groups), bool)
        return cls(np.zeros(frames, bool), np.zeros((frames, groups, SILENCE), bool), nothing,
                   nothing)

    def broken(self, pitch: np.ndarray) -> np.ndarray:
        """bool[T], the frames of pitches int[T, 4] in which it is not so."""
        sounding = pitch != REST
        lowest = np.minimum.accumulate(np.where(sounding, pitch, SILENCE), axis=1)
        crossed = (sounding[:, 1:] & (pitch[:, 1:] > lowest[:, :-1])).any(axis=1)
        own = np.take_along_axis(self.groups, np.where(sounding, pitch, 0)[:, None], axis=2)
        count = (own & sounding[:, None]).sum(axis=2)
        return (self.order & crossed) | (
            (self.least & (count < 1)) | (self.most & (count > 1))).any(axis=1)


def held(known: np.ndarray, pitch: np.ndarray, struck: np.ndarray,
         attack: np.ndarray | None) -> np.ndarray:
    """bool[T, 4]: the cells that have to go on with what sounded before (see `Request`)."""
    given = known & ~struck & (pitch != REST)
    return given if attack is None else given | (~known & (attack == -1))


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What is wished for, and how much; nobody vouches for it.

    Attributes:
      parallels: weight against parallel fifths and octaves.
      motion: against moving far; below 0 for livelier lines.
      attacks: against many notes; below 0 for more.
      form: w of guidance by metre, form and key: 1 as trained, above 1 more obedient; None as the
        composer's sampler has it.
      temperature: what logits are divided by: below 1 nearer to what is likeliest.

    Raises:
      ValueError: if one of them cannot be.
    """

    parallels: float = 0.0
    motion: float = 0.0
    attacks: float = 0.0
    form: float | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"wishes.temperature must be positive, not {self.temperature:g}")
        if self.form is not None and self.form < 0:
            raise ValueError(f"wishes.form must not be negative, but is {self.form:g}")


NO_WISHES = Wishes()


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
      attack: int8[T, 4], whether a note must begin in a cell (1), or may not (-1), which then goes
        on with what sounded before and is not silent; 0 for either. None if all are 0.
      together: what voices have to be together; None if nothing.
      near: pitches and re-attacks, as `pitch` and `struck`, of music that what is composed is to be
        near to; None if it is to be composed from noise.
      wishes: for it.

    Raises:
      ValueError: if shapes disagree, or a cell may have nothing.
    """

    tracks: np.ndarray
    known: np.ndarray
    pitch: np.ndarray
    struck: np.ndarray
    allowed: np.ndarray | None = None
    attack: np.ndarray | None = None
    together: Together | None = None
    near: tuple[np.ndarray, np.ndarray] | None = None
    wishes: Wishes = NO_WISHES

    def __post_init__(self) -> None:
        shape = len(self.tracks), len(VOICES)
        for name in ("known", "pitch", "struck", "allowed", "attack"):
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

    def tokens(self, vocabulary: Vocabulary) -> np.ndarray | None:
        """The tokens that are allowed, bool[T, V, K]; None if all are.

        Raises:
          ValueError: if no token of a cell is, or the vocabulary does not say where notes begin.
        """
        if self.allowed is None and self.attack is None:
            return None
        pitches, (_, articulation) = vocabulary.pitches, vocabulary.parts
        allowed = (np.ones((len(self), len(VOICES), SILENCE + 1), bool)
                   if self.allowed is None else self.allowed)
        # Silence, which states the pitch -1, is the last.
        may = np.stack([allowed[:, voice, row] for voice, row in enumerate(pitches)], axis=1)
        may &= vocabulary.valid
        attack = np.zeros(self.known.shape, int) if self.attack is None else self.attack
        if vocabulary.encoding == "hold":
            # What is held is what was allowed before, so it must be so still.
            given = np.arange(SILENCE + 1) == self.pitch[..., None] % (SILENCE + 1)
            sung = np.where(self.known[..., None], given, allowed)
            still = (~sung[:-1] | allowed[1:]).all(axis=-1)
            may[1:, :, 0] = still
            may[attack == 1, 0] = False
            may[attack == -1, 1:] = False
        elif (articulation == HELD).any():
            may &= (attack != 1)[..., None] | (articulation != HELD)
            may &= (attack != -1)[..., None] | (articulation == HELD)
        elif attack.any():
            raise ValueError("this composer knows no re-attacks, so it cannot be told where notes "
                             "begin")
        self._check(may)
        return may

    def broken(self, pitch: np.ndarray, struck: np.ndarray) -> np.ndarray:
        """bool[T, 4]: the cells of pitches int[T, 4] and re-attacks bool[T, 4] that are not as was
        asked; all of a frame whose voices are not together what they have to be."""
        row, voice = np.indices(pitch.shape)
        broken = np.zeros(pitch.shape, bool)
        if self.allowed is not None:
            broken = ~self.allowed[row, voice, pitch]  # -1 is the last, silence
        if self.attack is not None:
            broken |= (self.attack == 1) & ~struck & (pitch != REST)
            broken |= (self.attack == -1) & struck
        other = (pitch != self.pitch) | ((struck != self.struck) & (pitch != REST))
        broken = np.where(self.known, other, broken)
        if self.together is not None:
            broken |= self.together.broken(pitch)[:, None]
        return broken

    def _check(self, allowed: np.ndarray) -> None:
        """Raises ValueError if a cell that is not given may have nothing."""
        nothing = ~self.known & ~allowed.any(axis=-1)
        if nothing.any():
            frame, voice = np.argwhere(nothing)[0]
            raise ValueError(f"the {VOICES[voice]} can sing nothing that is allowed at frame "
                             f"{frame}")
