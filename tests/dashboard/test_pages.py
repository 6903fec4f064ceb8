"""The whole application over a folder that holds some thousands of posts."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from babel.messages.pofile import read_po
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dashboard.languages import FOLDER
from dashboard.roles import Role
from dashboard.testing import operations
from index.testing import fill
from tests.dashboard.conftest import HERE
from tests.dashboard.test_exporting import READERS
from tests.dashboard.town import (
    EVIL,
    EVIL_RULE,
    RARE,
    RULES,
    SCRIPT,
    SPECIAL_RULE,
    TODAY,
    City,
    built,
    made_posts,
    make,
)  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with built(tmp_path_factory.mktemp("city") / "folder") as made:
        yield made


def tree(answer: Any) -> LexborNode:
    root = LexborHTMLParser(answer.text).root
    assert root is not None
    return root


def value(cell: LexborNode) -> float | None:
    """What a cell says, as a machine reads it: None where it is hidden."""
    if "data-hidden" in cell.attributes:
        assert cell.text(strip=True) == "<10"
        return None
    written = cell.attributes.get("data-value")
    return float(written) if written else None


def column(page: LexborNode, figure: str, role: str) -> list[float | None]:
    """The numbers of a figure's table in one column."""
    (table,) = page.css(f"figure#{figure} table")
    heads = [head.attributes.get("data-role") for head in table.css("thead th")]
    place = heads.index(role)
    return [value(row.css("th, td")[place]) for row in table.css("tbody tr")]


PAGES = (
    "/",
    "/?period=7d",
    "/?period=3m&measure=share",
    "/?since=2026-09-01&until=2026-09-10",
    *(f"/phenomena/{rule}" for rule in (*RULES[:2], EVIL_RULE, SPECIAL_RULE)),
    f"/phenomena/{RULES[0]}?with={RULES[1]}&period=3m",
    f"/phenomena/{RULES[0]}/terms",
    f"/phenomena/{RULES[0]}/texts",
    f"/phenomena/{RULES[0]}/years",
    f"/phenomena/{SPECIAL_RULE}/years?by=month",
    "/explore",
    f"/explore?rule={RULES[0]}&language=nl&sentiment=negative",
    "/explore?tab=terms",
    "/explore?tab=context",
    "/explore?tab=texts",
    "/explore?langauge=nl",
    "/explore?tab=compare&with=before",
    "/rules",
    "/sources",
)


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_there_in_both_languages_and_as_a_part(city: City, path: str) -> None:
    for language in ("nl", "en"):
        answer = city.got(path, language=language)
        assert answer.status_code == 200, answer.text
        page = tree(answer)
        assert page.css_first("html").attributes["lang"] == language
        assert len(page.css("h1")) == 1
        assert len(page.css("main")) == 1
        assert not page.css("[style]"), "the policy lets no style attribute through"
        assert not [each for each in page.css("script") if each.text(strip=True)]
        assert not re.search(r"\bNone\b(?! yet)", page.css_first("main").text())
        ids = [each.attributes["id"] for each in page.css("[id]")]
        assert len(ids) == len(set(ids))
        for figure in page.css("figure.chart"):
            assert figure.css("table tbody tr"), "a figure is drawn from its table"
    part = city.got(path, **{"hx-request": "true"})
    assert part.status_code == 200
    assert ("<html" in part.text) != path.endswith(("/terms", "/texts"))


@pytest.mark.parametrize("path", [*PAGES, "/purpose", "/nergens"])
def test_nothing_on_a_dutch_page_is_said_in_english(city: City, path: str) -> None:
    with (FOLDER / "nl" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="nl")
    pieces = {
        piece.strip()
        for message in catalogue
        if isinstance(message.id, str) and message.id != message.string
        for piece in re.split(r"%\(\w+\)s|\{\w+\}", message.id)
        if len(piece.split()) > 2  # shorter ones stand in titles of rules too
    }
    assert len(pieces) > 80
    for headers in ({}, {"hx-request": "true"}):
        text = " ".join(tree(city.got(path, language="nl", **headers)).text().split())
        assert not [piece for piece in pieces if piece in text]


def test_the_page_monitor_shows_what_its_twin_says(city: City) -> None:
    page = tree(city.got("/"))
    twin = city.got("/api/v1/monitor").json()
    rows = {
        row.css_first("th").text(strip=True): [cell.text(strip=True) for cell in row.css("td")]
        for row in page.css_first("details table").css("tbody tr")
    }
    assert len(rows) == len(twin["panels"])
    shown = 0
    for panel in twin["panels"]:
        said = rows[panel["title"]][0]
        if panel["posts"] is None:
            assert said == f"<{panel['line']['k']}"
        else:
            shown += 1
            assert said == f"{panel['posts']:,}"
    assert shown >= 5
    assert f"{twin['posts']:,}" in page.css_first("p.lead").text()
    assert [each["rule"] for each in twin["panels"]][: len(twin["unusual"])] == twin["unusual"]


