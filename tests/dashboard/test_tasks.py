"""What each of the people who use it comes for, in a real browser: with the mouse, and again with
nothing but the keyboard.
"""

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from starlette.testclient import TestClient

from bench.chromium import served
from bench.servers.server import free_port
from dashboard.application import create
from dashboard.roles import Role
from dashboard.testing import PASSWORD
from peil.command.users import one_time_link
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from stream.clock import SystemClock
from tests.dashboard.conftest import FOLDERS_PURPOSE
from tests.dashboard.test_browser import WATCH, check
from tests.dashboard.town import EVIL_RULE, RULES, TODAY, City, built

READS = 60
"""So often an analyst may read texts in a day: more than all tests here do."""

MOST_STOPS = 150
"""Somebody who only has a keyboard reaches everything on a page within so many keys."""

FIGURE = ".chart-canvas"
EDGES = """
  async (picture) => {
    const image = new Image();
    image.src = `data:image/png;base64,${picture}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const at = (x) => [...context.getImageData(x, 0, 1, 1).data].slice(0, 3);
    const ground = at(Math.floor(image.width / 2));
    const differs = (x) => at(x).some((value, place) => Math.abs(value - ground[place]) > 20);
    return [differs(1), differs(image.width - 2)];
  }
"""
"""Whether the left and the right end of a row of pixels are unlike its middle."""

BROKEN = """
  (places) => places.flatMap((place) => {
    const found = [];
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      for (const word of node.data.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        if (range.getClientRects().length > 1) found.push(word[0]);
      }
    }
    return found;
  })
"""
"""The words in these places that go on in a second line."""

UNWRITTEN = """
  (it) => { for (const each of it.querySelectorAll("*")) each.style.color = "transparent"; }
"""
"""Takes what is written there out of sight."""

pytestmark = pytest.mark.xdist_group("chromium")


class Hand(Protocol):
    """How somebody works."""

    def press(self, place: Locator) -> None:
        """Follow a link, push a button, tick a box."""
        ...

    def write(self, place: Locator, text: str) -> None: ...

    def choose(self, place: Locator, name: str) -> None:
        """Choose what is called `name` in a list."""
        ...

    def take_days(self, figure: Locator) -> None:
        """Choose a period in a drawing, and search in it."""
        ...


class Mouse:
    """Points and clicks; types only texts."""

    def press(self, place: Locator) -> None:
        place.click()

    def write(self, place: Locator, text: str) -> None:
        place.click()
        place.page.keyboard.type(text)

    def choose(self, place: Locator, name: str) -> None:
        place.select_option(label=name)

    def take_days(self, figure: Locator) -> None:
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        assert box is not None
        mouse, middle = figure.page.mouse, box["y"] + box["height"] / 2
        mouse.move(box["x"] + box["width"] * 0.2, middle)
        mouse.down()
        mouse.move(box["x"] + box["width"] * 0.9, middle, steps=5)
        mouse.up()


