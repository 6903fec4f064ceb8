"""What became of the items of a world: each is looked for in the log and in the index."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.completeness.child import FastClock, opened
from bench.completeness.world import Item
from peil.pipeline import Pipeline
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


def look(folder: Path, clock: FastClock, *, platform: str, items: Mapping[str, Item]) -> Outcome:
    """Bring what waits in the log to the index, and look for every item, by its native id."""
    with opened(folder, clock) as pipeline:
        pipeline.publish_rules()
        pipeline.enrich_worker().drain()
        pipeline.index_worker().drain()
        return _compare(pipeline, platform, items)


def _compare(pipeline: Pipeline, platform: str, items: Mapping[str, Item]) -> Outcome:
    store = pipeline.store
    held = [post for partition in store.partitions() for post in store.posts(partition)]
    texts = {post.id: post.text for post in held}
    logged, gaps = _logged(pipeline)
    lost: list[str] = []
    stale: list[str] = []
    back: list[str] = []
    excused = 0
    keys = {pipeline.keys.post_id(platform, native_id): native_id for native_id in items}
    for key, native_id in keys.items():
        item = items[native_id]
        if item.deleted:
            wrong = back if key in texts else None
        elif key not in texts or key not in logged:
            wrong = lost
        else:
            wrong = stale if texts[key] != item.text else None
        if wrong is None:
            continue
        if item.excusable and any(gap.start <= item.told < gap.end for gap in gaps):
            excused += 1
        else:
            wrong.append(native_id)
    return Outcome(
        items=len(items),
        deleted=sum(item.deleted for item in items.values()),
        logged=len(logged & keys.keys()),
        indexed=len(texts.keys() & keys.keys()),
        gaps=len(gaps),
        excusable=sum(item.excusable for item in items.values()),
        excused=excused,
        lost=tuple(lost),
        stale=tuple(stale),
        back=tuple(back),
        twice=len(held) - len(texts),
    )


def _logged(pipeline: Pipeline) -> tuple[set[str], Sequence[Gap]]:
    """The ids of the posts in the log, and the gaps."""
    ids: set[str] = set()
    gaps: list[Gap] = []
    for partition, (first, end) in pipeline.broker.ends(POSTS.name).items():
        offset = first
        while offset < end:
            records = pipeline.broker.read(POSTS.name, partition, start=offset, limit=READ)
            if not records:
                break
            offset = records[-1].offset + 1
            for record in records:
                match record.value and decode(record.value):
                    case Upsert(post=post):
                        ids.add(post.id)
                    case Gap() as gap:
                        gaps.append(gap)
                    case _:
                        continue
    return ids, gaps
