import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.backoff import trouble_of
from ingest.contract import Batch, Reference
from ingest.feeds import jsonfeed
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.feeds.documents import Document, read
from ingest.feeds.identities import canonical
from ingest.feeds.visits import Visits
from ingest.several import PartsRetry
from ingest.web.client import Web
from stream.clock import DAY_MS, ManualClock, to_datetime
from stream.errors import PeilError, Retry, Stop
from stream.post import RawDelete, RawPost
from stream.testing import START

SHAPES = Path(__file__).parent / "feeds"
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


pytestmark = pytest.mark.usefixtures("impatient")


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
    assert post.native_id == "1@127.0.0.1"
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
    reader.later(minutes * 60_000 - 35_000)
    (batch,) = reader.poll()
    assert batch.warnings
    assert len(site.asked("/feed")) == 1
    reader.later(6_000)
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
        assert "1 of 1 feeds failed" in str(reader.error)
        reader.later()
    assert len(site.asked("/feed")) == 1


def test_a_feed_that_was_gone_by_mistake_is_read_again_and_its_gap_is_told(site: Any) -> None:
    site.answers["/feed"] = (200, {}, rss(1, 2))
    reader = Reader(site.url("/feed"))
    reader.poll()
    site.answers["/feed"] = (410, {}, b"")
    reader.later()
    (batch,) = reader.poll()
    assert not batch.answered
    site.answers["/feed"] = (200, {}, rss(11, 12))
    reader.later(7 * DAY_MS)
    (batch,) = reader.poll()
    assert (len(batch.items), len(batch.gaps), reader.error) == (2, 1, None)


def test_what_is_gone_behind_a_redirect_is_not_the_feed(site: Any) -> None:
    site.answers["/feed"] = (302, {"Location": "/moved"}, b"")
    site.answers["/moved"] = (410, {}, b"")
    reader = Reader(site.url("/feed"))
    reader.poll()
    assert "status 410" in str(reader.error)
    site.answers["/feed"] = (200, {}, rss(1))
    assert len(reader.items()) == 1


def test_a_batch_says_whether_its_server_answered(site: Any) -> None:
    site.answers["/good"] = (200, {}, rss(1))
    site.answers["/bad"] = (500, {}, b"")
    reader = Reader(site.url("/good"), site.url("/bad"))
    assert [each.answered for each in reader.poll()] == [True, False]
    site.answers["/bad"] = (304, {}, b"")
    assert [each.answered for each in reader.poll()] == [False, False], "one rests, one fails"
    reader.later()
    assert sorted(each.answered for each in reader.poll()) == [False, True]


def test_a_feed_that_is_away_makes_no_other_one_wait(site: Any) -> None:
    site.answers["/good"] = (200, {"Cache-Control": "max-age=7200"}, rss(1))
    site.answers["/bad"] = (500, {}, b"")
    reader = Reader(site.url("/good"), site.url("/bad"))
    for times in (1, 2):
        reader.poll()
        assert isinstance(reader.error, PartsRetry)
        assert reader.error.lasting.failures == times
        wait = trouble_of(reader.error, failures=5, endless=False, rng=random.Random(1)).wait
        assert wait is None, "the other one may be asked at any slot"
        reader.later(3_600_000)
    site.answers["/good"] = (500, {}, b"")
    reader.later(7_200_000)
    reader.poll()
    assert isinstance(reader.error, PartsRetry)
    assert trouble_of(reader.error, failures=5, endless=False, rng=random.Random(1)).wait


def test_a_busy_feed_is_left_alone_as_long_as_it_asks(site: Any) -> None:
    site.answers["/feed"] = (429, {"Retry-After": "7200"}, b"")
    reader = Reader(site.url("/feed"))
    reader.poll()
    assert isinstance(reader.error, Retry)
    assert reader.error.after == 7200
    reader.later(3_600_000)
    reader.poll()
    assert len(site.asked("/feed")) == 1


