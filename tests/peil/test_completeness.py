import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bench.completeness.__main__ import WORLDS, prepare
from bench.completeness.child import FastClock, opened
from bench.completeness.outcome import Look, Outcome
from bench.completeness.world import Item
from stream.broker import Entry
from stream.clock import DAY_MS
from stream.codec import encode
from stream.events import Gap, Upsert
from stream.testing import make_post
from stream.topics import POSTS
from stream.version import pack

ROOT = Path(__file__).parents[2]
PLATFORM = "shelf"
DECLARATION = 'id = "world"\ntitle = "w"\ncollector = "files"\nkeep = "all"\n'
NOW = time.time_ns() // 1_000_000
IN_GAP, ELSEWHERE = NOW - 1_500, NOW - 5_000
GAP = Gap("world", NOW - 2_000, NOW - 1_000, "nobody looked")


@pytest.mark.kill
@pytest.mark.parametrize("world", WORLDS)
def test_killed_in_a_failing_world_a_collector_brings_every_item_or_a_gap(world: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.completeness", world, "--items", "200", "--kills", "3",
         "--speed", "240", "--ways", "4"],
        cwd=ROOT, capture_output=True, text=True, timeout=290, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, stale 0, back from the dead 0, twice 0" in done.stdout


def found(folder: Path, items: Mapping[str, Item], collected: Mapping[str, str]) -> Outcome:
    """What is found of `items` where the texts that were `collected` and a gap are in the log."""
    clock = FastClock(began=NOW, speed=1)
    prepare(folder, DECLARATION, clock)
    with opened(folder, clock) as pipeline:
        posts = [
            make_post(
                id=pipeline.keys.post_id(PLATFORM, native_id), text=text, source="world",
                keep="all", created_at=NOW, first_observed=NOW, keep_until=NOW + 90 * DAY_MS,
                version=pack(NOW, 0),
            )
            for native_id, text in collected.items()
        ]  # fmt: skip
        events = [*map(Upsert, posts), GAP]
        pipeline.broker.append(POSTS.name, [Entry(each.key, encode(each)) for each in events])
    with closing(Look(folder, clock)) as look:
        return look.outcome(platform=PLATFORM, items=items)


def test_what_is_missing_in_an_old_version_or_deleted_and_there_is_told(tmp_path: Path) -> None:
    items = {
        "there": Item(text="een", told=IN_GAP),
        "missing": Item(text="twee", told=IN_GAP),
        "changed": Item(text="drie, anders", told=IN_GAP),
        "deleted": Item(text="vier", told=IN_GAP, deleted=True),
        "never seen": Item(text="vijf", told=IN_GAP, deleted=True),
    }
    collected = {"there": "een", "changed": "drie", "deleted": "vier"}
    outcome = found(tmp_path / "city", items, collected)
    assert (outcome.lost, outcome.stale, outcome.back) == (("missing",), ("changed",), ("deleted",))
    assert (outcome.excused, outcome.twice, outcome.whole) == (0, 0, False)


@pytest.mark.parametrize(
    ("told", "excused"), [(IN_GAP, 3), (ELSEWHERE, 0)], ids=["in it", "elsewhere"]
)
def test_a_gap_excuses_what_was_not_to_be_had_in_its_period(
    tmp_path: Path, told: int, excused: int
) -> None:
    items = {
        "missing": Item(text="twee", told=told),
        "changed": Item(text="drie, anders", told=told),
        "deleted": Item(text="vier", told=told, deleted=True),
    }
    items = {name: msgspec.structs.replace(item, excusable=True) for name, item in items.items()}
    outcome = found(tmp_path / "city", items, {"changed": "drie", "deleted": "vier"})
    assert (outcome.excusable, outcome.excused, outcome.whole) == (3, excused, excused == 3)
