"""One value that nobody could have meant costs the item that it stands in, and no other one."""

import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.bluesky.appview import AppView
from ingest.bluesky.authors import AuthorCollector, AuthorSettings
from ingest.bluesky.listening import Listening
from ingest.bluesky.position import Position
from ingest.bluesky.wire import V1
from ingest.contract import Batch, Collector
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.mastodon.collector import MastodonCollector
from ingest.mastodon.server import Server
from ingest.mastodon.settings import MastodonSettings
from ingest.mastodon.standings import Standings
from ingest.timestamps import EARLIEST, LATEST
from ingest.web.answers import json_in
from ingest.web.client import Web
from stream.clock import ManualClock, to_datetime
from stream.errors import PeilError, Stop
from stream.post import RawPost
from stream.testing import START
from tests.ingest.jetstream import POSTS, Happening, post, tid
from tests.ingest.statuses import a_status

DATE = "1 Jan 99999999999999999999 00:00:00 GMT"
LONG = "9" * 5_000
DEEP = "[" * 100_000 + "]" * 100_000
DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
TAG = "/api/v1/timelines/tag/fiets?limit=40"

pytestmark = pytest.mark.usefixtures("impatient")


def poll(collector: Collector) -> tuple[list[Batch], PeilError | None]:
    batches: list[Batch] = []
    try:
        batches.extend(collector.poll({}))
    except PeilError as error:
        return batches, error
    return batches, None


def posts(batches: list[Batch]) -> list[RawPost]:
    return [item for batch in batches for item in batch.items if isinstance(item, RawPost)]


def rejected(batches: list[Batch]) -> int:
    return sum(len(batch.rejected) for batch in batches)


def body(said: Any, **values: str) -> bytes:
    """As JSON, with values that Python would not write in place of their names."""
    text = json.dumps(said)
    for name, value in values.items():
        text = text.replace(json.dumps(name), value)
    return text.encode()


# Feeds


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}</channel></rss>"""
ITEM = "<item><guid>{id}</guid><title>Bericht {id}</title><pubDate>{date}</pubDate></item>"
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"
xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>t</title>
<at:deleted-entry ref="tag:x,1" when="{date}"/>
<entry><id>tag:x,3</id><title>Hallo</title><updated>{date}</updated><published>{date}</published>
</entry></feed>"""
DATES = [DATE, "Mon, 01 Jan 2026 00:00:00 +999999999999999", "1e308", LONG, "\0", "2026-99-99"]


def feeds(site: Any, web: Web, *paths: str) -> FeedCollector:
    settings = FeedSettings(urls=tuple(site.url(path) for path in paths))
    return FeedCollector(settings, source="news", web=web, clock=ManualClock(START))


@pytest.mark.parametrize("date", DATES, ids=range(len(DATES)))
def test_a_date_of_no_calendar_costs_no_feed(site: Any, web: Web, date: str) -> None:
    dates = ["1 Sep 2026 10:00:00 GMT", date, "1 Sep 2026 11:00:00 GMT"]
    items = "".join(ITEM.format(id=n, date=each) for n, each in enumerate(dates))
    entries = [{"id": "7", "content_text": "t", "date_published": date, "date_modified": date}]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": entries}
    site.answers |= {
        "/rss": (200, {}, RSS.format(items=items.replace("\0", "")).encode()),
        "/atom": (200, {}, ATOM.format(date=date.replace("\0", "")).encode()),
        "/json": (200, {}, json.dumps(feed).encode()),
    }
    batches, error = poll(feeds(site, web, "/rss", "/atom", "/json"))
    assert error is None
    assert len(posts(batches)) == 5
    moments = [each.created_at for each in posts(batches) if each.created_at is not None]
    assert 2 <= len(moments) <= 5
    assert all(EARLIEST <= moment < LATEST for moment in moments)


@pytest.mark.parametrize("place", ["id", "title", "date_published", "image", "x"])
@pytest.mark.parametrize("value", ["LONG", "DEEP"])
def test_a_value_without_end_costs_no_feed(site: Any, web: Web, place: str, value: str) -> None:
    bad = {"id": "1", "url": "https://x.example/1", "content_text": "een"} | {place: value}
    items = [bad, {"id": "2", "content_text": "twee"}]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": items}
    site.answers["/feed"] = (200, {}, body(feed, LONG=LONG, DEEP=DEEP[90_000:-90_000]))
    batches, error = poll(feeds(site, web, "/feed"))
    assert error is None
    assert [each.text for each in posts(batches)] == ["een", "twee"]


@pytest.mark.parametrize(
    "bad",
    [
        "<title>&#LONG;</title>",
        "<title>&#xLONG;</title>",
        "<pubDate>&#LONG;</pubDate>",
        "<description>&amp;#LONG; b</description>",
        '<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" ref="&#LONG;"/>',
    ],
)
def test_a_reference_without_end_costs_no_feed(site: Any, web: Web, bad: str) -> None:
    items = f"<item><guid>1</guid>{bad}<author>a</author></item><item><title>twee</title></item>"
    document = RSS.format(items=items).replace("LONG", LONG)
    site.answers["/feed"] = (200, {}, document.encode())
    batches, error = poll(feeds(site, web, "/feed"))
    assert error is None
    assert len(posts(batches)) == 2


