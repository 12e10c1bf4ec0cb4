"""Which chorales are composed together, and what is known of a window of each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lmjax.composer import Composer
from lmjax.data.dataset import Piece
from lmjax.data.jsb import UNSTATED
from lmjax.music.chorale import REST, VOICES
from lmjax.music.tokens import Vocabulary
from lmjax.noise.condition import Relations
from lmjax.noise.embed import NEVER
from lmjax.requests.request import Request, Together, held
from lmjax.sampling.joint import decode_jointly
from lmjax.sampling.overlap import stretched
from lmjax.settings import half


def windows(frames: int, length: int) -> list[tuple[int, int, int]]:
    """The windows of a piece that are composed one after the other: (start, end, first new frame)
    of each."""
    spans, done = [], 0
    while done < frames:
        end = min(frames, done + (half(length) if done else length))
        spans.append((max(end - length, 0), end, done))
        done = end
    return spans


class Batch(NamedTuple):
    """Chorales that are composed together.

    Attributes:
      width: the frames that are composed in one go: those of a window, or all of a longer piece.
      size: how many chorales a program for them takes.
      numbers: of those that there are.
    """

    width: int
    size: int
    numbers: list[int]


def batches(frames: Sequence[int], window: int, batch_size: int, at_once: bool) -> list[Batch]:
    """Which chorales are composed together.

    A chorale that fits half a window, or a quarter, is composed in one such, so that of any mixture
    of lengths few programs are compiled, and how a chorale is composed depends on its own length
    alone. A longer one is composed window by window or, if it is to be at once, in one go for each
    length in half windows, with so few others that the network reads no more than a batch of
    windows. Batches are of similar length, so that few wait for a longer one to be finished.
    """
    step = half(window)
    widths: dict[int, list[int]] = {}
    for n in sorted(range(len(frames)), key=frames.__getitem__):
        width = next((width for width in (half(step), step) if frames[n] <= width),
                     stretched(frames[n], window, step) if at_once else window)
        widths.setdefault(width, []).append(n)
    plan = []
    for width, numbers in widths.items():
        read = 1 + max(0, width - window) // step
        size = max(1, batch_size // read)
        plan += [Batch(width, size, numbers[i:i + size]) for i in range(0, len(numbers), size)]
    return plan


class Notes:
    """The notes of a chorale as far as they are composed, and how that went."""

    def __init__(self, composer: Composer, request: Request) -> None:
        tracks = request.tracks
        if composer.settings.data.source == "jsb16":
            tracks = tracks.copy()
            tracks[:, UNSTATED] = 0  # the network has never seen them
        self.vocabulary, self.request = composer.vocabulary, request
        self.pitch, self.struck = request.pitch.copy(), request.struck.copy()
        self.allowed = request.tokens(composer.vocabulary)
        composer.vocabulary.check_ranges(self.pitch)
        self.near = None if request.near is None else composer.vocabulary.encode(*request.near)
        self.piece = Piece(self.pitch, self.struck, tracks, "")
        self.corrected = 0
        self.diagnostics: list[dict[str, np.ndarray]] = []

    @property
    def tokens(self) -> np.ndarray:
        """int32[T, 4]."""
        return self.vocabulary.encode(self.pitch, self.struck)

    def given(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """bool[width, 4]: the cells of a window that stand already."""
        start, end, new = span
        known = np.zeros((width, len(VOICES)), bool)
        known[:end - start] = self.request.known[start:end]
        known[:new - start] = True
        return known

    def may(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """bool[width, 4, K]: the tokens that may stand in its other cells."""
        start, end, _ = span
        allowed = np.ones((width, len(VOICES), self.vocabulary.size), bool)
        if self.allowed is not None:
            allowed[:end - start] = self.allowed[start:end]
        return allowed

    def start(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """int32[width, 4]: the tokens of the music that a window is to be near to."""
        start, end, _ = span
        assert self.near is not None
        return np.pad(self.near[start:end], ((0, width - (end - start)), (0, 0)))

    def relations(self, span: tuple[int, int, int], width: int, groups: int,
                  vocabulary: Vocabulary) -> Relations:
        """What its voices have to be together, [width, ...], by so many groups of tokens."""
        start, end, _ = span
        asked = self.request.together or Together.open(len(self.pitch))
        pitches, frames = vocabulary.pitches, (0, width - (end - start))
        sounding = pitches != REST
        groups_too = frames, (0, groups - asked.least.shape[1])
        sets = asked.groups[start:end][..., pitches] & sounding
        lowest = pitches[sounding].min()
        height = np.where(sounding, pitches - lowest + 1, 0)
        return Relations._make((
            np.pad(asked.order[start:end], frames),
            np.pad(sets, (*groups_too, (0, 0), (0, 0))),
            np.pad(asked.least[start:end], groups_too), np.pad(asked.most[start:end], groups_too),
            np.eye(1 + height.max(), dtype=bool)[height]))

    def joined(self, span: tuple[int, int, int], logits: np.ndarray) -> np.ndarray:
        """The tokens int32[T, 4] of a window, of logits float32[T, 4, K], that hold its relations.

        Raises:
          ValueError: if none do.
        """
        start, border, new = span
        asked, vocabulary = self.request, self.vocabulary
        assert asked.together is not None
        groups, sounding = asked.together.least.shape[1], vocabulary
        # Notes that are held over the border have to fit what is asked behind it.
        over = held(asked.known, asked.pitch, asked.struck, asked.attack)[border:].any(axis=1)
        end = border + int(np.argmin(np.append(over, False)))
        logits = np.concatenate([logits, self._undecided(border, end)])
        span = start, end, new
        if vocabulary.encoding == "hold":  # what it holds, a token does not say
            sounding, logits = vocabulary.sounding, vocabulary.to_sounding(logits, NEVER)
            given = np.eye(sounding.size, dtype=bool)[sounding.encode(
                self.pitch[start:end], self.struck[start:end])]
            known = self.given(span, end - start)[..., None]
            logits = np.where(known, np.where(given, 0.0, NEVER), logits)
        found = decode_jointly(logits, sounding.legal(), self.relations(
            span, end - start, groups, sounding))
        if found is None:
            raise ValueError(f"no music between the sixteenths {start} and {end} holds all that is "
                             f"asked of its voices together")
        tokens = found.tokens[:border - start]
        return tokens if sounding is vocabulary else vocabulary.encode(*sounding.decode(tokens))

    def _undecided(self, start: int, end: int) -> np.ndarray:
        """Logits float32[T, 4, K] of frames of which nothing is known but what is asked."""
        span, vocabulary = (start, end, start), self.vocabulary
        may = self.may(span, end - start) & vocabulary.valid
        given = np.eye(vocabulary.size, dtype=bool)[self.tokens[start:end]]
        known = self.given(span, end - start)[..., None]
        return np.where(np.where(known, given, may), 0.0, NEVER).astype(np.float32)

    def add(self, span: tuple[int, int, int], tokens: np.ndarray, corrected: int,
            diagnostics: dict[str, np.ndarray]) -> None:
        """Takes over what is new of a window, tokens int32[T, 4]."""
        start, end, new = span
        for mine, part in zip((self.pitch, self.struck),
                              self.vocabulary.decode(tokens[:end - start]), strict=True):
            mine[new:end] = part[new - start:]
        self.corrected += corrected
        self.diagnostics.append(diagnostics)
