"""The scripts and the style in a real Chromium, on a page with every part of them."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import dashboard
from tests.dashboard.gallery import PAUSE_SECONDS, TOKEN, Gallery, served

AXE = Path(dashboard.__file__).parent / "browser" / "node_modules" / "axe-core" / "axe.min.js"
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
WATCH = """
  window.seen = {blocked: [], shift: 0, moved: []};
  addEventListener('securitypolicyviolation', (event) =>
    seen.blocked.push(`${event.violatedDirective} ${event.sourceFile}:${event.lineNumber}`));
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) {
      if (each.hadRecentInput) continue;
      seen.shift += each.value;
      for (const { node, previousRect: from, currentRect: to } of each.sources) {
        const what = (node?.outerHTML ?? node?.textContent ?? '').slice(0, 80);
        seen.moved.push([each.startTime, what, JSON.stringify(from), JSON.stringify(to)]);
      }
    }
  }).observe({type: 'layout-shift', buffered: true});
"""
SHAPES = [
    (scheme, contrast, width)
    for scheme in ("light", "dark")
    for contrast, width in (("no-preference", 1440), ("no-preference", 390), ("more", 1440))
]

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture
def shown() -> Iterator[Gallery]:
    with served() as gallery:
        yield gallery


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    found = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    found.grant_permissions(["clipboard-read", "clipboard-write"])
    yield found
    found.close()


def opened(context: BrowserContext, shown: Gallery) -> Page:
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(shown.address)
    page.locator("#lying .drawing svg").wait_for()
    page.locator(".query-box").wait_for()
    return page


@pytest.fixture
def page(context: BrowserContext, shown: Gallery) -> Page:
    return opened(context, shown)


def written(page: Page) -> str:
    return str(page.locator(".query-box .cm-content").inner_text())


def check(page: Page) -> None:
    """That a page, which was opened with `WATCH`, keeps the policy and WCAG, and that nothing in
    it jumped or sticks out.
    """
    seen = page.evaluate("seen")
    assert seen["blocked"] == []
    assert seen["shift"] < 0.01, seen["moved"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("(tags) => axe.run({runOnly: tags})", STANDARD)
    broken = [(each["id"], [node["html"][:120] for node in each["nodes"]])
              for each in found["violations"]]  # fmt: skip
    assert broken == []


@pytest.mark.parametrize(("scheme", "contrast", "width"), SHAPES)
def test_it_keeps_wcag_and_the_policy_and_nothing_jumps(
    chromium: Browser, shown: Gallery, scheme: Any, contrast: Any, width: int
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, contrast=contrast
    )
    page = opened(context, shown)
    page.wait_for_timeout(500)
    check(page)
    context.close()


def test_half_a_page_is_not_drawn(context: BrowserContext, shown: Gallery) -> None:
    page = context.new_page()
    page.goto(urljoin(shown.address, "slow"))
    page.locator("#lying .drawing svg").wait_for()
    first = page.evaluate("performance.getEntriesByName('first-paint')[0].startTime")
    assert first >= PAUSE_SECONDS * 1000


def test_it_reads_without_scripts(chromium: Browser, shown: Gallery) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(shown.address)
    expect(page.locator("#long table")).to_be_visible()
    expect(page.locator("#long .chart-canvas")).to_be_hidden()
    expect(page.locator("textarea[name=words]")).to_be_visible()
    assert page.locator(".with-script").evaluate_all(
        "(all) => all.every((each) => each.getClientRects().length === 0)"
    )
    context.close()


def test_a_drawn_figure_keeps_its_table_closed_below(page: Page) -> None:
    expect(page.locator("#long table")).to_be_hidden()
    page.locator("#long summary").click()
    expect(page.locator("#long table")).to_be_visible()


def test_the_keyboard_reads_a_figure(page: Page) -> None:
    page.locator("#long .chart-canvas").focus()
    page.keyboard.press("Home")
    expect(page.locator("#long-readout")).to_have_text(
        "Tue 1 Sep: Posts 120, still learning what is normal"
    )
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#long-readout")).to_contain_text("Mon 21 Sep: Posts fewer than 10")
    page.keyboard.press("End")
    expect(page.locator("#long-readout")).to_contain_text("normal: ")


def test_the_keyboard_chooses_a_period(page: Page) -> None:
    page.locator("#long .chart-canvas").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/found"))
    assert "since=2026-09-02&until=2026-09-09" in page.url


def test_the_pointer_chooses_a_period(page: Page) -> None:
    box = page.locator("#long .chart-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 120, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"/found\?.*since=2026-09-\d\d&until=2026-\d\d-\d\d"))


def test_a_click_on_a_figure_chooses_nothing(page: Page, shown: Gallery) -> None:
    page.locator("#long .chart-canvas").click()
    page.wait_for_timeout(200)
    assert page.url == shown.address


def test_a_figure_is_copied_as_its_table(page: Page) -> None:
    page.locator("#long [data-copies=csv]").click()
    expect(page.locator("#long [data-said]")).to_have_text("Copied.")
    rows = list(csv.reader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
    assert len(rows) == 62
    assert rows[1][:2] == ["2026-09-01", "120"]
    assert rows[21][:2] == ["2026-09-21", "<10"]
    assert "not everything was collected" in rows[31][-1]


def test_a_figure_is_saved_as_an_image_and_has_an_address(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as saving:
        page.locator("#tones [data-copies=image]").click()
    assert saving.value.suggested_filename == "Tone by week.png"
    saving.value.save_as(tmp_path / "image.png")
    content = (tmp_path / "image.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000
    page.locator("#tones [data-copies=address]").click()
    expect(page.locator("#tones [data-said]")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/gallery#tones")


def test_typing_in_the_box_is_what_the_form_sends(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("huur NEAR/3 hoog")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/found\?words=huur\+NEAR%2F3\+hoog&"))


def test_shift_enter_makes_a_line(page: Page, shown: Gallery) -> None:
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("een ")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("twee ")
    assert page.url == shown.address
    assert page.locator("textarea[name=words]").input_value() == "een \ntwee "


def test_completion_is_there_for_keyboard_and_screen_reader(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.press("End")
    page.keyboard.type(" stoep")
    option = page.locator(".query-box [role=option]").first
    expect(option).to_contain_text("1,200 posts")
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    active = page.locator(".query-box .cm-content").get_attribute("aria-activedescendant")
    assert active == option.get_attribute("id")
    page.keyboard.press("Enter")
    assert written(page).endswith("lang:nl stoepen")


def test_only_the_beginning_of_the_word_goes_to_the_server(page: Page, shown: Gallery) -> None:
    page.keyboard.press("/")
    page.keyboard.press("End")
    page.keyboard.type(" stoep")
    page.locator(".query-box [role=option]").first.wait_for()
    asked = [path for _, path, _, _ in shown.asked if "/complete" in path]
    assert asked
    assert all(re.fullmatch(r"/api/v1/complete\?prefix=sto?e?p?", each) for each in asked)


def test_a_mistake_is_said_under_its_word_and_below_the_box(page: Page, shown: Gallery) -> None:
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("🔥 from:jan overlast")
    expect(page.locator(".query-box .cm-lintRange-error")).to_have_text("from:jan")
    expect(page.locator(".query-help")).to_have_text("from: is no field. Nobody is looked for")
    box = page.locator(".query-box .cm-content")
    expect(box).to_have_attribute("aria-invalid", "true")
    method, _, headers, body = next(each for each in shown.asked if each[1] == "/api/v1/check")
    assert method == "POST"
    assert headers["X-CSRF-Token"] == TOKEN
    assert "words" in msgspec.json.decode(body)
    page.keyboard.press("Control+a")
    page.keyboard.type("overlast ")
    expect(page.locator(".query-help")).to_contain_text("For example")
    expect(box).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_list_of_completions_leaves_what_is_wrong_to_be_read(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("from:jan stoep")
    listed = page.locator(".query-box .cm-tooltip-autocomplete")
    expect(listed).to_be_visible()
    told = page.locator(".query-help .fault.error")
    expect(told).to_be_visible()
    page.wait_for_timeout(300)  # the list takes its place
    line, below = told.bounding_box(), listed.bounding_box()
    assert line is not None
    assert below is not None
    assert line["y"] + line["height"] <= below["y"] + 1
    check(page)


def test_a_server_that_is_away_does_not_hinder_typing(page: Page) -> None:
    page.route("**/api/v1/**", lambda route: route.abort())
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("overlast in de straat")
    expect(page.locator(".query-help")).to_contain_text("could not be checked")
    assert written(page) == "overlast in de straat"


def test_keys_move_and_explain_and_leave_typing_alone(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.querySelector('h3').innerText") == "Debts"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    assert page.url.endswith("#1")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.locator("#since").focus()
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(page.locator("#since")).to_be_focused()
    expect(page.locator("dialog#keys")).to_be_hidden()


def test_the_theme_stays_as_chosen_and_figures_follow(page: Page) -> None:
    axis = "document.querySelector('#long .drawing svg text').getAttribute('fill')"
    before = page.evaluate(axis)
    button = page.locator("[data-theme-switch]")
    button.click()
    button.click()
    expect(button).to_have_attribute("aria-label", "Theme: dark")
    assert page.evaluate(axis) != before
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_what_was_opened_stays_open(page: Page) -> None:
    page.locator("details[data-remember] summary").click()
    page.wait_for_function("localStorage.getItem('peil.open.places') === 'yes'")
    page.reload()
    expect(page.locator("details[data-remember]")).to_have_attribute("open", "")


def test_newer_data_comes_in_place(page: Page, shown: Gallery) -> None:
    line = page.locator("[data-live-line]")
    expect(line).to_be_hidden()
    shown.page = shown.page.replace("12,345", "12,999")
    shown.newer.set()
    expect(line).to_contain_text("Newer data is there.")
    expect(page.locator("#posts")).to_have_text("12,999", timeout=8000)
    assert page.evaluate("seen.shift") < 0.01


def test_a_page_that_no_longer_hears_says_so(context: BrowserContext, shown: Gallery) -> None:
    page = context.new_page()
    page.clock.install()
    page.route("**/api/v1/live*", lambda route: route.fulfill(status=503))
    page.goto(shown.address)
    expect(page.locator("[data-stale]")).to_be_hidden()
    page.wait_for_timeout(300)
    page.clock.run_for(61_000)
    expect(page.locator("[data-stale]")).to_be_visible()
    expect(page.locator("[data-live-line]")).to_contain_text("no longer hears")


def test_it_fits_at_twice_the_size(chromium: Browser, shown: Gallery) -> None:
    context = chromium.new_context(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    page = opened(context, shown)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_arabic_reads_from_the_right(page: Page) -> None:
    quote = page.locator(".texts blockquote").first
    assert quote.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
