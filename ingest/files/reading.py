"""The items of a file, one after the other: whatever its encoding, dialect and compression.

A file is read in place and never held in memory; one item that cannot be read costs that item.
"""

import codecs
import csv
import gzip
import hashlib
import io
import json
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from stream.errors import Stop

MAX_ITEM = 1_000_000
"""Bytes: a larger item is refused."""

LONGEST_ROW = 16_000_000
MOST_LINES = 1_000_000
"""So far, in characters and lines, a CSV row is followed before it is given up."""

SAMPLE = 65_536
MAX_RATIO = 200
RATIO_FROM = 100_000_000
"""A compressed file that unpacks to over 200 times its size, and 100 MB, is an attack."""

GZIP_MAGIC = b"\x1f\x8b"


class Row(dict[str, str]):
    """A row of CSV under the names of the header."""


class Unreadable(msgspec.Struct, frozen=True):
    """An item that could not be read, and why; it counts as an item."""

    why: str


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error.strerror}; check its name and rights") from error


def items(path: Path) -> Iterator[Any | Unreadable]:
    """Every item of the file, as the value that it holds (an object, for the files we know)."""
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == GZIP_MAGIC
        raw = _Unpacked(gzip.GzipFile(fileobj=file)) if packed else file
        lines = _Lines(cast("BinaryIO", raw), file, path)
        if "csv" in path.name.casefold() or "tsv" in path.name.casefold():
            yield from _rows(lines)
        else:
            yield from _objects(lines)


class _Unpacked(io.RawIOBase):
    """What a gzip holds, as far as it can be unpacked: what came before the end of a file that
    is cut off is given before the error.
    """

    def __init__(self, source: gzip.GzipFile) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._source.read1(len(buffer))
        buffer[: len(some)] = some
        return len(some)


class _Utf8(io.RawIOBase):
    """A stream of UTF-16 as one of UTF-8."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ended = False
        while not self._pending and not ended:
            some = self._source.read(SAMPLE)
            ended = not some
            self._pending = self._decoder.decode(some, ended).encode("utf-8", "replace")
        count = min(len(buffer), len(self._pending))
        buffer[:count], self._pending = self._pending[:count], self._pending[count:]
        return count


class _Lines:
    """A file's lines as text, each at most MAX_ITEM bytes; a longer one comes as None."""

    def __init__(self, raw: BinaryIO, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.path = path
        self._buffered = io.BufferedReader(cast("io.RawIOBase", raw), SAMPLE * 2)
        self._read = 0
        self.truncated = False
        try:
            sample = self._buffered.peek(SAMPLE)[:SAMPLE]
        except (EOFError, zlib.error, OSError) as error:
            raise Stop(f"{path} cannot be unpacked: {error}; get it again") from error
        self._encoding = _encoding(sample)
        if not sample:
            raise Stop(f"{path} is empty; is it complete?")
        self.is_array = sample.lstrip(codecs.BOM_UTF8 + b" \r\n\t").startswith(b"[")
        if self._encoding == "utf-16":
            self._encoding = "utf-8"
            self._buffered = io.BufferedReader(_Utf8(cast("BinaryIO", self._buffered)), SAMPLE * 2)

    def __iter__(self) -> Iterator[str | None]:
        first = True
        while line := self._line():
            if len(line) > MAX_ITEM:
                while line and not line.endswith(b"\n"):
                    line = self._line()
                yield None
                continue
            if first:
                line, first = line.removeprefix(codecs.BOM_UTF8), False
            yield self._decode(line.replace(b"\x00", b""))

    def _line(self) -> bytes:
        try:
            line = self._buffered.readline(MAX_ITEM + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.truncated = True
            return b""
        self._read += len(line)
        if self._read > RATIO_FROM and self._read > MAX_RATIO * max(1, self._file.tell()):
            raise Stop(
                f"{self.path} unpacks to over {MAX_RATIO} times its size: unpack it yourself and "
                "import the result if you trust it"
            )
        return line

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError:
            return line.decode("cp1252", errors="replace")


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _objects(lines: _Lines) -> Iterator[Any | Unreadable]:
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


class _RowLines:
    """Lines for a CSV reader, which asks for one line more while a quotation mark is open.

    `taken` holds those of the row at hand, `length` their characters. `refused`
    counts lines that may not be read.
    """

    def __init__(self, lines: _Lines) -> None:
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


def _rows(lines: _Lines) -> Iterator[Any | Unreadable]:
    csv.field_size_limit(LONGEST_ROW)
    source = _RowLines(lines)
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
