"""An erasure in a log of many records: every record read, as peil did before it had places, and a
round of `peil.erasing`.

    python bench/erasure.py local [--records 1000000] [--erasures 1000] [--texts FILE]
    python bench/erasure.py kafka [--records 300000] [--erasures 1000] [--texts FILE]

Half of the records are in `posts` and half, with tokens, in `labelled`. One erasure in ten is of an
account with ten posts, the others are of single posts, all drawn at random. At the end every topic
is read once more: what the ledger erases must be gone, and nothing else. Wall and CPU seconds of
this process are printed, because other work may run beside it. The last lines calculate, they do
not measure: a log of 1,000 posts a second.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.cluster import texts
from bench.servers.kafka import Kafka
from peil.database import open_database
from peil.erasing import WITH_TEXTS, Erasing
from privacy.ledger import Ledger, is_erased
from rules.tokens import tokenise
from stream.batches import batched
from stream.broker import Broker, Entry, Record
from stream.clock import DAY_MS, HOUR_MS, SystemClock
from stream.codec import decode, encode
from stream.errors import Reject
from stream.events import Upsert
from stream.kafka import KafkaBroker
from stream.local import LocalBroker
from stream.post import Post
from stream.scan import scan, standing
from stream.settings import KafkaSettings, StreamSettings
from stream.testing import make_post
from stream.topics import LABELLED, POSTS, TEXT_RETENTION_MS
from stream.version import of_delete, pack

EACH = 10
"""So many posts an account has."""

BATCH = 1_000
RATE = 1_000
"""Posts a second of the log that the last lines calculate."""

ROUND_SECONDS = 1_200

Answer = TypeVar("Answer")


def posts(count: int, *, first: int, words: Sequence[str], now: int) -> Iterator[Post]:
    for number in range(first, first + count):
        yield make_post(
            number,
            author=f"230-{number // EACH:032x}",
            text=f"{words[number % len(words)]} {number}",
            created_at=now,
            first_observed=now,
            keep_until=now + 90 * DAY_MS,
            version=pack(now, 0),
        )


def fill(broker: Broker, made: Iterator[Post]) -> None:
    for some in batched(made, BATCH):
        broker.append(POSTS.name, [Entry(post.id, encode(Upsert(post))) for post in some])
        labelled = [
            msgspec.structs.replace(post, tokens=tokenise(post.text), version=post.version + 1)
            for post in some
        ]
        broker.append(LABELLED.name, [Entry(post.id, encode(Upsert(post))) for post in labelled])


def doomed(broker: Broker, ledger: Ledger) -> list[Record]:
    """What the ledger erases, by reading everything."""
    ids, authors = dict(ledger.posts()), dict(ledger.authors())

    def erased(record: Record) -> bool:
        try:
            event = decode(record.value or b"")
        except Reject:
            return False
        return isinstance(event, Upsert) and is_erased(event.post, ids, authors)

    found: list[Record] = []
    for topic in WITH_TEXTS:
        chosen = (
            msgspec.structs.replace(record, value=record.value and b"-")
            for record in scan(broker, topic)
            if record.value is None or erased(record)
        )
        found += standing(chosen)
    return found


def timed(what: str, do: Callable[[], Answer]) -> tuple[Answer, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = do()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:<58}{wall:>9.2f} s{cpu:>9.2f} s CPU", flush=True)
    return answer, wall


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Counting:
    """A log that counts how many records are read of it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.records = 0

    def read(self, *place: Any, **options: Any) -> Sequence[Record]:
        records = self._broker.read(*place, **options)
        self.records += len(records)
        return records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def measure(
    broker: Broker, *, root: Path, records: int, erasures: int, words: Sequence[str]
) -> None:
    engine = open_database(root / "peil.db")
    ledger = Ledger(engine)
    log, folder = Counting(broker), root / "places"
    erasing = Erasing(log, ledger=ledger, folder=folder, before=lambda _ids: None)
    now, until = SystemClock().now(), SystemClock().now() + DAY_MS
    count, rng = records // 2, random.Random(1)
    fill(broker, posts(count, first=0, words=words, now=now))
    _, first = timed(f"a first round, which reads {records:,} records", erasing.round)
    state = size(folder)
    timed("a round without anything new", erasing.round)

    few, *many = batched(rng.sample(range(count), erasures), max(1, erasures // 20))
    ledger.add_posts({f"{number:032x}": of_delete(now) for number in few}, until=until)
    scattered, apart = timed(f"a round with {len(few):,} erasures, far apart", erasing.round)
    single = [number for some in many for number in some][: erasures - erasures // 10]
    accounts = rng.sample(range(count // EACH), erasures // 10)
    ledger.add_posts({f"{number:032x}": of_delete(now) for number in single}, until=until)
    ledger.add_authors([f"230-{number:032x}" for number in accounts], until=until)
    found, before = timed(
        f"{erasures:,} erasures found by reading everything", lambda: doomed(broker, ledger)
    )
    log.records = 0
    erased, after = timed(f"a round with {erasures:,} erasures", erasing.round)
    print(f"it read {log.records:,} records and erased {erased:,}")
    assert erased == len(found), (erased, len(found))

    fresh = records // 10
    fill(broker, posts(fresh // 2, first=count, words=words, now=now))
    timed(f"a round with {fresh:,} new records", erasing.round)
    assert not doomed(broker, ledger)
    left = sum(len(standing(scan(broker, topic))) for topic in WITH_TEXTS)
    assert left == records + fresh - erased - scattered
    print("read once more: nothing that is erased stands, and nothing else was erased")
    print(f"{before / after:.1f} times as fast; {state / records:.1f} bytes of state a record")
    calculate(
        per_new=first / records,
        per_erasure=apart / scattered,
        bytes_each=state / records,
        before=before / records,
    )
    engine.dispose()


def calculate(*, per_new: float, per_erasure: float, bytes_each: float, before: float) -> None:
    held = 2 * RATE * TEXT_RETENTION_MS // 1000
    new = 2 * RATE * ROUND_SECONDS * per_new
    print(
        f"at {RATE:,} posts/s, by calculation: {held / 1e6:.0f} million records in the log, "
        f"{held * bytes_each / 1e9:.1f} GB of state; each 20 minutes {new:.0f} s for what is new "
        f"and {1000 * per_erasure:.0f} s for each 1,000 records erased; reading everything takes "
        f"{held * before / HOUR_MS * 1000:.1f} h"
    )


def main(words: argparse.Namespace, root: Path) -> None:
    with ExitStack() as stack:
        if words.engine == "local":
            broker: Broker = LocalBroker(root / "log", clock=SystemClock())
        else:
            kafka = stack.enter_context(Kafka(data=root / "kafka"))
            settings = StreamSettings(kafka=KafkaSettings(servers=(kafka.address,)))
            made = KafkaBroker(settings, clock=SystemClock())
            made.prepare()
            broker = made
        stack.callback(broker.close)
        measure(
            broker,
            root=root,
            records=words.records or (1_000_000 if words.engine == "local" else 300_000),
            erasures=words.erasures,
            words=texts(words.texts),
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["local", "kafka"])
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--erasures", type=int, default=1_000)
    parser.add_argument("--texts", type=Path)
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args(), Path(temporary))
