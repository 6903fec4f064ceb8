"""Rows of whole numbers that only grow, and their expansion for many at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]


class Rows:
    """Rows behind one another in one array. Adding costs what the row costs: the arrays double,
    so that a new word never rebuilds what is there.
    """

    def __init__(self) -> None:
        self._count = self._used = 0
        self._starts = np.zeros(16, np.int32)
        self._lengths = np.zeros(16, np.int32)
        self._values = np.zeros(64, np.int32)

    def __len__(self) -> int:
        return self._count

    def append(self, row: Sequence[int]) -> int:
        """Add a row; returns its number."""
        number, end = self._count, self._used + len(row)
        if number == len(self._starts):
            self._starts, self._lengths = _doubled(self._starts), _doubled(self._lengths)
        while end > len(self._values):
            self._values = _doubled(self._values)
        self._starts[number], self._lengths[number] = self._used, len(row)
        self._values[self._used : end] = row
        self._count, self._used = number + 1, end
        return number

    def expand(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """The values of these rows, one row behind the other, and for each value the place in
        `numbers` that it is of.
        """
        lengths = self._lengths[numbers]
        places = np.flatnonzero(lengths).astype(np.int32)
        lengths = lengths[places]
        ends = np.cumsum(lengths, dtype=np.int32)
        total = int(ends[-1]) if len(ends) else 0
        index = np.repeat(self._starts[numbers[places]] - (ends - lengths), lengths)
        index += np.arange(total, dtype=np.int32)
        return self._values[index], np.repeat(places, lengths)

    def lengths(self, numbers: Numbers) -> Numbers:
        """How many values each of these rows has."""
        return self._lengths[numbers]


def _doubled(values: Numbers) -> Numbers:
    return np.concatenate([values, np.zeros_like(values)])
