"""How many events of Bluesky's whole network one core takes in, and that memory stays flat.

    python -m bench.jetstream [EVENTS] [v1|v2]

A process of its own plays the network without a filter, as fast as it is read; this one listens,
decodes, brings what are posts through the gate into the log, and keeps the cursor, all with the
real parts. The mix and the lengths are those of 152 events in a row of the real network, as its
stream showed them (https://github.com/bluesky-social/jetstream, in `internal/corpus/testdata` the
file `expected_v1.jsonl`); the texts are ours. Rates are by this process's own processor time, so
that other work on the machine does not count, and by the wall. Memory is the process's own, without
pages of files that it has mapped: the log's.
"""

import json
import multiprocessing
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import psutil
from pydantic import BaseModel
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.reach import reach_this_machine
from ingest.bluesky.stream import JetstreamCollector
from ingest.contract import Batch, Cursor
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import SystemClock
from stream.errors import Retry

LEXICON = "network.bsky.jetstream.subscribeEvents"
MIX = {
    ("create", "app.bsky.feed.like", 529): 105,
    ("create", "app.bsky.feed.post", 833): 17,
    ("create", "app.bsky.feed.repost", 569): 15,
    ("create", "app.bsky.graph.follow", 395): 6,
    ("delete", "app.bsky.graph.follow", 200): 3,
    ("update", "app.bsky.actor.status", 725): 2,
    ("create", "app.bsky.graph.block", 393): 1,
    ("delete", "app.bsky.feed.post", 197): 1,
    ("", "identity", 194): 1,
    ("", "account", 206): 1,
}
"""How many of each kind, by operation and collection, and how many bytes one has."""

LETTERS = b"234567abcdefghijklmnopqrstuvwxyz"
AT_ONCE = 200
TEXTS = (
    "Weer een fatbike die met veertig over de stoep rijdt bij het station, niemand doet iets 😡",
    "wat een mooie dag aan het IJ vandaag, koffie in de zon en straks een rondje fietsen",
    "Anyone else having trouble with the trains this morning? Stuck at platform 4 since eight",
    "@jan.bsky.social kijk dit eens: het plan voor de markt is eindelijk openbaar",
)


def templates(wire: str) -> list[bytes]:
    """A frame of each kind, as often as it comes, with room for number, account, time and key."""
    made: list[bytes] = []
    for (operation, what, length), count in MIX.items():
        for number in range(count):
            body: dict[str, Any] = {"active": True, "did": "%(did)s", "seq": 7}
            if operation:
                body = {"rev": "%(key)s", "operation": operation, "collection": what,
                        "rkey": "%(key)s"}  # fmt: skip
            if operation in ("create", "update"):
                body |= {"record": record(what, number), "cid": "b" * 59}
            kind = "commit" if operation else what
            frame: dict[str, Any] = {"did": "%(did)s", "time_us": -1, "kind": kind, kind: body}
            if wire == "v2":
                whose = {"seq": -2, "did": "%(did)s", "time": "%(moment)s"}
                said = body if operation else {kind: body}
                payload = {"$type": f"{LEXICON}#{kind}", **whose, **said}
                frame = {"$type": "message", "payload": payload}
            plain = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
            filler = "x" * max(0, length - len(plain.encode()) - 80)
            plain = plain.replace('"FILL"', json.dumps(filler))
            made.append(plain.replace("-1", "%(time)d").replace("-2", "%(seq)d").encode())
    return made


def record(collection: str, number: int) -> dict[str, Any]:
    if collection != "app.bsky.feed.post":
        subject = {"cid": "b" * 59, "uri": "at://%(did)s/app.bsky.feed.post/%(key)s"}
        return {"$type": collection, "createdAt": "%(moment)s", "subject": subject, "via": "FILL"}
    text = TEXTS[number % len(TEXTS)] + " %(seq)d"
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://nieuws.example/%(seq)d"}
    return {"$type": collection, "createdAt": "%(moment)s", "langs": ["nl"], "text": text,
            "facets": [{"index": {"byteStart": 0, "byteEnd": 4}, "features": [link]}],
            "via": "FILL"}  # fmt: skip


def key(microseconds: int) -> bytes:
    number, letters = microseconds << 10, bytearray()
    for _ in range(13):
        letters.append(LETTERS[number % 32])
        number //= 32
    return bytes(reversed(letters))


