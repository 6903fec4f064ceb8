"""Kill a collector again and again while what it collects from fails, then look for every item.

    python -m bench.completeness feeds|files|mastodon|jetstream|bluesky
        [--items 20000] [--kills 50] [--seed 1] [--speed 60]

A world (`bench/completeness/world.py`) publishes items and answers with errors, block pages, cut
bodies, stalls, duplicates, late and out-of-order items. A collect role collects from it, on a
clock that goes `speed` times as fast as the wall's, and is killed (`kill -9`) at moments that
the seed decides. When all is published and all kills are done the world calms down, and the role
may catch up. Then every item must be in the log and once in the index, or in a period that is
recorded as a gap; what was deleted must be in neither, unless that was told once, in a gap. Exit
code 1 when one is not.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import msgspec

from bench.completeness.child import FastClock, opened
from bench.completeness.world import Item, World
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from stream.clock import DAY_MS, to_datetime
from stream.codec import decode
from stream.events import Delete, Gap, Upsert
from stream.topics import POSTS

WORLDS = {
    "feeds": "FeedsWorld",
    "files": "FilesWorld",
    "mastodon": "MastodonWorld",
    "jetstream": "JetstreamWorld",
    "bluesky": "BlueskyWorld",
}
"""Each in the module of its name."""

PATIENCE = 600
"""Seconds in which the role may catch up once all is calm."""

READ = 1_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the items. `lost` are in no log, no index and no gap, `back` deleted and in
    the index, `twice` in it more than once.
    """

    items: int
    deleted: int
    logged: int
    indexed: int
    in_gaps: int
    gaps: int
    lost: tuple[str, ...]
    back: int
    twice: int

    @property
    def whole(self) -> bool:
        return not self.lost and not self.back and not self.twice


def make_world(name: str, *, count: int, seed: int, clock: FastClock) -> World:
    module = import_module(f"bench.completeness.{name}")
    made: World = getattr(module, WORLDS[name])(count=count, seed=seed, now=clock.now)
    return made


def prepare(folder: Path, declaration: str, clock: FastClock) -> None:
    """A working folder whose only source is the world."""
    working = WorkingFolder.init(folder)
    text = working.settings.read_text("utf-8")
    contact = 'contact = "b@example.org"\nprivate_hosts = ["127.0.0.1"]\npause_seconds = 0.05'
    working.settings.write_text(text.replace('contact = ""', contact), "utf-8")
    for path in (working.config / "sources").glob("*.toml"):
        path.unlink()
    (working.config / "sources" / "world.toml").write_text(declaration, "utf-8")
    with opened(folder, clock) as pipeline:
        pipeline.register.open(
            "world", owner="o", purpose="p", basis="b", dpia="d", obtained="o", organisation=True,
            until=to_datetime(clock.now() + 30 * DAY_MS).date(),
        )  # fmt: skip


def start(folder: Path, began: int, speed: float) -> subprocess.Popen[str]:
    """The role, once it is about to collect."""
    role = subprocess.Popen(
        [sys.executable, "-m", "bench.completeness.child", str(folder), str(began), str(speed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert role.stdout is not None
    if role.stdout.readline() != "ready\n":
        raise SystemExit(f"the collect role ended by itself (status {role.wait()})")
    return role


def kill(folder: Path, world: World, *, kills: int, rng: random.Random,
         began: int, speed: float) -> float:  # fmt: skip
    """Kill the role so many times, and then let it be; returns the seconds of catching up."""
    for _ in range(kills):
        role = start(folder, began, speed)
        time.sleep(rng.uniform(0.05, 4.0))
        role.kill()
        role.wait()
    role = start(folder, began, speed)
    try:
        while not world.published():
            time.sleep(1)
        world.calm()
        calm = time.monotonic()
        while time.monotonic() < calm + PATIENCE:
            time.sleep(2)
            if look(folder, world, FastClock(began=began, speed=speed)).whole:
                break
        return time.monotonic() - calm
    finally:
        role.terminate()
        role.wait()


def look(folder: Path, world: World, clock: FastClock) -> Outcome:
    """Bring what waits in the log to the index, and look for every item."""
    items = dict(world.items())
    with opened(folder, clock) as pipeline:
        pipeline.publish_rules()
        pipeline.enrich_worker().drain()
        pipeline.index_worker().drain()
        return _compare(pipeline, items, world.platform)


def _compare(pipeline: Pipeline, items: Mapping[str, Item], platform: str) -> Outcome:
    keys = {pipeline.keys.post_id(platform, native_id): native_id for native_id in items}
    logged, gaps = _logged(pipeline)
    places = pipeline.store.where(sorted(keys))
    missing = {key: native_id for key, native_id in keys.items() if not places.get(key)}
    in_gaps = {
        native_id for native_id in missing.values() if _within(items[native_id].written, gaps)
    }
    lost = [
        native_id
        for key, native_id in keys.items()
        if not items[native_id].deleted
        and native_id not in in_gaps
        and (key in missing or key not in logged)
    ]
    documents = sum(pipeline.store.partitions().values())
    return Outcome(
        items=len(items),
        deleted=sum(item.deleted for item in items.values()),
        logged=len(logged & keys.keys()),
        indexed=len(keys) - len(missing),
        in_gaps=len(in_gaps),
        gaps=len(gaps),
        lost=tuple(sorted(lost)),
        back=sum(
            items[keys[key]].deleted and not _within(items[keys[key]].deleted_at, gaps)
            for key in places
            if places[key]
        ),
        twice=documents - sum(1 for found in places.values() if found),
    )


def _within(moment: int | None, gaps: Sequence[Gap]) -> bool:
    """Whether that was in a period that is known to be missing."""
    return moment is not None and any(gap.start <= moment < gap.end for gap in gaps)


def _logged(pipeline: Pipeline) -> tuple[set[str], list[Gap]]:
    """The ids in the log, and the gaps."""
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
                    case Delete(id=key):
                        ids.add(key)
                    case Gap() as gap:
                        gaps.append(gap)
                    case _:
                        continue
    return ids, gaps


def run(name: str, *, items: int, kills: int, seed: int, speed: float) -> Outcome:
    """One world, from its first item to the look for all of them."""
    began = time.time_ns() // 1_000_000
    clock = FastClock(began=began, speed=speed)
    with (
        tempfile.TemporaryDirectory() as place,
        make_world(name, count=items, seed=seed, clock=clock) as world,
    ):
        folder = Path(place) / "city"
        prepare(folder, world.declaration(), clock)
        took = kill(folder, world, kills=kills, rng=random.Random(seed), began=began, speed=speed)
        found = look(folder, world, clock)
        faults = ", ".join(f"{count} {kind}" for kind, count in world.faults().items())
    print(f"{name}: {kills} kills, seed {seed}; the world failed: {faults}")
    print(f"  {found.items} items, {found.deleted} of them deleted; {found.logged} in the log, "
          f"{found.indexed} in the index, {found.in_gaps} in {found.gaps} gaps")  # fmt: skip
    print(f"  lost {len(found.lost)}, back from the dead {found.back}, twice {found.twice}; caught "
          f"up {took:.0f} s after the last fault")  # fmt: skip
    for native_id in found.lost[:10]:
        print(f"    lost: {native_id}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=60.0)
    told = parser.parse_args()
    result = run(told.world, items=told.items, kills=told.kills, seed=told.seed, speed=told.speed)
    sys.exit(0 if result.whole else 1)
