"""Where in one partition of the log each key and each author stands: an index of it, so that an
erasure reads the records that it erases and no others.

A place is one 64-bit number: a hash of the key (or the author) above, the offset within its block
below. A block holds the places of `1 << OFFSET_BITS` offsets, once by key and once by author, each
sorted: a look-up is a binary search in every block, of files that the operating system maps. With
44 bits of hash one look-up in ten million finds in a block what it did not mean; whoever looks up
reads the record and sees.

Everything here is made from the log and can be made again: it is never in a backup. What is lost,
cut short, of another format or of another log is found out when it is opened (`Unusable`) and made
anew by reading the partition once. The order of what is written makes a kill cost only that some
records are read twice:

- a block is replaced as a whole, on disk, before the position that vouches for it;
- what is dropped leaves the position's list of blocks first, and its file after that;
- a place that is forgotten is overwritten by its neighbour, which is one store of 8 aligned bytes:
  the order stays, and the hash of what was erased is gone.

No hash outlives its record: `drop` takes out what lies before the partition's earliest offset, also
of the block that this offset cuts in two. Contents are not summed, as they are not in SQLite's
files: an overwriting in place and its sum could not change at once.
"""

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.broker import Record
from stream.files import replace
from stream.heads import Head

FORMAT = 1
OFFSET_BITS = 20
WORD = np.dtype("<u8")
MAGIC = int.from_bytes(b"peilplcs", "little")
HEADER_WORDS = 3
POSITION = "position.json"

Words = NDArray[np.uint64]


class Unusable(Exception):
    """The places are to be made anew: why, in words."""


class Witness(msgspec.Struct, frozen=True):
    """The last record that was read, as it can be known again: another log has another there."""

    offset: int
    mark: int

    @classmethod
    def of(cls, record: Record) -> "Witness":
        """What is remembered of `record`."""
        return cls(record.offset, _hash(f"{record.key}\0{record.appended_at}"))


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    """What vouches for the blocks with these numbers."""

    format: int
    bits: int
    position: int
    witness: Witness | None
    blocks: frozenset[int]


class Places:
    """The places of one partition in `folder`, made when it is missing. One process at a time."""

    def __init__(self, folder: Path, *, bits: int = OFFSET_BITS) -> None:
        self._folder = folder
        self._bits = bits
        self._mask = (1 << bits) - 1
        self._blocks: set[int] = set()
        self._new: dict[int, tuple[array[int], array[int]]] = {}
        self.position: int | None = None
        """Every record before this offset is here or carries no post; None: nothing was saved."""
        self.witness: Witness | None = None

    def open(self) -> None:
        """Take up what was saved; Unusable when it cannot be relied on."""
        path = self._folder / POSITION
        try:
            saved = msgspec.json.decode(path.read_bytes(), type=_Position)
        except FileNotFoundError:
            self.clear()  # blocks that nothing vouches for
            return
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unusable(f"{path} cannot be read") from error
        if (saved.format, saved.bits) != (FORMAT, self._bits):
            raise Unusable(f"{path} is of another release")
        for number in saved.blocks:
            _check(self._path(number))
        self._blocks = set(saved.blocks)
        self.position, self.witness = saved.position, saved.witness
        self._sweep()

    def clear(self) -> None:
        """Throw everything away."""
        (self._folder / POSITION).unlink(missing_ok=True)
        self._blocks.clear()
        self._new.clear()
        self._sweep()
        self.position = self.witness = None

    def add(self, heads: Iterable[Head]) -> None:
        """Take in the places of records from `position` on; they count when they are saved."""
        for number, head in self._numbered(heads):
            keys, authors = self._new.setdefault(number, (array("Q"), array("Q")))
            keys.append(self._place(head.id, head))
            authors.append(self._place(head.author, head))

    def is_full(self) -> bool:
        """Whether a whole block waits to be saved."""
        return len(self._new) > 1

    def save(self, position: int, witness: Witness | None) -> None:
        """Every record before `position` was added; all is on disk when this returns."""
        for number, new in self._new.items():
            columns = [np.unique(np.array(column, WORD)) for column in new]
            if number in self._blocks:
                held = _columns(_mapped(self._path(number)))
                columns = [np.union1d(*pair) for pair in zip(held, columns, strict=True)]
            self._write(number, columns)
        self._blocks.update(self._new)
        self._new.clear()
        self.position = position
        self.witness = witness or self.witness
        self._save_position()

    def find(self, keys: Iterable[str], authors: Iterable[str]) -> list[int]:
        """The offsets, ascending, where a record of one of `keys` or `authors` was saved. One in
        millions is another's.
        """
        wanted = self._hashes(keys), self._hashes(authors)
        found: list[int] = []
        for number in sorted(self._blocks):
            columns = _columns(_mapped(self._path(number)))
            places = [
                column[first:end]
                for column, hashes in zip(columns, wanted, strict=True)
                for first, end in _ranges(column, hashes, self._mask)
            ]
            if places:
                within = np.unique(np.concatenate(places) & WORD.type(self._mask))
                found += (within + WORD.type(number << self._bits)).tolist()
        return found

    def forget(self, heads: Iterable[Head]) -> None:
        """Overwrite the places of these records: they were erased."""
        gone: dict[int, tuple[set[int], set[int]]] = {}
        for number, head in self._numbered(heads):
            keys, authors = gone.setdefault(number, (set(), set()))
            keys.add(self._place(head.id, head))
            authors.add(self._place(head.author, head))
        for number in gone.keys() & self._blocks:
            words = _mapped(self._path(number), writing=True)
            for column, doomed in zip(_columns(words), gone[number], strict=True):
                _overwrite(column, np.array(sorted(doomed), WORD))
            words.flush()

    def drop(self, before: int) -> None:
        """Take out every place before the offset `before`."""
        gone = {number for number in self._blocks if (number + 1) << self._bits <= before}
        past = self.witness is not None and self.witness.offset < before
        if gone or past:
            self._blocks -= gone
            self.witness = None if past else self.witness
            self._save_position()
            self._sweep()
        cut, within = before >> self._bits, before & self._mask
        if cut in self._blocks and within:
            columns = _columns(_mapped(self._path(cut)))
            left = [column[(column & WORD.type(self._mask)) >= within] for column in columns]
            if sum(map(len, left)) < sum(map(len, columns)):
                self._write(cut, left)

    def _numbered(self, heads: Iterable[Head]) -> Iterator[tuple[int, Head]]:
        return ((head.record.offset >> self._bits, head) for head in heads)

    def _place(self, name: str, head: Head) -> int:
        return self._hash(name) | head.record.offset & self._mask

    def _hash(self, name: str) -> int:
        return _hash(name) & ~self._mask

    def _hashes(self, names: Iterable[str]) -> Words:
        return np.array(sorted({self._hash(each) for each in names}), WORD)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.block"

    def _write(self, number: int, columns: Sequence[Words]) -> None:
        header = np.array([MAGIC, *map(len, columns)], WORD)
        replace(self._path(number), b"".join(part.tobytes() for part in (header, *columns)))

    def _save_position(self) -> None:
        if self.position is None:
            return
        saved = _Position(
            format=FORMAT,
            bits=self._bits,
            position=self.position,
            witness=self.witness,
            blocks=frozenset(self._blocks),
        )
        replace(self._folder / POSITION, msgspec.json.encode(saved))

    def _sweep(self) -> None:
        """Remove the files that are not to be here, those that a kill left too."""
        kept = {POSITION, *(self._path(number).name for number in self._blocks)}
        for path in self._folder.glob("*"):
            if path.name not in kept:
                path.unlink()


