"""Pictures of every page and state, for people to look at.

    python bench/pictures.py FOLDER OUT

FOLDER is the working folder of a demo (`peil demo FOLDER --no-dashboard`). Each page is taken in
Dutch and English, wide and narrow, light and dark. So are states: nothing that may be shown, a
broken query, a lost stream, a part on its way and one that did not come, a used-up quota of texts,
nothing collected. Chromium must be there. With `--documents`, only those that stand in docs/, one
of each; with `--only NAME …` only those pages and states.
"""

import argparse
import itertools
import tempfile
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.chromium import chromium, served
from bench.servers.server import free_port
from dashboard.application import create
from peil.command.users import one_time_link
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from stream.clock import SystemClock

WIDTHS = {"wide": 1440, "narrow": 390}
PAGES = {
    "monitor": "/",
    "monitor-share": "/?measure=share&period=3m",
    "phenomenon": "/phenomena/vuurwerkoverlast",
    "phenomenon-compared": "/phenomena/woningnood?period=3m&with=eenzaamheid",
    "phenomenon-years": "/phenomena/woningnood/years",
    "explore": "/explore?rule=woningnood&period=3m",
    "explore-filtered": "/explore?rule=woningnood&source=buurtplein&language=nl&sentiment=negative",
    "explore-context": "/explore?rule=eenzaamheid&tab=context",
    "explore-compare": "/explore?rule=eenzaamheid&tab=compare&with=before",
    "explore-suppressed": "/explore?rule=woningnood&language=ar&sentiment=positive&period=7d",
    "rules": "/rules",
    "sources": "/sources",
    "accounts": "/accounts",
    "error": "/explore?since=2026-13-01",
    "nothing-there": "/phenomena/nergens",
}
DOCUMENTS = {
    "monitor": ("/", "en", "wide", "light"),
    "monitor-narrow": ("/", "nl", "narrow", "light"),
    "phenomenon": ("/phenomena/vuurwerkoverlast", "en", "wide", "light"),
    "explore": ("/explore?rule=woningnood&period=3m", "en", "wide", "light"),
    "explore-context": ("/explore?rule=eenzaamheid&tab=context", "nl", "wide", "dark"),
    "sources": ("/sources", "nl", "wide", "light"),
}

PURPOSE = "purpose=trying"
"""Of the empty folder."""


@contextmanager
def shown(folder: WorkingFolder, *more: str) -> Generator[str]:
    """The dashboard of `folder`, with `more` settings; gives the address that lets one in."""
    said = [f"dashboard.listen='127.0.0.1:{free_port()}'", *more]
    settings = load_settings(folder.settings, environ={}, overrides=said)
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        entrance = entrance_of(pipeline)
        with served(create(city_of(pipeline), entrance), entrance.site):
            yield one_time_link(pipeline)


def take(page: Page, path: Path, address: str) -> None:
    page.goto(address)
    page.wait_for_timeout(900)  # parts that come by themselves
    page.screenshot(path=path, full_page=True)


