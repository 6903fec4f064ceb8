"""What organisations write on Bluesky, from a real AT Protocol network; and servers that fail."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from pydantic import ValidationError

from bench.servers.atproto import ADMIN_PASSWORD, Atproto
from ingest.bluesky.appview import AppView, Feed
from ingest.bluesky.authors import AuthorCollector, AuthorSettings
from ingest.contract import Batch, Budget, Reference
from ingest.several import PartsStop
from ingest.sources import Source
from ingest.testing import check_collector
from ingest.web.client import Web
from peil.housekeeping import keep_house
from peil.pipeline import Pipeline
from stream.clock import DAY_MS, HOUR_MS, ManualClock, SystemClock, to_datetime
from stream.errors import PeilError, Retry, Stop
from stream.post import RawAuthorDelete, RawPost
from stream.testing import START, bytes_below
from tests.conftest import Opened

POST = "app.bsky.feed.post"
Read = Callable[..., "Reader"]
SOURCE = Source(id="city", title="t", collector="bluesky", keep="all")

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.xdist_group("bluesky")]


@pytest.fixture(scope="module")
def network() -> Iterator[Atproto]:
    with Atproto() as network:
        yield network


def iso(moment: int) -> str:
    return to_datetime(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Organisation:
    """An account at the real PDS, and what it writes there."""

    made = 0

    def __init__(self, network: Atproto) -> None:
        Organisation.made += 1
        self.handle = f"org{Organisation.made}.test"
        self._network = network
        self._headers: dict[str, str] = {}
        password = "a-password"  # noqa: S105
        made = self.call(
            "com.atproto.server.createAccount",
            {"email": f"{self.handle}@example.org", "handle": self.handle, "password": password},
        )
        self.did: str = made["did"]
        self._headers["Authorization"] = f"Bearer {made['accessJwt']}"

    def call(self, method: str, body: Any, **options: Any) -> Any:
        url = f"{self._network.pds}/xrpc/{method}"
        answer = httpx2.post(url, json=body, timeout=60, headers=self._headers, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def write(self, collection: str, record: Any) -> dict[str, str]:
        """The uri and cid of a new record."""
        created = {"createdAt": iso(SystemClock().now()), **record, "$type": collection}
        body = {"repo": self.did, "collection": collection, "record": created}
        return {
            key: value
            for key, value in self.call("com.atproto.repo.createRecord", body).items()
            if key in {"uri", "cid"}
        }

    def post(self, text: str, **more: Any) -> dict[str, str]:
        return self.write(POST, {"text": text, **more})

    def post_many(self, texts: list[str], *, first: int) -> list[str]:
        """The uris of one post a minute, the first one at `first` (Unix ms)."""
        uris: list[str] = []
        for start in range(0, len(texts), 200):
            writes = [
                {
                    "$type": "com.atproto.repo.applyWrites#create",
                    "collection": POST,
                    "value": {"$type": POST, "text": text, "createdAt": iso(first + n * 60_000)},
                }
                for n, text in enumerate(texts[start : start + 200], start)
            ]
            body = {"repo": self.did, "writes": writes}
            done = self.call("com.atproto.repo.applyWrites", body)
            uris += [each["uri"] for each in done["results"]]
        return uris

    def put(self, collection: str, rkey: str, record: Any) -> None:
        body = {"repo": self.did, "collection": collection, "rkey": rkey,
                "record": {**record, "$type": collection}}  # fmt: skip
        self.call("com.atproto.repo.putRecord", body)

    def delete(self, uri: str) -> None:
        body = {"repo": self.did, "collection": POST, "rkey": uri.rpartition("/")[2]}
        self.call("com.atproto.repo.deleteRecord", body)

    def deactivate(self) -> None:
        self.call("com.atproto.server.deactivateAccount", {})

    def take_down(self) -> None:
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": self.did}
        self.call(
            "com.atproto.admin.updateSubjectStatus",
            {"subject": subject, "takedown": {"applied": True}},
            auth=("admin", ADMIN_PASSWORD),
        )


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(
        contact="data@example.org",
        clock=SystemClock(),
        max_bytes=10_000_000,
        max_seconds=60,
        private_hosts=("127.0.0.1",),
        pause_seconds=0.0,
    ) as web:
        yield web


@pytest.fixture
def read(web: Web) -> Read:
    return partial(Reader, web)


class Reader:
    """A source of accounts that is polled again and again, with its cursor kept as JSON."""

    def __init__(
        self, web: Web, appview: str, *accounts: str, clock: Any = None, **settings: Any
    ) -> None:
        self.clock = clock or SystemClock()
        self._web = web
        self.cursor: dict[str, Any] = {}
        self.error: PeilError | None = None
        self._settings = AuthorSettings(accounts=accounts, appview=appview, **settings)

    def collector(self) -> AuthorCollector:
        return AuthorCollector(self._settings, web=self._web, clock=self.clock)

    def take(self, batches: Iterator[Batch], *, most: int = 1_000) -> list[Batch]:
        taken: list[Batch] = []
        self.error = None
        try:
            for batch in batches:
                self.cursor = json.loads(json.dumps(batch.cursor))
                taken.append(batch)
                if len(taken) == most:
                    break
        except (Retry, Stop) as error:
            self.error = error
        return taken

    def poll(self, *, most: int = 1_000) -> list[Batch]:
        return self.take(self.collector().poll(self.cursor), most=most)

    def texts(self) -> list[str]:
        return texts(self.poll())


def items(batches: list[Batch]) -> list[Any]:
    return [item for batch in batches for item in batch.items]


def texts(batches: list[Batch]) -> list[str]:
    return [item.text for item in items(batches) if isinstance(item, RawPost)]


def skipped(batches: list[Batch]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches:
        for reason, count in batch.skipped.items():
            found[reason] = found.get(reason, 0) + count
    return found


# A real network


@pytest.mark.cluster
def test_what_an_organisation_writes_is_read_and_what_it_passes_on_is_not(
    network: Atproto,
    read: Read,
) -> None:
    city, citizen = Organisation(network), Organisation(network)
    first = city.post("De brug is dicht", langs=["nl"])
    theirs = citizen.post("Hoe lang nog?", reply={"root": first, "parent": first})
    answer = city.post("Tot maandag", reply={"root": first, "parent": theirs})
    embed = {"$type": "app.bsky.embed.record", "record": theirs}
    quote = city.post("Een goede vraag", embed=embed)
    city.write("app.bsky.feed.repost", {"subject": theirs})
    city.write("app.bsky.feed.repost", {"subject": first})
    network.settle()
    reader = read(network.url, city.did)
    batches = reader.poll()
    assert reader.error is None
    assert [(post.native_id, post.text, post.kind) for post in items(batches)] == [
        (quote["uri"], "Een goede vraag", "quote"),
        (answer["uri"], "Tot maandag", "reply"),
        (first["uri"], "De brug is dicht", "post"),
    ]
    assert items(batches)[2].reach == 2  # their reply, and the city's own repost
    assert {post.author for post in items(batches)} == {city.did}
    assert skipped(batches) == {"repost": 2}


MANY = [f"bericht {number}" for number in range(320)]


@pytest.fixture(scope="module")
def busy(network: Atproto) -> tuple[Organisation, int]:
    """One that wrote many posts, a minute apart, and when it wrote the first."""
    city = Organisation(network)
    first = SystemClock().now() - len(MANY) * 60_000
    city.post_many(MANY, first=first)
    network.settle()
    return city, first


@pytest.mark.cluster
def test_a_long_feed_is_read_over_its_pages_in_order_and_once(
    network: Atproto, read: Read, busy: tuple[Organisation, int]
) -> None:
    city, _ = busy
    reader = read(network.url, city.handle)
    # Four pages, each by a process that is cut off after it.
    found = [text for _ in range(4) for text in texts(reader.poll(most=1))]
    assert found == MANY[::-1]
    reader.poll()
    assert "walk" not in reader.cursor["accounts"][city.handle]
    assert len(reader.texts()) == len(MANY)  # the overlap


@pytest.mark.cluster
def test_a_period_that_is_over_is_brought_whole_and_goes_on_where_it_was_cut_off(
    network: Atproto, read: Read, busy: tuple[Organisation, int]
) -> None:
    city, first = busy
    start, end = first + 105 * 60_000, first + 310 * 60_000
    reader = read(network.url, city.did)
    found: list[str] = []
    for _ in range(5):
        batches = reader.collector().backfill(start, end, reader.cursor)
        found += texts(reader.take(batches, most=1))
    assert found == MANY[105:310][::-1]
    assert reader.take(reader.collector().backfill(start, end, reader.cursor))[0].read == 0


@pytest.mark.cluster
def test_an_edit_is_seen_again_and_a_date_that_lies_back_is_found(
    network: Atproto, read: Read
) -> None:
    city = Organisation(network)
    uri = city.post("De brug is dicht")["uri"]
    network.settle()
    reader = read(network.url, city.did)
    assert reader.texts() == ["De brug is dicht"]
    now = SystemClock().now()
    city.put(POST, uri.rpartition("/")[2], {"text": "De brug is open", "createdAt": iso(now)})
    city.post("van gisteren", createdAt=iso(now - DAY_MS))
    network.settle()
    edited, late = items(reader.poll())
    assert (edited.native_id, edited.text) == (uri, "De brug is open")
    assert late.text == "van gisteren"


@pytest.mark.cluster
def test_who_wants_to_be_seen_by_those_who_logged_in_only_is_left_alone(
    network: Atproto, read: Read
) -> None:
    labels = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": "!no-unauthenticated"}],
    }
    one, other = Organisation(network), Organisation(network)
    one.post("voor iedereen")
    kept = one.post("niet voor iedereen", labels=labels)
    other.post("eerst voor iedereen")
    network.settle()
    reader = read(network.url, one.did, other.did)
    batches = reader.poll()
    assert texts(batches) == ["voor iedereen", "eerst voor iedereen"]
    assert skipped(batches) == {"opted_out": 1}
    other.put("app.bsky.actor.profile", "self", {"labels": labels})
    network.settle()
    deletes = [item for item in items(reader.poll()) if isinstance(item, RawAuthorDelete)]
    assert [delete.author for delete in deletes] == [other.did]
    assert "logged in only" in str(reader.error)
    references = [Reference("bluesky", kept["uri"])]
    assert list(reader.collector().recheck(references)) == ["gone"]


@pytest.mark.cluster
@pytest.mark.parametrize("how", ["deactivate", "take_down"])
def test_an_account_that_is_gone_is_deleted_once_and_told_each_time(
    network: Atproto, read: Read, how: str
) -> None:
    city, other = Organisation(network), Organisation(network)
    city.post("weg")
    other.post("er nog")
    network.settle()
    reader = read(network.url, city.handle, other.handle)
    assert reader.texts() == ["weg", "er nog"]
    getattr(city, how)()
    network.settle()
    for deletes in ([], [city.did], []):
        found = items(reader.poll())
        assert [each.author for each in found if isinstance(each, RawAuthorDelete)] == deletes
        assert [each.text for each in found if isinstance(each, RawPost)] == ["er nog"]
        assert isinstance(reader.error, Stop)
        assert city.handle in str(reader.error)
        assert "1 of 2 accounts failed" in str(reader.error)


@pytest.mark.cluster
def test_an_account_that_is_not_there_costs_itself(network: Atproto, read: Read) -> None:
    city = Organisation(network)
    city.post("er is er een")
    network.settle()
    reader = read(network.url, "nobody.test", city.did)
    assert reader.texts() == ["er is er een"]
    assert "nobody.test" in str(reader.error)
    assert "Profile not found" in str(reader.error)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def pipeline(open_city: Opened, clock: ManualClock) -> Pipeline:
    return open_city("city", clock=clock, organisation=True)


def indexed(pipeline: Pipeline, *uris: str) -> int:
    """How many of some posts are in the index."""
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    keys = [pipeline.keys.post_id("bluesky", uri) for uri in uris]
    return sum(1 for places in pipeline.store.where(keys).values() if places)


@pytest.mark.cluster
def test_what_was_deleted_there_is_found_out_and_leaves_log_and_index(
    network: Atproto, read: Read, pipeline: Pipeline, clock: ManualClock
) -> None:
    city = Organisation(network)
    uris = city.post_many([f"bericht {n}" for n in range(30)], first=clock.now() - HOUR_MS)
    network.settle()
    reader = read(network.url, city.did, clock=clock)
    assert pipeline.ingestion.intake.run(SOURCE, reader.collector()).appended == 30
    assert indexed(pipeline, *uris) == 30
    held = bytes_below(pipeline.folder.data)
    assert not any(uri.rpartition("/")[2].encode() in held for uri in uris)
    edited = {"text": "toch anders", "createdAt": iso(clock.now() - HOUR_MS)}
    city.put(POST, uris[9].rpartition("/")[2], edited)
    network.settle()
    assert pipeline.ingestion.intake.run(SOURCE, reader.collector()).appended == 1
    assert indexed(pipeline, *uris) == 30
    assert sum(pipeline.store.partitions().values()) == 30
    for uri in uris[:3]:
        city.delete(uri)
    network.settle()

    def recheck() -> dict[str, int]:
        return dict(
            pipeline.ingestion.rechecks.all(
                SOURCE, reader.collector(), held=pipeline.held, stopping=lambda: False
            )
        )

    clock.advance(DAY_MS)
    assert recheck() == {"there": 27, "missing": 3}
    assert indexed(pipeline, *uris) == 30
    clock.advance(DAY_MS)
    assert recheck() == {"there": 27, "gone": 3}
    assert indexed(pipeline, *uris) == 27
    assert recheck() == {}
    assert b'bericht 2"' in bytes_below(pipeline.folder.log)
    keep_house(pipeline)
    assert b'bericht 2"' not in bytes_below(pipeline.folder.log)
    keys = [pipeline.keys.post_id("bluesky", uri) for uri in uris]
    assert pipeline.ledger.deleted(keys).keys() == set(keys[:3])
    # What a feed that is behind shows again stays away.
    again = pipeline.ingestion.intake.run(
        SOURCE, read(network.url, city.did, clock=clock).collector()
    )
    assert again.appended == 0
    assert indexed(pipeline, *uris) == 27


@pytest.mark.cluster
def test_posts_that_cannot_be_asked_about_stay(
    network: Atproto, read: Read, pipeline: Pipeline, clock: ManualClock, site: Any
) -> None:
    city = Organisation(network)
    uri = city.post("blijft")["uri"]
    network.settle()
    pipeline.ingestion.intake.run(SOURCE, read(network.url, city.did, clock=clock).collector())
    assert indexed(pipeline, uri) == 1
    blocked = read(site.url(""), city.did, clock=clock)
    for _ in range(3):
        clock.advance(DAY_MS)
        outcomes = pipeline.ingestion.rechecks.lot(SOURCE, blocked.collector(), held=pipeline.held)
        assert outcomes == {"unknown": 1}
    assert indexed(pipeline, uri) == 1


@pytest.mark.cluster
def test_accounts_are_collected_of_registered_organisations_only(
    network: Atproto, read: Read, pipeline: Pipeline, clock: ManualClock
) -> None:
    pipeline.register.open(
        "city", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
        until=to_datetime(clock.now()).date() + timedelta(days=300),
    )  # fmt: skip
    city = Organisation(network)
    uri = city.post("geen organisatie")["uri"]
    network.settle()
    with pytest.raises(Stop, match="--organisation"):
        pipeline.ingestion.intake.run(SOURCE, read(network.url, city.did, clock=clock).collector())
    assert indexed(pipeline, uri) == 0


# A server that fails


ONE, OTHER = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
FEED, PROFILE = "app.bsky.feed.getAuthorFeed", "app.bsky.actor.getProfile"
BLOCKED = (200, {"Content-Type": "text/html"}, b"<html><body>Checking your browser</body></html>")


def said(body: Any, *, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(body).encode()


def shown(number: int, *, did: str = ONE, now: int = START, **record: Any) -> dict[str, Any]:
    """An item of a feed, an hour older with each number."""
    moment = iso(now - number * HOUR_MS)
    return {
        "post": {
            "uri": f"at://{did}/{POST}/3k{number:011}",
            "cid": "bafy",
            "author": {"did": did, "handle": "city.example", "labels": []},
            "record": {"$type": POST, "text": f"bericht {number}", "createdAt": moment, **record},
            "indexedAt": moment,
            "likeCount": 7,
        }
    }


class Server:
    """An AppView whose answers a test writes."""

    def __init__(self, site: Any) -> None:
        self._site = site
        self.url = site.url("")
        for did in (ONE, OTHER):
            self.profile(did, said({"did": did, "handle": "city.example"}))
            self.page(did, said({"feed": []}))

    def profile(self, name: str, answer: Any) -> None:
        self._site.answers[f"/xrpc/{PROFILE}?{urlencode({'actor': name})}"] = answer

    def page(self, did: str, answer: Any, *, cursor: str | None = None) -> None:
        query = {"actor": did, "limit": 100, "filter": "posts_with_replies"}
        query |= {"cursor": cursor} if cursor else {}
        self._site.answers[f"/xrpc/{FEED}?{urlencode(query)}"] = answer

    @property
    def asked(self) -> int:
        return len(self._site.requests)


@pytest.fixture
def server(site: Any) -> Server:
    return Server(site)


@pytest.fixture
def start() -> ManualClock:
    return ManualClock(START)


FAULTS: list[tuple[Any, type[PeilError], str]] = [
    (BLOCKED, Stop, "a web page instead of data"),
    ((403, {}, b"<!doctype html><p>Sorry"), Stop, "a web page instead of data"),
    (said({"error": "AuthMissing", "message": "log in"}, status=401), Stop, "AuthMissing: log in"),
    (said({"error": "InvalidRequest", "message": "no"}, status=400), Stop, "InvalidRequest: no"),
    (said({"error": "MethodNotImplemented"}, status=404), Stop, "status 404"),
    (said({"posts": []}), Stop, "another form"),
    (said({"feed": {"items": []}}), Stop, "another form"),
    (said([]), Stop, "another form"),
    (said({"feed": [{"item": n} for n in range(5)]}), Stop, "no item of a page"),
    ((200, {}, b""), Retry, "no JSON"),
    ((200, {}, b"Access denied"), Retry, "no JSON"),
    ((200, {}, b'{"feed": [{"post": '), Retry, "no JSON"),
    ((500, {}, b"oops"), Retry, "status 500"),
    ((520, {}, b"<html>unknown error</html>"), Retry, "status 520"),
]


@pytest.mark.parametrize(("answer", "kind", "message"), FAULTS)
def test_what_is_no_feed_is_an_error_and_costs_that_account_alone(
    read: Read, server: Server, *, start: ManualClock, answer: Any, kind: type, message: str
) -> None:
    server.page(ONE, answer)
    server.page(OTHER, said({"feed": [shown(1, did=OTHER)]}))
    reader = read(server.url, ONE, OTHER, clock=start)
    assert reader.texts() == ["bericht 1"]
    assert isinstance(reader.error, kind)
    assert message in str(reader.error)
    assert ONE in str(reader.error)
    assert "read" not in reader.cursor["accounts"][ONE]
    server.page(ONE, said({"feed": [shown(2), shown(3)]}))
    assert reader.texts()[:2] == ["bericht 2", "bericht 3"]
    assert reader.error is None


def test_what_nobody_foresaw_costs_that_account_alone(
    read: Read, server: Server, start: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = AppView.feed

    def fails(view: AppView, did: str, *, cursor: str | None) -> Feed:
        if did == ONE:
            raise UnicodeEncodeError("utf-8", "geheim", 0, 1, "surrogates")
        return ask(view, did, cursor=cursor)

    monkeypatch.setattr(AppView, "feed", fails)
    server.page(OTHER, said({"feed": [shown(1, did=OTHER)]}))
    reader = read(server.url, ONE, OTHER, clock=start)
    assert reader.texts() == ["bericht 1"]
    assert isinstance(reader.error, Stop)
    assert f"{ONE} could not be read (UnicodeEncodeError)" in str(reader.error)
    assert "geheim" not in str(reader.error)


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_asks(
    read: Read, server: Server, start: ManualClock
) -> None:
    server.page(ONE, (429, {"Retry-After": "120"}, b""))
    reader = read(server.url, ONE, OTHER, clock=start)
    assert reader.texts() == []
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 120
    assert server.asked == 2
    start.advance(119_000)
    assert reader.poll() == []
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 1
    assert server.asked == 2


def test_what_an_account_failed_at_is_told_while_its_server_is_left_alone(
    read: Read, server: Server, start: ManualClock
) -> None:
    limits = {"ratelimit_limit": "3000", "ratelimit_reset": str(START // 1000 + 120)}
    refused = {"error": "InvalidRequest", "message": "no"}
    server.page(ONE, said(refused, status=400, ratelimit_remaining="0", **limits))
    server.page(OTHER, said({"feed": [shown(1, did=OTHER)]}))
    reader = read(server.url, ONE, OTHER, clock=start)
    for asked in (True, False, False):
        reader.poll()
        assert isinstance(reader.error, PartsStop)
        assert "2 of 2 accounts failed" in str(reader.error)
        assert "InvalidRequest: no" in str(reader.error)
        assert "allows 0 of 3000 requests" in str(reader.error)
        assert (reader.error.lasting.failures, reader.error.lasting.asked) == (1, asked)
        start.advance(50_000)
    server.page(ONE, said(refused, status=400))
    assert reader.texts() == ["bericht 1"]
    assert isinstance(reader.error, PartsStop)
    assert "1 of 2 accounts failed" in str(reader.error)
    assert reader.error.lasting.failures == 2


def test_a_server_that_fails_for_some_in_a_row_is_left_alone(
    read: Read, server: Server, start: ManualClock
) -> None:
    accounts = [f"org{number}.example" for number in range(6)]
    for name in accounts:
        server.profile(name, (500, {}, b""))
    reader = read(server.url, *accounts, clock=start)
    assert reader.texts() == []
    assert isinstance(reader.error, Retry)
    assert server.asked == 3


def test_what_a_server_allows_is_told_and_kept_to(
    read: Read, server: Server, start: ManualClock
) -> None:
    resets = START // 1000 + 300
    limits = {"ratelimit_limit": "3000", "ratelimit_reset": str(resets)}
    server.page(ONE, said({"feed": [shown(1)]}, ratelimit_remaining="2999", **limits))
    reader = read(server.url, ONE, clock=start)
    assert reader.poll()[-1].budget == Budget(2_999, 3_000, resets * 1000)
    server.page(ONE, said({"feed": [shown(1)]}, ratelimit_remaining="0", **limits))
    reader = read(server.url, ONE, OTHER, clock=start)
    asked = server.asked
    assert reader.texts() == ["bericht 1"]
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 300
    assert server.asked == asked + 2
    start.advance(299_000)
    assert reader.poll() == []
    assert server.asked == asked + 2
    start.advance(1_000)
    server.page(ONE, said({"feed": [shown(1)]}, ratelimit_remaining="2999", **limits))
    assert reader.texts() == ["bericht 1"]
    assert reader.error is None


def test_a_bad_item_costs_itself_and_leaves_no_value(
    read: Read, server: Server, start: ManualClock
) -> None:
    bad = [{"post": {"uri": "geheim"}}, shown(2, text=["geheim"]), "geheim", None]
    server.page(ONE, said({"feed": [*bad, shown(1)]}))
    (batch, _) = read(server.url, ONE, clock=start).poll()
    assert [post.text for post in batch.items] == ["bericht 1"]
    assert batch.items[0].reach == 7
    assert len(batch.rejected) == len(bad)
    assert "geheim" not in repr(batch.rejected)


def test_the_contract_is_kept(read: Read, server: Server, start: ManualClock) -> None:
    server.page(ONE, said({"feed": [shown(n) for n in range(2, 5)], "cursor": "p 2"}))
    server.page(ONE, said({"feed": [], "cursor": "p3"}), cursor="p 2")
    server.page(ONE, said({"feed": [shown(5), shown(6, text=9, langs="geheim"), shown(7)]}),
                cursor="p3")  # fmt: skip
    server.page(OTHER, said({"feed": [shown(8, did=OTHER), shown(400, did=OTHER)]}))
    check_collector(
        lambda: read(server.url, ONE, OTHER, clock=start, overlap_hours=1).collector(),
        items=6,
        secret="geheim",  # noqa: S106  (a value of a bad item)
    )


@pytest.mark.parametrize(
    "stale",
    [
        said({"feed": []}),  # what an AppView says of a cursor of its first generation
        said({"error": "InvalidRequest", "message": "Malformed cursor"}, status=400),
    ],
)
def test_a_place_that_means_nothing_any_more_is_read_towards_anew(
    read: Read, server: Server, start: ManualClock, stale: Any
) -> None:
    server.page(ONE, said({"feed": [shown(1)], "cursor": "old"}))
    reader = read(server.url, ONE, clock=start)
    assert texts(reader.poll(most=1)) == ["bericht 1"]
    server.page(ONE, stale, cursor="old")
    server.page(ONE, said({"feed": [shown(1)], "cursor": "new"}))
    server.page(ONE, said({"feed": [shown(2)]}), cursor="new")
    assert reader.texts() == ["bericht 1", "bericht 2"]
    assert reader.error is None


def test_an_empty_feed_of_an_account_that_wrote_is_an_error(
    read: Read, server: Server, start: ManualClock
) -> None:
    reader = read(server.url, ONE, clock=start)
    assert reader.texts() == []
    assert reader.error is None
    server.profile(ONE, said({"did": ONE, "postsCount": 12}))
    assert reader.texts() == []
    assert isinstance(reader.error, Retry)
    assert "it wrote 12 posts" in str(reader.error)


def test_the_end_of_a_feed_is_believed_when_it_is_said_twice(
    read: Read, server: Server, start: ManualClock
) -> None:
    answers = iter([said({"feed": []}), said({"feed": [shown(2)]})])
    server.page(ONE, said({"feed": [shown(1)], "cursor": "p2"}))
    server.page(ONE, lambda _headers: next(answers), cursor="p2")
    assert read(server.url, ONE, clock=start).texts() == ["bericht 1", "bericht 2"]


@pytest.mark.parametrize("places", ["1", "12", "123"])
def test_a_feed_that_goes_round_in_a_circle_is_an_error(
    read: Read, server: Server, start: ManualClock, places: str
) -> None:
    server.page(ONE, said({"feed": [shown(1)], "cursor": "1"}))
    for here, there in zip(places, places[1:] + "1", strict=True):
        server.page(ONE, said({"feed": [shown(int(here))], "cursor": there}), cursor=here)
    reader = read(server.url, ONE, clock=start)
    assert reader.texts() == [f"bericht {place}" for place in ("1" + places)[:-1]]
    assert isinstance(reader.error, Stop)
    assert "circle" in str(reader.error)


def test_a_handle_that_went_to_another_account_is_not_followed(
    read: Read, server: Server, start: ManualClock
) -> None:
    server.profile("city.example", said({"did": ONE}))
    server.page(ONE, said({"feed": [shown(1)]}))
    reader = read(server.url, "city.example", clock=start)
    assert reader.texts() == ["bericht 1"]
    server.profile("city.example", said({"did": OTHER}))
    server.page(OTHER, said({"feed": [shown(2, did=OTHER)]}))
    assert reader.texts() == []
    assert isinstance(reader.error, Stop)
    assert "another account now" in str(reader.error)


DEACTIVATED = said({"error": "AccountDeactivated", "message": "Account is deactivated"}, status=400)


def test_that_an_account_left_is_believed_when_it_is_said_at_two_visits(
    read: Read, server: Server, start: ManualClock
) -> None:
    server.page(ONE, said({"feed": [shown(1)]}))
    reader = read(server.url, ONE, clock=start)
    assert reader.texts() == ["bericht 1"]
    for _ in range(2):  # each time it is there again
        server.profile(ONE, DEACTIVATED)
        assert items(reader.poll()) == []
        assert "at the next visit" in str(reader.error)
        server.profile(ONE, said({"did": ONE}))
        assert reader.texts() == ["bericht 1"]
        assert reader.error is None
    server.profile(ONE, DEACTIVATED)
    assert [items(reader.poll()) for _ in range(3)] == [
        [],
        [RawAuthorDelete(platform="bluesky", author=ONE, observed_at=START)],
        [],
    ]
    assert "is deleted" in str(reader.error)


def test_posts_of_an_account_come_back_with_it(
    read: Read, server: Server, pipeline: Pipeline, clock: ManualClock
) -> None:
    feed = [shown(number, now=clock.now()) for number in range(1, 4)]
    uris = [item["post"]["uri"] for item in feed]
    server.page(ONE, said({"feed": feed}))
    reader = read(server.url, ONE, clock=clock)
    assert pipeline.ingestion.intake.run(SOURCE, reader.collector()).appended == 3
    assert indexed(pipeline, *uris) == 3
    server.profile(ONE, DEACTIVATED)
    for held in (3, 0):
        clock.advance(HOUR_MS)
        with pytest.raises(Stop, match="deactivated"):
            pipeline.ingestion.intake.run(SOURCE, reader.collector())
        assert indexed(pipeline, *uris) == held
    server.profile(ONE, said({"did": ONE}))
    for appended in (3, 0):
        clock.advance(HOUR_MS)
        account = pipeline.ingestion.intake.run(SOURCE, reader.collector())
        assert account.appended == appended
        assert indexed(pipeline, *uris) == 3


def test_a_server_that_wants_to_be_left_alone_ends_the_asking(
    read: Read, site: Any, start: ManualClock
) -> None:
    uris = [f"at://{ONE}/{POST}/3k{number:011}" for number in range(75)]
    lots = [uris[:25], uris[25:50], uris[50:]]
    paths = [f"/xrpc/app.bsky.feed.getPosts?{urlencode({'uris': lot}, doseq=True)}" for lot in lots]
    site.answers[paths[0]] = said({"posts": []})
    site.answers[paths[1]] = (429, {"Retry-After": "60"}, b"")
    collector = read(site.url(""), ONE, clock=start).collector()
    standings: list[str] = []
    with pytest.raises(Retry) as raised:
        standings.extend(collector.recheck([Reference("bluesky", uri) for uri in uris]))
    assert raised.value.after == 60
    assert standings == ["missing"] * 25
    assert len(site.requests) == 2


def test_a_server_that_fails_for_three_lots_in_a_row_is_asked_for_no_more(
    read: Read, site: Any, start: ManualClock
) -> None:
    asked = [Reference("bluesky", f"at://{ONE}/{POST}/3k{n:011}") for n in range(100)]
    collector = read(site.url(""), ONE, clock=start).collector()  # it answers everything with 404
    # As it is asked: a lot at a time, of one collector.
    for lot in (asked[:25], asked[25:50]):
        assert list(collector.recheck(lot)) == ["unknown"] * 25
    with pytest.raises(Retry, match="status 404"):
        list(collector.recheck(asked[50:]))
    assert len(site.requests) == 3


def test_posts_are_asked_about_in_lots_and_an_error_costs_its_lot(
    read: Read, site: Any, start: ManualClock
) -> None:
    uris = [f"at://{ONE}/{POST}/3k{number:011}" for number in range(60)]
    lots = [uris[:25], uris[25:50], uris[50:]]
    paths = [f"/xrpc/app.bsky.feed.getPosts?{urlencode({'uris': lot}, doseq=True)}" for lot in lots]
    there = [shown(number)["post"] for number in range(25) if number != 3]
    site.answers[paths[0]] = said({"posts": there[::-1]})
    site.answers[paths[1]] = BLOCKED
    site.answers[paths[2]] = said({"posts": []})
    collector = read(site.url(""), ONE, clock=start).collector()
    standings = list(collector.recheck([Reference("bluesky", uri) for uri in uris]))
    assert standings[:25] == ["there"] * 3 + ["missing"] + ["there"] * 21
    assert standings[25:] == ["unknown"] * 25 + ["missing"] * 10
    assert collector.lot == 25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accounts": []}, "at least 1 item"),
        ({"accounts": ["@city.example"]}, "is no account"),
        ({"accounts": ["https://bsky.app/profile/city.example"]}, "is no account"),
        ({"accounts": ["did:key:z6Mk"]}, "is no account"),
        ({"accounts": ["city.example"], "appview": "http://appview.example"}, "as https://host"),
        ({"accounts": ["city.example"], "overlap_hours": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_are_wrong_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AuthorSettings.model_validate(settings)
