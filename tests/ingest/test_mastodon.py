"""Against mastodon-mock, a real server with Mastodon's API; its faults are its own."""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.servers.mastodon import Mastodon
from ingest.contract import Backfilling, Batch, Rechecking, Reference, Standing
from ingest.mastodon.collector import MastodonCollector
from ingest.mastodon.settings import MastodonSettings
from ingest.testing import check_collector
from ingest.web.client import Web
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.errors import PeilError, Retry, Stop
from stream.post import RawPost

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("mastodon")]

PLANTED = "geheim-van-iemand"
TAGS = (f"wijk{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server() -> Iterator[Mastodon]:
    with Mastodon(people=("anna", "bert", "carla@elders.example")) as server:
        for person in ("anna", "bert", "carla@elders.example"):
            server.let_find(person)
        yield server


@pytest.fixture(autouse=True)
def _quick(server: Mastodon, impatient: None) -> Iterator[None]:
    yield
    server.calm()


@pytest.fixture
def tag() -> str:
    """A tag of this test alone: all share a server."""
    return next(TAGS)


class Reader:
    """A source that is polled again and again, with its cursor kept as JSON."""

    def __init__(self, server: Mastodon, *tags: str, **more: Any) -> None:
        self.clock = ManualClock(time.time_ns() // 1_000_000)
        self.cursor: dict[str, Any] = {}
        self.error: PeilError | None = None
        told = {"address": server.url, "permission": "a test", "tags": tags, **more}
        self.settings = MastodonSettings.model_validate({"servers": [told]})

    @contextmanager
    def collector(self) -> Iterator[MastodonCollector]:
        with Web(contact="data@example.org", clock=self.clock, max_bytes=10_000_000,
                 max_seconds=60, private_hosts=("127.0.0.1",)) as web:  # fmt: skip
            yield MastodonCollector(self.settings, web=web, clock=self.clock, environment={})

    def poll(self) -> list[Batch]:
        batches: list[Batch] = []
        self.error = None
        with self.collector() as collector:
            try:
                for batch in collector.poll(self.cursor):
                    self.cursor = json.loads(json.dumps(batch.cursor))
                    batches.append(batch)
            except (Retry, Stop) as error:
                self.error = error
        return batches

    def recheck(self, references: list[Reference]) -> list[Standing]:
        with self.collector() as collector:
            return list(collector.recheck(references))

    def posts(self) -> list[RawPost]:
        found = [item for batch in self.poll() for item in batch.items]
        assert self.error is None
        return [item for item in found if isinstance(item, RawPost)]


def numbers(posts: list[RawPost]) -> list[int]:
    return [int(post.text.split()[0]) for post in posts]


def test_a_status_becomes_a_raw_post(server: Mastodon, tag: str) -> None:
    asked = server.write(f"Wie heeft een step? #{tag}", by="bert")
    status = server.write(
        f"@bert overlast van fatbikes, zie https://nieuws.example/a?b=1&c=2 #{tag}",
        by="carla@elders.example",
        spoiler_text="Let op: boos",
        language="nl",
        in_reply_to_id=asked["id"],
        poll={"options": ["Vaak", "Nooit"], "expires_in": 3_600},
    )
    server.ask("POST", f"/api/v1/statuses/{status['id']}/favourite", by="anna")
    post, _ = Reader(server, tag).posts()
    assert post.platform == "mastodon"
    assert post.native_id == status["uri"]
    assert post.author == "carla@elders.example"
    assert post.kind == "reply"
    assert post.text.splitlines() == [
        "Let op: boos",
        f"@bert overlast van fatbikes, zie https://nieuws.example/a?b=1&c=2 #{tag}",
        "Vaak",
        "Nooit",
    ]
    assert post.hashtags == (tag,)
    assert "bert" in post.handles
    assert post.reach == 1
    assert post.declared_lang == "nl"
    assert post.edited_at == post.created_at
    assert abs(post.observed_at - (post.created_at or 0)) < HOUR_MS


def test_a_person_of_the_server_has_its_host_in_their_name(server: Mastodon, tag: str) -> None:
    server.write(f"Een bericht #{tag}", by="anna")
    (post,) = Reader(server, tag).posts()
    assert (post.author or "").startswith("anna@localhost:")


def test_forward_pages_leave_no_hole_and_bring_nothing_twice(server: Mastodon, tag: str) -> None:
    for number in range(3):
        server.write(f"{number} begin #{tag}", by="anna")
    reader = Reader(server, tag)
    assert sorted(numbers(reader.posts())) == [0, 1, 2]
    assert reader.posts() == []
    for number in range(3, 95):
        server.write(f"{number} meer #{tag}", by="anna")
    batches = reader.poll()
    pages = [numbers([item for item in batch.items if isinstance(item, RawPost)])
             for batch in batches if batch.items]  # fmt: skip
    assert [len(page) for page in pages] == [40, 40, 12]
    assert pages[0] == list(range(42, 2, -1))
    assert sorted(itertools.chain(*pages)) == list(range(3, 95))
    assert reader.clock.now() - 10_000 < (batches[-1].watermark or 0) <= reader.clock.now()


def test_the_collector_keeps_its_contract(server: Mastodon, tag: str) -> None:
    for number in range(85):
        server.write(f"{number} #{tag}", by="anna")
    server.let_find("bert", allowed=False)
    server.write(f"{PLANTED} #{tag}", by="bert")
    with Reader(server, tag).collector() as collector:
        check_collector(lambda: collector, items=85, secret=PLANTED)
        assert isinstance(collector, Rechecking)
        assert isinstance(collector, Backfilling)
    server.let_find("bert")


def test_the_local_timeline_holds_only_its_own_people(server: Mastodon, tag: str) -> None:
    server.write(f"van hier, {tag}", by="anna")
    server.write(f"van elders, {tag}", by="carla@elders.example")
    reader = Reader(server, local=True)
    assert [post.text for post in reader.posts() if tag in post.text] == [f"van hier, {tag}"]


def test_an_edit_is_found_when_the_last_hours_are_read_again(server: Mastodon, tag: str) -> None:
    status = server.write(f"Eerst #{tag}", by="anna")
    reader = Reader(server, tag)
    (first,) = reader.posts()
    server.ask("PUT", f"/api/v1/statuses/{status['id']}", by="anna", status=f"Later #{tag}")
    assert reader.posts() == []
    reader.clock.advance(HOUR_MS)
    (second,) = reader.posts()
    assert (first.text, second.text) == (f"Eerst #{tag}", f"Later #{tag}")
    assert second.native_id == first.native_id
    assert (second.edited_at or 0) > (first.edited_at or 0)


def test_what_is_not_for_everybody_is_left_out_and_counted(server: Mastodon, tag: str) -> None:
    server.write(f"openbaar #{tag}", by="anna")
    for visibility in ("unlisted", "private", "direct"):
        server.write(f"{visibility} #{tag}", by="anna", visibility=visibility)
    server.write(f"niet vindbaar #{tag}", by="bert")
    server.let_find("bert", allowed=False)
    batches = Reader(server, tag).poll()
    server.let_find("bert")
    assert [
        post.text for batch in batches for post in batch.items if isinstance(post, RawPost)
    ] == [f"openbaar #{tag}"]
    assert sum(batch.skipped.get("not_indexable", 0) for batch in batches) == 1


def test_a_deleted_status_is_missing_and_an_opt_out_since_is_gone(
    server: Mastodon, tag: str
) -> None:
    kept = server.write(f"blijft #{tag}", by="anna")
    deleted = server.write(f"gaat weg #{tag}", by="anna")
    server.write(f"van bert #{tag}", by="bert")
    reader = Reader(server, tag)
    references: list[Reference] = []
    with reader.collector() as collector:
        for batch in collector.poll({}):
            posts = [item for item in batch.items if isinstance(item, RawPost)]
            references += filter(None, map(collector.reference, posts))
    assert len(references) == 3
    assert references[-1].address == f"{server.url}/api/v1/statuses/{kept['id']}"
    assert reader.recheck(references) == ["there"] * 3
    server.ask("DELETE", f"/api/v1/statuses/{deleted['id']}", by="anna")
    server.let_find("bert", allowed=False)
    assert reader.recheck(references) == ["gone", "missing", "there"]
    server.let_find("bert")
    server.fail("/api/v1/statuses", type="status", status=500)
    assert reader.recheck(references) == ["unknown"] * 3
    server.fail("/api/v1/statuses/*", type="malformed")
    assert reader.recheck(references) == ["there", "unknown", "there"]


def test_many_are_asked_about_in_lots(server: Mastodon, tag: str) -> None:
    ids = [server.write(f"{number} #{tag}", by="anna")["id"] for number in range(45)]
    address = f"{server.url}/api/v1/statuses"
    references = [Reference("mastodon", each, f"{address}/{each}") for each in ids]
    references.insert(7, Reference("mastodon", "x", f"{address}/1"))
    elsewhere = Reference("mastodon", "y", "https://not.allowed.example/api/v1/statuses/1")
    standings = Reader(server, tag).recheck([*references, elsewhere])
    assert standings[7] == "missing"
    assert standings[-1] == "unknown"
    assert standings.count("there") == 45


@pytest.mark.parametrize(
    ("effect", "kind", "message"),
    [
        ({"type": "status", "status": 500}, Retry, "status 500"),
        ({"type": "malformed"}, Retry, "no JSON, or broke off"),
        ({"type": "malformed", "truncate": False}, Retry, "no JSON, or broke off"),
        ({"type": "status", "status": 403}, Stop, "asks for a login"),
        ({"type": "status", "status": 418}, Stop, "status 418"),
        ({"type": "status", "status": 404}, Stop, "status 404"),
        ({"type": "status", "status": 200, "body": {"new": "shape"}}, Stop, "format has changed"),
        ({"type": "status", "status": 200, "body": []}, None, ""),
    ],
)
def test_an_error_costs_its_timeline_and_is_never_nothing_new(
    server: Mastodon, tag: str, effect: dict[str, Any], kind: type[PeilError] | None, message: str
) -> None:
    server.write(f"Een bericht #{tag}", by="anna")
    reader = Reader(server, f"{tag}leeg", tag)
    server.fail(f"/api/v1/timelines/tag/{tag}leeg", **effect)
    found = [item for batch in reader.poll() for item in batch.items]
    assert len(found) == 1
    if kind is None:
        assert reader.error is None
        return
    assert isinstance(reader.error, kind)
    assert message in str(reader.error)
    assert f"{tag}leeg" in str(reader.error)


def test_a_fault_between_two_pages_loses_nothing(server: Mastodon, tag: str) -> None:
    for number in range(85):
        server.write(f"{number} #{tag}", by="anna")
    reader = Reader(server, tag)
    seen: list[int] = []
    server.fail(f"/api/v1/timelines/tag/{tag}", type="latency", delay_ms=1)
    server.fail(f"/api/v1/timelines/tag/{tag}", type="status", status=502)
    for _ in range(2):
        seen += numbers([item for batch in reader.poll() for item in batch.items
                         if isinstance(item, RawPost)])  # fmt: skip
    assert sorted(seen) == list(range(85))


def test_a_busy_server_is_left_alone_as_long_as_it_asks(server: Mastodon, tag: str) -> None:
    server.write(f"Een bericht #{tag}", by="anna")
    reader = Reader(server, f"{tag}eerst", tag)
    server.fail(f"/api/v1/timelines/tag/{tag}eerst", type="ratelimit")
    assert [item for batch in reader.poll() for item in batch.items] == []
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 300
    (batch,) = reader.poll()
    assert batch.warnings == [f"{server.url} may not be asked yet"]
    reader.clock.advance(300_000)
    assert len(reader.posts()) == 1


def test_reading_ends_before_the_server_refuses(tag: str) -> None:
    with Mastodon(limit=30) as server:
        reader = Reader(server, tag)
        server.let_find("anna")
        for number in range(5):
            server.write(f"{number} #{tag}", by="anna")
        budgets = [batch.budget for batch in reader.poll() if batch.budget is not None]
        assert [each.limit for each in budgets] == [30] * len(budgets)
        assert 20 < budgets[-1].remaining < 30
        while reader.error is None:
            budgets += [batch.budget for batch in reader.poll() if batch.budget is not None]
        assert budgets[-1].remaining <= 4
        assert isinstance(reader.error, Retry)
        assert "requests until it counts anew" in str(reader.error)
        assert 200 < (reader.error.after or 0) <= 301
        assert server.ask("GET", "/api/v2/instance")["domain"]


def test_a_period_that_is_over_is_brought(server: Mastodon, tag: str) -> None:
    before = time.time_ns() // 1_000_000
    for number in range(50):
        server.write(f"{number} #{tag}", by="anna")
    middle = time.time_ns() // 1_000_000
    for number in range(50, 60):
        server.write(f"{number} #{tag}", by="anna")
    reader = Reader(server, tag)
    cursor: dict[str, Any] = {}
    found: list[int] = []
    for _ in range(10):  # each time killed after one batch
        with reader.collector() as collector:
            batch = next(collector.backfill(before, middle, cursor))
        cursor = json.loads(json.dumps(batch.cursor))
        found += [int(each.text.split()[0]) for each in batch.items if isinstance(each, RawPost)]
        assert batch.read == len(batch.items) + batch.skipped.get("other_period", 0)
    assert found == list(range(49, -1, -1))
    with reader.collector() as collector:
        nothing = list(collector.backfill(before - DAY_MS, before, {}))
    assert sum(len(batch.items) for batch in nothing) == 0
