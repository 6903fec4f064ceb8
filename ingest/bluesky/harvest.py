"""What the events of a stream bring: posts, deletes, and a count of what is none."""

from collections import Counter

from ingest.bluesky.records import PLATFORM, POSTS, at_uri, moment_of, read_record, shape
from ingest.bluesky.wire import Commit, Event
from ingest.contract import Batch, Cursor, RawItem, Rejected
from stream.clock import DAY_MS
from stream.errors import Reject
from stream.events import Gap
from stream.post import RawAuthorDelete, RawDelete

RECENT = 10_000
"""So many changes of posts are known again when they come twice: minutes of the whole network,
and more than what is asked for again.
"""

WARNINGS = 20
"""So many are told in a batch; a host may say as much as it likes."""

MORE = "more was to be warned of than is kept"


class Harvest:
    """Gathers what the next batch will bring. `retention_days` are those of the source."""

    def __init__(self, *, retention_days: int) -> None:
        self._retention_ms = retention_days * DAY_MS
        self._recent: dict[tuple[str, str, str, str], None] = {}
        self._read = 0
        self._items: list[RawItem] = []
        self._rejected: list[Rejected] = []
        self._skipped: Counter[str] = Counter()
        self._gaps: list[Gap] = []
        self._warnings: list[str] = []

    def __len__(self) -> int:
        """How many items, rejected ones too, and gaps wait for the next batch."""
        return len(self._items) + len(self._rejected) + len(self._gaps)

    def take(self, event: Event, *, where: str) -> bool:
        """Add `event`, which `where` says how to find again; False when it is of a kind that is
        not known.
        """
        self._read += 1
        commit = event.commit
        if commit is not None:
            if commit.collection == POSTS:
                self._take_post(event, commit, where)
            else:
                self._skipped["no_post"] += 1
        elif event.kind == "sync" or (event.kind == "account" and not event.active):
            # After a `sync` nothing that is held of the account is sure to be there still.
            moment = event.time // 1000
            self._items.append(
                RawAuthorDelete(platform=PLATFORM, author=event.did, observed_at=moment)
            )
        elif event.kind in ("account", "identity"):
            self._skipped[event.kind] += 1
        else:
            self._skipped["unknown_kind"] += 1
            return False
        return True

    def _take_post(self, event: Event, commit: Commit, where: str) -> None:
        change = (event.did, commit.rkey, commit.rev, commit.operation)
        if change in self._recent:
            self._skipped["duplicate"] += 1
            return
        self._recent[change] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        uri, moment = at_uri(event.did, commit.rkey), event.time // 1000
        written = moment_of(commit.rkey)
        age = moment - written if written is not None else 0
        match commit.operation:
            case "create" | "update":
                if age > self._retention_ms:
                    self._skipped["too_old"] += 1
                else:
                    self._write(event, commit, uri, where)
            case "delete":
                # A post is taken in up to retention after its key, and held as long again.
                if age > 2 * self._retention_ms:
                    self._skipped["old_delete"] += 1
                else:
                    self._items.append(_delete(uri, moment))
            case _:
                self._skipped["unknown_operation"] += 1

    def _write(self, event: Event, commit: Commit, uri: str, where: str) -> None:
        try:
            item = _written(event, commit, uri)
        except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one record only)
            reason = str(error) if isinstance(error, Reject) else type(error).__name__
            self._rejected.append(Rejected(where, reason, shape(commit.record)))
            return
        if item is None:
            self._skipped["opted_out"] += 1
        else:
            self._items.append(item)

    def reject(self, frame: bytes, *, where: str, why: str) -> None:
        """Add a frame that no event can be read from."""
        self._read += 1
        self._rejected.append(Rejected(where, why, shape(frame)))

    def gap(self, gap: Gap) -> None:
        """Add a period that the stream does not have."""
        self._gaps.append(gap)

    def warn(self, warning: str) -> None:
        """Add what should be told of how it went, once; what is too much leaves that it was."""
        if len(self._warnings) >= WARNINGS:
            warning = MORE
        if warning not in self._warnings:
            self._warnings.append(warning)

    def batch(self, cursor: Cursor, *, watermark: int | None) -> Batch:
        """All that was gathered, and begin anew."""
        batch = Batch(
            cursor=cursor,
            read=self._read,
            items=self._items,
            rejected=self._rejected,
            skipped=dict(self._skipped),
            gaps=self._gaps,
            warnings=self._warnings,
            watermark=watermark,
        )
        self._read = 0
        self._items, self._rejected, self._gaps, self._warnings = [], [], [], []
        self._skipped = Counter()
        return batch


def _written(event: Event, commit: Commit, uri: str) -> RawItem | None:
    """The post of a record, or its delete where it was for everybody until now and may be held;
    None for one that its author kept from the public. Reject when it cannot be read.
    """
    moment, edited = event.time // 1000, commit.operation == "update"
    # An edit is shown long after its post was, whose key is what is left to tell the time by.
    made = moment_of(commit.rkey) if edited else None
    record = read_record(commit.record)
    if record.opted_out:
        return _delete(uri, moment) if edited else None
    return record.to_post(
        uri=uri,
        did=event.did,
        observed_at=moment,
        created_at=moment if made is None else min(made, moment),
        edited_at=moment if edited else None,
    )


def _delete(uri: str, moment: int) -> RawDelete:
    return RawDelete(platform=PLATFORM, native_id=uri, observed_at=moment)
