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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from stream.errors import Stop

MAX_ITEM = 1_000_000
"""Bytes: a larger item is refused."""

SAMPLE = 65_536
MAX_RATIO = 200
RATIO_FROM = 100_000_000
"""A compressed file that unpacks to over 200 times its size, and 100 MB, is an attack."""

GZIP_MAGIC = b"\x1f\x8b"


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
        raw: BinaryIO = file
        if file.peek(2)[:2] == GZIP_MAGIC:
            raw = cast("BinaryIO", gzip.GzipFile(fileobj=file))
        lines = _Lines(raw, file, path)
        if "csv" in path.name.casefold() or "tsv" in path.name.casefold():
            yield from _rows(lines)
        else:
            yield from _objects(lines)


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
        self._path = path
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
                f"{self._path} unpacks to over {MAX_RATIO} times its size: unpack it yourself and "
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


def _without_refused(lines: _Lines, refused: list[Unreadable]) -> Iterator[str]:
    """The lines that may be read; for each other one an item is put into `refused`."""
    for line in lines:
        if line is None:
            refused.append(Unreadable(f"over {MAX_ITEM} bytes"))
        else:
            yield line


def _rows(lines: _Lines) -> Iterator[Any | Unreadable]:
    csv.field_size_limit(MAX_ITEM)
    refused: list[Unreadable] = []
    texts = _without_refused(lines, refused)
    header_line = next(texts, "")
    delimiter = max(",;\t|", key=header_line.count)
    header = next(csv.reader([header_line], delimiter=delimiter), [])
    names = [name.strip() for name in header]
    reader = csv.reader(texts, delimiter=delimiter)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Unreadable(f"not a row of CSV: {error}")
            continue
        yield from refused
        refused.clear()
        if row is None:
            break
        if not row:
            continue
        if len(row) != len(names):
            yield Unreadable(f"{len(row)} columns instead of {len(names)}")
            continue
        yield dict(zip(names, row, strict=True))
    if lines.truncated:
        yield Unreadable("the file ends in the middle: what came before was read, get it again")
