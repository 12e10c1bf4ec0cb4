import numpy as np
import pytest

from lmjax.metrics.theory import ROWS, Parallel, count, format_table, parallels, table

C_MAJOR = [72, 67, 64, 48]


def two(before: tuple[int, int], after: tuple[int, int]) -> dict[str, tuple[float, int]]:
    """The counts of two voices that move, the alto and the tenor resting."""
    return count(np.array([[before[0], -1, -1, before[1]], [after[0], -1, -1, after[1]]]))


@pytest.mark.parametrize(("before", "after", "fifths", "octaves", "moving"), [
    ((67, 60), (69, 62), 1, 0, 1),  # parallel fifth
    ((79, 60), (81, 62), 1, 0, 1),  # parallel twelfth
    ((79, 60), (69, 62), 0, 0, 1),  # a twelfth and a fifth in contrary motion
    ((79, 72), (76, 69), 1, 0, 1),  # downwards
    ((64, 60), (69, 62), 0, 0, 1),  # hidden: similar motion into a fifth
    ((67, 60), (60, 67), 0, 0, 1),  # the voices change places
    ((60, 67), (62, 69), 1, 0, 1),  # crossed before and after
    ((72, 60), (74, 62), 0, 1, 1),  # parallel octave
    ((60, 60), (62, 62), 0, 1, 1),  # parallel unison
    ((60, 60), (74, 62), 0, 1, 1),  # unison to octave, same direction
    ((84, 60), (74, 62), 0, 0, 1),  # octaves in contrary motion
    ((67, 60), (67, 60), 0, 0, 0),  # repeated
    ((67, 60), (69, 60), 0, 0, 0),  # oblique
    ((67, 60), (69, -1), 0, 0, 0),  # into a rest
])
def test_known_parallels(before: tuple[int, int], after: tuple[int, int], fifths: int,
                         octaves: int, moving: int) -> None:
    counts = two(before, after)
    assert counts["parallel_fifths"] == (fifths, moving)
    assert counts["parallel_octaves"] == (octaves, moving)


def test_a_frame_has_six_moving_pairs() -> None:
    counts = count(np.array([C_MAJOR, np.add(C_MAJOR, 2)]))
    assert counts["parallel_fifths"] == (1, 6)
    assert counts["parallel_octaves"] == (1, 6)


@pytest.mark.parametrize(("frame", "triad"), [
    ([72, 67, 64, 48], 1),  # major
    ([69, 64, 60, 57], 1),  # minor
    ([74, 65, 59, 59], 1),  # diminished
    ([68, 64, 60, 48], 1),  # augmented
    ([67, -1, 64, 60], 1),  # of three voices
    ([65, 62, 59, 55], 0),  # a seventh chord
    ([67, 60, 60, 48], 0),  # an open fifth
    ([67, 62, 60, 48], 0),  # a suspension
])
def test_known_triads(frame: list[int], triad: int) -> None:
    assert count(np.array([frame]))["triads"] == (triad, 1)


def test_two_voices_are_no_chord() -> None:
    assert count(np.array([[67, -1, -1, 60]]))["triads"] == (0, 0)


@pytest.mark.parametrize(("interval", "dissonant"), list(enumerate(
    [0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1])))
def test_known_dissonances(interval: int, dissonant: int) -> None:
    frame = np.array([[60 + interval, -1, -1, 60]])
    assert count(frame)["dissonant"] == (dissonant, 1)


@pytest.mark.parametrize(("frame", "in_order"), [
    ([72, 67, 64, 48], 1), ([67, 67, 48, 48], 1), ([67, 72, 64, 48], 0), ([72, 67, 47, 48], 0),
    ([64, -1, 67, 48], 0), ([67, -1, 64, -1], 1), ([-1, -1, -1, -1], 1)])
def test_known_voice_orders(frame: list[int], in_order: int) -> None:
    assert count(np.array([frame]))["in_order"] == (in_order, 1)


def test_repeats_and_odd_onsets() -> None:
    pitch = np.tile(C_MAJOR, (5, 1))
    pitch[1:, 0] = 74  # an onset at 1
    pitch[2:, 1] = -1  # a rest at 2: a change, but no onset
    pitch[4:, 1] = 69  # an onset at 4
    counts = count(pitch)
    assert counts["repeats"] == (13, 16)
    assert counts["odd_onsets"] == (1, 2)


def test_entropy() -> None:
    assert count(np.array([[72, 60, 60, 48]]))["entropy"] == (0, 1)
    assert count(np.array([[75, 72, 66, 57]]))["entropy"] == (2, 1)
    assert count(np.full((3, 4), -1))["entropy"] == (0, 1)


def test_where_parallels_are() -> None:
    pitch = np.array([[72, 64, 60, 48], [72, 64, 60, 48], [74, 65, 60, 50], [76, 65, 69, 50],
                      [76, 67, 71, 48]])
    assert parallels(pitch) == [Parallel("parallel octaves", 2, (0, 3))]


def test_as_many_parallels_as_are_counted() -> None:
    pitch = np.random.default_rng(0).integers(48, 72, (500, 4))
    kinds = [parallel.kind for parallel in parallels(pitch)]
    counts = count(pitch)
    assert kinds.count("parallel fifths") == counts["parallel_fifths"][0] > 0
    assert kinds.count("parallel octaves") == counts["parallel_octaves"][0] > 0


def test_table_is_a_ratio_of_sums() -> None:
    pieces = [np.tile(C_MAJOR, (9, 1)), np.array([[72, 67, 62, 48]])]
    triads = table(pieces)[ROWS["triads"].label]
    assert triads[0] == pytest.approx(90)
    assert triads[1] == pytest.approx(0) and triads[2] == pytest.approx(100)
    assert np.isnan(table(pieces)[ROWS["parallel_fifths"].label]).all()


def test_markdown_is_aligned() -> None:
    rows = table([np.tile(C_MAJOR, (4, 1))])
    lines = format_table({"corpus": rows, "ours": rows}).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == ["", "corpus", "ours"]
    assert "| 100.0 [100.0, 100.0] |" in lines[6]


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="pitches"):
        count(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="at least one piece"):
        table([])