class Keyboard:
    """Goes from stop to stop with Tab, and uses what has the focus."""

    def reach(self, place: Locator) -> None:
        expect(place).to_be_visible()
        for _ in range(MOST_STOPS):
            if place.evaluate("(it) => it === it.getRootNode().activeElement"):
                ring = place.evaluate(
                    "(it) => it.matches(':focus-visible') || it.matches('[contenteditable]')"
                )
                assert ring, "what has the focus is seen"
                return
            place.page.keyboard.press("Tab")
        raise AssertionError(f"no key reaches {place}")

    def press(self, place: Locator) -> None:
        self.reach(place)
        ticks = place.evaluate("(it) => it.matches('input')")
        place.page.keyboard.press("Space" if ticks else "Enter")

    def write(self, place: Locator, text: str) -> None:
        self.reach(place)
        place.page.keyboard.type(text)

    def choose(self, place: Locator, name: str) -> None:
        self.reach(place)
        place.page.keyboard.type(name)

    def take_days(self, figure: Locator) -> None:
        self.reach(figure)
        keyboard = figure.page.keyboard
        keyboard.press("Home")
        keyboard.press("ArrowRight")
        for _ in range(15):  # more than two weeks, by day or by week
            keyboard.press("Shift+ArrowRight")
        keyboard.press("Enter")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("tasks") / "folder"
    with (
        built(
            folder,
            f"dashboard.listen='127.0.0.1:{port}'",
            f"privacy.text_reads_a_day={READS}",
        ) as made,
        served(made.app, made.entrance.site),
    ):
        for name in (Role.VIEWER, Role.ANALYST, Role.RULE_AUTHOR, Role.ADMINISTRATOR):
            made.account(name, name)
        yield made


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[str]:
    """A city in which nothing was collected yet: the link that lets one in."""
    folder = WorkingFolder.init(tmp_path / "folder")
    said = [f"purpose={FOLDERS_PURPOSE}", f"dashboard.listen='127.0.0.1:{free_port()}'"]
    settings = load_settings(folder.settings, environ={}, overrides=said)
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        pipeline.rulebook.sync(pipeline.book)
        entrance = entrance_of(pipeline)
        with served(create(city_of(pipeline), entrance), entrance.site):
            yield one_time_link(pipeline)


@pytest.fixture
def context(chromium: Browser, city: City, port: int) -> Iterator[BrowserContext]:
    found = chromium.new_context(
        viewport={"width": 1440, "height": 900},
        base_url=f"http://127.0.0.1:{port}",
        locale="en-US",
        accept_downloads=True,
    )
    found.grant_permissions(["clipboard-read", "clipboard-write"])
    yield found
    found.close()


@pytest.fixture(params=[Mouse, Keyboard])
def hand(request: pytest.FixtureRequest) -> Hand:
    made: Hand = request.param()
    return made


def entered(context: BrowserContext, hand: Hand, role: Role, *, title: str = "Monitor") -> Page:
    """The first page, called `title`, after logging in and choosing a purpose."""
    page = context.new_page()
    page.goto("/")
    hand.write(page.locator("#name"), role.value)
    hand.write(page.locator("#password"), PASSWORD)
    hand.press(page.get_by_role("button", name="Log in"))
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you look for?")
    hand.press(page.get_by_role("button", name="Go on"))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".session strong")).to_have_text(FOLDERS_PURPOSE)
    return page


def read(page: Page) -> int:
    """The count that stands at the top."""
    return int(page.locator("p.lead .count").first.inner_text().replace(",", ""))


def test_a_professional_finds_what_to_do(context: BrowserContext, hand: Hand) -> None:
    page = entered(context, hand, Role.VIEWER)
    hand.press(page.locator("section[aria-labelledby=all] h3 a").first)
    expect(page.locator(".guidance h3").first).to_be_visible()
    assert page.locator(".guidance li").count() >= 3
    expect(page.get_by_text("Texts are for analysts.")).to_be_visible()
    assert page.locator(".texts").count() == 0