def look(page: Page, *, width: str, scheme: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")


def speak(page: Page, address: str, language: str) -> None:
    domain = address.split("/")[2].partition(":")[0]
    page.context.add_cookies(
        [{"name": "language", "value": language, "domain": domain, "path": "/"}]
    )


def broken_query(page: Page, site: str) -> None:
    """A query in which something is wrong."""
    page.goto(site)
    token = page.locator("meta[name=csrf]").get_attribute("content") or ""
    written = page.request.post(
        f"{site}/api/v1/queries",
        data={"words": "(fatbike NEAR/x overlast) from:jan"},
        headers={"X-CSRF-Token": token},
    )
    page.goto(f"{site}/explore?q={written.json()['id']}")


def lost_stream(page: Page, site: str) -> None:
    """A page that has not heard of newer data for more than a minute."""
    page.clock.install()
    page.route("**/api/v1/live*", lambda route: route.fulfill(status=503))
    page.goto(site)
    page.wait_for_timeout(900)
    page.clock.run_for(61_000)


def on_its_way(page: Page, site: str) -> None:
    """A part that is still being counted."""
    page.route("**/terms*", lambda _route: None)
    page.goto(site + PAGES["phenomenon"])


def not_come(page: Page, site: str) -> None:
    """A part that could not be fetched."""
    page.route("**/terms*", lambda route: route.abort())
    page.goto(site + PAGES["phenomenon"])


def used_up(page: Page, site: str) -> None:
    """Texts, by somebody who read enough for a day."""
    for _ in range(2):
        page.goto(site + PAGES["explore-context"])


STATES: Mapping[str, Callable[[Page, str], None]] = {
    "state-broken-query": broken_query,
    "state-lost-stream": lost_stream,
    "state-on-its-way": on_its_way,
    "state-not-come": not_come,
    "state-used-up": used_up,
}
EMPTY = {
    "empty-monitor": "/",
    "empty-phenomenon": PAGES["phenomenon"],
    "empty-explore": "/explore",
    "empty-sources": "/sources",
}


def variants(browser: Browser, link: str) -> Iterator[tuple[Page, str, str]]:
    """A page in each language, width and scheme; with its site, and what its picture is called."""
    site = link.split("/enter", maxsplit=1)[0]
    context = browser.new_context()
    context.new_page().goto(link)
    for language, width, scheme in itertools.product(("nl", "en"), WIDTHS, ("light", "dark")):
        page = context.new_page()
        speak(page, site, language)
        look(page, width=width, scheme=scheme)
        yield page, site, f"{language}-{width}-{scheme}"
        page.close()
    context.close()


def documents(browser: Browser, folder: WorkingFolder, out: Path) -> None:
    """The pictures that stand in docs/."""
    with shown(folder) as link:
        page = browser.new_page()
        page.goto(link)
        site = link.split("/enter", maxsplit=1)[0]
        for name, (path, language, width, scheme) in DOCUMENTS.items():
            speak(page, site, language)
            look(page, width=width, scheme=scheme)
            take(page, out / f"{name}.png", site + path)


def pages(
    browser: Browser, folder: WorkingFolder, out: Path, chosen: Mapping[str, str], *more: str
) -> None:
    """Every one of the `chosen` pages, with `more` settings."""
    with shown(folder, *more) as link:
        for page, site, variant in variants(browser, link):
            for name, path in chosen.items():
                take(page, out / f"{name}-{variant}.png", site + path)


def states(browser: Browser, folder: WorkingFolder, out: Path, names: Collection[str]) -> None:
    """Every one of the states called so."""
    for name in names:
        with shown(folder, "privacy.text_reads_a_day=1") as link:
            for page, site, variant in variants(browser, link):
                STATES[name](page, site)
                page.wait_for_timeout(900)
                page.screenshot(path=out / f"{name}-{variant}.png", full_page=True)


def main(folder: WorkingFolder, out: Path, *, only: Collection[str]) -> None:
    wanted = only or {*PAGES, *STATES, *EMPTY}
    with chromium() as browser:
        pages(browser, folder, out, {name: PAGES[name] for name in PAGES if name in wanted})
        states(browser, folder, out, [name for name in STATES if name in wanted])
        with tempfile.TemporaryDirectory() as temporary:
            empty = _empty(Path(temporary) / "empty")
            chosen = {name: EMPTY[name] for name in EMPTY if name in wanted}
            pages(browser, empty, out, chosen, PURPOSE)


def _empty(root: Path) -> WorkingFolder:
    """A folder whose rules count and that has no posts."""
    folder = WorkingFolder.init(root)
    settings = load_settings(folder.settings, environ={}, overrides=[PURPOSE])
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        pipeline.rulebook.sync(pipeline.book)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pictures of every page and state.")
    parser.add_argument("folder", type=Path, help="the working folder of a demo")
    parser.add_argument("out", type=Path, help="where the pictures go")
    parser.add_argument("--documents", action="store_true", help="only those of docs/")
    names = (*PAGES, *STATES, *EMPTY)
    parser.add_argument("--only", nargs="+", default=(), choices=names, metavar="NAME")
    chosen = parser.parse_args()
    folder = WorkingFolder.open(chosen.folder)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.documents:
        with chromium() as launched:
            documents(launched, folder, chosen.out)
    else:
        main(folder, chosen.out, only=chosen.only)
