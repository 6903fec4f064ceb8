import json
from pathlib import Path
from typing import Any

from ingest.contract import Rechecking
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.files.collector import FileCollector, FileSettings
from ingest.testing import check_collector
from ingest.web.client import Web
from stream.clock import ManualClock
from stream.testing import START

PLANTED = "geheim-van-iemand"


def test_files(tmp_path: Path) -> None:
    good = [
        {"id": str(number), "author": "a", "body": f"tekst {number}"} for number in range(1_203)
    ]
    bad = [{"id": "x", "nothing": PLANTED}, [PLANTED]]
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_text("".join(json.dumps(item) + "\n" for item in [*bad, *good[:1_100]]))
    second.write_text("".join(json.dumps(item) + "\n" for item in [*good[1_100:], *bad]))
    check_collector(
        lambda: FileCollector(FileSettings(), paths=[first, second], clock=ManualClock(START)),
        items=len(good),
        secret=PLANTED,
    )


def test_feeds(site: Any, web: Web) -> None:
    urls = []
    for feed in range(3):
        items = [{"id": f"{feed}-{n}", "content_text": f"tekst {n}"} for n in range(4)]
        document = {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [*items, {"x": PLANTED}],
        }
        site.answers[f"/{feed}"] = (200, {}, json.dumps(document).encode())
        urls.append(site.url(f"/{feed}"))
    urls.insert(1, site.url("/is-not-there"))
    settings = FeedSettings(urls=tuple(urls))
    clock = ManualClock(START)

    def make() -> FeedCollector:
        return FeedCollector(settings, source="news", web=web, clock=clock)

    check_collector(make, items=12, secret=PLANTED)
    assert isinstance(make(), Rechecking)
