"""A whole cluster on this machine for benchmarks: real servers, and peil's roles as processes."""

import argparse
import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypeVar

import psutil

from bench import nursery
from bench.nursery import Process
from bench.servers.elasticsearch import Elasticsearch
from bench.servers.kafka import Kafka
from bench.servers.postgres import Postgres
from bench.servers.proxy import Proxy
from bench.servers.server import HOST, free_port
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import SystemClock
from stream.errors import Retry

Found = TypeVar("Found")

PATIENCE = 300


class Role:
    """A role of `peil run` in a process of its own, with a file of what it said."""

    def __init__(self, name: str, *, role: str, folder: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder.parent / f"{name}.log"
        self._role = role
        self._folder = folder
        self._environ = environ
        self.process: Process | None = None
        self.cpu = 0.0

    def start(self) -> None:
        self.process = Process(
            nursery.peil, "-C", str(self._folder), "--verbose", "run", "--role", self._role,
            environ=self._environ, out=self.log, err=self.log,
        )  # fmt: skip

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def cpu_seconds(self) -> float:
        assert self.process is not None
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    def said(self, words: str) -> int:
        """In how many lines of its log these words stand."""
        return sum(words in line for line in self.log.read_text("utf-8", "replace").splitlines())


class City:
    """A working folder on a cluster. The servers are real and may be killed."""

    def __init__(
        self,
        root: Path,
        *,
        kafka: Kafka,
        elastic: Elasticsearch,
        postgres: Postgres,
        proxies: Mapping[str, Proxy],
        settings: Mapping[str, str],
    ) -> None:
        self.kafka = kafka
        self.elastic = elastic
        self.postgres = postgres
        self.proxies = proxies
        self.folder = WorkingFolder.init(root)
        elastic_url, database_url = (
            server.url.replace(server.address, proxies[name].address) if proxies else server.url
            for name, server in (("elastic", elastic), ("postgres", postgres))
        )
        self.environ = os.environ | {
            "PEIL_ENGINE": "cluster",
            "PEIL_PURPOSE": "a benchmark",
            "PEIL_STREAM__KAFKA__SERVERS": json.dumps([kafka.advertised]),
            "PEIL_INDEX__ELASTIC__SERVERS": json.dumps([elastic_url]),
            "PEIL_DATABASE__URL": database_url,
            **settings,
        }
        self.roles: dict[str, Role] = {}

    def role(self, name: str, role: str) -> Role:
        """One more process, not started yet."""
        made = Role(name, role=role, folder=self.folder.root, environ=self.environ)
        self.roles[name] = made
        return made

    def run(self, *names: str) -> None:
        """Start a process for each of these that has none yet: `enrich-1` is one of `enrich`."""
        for name in names:
            if name not in self.roles:
                self.role(name, name.partition("-")[0]).start()

    @contextmanager
    def opened(self) -> Generator[Pipeline]:
        """The parts, in this process, without a proxy's faults on the way to the answers."""
        environ = self.environ | {
            "PEIL_INDEX__ELASTIC__SERVERS": json.dumps([self.elastic.url]),
            "PEIL_DATABASE__URL": self.postgres.url,
        }
        settings = load_settings(self.folder.settings, environ=environ)
        with Pipeline(self.folder, settings, clock=SystemClock()) as pipeline:
            yield pipeline

    def stop(self) -> None:
        for role in self.roles.values():
            role.stop()


nursery.load_dictionaries()


@contextmanager
def cluster(
    root: Path,
    *,
    proxies: bool = False,
    optimised: bool = True,
    settings: Mapping[str, str] | None = None,
    elastic_settings: Mapping[str, object] | None = None,
) -> Generator[City]:
    """Start the servers below `root` and make a working folder; everything ends with the block.
    With `proxies` the roles reach each server through a proxy that can do harm. `settings` are
    peil's, `elastic_settings` those of Elasticsearch.
    """
    with ExitStack() as stack:
        elastic = stack.enter_context(
            Elasticsearch(data=root / "es", optimised=optimised, settings=elastic_settings)
        )
        postgres = stack.enter_context(Postgres(data=root / "pg"))
        port = free_port()
        ways = {"kafka": f"{HOST}:{port}", "elastic": elastic.address, "postgres": postgres.address}
        between: dict[str, Proxy] = {}
        if proxies:
            between = {name: stack.enter_context(Proxy(way)) for name, way in ways.items()}
        advertised = between["kafka"].address if proxies else None
        kafka = stack.enter_context(
            Kafka(data=root / "kafka", port=port, advertised=advertised, optimised=optimised)
        )
        city = City(
            root / "city",
            kafka=kafka,
            elastic=elastic,
            postgres=postgres,
            proxies=between,
            settings=settings or {},
        )
        stack.callback(city.stop)
        yield city


class Watch:
    """How many posts the index has, looked at from a thread of its own, and the longest time in
    which that did not change.
    """

    def __init__(self, city: City, *, every: float = 0.25) -> None:
        self._address = f"{city.elastic.url}/peil-*/_count?ignore_unavailable=true"
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.longest = 0.0
        self.seen: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        changed, before = time.monotonic(), -1
        while not self._over.wait(self._every):
            try:
                with urllib.request.urlopen(self._address, timeout=2) as answer:
                    posts = json.load(answer)["count"]
            except OSError:  # it is down just now
                continue
            now = time.monotonic()
            self.seen.append((now, posts))
            if posts != before:
                if before >= 0:
                    self.longest = max(self.longest, now - changed)
                changed, before = now, posts


def patiently(look: Callable[[], Found]) -> Found:
    """What `look` returns, when the servers are whole again: one that was killed a moment ago is
    not, and that says nothing about posts.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except Retry:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def whole(least: int) -> Callable[[str], int]:
    """How a command reads a whole number that is no smaller than `least`."""

    def number(given: str) -> int:
        if (found := int(given)) < least:
            raise argparse.ArgumentTypeError(f"{given} is less than {least}")
        return found

    return number


def file(given: str) -> Path:
    """How a command reads the name of a file, which must be there."""
    if not (found := Path(given)).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {given}")
    return found


def texts(path: Path | None) -> Sequence[str]:
    """Texts to make posts of: the field `text` or `body` of each line of `path` (NDJSON), else
    those of the demo.
    """
    shipped = Path(__file__).parents[1] / "config" / "demo" / "posts.ndjson"
    found = list(_texts(path or shipped))
    assert found, f"{path} has no texts"
    return found


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            text = item.get("text") or item.get("body")
            if text:
                yield text
