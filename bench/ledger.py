"""The ledger under the deletes of a whole network: what an entry takes on disk, and what adding to
it, asking it and forgetting cost when it holds millions.

    python bench/ledger.py [--sizes 1000000 5000000]

At each size printed are the bytes an entry takes, entries added a second in batches of 100 as a
stream brings them, and median and 95th percentile of asking for 500 posts of as many authors, as
the index does for every batch, one in a hundred of them erased.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from bench.progress import Progress
from peil.database import open_database
from privacy.ledger import Ledger
from stream.batches import batched
from stream.clock import DAY_MS, SystemClock
from stream.post import Post
from stream.testing import make_post
from stream.version import of_delete

ADDED_AT_ONCE = 100
ASKED_AT_ONCE = 500
FILLED_AT_ONCE = 10_000
TIMES = 50
"""So many batches are asked for at each size."""


def identifier(number: int) -> str:
    """The id of the post of that number: as random as those of the gate."""
    return blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest()


def erased(first: int, *, now: int) -> Iterator[tuple[str, int]]:
    """Endless deletes, from that number on."""
    number = first
    while True:
        yield identifier(number), of_delete(now + number)
        number += 1


def asked(held: int, *, now: int, rng: random.Random) -> list[Post]:
    """A batch as the index asks for: one in a hundred is erased."""
    return [
        make_post(
            number,
            id=identifier(rng.randrange(held) if number % 100 == 0 else -number % 2**64),
            version=of_delete(now) - 1,
        )
        for number in range(1, ASKED_AT_ONCE + 1)
    ]


def fill(ledger: Ledger, held: int, size: int, *, now: int) -> None:
    made = erased(held, now=now)
    with Progress() as progress:
        starts = range(held, size, FILLED_AT_ONCE)
        for start in progress.over(starts, f"entries of {FILLED_AT_ONCE}"):
            some = dict(islice(made, min(FILLED_AT_ONCE, size - start)))
            ledger.add_posts(some, until=now + 90 * DAY_MS)
        if progress.is_cut_off:
            raise SystemExit("ended before the ledger held what was to be measured")


def adding(ledger: Ledger, held: int, *, now: int) -> float:
    """Entries a second, as they come with a stream."""
    made = dict(islice(erased(held, now=now), TIMES * ADDED_AT_ONCE))
    started = time.perf_counter()
    for some in batched(made.items(), ADDED_AT_ONCE):
        ledger.add_posts(dict(some), until=now + 90 * DAY_MS)
    return len(made) / (time.perf_counter() - started)


def asking(ledger: Ledger, held: int, *, now: int) -> list[float]:
    """Seconds of each batch."""
    rng, took = random.Random(1), []
    for _ in range(TIMES):
        batch = asked(held, now=now, rng=rng)
        started = time.perf_counter()
        found = ledger.blocked(batch)
        took.append(time.perf_counter() - started)
        if not found:
            raise SystemExit("what is erased was not found: the figures say nothing")
    return sorted(took)


def main(sizes: Sequence[int]) -> None:
    now = SystemClock().now()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peil.db"
        engine = open_database(path)
        ledger, held = Ledger(engine), 0
        for size in sizes:
            fill(ledger, held, size, now=now)
            rate = adding(ledger, size, now=now)
            held = size + TIMES * ADDED_AT_ONCE
            took = asking(ledger, held, now=now)
            disk = sum(each.stat().st_size for each in path.parent.iterdir())
            print(
                f"{held:,} entries: {disk / held:.0f} bytes each, {rate:,.0f} added a second, "
                f"{ASKED_AT_ONCE} posts asked for in {statistics.median(took) * 1000:.1f} ms "
                f"(p95 {took[int(0.95 * len(took))] * 1000:.1f} ms)",
                flush=True,
            )
        engine.dispose()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 5_000_000])
    main(sorted(options.parse_args().sizes))