def test_an_adviser_compares_and_takes_the_numbers_along(
    context: BrowserContext, hand: Hand
) -> None:
    page = entered(context, hand, Role.VIEWER)
    hand.press(page.get_by_role("link", name="3 months"))
    expect(page.get_by_role("link", name="3 months")).to_have_attribute("aria-current", "true")
    hand.press(page.locator(f"section[aria-labelledby=all] a[href*='{RULES[0]}']").first)
    page.wait_for_url(re.compile(f"phenomena/{RULES[0]}"))
    titles = page.locator("#with option").all_inner_texts()
    hand.choose(page.locator("#with"), titles[2])
    hand.press(page.get_by_role("button", name="Compare"))
    expect(page.locator("#line[data-chart=compare] .drawing svg")).to_be_visible()
    hand.press(page.locator("#line [data-copies=csv]"))
    expect(page.locator("#line [data-said]")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert titles[2] in copied[0]
    assert len(copied) >= 12


def test_an_analyst_looks_closer_keeps_it_and_reads(
    context: BrowserContext, hand: Hand, tmp_path: Path
) -> None:
    page = entered(context, hand, Role.ANALYST)
    hand.press(page.locator(".menu").get_by_role("link", name="Explore"))
    hand.write(page.locator(".query-box .cm-content"), "woning OR huur")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q="))
    found = read(page)
    hand.press(page.locator("#facet-language input[value=nl]"))
    page.wait_for_url(re.compile("language=nl"))
    expect(page.locator("#summary .tags")).to_contain_text("Language: Dutch")
    assert read(page) < found
    expect(page.locator("#line .drawing svg")).to_be_visible()
    hand.take_days(page.locator(f"#line {FIGURE}"))
    page.wait_for_url(re.compile("since=.*language=nl|language=nl.*since="))
    hand.press(page.get_by_text("Save this search"))
    hand.write(page.locator("#title"), f"Wonen {type(hand).__name__}")
    until = TODAY + timedelta(days=20)
    if isinstance(hand, Keyboard):
        hand.write(page.locator("#until"), until.strftime("%m%d%Y"))
    else:
        page.locator("#until").fill(until.isoformat())
    hand.press(page.get_by_role("button", name="Save", exact=True))
    kept = page.get_by_role("link", name=f"Wonen {type(hand).__name__}")
    expect(kept).to_be_visible()
    hand.press(kept)
    page.wait_for_url(re.compile("language=nl"))
    hand.press(page.get_by_role("link", name="Texts", exact=True))
    hand.write(page.locator("#reason"), "wat bedoelen mensen")
    hand.press(page.get_by_role("button", name="Read ten texts"))
    expect(page.locator("blockquote").first).to_be_visible()
    assert "reason" not in page.url
    assert "language=nl" in page.url
    hand.press(page.get_by_role("link", name="Counts"))
    with page.expect_download() as download:
        hand.press(page.get_by_role("button", name="Download"))
    download.value.save_as(tmp_path / "counts.csv")
    assert len((tmp_path / "counts.csv").read_text("utf-8").splitlines()) > 2


def test_a_rule_author_sees_what_a_rule_finds(context: BrowserContext, hand: Hand) -> None:
    page = entered(context, hand, Role.RULE_AUTHOR)
    hand.press(page.locator(".menu").get_by_role("link", name="Rules"))
    hand.press(page.locator(f"tbody a[href='/phenomena/{EVIL_RULE}']"))
    hand.press(page.locator("section[aria-labelledby=rule-title] summary"))
    expect(page.locator("section[aria-labelledby=rule-title] code")).to_be_visible()
    hand.press(page.get_by_role("link", name="Explore its posts"))
    page.wait_for_url(re.compile(f"rule={EVIL_RULE}"))
    assert read(page) > 0
    hand.press(page.get_by_role("link", name="Typical words"))
    expect(page.locator("#results tbody th:visible").first).to_be_visible()


def test_an_operator_sees_whether_everything_comes_in(context: BrowserContext, hand: Hand) -> None:
    page = entered(context, hand, Role.VIEWER)
    hand.press(page.locator(".menu").get_by_role("link", name="Sources"))
    row = page.locator("tbody tr").filter(has_text="bron")
    expect(row).to_contain_text("closed")


def test_an_administrator_sees_who_may_enter_and_nothing_else(
    context: BrowserContext, hand: Hand
) -> None:
    page = entered(context, hand, Role.ADMINISTRATOR, title="Accounts")
    assert page.url.endswith("/accounts")
    assert page.locator(".menu li").all_inner_texts() == ["Accounts"]
    expect(page.locator("tbody tr").filter(has_text="viewer").first).to_be_visible()
    expect(page.get_by_text("peil users add")).to_be_visible()
    assert page.locator("body[data-live-address]").count() == 0, "nothing there is newer"
    page.goto("/explore")
    expect(page.get_by_text("Your account may not see this page.")).to_be_visible()
    hand.press(page.get_by_role("link", name="To the first page"))
    page.wait_for_url(re.compile("/accounts$"))


def test_no_word_of_a_command_is_broken_on_a_narrow_screen(
    context: BrowserContext, city: City
) -> None:
    context.add_cookies(_cookies(city, city.browser_of(Role.ADMINISTRATOR)))
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto("/accounts")
    commands = page.locator("dd code")
    assert commands.count() == 4
    assert commands.first.inner_text() == "peil users add j.devries --role viewer --role analyst"
    broken = {}
    for width in range(320, 420, 10):
        page.set_viewport_size({"width": width, "height": 900})
        broken[width] = commands.evaluate_all(BROKEN)
    assert not any(broken.values()), broken


def test_a_tick_filters_in_place_and_back_takes_it_off(context: BrowserContext, city: City) -> None:
    context.add_cookies(_cookies(city, city.browser_of(Role.ANALYST)))
    page = context.new_page()
    page.goto("/explore")
    page.evaluate("window.same = true; scrollTo(0, 60)")
    languages = page.locator("#facet-language input")
    others = languages.count()
    assert others >= 2
    tones = page.locator("#facet-sentiment .count").all_inner_texts()
    page.locator("#facet-language input[value=nl]").focus()
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("language=nl"))
    assert page.evaluate("window.same && scrollY === 60")
    assert page.evaluate("document.activeElement.value") == "nl"
    assert languages.count() == others, "another language can still be ticked"
    assert page.locator("#facet-sentiment .count").all_inner_texts() != tones
    assert "language=nl" in str(page.locator("#rest").input_value())
    assert "language=nl" in str(page.locator("#rest-saved").input_value())
    assert "language=nl" in str(page.locator("#language-next").input_value())
    assert "language%3Dnl" in str(page.locator("#purpose-change").get_attribute("href"))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("language=nl&language="))
    for ticks in (1, 0):
        page.evaluate("history.back()")
        expect(page.locator("#summary .tags li")).to_have_count(ticks)
    assert page.locator("#facet-language input:checked").count() == 0


