"""An id or an address that is no good Unicode costs its item at most, up to the vault."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.contract import Reference
from ingest.feeds.collector import FeedCollector
from ingest.mastodon.collector import MastodonCollector
from ingest.vault import Vault
from ingest.web.answers import encodable
from privacy.keys import KeyRing
from stream.clock import DAY_MS, ManualClock
from stream.codec import decode
from stream.errors import Stop
from stream.events import Upsert
from stream.post import RawPost
from stream.scan import scan
from stream.testing import START
from stream.topics import POSTS
from tests.ingest.statuses import a_status

LONE = "\ud800"
TAG = "/api/v1/timelines/tag/fiets?limit=40"
FEEDS = """
id = "news"
title = "News"
collector = "feeds"
keep = "all"
[settings]
urls = [{urls}]
"""
SERVERS = """
id = "news"
title = "Servers"
collector = "mastodon"
keep = "all"
[[settings.servers]]
address = "{address}"
permission = "a test"
tags = ["fiets"]
"""

pytestmark = pytest.mark.usefixtures("impatient")


def feed(*items: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    version = "https://jsonfeed.org/version/1.1"
    return 200, {}, json.dumps({"version": version, "items": items}).encode()


def texts(pipeline: Any) -> set[str]:
    """What is in the log."""
    events = [decode(record.value or b"") for record in scan(pipeline.broker, POSTS.name)]
    return {each.post.text for each in events if isinstance(each, Upsert)}


def collect(pipeline: Any) -> Any:
    source = pipeline.sources["news"]
    return pipeline.ingestion.collect(source, pipeline.ingestion.collector(source))


def test_an_id_or_a_link_of_a_feed_costs_nothing(site: Any, open_city: Any) -> None:
    link = "https://n.example/"
    site.answers |= {
        "/a": feed({"id": "urn:t:1", "url": f"{link}1", "content_text": "een"}),
        "/b": feed(
            {"id": f"urn:t:{LONE}", "url": f"{link}6", "content_text": "twee"},
            {"id": "urn:t:3", "url": f"{link}?utm_a=1&q={LONE}", "content_text": "drie"},
            {"url": f"{link}{LONE}?utm_a=1", "content_text": "vier"},
            {"id": "urn:t:5", "url": f"{link}5", "content_text": f"vijf {LONE}",
             "authors": [{"name": LONE}]},
        ),
        "/c": feed({"id": "urn:t:7", "url": f"{link}7", "content_text": "zeven"}),
    }  # fmt: skip
    urls = ", ".join(f'"{site.url(path)}"' for path in ("/a", "/b", "/c"))
    clock = ManualClock(START)
    pipeline = open_city("news", clock=clock, declaration=FEEDS.format(urls=urls))
    assert collect(pipeline).appended == 6
    assert texts(pipeline) == {"een", "twee", "drie", "vier", "vijf \ufffd", "zeven"}
    clock.advance(DAY_MS)
    assert collect(pipeline).appended == 0  # they are known again


def test_a_status_costs_itself(site: Any, open_city: Any) -> None:
    page = [
        a_status(1), a_status(2, uri=f"https://ours.example/2{LONE}"), a_status(3, id=f"3{LONE}"),
        a_status(4, tags=[{"name": LONE}], account={"acct": f"p{LONE}"}, language=LONE,
               mentions=[{"acct": LONE}]),
    ]  # fmt: skip
    link = f'<{TAG}&max_id=1>; rel="next", <{TAG}&min_id=2>; rel="prev"'
    site.answers |= {
        "/api/v2/instance": (200, {}, b'{"domain": "ours.example"}'),
        TAG: (200, {"Link": link}, json.dumps(page).encode()),
        TAG.replace("limit", "max_id=1&limit"): (200, {}, b"[]"),
    }
    pipeline = open_city(
        "news", clock=ManualClock(START), declaration=SERVERS.format(address=site.url(""))
    )
    account = collect(pipeline)
    assert (account.appended, account.rejected) == (2, 2)
    assert texts(pipeline) == {"bericht 1", "bericht 4"}


def test_the_vault_holds_what_a_collector_refers_to(database: Engine, tmp_path: Path) -> None:
    class Platform:
        def reference(self, post: RawPost) -> Reference:
            return Reference(post.platform, post.native_id, f"https://x/{LONE}")

        def recheck(self, references: Any) -> Any:
            return iter(["unknown"] * len(references))

    keys = KeyRing(tmp_path / "keys", clock=ManualClock(START), longest_retention_days=90)
    vault = Vault(database, keys)
    natives = [LONE, "é", '"\\\0']
    posts = [RawPost(platform="p", native_id=n, text="t", observed_at=START) for n in natives]
    vault.add(
        "s", posts, collector=Platform(), admitted=[keys.post_id("p", n) for n in natives],
        now=START, until=START + 9 * DAY_MS,
    )  # fmt: skip
    due = vault.due("s", now=START + DAY_MS, limit=9)
    assert {each.reference.native_id for each in due} == set(natives)
    assert {each.reference.address for each in due} == {f"https://x/{LONE}"}


@pytest.mark.parametrize("within", ["_visit", "_batch"])
def test_what_nobody_foresaw_costs_one_feed(
    site: Any, open_city: Any, monkeypatch: pytest.MonkeyPatch, within: str
) -> None:
    sound = getattr(FeedCollector, within)

    def broken(self: Any, *given: Any, **named: Any) -> Any:
        if str(given[0]).endswith("/b"):
            raise ZeroDivisionError("geheim")
        return sound(self, *given, **named)

    monkeypatch.setattr(FeedCollector, within, broken)
    for path in "abc":
        site.answers[f"/{path}"] = feed({"id": f"urn:{path}", "content_text": path})
    urls = ", ".join(f'"{site.url(path)}"' for path in ("/a", "/b", "/c"))
    clock = ManualClock(START)
    pipeline = open_city("news", clock=clock, declaration=FEEDS.format(urls=urls))
    for _ in range(2):
        with pytest.raises(Stop, match=r"1 of 3 feeds failed: .*/b could not be read \(Zero") as e:
            collect(pipeline)
        assert "geheim" not in str(e.value)
        assert texts(pipeline) == {"a", "c"}
        clock.advance(DAY_MS)


@pytest.mark.parametrize("within", ["_batch", "_server"])
def test_what_nobody_foresaw_costs_one_timeline_or_server(
    site: Any, web: Any, monkeypatch: pytest.MonkeyPatch, within: str
) -> None:
    def broken(_self: Any, *_given: Any, **_named: Any) -> Any:
        raise ZeroDivisionError("geheim")

    monkeypatch.setattr(MastodonCollector, within, broken)
    link = f'<{TAG}&max_id=1>; rel="next", <{TAG}&min_id=2>; rel="prev"'
    site.answers |= {
        "/api/v2/instance": (200, {}, b'{"domain": "ours.example"}'),
        TAG: (200, {"Link": link}, b"[{}]"),
    }
    settings = MastodonCollector.Settings.model_validate(
        {"servers": [{"address": site.url(""), "permission": "a test", "tags": ["fiets"]}]}
    )
    collector = MastodonCollector(settings, web=web, clock=ManualClock(START), environment={})
    with pytest.raises(Stop, match=r"could not be read \(ZeroDivisionError\)") as raised:
        list(collector.poll({}))
    assert "geheim" not in str(raised.value)


def test_what_can_be_sent_stays_as_it_is() -> None:
    for good in ("", "https://x/é😀", "a\0b"):
        assert encodable(good) == good
    assert encodable(f"a{LONE}b\ude00") == "a\ufffdb\ufffd"
    assert encodable("\ud83d\ude00") == "😀"