LOGIN = b"<html><form><input type='password'></form></html>"
NAMING = b"<html><link rel='alternate' type='application/rss+xml' href='/rss.xml'></html>"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, b"<html><body>Checking your browser</body></html>"), "keeps programs out"),
        ((200, {}, b"<!DOCTYPE html><p>Welkom"), "an HTML page"),
        ((200, {}, LOGIN), "asks for a login"),
        ((200, {}, NAMING), "names a feed"),
        ((302, {"Location": "/login?next=/bad"}, b""), "asks for a login (it led to http"),
        ((301, {"Location": "/"}, b""), "led to the home page"),
        ((200, {}, b""), "an empty answer"),
        ((200, {}, b"\x00\xff\xfe binary"), "no feed that is known"),
        ((200, {}, b'{"error": "no"}'), "no JSON Feed"),
        ((200, {}, b'{"version": "https://jsonfeed.org/version/1.1"}'), "without items"),
        ((200, {"Content-Type": "application/json"}, b"{"), "neither XML nor JSON"),
        ((401, {}, b""), "wants a login or a key"),
        ((403, {}, b"blocked"), "status 403"),
        ((404, {}, b""), "status 404"),
        ((304, {}, b""), "status 304"),
        ((418, {}, b""), "status 418"),
        ((204, {}, b""), "an empty answer"),
        ((200, {}, b"<rss version='2.0'>" + b"a" * 11_000_000), "larger than"),
        ((200, {}, b"<rss version='2.0'>" + b"<a>" * 600_000), "more markup than a feed"),
        ((200, {}, b"<?xml version='1.0' encoding='utf-7'?>+ADw-rss"), "encoded as 'utf-7'"),
    ],
)
def test_what_is_no_feed_is_an_error_and_costs_that_feed_alone(
    site: Any, answer: Any, message: str
) -> None:
    site.answers["/bad"] = answer
    site.answers["/"] = site.answers["/login?next=/bad"] = (200, {}, b"<html>Welkom</html>")
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
        ("7@127.0.0.1", "Een bericht"),
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
    assert gap.end - gap.start == 6 * 3_600_000 + 1_000


def test_half_a_document_gives_what_is_whole_and_hides_nothing(site: Any) -> None:
    whole = rss(1, 2, 3)
    site.answers["/feed"] = (200, {"ETag": '"1"'}, whole[: whole.index(b"nummer 3")])
    reader = Reader(site.url("/feed"))
    (batch,) = reader.poll()
    assert [each.text for each in batch.items] == [
        f"Bericht {each}\nOverlast van fatbikes nummer {each}" for each in (1, 2)
    ]
    assert "broke off" in batch.warnings[0]
    reader.later()
    site.answers["/feed"] = (200, {"ETag": '"1"'}, whole)
    assert len(reader.items()) == 3
    assert "if-none-match" not in site.asked("/feed")[1]


def test_a_feed_of_another_encoding_is_read() -> None:
    body = RSS.format(items=ITEM.format(id=1, date=""), extra="").replace(
        '<?xml version="1.0"?>', '<?xml version="1.0" encoding="iso-8859-1"?>'
    )
    body = body.replace("Overlast", "Café")
    document = read(body.encode("iso-8859-1"), content_type="text/xml", url="https://x.example")
    assert document.entries[0].text.startswith("Café")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def web(clock: ManualClock) -> Iterator[Web]:
    with Web(
        contact="data@example.org",
        clock=clock,
        max_bytes=9_999,
        max_seconds=60,
        private_hosts=("127.0.0.1", "localhost"),
    ) as web:
        yield web


def test_a_page_that_is_gone_is_gone_and_an_error_says_nothing(
    site: Any, clock: ManualClock, web: Web
) -> None:
    answers = {"/a": 200, "/b": 404, "/c": 410, "/d": 403, "/f": 301, "/e": 500}
    for path, status in answers.items():
        site.answers[path] = (status, {"Location": site.url("/c")} if status == 301 else {}, b"")
    references = [Reference("feed", path, site.url(path)) for path in answers]
    references.insert(0, Reference("feed", "x", "http://10.0.0.1/private"))
    collector = FeedCollector(
        FeedSettings(urls=(site.url("/feed"),)), source="news", web=web, clock=clock
    )
    standings = list(collector.recheck(references))
    assert standings == ["unknown", "there", "missing", "gone", "unknown", "gone", "unknown"]


