"""Collector `files`: exports that analysts already have (4CAT, Zeeschuimer, CSV, NDJSON)."""

import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingest.contract import Batch, Cursor, RawItem, Rejected, skeleton
from ingest.files.folder import Known, Lying, Sight, known_in, look
from ingest.files.lines import digest, opened
from ingest.files.mapping import Mapper
from ingest.files.reading import Row, Unreadable, items
from ingest.several import together
from ingest.sources import checked_path, checked_platform
from stream.clock import DAY_MS, Clock
from stream.errors import PeilError, Reject, Retry, Stop

BATCH = 500
WHOLE = -1
"""What a cursor holds for a file that was read to its end."""

REMEMBERED_MS = 90 * DAY_MS
"""So long a file is known that lies in the folder no more: as long as its posts can be held."""

SHORT = 16
"""So many digits of a file's hash stand in quarantine: no two files share them by chance."""


class FileSettings(BaseModel):
    """`[settings]` of a source of files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Annotated[str, AfterValidator(checked_platform)] = Field(
        default="file", description="The platform of items that name none that is known."
    )
    platforms: tuple[Annotated[str, AfterValidator(checked_platform)], ...] = Field(
        default=(), description="Platforms that items may name beside those that peil knows."
    )
    columns: Mapping[str, str] = Field(
        default_factory=dict,
        description='The file\'s own name of a column, for example text = "bericht".',
    )
    folder: Annotated[str, AfterValidator(checked_path)] = Field(
        default="", description="The folder that is watched, from the working folder on."
    )
    settle_seconds: int = Field(
        default=60, ge=0, le=86_400, description="A file at rest for so long is complete."
    )
    remove_after_days: int = Field(
        default=30, ge=1, le=366, description="Then a file in the folder is due for removal."
    )


class FileCollector:
    """Reads files once each: those it is given, else what lies complete in `folder`.

    A file is known by the hash of its bytes, and the cursor holds how many of its items are done,
    as long as the file lies in the folder or its posts can be held. Whoever wants it again before
    says `again`. A file that cannot be read costs itself: the others are read, then the error is
    raised.
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
        clock: Clock,
        paths: Sequence[Path] = (),
        folder: Path | None = None,
        again: bool = False,
        progress: Callable[[int], None] = lambda _items: None,
    ) -> None:
        self._settings = settings
        self._mapper = mapper_of(settings)
        self._paths = paths
        self._folder = folder
        self._clock = clock
        self._again = again
        self._progress = progress

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        now = self._clock.now()
        state = _State(_done_in(cursor, now=now), known_in(cursor))
        if self._folder is None:
            state.forget(now - REMEMBERED_MS)
            reads = [self._read_given(path, state) for path in self._paths]
        else:
            sight = look(self._folder, now=now, settle_ms=self._settings.settle_seconds * 1000)
            state.keep(sight.names, now=now)
            state.forget(now - REMEMBERED_MS)
            reads = [self._read_lying(each, state) for each in _new(sight, state)]
            yield Batch(cursor=state.cursor(), warnings=sight.wrong)
            if sight.waiting:
                yield Batch(cursor=state.cursor(), warnings=sight.waiting, answered=False)
        errors: list[PeilError] = []
        for batches in reads:
            try:
                yield from batches
            except Stop as error:
                errors.append(error)
            except OSError as error:
                errors.append(Retry(f"a file could not be read to its end: {error}"))
        if errors:
            what = f"{len(errors)} of {len(reads)} files cannot be read"
            raise together(errors, what=what, parts=len(reads))

    def _read_given(self, path: Path, state: "_State") -> Iterator[Batch]:
        with opened(path) as file:
            key = digest(file)
            if state.is_done(key) and not self._again:
                warning = f"{path.name} was imported before; --again reads it once more"
                yield Batch(cursor=state.cursor(), warnings=[warning])
                return
            yield from self._read(file, path, key, state)

    def _read_lying(self, lying: Lying, state: "_State") -> Iterator[Batch]:
        name = lying.path.name
        before = state.known.get(name)
        since = before.since if before and before.is_of(lying) else self._clock.now()
        state.known[name] = Known(lying.size, lying.changed, "", since)
        with opened(lying.path, follow=False) as file:
            key = digest(file)
            state.known[name] = Known(lying.size, lying.changed, key, since)
            if state.is_done(key):  # a copy, or the same under a new name
                yield Batch(cursor=state.cursor())
                return
            for batch in self._read(file, lying.path, key, state):
                if not _is_still(lying, file):
                    state.done.pop(key, None)
                    warning = f"{name} changed while it was read: it is read anew once it rests"
                    yield Batch(cursor=state.cursor(), warnings=[warning])
                    return
                yield batch

    def _read(
        self, file: io.BufferedReader, path: Path, key: str, state: "_State"
    ) -> Iterator[Batch]:
        mapped: list[RawItem] = []
        rejected: list[Rejected] = []
        start = state.start(key)
        for number, item in enumerate(items(file, path), 1):
            if number == 1 and isinstance(item, Row) and not self._mapper.knows(item):
                raise Stop(
                    f"{path} has no column that is known: its first line must name them (id, text, "
                    "author, created_at …), or [settings.columns] of the source says what they are"
                )
            if number <= start:
                continue
            outcome = mapped_item(
                self._mapper, item, where=place(key, number), now=self._clock.now()
            )
            if isinstance(outcome, Rejected):
                rejected.append(outcome)
            else:
                mapped.append(outcome)
            if len(mapped) + len(rejected) == BATCH:
                state.done[key] = Done(number, self._clock.now())
                yield self._batch(state, mapped, rejected)
                mapped, rejected = [], []
        state.done[key] = Done(WHOLE, self._clock.now())
        yield self._batch(state, mapped, rejected)

    def _batch(
        self, state: "_State", mapped: Sequence[RawItem], rejected: Sequence[Rejected]
    ) -> Batch:
        read = len(mapped) + len(rejected)
        self._progress(read)
        return Batch(
            cursor=state.cursor(), read=read, items=tuple(mapped), rejected=tuple(rejected)
        )