def _hash(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _mapped(path: Path, *, writing: bool = False) -> "np.memmap[Any, np.dtype[np.uint64]]":
    return np.memmap(path, WORD, mode="r+" if writing else "r")


def _columns(words: Words) -> tuple[Words, Words]:
    """The places by key and those by author."""
    keys = HEADER_WORDS + int(words[1])
    plain = np.asarray(words)
    return plain[HEADER_WORDS:keys], plain[keys:]


def _check(path: Path) -> None:
    """Unusable when the block is missing or not as long as it says."""
    try:
        with path.open("rb") as file:
            header = np.frombuffer(file.read(HEADER_WORDS * WORD.itemsize), WORD)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise Unusable(f"{path} is lost") from None
    except ValueError as error:
        raise Unusable(f"{path} is cut short") from error
    if len(header) < HEADER_WORDS or int(header[0]) != MAGIC:
        raise Unusable(f"{path} is no block of places")
    if size != (HEADER_WORDS + int(header[1]) + int(header[2])) * WORD.itemsize:
        raise Unusable(f"{path} is not as long as it says")


def _ranges(column: Words, hashes: Words, mask: int) -> Iterator[tuple[int, int]]:
    """From where to where in `column` each of `hashes` has places, for those that have some."""
    first = np.searchsorted(column, hashes, "left")
    end = np.searchsorted(column, hashes | WORD.type(mask), "right")
    for number in np.flatnonzero(end > first):
        yield int(first[number]), int(end[number])


def _overwrite(column: Words, doomed: Words) -> None:
    """Put its neighbour in the place of each of `doomed`, or nothing where no other is left."""
    first = np.searchsorted(column, doomed, "left")
    end = np.searchsorted(column, doomed, "right")
    kept = np.ones(len(column), dtype=bool)
    for each, after in zip(first, end, strict=True):
        kept[each:after] = False
    stay = np.flatnonzero(kept)
    if len(stay) == len(column):
        return
    gone = np.flatnonzero(~kept)
    if not len(stay):
        column[gone] = 0
        return
    before = np.searchsorted(stay, gone, "right") - 1
    column[gone] = column[stay[np.maximum(before, 0)]]