def test_a_page_of_a_phenomenon_shows_what_its_twin_says(city: City) -> None:
    path = f"/phenomena/{RULES[0]}?period=3m"
    page, twin = tree(city.got(path)), city.got(f"/api/v1{path}").json()
    points = twin["line"]["points"]
    assert column(page, "line", "value") == [point["posts"] for point in points]
    assert sum(point["posts"] is not None for point in points) >= 5
    for name in ("negative", "neutral", "positive"):
        assert column(page, "tone", f"tone:{name}") == twin["tones"]["values"][name]
    for part in twin["parts"]:
        if part["bars"]:
            figure = f"by-{part['by']}"
            assert column(page, figure, "value") == [bar["posts"] for bar in part["bars"]]
    assert f"{twin['posts']:,}" in page.css_first("p.lead").text()
    assert twin["about"]["title"] == page.css_first("h1").text()


def test_tones_are_in_the_finest_bins_that_tell_most_of_them_apart(city: City) -> None:
    twin = city.got(f"/api/v1/phenomena/{RULES[0]}?period=3m").json()
    posts = {
        name: sum(each or 0 for each in line) for name, line in twin["tones"]["values"].items()
    }
    assert posts.pop("hidden") <= sum(posts.values())
    bins = ["day", "week", "month"]
    assert bins.index(twin["tones"]["bin"]) >= bins.index(twin["line"]["bin"])


def test_the_page_explore_shows_what_its_twin_says(city: City) -> None:
    name = city.written("woning OR huur")
    path = f"/explore?q={name}&language=nl&language=en"
    page, twin = tree(city.got(path)), city.got(f"/api/v1{path}").json()
    assert twin["asked"]["words"] == "woning OR huur"
    assert f"{twin['posts']:,}" in page.css_first("p.lead").text()
    assert column(page, "line", "value") == [point["posts"] for point in twin["line"]["points"]]
    for facet in twin["facets"]:
        if facet["bars"]:
            assert column(page, f"by-{facet['by']}", "value") == [
                bar["posts"] for bar in facet["bars"]
            ]
    languages = next(each for each in twin["facets"] if each["by"] == "language")
    assert {bar["value"] for bar in languages["bars"]} == {"nl", "en"}
    chosen = [each.attributes["value"] for each in page.css("input[name=language][checked]")]
    assert sorted(chosen) == ["en", "nl"]


def test_twins_of_terms_and_comparisons_agree_with_their_pages(city: City) -> None:
    page = tree(city.got(f"/phenomena/{EVIL_RULE}/terms"))
    terms = city.got(f"/api/v1/phenomena/{EVIL_RULE}/terms").json()
    assert terms
    assert [each.text() for each in page.css("tbody th")] == [each["word"] for each in terms]
    assert all(each.attributes["dir"] == "auto" for each in page.css("tbody th"))
    path = f"/explore?rule={RULES[0]}&with=before&tab=compare"
    page = tree(city.got(path))
    twin = city.got(f"/api/v1/explore/compare?rule={RULES[0]}&with=before").json()
    for role, side in (("value", "first"), ("compare", "second")):
        assert column(page, "compare", role) == [each["posts"] for each in twin[side]["points"]]


def test_a_comparison_has_the_values_of_both_sides(city: City) -> None:
    one, other = (city.written(f"lang:{each}") for each in ("nl", "en"))
    page = tree(city.got(f"/explore?tab=compare&q={one}&with={other}&period=3m"))
    rows = {
        row.css_first("th").text(): [cell.text() for cell in row.css("td")]
        for row in page.css("#results .grid section tbody tr")
    }
    assert [cell == "–" for cell in rows["Dutch"]] == [False, True]
    assert [cell == "–" for cell in rows["English"]] == [True, False]


def test_another_purpose_and_language_lead_back_to_the_page(city: City) -> None:
    path = "/explore?language=nl&tab=terms"
    page = tree(city.got(path))
    (change,) = page.css(".session a[href^='/purpose']")
    door = tree(city.got(change.attributes["href"] or ""))
    assert [each.attributes["value"] for each in door.css("main input[name=next]")] == [path]
    (back,) = page.css("form[action='/language'] input[name=next]")
    assert back.attributes["value"] == path
    reader = city.browser_of()
    referer = {"accept-language": "en", "referer": f"{HERE}{path}"}
    answer = reader.post("/saved", data={"title": "a", "until": "2020-01-01"}, headers=referer)
    assert answer.status_code == 400
    (back,) = tree(answer).css("form[action='/language'] input[name=next]")
    assert back.attributes["value"] == path