def test_an_item_that_nobody_foresaw_costs_itself(
    site: Any, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_text(text: str) -> str:
        if "slecht" in text:
            raise ZeroDivisionError(text)
        return text

    for module in ("documents", "jsonfeed"):
        monkeypatch.setattr(f"ingest.feeds.{module}.as_text_of_feed", as_text)
    titles = ["een", "slecht geheim", "twee"]
    items = "".join(f"<item><guid>{t}</guid><title>{t}</title></item>" for t in titles)
    entries = [{"id": each, "content_html": each} for each in titles]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": entries}
    site.answers |= {
        "/rss": (200, {}, RSS.format(items=items).encode()),
        "/json": (200, {}, json.dumps(feed).encode()),
    }
    batches, error = poll(feeds(site, web, "/rss", "/json"))
    assert error is None
    assert [each.text for each in posts(batches)] == ["een", "twee"] * 2
    found = [each for batch in batches for each in batch.rejected]
    assert [each.why for each in found] == ["ZeroDivisionError"] * 2
    assert [each.where.rpartition(": ")[2] for each in found] == ["item 2"] * 2
    assert "geheim" not in repr(found)
    assert [batch.read for batch in batches] == [3, 3]


# Mastodon


def mastodon(site: Any, web: Web) -> MastodonCollector:
    settings = MastodonSettings.model_validate(
        {"servers": [{"address": site.url(""), "permission": "a test", "tags": ["fiets"]}]}
    )
    return MastodonCollector(settings, web=web, clock=ManualClock(START), environment={})


@pytest.mark.parametrize(
    ("changed", "bad"),
    [
        ({"created_at": DATE}, 0),
        ({"edited_at": DATE}, 0),
        ({"created_at": "LONG"}, 1),
        ({"replies_count": "LONG"}, 1),
        ({"id": "LONG"}, 1),
        ({"quote": "LONG"}, 0),
        ({"x": "DEEP"}, 0),
        ({"quote": "DEEP"}, 0),
        ({"account": "DEEP"}, 1),
        ({"created_at": "DEEP"}, 1),
        ({"content": 7}, 1),
    ],
)
def test_a_bad_value_of_a_status_costs_that_status(
    site: Any, web: Web, changed: dict[str, Any], bad: int
) -> None:
    link = f'<{TAG}&max_id=1>; rel="next", <{TAG}&min_id=2>; rel="prev"'
    page = [a_status(1), a_status(2, **changed), a_status(3)]
    site.answers["/api/v2/instance"] = (
        200,
        {},
        b'{"domain": "ours.example", "x": LONG}'.replace(b"LONG", LONG.encode()),
    )
    site.answers[TAG] = (200, {"Link": link}, body(page, LONG=LONG, DEEP=DEEP[90_000:-90_000]))
    site.answers[TAG.replace("limit", "max_id=1&limit")] = (200, {}, b"[]")
    batches, error = poll(mastodon(site, web))
    assert error is None
    assert (len(posts(batches)), rejected(batches)) == (3 - bad, bad)


def test_a_bad_value_of_a_status_costs_no_other_ones_standing(site: Any, web: Web) -> None:
    asked = urlencode([("id[]", "1"), ("id[]", "2")])
    shown = [a_status(1, replies_count="LONG"), a_status(2, account={"acct": "p", "noindex": True})]
    site.answers[f"/api/v1/statuses?{asked}"] = (200, {}, body(shown, LONG=LONG))
    server = Server(site.url(""), token="", web=web, clock=ManualClock(START))
    assert list(Standings({"s": server}).of("s", ["1", "2"])) == ["there", "gone"]


# Bluesky


def an_item(number: int, **record: Any) -> dict[str, Any]:
    moment = to_datetime(START - number * 60_000).isoformat()
    return {
        "uri": f"at://{DID}/{POSTS}/3k{number:011}", "author": {"did": DID}, "indexedAt": moment,
        "record": {"$type": POSTS, "text": f"bericht {number}", "createdAt": moment} | record,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "bad"),
    [
        ({"createdAt": DATE}, 0),
        ({"createdAt": "LONG"}, 1),
        ({"facets": [{"index": {"byteStart": "LONG", "byteEnd": 1}, "features": []}]}, 1),
        ({"x": "LONG"}, 0),
    ],
)
def test_a_bad_value_of_a_post_costs_that_post(
    site: Any, web: Web, changed: dict[str, Any], bad: int
) -> None:
    items = [an_item(1), an_item(2, **changed), an_item(3)]
    profile = urlencode({"actor": DID})
    site.answers[f"/xrpc/app.bsky.actor.getProfile?{profile}"] = (200, {}, body({"did": DID}))
    feed = urlencode({"actor": DID, "limit": 100, "filter": "posts_with_replies"})
    page = {"feed": [{"post": each} for each in items]}
    site.answers[f"/xrpc/app.bsky.feed.getAuthorFeed?{feed}"] = (200, {}, body(page, LONG=LONG))
    settings = AuthorSettings(accounts=(DID,), appview=site.url(""))
    batches, error = poll(AuthorCollector(settings, web=web, clock=ManualClock(START)))
    assert error is None
    assert (len(posts(batches)), rejected(batches)) == (3 - bad, bad)