def test_a_host_that_fails_holds_up_neither_the_others_nor_a_day_of_its_own(
    site: Any, clock: ManualClock, web: Web
) -> None:
    site.answers["/busy"] = (429, {}, b"")
    for number in range(3):
        site.answers[f"/{number}"] = (200, {}, b"")
    here = site.url("").replace("127.0.0.1", "localhost")
    busy = [Reference("feed", f"b{each}", f"{here}/busy") for each in range(3)]
    well = [Reference("feed", f"w{each}", site.url(f"/{each}")) for each in range(3)]
    collector = FeedCollector(
        FeedSettings(urls=(site.url("/feed"),)), source="news", web=web, clock=clock
    )
    mixed = [each for pair in zip(busy, well, strict=True) for each in pair]
    said = list(collector.recheck(mixed))
    assert said == ["unknown", "there", "unasked", "there", "unasked", "there"]
    assert list(collector.recheck(busy)) == ["unasked"] * 3, "in the next lot of the same look too"
    assert len(site.asked("/busy")) == 1


def document(body: bytes) -> Document:
    found = read(body, content_type="application/xml", url="https://x.example/feed")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "identity", "text"),
    [
        ("youtube", "yt:video:abcDEF_1-23", "Raadsvergadering over fatbikes\nDe raad spreekt over"),
        (
            "discourse",
            "forum.example-topic-42@127.0.0.1",
            "Fatbikes in het park\nGisteren reden er",
        ),
        ("wordpress", "https://blog.example/?p=9#comment-17", "By: Iemand\nHelemaal mee eens, ‘s"),
        (
            "mastodon",
            "https://social.example/@iemand/115000000000000001",
            "Alweer een #fatbike op de",
        ),
    ],
)
def test_the_feeds_of_common_software_are_read(
    site: Any, name: str, identity: str, text: str
) -> None:
    site.answers["/feed"] = (200, {}, (SHAPES / f"{name}.xml").read_bytes())
    reader = Reader(site.url("/feed"), kind="post")
    (post,) = reader.items()
    assert reader.error is None
    assert (post.native_id, post.text[: len(text)]) == (identity, text)
    assert post.created_at > START - 90 * DAY_MS
    assert post.author.endswith("@127.0.0.1"), "so that authors can be counted"


def test_who_comments_is_told_to_the_gate_and_who_writes_an_article_is_not(site: Any) -> None:
    site.answers["/feed"] = (200, {}, (SHAPES / "wordpress.xml").read_bytes())
    (comment,) = Reader(site.url("/feed"), kind="reply").items()
    assert comment.handles == ("Iemand",)
    (article,) = Reader(site.url("/feed")).items()
    assert article.handles == ()


def test_a_body_that_is_the_name_of_a_file_opens_none(site: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_bytes(rss(1))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # would be waited for
    for path in (tmp_path / "secret.xml", fifo):
        site.answers["/feed"] = (200, {}, str(path).encode())
        reader = Reader(site.url("/feed"))
        assert reader.items() == []
        assert "no feed that is known" in str(reader.error)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[::1", "tel:1"],
)
def test_a_link_that_is_no_page_is_none(link: str) -> None:
    body = rss(1).replace(b"https://news.example/1", link.encode())
    assert document(body).entries[0].link == ""


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Tue, 01 Sep 26 10:00:00 +0200", 1788249600000),
        ("2026-09-01T10:00:00+02:00", 1788249600000),
        ("Tue, 01 Sep 2026 10:00:00 EST", 1788274800000),
        ("gisteren", None),
        ("", None),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 4070908800000),
    ],
)
def test_dates_are_read_as_they_come(date: str, moment: int | None) -> None:
    body = RSS.format(items=ITEM.format(id=1, date=date), extra="").encode()
    assert document(body).entries[0].published == moment


@pytest.mark.parametrize(
    "body",
    [
        b"<rss version='2.0'><channel>" + b"<a>" * 30_000,
        b"<rss version='2.0'><channel>" + b"<a b='" * 30_000,
        b"<rss version='2.0'><channel>" + b"<" * 100_000,
        b"<rss version='2.0'><channel><item>" + b"<title>x</title>" * 20_000,
        b"<feed xmlns='http://www.w3.org/2005/Atom'>" + b"<entry xml:base='b/'>" * 15_000,
        b"<feed xmlns='http://www.w3.org/2005/Atom'>" + b"<entry base = 'b/'>" * 15_000,
        b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><content type='xhtml'>"
        + b"<b>" * 30_000,
        b"<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>"
        + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a;" * 10) for n in range(20_000))
        + b"]><rss version='2.0'><channel><item><title>&a9;</title></item></channel></rss>",
        b"{" + b'"a":[' * 100_000,
    ],
    ids=[
        "tags",
        "quotes",
        "brackets",
        "titles",
        "bases",
        "more bases",
        "xhtml",
        "entities",
        "json",
    ],
)
def test_a_hostile_document_takes_seconds(site: Any, body: bytes) -> None:
    site.answers["/feed"] = (200, {}, body)
    started = time.process_time()
    Reader(site.url("/feed")).poll()
    assert time.process_time() - started < 20


