"""The dashboard under many readers at once: how long pages, answers and completion take.

    python bench/readers.py [--posts 1000000] [--users 20] [--seconds 60] [--texts FILE]
        [--folder FOLDER]

Fills a working folder's index with posts made from texts (91 days, the shipped rules, eight
sources, four languages), starts `peil run --role dashboard` on it and lets so many readers ask at
once, each with a session of its own, one request after the other with half a second between.
Printed are how long the first page after the start takes, which counts what is remembered from
then on, and the median and the 95th percentile of each kind of request, as a reader waits for it.
A folder that was filled before is taken as it is.
"""

import argparse
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx2

from bench.cluster import texts
from bench.servers.server import free_port
from bench.stores import fill, posts
from index.local.store import LocalStore
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import entrance_of
from stream.clock import SystemClock

PURPOSE = "measuring"
PAUSE = 0.5
FIRST = 900
"""Seconds for the first page after the start."""

WORDS = (
    "overlast", "fatbike* OR scooter*", "huur NEAR/5 duur", "woning OR huis", "buurt",
    '"te duur"', "school*", "politie", "vuurwerk* OR knal*", "samen AND (buurt OR straat)",
)  # fmt: skip
PLAIN = ("regen", "vandaag", "auto", "fiets", "gratis")
PREFIXES = ("wo", "ov", "bu", "vuu", "sch", "fat", "hu", "sam", "po", "str")


def make_folder(root: Path, *, posts_wanted: int, words: Sequence[str]) -> WorkingFolder:
    """A working folder whose index holds so many posts."""
    if (root / "config" / "peil.toml").exists():
        return WorkingFolder.open(root)
    folder = WorkingFolder.init(root)
    written = folder.settings.read_text("utf-8")
    folder.settings.write_text(written.replace('purpose = ""', f'purpose = "{PURPOSE}"'), "utf-8")
    settings, clock = load_settings(folder.settings, environ={}), SystemClock()
    with Pipeline(folder, settings, clock=clock) as pipeline:
        store = pipeline.store
        assert isinstance(store, LocalStore)
        rules = list(pipeline.book.rules)
        made = posts(posts_wanted, words=words, now=clock.now(), rng=random.Random(1), rules=rules)
        took = fill(store, made, posts_wanted, batch=40_000)
        print(f"{posts_wanted:,} posts written at {posts_wanted / took:,.0f} posts/s", flush=True)
    return folder


class Reader:
    """One reader with a session, asking until the time is over."""

    def __init__(self, address: str, link: str, *, seed: int) -> None:
        self._client = httpx2.Client(base_url=address, follow_redirects=True, timeout=60)
        self._client.get(link, timeout=FIRST).raise_for_status()
        self._rng = random.Random(seed)
        self._csrf = ""
        self.took: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []

    def ask(self, until: float) -> None:
        page = self._client.get("/explore").text
        self._csrf = page.split('name="csrf" content="', 1)[1].split('"', 1)[0]
        kinds: Mapping[str, Callable[[], httpx2.Response]] = {
            "Monitor": self._monitor,
            "Explore, three facets": self._explore,
            "completion": self._complete,
        }
        while time.monotonic() < until:
            name = self._rng.choice(list(kinds))
            started = time.monotonic()
            answer = kinds[name]()
            if answer.is_success:
                self.took[name].append((time.monotonic() - started) * 1_000)
            else:
                self.failed.append(f"{name}: {answer.status_code} {answer.text[:200]}")
            time.sleep(PAUSE)

    def _monitor(self) -> httpx2.Response:
        return self._client.get("/", params={"period": self._rng.choice(["7d", "4w", "4w", "3m"])})

    def _explore(self) -> httpx2.Response:
        words = self._rng.choice(WORDS)
        if self._rng.random() < 0.5:
            words = f"({words}) NOT {self._rng.choice(PLAIN)}"
        name = self._client.post(
            "/api/v1/queries", json={"words": words}, headers={"X-CSRF-Token": self._csrf}
        ).json()["id"]
        return self._client.get(
            "/api/v1/explore",
            params={"q": name, "period": self._rng.choice(["7d", "4w", "3m"]), "language": "nl"},
        )

    def _complete(self) -> httpx2.Response:
        return self._client.get("/api/v1/complete", params={"prefix": self._rng.choice(PREFIXES)})


def measure(folder: WorkingFolder, *, users: int, seconds: float) -> None:
    """Start the dashboard, let readers ask, and print what they waited."""
    port = free_port()
    override = f"dashboard.listen='127.0.0.1:{port}'"
    peil = Path(sys.executable).with_name("peil")
    command = [str(peil), "-C", str(folder.root), "--set", override]
    settings = load_settings(folder.settings, environ={}, overrides=[override])
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        sessions = entrance_of(pipeline).sessions
        links = [f"/enter?link={sessions.offer(f'reader-{number}')}" for number in range(users)]
    server = subprocess.Popen([*command, "run", "--role", "dashboard"], stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address)
        started = time.monotonic()
        readers = [Reader(address, links[0], seed=0)]
        print(f"the first page: {time.monotonic() - started:,.1f} s", flush=True)
        readers += [Reader(address, link, seed=seed) for seed, link in enumerate(links[1:], 1)]
        for warm in (True, False):
            until = time.monotonic() + (10 if warm else seconds)
            for reader in readers:
                reader.took.clear()
            threads = [threading.Thread(target=each.ask, args=(until,)) for each in readers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    for name in ("Monitor", "Explore, three facets", "completion"):
        took = sorted(ms for reader in readers for ms in reader.took[name])
        p95 = took[int(len(took) * 0.95)]
        print(f"{name}: {len(took)} requests, median {statistics.median(took):,.0f} ms, "
              f"p95 {p95:,.0f} ms, longest {took[-1]:,.0f} ms")  # fmt: skip
    failed = [each for reader in readers for each in reader.failed]
    print(f"{len(failed)} failed{': ' + failed[0] if failed else ''}")


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"{address}/enter", timeout=5)
        except httpx2.TransportError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"{address} does not answer")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = make_folder(
            (chosen.folder or Path(temporary) / "city").absolute(),
            posts_wanted=chosen.posts,
            words=texts(chosen.texts),
        )
        measure(made, users=chosen.users, seconds=chosen.seconds)
