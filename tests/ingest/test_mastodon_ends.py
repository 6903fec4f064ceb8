"""A timeline without an end costs no other one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.mastodon import timelines
from ingest.mastodon.collector import MastodonCollector
from ingest.mastodon.server import Page
from ingest.mastodon.settings import MastodonSettings
from ingest.mastodon.timelines import Timeline, backward, forward
from ingest.web.client import Web
from stream.clock import ManualClock
from stream.errors import Retry, Stop
from stream.post import RawPost
from stream.testing import START
from tests.conftest import Answer, Site
from tests.ingest.statuses import a_status

PATH = "/api/v1/timelines/tag/fiets"
HOME = Timeline("https://a.example", PATH, (), "hashtag_feeds", local=False)

pytestmark = pytest.mark.usefixtures("impatient")


class Endless(Site):
    """Each page of it leads to another one; `items` says what stands on the one of a number."""

    def __init__(self, items: Any) -> None:
        super().__init__()
        self.pages = 0
        site = self

        class Answers(dict[str, Any]):
            def get(self, path: str, default: Any = None) -> Answer:
                if path == "/api/v2/instance":
                    return 200, {}, b'{"domain": "ours.example"}'
                number = site.pages = site.pages + 1
                link = (
                    f'<{PATH}?max_id=a{number}>; rel="next", <{PATH}?min_id=b{number}>; rel="prev"'
                )
                return 200, {"Link": link}, json.dumps(items(number)).encode()

        self.answers = Answers()


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    found: list[Site] = []
    yield found
    for site in found:
        site.close()


def poll(sites: list[Site], web: Web, cursor: dict[str, Any]) -> tuple[list[str], Any, Any]:
    told = {"permission": "a test", "tags": ["fiets"]}
    settings = MastodonSettings.model_validate(
        {"servers": [{"address": site.url("")} | told for site in sites]}
    )
    collector = MastodonCollector(settings, web=web, clock=ManualClock(START), environment={})
    texts: list[str] = []
    try:
        for batch in collector.poll(cursor):
            cursor = json.loads(json.dumps(batch.cursor))
            texts += [item.text for item in batch.items if isinstance(item, RawPost)]
    except (Retry, Stop) as error:
        return texts, cursor, error
    return texts, cursor, None


def test_a_server_that_shows_the_same_page_everywhere_starves_no_other(
    sites: list[Site], web: Web
) -> None:
    sites += [Endless(lambda _number: [a_status(1)]), Site()]
    sites[1].answers |= {
        "/api/v2/instance": (200, {}, b'{"domain": "ours.example"}'),
        f"{PATH}?limit=40": (200, {"Link": f'<{PATH}?min_id=2>; rel="prev"'},
                             json.dumps([a_status(2)]).encode()),
        f"{PATH}?min_id=2&limit=40": (200, {}, b"[]"),
    }  # fmt: skip
    cursor: dict[str, Any] = {}
    for expected in (["bericht 1", "bericht 2"], ["bericht 1"]):
        texts, cursor, error = poll(sites, web, cursor)
        assert texts == expected
        assert isinstance(error, Stop)
        assert "shows the same page again" in str(error)
    assert len(sites[0].requests) < 10


def test_a_server_that_always_has_more_is_left_for_the_others_and_read_on(
    sites: list[Site], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "PAGES", 3)
    sites.append(Endless(lambda number: [a_status(number)]))
    cursor: dict[str, Any] = {}
    seen: list[str] = []
    for _ in range(3):
        texts, cursor, error = poll(sites, web, cursor)
        assert isinstance(error, Retry)
        assert "goes on after 3 pages" in str(error)
        assert len(texts) >= 3
        assert not set(texts) & set(seen)
        seen += texts


class Pages:
    """A server of which only pages are asked for."""

    def __init__(self, *pages: Page) -> None:
        self._pages = list(pages)

    def page(self, _path: str, _query: Any) -> Page:
        return self._pages.pop(0)


def test_pages_that_overlap_and_items_without_an_id_are_no_circle() -> None:
    shown = [["1", "2"], ["2", "3"], [None, 7], [None, 7], ["3", "4"]]
    pages = [
        Page([{"id": each} for each in ids], newer=f"n{number}", older=f"o{number}")
        for number, ids in enumerate(shown)
    ]
    server: Any = Pages(*pages, Page([], None, None), Page([], None, None))
    assert len(list(backward(server, HOME, {"to": 0}))) == 6
    server = Pages(*pages, Page([], None, None))
    assert len(list(forward(server, HOME, {"min_id": "0"}))) == 5
    again: Any = Pages(*pages, pages[0])
    state = {"min_id": "0"}
    with pytest.raises(Stop):
        list(forward(again, HOME, state))
    assert state["min_id"] == "n4"  # where it goes on when the server is mended
