"""Rows of whole numbers that only grow, and their expansion for many at once."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]

Places = NDArray[np.intp]
"""Numbers that say where in another array: of the kind that numpy looks up without a copy."""


class Rows:
    """Rows behind one another in one array. Adding costs what the row costs: a new word never
    rebuilds what is there.
    """

    def __init__(self) -> None:
        self._values = array("i", [0])  # numpy takes no empty one
        self._ends = array("q", [1])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, row: Iterable[int]) -> int:
        """Add a row; returns its number."""
        self._values.extend(row)
        self._ends.append(len(self._values))
        return len(self._ends) - 2

    def row(self, number: int) -> Sequence[int]:
        """The values of one row."""
        return self._values[self._ends[number] : self._ends[number + 1]]

    def expand(self, numbers: Numbers) -> tuple[Numbers, Places]:
        """The values of these rows, one row behind the other, and how many each of them has."""
        # Views of what may grow; they must be gone before it does.
        ends, values = np.frombuffer(self._ends, np.int64), np.frombuffer(self._values, np.int32)
        starts = ends.take(numbers)
        lengths = ends.take(numbers + 1) - starts
        done = np.cumsum(lengths, dtype=np.intp)
        total = int(done[-1]) if len(done) else 0
        index = (starts - (done - lengths)).repeat(lengths)
        index += np.arange(total)
        return values.take(index), lengths
