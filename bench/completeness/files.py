"""A watched folder: exports arrive whole, grow while they are read, are cut off, and repeat."""

import csv
import gzip
import io
import json
import os
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from bench.completeness.world import Item, Now
from stream.clock import to_datetime

FILE_ITEMS = 120
"""As many items a file has at most."""

PAUSE = 2.0
"""Seconds of the wall's clock between two files."""

Row = dict[str, Any]


class FilesWorld:
    """Writes the items into a folder, a file at a time, each in another way. Between the items
    stand broken lines, items that were there before, edits and deletes.
    """

    platform: ClassVar[str] = "file"
    speed: ClassVar[float] = 60.0
    days: ClassVar[int] = 0
    ways: ClassVar[Sequence[str]] = (
        "broken lines", "old versions", "deleted items again", "growing files", "half files",
        "half archives", "duplicates",
    )  # fmt: skip

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._now = now
        self._unwritten = list(range(count))
        self._rng.shuffle(self._unwritten)
        self._items: dict[str, Item] = {}
        self._before: dict[str, Item] = {}
        self._faults: Counter[str] = Counter()
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name)
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._writer = threading.Thread(target=self._write_all)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._hurry.set()
        self._writer.join()
        self._temporary.cleanup()

    def declaration(self) -> str:
        return (
            'id = "world"\ntitle = "w"\ncollector = "files"\nkeep = "all"\nevery = "10m"\n'
            f'[settings]\nfolder = "{self._folder}"\nsettle_seconds = 60\n'
        )

    def items(self) -> Mapping[str, Item]:
        return dict(self._items)

    def published(self) -> bool:
        return not self._writer.is_alive()

    def calm(self) -> None:
        self._hurry.set()

    def faults(self) -> Mapping[str, int]:
        return self._faults

    def _write_all(self) -> None:
        ways: list[Callable[[str, bytes], None]] = [
            self._renamed, self._marked, self._growing, self._cut, self._packed,
        ]  # fmt: skip
        number = 0
        while self._unwritten and not self._ending.is_set():
            number += 1
            rows, changes = self._rows(number)
            if number % 6 == 0:
                self._renamed(f"{number:05}.csv", _as_csv(rows))
            else:
                self._rng.choice(ways)(f"{number:05}.ndjson", self._as_lines(rows))
            self._items |= changes  # once it lies there
            self._hurry.wait(PAUSE * self._rng.random())

    def _rows(self, number: int) -> tuple[list[Row], dict[str, Item]]:
        """The rows of file `number`, and what is true of their items once it lies there."""
        now, rng = self._now(), self._rng
        fresh = [str(self._unwritten.pop()) for _ in range(min(FILE_ITEMS, len(self._unwritten)))]
        changes = {each: Item(text=f"nieuw {each}", told=now) for each in fresh}
        rows = [_row(each, changes[each]) for each in fresh]
        known = sorted(self._items)
        for each in rng.sample(known, min(len(known), 12)):
            item = self._items[each]
            if item.deleted:
                rows.append(_row(each, item))  # as it was: it stays away
                self._faults["deleted items again"] += 1
                continue
            how = rng.choice(("duplicates", "deletes", "edits")[: 3 if _is_dated(each) else 2])
            self._faults[how] += 1
            if how == "deletes":
                rows.append({"id": each, "deleted": True, "edited_at": _moment(now)})
                changes[each] = msgspec.structs.replace(item, deleted=True)
            elif how == "edits":
                changes[each] = Item(text=f"anders {each}, in {number}", told=now)
                rows.append(_row(each, changes[each]))
                self._before[each] = item
            else:
                rows.append(_row(each, item))
        for each in rng.sample(sorted(self._before), min(len(self._before), 2)):
            rows.append(_row(each, self._before[each]))
            self._faults["old versions"] += 1
        rng.shuffle(rows)
        return rows, changes

    def _as_lines(self, rows: list[Row]) -> bytes:
        lines: list[str] = []
        for row in rows:
            lines.append(json.dumps(row))
            if self._rng.random() < 0.03:
                lines.append(self._rng.choice(('{"half', "[1, 2]", '{"no": "text"}', "\x00")))
                self._faults["broken lines"] += 1
        return "".join(f"{line}\n" for line in lines).encode()

    def _put(self, path: Path, data: bytes) -> None:
        """Write and say when, on the clock of the run."""
        with path.open("ab") as file:
            file.write(data)
        now = self._now()
        os.utime(path, ns=(now * 1_000_000, now * 1_000_000))

    def _renamed(self, name: str, data: bytes) -> None:
        part = self._folder / f"{name}.part"
        for start in range(0, len(data), 2_000):
            self._put(part, data[start : start + 2_000])
        part.rename(self._folder / name)

    def _marked(self, name: str, data: bytes) -> None:
        self._put(self._folder / name, data)
        (self._folder / f"{name}.done").touch()

    def _growing(self, name: str, data: bytes) -> None:
        """Written to for seconds, with pauses that are taken for its end."""
        self._faults["growing files"] += 1
        for start in range(0, len(data), 3_000):
            self._put(self._folder / name, data[start : start + 3_000])
            self._hurry.wait(self._rng.random() * 1.5)

    def _cut(self, name: str, data: bytes) -> None:
        """Marked as complete with half of it, and put there whole only later."""
        self._faults["half files"] += 1
        self._marked(name, data[: len(data) // 2])
        self._hurry.wait(3 * self._rng.random())
        self._renamed(name, data)

    def _packed(self, name: str, data: bytes) -> None:
        """Packed, and now and then cut off before it comes whole."""
        packed = gzip.compress(data)
        if self._rng.random() < 0.3:
            self._faults["half archives"] += 1
            self._marked(f"{name}.gz", packed[: len(packed) // 2])
            self._hurry.wait(3 * self._rng.random())
        self._renamed(f"{name}.gz", packed)


def _is_dated(native_id: str) -> bool:
    """Whether its rows hold the moment of the last edit: files are read in any order."""
    return int(native_id) % 4 > 0


def _row(native_id: str, item: Item) -> Row:
    row = {"id": native_id, "author": f"a{int(native_id) % 999}", "body": item.text}
    return row | ({"edited_at": _moment(item.told)} if _is_dated(native_id) else {})


def _as_csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "author", "body", "edited_at", "deleted"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _moment(now: int) -> str:
    return to_datetime(now).isoformat()
