"""Saved searches over the API: the same as on the page."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboard.queries import MOST_SAVED, MOST_TITLE
from dashboard.roles import Role
from index.values import local_day
from tests.dashboard.town import NOW, TODAY, City, built

PATH = "/api/v1/saved"
UNTIL = (TODAY + timedelta(days=9)).isoformat()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with built(tmp_path_factory.mktemp("city") / "folder") as made:
        yield made


@pytest.fixture
def reader(city: City) -> TestClient:
    browser = city.browser_of()
    for each in browser.get(f"{PATH}?limit={MOST_SAVED}").json():
        assert browser.delete(f"{PATH}/{each['id']}").status_code == 204
    return browser


def save(reader: TestClient, **said: str) -> Any:
    return reader.post(PATH, json={"title": "Wonen", "until": UNTIL, **said})


def test_what_is_saved_is_read_and_listed_the_newest_first(reader: TestClient) -> None:
    made = save(reader, query="period=7d&language=nl", note="voor maandag")
    assert made.status_code == 201
    search = made.json()
    assert search == {
        "id": search["id"],
        "title": "Wonen",
        "query": "period=7d&language=nl",
        "note": "voor maandag",
        "until": UNTIL,
        "created": local_day(NOW, "Europe/Amsterdam").isoformat(),
    }
    other = save(reader, title="Huur").json()
    assert reader.get(f"{PATH}/{search['id']}").json() == search
    listed = reader.get(PATH)
    assert {each["id"] for each in listed.json()} == {search["id"], other["id"]}
    assert listed.headers["x-total-count"] == "2"
    assert reader.get(f"{PATH}?limit=1").json() == listed.json()[:1]


def test_the_page_and_the_twin_have_the_same_searches(city: City, reader: TestClient) -> None:
    made = save(reader, title="Van de API", query="period=7d").json()
    page = city.got("/explore").text
    assert "Van de API" in page
    assert f"/saved/{made['id']}/remove" in page
    city.send(reader, "/saved", title="Van de pagina", until=UNTIL, query="", note="")
    assert {each["title"] for each in reader.get(PATH).json()} == {"Van de API", "Van de pagina"}


def test_a_removed_search_is_gone(reader: TestClient) -> None:
    path = f"{PATH}/{save(reader).json()['id']}"
    assert reader.delete(path).status_code == 204
    for answer in (reader.get(path), reader.delete(path)):
        assert answer.status_code == 404
        assert "no such saved search" in answer.json()["detail"]


def test_somebody_elses_search_is_not_read_and_not_removed(city: City, reader: TestClient) -> None:
    path = f"{PATH}/{save(reader).json()['id']}"
    other = city.browser_of(Role.VIEWER)
    assert other.get(PATH).json() == []
    assert other.get(path).status_code == 404
    assert other.delete(path).status_code == 404
    assert reader.get(path).status_code == 200


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"until": TODAY.isoformat()}, 400, "a day to come"),
        ({"until": "morgen"}, 422, "until"),
        ({"title": " "}, 400, "a title"),
        ({"title": "x" * (MOST_TITLE + 1)}, 422, "title"),
        ({"query": "langauge=nl"}, 422, "did you mean language?"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(
    reader: TestClient, said: dict[str, str], status: int, why: str
) -> None:
    answer = save(reader, **said)
    assert answer.status_code == status
    assert why in answer.json()["detail"]
    assert reader.get(PATH).json() == []


def test_nothing_is_saved_or_removed_without_the_token(city: City, reader: TestClient) -> None:
    made = save(reader).json()
    stranger = {"x-csrf-token": "another"}
    assert reader.post(PATH, json=made, headers=stranger).status_code == 403
    assert reader.delete(f"{PATH}/{made['id']}", headers=stranger).status_code == 403
    assert len(reader.get(PATH).json()) == 1


def test_there_is_an_end_to_what_is_kept(reader: TestClient) -> None:
    for _ in range(MOST_SAVED):
        assert save(reader).status_code == 201
    answer = save(reader)
    assert answer.status_code == 400
    assert f"{MOST_SAVED} saved searches" in answer.json()["detail"]
