"""Liveliness: where in a beat notes are struck, how often again on their pitch, and whether pieces
differ in it.

A mean over pieces can be right where each piece is wrong: some chorales run in eighths throughout,
and some hardly leave their quarters. So beside the means stands how far single pieces lie apart.
"""

from collections.abc import Sequence

from lmjax.metrics import tables
from lmjax.metrics.bootstrap import deviation_interval
from lmjax.metrics.tables import Interval, Row
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, Chorale

RATIOS = {
    "eighths": Row("cells struck on off-beat eighths, %", 100, 1),
    "again": Row("cells that strike their pitch again, %", 100, 2),
}
SPREADS = {
    "eighths": Row("off-beat eighths: standard deviation over pieces, points", 100, 1),
    "again": Row("struck again: standard deviation over pieces, points", 100, 2),
}
ROWS = {**RATIOS, **{f"{name}_spread": row for name, row in SPREADS.items()}}


def count(window: Chorale) -> tables.Counts:
    """The numerator and the denominator of every ratio of `RATIOS` for one piece.

    - off-beat eighths: cells in which a note begins, over those on the second eighth of a beat;
    - again: cells in which a note begins on the pitch of the frame before, over all but the first.

    Args:
      window: starting on a beat.
    """
    between = window.struck[FRAMES_PER_QUARTER // 2::FRAMES_PER_QUARTER]
    same = (window.pitch[1:] == window.pitch[:-1]) & (window.pitch[1:] != REST)
    again = window.struck[1:] & same
    return {"eighths": (int(between.sum()), between.size),
            "again": (int(again.sum()), again.size)}


def table(windows: Sequence[Chorale], seed: int = 0, draws: int = 1000) -> dict[str, Interval]:
    """How lively some pieces are: label -> (value, low, high).

    Low and high bound the 95 % bootstrap interval over pieces.

    Args:
      windows: starting on a beat.
      seed: of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if there are no pieces.
    """
    counts = [count(window) for window in windows]
    found = tables.ratios(counts, RATIOS, seed, draws)
    for row, shares in zip(SPREADS.values(), tables.by_piece(counts, RATIOS).T, strict=True):
        value, low, high = deviation_interval(shares, seed, draws)
        found[row.label] = (row.scale * value, row.scale * low, row.scale * high)
    return found