def test_entities_that_multiply_do_not() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a0 "' + b"a" * 9_999 + b'">'
    bomb += b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    bomb += b"]>" + rss(1).split(b"?>", 1)[1].replace(b"Bericht 1", b"&a11;")
    assert all(len(each.title) < 20_000 for each in document(bomb).entries)


def test_a_feed_that_moved_to_nowhere_is_asked_at_its_own_address_again(site: Any) -> None:
    site.answers["/old"] = (308, {"Location": "/new"}, b"")
    site.answers["/new"] = (200, {}, rss(1))
    reader = Reader(site.url("/old"))
    reader.poll()
    reader.later()
    site.answers["/new"] = (410, {}, b"")
    reader.poll()
    assert "status 410" in str(reader.error)
    reader.later()
    site.answers["/old"] = (200, {}, rss(1, 2))
    assert len(reader.items()) == 2
    assert reader.error is None


def test_a_page_behind_a_permanent_redirect_is_no_new_address(site: Any) -> None:
    site.answers["/feed"] = (301, {"Location": "/login"}, b"")
    site.answers["/login"] = (200, {}, LOGIN)
    reader = Reader(site.url("/feed"))
    reader.poll()
    assert "address" not in reader.cursor["feeds"][site.url("/feed")]


def test_a_blog_is_asked_as_seldom_as_its_source_says(site: Any) -> None:
    site.answers["/feed"] = (200, {}, rss(1))
    reader = Reader(site.url("/feed"), minutes=60)
    reader.poll()
    reader.later(58 * 60_000)
    reader.poll()
    assert len(site.asked("/feed")) == 1


def items(*pairs: tuple[str, str]) -> bytes:
    """A feed of items by id and link, without dates."""
    body = "".join(
        f"<item><guid>{guid}</guid><link>https://x.example/{link}</link><title>{link}</title></item>"
        for guid, link in pairs
    )
    return RSS.format(items=body, extra="").encode()


def test_an_id_that_stands_for_two_items_is_none(site: Any) -> None:
    site.answers["/feed"] = (200, {}, items(("same", "a"), ("same", "b"), ("other", "c")))
    found = Reader(site.url("/feed")).items()
    assert [each.native_id for each in found] == [f"https://x.example/{each}" for each in "abc"]


