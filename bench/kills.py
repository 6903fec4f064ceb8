"""Kill processes at random moments, then look for every post, id by id.

    python bench/kills.py [ROUNDS] [SEED]
    python bench/kills.py --roles [ROUNDS] [SEED]

Without `--roles` each round kills an import, in which one process collects, enriches and
indexes. With it the roles run as processes of their own, one of them collecting feeds from a
server of this script; each round imports a file beside them, kills one of the four in turn
(collect, enrich, index, import), and starts what was killed again. Exit code 1 when a post is
lost or stands twice.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import nursery
from bench.nursery import Process
from bench.reach import reach_this_machine
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import DAY_MS, SystemClock, to_datetime

POSTS = 300
FEEDS = 3
ENTRIES = 30
TEXTS = ("Fatbikes scheuren hier elke avond over de stoep", "Lekker weer, we gaan naar zee")
ROLES = ("collect", "enrich", "index")
PATIENCE = 300
CHANGES = (
    "stream.batch=20",
    "stream.lease_seconds=2",
    # A role gives no label that takes a model: that says nothing of what is lost.
    "enrich.backlog=0",
    "enrich.affordable=0",
)


def peil(folder: Path, *words: str) -> Process:
    changes = (word for change in CHANGES for word in ("--set", change))
    return Process(nursery.peil, "-C", str(folder), *changes, *words, out=os.devnull)


def write(path: Path, round_: int) -> None:
    with path.open("w") as file:
        for number in range(round_ * POSTS, (round_ + 1) * POSTS):
            item = {
                "id": str(number),
                "author": f"a{number}",
                "body": f"{TEXTS[number % 2]} {number}",
                "timestamp": "2026-11-20 12:00:00",
            }
            file.write(json.dumps(item) + "\n")


class Feeds(BaseHTTPRequestHandler):
    """Any address is a feed with entries of its own: `/3/1` is the second feed of source 3."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        found = name != "robots.txt"
        date = formatdate(time.time() - 3_600)
        items = "".join(
            f"<item><guid>{name}/{number}</guid><title>{TEXTS[number % 2]} {name} {number}</title>"
            f"<author>a{number}</author><pubDate>{date}</pubDate></item>"
            for number in range(ENTRIES)
        )
        body = f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Generator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Feeds)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def prepare(folder: Path, *, sources: int, server: str) -> None:
    """A working folder with so many sources of feeds beside the one of files."""
    working = WorkingFolder.init(folder)
    reach_this_machine(working)
    for number in range(sources):
        urls = json.dumps([f"{server}/{number}/{feed}" for feed in range(FEEDS)])
        (working.config / "sources" / f"feeds-{number}.toml").write_text(
            f'id = "feeds-{number}"\ntitle = "t"\ncollector = "feeds"\nevery = "10m"\n'
            f'[settings]\nkind = "post"\nurls = {urls}\n'
        )
    with opened(working) as pipeline:
        for source in pipeline.sources:
            pipeline.register.open(
                source, owner="o", purpose="p", basis="b", dpia="d", obtained="o",
                until=to_datetime(pipeline.clock.now() + 30 * DAY_MS).date(),
            )  # fmt: skip


def opened(working: WorkingFolder) -> Pipeline:
    return Pipeline(working, load_settings(working.settings, environ={}), clock=SystemClock())


def kill_imports(folder: Path, files: list[Path], rng: random.Random) -> Counter[str]:
    killed = Counter[str]()
    for path in files:
        process = peil(folder, "import", str(path))
        time.sleep(rng.uniform(0.8, 3.0))
        if process.poll() is None:
            process.kill()
            killed["import"] += 1
        process.wait()
    assert peil(folder, "import", *map(str, files)).wait() == 0
    return killed


def kill_roles(folder: Path, files: list[Path], rng: random.Random) -> Counter[str]:
    killed = Counter[str]()
    roles = {role: peil(folder, "run", "--role", role) for role in ROLES}
    victims = [*ROLES, "import"]
    try:
        for number, path in enumerate(files):
            running = {**roles, "import": peil(folder, "import", str(path))}
            victim = victims[number % len(victims)]
            # An import beside roles only collects, and is done within a second.
            time.sleep(rng.uniform(0.5, 4.0) if victim in roles else rng.uniform(0.1, 0.6))
            if running[victim].poll() is None:
                running[victim].kill()
                killed[victim] += 1
            running["import"].wait()
            if victim in roles:
                roles[victim].wait()
                roles[victim] = peil(folder, "run", "--role", victim)
        assert peil(folder, "import", *map(str, files)).wait() == 0
        deadline = time.monotonic() + PATIENCE
        while look(folder, len(files), feeds=True)["lost"] and time.monotonic() < deadline:
            time.sleep(1)
    finally:
        for process in roles.values():
            process.terminate()
            process.wait()
    return killed


def look(folder: Path, rounds: int, *, feeds: bool) -> Mapping[str, int]:
    """How many posts there should be, are missing, and stand more than once."""
    with opened(WorkingFolder.open(folder)) as pipeline:
        ids = {pipeline.keys.post_id("file", str(number)) for number in range(rounds * POSTS)}
        if feeds:
            ids |= {
                pipeline.keys.post_id("feed", f"{source}/{feed}/{number}@127.0.0.1")
                for source in range(rounds)
                for feed in range(FEEDS)
                for number in range(ENTRIES)
            }
        found = pipeline.store.where(sorted(ids))
        documents = sum(pipeline.store.partitions().values())
        return {"posts": len(ids), "lost": len(ids - set(found)), "more": documents - len(found)}


def main(rounds: int, seed: int, *, roles: bool) -> int:
    rng = random.Random(seed)
    nursery.load_dictionaries()
    with tempfile.TemporaryDirectory() as name, serving() as server:
        folder = Path(name) / "city"
        prepare(folder, sources=rounds if roles else 0, server=server)
        files = [Path(name) / f"{number}.ndjson" for number in range(rounds)]
        for number, path in enumerate(files):
            write(path, number)
        killed = (kill_roles if roles else kill_imports)(folder, files, rng)
        seen = look(folder, rounds, feeds=roles)
    print(f"killed in {rounds} rounds (seed {seed}): {dict(killed)}; of {seen['posts']} posts")
    print(f"{seen['lost']} were lost and {seen['more']} stand more than once")
    return 0 if seen["lost"] == seen["more"] == 0 else 1


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--roles"]
    chosen_rounds, chosen_seed = [*map(int, words), *(50, 1)[len(words) :]]
    sys.exit(main(chosen_rounds, chosen_seed, roles="--roles" in sys.argv))