def test_a_comparison_stays_whatever_else_is_chosen(city: City) -> None:
    page = tree(city.got(f"/explore?rule={RULES[0]}&tab=compare&with=before&period=3m"))
    links = [
        each.attributes["href"] or "" for each in page.css("#days a, #summary .tags a, #tabs a")
    ]
    assert len(links) == 3 + 1 + 5
    assert [each for each in links if "with=before" not in each] == []
    for form in ("period", "facets"):
        fields = {
            each.attributes["name"]: each.attributes.get("value")
            for each in page.css(f"#{form} input[type=hidden]")
        }
        assert fields.items() >= {"tab": "compare", "with": "before"}.items()
    assert not page.css("form[action='/export/counts'] input[name=with]")


@pytest.mark.parametrize("path", ["/", f"/phenomena/{RULES[0]}", "/explore"])
def test_a_page_of_counts_says_what_is_not_seen(city: City, path: str) -> None:
    assert "What we do not see" in tree(city.got(path)).css_first("main").text()


def test_an_own_period_stays_from_page_to_page(city: City) -> None:
    days = "since=2026-09-01&until=2026-09-15"
    page = tree(city.got(f"/?{days}"))
    links = [each.attributes["href"] or "" for each in page.css("main a")]
    onward = [each for each in links if each.startswith(("/phenomena/", "/explore"))]
    assert len(onward) > len(RULES)
    assert [each for each in onward if days not in each] == []
    page = tree(city.got(f"/phenomena/{RULES[0]}?{days}"))
    assert page.css(f"a[href*='rule={RULES[0]}&{days}']")


@pytest.mark.parametrize(
    ("language", "title"), [("nl", "Overlast van vuurwerk"), ("en", "Fireworks nuisance")]
)
def test_a_phenomenon_is_called_as_in_the_readers_language(
    city: City, language: str, title: str
) -> None:
    page = tree(city.got("/phenomena/vuurwerkoverlast", language=language))
    assert page.css_first("h1").text() == title
    for path in ("/", "/rules", "/explore?period=3m", "/phenomena/woningnood"):
        text = tree(city.got(path, language=language)).css_first("main").text()
        assert title in text, path


def test_a_small_count_reads_as_less_than_ten_and_is_null_in_the_twin(city: City) -> None:
    path = f"/explore?q={city.written(RARE)}"
    assert city.got(f"/api/v1{path}").json()["posts"] is None
    page = tree(city.got(path))
    assert page.css_first("p.lead .count").text(strip=True) == "<10"
    assert page.css(".state.suppressed")
    found = city.got(f"/api/v1/complete?prefix={RARE[:6]}").json()["items"]
    assert RARE not in [each["label"] for each in found]


def test_a_rare_word_makes_no_difference_that_can_be_seen(city: City) -> None:
    rule = city.got(f"/api/v1/explore?rule={RULES[0]}").json()["posts"]
    path = f"/api/v1/explore?q={city.written(f'NOT {RARE}')}&rule={RULES[0]}"
    assert city.got(path).json()["posts"] == rule


def test_what_only_says_what_is_not_wanted_is_asked_beside_a_filter(city: City) -> None:
    path = f"/explore?q={city.written('NOT huur')}"
    assert city.got(path).status_code == 400
    assert city.got(f"/api/v1{path}").status_code == 400
    beside = f"{path}&language=nl"
    twin = city.got(f"/api/v1{beside}").json()
    assert twin["posts"] > 0
    assert city.got(beside).status_code == 200
    (languages,) = [each for each in twin["choices"] if each["by"] == "language"]
    assert [each["value"] for each in languages["bars"]] == ["nl"]


def test_a_value_that_a_model_did_not_say_is_counted_and_cannot_be_chosen(city: City) -> None:
    page = tree(city.got("/explore?period=3m"))
    boxes = [each.attributes["value"] for each in page.css(".facet input[type=checkbox]")]
    assert boxes
    assert "?" not in boxes
    for name in ("language", "sentiment", "kind"):
        assert city.got(f"/api/v1/explore?{name}=%3F").status_code == 400


def test_what_filters_stays_ticked_where_it_is_too_few_to_show(city: City) -> None:
    asked = {"language": ["de", "nl"], "sentiment": ["positive"], "kind": ["quote"]}
    words = "&".join(f"{by}={value}" for by, values in asked.items() for value in values)
    page = tree(city.got(f"/explore?period=7d&{words}"))
    listed = [each.text() for each in page.css(".facet .count")]
    for by, values in asked.items():
        boxes = page.css(f"#facet-{by} input[checked]")
        assert sorted(str(box.attributes["value"]) for box in boxes) == values
    assert "quote" not in [bar["value"] for bar in _choices(city, words, "kind")]
    assert all(number.replace(",", "").isdigit() for number in listed)


def _choices(city: City, words: str, by: str) -> Any:
    twin = city.got(f"/api/v1/explore?period=7d&{words}").json()
    return next(each["bars"] for each in twin["choices"] if each["by"] == by)


