"""Kill processes and servers of a cluster at random moments, then look for every post, id by id.

    python bench/cluster_kills.py [--posts 200000] [--kills 100] [--seed 1] [--texts FILE]
    python bench/cluster_kills.py --faults

A driver appends posts, edits, deletes and deletes of authors to Kafka while two enrichment
workers, two index workers, Kafka and Elasticsearch are killed (`kill -9`) in an order that the
seed decides, and started again. With `--faults` nothing is killed: proxies before Kafka,
Elasticsearch and PostgreSQL delay, cut, half-close, reset, refuse and stall connections.

Exit code 3 when a post is lost, stands twice, is of a stale version, or is back from the dead;
1 when that cannot be said.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.cluster import City, Watch, cluster, file, patiently, texts, whole
from bench.cluster_pipeline import NO_LABELS
from peil.pipeline import Pipeline
from stream.batches import batched
from stream.broker import Entry
from stream.clock import DAY_MS
from stream.codec import encode
from stream.errors import Retry
from stream.events import AuthorDelete, Delete, Event, Upsert
from stream.post import Post
from stream.topics import POSTS
from stream.version import of_delete, pack, rev_of

if TYPE_CHECKING:
    from bench.servers.proxy import Proxy

AUTHORS = 500
EDITED = 0.08
DELETED = 0.02
POSTS_AN_ERASURE = 4_000
CHUNK = 250
PATIENCE = 600
AT_ONCE = 1_000
WRONG = 3
"""The exit code when posts are not as they must be."""


class Deeds:
    """The events to send, in order, and what must be in the index when all were handled."""

    def __init__(self, count: int, *, words: Sequence[str], rng: random.Random, now: int) -> None:
        self._rng = rng
        self._words = words
        self._now = now
        self.events: list[Event] = []
        self.newest: dict[str, Post] = {}
        self.deleted: dict[str, int] = {}
        self.erased: dict[str, int] = {}
        self.counts = Counter[str]()
        for number in range(count):
            self._add(self._post(number))
            if rng.random() < EDITED:
                self._edit(rng.choice(list(self.newest)) if number % 50 == 0 else self._latest())
            if rng.random() < DELETED:
                self._delete(self._latest())
            if number % POSTS_AN_ERASURE == POSTS_AN_ERASURE - 1:
                self._erase(f"230-{rng.randrange(AUTHORS):032x}")

    def _latest(self) -> str:
        post = self.events[-1]
        return post.post.id if isinstance(post, Upsert) else next(reversed(self.newest))

    def _post(self, number: int) -> Post:
        self._now += 1
        return Post(
            id=f"{number:032x}",
            author=f"230-{self._rng.randrange(AUTHORS):032x}",
            source="bench",
            platform="bench",
            kind="post",
            created_at=self._now,
            first_observed=self._now,
            keep_until=self._now + 60 * DAY_MS,
            text=f"{self._rng.choice(self._words)} {number}",
            version=pack(self._now, 0),
        )

    def _add(self, post: Post) -> None:
        self.newest[post.id] = post
        self._send("post", Upsert(post))

    def _edit(self, key: str) -> None:
        """Another text, so that a post may go from one class to the other."""
        self._now += 1
        post = msgspec.structs.replace(
            self.newest[key], text=self._rng.choice(self._words), version=pack(self._now, 0)
        )
        self.newest[key] = post
        self._send("edit", Upsert(post))

    def _delete(self, key: str) -> None:
        version = of_delete(rev_of(self.newest[key].version))
        self.deleted[key] = version
        self._send("delete", Delete(key, version, "bench"))

    def _erase(self, author: str) -> None:
        self.erased[author] = self._now
        self._send("author delete", AuthorDelete((author,), self._now))

    def _send(self, kind: str, event: Event) -> None:
        self.counts[kind] += 1
        self.events.append(event)

    def expected(self) -> Mapping[str, int]:
        """The rev that each id must be in the index with; ids that must not be there are none."""
        return {
            key: rev_of(post.version)
            for key, post in self.newest.items()
            if self.deleted.get(key, -1) < post.version
            and self.erased.get(post.author, -1) < rev_of(post.version)
        }


def send(pipeline: Pipeline, events: Sequence[Event], pause: Callable[[], float]) -> None:
    """Append all of it in order, as often as it takes."""
    for start in range(0, len(events), CHUNK):
        some = [Entry(event.key, encode(event)) for event in events[start : start + CHUNK]]
        while True:
            try:
                pipeline.broker.append(POSTS.name, some)
                break
            except Retry:
                time.sleep(0.2)
        time.sleep(pause())


def kill(city: City, kills: int, rng: random.Random) -> Counter[str]:
    """Kill and start again, one after the other."""
    killed = Counter[str]()
    victims = [*city.roles, "kafka", "elastic"]
    order = [victims[number % len(victims)] for number in range(kills)]
    rng.shuffle(order)
    for name in order:
        time.sleep(rng.uniform(0.5, 4.0))
        victim = {"kafka": city.kafka, "elastic": city.elastic}.get(name) or city.roles[name]
        victim.kill()
        time.sleep(rng.uniform(0.0, 1.0))
        victim.start()
        killed[name] += 1
        print(f"{sum(killed.values())}/{kills}: {name}", file=sys.stderr, flush=True)
    return killed


def disturb(city: City, rounds: int, rng: random.Random) -> Counter[str]:
    """Faults of the network, each for a few seconds before one of the servers."""
    done = Counter[str]()
    faults: Mapping[str, Callable[[Proxy], object]] = {
        "delay": lambda proxy: proxy.delay(0.3),
        "cut": lambda proxy: proxy.cut(),
        "half-close": lambda proxy: proxy.half_close(),
        "reset": lambda proxy: proxy.reset(),
        "refuse": lambda proxy: proxy.refuse(),
        "stall": lambda proxy: proxy.stall(),
    }
    pairs = [(server, name) for server in city.proxies for name in faults]
    order = [pairs[number % len(pairs)] for number in range(rounds)]
    rng.shuffle(order)
    for number, (server, name) in enumerate(order):
        proxy = city.proxies[server]
        time.sleep(rng.uniform(1.0, 3.0))
        faults[name](proxy)
        time.sleep(rng.uniform(1.0, 8.0))
        proxy.heal()
        done[f"{server}: {name}"] += 1
        print(f"{number + 1}/{rounds}: {name} before {server}", file=sys.stderr, flush=True)
    return done


def look(pipeline: Pipeline, deeds: Deeds) -> Counter[str]:
    """What is wrong, id by id."""
    found = Counter(lost=0, duplicate=0, stale=0, resurrected=0)
    expected = deeds.expected()
    pipeline.store.reload()
    for ids in batched(deeds.newest, AT_ONCE):
        places = pipeline.store.where(ids)
        for key in ids:
            revs = [rev_of(place.version) for place in places.get(key, ())]
            wanted = expected.get(key)
            found["lost"] += wanted is not None and not revs
            found["resurrected"] += wanted is None and bool(revs)
            found["duplicate"] += len(revs) > 1
            found["stale"] += wanted is not None and any(rev != wanted for rev in revs)
    return found


def play(city: City, words: argparse.Namespace) -> int:
    """Send, do the harm, and look what became of the posts; returns the exit code."""
    rng = random.Random(words.seed)
    rounds = words.kills
    with city.opened() as pipeline:
        pipeline.publish_rules()
        deeds = Deeds(
            words.posts, words=texts(words.texts), rng=rng, now=pipeline.clock.now() - DAY_MS
        )
    print(f"to send: {dict(deeds.counts)}; {len(deeds.expected())} must be in the index")
    city.run("enrich-1", "enrich-2", "index-1", "index-2")
    calm = threading.Event()
    gap = rounds * 5 / (len(deeds.events) / CHUNK)  # so that the kills fall all along

    def produce() -> None:
        with city.opened() as pipeline:
            send(pipeline, deeds.events, lambda: 0.0 if calm.is_set() else gap)

    with Watch(city) as watch, ThreadPoolExecutor() as pool:
        producing = pool.submit(produce)
        try:
            done = (disturb if words.faults else kill)(city, rounds, rng)
        finally:
            calm.set()
        producing.result()  # what was not sent is not lost
        deadline = time.monotonic() + PATIENCE
        with city.opened() as pipeline:
            while any((wrong := patiently(lambda: look(pipeline, deeds))).values()):
                if time.monotonic() > deadline:
                    break
                time.sleep(2)
            time.sleep(5)  # nothing comes back afterwards either
            wrong = patiently(lambda: look(pipeline, deeds))
    said = city.kafka.log.read_text("utf-8", "replace")
    rebalances = said.count("Preparing to rebalance group")
    lost = sum(role.said("went to another member") for role in city.roles.values())
    print(f"done (seed {words.seed}): {dict(done)}")
    print(f"{rebalances} rebalances; {lost} batches were given up for a lost partition")
    print(f"longest time in which the index did not change: {watch.longest:.1f} s")
    print(f"wrong: {dict(wrong)}")
    return WRONG if any(wrong.values()) else 0


def main(words: argparse.Namespace, root: Path) -> int:
    with cluster(root, proxies=words.faults, settings=SETTINGS) as city:
        return play(city, words)


SETTINGS = NO_LABELS | {"PEIL_STREAM__LEASE_SECONDS": "6"}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=whole(1), default=200_000)
    parser.add_argument("--kills", type=whole(0), default=100, help="or faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=file)
    parser.add_argument("--faults", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(chosen, Path(temporary)))