def test_what_was_typed_is_there_after_coming_in_again(context: BrowserContext, city: City) -> None:
    browser = city.client(Role.ANALYST)
    context.add_cookies(_cookies(city, browser))
    page = context.new_page()
    page.goto("/explore?language=nl")
    city.entrance.sessions.end(city.token(browser))
    page.locator(".cm-content").click()
    page.keyboard.type("woning OR huur")
    page.keyboard.press("Enter")
    page.locator("#name").fill(f"a-{Role.ANALYST.value}")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(re.compile("/explore\\?language=nl$"))
    expect(page.locator(".cm-content")).to_have_text("woning OR huur")
    page.locator(".cm-content").press("Enter")
    page.wait_for_url(re.compile("q="))
    page.goto("/explore?language=nl")
    expect(page.locator(".cm-content")).not_to_contain_text("woning")


def test_without_scripts_a_button_filters(chromium: Browser, city: City, port: int) -> None:
    context = chromium.new_context(base_url=f"http://127.0.0.1:{port}", java_script_enabled=False)
    context.add_cookies(_cookies(city, city.browser_of(Role.ANALYST)))
    page = context.new_page()
    page.goto("/explore")
    page.locator("#facet-language input[value=nl]").check()
    page.get_by_role("button", name="Filter").click()
    assert "language=nl" in page.url
    expect(page.locator("#summary .tags")).to_contain_text("Language: Dutch")
    page.get_by_role("link", name="Texts", exact=True).click()
    page.locator("#reason").fill("what people mean")
    page.get_by_role("button", name="Read ten texts").click()
    expect(page.locator("blockquote").first).to_be_visible()
    assert "what" not in page.url
    assert "language=nl" in page.url
    context.close()


