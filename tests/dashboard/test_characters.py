"""Characters that PostgreSQL cannot hold: they are refused before anything is looked up."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dashboard.testing import PASSWORD
from peil.database import open_database
from stream.clock import ManualClock
from tests.dashboard.conftest import House
from tests.dashboard.town import TODAY, City, built

UNTIL = (TODAY + timedelta(days=9)).isoformat()
REFUSED = "(NUL)"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with built(tmp_path_factory.mktemp("city") / "folder") as made:
        yield made


def is_refused(answer: Any) -> bool:
    return answer.status_code == 400 and REFUSED in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/explore?q=%00",
        "/explore?q=a&nobody=%00",
        "/enter?link=a%00b",
        "/enter?next=/%00/evil",
        "/phenomena/%00",
        "/api/v1/explore?q=%00",
        "/api/v1/complete?prefix=%00a",
        "/api/v1/saved/%00",
    ],
)
def test_an_address_with_it_is_refused(city: City, path: str) -> None:
    assert is_refused(city.got(path))


def test_the_page_that_says_so_is_in_the_readers_language(city: City) -> None:
    page = city.got("/explore?q=%00", language="nl")
    assert "in geen tekst voorkomt (NUL)" in page.text
    assert "a-analyst" in page.text, "it keeps its frame"


@pytest.mark.parametrize("field", ["title", "note", "query", "until"])
def test_a_search_with_it_is_not_saved(city: City, field: str) -> None:
    reader = city.browser_of()
    search = {"title": "wonen", "note": "n", "query": "period=7d", "until": UNTIL}
    search[field] += "\0"
    assert is_refused(city.send(reader, "/saved", **search))
    assert is_refused(reader.post("/api/v1/saved", json=search))


def test_words_with_it_are_not_kept(city: City) -> None:
    reader = city.browser_of()
    assert is_refused(city.send(reader, "/queries", words="huur\0"))
    json = {"content-type": "application/json"}
    for body in (rb'{"words": "huur\u0000"}', rb'{"words": "huur\\\u0000"}', b'{"words": "\0"}'):
        assert is_refused(reader.post("/api/v1/queries", content=body, headers=json))


def test_what_only_looks_like_it_is_taken(city: City) -> None:
    reader = city.browser_of()
    for words in ("huur\\u0000", "100%00", "%00", "\\\\u0000"):
        assert reader.post("/api/v1/queries", json={"words": words}).status_code == 200
        assert city.send(reader, "/queries", words=words).status_code == 303
    assert city.got("/explore?q=%2500").status_code == 404


def test_a_form_in_an_encoding_of_its_own_is_refused(city: City) -> None:
    # In UTF-7 this is a NUL, and no byte of it is one.
    body = '--b\r\ncontent-disposition: form-data; name="words"\r\n\r\n+AAA-\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b; charset=utf-7"}
    answer = city.browser_of().post("/queries", content=body.encode(), headers=headers)
    assert answer.status_code == 400
    assert "niet geschreven zoals de pagina" in answer.text


def test_a_name_with_it_is_refused_at_the_door(
    postgres_url: str, tmp_path: Any, clock: ManualClock
) -> None:
    engine = open_database(postgres_url)
    house = House(engine, tmp_path, clock)
    browser = house.browser()
    browser.get("/enter")
    for name in ("jan\0", "\0", "\0jan"):
        assert is_refused(house.send(browser, "/enter", name=name, password=PASSWORD))
    assert house.send(browser, "/enter", name="jan%00", password=PASSWORD).status_code == 403
    engine.dispose()
