"""What happens to posts while a server is down or its disk is full, and how long it takes to
catch up.

    python bench/outage.py elastic-down [--minutes 5] [--rate 1000]
    python bench/outage.py elastic-full [--minutes 1]
    python bench/outage.py kafka-full [--minutes 1]

Posts are appended at a steady rate all the while; none gets a label that takes a model.
`elastic-full` sets the block that Elasticsearch sets by itself when its disk passes the flood
stage. `kafka-full` gives Kafka a small disk (a tmpfs, which takes root to mount) and fills it
until the broker ends; then room is made and it is started again. Exit code 3 when a post is lost
or stands twice; 1 when that cannot be said.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from bench.cluster import City, cluster, patiently, texts, whole
from bench.cluster_kills import WRONG, send
from bench.cluster_pipeline import NO_LABELS, make_posts
from stream.batches import batched
from stream.clock import DAY_MS
from stream.errors import Stop
from stream.events import Upsert
from stream.post import Post

DISK = "600m"
TICK = 0.25
PATIENCE = 1_800
AT_ONCE = 1_000


class Producer(threading.Thread):
    """Appends posts at a steady rate until it is told to end; what must wait comes later."""

    def __init__(self, city: City, *, rate: int) -> None:
        super().__init__()
        self._city = city
        self._rate = rate
        self._over = threading.Event()
        self._words = texts(None)
        self._error: BaseException | None = None
        self.posts: list[Post] = []

    def run(self) -> None:
        try:
            self._produce()
        except BaseException as error:
            self._error = error
            raise

    def _produce(self) -> None:
        begun = time.monotonic()
        with self._city.opened() as pipeline:
            while not self._over.is_set():
                due = int((time.monotonic() - begun) * self._rate) - len(self.posts)
                some = make_posts(
                    max(0, due),
                    first=len(self.posts),
                    words=self._words,
                    now=pipeline.clock.now() - DAY_MS // 24,
                )
                send(pipeline, [Upsert(post) for post in some], lambda: 0.0)
                self.posts += some
                time.sleep(TICK)

    def end(self) -> None:
        """Stop when it ended by itself before: what was not sent is not lost."""
        self._over.set()
        self.join()
        if self._error is not None:
            raise Stop("not all posts were sent") from self._error


def block(city: City, *, full: bool) -> None:
    """What Elasticsearch does at the flood stage, and undoes when there is room again."""
    body = json.dumps({"index.blocks.read_only_allow_delete": True if full else None}).encode()
    request = urllib.request.Request(
        f"{city.elastic.url}/peil-*/_settings?expand_wildcards=all",
        data=body,
        method="PUT",
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()


def fill(folder: Path) -> Path:
    """Take all the room that is left below `folder`."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return ballast


def harm(city: City, what: str, seconds: float) -> None:
    """Do it, and undo it after so many seconds."""
    match what:
        case "elastic-down":
            city.elastic.kill()
            time.sleep(seconds)
            city.elastic.start()
        case "elastic-full":
            block(city, full=True)
            time.sleep(seconds)
            block(city, full=False)
        case _:
            ballast = fill(city.kafka.data)
            time.sleep(seconds)
            ballast.unlink()
            city.kafka.restart()


def missing(city: City, posts: list[Post]) -> tuple[int, int]:
    """How many are not in the index, and how many stand there more than once; asked until
    Elasticsearch answers.
    """
    return patiently(lambda: _missing(city, posts))


def _missing(city: City, posts: list[Post]) -> tuple[int, int]:
    lost = twice = 0
    with city.opened() as pipeline:
        pipeline.store.reload()
        for ids in batched((post.id for post in posts), AT_ONCE):
            places = pipeline.store.where(ids)
            lost += len(ids) - len(places)
            twice += sum(len(found) > 1 for found in places.values())
    return lost, twice


def main(words: argparse.Namespace, root: Path) -> int:
    with cluster(root, settings=NO_LABELS | {"PEIL_STREAM__BATCH": "1000"}) as city:
        with city.opened() as pipeline:
            pipeline.publish_rules()
        for name in ("enrich-1", "enrich-2", "index-1"):
            city.role(name, name.partition("-")[0]).start()
        producer = Producer(city, rate=words.rate)
        producer.start()
        time.sleep(30)
        harm(city, words.what, words.minutes * 60)
        healed = time.monotonic()
        there = len(producer.posts)
        deadline = healed + PATIENCE
        while missing(city, producer.posts[there - AT_ONCE : there])[0]:
            assert time.monotonic() < deadline, "it does not catch up"
            time.sleep(1)
        caught_up = time.monotonic() - healed
        time.sleep(10)
        producer.end()
        while (wrong := missing(city, producer.posts)) != (0, 0):
            if time.monotonic() > deadline:
                break
            time.sleep(2)
    print(f"{words.what} for {words.minutes:g} minutes at {words.rate} posts/s")
    print(f"of {len(producer.posts)} posts {wrong[0]} are lost and {wrong[1]} stand twice")
    print(f"what had waited was searchable {caught_up:.0f} s after the end, while more came")
    return 0 if wrong == (0, 0) else WRONG


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["elastic-down", "elastic-full", "kafka-full"])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=whole(1), default=1_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        disk = Path(temporary) / "kafka"
        if chosen.what == "kafka-full":
            disk.mkdir()
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=True
            )
        try:
            code = main(chosen, Path(temporary))
        finally:
            if chosen.what == "kafka-full":
                subprocess.run(["umount", "-l", disk], check=True)
    sys.exit(code)
