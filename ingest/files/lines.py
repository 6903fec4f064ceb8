"""An export file as lines of text: opened with care, unpacked, decoded, never held in memory."""

import codecs
import errno
import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stream.errors import Stop

MAX_ITEM = 1_000_000
"""Bytes: a larger item is refused."""

SAMPLE = 65_536
MAX_RATIO = 200
RATIO_FROM = 100_000_000
"""A compressed file that unpacks to over 200 times its size, and 100 MB, is an attack."""

GZIP_MAGIC = b"\x1f\x8b"
PACKED: Mapping[bytes, str] = {
    b"PK\x03\x04": "a ZIP archive, or a spreadsheet",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"7z\xbc\xaf": "a 7z archive",
    b"SQLite format 3": "a database",
    b"%PDF": "a PDF",
}
"""What is no export by its first bytes. Archives are left to the reader's own tools: what is in
them may be anything, under any name.
"""


def opened(path: Path, *, follow: bool = True) -> io.BufferedReader:
    """The file at `path`, open for reading; Stop when it is none or cannot be read. Without
    `follow` a link is refused: whoever may write to a folder is not to choose what is read.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Stop(f"{path} is a link, and links are not followed; put the file itself there"
                       ) from error  # fmt: skip
        raise Stop(f"{path} cannot be read: {error.strerror}; check its name and rights") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Stop(f"{path} is no file (a folder, a pipe or a device); put files themselves there")
    return os.fdopen(handle, "rb")


def digest(file: io.BufferedReader) -> str:
    """The SHA-256 of a file's bytes, in hex; leaves it at its beginning."""
    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return found


def lines_of(file: io.BufferedReader, path: Path) -> "Lines":
    """The lines of an open file; Stop when it is of a kind that has none."""
    begin = file.peek(16)[:16]
    for magic, what in PACKED.items():
        if begin.startswith(magic):
            raise Stop(
                f"{path} is {what}: unpack it, or save it as CSV or NDJSON, and put that there"
            )
    packed = begin.startswith(GZIP_MAGIC)
    raw = _Unpacked(gzip.GzipFile(fileobj=file)) if packed else _Borrowed(file)
    return Lines(raw, file, path)


class _Borrowed(io.RawIOBase):
    """A file that somebody else closes."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.readinto(buffer)


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

    def __init__(self, source: "io.BufferedReader[io.RawIOBase]") -> None:
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


class Lines:
    """A file's lines as text, each at most MAX_ITEM bytes; a longer one comes as None."""

    def __init__(self, raw: io.RawIOBase, file: io.BufferedReader, path: Path) -> None:
        self._file = file
        self.path = path
        self._buffered = io.BufferedReader(raw, SAMPLE * 2)
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
            self._buffered = io.BufferedReader(_Utf8(self._buffered), SAMPLE * 2)

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
