from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.metrics.repeats import repeated_lengths


def count(line: str) -> Counter[int]:
    """The repeats of a line in which letters are onsets, "_" holds and "." rests."""
    symbols = np.array([ord(symbol) for symbol in line])
    return repeated_lengths(symbols, np.array([i for i, s in enumerate(line) if s.isalpha()], int))


@pytest.mark.parametrize(("line", "lengths"), [
    ("", {}),
    ("C___", {}),
    ("C_D_E_F_", {}),
    ("C_D_C_D_", {4: 2}),
    ("C_D_C___", {}),  # the length belongs to it, too
    ("C_D_C_D_C_D_", {8: 2, 4: 3}),  # D_C_D_ is part of the eight as often
    ("C_C_C_", {4: 2}),  # overlapping
    ("C___D___C___D_E_", {6: 2}),  # as far as it goes: into the second D
    ("_C_D_.._C_D_", {4: 2}),
    ("C_D_A_D_E_B_D_E_", {4: 2}),  # D_E_, after A and B
    ("C_D_E_C_D_F_C_D_E_", {6: 2, 4: 3}),
    ("C_.D_C_.D_", {5: 2}),  # a rest is no onset, but may lie between
    ("C_____DE_A_C___DE_", {3: 2}),  # after notes that differ in length alone
    ("CDE_ABCDE_FGCDE_CD", {4: 3, 2: 4}),
])
def test_known_repeats(line, lengths):
    assert count(line) == lengths


def by_definition(line: str) -> Counter[int]:
    """The same by listing all substrings and counting their matching pairs."""
    starts: dict[str, list[int]] = {}
    for start, first in enumerate(line):
        if first.isalpha():
            for end in range(start + 1, len(line) + 1):
                part = line[start:end]
                if sum(symbol.isalpha() for symbol in part) >= 2:
                    starts.setdefault(part, []).append(start)
    pairs = {part: len(found) * (len(found) - 1) // 2
             for part, found in starts.items() if len(found) >= 2}
    counts: Counter[int] = Counter()
    for part, number in pairs.items():
        if not any(part in longer and number == pairs[longer] and part != longer
                   for longer in pairs):
            counts[len(part)] += int((1 + (1 + 8 * number) ** 0.5) / 2)
    return counts


@given(st.text("CD_.", max_size=24))
@settings(deadline=None, max_examples=300)
def test_the_definition(line):
    assert count(line) == by_definition(line)
