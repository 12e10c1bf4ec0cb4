"""Chorale cells as tokens, and back.

Two encodings state the same music:

- `hold`, the paper's: Hold, Rest, or the pitch that is struck in the cell.
- `sounding`, ours: Rest, or the pitch that sounds, either struck here or held over, so that the
  harmony of a frame can be read off the frame. Without `articulation` (for data that has no
  re-attacks) the struck and the held form of a pitch are one token.
"""

import dataclasses

import numpy as np

from lmjax.music.chorale import PAPER_RANGES, REST, VOICES

# As wide as every four-part chorale of the corpus, the JSB benchmark's training and validation
# pieces and the paper's ranges together, and a semitone or two wider for pieces not yet seen.
WIDE_RANGES = ((57, 82), (50, 76), (44, 71), (34, 67))

ENCODINGS = ("hold", "sounding")
RANGES = {"paper": PAPER_RANGES, "wide": WIDE_RANGES}

# What a token says about articulation, the second column of `Vocabulary.parts`.
NEITHER, STRUCK, HELD = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The tokens of each voice.

    Attributes:
      encoding: "hold" or "sounding".
      ranges: per voice the lowest and the highest MIDI pitch, inclusive.
      articulation: `sounding` only: whether struck and held cells are told apart.
      padding: `hold` only: whether a last token stands for frames past the end (the paper's code).

    Tokens of all voices share one axis of `size` entries; the voice with fewer tokens leaves the
    last ones unused (`valid` tells which exist).
    """

    encoding: str = "sounding"
    ranges: tuple[tuple[int, int], ...] = WIDE_RANGES
    articulation: bool = True
    padding: bool = False

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding must be one of {ENCODINGS}, not {self.encoding!r}")
        if self.encoding == "hold" and not self.articulation:
            raise ValueError("the hold encoding cannot leave out articulation")
        if self.padding and self.encoding != "hold":
            raise ValueError("only the hold encoding has a padding token")
        object.__setattr__(self, "ranges", tuple((int(a), int(b)) for a, b in self.ranges))

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_v: how many tokens each voice has."""
        per_pitch = 2 if self.encoding == "sounding" and self.articulation else 1
        others = 1 if self.encoding == "sounding" else 2 + self.padding
        return tuple(others + per_pitch * (high - low + 1) for low, high in self.ranges)

    @property
    def size(self) -> int:
        """K: the longest voice's number of tokens."""
        return max(self.sizes)

    @property
    def sounding(self) -> "Vocabulary":
        """That of the same voices which says in each cell what sounds."""
        return dataclasses.replace(self, encoding="sounding", padding=False)

    def to_sounding(self, logits: np.ndarray, never: float) -> np.ndarray:
        """Logits float[..., V, K] of hold tokens as those of `sounding` tokens, `never` of none.

        To go on with a pitch, or with silence where there may be any, is as likely as to hold.
        """
        sounding = self.sounding
        _, articulation = sounding.parts
        pitches = self.pitches
        out = np.full((*logits.shape[:-1], sounding.size), never)
        hold = logits[..., :1]
        for voice, (row, how) in enumerate(zip(sounding.pitches, articulation, strict=True)):
            struck, held = np.flatnonzero(how == STRUCK), np.flatnonzero(how == HELD)
            same = [int(np.flatnonzero(pitches[voice] == pitch)[0]) for pitch in row[struck]]
            out[..., voice, struck] = logits[..., voice, same]
            out[..., voice, held] = hold[..., voice, :]
            silent = logits[..., voice, 1]
            out[..., voice, 0] = np.where(
                silent > never, np.maximum(hold[..., voice, 0], silent), never)
        return out

    @property
    def valid(self) -> np.ndarray:
        """bool[V, K]: which tokens a voice has."""
        return np.arange(self.size) < np.array(self.sizes)[:, None]

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """int[V, K] twice: what sounds (an index, per voice) and the articulation.

        The index of what sounds is 0 for a rest and 1, 2, ... for the pitches from the lowest up;
        in `hold`, each token is its own. Articulation is NEITHER, STRUCK or HELD.
        """
        k = np.tile(np.arange(self.size), (len(VOICES), 1))
        if self.encoding == "hold" or not self.articulation:
            return k, np.zeros_like(k)
        return (k + 1) // 2, np.where(k == 0, NEITHER, np.where(k % 2 == 1, STRUCK, HELD))

    @property
    def pitches(self) -> np.ndarray:
        """int[V, K]: the MIDI pitch that a token states, -1 if it states none."""
        low = np.array(self.ranges)[:, :1]
        token = np.tile(np.arange(self.size), (len(VOICES), 1))
        pitched = self.valid & (token >= (1 if self.encoding == "sounding" else 2))
        if self.padding:
            pitched &= token < np.array(self.sizes)[:, None] - 1
        index = self.parts[0] - 1 if self.encoding == "sounding" else token - 2
        return np.where(pitched, low + index, REST)

    def encode(self, pitch: np.ndarray, struck: np.ndarray) -> np.ndarray:
        """Tokens int32[T, V] of pitches int[T, V] and re-attacks bool[T, V].

        The first frame is encoded as struck, for a window may begin inside a note.

        Raises:
          ValueError: naming the first pitch outside its voice's range.
        """
        self.check_ranges(pitch)
        low = np.array(self.ranges)[:, 0]
        rest, index = pitch == REST, pitch - low
        struck = struck.copy()
        struck[0] = ~rest[0]
        if self.encoding == "sounding":
            if not self.articulation:
                return np.where(rest, 0, 1 + index).astype(np.int32)
            return np.where(rest, 0, np.where(struck, 1, 2) + 2 * index).astype(np.int32)
        rest_begins = rest & np.concatenate([rest[:1], ~rest[:-1] & rest[1:]])
        tokens = np.where(struck, 2 + index, np.where(rest_begins, 1, 0))
        return tokens.astype(np.int32)

    def decode(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pitches int16[T, V] and re-attacks bool[T, V] of tokens int[T, V].

        Any tokens decode: a hold at the start is a rest, a held pitch that does not continue the
        cell before is struck, a padding token is a rest. Legal tokens decode to what they state.
        """
        low = np.array(self.ranges)[:, 0]
        tokens = np.asarray(tokens)
        if self.encoding == "sounding":
            sound, articulation = (part[np.arange(len(VOICES)), tokens] for part in self.parts)
            pitch = np.where(sound == 0, REST, low + sound - 1).astype(np.int16)
            changed = np.concatenate([pitch[:1] != REST, pitch[1:] != pitch[:-1]])
            return pitch, (pitch != REST) & (changed | (articulation == STRUCK))
        pitch = np.full(tokens.shape, REST, np.int16)
        struck = (tokens >= 2) & (tokens < np.array(self.sizes) - self.padding)
        now = np.full(len(VOICES), REST)
        for t, row in enumerate(tokens):
            now = np.where(row == 0, now, np.where(struck[t], low + row - 2, REST))
            pitch[t] = now
        return pitch, struck

    def check_ranges(self, pitch: np.ndarray) -> None:
        """Raises ValueError naming the first pitch that no token of its voice can state."""
        low, high = np.array(self.ranges).T
        outside = (pitch != REST) & ((pitch < low) | (pitch > high))
        if outside.any():
            frame, voice = np.argwhere(outside)[0]
            raise ValueError(
                f"{VOICES[voice]} has pitch {pitch[frame, voice]} at frame {frame}, outside the "
                f"vocabulary's {low[voice]} to {high[voice]}")

    def legal(self) -> tuple[np.ndarray, np.ndarray]:
        """What may begin and what may follow: bool[V, K] and bool[V, K, K].

        A held pitch continues the same pitch; nothing is held at the start. `legal[1][v, a, b]`
        says whether token b may follow token a.
        """
        valid = self.valid
        follow = valid[:, :, None] & valid[:, None, :]
        if self.encoding == "hold":
            start = valid & (np.arange(self.size) != 0)
            return start, follow
        sound, articulation = self.parts
        held = articulation == HELD
        same = sound[:, :, None] == sound[:, None, :]
        return valid & ~held, follow & (~held[:, None, :] | same)
