import json
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from ingest.contract import Batch, Reference
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.feeds.documents import read
from ingest.text import as_text
from ingest.web.client import Web
from stream.clock import DAY_MS, ManualClock
from stream.errors import PeilError, Retry, Stop
from stream.post import RawDelete, RawPost
from stream.testing import START

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Stadsnieuws</title>{extra}
<language>nl</language>{items}</channel></rss>"""
ITEM = """<item><guid>{id}</guid><title>Bericht {id}</title><link>https://news.example/{id}</link>
<description>&lt;p&gt;Overlast van &lt;b&gt;fatbikes&lt;/b&gt; nummer {id}&lt;/p&gt;</description>
<pubDate>{date}</pubDate></item>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"
xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>t</title>
<at:deleted-entry ref="tag:x,1" when="2026-01-01T00:00:00Z"/>
<at:deleted-entry ref="tag:x,2" when="2026-01-02T00:00:00Z"><at:comment>c</at:comment>
</at:deleted-entry>
<entry><id>tag:x,3</id><title>Hallo</title><link href="https://x.example/3"/>
<updated>2026-01-04T00:00:00Z</updated><published>2026-01-03T00:00:00Z</published>
<summary>tekst</summary><author><name>Redactie</name></author></entry></feed>"""


def rss(*ids: int, extra: str = "", day: int = 1) -> bytes:
    items = "".join(
        ITEM.format(id=each, date=f"{day:02} Sep 2026 {each % 24:02}:00:00 +0200") for each in ids
    )
    return RSS.format(items=items, extra=extra).encode()


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


class Reader:
    """A source of feeds that is polled again and again, with its cursor kept as JSON."""

    def __init__(self, *urls: str, **settings: Any) -> None:
        self.clock = ManualClock(START)
        self.cursor: dict[str, Any] = {}
        self.error: PeilError | None = None
        self._settings = FeedSettings(urls=urls, **settings)

    def poll(self) -> list[Batch]:
        with Web(
            contact="data@example.org",
            clock=self.clock,
            max_bytes=10_000_000,
            max_seconds=60,
            private_hosts=("127.0.0.1",),
        ) as web:
            collector = FeedCollector(self._settings, source="news", web=web, clock=self.clock)
            batches: list[Batch] = []
            self.error = None
            try:
                for batch in collector.poll(self.cursor):
                    self.cursor = json.loads(json.dumps(batch.cursor))
                    batches.append(batch)
            except (Retry, Stop) as error:
                self.error = error
        return batches

    def items(self) -> list[Any]:
        return [item for batch in self.poll() for item in batch.items]

    def later(self, milliseconds: int = 2 * DAY_MS) -> None:
        self.clock.advance(milliseconds)


def test_an_item_becomes_an_excerpt_with_its_link(site: Any) -> None:
    site.answers["/feed"] = (200, {"Content-Type": "application/rss+xml"}, rss(1))
    (post,) = Reader(site.url("/feed"), excerpt=20).items()
    assert isinstance(post, RawPost)
    assert post.native_id == "1"
    assert post.text == "Bericht 1\nOverlast …"
    assert post.links == ("https://news.example/1",)
    assert post.declared_lang == "nl"
    assert post.kind == "article"
    assert post.created_at == 1788217200000


def test_validators_go_back_verbatim_and_304_is_no_loss(site: Any) -> None:
    def answer(headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if headers.get("if-none-match") == 'W/"abc"' and headers["if-modified-since"] == "odd one":
            return 304, {}, b""
        return 200, {"ETag": 'W/"abc"', "Last-Modified": "odd one"}, rss(1, 2)

    site.answers["/feed"] = answer
    reader = Reader(site.url("/feed"))
    assert len(reader.items()) == 2
    reader.later()
    assert reader.items() == []
    assert reader.error is None


def test_validators_are_kept_only_with_what_they_stand_for(site: Any) -> None:
    site.answers["/feed"] = (200, {"ETag": '"1"'}, b"<html><body>503</body></html>")
    reader = Reader(site.url("/feed"))
    assert reader.items() == []
    assert "etag" not in reader.cursor["feeds"][site.url("/feed")]


@pytest.mark.parametrize(
    ("extra", "headers", "minutes"),
    [
        ("", {}, 10),
        ("<ttl>45</ttl>", {}, 45),
        ("<ttl>1</ttl>", {}, 10),
        ("<ttl>nonsense</ttl>", {"Cache-Control": "public, max-age=3600"}, 60),
        ("<ttl>999999</ttl>", {}, 1440),
        ("<ttl>-5</ttl>", {"Cache-Control": "max-age=x"}, 10),
    ],
)
def test_a_feed_is_not_asked_before_it_may_be(
    site: Any, extra: str, headers: dict[str, str], minutes: int
) -> None:
    site.answers["/feed"] = (200, headers, rss(1, extra=extra))
    reader = Reader(site.url("/feed"))
    reader.poll()
    reader.later(minutes * 60_000 - 5_000)
    (batch,) = reader.poll()
    assert batch.warnings
    assert len(site.asked("/feed")) == 1
    reader.later(5_001)
    reader.poll()
    assert len(site.asked("/feed")) == 2


def test_a_feed_that_moved_for_good_is_asked_at_its_new_address(site: Any) -> None:
    site.answers["/old"] = (301, {"Location": "/new"}, b"")
    site.answers["/new"] = (200, {}, rss(1))
    reader = Reader(site.url("/old"))
    reader.poll()
    reader.later()
    reader.poll()
    assert (len(site.asked("/old")), len(site.asked("/new"))) == (1, 2)


def test_a_feed_that_is_gone_is_not_asked_again(site: Any) -> None:
    site.answers["/feed"] = (410, {}, b"")
    reader = Reader(site.url("/feed"))
    for _ in range(2):
        reader.poll()
        assert isinstance(reader.error, Stop)
        assert "gone for good" in str(reader.error)
        reader.later()
    assert len(site.asked("/feed")) == 1


def test_a_busy_feed_is_left_alone_as_long_as_it_asks(site: Any) -> None:
    site.answers["/feed"] = (429, {"Retry-After": "7200"}, b"")
    reader = Reader(site.url("/feed"))
    reader.poll()
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 7200
    reader.later(3_600_000)
    reader.poll()
    assert len(site.asked("/feed")) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, b"<html><body>Checking your browser</body></html>"), "an HTML page"),
        ((200, {}, b""), "no feed that is known"),
        ((200, {}, b"\x00\xff\xfe binary"), "no feed that is known"),
        ((200, {}, b'{"error": "no"}'), "no JSON Feed"),
        ((200, {}, b'{"version": "https://jsonfeed.org/version/1.1"}'), "without items"),
        ((200, {"Content-Type": "application/json"}, b"{"), "neither XML nor JSON"),
        ((404, {}, b""), "status 404"),
        ((403, {}, b"blocked"), "status 403"),
        ((200, {}, b"<rss version='2.0'>" + b"a" * 50_000_000), "larger than"),
    ],
)
def test_what_is_no_feed_is_an_error_and_costs_that_feed_alone(
    site: Any, answer: Any, message: str
) -> None:
    site.answers["/bad"] = answer
    site.answers["/good"] = (200, {}, rss(1, 2))
    reader = Reader(site.url("/bad"), site.url("/good"))
    assert len(reader.items()) == 2
    assert isinstance(reader.error, Stop)
    assert message in str(reader.error)
    assert "1 of 2 feeds failed" in str(reader.error)


def test_every_tombstone_is_a_delete(site: Any) -> None:
    site.answers["/feed"] = (200, {}, ATOM.encode())
    post, *deletes = Reader(site.url("/feed")).items()
    assert [each.native_id for each in deletes if isinstance(each, RawDelete)] == [
        "tag:x,1",
        "tag:x,2",
    ]
    assert post.author == "Redactie@127.0.0.1"
    assert post.edited_at == 1767484800000


def test_a_json_feed_is_read_and_a_bad_item_costs_itself(site: Any) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "language": "nl",
        "items": [
            {"id": 7, "content_html": "<p>Een <i>bericht</i></p>", "authors": [{"name": "A"}]},
            None,
            {"tags": [3, "x"]},
            {"url": "https://x.example/2", "title": "Kop", "content_text": "tekst"},
        ],
    }
    site.answers["/feed"] = (200, {}, json.dumps(feed).encode())
    (batch,) = Reader(site.url("/feed")).poll()
    assert [(each.native_id, each.text) for each in batch.items if isinstance(each, RawPost)] == [
        ("7", "Een bericht"),
        ("https://x.example/2", "Kop\ntekst"),
    ]
    assert [each.why for each in batch.rejected] == ["no id, link, title or text"] * 2
    assert batch.read == 4


def test_a_feed_that_turned_over_between_visits_leaves_a_gap(site: Any) -> None:
    site.answers["/feed"] = (200, {}, rss(1, 2, 3))
    reader = Reader(site.url("/feed"))
    (first,) = reader.poll()
    assert first.gaps == ()
    reader.later()
    site.answers["/feed"] = (200, {}, rss(3, 4, 5))
    (second,) = reader.poll()
    assert second.gaps == ()
    reader.later()
    site.answers["/feed"] = (200, {}, rss(11, 12, 13))
    (third,) = reader.poll()
    (gap,) = third.gaps
    assert gap.source == "news"
    assert gap.end - gap.start == 6 * 3_600_000


def test_a_feed_whose_xml_breaks_off_gives_what_came_before(site: Any) -> None:
    site.answers["/feed"] = (200, {}, rss(1, 2)[:-150])
    assert len(Reader(site.url("/feed")).items()) >= 1


def test_what_a_reader_sees_is_what_is_kept_of_html() -> None:
    html = "<p>Een &amp; <b>twee</b></p><script>x()</script><ul><li>drie</li></ul>"
    assert as_text(html) == "Een & twee\ndrie"
    assert as_text("gewone tekst") == "gewone tekst"


def test_a_feed_of_another_encoding_is_read() -> None:
    body = RSS.format(items=ITEM.format(id=1, date=""), extra="").replace(
        '<?xml version="1.0"?>', '<?xml version="1.0" encoding="iso-8859-1"?>'
    )
    body = body.replace("Overlast", "Café")
    document = read(body.encode("iso-8859-1"), content_type="text/xml", url="https://x.example")
    assert document.entries[0].text.startswith("Café")


def test_a_page_that_is_gone_is_gone_and_an_error_says_nothing(site: Any) -> None:
    answers = {"/a": 200, "/b": 404, "/c": 410, "/d": 403, "/e": 500, "/f": 301}
    for path, status in answers.items():
        site.answers[path] = (status, {"Location": site.url("/c")} if status == 301 else {}, b"")
    references = [Reference("feed", path, site.url(path)) for path in answers]
    references.insert(0, Reference("feed", "x", "http://10.0.0.1/private"))
    clock = ManualClock(START)
    with Web(contact="data@example.org", clock=clock, max_bytes=9_999, max_seconds=60,
             private_hosts=("127.0.0.1",)) as web:  # fmt: skip
        settings = FeedSettings(urls=(site.url("/feed"),))
        collector = FeedCollector(settings, source="news", web=web, clock=clock)
        standings = list(collector.recheck(references))
    assert standings == ["unknown", "there", "missing", "gone", "unknown", "unknown", "gone"]