def test_a_link_that_all_items_share_is_nobodys_name(site: Any) -> None:
    home = [
        {"title": f"Bericht {n}", "content_text": "tekst", "url": "https://x.example/"}
        for n in range(3)
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": home}
    site.answers["/feed"] = (200, {}, json.dumps(feed).encode())
    reader = Reader(site.url("/feed"))
    assert len({each.native_id for each in reader.items()}) == 3
    reader.later()
    named = [each | {"id": f"new:{number}"} for number, each in enumerate(home, 7)]
    site.answers["/feed"] = (200, {}, json.dumps(feed | {"items": named}).encode())
    (batch,) = reader.poll()
    assert len(batch.gaps) == 1
    assert [each.native_id for each in batch.items] == ["new:7", "new:8", "new:9"]


def test_ids_that_are_others_at_each_visit_are_not_trusted_and_are_no_gap(site: Any) -> None:
    site.answers["/feed"] = (200, {}, items(("1", "a"), ("2", "b"), ("3", "c")))
    reader = Reader(site.url("/feed"))
    reader.poll()
    for number in range(4, 12, 4):
        reader.later()
        site.answers["/feed"] = (200, {}, items(*((str(number + n), "abc"[n]) for n in range(3))))
        (batch,) = reader.poll()
        assert batch.gaps == ()
        assert [each.native_id for each in batch.items if isinstance(each, RawPost)] == [
            f"https://x.example/{each}" for each in "abc"
        ]


def test_a_feed_without_dates_that_turned_over_leaves_a_gap_between_the_visits(site: Any) -> None:
    site.answers["/feed"] = (200, {}, items(("1", "a"), ("2", "b")))
    reader = Reader(site.url("/feed"))
    reader.poll()
    first = reader.clock.now()
    reader.later()
    site.answers["/feed"] = (200, {}, items(("3", "c"), ("4", "d")))
    (batch,) = reader.poll()
    (gap,) = batch.gaps
    assert (gap.start, gap.end) == (first, reader.clock.now() + 1_000)


def test_what_a_new_feed_showed_while_it_failed_is_a_gap(site: Any) -> None:
    site.answers["/dated"] = site.answers["/undated"] = (500, {}, b"")
    reader = Reader(site.url("/dated"), site.url("/undated"))
    reader.poll()
    reader.later(3_600_000)
    site.answers["/undated"] = (200, {}, items(("1", "a")))
    young = format_datetime(to_datetime(START + 1_800_000))
    site.answers["/dated"] = (
        200, {}, RSS.format(items=ITEM.format(id=1, date=young), extra="").encode()
    )  # fmt: skip
    gaps = [gap for batch in reader.poll() for gap in batch.gaps]
    assert {gap.why for gap in gaps} == {"the feed could not be read at first"}
    assert [(gap.start - START) // 60_000 for gap in gaps] == [0, 0]
    assert [(gap.end - START) // 60_000 for gap in gaps] == [30, 60]


def test_what_an_empty_feed_showed_before_all_its_items_is_a_gap(site: Any) -> None:
    site.answers["/feed"] = (200, {}, RSS.format(items="", extra="").encode())
    reader = Reader(site.url("/feed"))
    reader.poll()
    reader.later(3_600_000)
    young = format_datetime(to_datetime(START + 1_800_000))
    site.answers["/feed"] = (
        200, {}, RSS.format(items=ITEM.format(id=41, date=young), extra="").encode()
    )  # fmt: skip
    (batch,) = reader.poll()
    (gap,) = batch.gaps
    assert [(moment - START) // 60_000 for moment in (gap.start, gap.end)] == [0, 30]


def test_a_new_feed_that_reaches_back_has_no_gap(site: Any) -> None:
    site.answers["/feed"] = (500, {}, b"")
    reader = Reader(site.url("/feed"))
    reader.poll()
    reader.later(3_600_000)
    site.answers["/feed"] = (200, {}, rss(1, 2))
    (batch,) = reader.poll()
    assert batch.gaps == ()


def dated(*numbers: int) -> bytes:
    """A feed of items, an hour younger each."""
    parts = (
        ITEM.format(id=each, date=format_datetime(to_datetime(START + (each - 500) * 3_600_000)))
        for each in numbers
    )
    return RSS.format(items="".join(parts), extra="").encode()


@pytest.mark.parametrize(("length", "pinned"), [(30, 3), (30, 14), (10, 1), (6, 2), (3, 1)])
def test_what_is_pinned_does_not_hide_that_a_feed_turned_over(
    site: Any, length: int, pinned: int
) -> None:
    pins, moving = range(pinned), length - pinned
    site.answers["/feed"] = (200, {}, dated(*pins, *range(100 + moving, 100, -1)))
    reader = Reader(site.url("/feed"))
    reader.poll()
    reader.later()
    half = 100 + moving // 2
    site.answers["/feed"] = (200, {}, dated(*pins, *range(half + moving, half, -1)))
    (batch,) = reader.poll()
    assert batch.gaps == (), "half of what was there is there"
    reader.later()
    site.answers["/feed"] = (200, {}, dated(*pins, *range(300 + moving, 300, -1)))
    (batch,) = reader.poll()
    assert len(batch.gaps) == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_feed_has_a_gap_when_all_of_it_is_new_and_none_when_most_of_it_is_not(
    data: st.DataObject,
) -> None:
    """However long it is, in whatever order, and whatever is pinned: less than half of it."""
    length = data.draw(st.integers(1, 40))
    pins = [*range(data.draw(st.integers(0, (length - 1) // 2)))]
    moving = length - len(pins)
    new = data.draw(st.integers(0, moving))

    def shown(last: int) -> Document:
        numbers = [*pins, *range(100 + last - moving, 100 + last)]
        return document(dated(*data.draw(st.permutations(numbers))))

    visits = Visits()
    assert visits.compare(shown(0).entries, host="x.example", shared=(), now=START) is None
    gap = visits.compare(shown(new).entries, host="x.example", shared=(), now=START)
    if new == moving:
        assert gap is not None
    elif moving - new >= 2:
        assert gap is None


def test_a_date_ahead_is_none_of_the_newest(site: Any) -> None:
    ahead = range(600, 606)
    site.answers["/feed"] = (200, {}, dated(*ahead, *range(1, 20)))
    reader = Reader(site.url("/feed"))
    reader.poll()
    reader.later(3_600_000)
    site.answers["/feed"] = (200, {}, dated(*ahead, *range(101, 120)))
    (batch,) = reader.poll()
    assert len(batch.gaps) == 1


def test_a_feed_that_has_nothing_any_more_is_a_warning_also_when_it_says_unchanged(
    site: Any,
) -> None:
    site.answers["/feed"] = (200, {}, rss(1, 2))
    reader = Reader(site.url("/feed"))
    (full,) = reader.poll()
    assert full.lasting == []
    reader.later()
    site.answers["/feed"] = lambda headers: (
        (304, {}, b"") if "if-none-match" in headers else (200, {"ETag": '"e"'}, rss())
    )
    for _ in range(2):
        (empty,) = reader.poll()
        assert "had items before and is empty now" in empty.lasting[0]
        (early,) = reader.poll()
        assert (early.answered, early.lasting) == (False, empty.lasting)
        reader.later()
    assert "if-none-match" in site.asked("/feed")[-1]


def test_each_feed_that_falls_silent_is_told_though_others_speak(site: Any) -> None:
    urls = [site.url("/a"), site.url("/b")]
    reader = Reader(*urls)
    warned: list[list[str]] = []
    for number in range(30):
        site.answers["/a"] = (200, {}, rss(*range(min(number, 7) + 1)))
        site.answers["/b"] = (200, {}, rss(*range(number + 1)))
        warned.append([warning for batch in reader.poll() for warning in batch.lasting])
        reader.later(3_600_000)
    assert warned[:12] == [[]] * 12
    assert [urls[0] in each for each in warned[-1]] == [True]


def test_a_link_is_kept_without_how_its_reader_came(site: Any) -> None:
    site.answers["/feed"] = (200, {}, rss(1).replace(b"/1</link>", b"/1?id=2&amp;utm_x=3</link>"))
    (post,) = Reader(site.url("/feed")).items()
    assert post.links == ("https://news.example/1?id=2",)


def test_a_cursor_of_an_older_version_is_understood() -> None:
    old = {"etag": '"1"', "newest": 5, "length": 3, "period": None, "not_before": 9}
    visits = Visits.of(old)
    assert (visits.etag, visits.newest, visits.not_before, visits.ends) == ('"1"', 5, 9, [])


def test_a_link_is_the_same_however_its_reader_came() -> None:
    link = "https://x.example/a?id=1&utm_source=rss&fbclid=2#comment-3"
    assert canonical(link) == "https://x.example/a?id=1#comment-3"
    assert canonical("https://x.example/a?b=%20c") == "https://x.example/a?b=%20c"


def test_deletes_are_read_wherever_a_feed_names_them() -> None:
    body = ATOM.replace('ref="tag:x,1"', "ref='tag:x,&amp;1' by='>'").encode()
    assert [each.identity for each in document(body).tombstones] == ["tag:x,&1", "tag:x,2"]


WHOLE = [path.read_bytes() for path in sorted(SHAPES.glob("*.xml"))] + [ATOM.encode(), rss(1, 2)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8), st.integers(0, 40)), max_size=6),
)
def test_no_document_breaks_the_reader(body: bytes, cuts: list[tuple[float, bytes, int]]) -> None:
    for place, put_in, left_out in cuts:
        at = int(place * len(body))
        body = body[:at] + put_in + body[at + left_out :]
    with suppress(Stop):
        found = read(body, content_type="application/xml", url="https://x.example/feed")
        assert found is None or all(isinstance(each.text, str) for each in found.entries)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = ["id", "url", "title", "summary", "content_html", "content_text", "authors", "author",
         "date_published", "date_modified", "language", "image", "attachments"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES) | VALUES, max_size=4), VALUES)
def test_no_json_breaks_the_reader(found: list[Any], language: Any) -> None:
    feed = {"version": "https://jsonfeed.org/version/1", "items": found, "language": language}
    entries = jsonfeed.read(json.dumps(feed).encode(), url="https://x.example/feed").entries
    assert len(entries) == len(found)
