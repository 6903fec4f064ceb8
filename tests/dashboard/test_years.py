"""A phenomenon since counting began: what was counted of texts that are gone, and what is there."""

from collections.abc import Iterator
from datetime import date

import pytest
from selectolax.lexbor import LexborHTMLParser

from dashboard.roles import Role
from index.contract import Cell, RolledUp
from index.values import bin_name, hours_to
from stream.partitions import Partition
from tests.dashboard.town import RULES, TODAY, City, built

RULE, OTHER = RULES[:2]
GONE = {"2025-W20": 40, "2025-W21": 55, "2025-W23": 31}
ADDRESS = f"/phenomena/{RULE}/years"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The town, of which some weeks of last year are gone; the rule was another then."""
    with built(tmp_path_factory.mktemp("years") / "folder") as made:
        counts = {
            (week, f"{RULE}@0", "nl", "negative"): Cell(posts, 25) for week, posts in GONE.items()
        }
        kept = RolledUp(volumes={}, phenomena=counts)
        made.writer.series.save(Partition("kept", date(2025, 8, 1)), kept)
        yield made


def test_what_is_gone_and_what_is_there_are_one_line(city: City) -> None:
    view = city.got(f"/api/v1{ADDRESS}").json()
    points = {each["time"]: each for each in view["line"]["points"]}
    assert {week: points[week]["posts"] for week in GONE} == GONE
    assert points["2025-W22"]["posts"] is None, "a week of which nothing may be shown is there"
    here = [each["posts"] for time, each in points.items() if time > "2026-" and each["posts"]]
    assert len(here) >= 4
    assert view["posts"] == sum(GONE.values()) + sum(here)
    assert list(points) == sorted(points)


def test_what_is_not_over_is_left_out(city: City) -> None:
    for by, growing in (("week", bin_name(hours_to(TODAY), "week")), ("month", f"{TODAY:%Y-%m}")):
        points = city.got(f"/api/v1{ADDRESS}?by={by}").json()["line"]["points"]
        assert points[-1]["time"] < growing


def test_months_hold_their_weeks(city: City) -> None:
    points = city.got(f"/api/v1{ADDRESS}?by=month").json()["line"]["points"]
    by_month = {each["time"]: each["posts"] for each in points}
    assert by_month["2025-05"] == GONE["2025-W20"] + GONE["2025-W21"]
    assert by_month["2025-06"] == GONE["2025-W23"]


def test_where_the_rule_changed_is_marked(city: City) -> None:
    points = city.got(f"/api/v1{ADDRESS}").json()["line"]["points"]
    changed = [each for each in points if each["changes"]]
    assert [each["changes"] for each in changed] == [[f"{RULE}@1"]]
    assert changed[0]["time"] > "2026-"


@pytest.mark.parametrize(("language", "said"), [("en", "week 20, 2025"), ("nl", "week 20, 2025")])
def test_the_page_has_the_line_and_its_table(city: City, language: str, said: str) -> None:
    page = LexborHTMLParser(city.got(ADDRESS, language=language).text)
    rows = page.css("#line tbody tr")
    assert rows[0].css_first("th").text(strip=True).startswith(said)
    assert rows[0].css_first("td").text(strip=True) == str(GONE["2025-W20"])
    assert said in page.css_first("p.lead").text()
    led = LexborHTMLParser(city.got(f"/phenomena/{RULE}", language=language).text)
    assert led.css(f"#period a[href='{ADDRESS}']")


def test_it_is_one_entry_in_the_access_log(city: City) -> None:
    city.browser_of()
    before = len(city.entries())
    city.got(ADDRESS)
    assert city.entries()[before:] == [(f"a-{Role.ANALYST}", "long_series")]


def test_a_rule_that_there_is_not_and_a_bin_that_there_is_not_are_refused(city: City) -> None:
    assert city.got("/phenomena/nergens/years").status_code == 404
    assert city.got(f"{ADDRESS}?by=day").status_code == 422
    assert city.got(f"/api/v1{ADDRESS}?by=day").status_code == 422


def test_of_what_nobody_wrote_about_nothing_is_counted(city: City) -> None:
    page = LexborHTMLParser(city.got("/phenomena/onlinehaat/years").text)
    assert not page.css("#line")
    assert page.css(".state")
