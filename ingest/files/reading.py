"""The items of a file, one after the other: whatever its encoding, dialect and compression.

A file is read in place and never held in memory; one item that cannot be read costs that item.
"""

import csv
import io
import json
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingest.files.lines import MAX_ITEM, Lines, lines_of
from stream.errors import Stop

LONGEST_ROW = 16_000_000
MOST_LINES = 1_000_000
"""So far, in characters and lines, a CSV row is followed before it is given up."""


class Row(dict[str, str]):
    """A row of CSV under the names of the header."""


class Unreadable(msgspec.Struct, frozen=True):
    """An item that could not be read, and why; it counts as an item."""

    why: str


def items(file: io.BufferedReader, path: Path) -> Iterator[Any | Unreadable]:
    """Every item of an open file, as the value that it holds (an object, for the files we know).
    `path` says by its name whether it is CSV.
    """
    lines = lines_of(file, path)
    if "csv" in path.name.casefold() or "tsv" in path.name.casefold():
        yield from _rows(lines)
    else:
        yield from _objects(lines)


def _objects(lines: Lines) -> Iterator[Any | Unreadable]:
    if lines.is_array:
        raise Stop(
            f"{lines.path} is one array of JSON; an object a line can be read. Convert it, for "
            "example with: jq -c '.[]'"
        )
    for line in lines:
        if line is None:
            yield Unreadable(f"over {MAX_ITEM} bytes")
        elif line.strip():
            try:
                yield json.loads(line, strict=False)
            except (ValueError, RecursionError) as error:
                where = (
                    f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
                )
                yield Unreadable(f"not JSON{where}")
    if lines.truncated:
        yield Unreadable("the file ends in the middle: what came before was read, get it again")


class RowLines:
    """Lines for a CSV reader, which asks for one line more while a quotation mark is open.

    `taken` holds those of the row at hand, `length` their characters. `refused`
    counts lines that may not be read.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._patience = MOST_LINES
        self.length = 0
        self.taken: list[str] = []
        self.refused = 0

    def begin(self) -> None:
        """The next line begins a row."""
        self.taken, self.length = [], 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= self._patience or self.length > LONGEST_ROW:
            raise StopIteration
        line = self._again.popleft() if self._again else self._fresh()
        self.taken.append(line)
        self.length += len(line)
        return line

    def _fresh(self) -> str:
        for line in self._lines:
            if line is not None:
                return line
            self.refused += 1
        raise StopIteration

    def put_back(self) -> None:
        """Give all lines of the row at hand but its first one again. A file with many rows that
        do not end is followed less far each time, so that it is not read again and again.
        """
        if len(self.taken) > 1:
            self._patience = max(1, self._patience // 2)
        self._again.extendleft(reversed(self.taken[1:]))


def _is_strict(lines: Sequence[str], delimiter: str) -> bool:
    """Whether these lines are one row without a quotation mark at a wrong place."""
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _rows(lines: Lines) -> Iterator[Any | Unreadable]:
    csv.field_size_limit(LONGEST_ROW)
    source = RowLines(lines)
    header_line = next(source, "")
    delimiter = max(",;\t|", key=header_line.count)
    names = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    reader = csv.reader(source, delimiter=delimiter)
    while True:
        source.begin()
        try:
            row, why = next(reader, None), ""
        except csv.Error as error:
            row, why = [], f"not a row of CSV: {error}"
        for _ in range(source.refused):
            yield Unreadable(f"over {MAX_ITEM} bytes")
        source.refused = 0
        if row is None:
            break
        if not row and not why:
            continue
        if not why and len(row) != len(names):
            why = f"{len(row)} columns instead of {len(names)}"
        if len(source.taken) > 1 and not _is_strict(source.taken, delimiter):
            why = "a quotation mark that is not closed"
        if why:
            # A mark too many takes in the rows after it: they are read again without it.
            source.put_back()
            yield Unreadable(why)
        elif source.length > MAX_ITEM:
            yield Unreadable(f"over {MAX_ITEM} bytes")
        else:
            yield Row(zip(names, row, strict=True))
    if lines.truncated:
        yield Unreadable("the file ends in the middle: what came before was read, get it again")
