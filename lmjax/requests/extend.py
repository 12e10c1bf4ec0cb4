"""Pieces with room for music before, after or between what is given."""

from collections.abc import Sequence

import numpy as np

from lmjax.music.chorale import REST, SIXTEENTHS_PER_WHOLE, VOICES, Bar, Chorale
from lmjax.music.importers import Source
from lmjax.requests.form import LONGEST
from lmjax.requests.keep import Kept
from lmjax.requests.pins import AskingError


def extend(kept: Kept, before: int = 0, after: int = 0) -> Kept:
    """Bars to be composed before and after a piece, in its metre.

    They are full bars from where it begins or ends, so that an anacrusis is preceded by another as
    long, and a last bar that is shortened by it is completed.

    Raises:
      AskingError: if a number is negative, or there are none.
    """
    if min(before, after) < 0 or before + after == 0:
        raise AskingError(f"a piece is extended by at least 1 bar, not by {before} before it and "
                          f"{after} after it")
    lead, tail = before * kept.score.bars[0].length, after * kept.score.bars[-1].length
    return _joined([part for part in (lead, kept, tail) if part])


def bridge(first: Kept, second: Kept, bars: int) -> Kept:
    """Two pieces with some bars to be composed between them; in the key signature of the first.

    Where the second does not begin at the place in the bar at which the first ends, there are as
    many sixteenths more as it takes.

    Raises:
      AskingError: if their metres differ, or there are no bars.
    """
    if bars < 1:
        raise AskingError(f"a bridge has at least 1 bar, not {bars}")
    last, start = first.score.bars[-1], second.score.bars[0]
    if last.metre != start.metre:
        raise AskingError(f"the first piece ends in {last.metre} and the second begins in "
                          f"{start.metre}; a bridge is in one metre")
    end = len(first.score) - last.start + last.offset
    return _joined([first, bars * last.length + (start.offset - end) % last.length, second])


def _joined(parts: Sequence[Kept | int]) -> Kept:
    """Pieces, and numbers of empty sixteenths, one after the other.

    Raises:
      AskingError: if the whole is too long.
    """
    whole = sum(part if isinstance(part, int) else len(part.score) for part in parts)
    if whole > LONGEST:
        raise AskingError(f"a piece lasts at most {LONGEST} sixteenths, and this would be {whole}; "
                          f"ask for fewer bars")
    pieces = [part for part in parts if isinstance(part, Kept)]
    bar = pieces[0].score.bars[0]
    place = (bar.offset - (parts[0] if isinstance(parts[0], int) else 0)) % bar.length
    bars: list[Bar] = []
    sources: list[Source] = []
    frame = 0
    for part in parts:
        if isinstance(part, int):
            starts = [n for n in range(part) if (place + n) % bar.length == 0 or frame + n == 0]
            bars += [bar._replace(start=frame + n, offset=(place + n) % bar.length)
                     for n in starts]
            frame, place = frame + part, (place + part) % bar.length
        else:
            own = [bar._replace(start=frame + bar.start) for bar in part.score.bars]
            # A first bar that is cut goes on where the music before it breaks off.
            bars += own[1:] if frame and place and own[0].offset == place else own
            sources += [one._replace(start=frame + one.start) for one in part.sources]
            bar, frame = own[-1], frame + len(part.score)
            place = (frame - bar.start + bar.offset) % bar.length

    def cells(name: str, filling: int) -> np.ndarray:
        return np.concatenate([
            np.full((part, len(VOICES)), filling) if isinstance(part, int)
            else getattr(part.score, name) for part in parts])

    score = Chorale(
        cells("pitch", REST).astype(np.int16), cells("struck", False).astype(bool),
        cells("fermata", False).astype(bool), tuple(bars), pieces[0].score.sharps,
        pieces[0].score.mode, pieces[0].score.title)
    known = np.concatenate([np.zeros((part, len(VOICES)), bool) if isinstance(part, int)
                            else part.known for part in parts])
    fermata = np.concatenate([np.zeros(part, bool) if isinstance(part, int) else part.fermata
                              for part in parts])
    unsettled = np.concatenate([np.full(*(part, True) if isinstance(part, int)
                                        else (len(part.score), False)) for part in parts])
    if isinstance(parts[-1], int) and fermata.any():
        # A piece that has fermatas ends with one.
        fermata[-SIXTEENTHS_PER_WHOLE // bar.denominator:] = True
    return Kept(score, known, fermata, unsettled=unsettled, sources=tuple(sources))