def play(listener: socket.socket, wire: str) -> None:
    """The network: everything that happens, to whoever asks, as fast as it is read."""
    made, rng, seq = templates(wire), random.Random(1), 0
    while True:
        client, _ = listener.accept()
        protocol = ServerProtocol(select_subprotocol=lambda _protocol, said: next(iter(said), None))
        protocol.receive_data(client.recv(65_536))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        speaks = request.path.startswith("/subscribe") == (wire == "v1")
        protocol.send_response(
            protocol.accept(request) if speaks else protocol.reject(404, "no such way")
        )
        client.sendall(b"".join(protocol.data_to_send()))
        try:
            while speaks:
                seq += AT_ONCE
                client.sendall(b"".join(frames(made, rng, seq)))
        except OSError:
            client.close()


def frames(made: list[bytes], rng: random.Random, seq: int) -> Iterator[bytes]:
    now = time.time_ns() // 1000
    moment = f"{datetime.fromtimestamp(now // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.000000Z".encode()
    for number, template in enumerate(rng.choices(made, k=AT_ONCE)):
        fields = {
            b"seq": seq + number,
            b"time": now + number,
            b"moment": moment,
            b"key": key(now + number),
            b"did": b"did:plc:%024d" % rng.randrange(300_000),
        }
        payload = template % fields
        size = len(payload)
        head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
        yield head + payload


class Counting:
    """A collector that is watched: how much it read, how fast, and what memory that took."""

    name: ClassVar[str] = JetstreamCollector.name
    Settings: ClassVar[type[BaseModel]] = JetstreamCollector.Settings
    repeats: ClassVar[bool] = False
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = True

    def __init__(self, inner: JetstreamCollector, *, events: int) -> None:
        self._inner = inner
        self._events = events
        self.read = 0
        self.posts = 0

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        process, told = psutil.Process(), 0
        processor, wall = time.process_time(), time.perf_counter()
        for batch in self._inner.poll(cursor):
            assert not batch.rejected, batch.rejected[0]
            self.read += batch.read
            self.posts += len(batch.items)
            yield batch
            if self.read - told >= self._events / 10:
                told = self.read
                memory = process.memory_info()
                spent, passed = time.process_time() - processor, time.perf_counter() - wall
                print(f"{self.read:>10,} events, {self.posts:>8,} of posts  "
                      f"{self.read / spent:>8,.0f}/s of processor time  "
                      f"{self.read / passed:>8,.0f}/s of wall time  "
                      f"{(memory.rss - memory.shared) / 1e6:>6.0f} MB")  # fmt: skip

    def enough(self) -> bool:
        return self.read >= self._events


def measure(root: Path, address: str, events: int) -> None:
    working = WorkingFolder.init(root)
    reach_this_machine(working)
    (working.config / "sources" / "network.toml").write_text(
        f'id = "network"\ntitle = "The network"\ncollector = "jetstream"\n'
        f'[settings]\nhosts = ["{address}"]\ncollections = []\n',
        "utf-8",
    )
    with Pipeline(
        working, load_settings(working.settings, environ={}), clock=SystemClock()
    ) as peil:
        peil.register.open(
            "network", owner="o", purpose="p", basis="b", dpia="d", obtained="o",
            organisation=False, until=datetime.now(UTC).date() + timedelta(days=30),
        )  # fmt: skip
        source = peil.sources["network"]
        collector = peil.ingestion.collector(source)
        assert isinstance(collector, JetstreamCollector)
        counting = Counting(collector, events=events)
        try:
            account = peil.ingestion.intake.run(source, counting, stopping=counting.enough)
        except Retry as error:
            raise SystemExit(f"the network was lost: {error}") from error
        print(f"read {account.read:,}: appended {account.appended:,}, deletes {account.deletes:,}, "
              f"dropped {dict(account.dropped)}, skipped {dict(account.skipped)}")  # fmt: skip


def main(events: int, wire: str) -> None:
    print(f"{wire}, on {os.cpu_count()} processors with a load of {os.getloadavg()[0]:.1f}")
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory() as folder,
    ):
        network = multiprocessing.get_context("fork").Process(
            target=play, args=(listener, wire), daemon=True
        )
        network.start()
        try:
            address = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            measure(Path(folder) / "city", address, events)
        finally:
            network.terminate()
            network.join()


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 200_000,
        sys.argv[2] if len(sys.argv) > 2 else "v2",
    )