def test_a_line_is_drawn_also_where_no_month_or_week_is_over(city: City) -> None:
    # Enough to show on no day, in one of three weeks, and in no month that ends in the period.
    days = "since=2026-09-01&until=2026-09-21"
    for path in (f"phenomena/{SPECIAL_RULE}?{days}", f"explore?rule={SPECIAL_RULE}&{days}"):
        twin = city.got(f"/api/v1/{path}").json()
        assert twin["line"]["bin"] == "week"
        assert [point["posts"] is None for point in twin["line"]["points"]] == [True, True, False]
    days = "since=2026-09-15&until=2026-09-18"  # within one week
    for path in (f"phenomena/{SPECIAL_RULE}?{days}", f"explore?rule={SPECIAL_RULE}&{days}"):
        line = city.got(f"/api/v1/{path}").json()["line"]
        assert (line["bin"], len(line["points"])) == ("day", 3)


def test_two_periods_are_compared_in_bins_that_both_have(city: City) -> None:
    # A week ends in the second one, none in the first.
    days = "since=2026-09-18&until=2026-09-21"
    assert city.got(f"/api/v1/explore?rule={SPECIAL_RULE}&{days}").json()["line"]["bin"] == "week"
    twin = city.got(f"/api/v1/explore/compare?rule={SPECIAL_RULE}&{days}&with=before").json()
    for side in (twin["first"], twin["second"]):
        assert (side["bin"], len(side["points"])) == ("day", 3)


def test_texts_of_a_special_category_are_never_shown(city: City) -> None:
    page = city.got(f"/phenomena/{SPECIAL_RULE}")
    assert "special category" in tree(page).css_first("main").text()
    assert f"/phenomena/{SPECIAL_RULE}/texts" not in page.text
    for path in (
        f"/phenomena/{SPECIAL_RULE}/texts",
        f"/api/v1/phenomena/{SPECIAL_RULE}/texts",
        f"/api/v1/explore/texts?rule={SPECIAL_RULE}",
    ):
        answer = city.got(path)
        assert answer.status_code == 409, path
        assert "over geloof" not in answer.text
    path, reader = f"/explore?rule={SPECIAL_RULE}&tab=", city.browser_of()
    dutch = {"accept-language": "nl", "x-csrf-token": city.csrf(reader)}
    for page in (
        city.got(f"{path}context", language="nl"),
        reader.post(f"{path}texts", data={"reason": "x"}, headers=dutch),
    ):  # the counts of the same page stand
        assert page.status_code == 200
        assert "de teksten worden niet getoond" in page.text
        assert "over geloof" not in page.text


# P1: no person anywhere.

PERSONAL = re.compile(
    r"author|user|handle|profile|follower|nick|screen.?name|display.?name|avatar|real.?name"
    r"|e.?mail|phone|poster|person(?!al)|native.?id|post.?id|permalink|mention",
    re.IGNORECASE,
)


