"""A watched folder: what lies there complete, and what is left alone. Nothing in it is changed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from stream.clock import DAY_MS
from stream.errors import Stop

MARKER = ".done"
"""`NAME.done` beside NAME says that NAME is complete."""

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download")
"""How tools call a file that they are still writing and rename in the end."""


class Lying(msgspec.Struct, frozen=True, kw_only=True):
    """A complete file, with what tells whether it is still the same."""

    path: Path
    size: int
    changed: int
    """Nanoseconds since 1970, by the clock of its file system."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in a folder: complete files, the oldest first, and in words what is wrong and what
    only waits.
    """

    files: tuple[Lying, ...]
    wrong: tuple[str, ...]
    waiting: tuple[str, ...]
    names: frozenset[str]
    """Of all that lies there."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a file that lies there: its size and change, its hash once it was
    read, and since when (Unix ms) peil knows it.
    """

    size: int
    changed: int
    key: str
    since: int

    def is_of(self, lying: Lying) -> bool:
        """Whether the file is as it was."""
        return (self.size, self.changed) == (lying.size, lying.changed)


def look(folder: Path, *, now: int, settle_ms: int) -> Sight:
    """What lies in `folder`; Stop when that is no folder.

    A file is complete when its marker lies beside it, or when nothing was written to it for
    `settle_ms`. What a tool is still writing under another name, or hides, is none yet.
    """
    try:
        names = {each.name: each for each in folder.iterdir()}
    except OSError as error:
        raise Stop(
            f"the folder {folder} cannot be looked into: {error.strerror}; make it, or mend "
            "`folder` in [settings]"
        ) from error
    files: list[Lying] = []
    wrong: list[str] = []
    waiting: list[str] = []
    for path in _candidates(names):
        if not path.name.isprintable():  # no UTF-8, or what would command a terminal
            wrong.append(f"{path.name!a} is no name that can be shown: rename the file")
            continue
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # somebody took it away a moment ago
        marked = path.name + MARKER in names
        if not marked and abs(now - found.st_mtime_ns // 1_000_000) < settle_ms:
            waiting.append(f"{path.name} is still being written: it waits until it rests")
            continue
        files.append(Lying(path=path, size=found.st_size, changed=found.st_mtime_ns))
    return Sight(
        files=tuple(sorted(files, key=lambda each: (each.changed, each.path.name))),
        wrong=tuple(wrong),
        waiting=tuple(waiting),
        names=frozenset(names),
    )


def _candidates(names: Mapping[str, Path]) -> Iterator[Path]:
    for name, path in sorted(names.items()):
        if not name.startswith(".") and not name.casefold().endswith((MARKER, *UNFINISHED)):
            yield path


def known_in(cursor: Mapping[str, Any]) -> dict[str, Known]:
    """What the cursor of a source of files remembers of its folder, by name."""
    return msgspec.convert(cursor.get("folder", {}), dict[str, Known])


def due_for_removal(
    folder: Path, cursor: Mapping[str, Any], *, days: int, now: int
) -> tuple[str, ...]:
    """The files that lie there for longer than `days`, by name. They hold what people wrote, with
    their names; peil never takes them away, so a person must.
    """
    return tuple(
        name
        for name, known in sorted(known_in(cursor).items())
        if known.since + days * DAY_MS <= now and (folder / name).exists()
    )
