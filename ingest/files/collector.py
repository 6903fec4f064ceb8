"""Collector `files`: exports that analysts already have (4CAT, Zeeschuimer, CSV, NDJSON)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ingest.contract import Batch, Cursor, RawItem, Rejected
from ingest.files.mapping import Mapper, skeleton
from ingest.files.reading import Row, Unreadable, digest, items
from stream.clock import Clock
from stream.errors import Reject, Stop

BATCH = 500
DONE = -1
"""What a cursor holds for a file that was read to its end."""


class FileSettings(BaseModel):
    """`[settings]` of a source of files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str = Field(
        default="file", description="The platform of items that name none that is known."
    )
    platforms: tuple[str, ...] = Field(
        default=(), description="Platforms that items may name beside those that peil knows."
    )
    columns: Mapping[str, str] = Field(
        default_factory=dict,
        description='The file\'s own name of a column, for example text = "bericht".',
    )


class FileCollector:
    """Reads files once each: a file is known by the hash of its bytes, and the cursor holds how
    many of its items are done. Whoever wants a file again removes it from the cursor.
    """

    name: ClassVar[str] = "files"
    Settings: ClassVar[type[BaseModel]] = FileSettings
    repeats: ClassVar[bool] = True
    live: ClassVar[bool] = False
    endless: ClassVar[bool] = False

    def __init__(
        self,
        settings: FileSettings,
        *,
        paths: Sequence[Path],
        clock: Clock,
        again: bool = False,
        progress: Callable[[int], None] = lambda _items: None,
    ) -> None:
        self._mapper = Mapper(
            platform=settings.platform, platforms=settings.platforms, columns=settings.columns
        )
        self._paths = paths
        self._clock = clock
        self._again = again
        self._progress = progress

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        done: dict[str, int] = dict(cursor.get("files", {}))
        for path in self._paths:
            key = digest(path)
            start = done.get(key, 0)
            if start == DONE and not self._again:
                yield Batch(
                    cursor={"files": dict(done)},
                    warnings=[f"{path.name} was imported before; --again reads it once more"],
                )
                continue
            yield from self._read(path, key, max(start, 0), done)

    def _read(self, path: Path, key: str, start: int, done: dict[str, int]) -> Iterator[Batch]:
        mapped: list[RawItem] = []
        rejected: list[Rejected] = []
        number = start
        for number, item in enumerate(items(path), 1):
            if number == 1 and isinstance(item, Row) and not self._mapper.knows(item):
                raise Stop(
                    f"{path} has no column that is known: its first line must name them (id, text, "
                    "author, created_at …), or [settings.columns] of the source says what they are"
                )
            if number <= start:
                continue
            outcome = self._map(item, where=f"{key[:16]}:{number}")
            if isinstance(outcome, Rejected):
                rejected.append(outcome)
            else:
                mapped.append(outcome)
            if len(mapped) + len(rejected) == BATCH:
                done[key] = number
                yield self._batch(done, mapped, rejected)
                mapped, rejected = [], []
        done[key] = DONE
        yield self._batch(done, mapped, rejected)

    def _batch(
        self, done: Mapping[str, int], mapped: Sequence[RawItem], rejected: Sequence[Rejected]
    ) -> Batch:
        read = len(mapped) + len(rejected)
        self._progress(read)
        return Batch(
            cursor={"files": dict(done)}, read=read, items=tuple(mapped), rejected=tuple(rejected)
        )

    def _map(self, item: Any, *, where: str) -> RawItem | Rejected:
        if isinstance(item, Unreadable):
            return Rejected(where, item.why, {})
        if not isinstance(item, Mapping):
            return Rejected(where, "not an object with named values", skeleton(item))
        try:
            return self._mapper.map(item, observed_at=self._clock.now())
        except Reject as error:
            return Rejected(where, str(error), skeleton(item))
        except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one item only)
            return Rejected(where, f"unforeseen {type(error).__name__}", skeleton(item))
