"""From append to searchable: the roles as processes, posts at a steady rate.

    python bench/pipeline.py 200 60
    python bench/pipeline.py 1000 60
    python bench/pipeline.py 1000 60 60

The arguments are posts a second, seconds, and how many posts in a hundred a rule matches (else
5). One post of every tick of a tenth of a second is looked for in the index by its id, from the
moment that its append was acknowledged until a reader finds it. Also printed: CPU and memory of
each role.
The producer and the reader share the processors with the roles.
"""

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.broker import Entry
from stream.clock import DAY_MS, SystemClock
from stream.codec import encode
from stream.errors import Retry
from stream.events import Upsert
from stream.post import Post
from stream.topics import POSTS
from stream.version import pack

TICK = 0.1
ROLES = ("collect", "enrich", "index")
PEIL = (sys.executable, "-c", "from peil.command import main; main()")
KEPT = "Fatbikes scheuren hier elke avond over de stoep en niemand doet er iets aan, nummer"
OTHER = "Lekker weer vandaag, we gaan met de trein naar zee en eten onderweg een broodje, nummer"


def make(number: int, now: int, share: int) -> Post:
    return Post(
        id=f"{number:032x}",
        author=f"1-{hashlib.blake2b(bytes([number % 251]), digest_size=16).hexdigest()}",
        source="bench",
        platform="bench",
        kind="post",
        created_at=now,
        first_observed=now,
        keep_until=now + 90 * DAY_MS,
        text=f"{KEPT if number % 100 < share else OTHER} {number}",
        version=pack(now, 0),
    )


def main(rate: int, seconds: int, share: int, root: Path) -> None:
    folder = WorkingFolder.init(root)
    settings = load_settings(folder.settings, environ=os.environ)
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        pipeline.publish_rules()
        processes = {
            role: psutil.Popen([*PEIL, "-C", str(root), "run", "--role", role]) for role in ROLES
        }
        try:
            # A first post loads the models; it is not measured.
            first = make(0, pipeline.clock.now(), share)
            pipeline.broker.append(POSTS.name, [Entry(first.id, encode(Upsert(first)))])
            while not found(pipeline, [first.id]):
                time.sleep(0.2)
            cpu = {role: sum(each.cpu_times()[:2]) for role, each in processes.items()}
            started = time.monotonic()
            waits, unseen = measure(pipeline, rate, seconds, share)
            wall = time.monotonic() - started
            report(rate, waits, unseen)
            total = 0.0
            for role, process in processes.items():
                used = sum(process.cpu_times()[:2]) - cpu[role]
                memory = process.memory_info().rss / 1e6
                total += memory
                print(f"{role}: {used / wall:.0%} of one core, {memory:.0f} MB")
            print(f"all roles: {total:.0f} MB")
            tones = pipeline.answers(purpose="a benchmark").top("", by="sentiment")
            print(f"tones of {tones.total} kept posts: {dict(tones.cells)}")
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(60)


def found(pipeline: Pipeline, ids: list[str]) -> set[str]:
    try:
        pipeline.store.reload()
        return {key for key, places in pipeline.store.where(ids).items() if places}
    except Retry:  # an index that was just made is not whole for a moment
        return set()


def measure(
    pipeline: Pipeline, rate: int, seconds: int, share: int, *, first: int = 1
) -> tuple[dict[bool, list[float]], int]:
    """Seconds from acknowledged to found, of matched posts and of others; how many were not. The
    posts are numbered from `first` on.
    """
    waits: dict[bool, list[float]] = {True: [], False: []}
    pending: dict[str, tuple[float, bool]] = {}
    number, begun = first, time.monotonic()
    for tick in range(int(seconds / TICK)):
        posts = [
            make(number + each, pipeline.clock.now(), share) for each in range(int(rate * TICK))
        ]
        number += len(posts)
        entries = [Entry(post.id, encode(Upsert(post))) for post in posts]
        pipeline.broker.append(POSTS.name, entries)
        acknowledged = time.monotonic()
        wanted = tick % 2 == 0
        for post in posts:
            matched = int(post.id, 16) % 100 < share
            if matched == wanted:
                pending[post.id] = acknowledged, matched
                break
        collect(pipeline, pending, waits)
        time.sleep(max(0.0, begun + (tick + 1) * TICK - time.monotonic()))
    deadline = time.monotonic() + 60
    while pending and time.monotonic() < deadline:
        collect(pipeline, pending, waits)
        time.sleep(TICK)
    return waits, len(pending)


def collect(
    pipeline: Pipeline, pending: dict[str, tuple[float, bool]], waits: dict[bool, list[float]]
) -> None:
    for key in found(pipeline, list(pending)):
        acknowledged, matched = pending.pop(key)
        waits[matched].append(time.monotonic() - acknowledged)


def report(rate: int, waits: dict[bool, list[float]], unseen: int) -> None:
    for matched, found_after in waits.items():
        ordered = sorted(found_after)
        if ordered:
            p50, p95 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
            print(
                f"{rate} posts/s, {'matched' if matched else 'others'}: append to searchable "
                f"p50 {p50:.2f} s, p95 {p95:.2f} s ({len(ordered)} looked for)"
            )
    print(f"not found within a minute: {unseen}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        rate, seconds, share = map(int, [*sys.argv[1:], "5"][:3])
        main(rate, seconds, share, Path(temporary) / "bench")
