"""Names in an address that nothing there knows."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from dashboard.languages import language
from dashboard.naming import MOST_NAMES, MOST_SHOWN, misnamed
from tests.dashboard.town import RULES, City, built

KNOWN = ("language", "period", "rule", "since", "until", "with")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with built(tmp_path_factory.mktemp("city") / "folder") as made:
        yield made


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("langauge", "language"),
        ("Language", "language"),
        ("untill", "until"),
        ("rules", "rule"),
        ("wiht", "with"),
    ],
)
def test_the_nearest_known_name_is_named(given: str, near: str) -> None:
    (found,) = misnamed([given], KNOWN)
    assert found.told(language("en")).endswith(f"did you mean {near}?")
    assert found.told(language("nl")).endswith(f"bedoel je {near}?")


def test_where_none_is_near_all_are_named() -> None:
    (found,) = misnamed(["zzz"], KNOWN)
    assert found.told(language("en")).endswith(f"Known are: {', '.join(KNOWN)}.")
    (found,) = misnamed(["zzz"], ())
    assert "take it out" in found.told(language("en"))


@given(names=st.lists(st.text(max_size=60) | st.sampled_from(KNOWN)))
def test_what_is_known_is_never_named_and_what_is_not_always_is(names: list[str]) -> None:
    found = misnamed(names, KNOWN)
    unknown = list(dict.fromkeys(name for name in names if name not in KNOWN))
    assert [each.name for each in found] == [name[:MOST_SHOWN] for name in unknown[:MOST_NAMES]]


@pytest.mark.parametrize(
    "path", ["/", "/explore", f"/phenomena/{RULES[0]}", f"/phenomena/{RULES[0]}/terms", "/rules"]
)
@pytest.mark.parametrize(
    ("spoken", "said"), [("en", "pperiod is not known"), ("nl", "pperiod is hier onbekend")]
)
def test_a_page_says_so_in_a_note_and_is_shown(
    city: City, path: str, spoken: str, said: str
) -> None:
    for headers in ({}, {"hx-request": "true"}):
        answer = city.got(f"{path}?pperiod=7d", language=spoken, **headers)
        assert answer.status_code == 200
        (note,) = LexborHTMLParser(answer.text).css("p.note.warn")
        assert said in note.text()
        assert not LexborHTMLParser(city.got(path, **headers).text).css("p.note.warn")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/monitor",
        "/api/v1/explore",
        f"/api/v1/phenomena/{RULES[0]}",
        "/api/v1/export/counts",
        "/api/v1/rules",
        "/export/counts",
    ],
)
def test_what_is_no_page_is_not_answered(city: City, path: str) -> None:
    city.browser_of()
    before = len(city.entries())
    answer = city.got(f"{path}?pperiod=7d")
    assert answer.status_code == 422
    assert "pperiod is not known" in answer.text
    assert len(city.entries()) == before


def test_all_that_are_unknown_are_named(city: City) -> None:
    told = city.got("/api/v1/explore?langauge=nl&perid=7d&rule=woningnood").json()["detail"]
    assert told.splitlines() == [
        "langauge is not known here and does nothing: did you mean language?",
        "perid is not known here and does nothing: did you mean period?",
    ]


def test_every_name_that_a_page_leads_to_is_known(city: City) -> None:
    paths = {"/", "/explore", "/rules", "/sources"}
    seen: set[str] = set()
    while paths - seen:
        path = min(paths - seen)
        seen.add(path)
        answer = city.got(path)
        page = LexborHTMLParser(answer.text)
        assert not page.css("p.note.warn"), path
        links = {(link.attributes.get("href") or "").partition("#")[0] for link in page.css("a")}
        if "?" not in path:
            paths |= {link for link in links if link.startswith("/") and "texts" not in link}
    assert len(seen) > 15
