"""What became of the items of a world: each is looked for in the log and in the index."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.completeness.child import FastClock, opened
from bench.completeness.world import Item
from peil.pipeline import Pipeline
from stream.broker import Broker
from stream.codec import decode
from stream.events import Gap, Upsert
from stream.topics import POSTS

READ = 1_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`lost` are in no log or no index, `stale` in the index with an earlier text, `back` deleted
    and in the index, each without a gap that excuses it; `twice` is in the index more than once.
    Of the `excusable` ones so many were `excused` by one of the `gaps`.
    """

    items: int
    deleted: int
    logged: int
    indexed: int
    gaps: int
    excusable: int
    excused: int
    lost: tuple[str, ...]
    stale: tuple[str, ...]
    back: tuple[str, ...]
    twice: int

    @property
    def whole(self) -> bool:
        return not (self.lost or self.stale or self.back or self.twice)


class Look:
    """Looks for items in a folder again and again, with one pipeline; close it."""

    def __init__(self, folder: Path, clock: FastClock) -> None:
        self.pipeline = opened(folder, clock)
        self.pipeline.publish_rules()
        self._workers = (
            self.pipeline.enrich_worker(in_time=True),
            self.pipeline.index_worker(),
        )
        self._log = _Log(self.pipeline.broker)

    def close(self) -> None:
        self.pipeline.close()

    def outcome(self, *, platform: str, items: Mapping[str, Item]) -> Outcome:
        """Bring what waits in the log to the index, and look for every item, by its native id."""
        for worker in self._workers:
            worker.drain()
        self.pipeline.store.reload()
        self._log.read_on()
        return _compare(self.pipeline, self._log, platform, items)


class _Log:
    """The ids of the posts in the log, and the gaps, as far as it was read."""

    def __init__(self, broker: Broker) -> None:
        self.ids: set[str] = set()
        self.gaps: list[Gap] = []
        self._broker = broker
        self._following: dict[int, int] = {}

    def read_on(self) -> None:
        for partition, (first, end) in self._broker.ends(POSTS.name).items():
            offset = self._following.get(partition, first)
            while offset < end:
                records = self._broker.read(POSTS.name, partition, start=offset, limit=READ)
                if not records:
                    break
                offset = records[-1].offset + 1
                for record in records:
                    self._take(record.value)
            self._following[partition] = offset

    def _take(self, value: bytes | None) -> None:
        match value and decode(value):
            case Upsert(post=post):
                self.ids.add(post.id)
            case Gap() as gap:
                self.gaps.append(gap)
            case _:
                pass


def _compare(pipeline: Pipeline, log: _Log, platform: str, items: Mapping[str, Item]) -> Outcome:
    store = pipeline.store
    held = [post for partition in store.partitions() for post in store.posts(partition)]
    texts = {post.id: post.text for post in held}
    lost: list[str] = []
    stale: list[str] = []
    back: list[str] = []
    excused = 0
    keys = {pipeline.keys.post_id(platform, native_id): native_id for native_id in items}
    for key, native_id in keys.items():
        item = items[native_id]
        if item.deleted:
            wrong = back if key in texts else None
        elif key not in texts or key not in log.ids:
            wrong = lost
        else:
            wrong = stale if texts[key] != item.text else None
        if wrong is None:
            continue
        if item.excusable and any(gap.start <= item.told < gap.end for gap in log.gaps):
            excused += 1
        else:
            wrong.append(native_id)
    return Outcome(
        items=len(items),
        deleted=sum(item.deleted for item in items.values()),
        logged=len(log.ids & keys.keys()),
        indexed=len(texts.keys() & keys.keys()),
        gaps=len(log.gaps),
        excusable=sum(item.excusable for item in items.values()),
        excused=excused,
        lost=tuple(lost),
        stale=tuple(stale),
        back=tuple(back),
        twice=len(held) - len(texts),
    )