def test_an_account_that_is_none_is_told(site: Any, web: Web) -> None:
    profile = urlencode({"actor": "gemeente.example"})
    said = {"did": "\x1b[31mdid:plc:x"}
    site.answers[f"/xrpc/app.bsky.actor.getProfile?{profile}"] = (200, {}, body(said))
    settings = AuthorSettings(accounts=("gemeente.example",), appview=site.url(""))
    batches, error = poll(AuthorCollector(settings, web=web, clock=ManualClock(START)))
    assert isinstance(error, Stop)
    assert "names no account" in str(error)
    assert posts(batches) == []


def test_a_bad_value_of_a_post_costs_no_other_ones_standing(site: Any, web: Web) -> None:
    uris = [an_item(number)["uri"] for number in range(4)]
    shown = [an_item(0), an_item(1) | {"likeCount": "LONG"}, an_item(2) | {"record": "LONG"}]
    path = f"/xrpc/app.bsky.feed.getPosts?{urlencode({'uris': uris}, doseq=True)}"
    site.answers[path] = (200, {}, body({"posts": shown}, LONG=LONG))
    view = AppView(site.url(""), web=web, clock=ManualClock(START))
    assert list(view.standings(uris)) == ["there", "unknown", "there", "missing"]
    site.answers[path] = (200, {}, body({"posts": [{"author": {"did": DID}}]}))
    assert list(view.standings(uris)) == ["unknown"] * 4
    with pytest.raises(Stop, match="does not say which"):
        view.posts(uris)


@pytest.mark.parametrize("value", [LONG, DEEP, '"\\ud800"'], ids=["long", "deep", "surrogate"])
@pytest.mark.parametrize("place", ["facets", "text", "x"])
def test_a_bad_value_of_a_record_costs_no_stream(value: str, place: str) -> None:
    listening = Listening(Position.of({}, since=None), source="city", retention_days=90)
    for number in range(3):
        record = post(f"bericht {number}", at=START) | ({place: "BAD"} if number == 1 else {})
        commit = {"rev": "3kr", "operation": "create", "collection": POSTS,
                  "rkey": tid(START * 1000 + number), "record": record}  # fmt: skip
        frame = Happening(number, START * 1000, "did:plc:x", "commit", commit).v1()
        frame = frame.replace(b'"BAD"', value.encode())
        if listening.take(frame, host="wss://a", wire=V1, now=START):
            listening.take(frame, host="wss://a", wire=V1, now=START)  # it is asked for once more
    batch = listening.batch()
    texts = [item.text for item in batch.items if isinstance(item, RawPost)]
    assert {"bericht 0", "bericht 2"} <= set(texts)
    assert len(batch.items) + len(batch.rejected) == 3


# JSON


def test_json_of_an_answer_is_read_as_far_as_it_can_be() -> None:
    assert json_in(b'\xef\xbb\xbf{"a": "\xff\t", "b": 12, "c": -' + LONG.encode() + b"}") == {
        "a": "\ufffd\t", "b": 12, "c": float("-inf")
    }  # fmt: skip
    for wrong in (
        b"",
        b"{",
        b'{"a": ',
        DEEP[:-1].encode(),
        DEEP[1:].encode(),
        DEEP[:100_000].encode(),
    ):
        with pytest.raises(ValueError, match=r"."):
            json_in(wrong)


@pytest.mark.parametrize(
    "deep",
    [DEEP, '{"a":' * 90_000 + "1" + "}" * 90_000, '[["]"],{"\\"[":[' * 9_000 + "]}]" * 9_000],
    ids=["lists", "objects", "texts"],
)
def test_what_is_nested_too_deep_costs_itself(deep: str) -> None:
    said = json_in(f'{{"a": "[\\"]}}", "b": [{deep}, 1, {{"c": {deep}}}], "d": [2]}}'.encode())
    assert (said["a"], said["b"][1], said["d"]) == ('["]}', 1, [2])
    assert "null" in json.dumps(said["b"][0])
    assert "null" in json.dumps(said["b"][2])


def test_what_is_nested_too_deep_takes_seconds() -> None:
    began = time.monotonic()
    for many in (
        DEEP * 40,
        DEEP + '\\"' * 4_000_000,
        DEEP + '"' + '\\"' * 4_000_000,
        "[" * 8_000_000,
    ):
        with suppress(ValueError):
            json_in(many.encode())
    assert time.monotonic() - began < 30