class Done(msgspec.Struct, frozen=True, array_like=True):
    """How many items of a file are done (`WHOLE`: all), and when it was last read or taken out of
    the folder (Unix ms).
    """

    items: int
    last: int


class _State(msgspec.Struct):
    """What the cursor holds: by hash what is done of a file, by name what lies in the folder."""

    done: dict[str, Done]
    known: dict[str, Known]

    def is_done(self, key: str) -> bool:
        """Whether the file with that hash was read to its end."""
        return key in self.done and self.done[key].items == WHOLE

    def start(self, key: str) -> int:
        """How many items of it not to read again; none of a file that is wanted once more."""
        return max(self.done[key].items, 0) if key in self.done else 0

    def keep(self, names: Collection[str], *, now: int) -> None:
        """Of what lay in the folder only these lie there still."""
        for name in self.known.keys() - names:
            key = self.known.pop(name).key
            if key in self.done:
                self.done[key] = Done(self.done[key].items, now)

    def forget(self, before: int) -> None:
        """What was last there before then is not known any more."""
        lying = {each.key for each in self.known.values()}
        self.done = {
            key: each for key, each in self.done.items() if key in lying or each.last > before
        }

    def cursor(self) -> Cursor:
        """As it is now: what comes later does not change a batch."""
        cursor: dict[str, object] = {"files": msgspec.to_builtins(self.done)}
        if self.known:
            cursor["folder"] = msgspec.to_builtins(self.known)
        return cursor


def _done_in(cursor: Cursor, *, now: int) -> dict[str, Done]:
    """What a cursor says is done of files; an older one does not say when."""
    found = msgspec.convert(cursor.get("files", {}), dict[str, int | Done])
    return {key: Done(each, now) if isinstance(each, int) else each for key, each in found.items()}


def _new(sight: Sight, state: _State) -> Iterator[Lying]:
    """What lies in the folder and is not done."""
    for lying in sight.files:
        known = state.known.get(lying.path.name)
        if known is None or not known.is_of(lying) or not state.is_done(known.key):
            yield lying


def mapper_of(settings: FileSettings) -> Mapper:
    """How the items of a source with these settings are read."""
    return Mapper(
        platform=settings.platform, platforms=settings.platforms, columns=settings.columns
    )


def place(key: str, number: int) -> str:
    """How quarantine names item `number` of the file with the hash `key`."""
    return f"{key[:SHORT]}:{number}"


def mapped_item(mapper: Mapper, item: object, *, where: str, now: int) -> RawItem | Rejected:
    """The item as it goes to the gate, or why it does not. Whatever it is, it costs only itself."""
    if isinstance(item, Unreadable):
        return Rejected(where, item.why, {})
    if not isinstance(item, Mapping):
        return Rejected(where, "not an object with named values", skeleton(item))
    try:
        return mapper.map(item, observed_at=now)
    except Reject as error:
        return Rejected(where, str(error), skeleton(item))
    except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one item only)
        return Rejected(where, f"unforeseen {type(error).__name__}", skeleton(item))


def _is_still(lying: Lying, file: io.BufferedReader) -> bool:
    """Whether the open file is as it was seen to lie there."""
    found = os.fstat(file.fileno())
    return (found.st_size, found.st_mtime_ns) == (lying.size, lying.changed)
