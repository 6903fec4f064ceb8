"""Where each key of a TOML document is written: `tomllib` says what a document holds, not where."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

Path = tuple[str | int, ...]
"""The way to a value: the keys of tables, and the numbers of what stands in arrays, from 0."""

SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE = re.compile(r"[A-Za-z0-9_-]+")
STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
SCALAR = re.compile(r"[^,\]}\n#]+")
ENDLESS = re.compile(r"\d(?:_?\d){4300}")
BROKEN = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


class Mark(msgspec.Struct, frozen=True, order=True):
    """A place in a text: line and column, from 1."""

    line: int
    column: int


class Broken(msgspec.Struct, frozen=True):
    """Why a text is no TOML, and where."""

    why: str
    mark: Mark

    def __str__(self) -> str:
        return f"{self.why} (at line {self.mark.line}, column {self.mark.column})"


def read(text: str) -> Mapping[str, Any] | Broken:
    """What the document holds, or why it cannot be read."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = BROKEN.match(str(error))
        if found is None or found[2] is None:
            return Broken(found[1] if found else str(error), mark_of(text, len(text)))
        return Broken(found[1], Mark(int(found[2]), int(found[3])))
    except RecursionError:
        return Broken("its brackets are nested too deeply; write it flat", Mark(1, 1))
    except ValueError:  # Python reads no integer of more than 4,300 digits
        found = ENDLESS.search(text)
        return Broken(
            "a number has thousands of digits; write a shorter one",
            mark_of(text, found.start() if found else 0),
        )


def mark_of(text: str, offset: int) -> Mark:
    """The line and column of a character."""
    begin = text.rfind("\n", 0, offset) + 1
    return Mark(text.count("\n", 0, offset) + 1, offset - begin + 1)


def marks(text: str) -> Mapping[Path, Mark]:
    """Where each key, table and array item of a document begins. `text` is one that `read` can
    read. A table that is only named on the way to another one is where it is first named. Nothing
    is found in what is nested almost too deeply to be read.
    """
    try:
        found = _Walk(text).offsets
    except RecursionError:
        return {}
    return {path: mark_of(text, offset) for path, offset in found.items()}


class _Walk:
    """One pass over a document. It trusts that the document is sound, so it only has to know where
    keys and values end: https://toml.io/en/v1.0.0.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tables: dict[Path, int] = {}
        """How many tables an array of tables has so far."""

        self.offsets: dict[Path, int] = {}
        table: Path = ()
        while self._skip_space() < len(text):
            if text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _skip_space(self) -> int:
        """To what comes after blanks, line ends and comments."""
        space = SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._at

    def _header(self) -> Path:
        """`[table]` or `[[array of tables]]`; returns the table that follows."""
        begin = self._at
        array = self._text.startswith("[[", begin)
        self._at += 2 if array else 1
        path: Path = ()
        keys = self._keys()
        for number, (key, offset) in enumerate(keys, 1):
            path = (*path, key)
            self.offsets.setdefault(path, offset if number < len(keys) else begin)
            if array and number == len(keys):
                self._tables[path] = self._tables.get(path, -1) + 1
            if path in self._tables:
                path = (*path, self._tables[path])
                self.offsets.setdefault(path, begin)
        self._at += 2 if array else 1
        return path

    def _keys(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with where it begins; ends before `=` or `]`."""
        keys: list[tuple[str, int]] = []
        while self._text[self._skip_space()] not in "=]":
            if self._text[self._at] == ".":
                self._at += 1
                continue
            begin = self._at
            bare = BARE.match(self._text, begin) or STRING.match(self._text, begin)
            if bare is None:
                raise ValueError(f"no key at character {begin}: this is not sound TOML")
            self._at = bare.end()
            written = bare[0]
            keys.append((next(iter(tomllib.loads(f"{written} = 0"))), begin))
        return keys

    def _pair(self, path: Path) -> None:
        """`key = value`."""
        for key, offset in self._keys():
            path = (*path, key)
            self.offsets.setdefault(path, offset)
        self._at += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip_space()
        string = STRING.match(self._text, self._at)
        if string:
            self._at = string.end()
        elif self._text[self._at] == "[":
            self._inside("]", path)
        elif self._text[self._at] == "{":
            self._inside("}", path)
        else:
            scalar = SCALAR.match(self._text, self._at)
            self._at = scalar.end() if scalar else self._at + 1

    def _inside(self, end: str, path: Path) -> None:
        """What stands in an array or an inline table."""
        self._at += 1
        number = 0
        while self._text[self._skip_space()] != end:
            if self._text[self._at] == ",":
                self._at += 1
            elif end == "}":
                self._pair(path)
            else:
                self.offsets[(*path, number)] = self._at
                self._value((*path, number))
                number += 1
        self._at += 1
