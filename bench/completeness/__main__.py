"""Kill a collector again and again while what it collects from fails, then look for every item.

    python -m bench.completeness feeds|files|mastodon|jetstream|bluesky
        [--items 20000] [--kills 50] [--seed 1] [--speed N] [--ways N]

A world (`bench/completeness/world.py`) publishes items, edits and deletes, and answers with
errors, block pages, cut bodies, stalls, duplicates, late and out-of-order items. A collect role
collects from it, on a clock that goes `speed` times as fast as the wall's, and is killed
(`kill -9`) at moments that the seed decides, half of them just as it wrote something. When all is
published, all kills are done and the world has failed in every way it can (or in `ways` of them),
it calms down, and the role may catch up; where deletions are found out by asking again, days pass.

Then every item must be in the log and once in the index, with its last text; what was deleted must
not. A recorded gap excuses only what was not to be had any more when it could have been asked for,
which the world knows. Exit code 1 when one is not, or when the world failed in fewer ways: of a
fault that did not come a run says nothing.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

from bench import nursery
from bench.completeness import child
from bench.completeness.child import FastClock, opened
from bench.completeness.outcome import Look, Outcome
from bench.completeness.world import World
from bench.nursery import Process
from bench.reach import reach_this_machine
from ingest.vault import PUT_OFF_MS
from peil.folder import WorkingFolder
from stream.clock import DAY_MS, HOUR_MS, to_datetime

WORLDS = {
    "feeds": "FeedsWorld",
    "files": "FilesWorld",
    "mastodon": "MastodonWorld",
    "jetstream": "JetstreamWorld",
    "bluesky": "BlueskyWorld",
}
"""Each in the module of its name."""

PATIENCE = 600
"""Seconds in which the role may catch up once all is calm, and with each day that passes; and in
which a world may go on to fail in ways in which it has not.
"""

WRITES = 10
"""A kill at a write comes at one of the first so many."""

NAMED = 10
"""So many of each kind are named."""


def world_type(name: str) -> type[World]:
    found: type[World] = getattr(import_module(f"bench.completeness.{name}"), WORLDS[name])
    return found


def prepare(folder: Path, declaration: str, clock: FastClock) -> None:
    """A working folder whose only source is the world."""
    working = WorkingFolder.init(folder)
    reach_this_machine(working, "pause_seconds = 0.05")
    for path in (working.config / "sources").glob("*.toml"):
        path.unlink()
    (working.config / "sources" / "world.toml").write_text(declaration, "utf-8")
    with opened(folder, clock) as pipeline:
        pipeline.register.open(
            "world", owner="o", purpose="p", basis="b", dpia="d", obtained="o", organisation=True,
            until=to_datetime(clock.now() + 30 * DAY_MS).date(),
        )  # fmt: skip


def start(folder: Path, clock: FastClock) -> Process:
    """The role, once it is about to collect."""
    ready, told = nursery.pipe()
    role = Process(child.main, folder, clock, told)
    told.close()  # so that the pipe ends with the role
    try:
        ready.recv()
    except EOFError:
        raise SystemExit(f"the collect role ended by itself (status {role.wait()})") from None
    finally:
        ready.close()
    return role


def kill(folder: Path, clock: FastClock, *, kills: int, rng: random.Random) -> None:
    """Half of the kills come at any moment, the others just as something was written to the log,
    or to the database that holds the cursor: what lies between the two is short.
    """
    data = WorkingFolder.open(folder).data
    files = (None, None, data / "log" / "posts.db-wal", data / "peil.db-wal")
    for _ in range(kills):
        role = start(folder, clock)
        end, file = time.monotonic() + rng.uniform(0.05, 4.0), rng.choice(files)
        if file is None:
            time.sleep(end - time.monotonic())
        else:
            _wait_for_write(file, number=rng.randint(1, WRITES), end=end)
        role.kill()
        role.wait()


def _wait_for_write(file: Path, *, number: int, end: float) -> None:
    """Wait until `file` was written to so many times, or to the `end`."""
    before = None
    while number >= 0 and time.monotonic() < end:
        written = file.stat().st_mtime_ns if file.exists() else 0
        if written != before:
            before, number = written, number - 1
        time.sleep(0.0005)


def let_be(folder: Path, clock: FastClock, *, calm: Callable[[], None],
           done: Callable[[], bool]) -> float:  # fmt: skip
    """Let the role collect until it is `done`, or patience ends; the seconds since it was calm."""
    role = start(folder, clock)
    try:
        calm()
        began = asked = time.monotonic()
        while not done() and asked < began + PATIENCE:
            # Looking for many takes long: as long is left to the role, that has to get on.
            time.sleep(min(2.0, max(0.1, time.monotonic() - asked)))
            asked = time.monotonic()
        return time.monotonic() - began
    finally:
        role.terminate()
        role.wait()


def run(name: str, *, items: int, kills: int, seed: int, speed: float | None,
        ways: int | None) -> bool:  # fmt: skip
    """One world, from its first item to the look for all of them. Whether nothing was lost, and
    it failed in so many of its ways, in all of them without a number: what it did not do it says
    nothing about.
    """
    made = world_type(name)
    clock = FastClock(began=time.time_ns() // 1_000_000, speed=speed or made.speed)
    with (
        tempfile.TemporaryDirectory() as place,
        made(count=items, seed=seed, now=clock.now) as world,
    ):
        folder = Path(place) / "city"

        def found() -> Outcome:
            return look.outcome(platform=world.platform, items=world.items())

        wanted = len(made.ways) if ways is None else ways

        def calm() -> None:
            until = time.monotonic() + PATIENCE
            while not world.published() or (
                len(world.faults()) < wanted and time.monotonic() < until
            ):
                time.sleep(0.2)
            world.calm()

        def came() -> bool:
            outcome = found()
            return not (outcome.lost or outcome.stale or (outcome.back and not world.days))

        def asked_again() -> bool:
            soon = clock.now() + PUT_OFF_MS  # what a server had no time for comes again then
            return not look.pipeline.ingestion.vault.due("world", now=soon, limit=1)

        prepare(folder, world.declaration(), clock)
        kill(folder, clock, kills=kills, rng=random.Random(seed))
        with closing(Look(folder, clock)) as look:
            took = let_be(folder, clock, calm=calm, done=came)
            for _ in range(world.days):
                clock.ahead += DAY_MS + HOUR_MS
                let_be(folder, clock, calm=lambda: None, done=asked_again)
            outcome, faults = found(), world.faults()
    failed = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
    print(f"{name}: {kills} kills, seed {seed}, speed {clock.speed:g}; the world failed in "
          f"{len(faults)} of {len(made.ways)} ways: {failed}")  # fmt: skip
    for way in sorted(set(made.ways) - faults.keys()):
        print(f"  it never failed by: {way}")
    print(f"  {outcome.items} items, {outcome.deleted} of them deleted; {outcome.logged} in the "
          f"log, {outcome.indexed} in the index; {outcome.gaps} gaps excuse {outcome.excused} of "
          f"{outcome.excusable} that were not to be had")  # fmt: skip
    print(f"  lost {len(outcome.lost)}, stale {len(outcome.stale)}, back from the dead "
          f"{len(outcome.back)}, twice {outcome.twice}; caught up {took:.0f} s after the last "
          "fault")  # fmt: skip
    for kind in ("lost", "stale", "back"):
        for native_id in getattr(outcome, kind)[:NAMED]:
            print(f"    {kind}: {native_id}")
    return outcome.whole and len(faults) >= wanted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, help="by default the world's own")
    parser.add_argument("--ways", type=int, help="in so many it must fail; by default in all")
    told = parser.parse_args()
    well = run(told.world, items=told.items, kills=told.kills, seed=told.seed, speed=told.speed,
               ways=told.ways)  # fmt: skip
    sys.exit(0 if well else 1)
