"""Collector of what a mapper could not read before: the same items of the same files, once more."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from ingest.contract import Batch, Cursor, RawItem, Rejected
from ingest.files.collector import BATCH, SHORT, FileSettings, mapped_item, mapper_of, place
from ingest.files.lines import digest, opened
from ingest.files.reading import items
from stream.clock import Clock
from stream.errors import Stop


class RemapCollector:
    """Reads the items with certain numbers out of files that are known by the beginning of their
    hash. The cursor of the source stays as it is. What a run found out is in `done`, `failed` and
    `unfound` after it.
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
        wanted: Mapping[str, Collection[int]],
        paths: Sequence[Path],
        clock: Clock,
        follow: bool = True,
        progress: Callable[[int], None] = lambda _items: None,
    ) -> None:
        self._mapper = mapper_of(settings)
        self._paths = paths
        self._clock = clock
        self._follow = follow
        self._progress = progress
        self.unfound = {key: set(numbers) for key, numbers in wanted.items()}
        """By the beginning of a file's hash the numbers that no file had so far."""

        self.done: list[str] = []
        """Where the items were that could be mapped; the log has them."""

        self.failed: list[Rejected] = []
        """Those that still cannot, with the reason of today."""

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        for path in self._paths:
            try:
                yield from self._read(path, cursor)
            except Stop as error:  # what was wanted of it stays unfound
                yield Batch(cursor=cursor, warnings=[str(error)])

    def _read(self, path: Path, cursor: Cursor) -> Iterator[Batch]:
        with opened(path, follow=self._follow) as file:
            key = digest(file)[:SHORT]
            wanted = self.unfound.get(key)
            if not wanted:
                return
            mapped: dict[str, RawItem] = {}
            for number, item in enumerate(items(file, path), 1):
                if number not in wanted:
                    continue
                wanted.remove(number)
                where = place(key, number)
                outcome = mapped_item(self._mapper, item, where=where, now=self._clock.now())
                if isinstance(outcome, Rejected):
                    self.failed.append(outcome)
                else:
                    mapped[where] = outcome
                if len(mapped) == BATCH:
                    yield from self._bring(cursor, mapped)
                    mapped = {}
                if not wanted:
                    break
            yield from self._bring(cursor, mapped)

    def _bring(self, cursor: Cursor, mapped: Mapping[str, RawItem]) -> Iterator[Batch]:
        """The items of some places, which are done once the caller comes back for more."""
        self._progress(len(mapped))
        yield Batch(cursor=cursor, read=len(mapped), items=tuple(mapped.values()))
        self.done += mapped