def _names(schema: Any) -> Iterator[str]:
    """Every name of a field or a parameter anywhere below."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        if "in" in schema and "name" in schema:
            yield str(schema["name"])
        for each in schema.values():
            yield from _names(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names(each)


def test_no_field_of_the_api_is_named_like_a_person(city: City) -> None:
    document = city.got("/api/v1/openapi.json").json()
    names = set(_names(document))
    assert len(names) > 40
    assert {"posts", "words", "period"} <= names
    assert not [name for name in names if PERSONAL.search(name)]
    assert not [path for path in document["paths"] if PERSONAL.search(path)]
    assert [name for name in ("author", "user_id", "screenName") if PERSONAL.search(name)]


def test_lists_come_in_parts(city: City) -> None:
    everything = city.got("/api/v1/rules")
    number = len(everything.json())
    assert everything.headers["x-total-count"] == str(number)
    part = city.got("/api/v1/rules?limit=3&offset=2")
    assert part.json() == everything.json()[2:5]
    assert part.headers["x-total-count"] == str(number)
    assert city.got(f"/api/v1/rules?offset={number}").json() == []
    assert city.got("/api/v1/rules?limit=0").status_code == 422
    assert city.got("/api/v1/sources?limit=1").headers["x-total-count"]


def test_every_parameter_of_the_api_is_explained_and_has_an_example(city: City) -> None:
    document = city.got("/api/v1/openapi.json").json()
    found = [
        (path, each)
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for each in operation.get("parameters", ())
    ]
    assert len(found) > 40
    for path, each in found:
        schema = each["schema"]
        assert each.get("description"), (path, each["name"])
        assert "examples" in schema or "enum" in schema, (path, each["name"])


def test_no_answer_has_an_author_or_a_post(city: City) -> None:
    made = list(made_posts())
    secret = {post.author for post in made} | {post.id for post in made}
    twins = [path for path in _addresses(city) if path not in PAGES]
    assert len(twins) >= 8
    for path in (*PAGES, *twins):
        answer = city.got(path)
        # A pseudonym and an id are 32 hex digits.
        found = set(re.findall(r"\d+-[0-9a-f]{32}|[0-9a-f]{32}", answer.text))
        assert not found & secret, path
        if answer.headers["content-type"] == "application/json":
            keys = set(_keys(answer.json()))
            assert not [key for key in keys if PERSONAL.search(key)], path


def _addresses(city: City) -> list[str]:
    """Every address that answers a GET of an analyst, with a value for its parameters."""
    until = (TODAY + timedelta(days=9)).isoformat()
    search = city.browser_of().post("/api/v1/saved", json={"title": "wonen", "until": until}).json()
    known = {"{rule}": RULES[0], "{id}": search["id"]}
    return [
        re.sub(r"\{\w+\}", lambda part: known[part[0]], each.path)
        + ("?with=before" if each.path.endswith("/compare") else "")
        for each in operations(city.app)
        if each.method == "GET" and each.need in ("counts", "texts") and not each.endless
    ]


def _keys(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for key, below in found.items():
            yield str(key)
            yield from _keys(below)
    elif isinstance(found, list):
        for each in found:
            yield from _keys(each)


# What others write is shown and never run.


def test_what_somebody_wrote_is_shown_as_it_is_written(city: City) -> None:
    paths = (
        "/", "/rules", "/sources", "/explore", f"/phenomena/{EVIL_RULE}",
        f"/phenomena/{EVIL_RULE}/terms", f"/phenomena/{EVIL_RULE}/texts",
        f"/phenomena/{EVIL_RULE}/years",
        f"/phenomena/{RULES[0]}?with={EVIL_RULE}",
        f"/explore?{SCRIPT}=1",
        f"/explore?rule={EVIL_RULE}&tab=context", f"/explore?rule={EVIL_RULE}&tab=terms",
    )  # fmt: skip
    seen = 0
    for path in paths:
        for headers in ({}, {"hx-request": "true"}):
            answer = city.got(path, **headers)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text.replace(" ", ""), path
            page = tree(answer)
            assert not page.css("img"), path
            assert not page.css("[onerror]"), path
            assert not [each for each in page.css("script") if each.text(strip=True)], path
            seen += "<script>alert" in page.text()
    assert seen >= 10, "it stands there as text"


def test_texts_have_their_own_direction_and_are_whole_only_for_a_reason(city: City) -> None:
    path = f"/explore?rule={EVIL_RULE}&tab=texts"
    whole = tree(city.send(city.browser_of(), path, reason="onderzoek"))
    quotes = whole.css("blockquote")
    assert quotes
    for quote in quotes:
        assert quote.attributes["dir"] == "auto"
        assert quote.text() == EVIL
    for answer in (city.got(path), city.send(city.browser_of(), path, reason=" ")):
        assert not tree(answer).css("blockquote")


def test_a_query_is_shown_back_as_it_was_typed(city: City) -> None:
    words = f'"{SCRIPT}" </textarea><script>alert(2)</script>'
    answer = city.got(f"/explore?q={city.written(words)}")
    assert "<script>alert" not in answer.text
    assert tree(answer).css_first("textarea").text() == words
    title = f"{SCRIPT}\"'>"
    reader = city.browser_of()
    saved = city.send(reader, "/saved", title=title, note=EVIL, query="period=7d",
                      until=(TODAY + timedelta(days=9)).isoformat())  # fmt: skip
    assert saved.status_code == 303
    answer = city.got("/explore")
    assert "<script>alert" not in answer.text
    assert title in tree(answer).text()


# Words never stand in an address.


def test_words_go_behind_an_id(city: City) -> None:
    reader = city.browser_of()
    answer = city.send(
        reader, "/queries", words="mijn geheime woord", rest="period=7d&rule=woningnood&evil=1",
        since="2026-09-01",
    )  # fmt: skip
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert urlsplit(address).path == "/explore"
    asked = parse_qs(urlsplit(address).query)
    assert set(asked) == {"period", "rule", "q", "since"}
    page = city.got(address)
    assert "geheime" not in address
    links = [each.attributes.get("href") or "" for each in tree(page).css("a")]
    assert not [link for link in links if "geheime" in link]
    twin = reader.post(
        "/api/v1/queries", json={"words": "mijn geheime woord"}, headers=reader.headers
    )
    assert twin.json() == {"id": asked["q"][0]}


def test_somebody_elses_saved_search_is_not_seen_and_not_removed(city: City) -> None:
    reader = city.browser_of()
    other = city.browser_of(Role.VIEWER)
    until = (TODAY + timedelta(days=9)).isoformat()
    city.send(reader, "/saved", title="van mij alleen", until=until, query="period=7d")
    (mine,) = [
        form.attributes["action"] or ""
        for form in tree(city.got("/explore")).css("form")
        if (form.attributes.get("action") or "").endswith("/remove")
        and "van mij alleen" in (form.parent.text() if form.parent else "")
    ]
    assert "van mij alleen" not in city.got("/explore", role=Role.VIEWER).text
    assert city.send(other, mine).status_code == 404
    assert "van mij alleen" in city.got("/explore").text
    assert city.send(reader, mine).status_code == 303
    assert "van mij alleen" not in city.got("/explore").text


# What is wrong is said clearly.


@pytest.mark.parametrize(
    ("path", "status", "english", "dutch"),
    [
        ("/phenomena/bestaat-niet", 404, "there is no phenomenon", "er is geen verschijnsel"),
        ("/explore?q=bestaat-niet", 404, "there is no query", "er is geen zoekvraag"),
        ("/explore?since=2027-01-01", 400, "no day that is over", "geen dag die voorbij is"),
        ("/explore?since=2019-01-01", 400, "two years at most", "hoogstens twee jaar"),
        ("/explore?since=gisteren", 422, "since", "since"),
        ("/explore?since=2026-02-31", 422, "since", "since"),
        ("/explore?language=nl)%20OR%20(a", 400, "no value to filter by", "geen waarde"),
        ("/explore?rule=bestaat-niet%00", 400, "that no text has", "in geen tekst"),
        ("/explore/compare", 400, "say what to compare with", ""),
    ],
)
def test_what_is_wrong_is_said_in_a_page_and_in_its_twin(
    city: City, path: str, status: int, english: str, dutch: str
) -> None:
    twin = city.got(f"/api/v1{path}")
    assert twin.status_code == status
    assert english in twin.json()["detail"]
    if dutch:
        for language, said in (("en", english), ("nl", dutch)):
            page = city.got(path, language=language)
            assert page.status_code == status
            assert said in tree(page).css_first("main").text()
            assert "Traceback" not in page.text


@pytest.mark.parametrize("words", ["fatbike) OR (huur", "huur) OR (NOT fatbike", "huur)", "(huur"])
def test_words_do_not_reach_past_the_filters_beside_them(city: City, words: str) -> None:
    asked = f"q={city.written(words)}&language=nl"
    page = city.got(f"/explore?{asked}")
    assert page.status_code == 400
    assert tree(page).css("[role=alert] pre")
    other = city.written("woning")
    for twin in (
        f"explore?{asked}",
        f"explore/terms?{asked}",
        f"explore/texts?{asked}",
        f"explore/compare?{asked}&with=before",
        f"explore/compare?q={other}&language=nl&with={asked[2 : asked.index('&')]}",
        f"export/counts?{asked}",
    ):
        assert city.got(f"/api/v1/{twin}").status_code == 400, twin
    for twin in ("explore/texts", "export/texts"):
        answer = city.browser_of().post(f"/api/v1/{twin}?{asked}", json={"reason": "onderzoek"})
        assert answer.status_code == 400, twin


def test_a_broken_query_is_explained_and_can_be_mended(city: City) -> None:
    path = f"/explore?q={city.written('(huur NEAR woning')}"
    page = city.got(path)
    assert page.status_code == 400
    assert tree(page).css("[role=alert] pre")
    assert tree(page).css_first("textarea").text() == "(huur NEAR woning"
    twin = city.got(f"/api/v1{path}")
    assert twin.status_code == 400
    assert twin.json()["detail"]
    for part in ("terms", "texts"):
        assert city.got(f"/api/v1/explore/{part}?{path.partition('?')[2]}").status_code == 400


def test_words_to_compare_with_can_be_mended_where_they_were_written(city: City) -> None:
    one, other = city.written("huur"), city.written("hu*")
    page = city.got(f"/explore?tab=compare&q={one}&with={other}", language="nl")
    assert page.status_code == 200
    assert tree(page).css("#summary .lead")
    (field,) = tree(page).css("#other-words[aria-invalid=true]")
    assert field.attributes["value"] == "hu*"
    (said,) = tree(page).css("#other-words-error")
    assert "minstens 4 letters" in said.text()


@pytest.mark.parametrize(
    ("words", "filters", "said"),
    [
        ("huis OR date:2026-11", "", "voorwaarde van de hele vraag"),
        ("woning", "&kind=x", "article, post, quote"),
        ("woning", "&sentiment=x", "negative, neutral, positive"),
        (
            "woning" + "".join(f" OR woord{number}" for number in range(100)),
            "",
            "hoogstens 100 woorden",
        ),
    ],
)
def test_what_has_no_answer_keeps_its_words_and_filters(
    city: City, words: str, filters: str, said: str
) -> None:
    page = city.got(f"/explore?q={city.written(words)}{filters}&language=nl", language="nl")
    assert page.status_code == 400
    (told,) = tree(page).css("[role=alert] pre")
    assert said in told.text()
    assert tree(page).css_first("textarea").text() == words
    assert len(tree(page).css("#summary .tags a")) == 1 + bool(filters)


def test_there_is_a_page_for_what_is_not_there(city: City) -> None:
    page = city.got("/nergens", language="nl")
    assert page.status_code == 404
    assert "op dit adres staat niets" in page.text
    assert city.got("/api/v1/nergens").json() == {"detail": "there is nothing at this address"}


# Who read what is written down, once.


@pytest.mark.parametrize(
    ("path", "actions"),
    [
        ("/", ["monitor"]),
        ("/api/v1/monitor", ["monitor"]),
        (f"/phenomena/{RULES[0]}", ["phenomenon"]),
        (f"/phenomena/{RULES[0]}/terms", ["typical_terms"]),
        (f"/phenomena/{RULES[0]}/texts", ["texts"]),
        (f"/api/v1/phenomena/{RULES[0]}/texts", ["texts"]),
        ("/explore", ["explore"]),
        ("/explore?tab=context", ["explore", "texts"]),
        ("/explore?tab=texts", ["explore"]),
        ("/explore?tab=terms", ["explore", "typical_terms"]),
        ("/explore?tab=compare&with=before", ["explore", "compare"]),
        ("/export/counts?by=language", ["export:counts"]),
        ("/api/v1/complete?prefix=won", []),
        ("/rules", []),
        ("/sources", []),
    ],
)
def test_each_question_is_one_entry_in_the_access_log(
    city: City, path: str, actions: list[str]
) -> None:
    city.browser_of()
    before = len(city.entries())
    assert city.got(path).status_code == 200
    assert city.entries()[before:] == [("a-analyst", action) for action in actions]


def test_a_page_that_renews_itself_reads_no_texts(city: City) -> None:
    browser = city.browser_of()
    before = len(city.entries())
    page = browser.get("/explore?tab=context", headers={"X-Peil-Refresh": "1"})
    assert page.status_code == 200
    assert "<blockquote" not in page.text
    assert [action for _, action in city.entries()[before:]] == ["explore"]


def test_checking_a_query_is_not_logged(city: City) -> None:
    reader = city.browser_of()
    before = len(city.entries())
    answer = reader.post("/api/v1/check", json={"words": "(huur"})
    assert answer.json()["errors"]
    assert len(city.entries()) == before


@pytest.mark.parametrize("way", ["page", "twin"])
def test_an_export_of_texts_says_in_the_log_what_for(city: City, way: str) -> None:
    reader = city.browser_of()
    before = len(city.entries())
    path = f"/export/texts?rule={EVIL_RULE}"

    def ask(**said: str) -> Any:
        if way == "page":
            return city.send(reader, path, **said)
        return reader.post(f"/api/v1{path}", json=said)

    assert ask(reason=" ").status_code == 400
    assert len(city.entries()) == before
    answer = ask(reason="een onderzoek", format="ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert 10 <= len(rows) <= 50
    assert {row["text"] for row in rows} == {EVIL}
    assert set(rows[0]) == {"row", "day", "language", "source", "text", "export", "delete_after"}
    (mark,) = {row["export"] for row in rows}
    said = list(city.log.entries())[before:]
    assert [each.action for each in said] == ["texts", "export:texts"]
    assert all(mark in (each.payload or "") for each in said)
    assert "een onderzoek" in (said[0].payload or "")
    assert mark in answer.headers["content-disposition"]


def test_an_export_of_counts_leaves_out_what_is_small(city: City) -> None:
    answer = city.got("/export/counts?by=day&format=ndjson&period=4w")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows
    for row in rows:
        assert (row["posts"] is None) == (row["fewer_than"] == 10)
        assert row["posts"] is None or row["posts"] >= 10


@pytest.mark.parametrize("form", READERS)
def test_each_row_of_an_export_says_which_days_it_counts(city: City, form: str) -> None:
    def asked(by: str) -> dict[str, tuple[str, str]]:
        path = f"/export/counts?by={by}&since=2026-09-05&until=2026-09-15&format={form}"
        rows = READERS[form](city.got(path).content)
        return {str(row[by]): (row["since"], row["until"]) for row in rows}

    assert asked("week") == {
        "2026-W36": ("2026-09-05", "2026-09-07"),  # of Saturday and Sunday alone
        "2026-W37": ("2026-09-07", "2026-09-14"),
        "2026-W38": ("2026-09-14", "2026-09-15"),
    }
    assert asked("day")["2026-09-06"] == ("2026-09-06", "2026-09-07")
    assert asked("month") == {"2026-09": ("2026-09-05", "2026-09-15")}
    assert set(asked("language").values()) == {("2026-09-05", "2026-09-15")}


@pytest.mark.parametrize("way", ["page", "twin"])
def test_a_reason_stands_in_the_access_log_and_in_no_address(city: City, way: str) -> None:
    reader = city.browser_of()
    before = len(city.entries())
    reason = "waarom wachten mensen"
    if way == "page":
        answer = city.send(reader, f"/explore?rule={EVIL_RULE}&tab=texts", reason=reason)
        assert reason not in answer.text, "the page cannot lead to an address with it"
    else:
        answer = reader.post(f"/api/v1/explore/texts?rule={EVIL_RULE}", json={"reason": reason})
        assert answer.json()["whole"]
        assert {each["keyword"] for each in answer.json()["excerpts"]}
    assert answer.status_code == 200
    assert "reason=" not in str(answer.url)
    last = list(city.log.entries())[before:][-1]
    assert last.action == "texts"
    assert reason in (last.payload or "")


def test_whole_texts_are_not_to_be_had_without_a_reason_or_with_one_in_the_address(
    city: City,
) -> None:
    reader, path = city.browser_of(), "/api/v1/explore/texts"
    before = len(city.entries())
    assert reader.post(path, json={"reason": " "}).status_code == 400
    assert reader.post(path, json={}).status_code == 422
    assert city.got(f"{path}?reason=onderzoek").status_code == 422
    assert len(city.entries()) == before
    assert not city.got(path).json()["whole"]


def test_a_viewer_gets_counts_and_no_texts(city: City) -> None:
    for path in (f"/phenomena/{RULES[0]}/texts", "/api/v1/explore/texts"):
        assert city.got(path, role=Role.VIEWER).status_code == 403
    viewer = city.browser_of(Role.VIEWER)
    assert city.send(viewer, "/explore?tab=texts", reason="x").status_code == 403
    said = {"reason": "x"}
    for path in ("/api/v1/explore/texts", "/api/v1/export/texts"):
        assert viewer.post(path, json=said).status_code == 403
    page = city.got("/explore?tab=context", role=Role.VIEWER)
    assert page.status_code == 200
    assert not tree(page).css("blockquote")
    assert "Texts are for analysts" in page.text


# Newer data.


async def _heard(city: City, *, until: str, seconds: float) -> str:
    """What the stream sends up to `until`."""
    reader = city.browser_of(Role.VIEWER)
    cookie = f"{city.entrance.site.cookie}={city.token(reader)}"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/api/v1/live", "raw_path": b"/api/v1/live",
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 50_001),
        "server": ("127.0.0.1", 8300),
        "headers": [(b"host", b"127.0.0.1:8300"), (b"cookie", cookie.encode())],
    }  # fmt: skip
    heard, done = SimpleNamespace(text="", status=0), asyncio.Event()
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        heard.status = message.get("status", heard.status)
        heard.text += message.get("body", b"").decode()
        if until in heard.text:
            done.set()

    async def newer() -> None:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(_flush_more, city)

    more = asyncio.create_task(newer())
    async with asyncio.timeout(seconds):
        await city.app(scope, receive, send)  # type: ignore[arg-type]  # a plain dict
    await more
    assert heard.status == 200
    return str(heard.text)


def _flush_more(city: City) -> None:
    fill(city.writer.store, [make(50_000 + each, "een woning", rules=[RULES[0]], days=3)
                             for each in range(200)])  # fmt: skip
    assert city.app.state.city.snapshot.renew()


def test_an_open_page_hears_of_newer_data_and_then_sees_it(city: City) -> None:
    path = f"/api/v1/phenomena/{RULES[0]}"
    before = city.got(path).json()["posts"]
    text = asyncio.run(_heard(city, until="event: newer", seconds=60))
    (said,) = re.findall(r"event: newer\ndata: (.*)\n", text)
    assert set(json.loads(said)) == {"until"}
    assert city.got(path).json()["posts"] > before + 150
    assert not city.app.state.city.snapshot.renew()


def test_a_text_has_what_models_said_of_it_and_how_sure_they_were(city: City) -> None:
    path = f"/explore?rule={RULES[1]}&tab=context"
    (first, *_) = city.got(f"/api/v1/explore/texts?rule={RULES[1]}").json()["excerpts"]
    said = {label["of"]: label for label in first["labels"]}
    assert set(said) == {"language", "sentiment"}
    assert said["language"]["value"] == first["language"]
    assert said["sentiment"] | {"value": ""} == {
        "of": "sentiment", "value": "", "confidence": 0.9, "model": "m", "version": "1"
    }  # fmt: skip
    page = tree(city.got(path))
    line = page.css_first(".texts p").text()
    assert re.search(r"· (negative|neutral|positive) \(90%\)", line)
    assert "m 1" not in line, "the model is told on asking"
    shown = page.css_first(".texts details")
    assert "sure for 90%" in shown.text()
    assert "m 1" in shown.text()
    assert "open" not in shown.attributes


def test_who_read_enough_for_a_day_still_sees_counts(tmp_path: Path) -> None:
    with built(tmp_path / "city", "privacy.text_reads_a_day=1") as city:
        path = f"/explore?rule={RULES[0]}&tab=context"
        assert tree(city.got(path)).css("blockquote")
        page = tree(city.got(path, language="nl"))
        assert not page.css("blockquote")
        assert "Je las in de laatste 24 uur 1 keer teksten" in page.css_first("#results").text()
        assert page.css_first("p.lead .count").text() != "<10"
        assert city.got(f"/api/v1/explore/texts?rule={RULES[0]}").status_code == 409
        before = city.entries()
        answer = city.send(city.browser_of(), f"/export/texts?rule={RULES[0]}", reason="a report")
        assert answer.status_code == 409
        assert city.entries() == before, "what was not downloaded is not said to be"
