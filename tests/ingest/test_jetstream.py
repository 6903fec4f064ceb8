"""The collector against a Jetstream of our own, over both wires, with and without faults."""

import json
import math
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.servers.certificates import Authority
from ingest.bluesky.connection import Connection
from ingest.bluesky.records import POSTS
from ingest.bluesky.stream import JetstreamCollector, JetstreamSettings
from ingest.contract import Batch
from ingest.testing import check_collector
from ingest.web.client import Web
from stream.clock import DAY_MS, HOUR_MS, Clock, ManualClock
from stream.errors import PeilError, Retry, Stop
from stream.post import RawAuthorDelete, RawDelete, RawPost
from stream.testing import START
from tests.ingest.jetstream import SPEED, FastClock, Jetstream, post, tid

PLANTED = "geheim-van-iemand"
BOTH = pytest.mark.parametrize("wire", ["v1", "v2"])


class World:
    """A city that writes, on one clock."""

    def __init__(self, clock: FastClock) -> None:
        self.clock = clock
        self.written = 0
        self._first = (self.clock.now() - 3_600_000) * 1000

    def at(self, number: int) -> int:
        """When the event of that number happened, ten a second (Unix microseconds)."""
        return self._first + number * 100_000

    def write(self, *servers: Jetstream, count: int = 1, **more: Any) -> list[str]:
        """Posts that all `servers` see; returns their addresses."""
        uris = []
        for _ in range(count):
            self.written += 1
            at = self.at(self.written)
            did, rkey = f"did:plc:{self.written % 50:024}", tid(at)
            for server in servers:
                text = f"bericht {self.written}"
                server.commit(did, rkey, post(text, at=at // 1000, **more), at=at)
            uris.append(f"at://{did}/app.bsky.feed.post/{rkey}")
        return uris


class Ear:
    """A source that is listened to again and again, with its cursor kept as JSON."""

    def __init__(self, *servers: Jetstream | str, clock: Clock, **settings: Any) -> None:
        hosts = [each if isinstance(each, str) else each.address for each in servers]
        self._settings = JetstreamSettings(hosts=tuple(hosts), **settings)
        self._clock = clock
        self.cursor: dict[str, Any] = {}
        self.error: PeilError | None = None
        self.private_hosts: tuple[str, ...] = ("127.0.0.1",)
        self.tls: ssl.SSLContext | None = None

    def collector(self) -> JetstreamCollector:
        web = Web(
            contact="data@example.org",
            clock=self._clock,
            max_bytes=99_999,
            max_seconds=60,
            private_hosts=self.private_hosts,
        )
        return JetstreamCollector(
            self._settings,
            source="city",
            retention_days=90,
            web=web,
            clock=self._clock,
            rng=random.Random(1),
            tls=self.tls,
        )

    def hear(self, enough: Callable[[list[Batch]], bool], *, seconds: float = 20) -> list[Batch]:
        """Batches until they are enough, or an error comes."""
        batches: list[Batch] = []
        self.error = None
        until = time.monotonic() + seconds
        polled = iter(self.collector().poll(self.cursor))
        try:
            for batch in polled:
                self.cursor = json.loads(json.dumps(batch.cursor))
                batches.append(batch)
                if enough(batches):
                    break
                assert time.monotonic() < until, f"not enough came: {batches}"
        except (Retry, Stop) as error:
            self.error = error
        finally:
            polled.close()  # type: ignore[attr-defined]
        return batches


def items(batches: list[Batch]) -> list[Any]:
    return [item for batch in batches for item in batch.items]


def posts(batches: list[Batch]) -> list[str]:
    return [item.native_id for item in items(batches) if isinstance(item, RawPost)]


def gaps(batches: list[Batch]) -> list[tuple[int, int]]:
    return [(gap.start, gap.end) for batch in batches for gap in batch.gaps]


def skipped(batches: list[Batch]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches:
        for reason, count in batch.skipped.items():
            found[reason] = found.get(reason, 0) + count
    return found


def warnings(batches: list[Batch]) -> str:
    return "\n".join(warning for batch in batches for warning in batch.warnings)


def least(count: int) -> Callable[[list[Batch]], bool]:
    """So many items."""
    return lambda batches: len(items(batches)) >= count


def idle(batches: list[Batch]) -> bool:
    """All that there is was heard."""
    return batches[-1].read == 0 and not batches[-1].warnings


@pytest.fixture
def world(fast_clock: FastClock) -> World:
    return World(fast_clock)


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with Jetstream() as server:
        yield server


def one(wire: str) -> Jetstream:
    return Jetstream(wires=(wire,))


@BOTH
def test_what_happens_becomes_items(world: World, wire: str) -> None:
    with one(wire) as server:
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        (uri,) = world.write(server)
        did, rkey = uri.split("/")[2], uri.split("/")[4]
        server.happen(did, "identity", {"did": did, "handle": "jan.example"}, at=world.at(2))
        server.account(did, at=world.at(3), active=True)
        server.commit(did, "3kx", {"x": 1}, at=world.at(4), collection="app.bsky.feed.like")
        edited = post("beter gezegd", at=world.at(1) // 1000)
        server.commit(did, rkey, edited, at=world.at(5), operation="update")
        server.commit(did, rkey, at=world.at(6), operation="delete")
        server.account("did:plc:weg", at=world.at(7), active=False, status="suspended")
        batches = ear.hear(least(4))
    first, edit, delete, account = items(batches)
    moments = [world.at(number) // 1000 for number in range(8)]
    assert isinstance(first, RawPost)
    assert (first.native_id, first.author, first.text) == (uri, did, "bericht 1")
    assert (first.observed_at, first.edited_at, first.created_at) == (moments[1], None, moments[1])
    assert isinstance(edit, RawPost)
    assert (edit.native_id, edit.text, edit.edited_at) == (uri, "beter gezegd", moments[5])
    assert delete == RawDelete(platform="bluesky", native_id=uri, observed_at=moments[6])
    assert account == RawAuthorDelete(
        platform="bluesky", author="did:plc:weg", observed_at=moments[7]
    )
    assert batches[-1].watermark == moments[7]
    active = {"account": 1} if wire == "v2" else {"account": 1, "identity": 1}
    assert skipped(batches) == active


@BOTH
def test_a_post_is_of_when_the_network_showed_it_whatever_it_says(world: World, wire: str) -> None:
    with one(wire) as server:
        did, key = "did:plc:x", tid(world.at(1))
        years = post("van lang geleden", at=world.at(1) // 1000 - 400 * DAY_MS)
        server.commit(did, key, years, at=world.at(2))
        server.commit(did, key, years | {"text": "toch anders"}, at=world.at(900),
                      operation="update")  # fmt: skip
        ahead = tid(world.at(999))
        server.commit(did, ahead, years, at=world.at(901), operation="update")
        server.commit(did, "self", years, at=world.at(902), operation="update")
        batches = Ear(server, clock=world.clock, look_back_hours=2).hear(least(4))
    moments = [item.created_at for item in items(batches)]
    assert moments == [world.at(number) // 1000 for number in (2, 1, 901, 902)]


@BOTH
def test_what_a_host_does_not_hold_of_the_time_before_the_first_run_is_a_gap(
    world: World, wire: str
) -> None:
    with one(wire) as server:
        world.write(server, count=40)
        server.floor = 20
        began = world.clock.now()
        batches = Ear(server, clock=world.clock, look_back_hours=36).hear(least(21))
    ((start, end),) = gaps(batches)
    assert 0 <= start - (began - 36 * HOUR_MS) < HOUR_MS
    assert end == world.at(20) // 1000


def test_the_first_run_begins_at_its_first_attempt(world: World, server: Jetstream) -> None:
    server.faults.refusals = [(503, {}, b"")]
    ear = Ear(server, clock=world.clock)
    (failed,) = ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Retry)
    assert not failed.answered
    assert 0 <= world.clock.now() - ear.cursor["since"] // 1000 < HOUR_MS
    while_it_failed = ear.cursor["since"] + 1_000_000
    server.commit("did:plc:x", tid(while_it_failed), post("gemist", at=1), at=while_it_failed)
    batches = ear.hear(least(1))
    assert [item.text for item in items(batches)] == ["gemist"]
    assert not gaps(batches)
    assert batches[-1].answered
    assert "since" not in ear.cursor


def test_a_repository_that_diverged_is_purged(world: World, server: Jetstream) -> None:
    server.happen("did:plc:anders", "sync", {"did": "did:plc:anders"}, at=world.at(1))
    batches = Ear(server, clock=world.clock, look_back_hours=2).hear(least(1))
    assert items(batches) == [
        RawAuthorDelete(
            platform="bluesky", author="did:plc:anders", observed_at=world.at(1) // 1000
        )
    ]


@BOTH
def test_contract(world: World, wire: str) -> None:
    with one(wire) as server:
        for _ in range(6):
            world.write(server, count=200)
            at = world.at(world.written)
            server.commit("did:plc:stuk", tid(at), {"text": {"een": PLANTED}}, at=at)
            server.commit("did:plc:duim", "3kx", {}, at=at, collection="app.bsky.feed.like")
        ear = Ear(server, clock=world.clock, look_back_hours=2, collections=())
        check_collector(ear.collector, items=1_200, secret=PLANTED)


def test_the_second_version_is_asked_first(world: World, server: Jetstream) -> None:
    world.write(server)
    Ear(server, clock=world.clock, look_back_hours=2).hear(least(1))
    ((wire, query),) = server.asked
    assert wire == "v2"
    assert query["collections"] == ["app.bsky.feed.post"]
    assert query["kinds"] == ["commit", "account", "sync"]
    assert "data@example.org" in server.agents[0]


def test_the_first_version_is_spoken_where_there_is_no_second(world: World) -> None:
    with one("v1") as server:
        world.write(server)
        Ear(server, clock=world.clock, look_back_hours=2).hear(least(1))
    assert [wire for wire, _ in server.asked] == ["v2", "v1"]
    assert server.asked[1][1]["wantedCollections"] == ["app.bsky.feed.post"]


def test_without_a_cursor_the_present_is_where_it_begins(world: World, server: Jetstream) -> None:
    world.write(server, count=3)
    ear = Ear(server, clock=world.clock)
    assert items(ear.hear(idle)) == []
    assert "cursor" not in server.asked[0][1]


@BOTH
def test_nothing_is_lost_between_runs(world: World, wire: str) -> None:
    with one(wire) as server:
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        before = world.write(server, count=300)
        assert posts(ear.hear(least(300))) == before
        while_away = world.write(server, count=300)
        heard = ear.hear(lambda batches: while_away[-1] in posts(batches))
        assert [uri for uri in posts(heard) if uri in while_away] == while_away
        assert not gaps(heard)


def test_a_host_goes_on_by_number_and_another_by_time(world: World) -> None:
    with one("v2") as here, one("v2") as there:
        there.happen("did:plc:x", "account", {"active": True}, at=world.at(0))
        world.write(here, there, count=2_000)
        ear = Ear(here, there, clock=world.clock, look_back_hours=2)
        ear.hear(least(2_000))
        ear.hear(idle)
        assert here.asked[-1][1]["cursor"] == ["1500"]
        elsewhere = Ear(there, clock=world.clock)
        elsewhere.cursor = ear.cursor
        more = world.write(there, count=3)
        heard = elsewhere.hear(lambda batches: more[-1] in posts(batches))
        assert there.asked[-1][1]["cursor"] == [str(world.at(2_000) - 5_000_000)]
        assert not gaps(heard)


def test_what_comes_again_within_a_run_is_known(world: World, server: Jetstream) -> None:
    uris = world.write(server, count=400)
    server.faults.twice = 0.5
    server.faults.cuts = {150, 350}
    ear = Ear(server, clock=world.clock, look_back_hours=2)
    batches = ear.hear(least(400))
    assert ear.error is None
    assert sorted(posts(batches)) == sorted(uris)
    assert skipped(batches)["duplicate"] > 200
    assert server.failed["reset"]


@BOTH
def test_events_out_of_order_are_all_taken(world: World, wire: str) -> None:
    with one(wire) as server:
        server.faults.shuffled = 30
        uris = world.write(server, count=3_000)
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        # The run ends within a stretch that is out of order, as if it were killed there.
        heard = set(posts(ear.hear(least(1))))
        assert len(heard) < 3_000
        heard.update(posts(ear.hear(idle)))
        assert heard == set(uris)


@BOTH
def test_what_a_host_holds_no_more_is_a_gap(world: World, wire: str) -> None:
    with one(wire) as server:
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        world.write(server, count=100)
        ear.hear(least(100))
        world.write(server, count=2_000)
        server.floor = 1_600
        after = world.write(server, count=5)
        heard = ear.hear(lambda batches: after[-1] in posts(batches))
        assert gaps(heard) == [(world.at(50) // 1000, world.at(1_600) // 1000)]
        assert len(posts(heard)) == 2_105 - 1_600 + 1
        again = ear.hear(idle)
        assert not gaps(again)
    if wire == "v2":
        assert "CursorTooOld" in warnings(heard)
        assert "OutdatedCursor" in warnings(heard)


@BOTH
def test_a_host_that_ignores_cursors_leaves_a_gap(world: World, wire: str) -> None:
    with one(wire) as server:
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        world.write(server, count=10)
        ear.hear(least(10))
        missed = world.write(server, count=10)
        server.faults.ignores_cursor = True
        polled = iter(ear.collector().poll(ear.cursor))
        batches = [next(polled)]  # it listens from the present on
        while not posts(batches):
            world.write(server)
            batches.append(next(polled))
        polled.close()  # type: ignore[attr-defined]
    assert not set(posts(batches)) & set(missed)
    first = items(batches)[0]
    assert gaps(batches) == [(world.at(10 - 50) // 1000, first.observed_at)]


def test_a_host_that_numbers_anew_is_asked_by_time(world: World, server: Jetstream) -> None:
    ear = Ear(server, clock=world.clock, look_back_hours=2)
    world.write(server, count=3_000)
    ear.hear(least(3_000))
    server.begin_anew()
    lost_and_there = world.write(server, count=2_500)
    heard = ear.hear(lambda batches: lost_and_there[-1] in posts(batches))
    assert set(posts(heard)) == set(lost_and_there)
    assert gaps(heard) == [(world.at(2_950) // 1000, world.at(3_001) // 1000)]


def test_too_slow_a_client_comes_back_where_it_was(world: World, server: Jetstream) -> None:
    uris = world.write(server, count=300)
    server.faults.slow = {100, 250}
    batches = Ear(server, clock=world.clock, look_back_hours=2).hear(least(300))
    assert posts(batches) == uris
    assert warnings(batches).count("ConsumerTooSlow") == 2


@BOTH
def test_a_silent_stream_is_dead(world: World, wire: str) -> None:
    with one(wire) as silent, one(wire) as other:
        world.write(silent, other, count=5)
        silent.faults.silent = True
        ear = Ear(silent, other, clock=world.clock, look_back_hours=2, silence_seconds=5)
        batches = ear.hear(least(5))
    assert "was silent for 5 seconds" in warnings(batches)


@BOTH
def test_half_frames_and_broken_messages_are_asked_for_again(world: World, wire: str) -> None:
    with one(wire) as server:
        uris = world.write(server, count=300)
        server.faults.halves = {50, 150}
        server.faults.broken = {100, 250}
        ear, batches = Ear(server, clock=world.clock, look_back_hours=2), list[Batch]()
        for _ in range(5):  # a run ends when its only host fails before it brings something new
            batches += ear.hear(lambda more: uris[-1] in posts(more))
            if ear.error is None:
                break
        assert set(server.failed) == {"half frame", "broken message"}
    assert list(dict.fromkeys(posts(batches))) == uris
    assert not [each for batch in batches for each in batch.rejected]


@BOTH
def test_a_message_that_stays_broken_costs_itself(world: World, wire: str) -> None:
    with one(wire) as server:
        before = world.write(server, count=5)
        whole = json.dumps({"$type": "message", "did": PLANTED}).encode()
        for frame in (whole[:-3], whole):
            server.happen("did:plc:x", "commit", {}, at=world.at(5), verbatim=frame)
        after = world.write(server, count=5)
        batches = Ear(server, clock=world.clock, look_back_hours=2).hear(
            lambda batches: after[-1] in posts(batches)
        )
    rejected = [each for batch in batches for each in batch.rejected]
    assert posts(batches) == before + after
    assert [each.skeleton for each in rejected] == [{}, {"did": "str"}]
    assert PLANTED not in repr(batches)


@pytest.mark.parametrize("frame", [b"<html>", b'{"did":"x","time_us":1,"kind":"new","new":{}}'])
def test_a_changed_format_stops(world: World, frame: bytes) -> None:
    with one("v1") as server:
        for number in range(150):
            server.happen("did:plc:x", "x", {}, at=world.at(number), verbatim=frame)
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Stop)
    assert "format has changed" in str(ear.error)


def test_a_busy_host_is_left_for_another(world: World, server: Jetstream) -> None:
    with Jetstream() as busy:
        busy.faults.refusals = [(429, {"Retry-After": "30"}, b"")]
        uris = world.write(server, count=3)
        batches = Ear(busy, server, clock=world.clock, look_back_hours=2).hear(least(3))
    assert posts(batches) == uris
    assert "is busy (status 429)" in warnings(batches)


def test_all_hosts_busy_is_to_be_tried_again(world: World) -> None:
    with Jetstream() as first, Jetstream() as second:
        first.faults.refusals = [(429, {"Retry-After": "30"}, b"")]
        second.faults.refusals = [(500, {}, b"<html>")]
        ear = Ear(first, second, clock=world.clock)
        ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Retry)
    assert ear.error.after == 30
    assert "status 429" in str(ear.error)
    assert "status 500" in str(ear.error)


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("30", 30),
        ("9" * 400, None),
        ("999999", 86_400),
        ("2050-01-01T00:00:00Z", 86_400),
        ("1 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
    ids=range(5),
)
def test_a_busy_host_is_left_alone_for_a_day_at_most(
    world: World, server: Jetstream, said: str, after: int | None
) -> None:
    server.faults.refusals = [(503, {"Retry-After": said}, b"")]
    ear = Ear(server, clock=world.clock)
    ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Retry)
    assert ear.error.after == after


@pytest.mark.parametrize("status", [200, 302, 401, 403])
def test_a_page_in_place_of_a_stream_stops(world: World, server: Jetstream, status: int) -> None:
    page = (status, {"Content-Type": "text/html"}, b"<html>" + PLANTED.encode())
    server.faults.refusals = [page]
    ear = Ear(server, clock=world.clock)
    ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Stop)
    assert f"status {status} (text/html)" in str(ear.error)
    assert PLANTED not in str(ear.error)


def test_what_a_host_refuses_is_told(world: World, server: Jetstream) -> None:
    body = b'{"error":"InvalidRequest","message":"no such collection"}'
    server.faults.refusals = [(400, {"Content-Type": "application/json"}, body)]
    ear = Ear(server, clock=world.clock)
    ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Stop)
    assert "InvalidRequest: no such collection" in str(ear.error)


def test_a_host_that_refuses_a_number_is_asked_by_time(world: World, server: Jetstream) -> None:
    ear = Ear(server, clock=world.clock, look_back_hours=2)
    world.write(server, count=10)
    ear.hear(least(10))
    ear.cursor["seq"] = 2**63 - 1
    body = b'{"error":"FutureCursor","message":"nobody counted so far"}'
    server.faults.refusals = [(400, {"Content-Type": "application/json"}, body)]
    (last,) = world.write(server)
    heard = ear.hear(lambda batches: last in posts(batches))
    assert gaps(heard) == []
    assert ear.cursor["seq"] < 2**63 - 1


def test_a_block_page_of_one_host_is_no_reason_to_stop(world: World, server: Jetstream) -> None:
    with Jetstream() as down:
        address = down.address
    server.faults.refusals = [(403, {"Content-Type": "text/html"}, b"<html>")]
    ear = Ear(server, address, clock=world.clock)
    ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Retry)
    assert "status 403" in str(ear.error)
    assert "cannot be reached" in str(ear.error)


def test_what_is_no_websocket_is_told(world: World) -> None:
    with Jetstream(wires=()) as nothing:
        ear = Ear(nothing, clock=world.clock)
        ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Stop)
    assert "404" in str(ear.error)


def test_who_keeps_a_post_from_the_public_is_obeyed(world: World, server: Jetstream) -> None:
    opted_out = {"$type": "com.atproto.label.defs#selfLabels",
                 "values": [{"val": "!no-unauthenticated"}]}  # fmt: skip
    world.write(server, labels=opted_out)
    (uri,) = world.write(server)
    did, rkey = uri.split("/")[2], uri.split("/")[4]
    hidden = post("later verborgen", at=world.at(2) // 1000, labels=opted_out)
    server.commit(did, rkey, hidden, at=world.at(3), operation="update")
    batches = Ear(server, clock=world.clock, look_back_hours=2).hear(least(2))
    shown, gone = items(batches)
    assert (shown.native_id, gone.native_id) == (uri, uri)
    assert isinstance(gone, RawDelete)
    assert skipped(batches) == {"opted_out": 1}


def test_deletes_of_what_can_not_be_held_are_left_out(world: World, server: Jetstream) -> None:
    now = world.at(1)
    for days in (10, 179, 181):
        rkey = tid(now - days * DAY_MS * 1000)
        server.commit("did:plc:x", rkey, at=now, operation="delete")
    server.commit("did:plc:x", "self", at=now, operation="delete")
    old = tid(now - 91 * DAY_MS * 1000)
    server.commit("did:plc:x", old, post("oud", at=now // 1000), at=now)
    batches = Ear(server, clock=world.clock, look_back_hours=2).hear(least(3))
    assert len(items(batches)) == 3
    assert skipped(batches) == {"old_delete": 1, "too_old": 1}


def test_a_quiet_stream_brings_empty_batches(world: World, server: Jetstream) -> None:
    began = world.clock.now()
    ear = Ear(server, clock=world.clock, silence_seconds=600)
    batches = ear.hear(lambda batches: len(batches) == 4)
    took = world.clock.now() - began
    assert [batch.read for batch in batches] == [0] * 4
    assert took < 4 * (4_000 + 0.4 * 1000 * SPEED), "four seconds each, and what waiting costs"


def test_a_closed_iterator_leaves_its_host(world: World, server: Jetstream) -> None:
    world.write(server)
    Ear(server, clock=world.clock, look_back_hours=2).hear(least(1))
    until = time.monotonic() + 5
    while server.open and time.monotonic() < until:
        time.sleep(0.01)
    assert server.open == 0


def test_a_private_address_is_refused(world: World, server: Jetstream) -> None:
    ear = Ear(server, clock=world.clock)
    ear.private_hosts = ()
    ear.hear(lambda _batches: False)
    assert isinstance(ear.error, Stop)
    assert "ingest.private_hosts" in str(ear.error)
    assert server.asked == []


def test_without_encryption_only_to_ones_own(world: World) -> None:
    class Socket:
        """What a connection to the internet would be."""

        closed = False

        def getpeername(self) -> tuple[str, int]:
            return "8.8.8.8", 80

        def close(self) -> None:
            self.closed = True

    class Outside:
        def connect(self, _host: str, _port: int, *, seconds: float) -> Any:
            return there

    there = Socket()
    web = Web(contact="data@example.org", clock=world.clock, max_bytes=1, max_seconds=1)
    web.guard = Outside()  # type: ignore[assignment]
    with pytest.raises(Stop, match="wss://"):
        Connection("ws://jetstream.example/subscribe", web=web, clock=world.clock)
    assert there.closed


def test_connecting_is_bounded_as_a_whole() -> None:
    clock = ManualClock(START)
    ours, theirs = socket.socketpair()
    ours.settimeout(1)

    class Slow:
        def connect(self, _host: str, _port: int, *, seconds: float) -> socket.socket:
            clock.advance(20_000)
            return ours

    web = Web(contact="data@example.org", clock=clock, max_bytes=1, max_seconds=1)
    web.guard = Slow()  # type: ignore[assignment]
    with theirs, pytest.raises(Retry, match="longer than 20 seconds"):
        Connection("wss://jetstream.example/subscribe", web=web, clock=clock)
    assert ours.fileno() == -1


def test_a_host_is_who_its_certificate_says(world: World, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    made = authority.issue("jetstream")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with Jetstream(tls=context) as server:
        uris = world.write(server, count=3)
        ear = Ear(server, clock=world.clock, look_back_hours=2)
        ear.hear(lambda _batches: False)
        assert isinstance(ear.error, Stop)
        assert "is not who it says it is" in str(ear.error)
        ear.tls = ssl.create_default_context(cafile=str(authority.file))
        assert posts(ear.hear(least(3))) == uris


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("jetstream.example", "write it as wss://"),
        ("https://jetstream.example", "write it as wss://"),
        ("wss://", "write it as wss://"),
        ("wss://h:abc", "write it as wss://"),
        ("wss://127.0.0.1:99999", "write one from 1 to 65535"),
        ("wss://a:geheim@b.example", "take out what stands before the @"),
        ("wss://:geheim@b.example", "take out what stands before the @"),
        ("wss://jetstream.example/subscribe", "more than a host"),
        ("wss://jetstream.example?x=1", "more than a host"),
    ],
)
def test_hosts_are_addresses_of_a_stream(host: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JetstreamSettings(hosts=("wss://good.example:8443/", host))
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == ("hosts", 1)
    assert said in mistake["msg"]
    assert "geheim" not in mistake["msg"]


@pytest.mark.parametrize("kind", ["x y&kinds=z", "posts", "", "app.bsky.", "*", "app..feed"])
def test_kinds_of_records_are_named_as_the_protocol_names_them(kind: str) -> None:
    assert JetstreamSettings(collections=(POSTS, "app.bsky.graph.*")).collections
    with pytest.raises(ValidationError, match="is no kind of records; write it as app"):
        JetstreamSettings(collections=(kind,))


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e9])
def test_the_silence_of_a_stream_is_bounded(seconds: float) -> None:
    with pytest.raises(ValidationError):
        JetstreamSettings(silence_seconds=seconds)
