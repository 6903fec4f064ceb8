"""What happens to posts while a server is down or its disk is full, and how long it takes to
catch up.

    python bench/outage.py elastic-down [--minutes 5] [--rate 1000]
    python bench/outage.py elastic-full [--minutes 1]
    python bench/outage.py kafka-full [--minutes 1]

Posts are appended at a steady rate all the while; none gets a label that takes a model. Where a
disk is to be full the server gets a small one, which takes root to mount. `elastic-full`: another
file takes most of it, posts come until Elasticsearch itself sets the block of the flood stage (its
watermarks are as they come), and after so many minutes that file goes, as an operator would make
room. `kafka-full` fills the disk until the broker ends; then room is made and it is started again.
Exit code 3 when a post is lost or stands twice; 1 when that cannot be said.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cluster import City, cluster, patiently, texts, whole
from bench.cluster_kills import WRONG, send
from bench.cluster_pipeline import NO_LABELS, make_posts
from stream.batches import batched
from stream.clock import DAY_MS
from stream.errors import Stop
from stream.events import Upsert
from stream.post import Post

DISKS = {"kafka-full": ("kafka", "600m"), "elastic-full": ("es", "2g")}
"""Whose disk is full, by the folder of the server, and how large it is."""

WATERMARKS = {"cluster.routing.allocation.disk.threshold_enabled": True}
FLOOD_STAGE = 0.95
ROOM = 24 << 20
"""Bytes that posts take before they come to the flood stage."""

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


def is_blocked(city: City) -> bool:
    """Whether Elasticsearch takes no posts because of the flood stage."""
    block = "index.blocks.read_only_allow_delete"
    address = f"{city.elastic.url}/peil-*/_settings/{block}?flat_settings=true"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return any(held["settings"] for held in json.load(answer).values())


def wait_for_block(city: City, *, there: bool) -> float:
    """Until the block is there, or gone; returns how many seconds that took."""
    begun = time.monotonic()
    while is_blocked(city) is not there:
        assert time.monotonic() < begun + PATIENCE, "the block does not change"
        time.sleep(TICK)
    return time.monotonic() - begun


def fill(folder: Path, *, but: int = 0) -> Path:
    """Take the room that is left below `folder`, but so many bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while shutil.disk_usage(folder).free > but:
                file.write(bytes(1 << 20))
        except OSError:
            return ballast
    return ballast


def harm(city: City, what: str, seconds: float) -> None:
    """Do it, and undo it after so many seconds."""
    match what:
        case "elastic-down":
            city.elastic.kill()
            time.sleep(seconds)
            city.elastic.start()
        case "elastic-full":
            above = shutil.disk_usage(city.elastic.data).total * (1 - FLOOD_STAGE)
            ballast = fill(city.elastic.data, but=int(above) + ROOM)
            print(f"blocked {wait_for_block(city, there=True):.0f} s after the disk was filled")
            time.sleep(seconds)
            ballast.unlink()
            print(f"free again {wait_for_block(city, there=False):.0f} s after room was made")
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


def wait_for_first(city: City, producer: Producer) -> None:
    """Until a post came through: then all roles work."""
    deadline = time.monotonic() + PATIENCE
    while not producer.posts or missing(city, producer.posts[:1]) != (0, 0):
        assert producer.is_alive(), "no posts are sent"
        assert time.monotonic() < deadline, "no post comes through"
        time.sleep(1)


def play(city: City, words: argparse.Namespace) -> int:
    """Post, do the harm, and look what became of the posts; returns the exit code."""
    with city.opened() as pipeline:
        pipeline.publish_rules()
    city.run("enrich-1", "enrich-2", "index-1")
    producer = Producer(city, rate=words.rate)
    producer.start()
    try:
        wait_for_first(city, producer)
        harm(city, words.what, words.minutes * 60)
        healed = time.monotonic()
        there = len(producer.posts)
        deadline = healed + PATIENCE
        while missing(city, producer.posts[max(0, there - AT_ONCE) : there])[0]:
            assert time.monotonic() < deadline, "it does not catch up"
            time.sleep(1)
        caught_up = time.monotonic() - healed
    finally:
        producer.end()
    while (wrong := missing(city, producer.posts)) != (0, 0):
        if time.monotonic() > deadline:
            break
        time.sleep(2)
    print(f"{words.what} for {words.minutes:g} minutes at {words.rate} posts/s")
    print(f"of {len(producer.posts)} posts {wrong[0]} are lost and {wrong[1]} stand twice")
    print(f"what had waited was searchable {caught_up:.0f} s after the end, while more came")
    return 0 if wrong == (0, 0) else WRONG


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[None]:
    """A disk of `size` at `folder`; Stop where this machine lets nobody mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(
            f"no disk of {size} can be mounted here, so none can be filled: {done.stderr.strip()}"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def main(words: argparse.Namespace, root: Path) -> int:
    with ExitStack() as stack:
        if words.what in DISKS:
            folder, size = DISKS[words.what]
            stack.enter_context(small_disk(root / folder, size))
        settings = NO_LABELS | {"PEIL_STREAM__BATCH": "1000"}
        city = stack.enter_context(cluster(root, settings=settings, elastic_settings=WATERMARKS))
        return play(city, words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["elastic-down", *DISKS])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=whole(1), default=1_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            sys.exit(main(chosen, Path(temporary)))
        except Stop as error:
            sys.exit(str(error))