PAGES = (
    "/enter",
    "/purpose",
    "/",
    "/?period=3m&measure=share",
    f"/phenomena/{RULES[0]}",
    f"/phenomena/{RULES[0]}?with={RULES[1]}&period=3m",
    "/phenomena/geloof",
    f"/phenomena/{RULES[0]}/terms",
    f"/phenomena/{RULES[0]}/texts",
    f"/phenomena/{RULES[0]}/years",
    "/phenomena/onlinehaat/years?by=month",
    "/explore",
    f"/explore?rule={RULES[0]}&language=nl&sentiment=negative",
    "/explore?since=2026-09-20&until=2026-09-21&language=ar",
    "/explore?tab=terms",
    "/explore?tab=context",
    "/explore?tab=texts",
    f"/explore?{'langauge' * 5}=nl",
    "/explore?tab=compare&with=before",
    "/explore?since=2026-13-01",
    "/rules",
    "/sources",
    "/nergens",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_keeps_wcag_and_the_policy_and_nothing_jumps(
    context: BrowserContext, city: City, path: str, scheme: str, width: int
) -> None:
    context.add_cookies(_cookies(city, city.browser_of(Role.ANALYST)))
    page = context.new_page()
    page.add_init_script(WATCH)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path)
    page.wait_for_timeout(600)  # parts that come by themselves
    check(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_whole_texts_and_what_lint_says_keep_wcag_too(
    context: BrowserContext, city: City, width: int
) -> None:
    context.add_cookies(_cookies(city, city.browser_of(Role.ANALYST)))
    page = context.new_page()
    page.add_init_script(WATCH)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/explore?tab=texts")
    page.locator("#reason").fill("what people mean")
    page.get_by_role("button", name="Read ten texts").click()
    expect(page.locator("blockquote").first).to_be_visible()
    page.wait_for_timeout(600)
    check(page)
    page.goto(f"/explore?q={city.written('moslims OR huurprij* OR huurprijzen')}")
    expect(page.get_by_text("a group is not a phenomenon")).to_be_visible()
    expect(page.get_by_text("is covered by")).to_be_visible()
    page.wait_for_timeout(600)
    check(page)


EMPTY = {
    "/": "No posts to show in this period",
    f"/phenomena/{RULES[0]}": "Too few to show",
    f"/phenomena/{RULES[0]}/years": "Nothing is counted yet",
    "/explore": "Too few to show",
    "/explore?tab=terms": "No word stands out that enough people used.",
    "/explore?tab=compare&with=before": "Too few to show",
    "/sources": "closed",
}
"""What stands on pages of a city in which nothing was collected yet."""

SHAPES = pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])


def watched(
    context: BrowserContext, city: City, reader: TestClient, scheme: str, width: int
) -> Page:
    """A page of that reader, which sees whether something jumps."""
    context.add_cookies(_cookies(city, reader))
    page = context.new_page()
    page.add_init_script(WATCH)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    return page


@SHAPES
def test_the_page_of_accounts_keeps_wcag(
    context: BrowserContext, city: City, scheme: str, width: int
) -> None:
    page = watched(context, city, city.browser_of(Role.ADMINISTRATOR), scheme, width)
    page.goto("/accounts")
    check(page)
    page.goto("/explore")
    expect(page.get_by_text("Your account may not see this page.")).to_be_visible()
    check(page)


@SHAPES
def test_a_used_up_quota_is_told_and_keeps_wcag(
    context: BrowserContext, city: City, scheme: str, width: int
) -> None:
    name = f"spent-{width}"
    city.account(name, Role.ANALYST)
    reader = city.reader(name)
    for _ in range(READS):
        city.log.append(actor=name, purpose=FOLDERS_PURPOSE, action="texts", payload="{}")
    page = watched(context, city, reader, scheme, width)
    page.goto("/explore?tab=context")
    expect(page.get_by_text("You read texts")).to_be_visible()
    page.wait_for_timeout(600)  # parts that come by themselves
    check(page)
    page.goto(f"/phenomena/{RULES[0]}")
    page.get_by_role("link", name="Read ten texts").click()
    expect(page.locator("#texts [role=alert]")).to_contain_text("you read texts")
    page.wait_for_timeout(600)
    page.evaluate("seen.shift = 0")  # what was asked for takes its place, also on a slow machine
    check(page)


@SHAPES
@pytest.mark.parametrize("path", ["/", f"/phenomena/{RULES[0]}", "/explore"])
def test_a_lost_stream_is_told_and_keeps_wcag(
    context: BrowserContext, city: City, path: str, scheme: str, width: int
) -> None:
    page = watched(context, city, city.browser_of(Role.VIEWER), scheme, width)
    page.clock.install()
    page.route("**/api/v1/live*", lambda route: route.fulfill(status=503))
    page.goto(path)
    page.wait_for_timeout(600)  # it hears that there is no stream, and parts come by themselves
    page.clock.run_for(61_000)
    expect(page.locator("[data-live-line]")).to_contain_text("no longer hears")
    check(page)


@SHAPES
def test_a_part_on_its_way_and_one_that_does_not_come_are_told_and_keep_wcag(
    context: BrowserContext, city: City, scheme: str, width: int
) -> None:
    page = watched(context, city, city.browser_of(Role.VIEWER), scheme, width)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/terms*", hold)
    page.goto(f"/phenomena/{RULES[0]}")
    expect(page.get_by_text("On its way")).to_be_visible()
    check(page)
    held.pop().abort()
    expect(page.locator("[data-not-come]")).to_contain_text("This did not come.")
    expect(page.get_by_text("On its way")).to_have_count(0)
    check(page)


def test_an_empty_city_says_so_and_keeps_wcag(chromium: Browser, empty: str) -> None:
    context = chromium.new_context(base_url=empty.split("/enter", maxsplit=1)[0], locale="en-US")
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(empty)
    for scheme, width in (("light", 1440), ("dark", 390)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        for path, said in EMPTY.items():
            page.goto(path)
            expect(page.get_by_text(said, exact=True).first).to_be_visible()
            page.wait_for_timeout(600)  # parts that come by themselves
            check(page)
    context.close()


@SHAPES
def test_an_ended_session_leads_to_the_door_and_back_and_keeps_wcag(
    context: BrowserContext, city: City, scheme: str, width: int
) -> None:
    name = f"gone-{width}"
    city.account(name, Role.ANALYST)
    page = watched(context, city, city.reader(name), scheme, width)
    page.goto(f"/phenomena/{RULES[0]}?period=3m")
    page.wait_for_timeout(600)  # parts that come by themselves
    city.entrance.sessions.end_all(name)
    page.get_by_role("link", name="Read ten texts").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    check(page)
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(re.compile(rf"/phenomena/{RULES[0]}\?period=3m$"))


@pytest.mark.parametrize("path", ["/rules", "/sources", f"/phenomena/{RULES[0]}/terms"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_goes_on_beyond_an_edge_shows_it_there(
    context: BrowserContext, city: City, path: str, scheme: str
) -> None:
    context.add_cookies(_cookies(city, city.browser_of(Role.ANALYST)))
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(path)
    for wrap in page.locator(".table-wrap:visible").all():
        assert wrap.get_attribute("tabindex") == "0"
        assert wrap.get_attribute("role") == "region"
        assert wrap.get_attribute("aria-label")
        hidden = wrap.evaluate("(it) => it.scrollWidth - it.clientWidth")
        wrap.evaluate(UNWRITTEN)
        assert _shadows(page, wrap) == (False, hidden > 0)
        wrap.evaluate("(it) => it.scrollLeft = it.scrollWidth")
        assert _shadows(page, wrap) == (hidden > 0, False)


def _shadows(page: Page, wrap: Locator) -> tuple[bool, bool]:
    """Whether something shows at the left and the right edge of what is seen."""
    wrap.evaluate("(it) => it.scrollIntoView({block: 'start'})")
    box = wrap.bounding_box()
    assert box is not None
    top = page.screenshot(
        clip={"x": box["x"], "y": box["y"] + 2, "width": box["width"], "height": 2}
    )
    left, right = page.evaluate(EDGES, base64.b64encode(top).decode())
    return left, right


def _cookies(city: City, reader: TestClient) -> list[dict[str, str]]:
    """Those of a reader who is in already."""
    name = city.entrance.site.cookie
    return [{"name": name, "value": city.token(reader), "domain": "127.0.0.1", "path": "/"}]
