"""Pictures of every page and state, for people to look at.

    python bench/pictures.py FOLDER OUT

FOLDER is the working folder of a demo (`peil demo FOLDER --no-dashboard`). Each page is taken in
Dutch and English, wide and narrow, light and dark; states that a demo does not have are made:
nothing collected, nothing that may be shown, a broken query, a lost stream. Chromium must be
there. With `--documents`, only those that stand in docs/, one of each; with `--only NAME …` only
those pages.
"""

import argparse
import itertools
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

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


@contextmanager
def shown(folder: WorkingFolder) -> Generator[str]:
    """The dashboard of `folder`; gives the address that lets one in."""
    override = f"dashboard.listen='127.0.0.1:{free_port()}'"
    settings = load_settings(folder.settings, environ={}, overrides=[override])
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        entrance = entrance_of(pipeline)
        with served(create(city_of(pipeline), entrance), entrance.site):
            yield one_time_link(pipeline)


def take(page: Page, path: Path, address: str, *, width: str, scheme: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    page.wait_for_timeout(900)  # parts that come by themselves
    page.screenshot(path=path, full_page=True)


def speak(page: Page, address: str, language: str) -> None:
    domain = address.split("/")[2].partition(":")[0]
    page.context.add_cookies(
        [{"name": "language", "value": language, "domain": domain, "path": "/"}]
    )


def main(folder: WorkingFolder, out: Path, *, documents: bool, only: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        with shown(folder) as link:
            page = browser.new_page()
            page.goto(link)
            site = link.split("/enter")[0]
            if documents:
                for name, (path, language, width, scheme) in DOCUMENTS.items():
                    speak(page, site, language)
                    take(page, out / f"{name}.png", site + path, width=width, scheme=scheme)
                return
            for language, width, scheme in itertools.product(
                ("nl", "en"), WIDTHS, ("light", "dark")
            ):
                speak(page, site, language)
                for name, path in PAGES.items():
                    if only and name not in only:
                        continue
                    target = out / f"{name}-{language}-{width}-{scheme}.png"
                    take(page, target, site + path, width=width, scheme=scheme)
        if only:
            return
        with tempfile.TemporaryDirectory() as temporary:
            empty = WorkingFolder.init(Path(temporary) / "empty")
            text = empty.settings.read_text("utf-8").replace('purpose = ""', 'purpose = "trying"')
            empty.settings.write_text(text, "utf-8")
            with shown(empty) as link:
                page = browser.new_page()
                page.goto(link)
                site = link.split("/enter")[0]
                for name, path in (
                    ("monitor", "/"),
                    ("explore", "/explore"),
                    ("sources", "/sources"),
                ):
                    target = out / f"{name}-empty.png"
                    take(page, target, site + path, width="wide", scheme="light")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", action="store_true")
    parser.add_argument("--only", nargs="+", default=(), choices=PAGES, metavar="NAME")
    chosen = parser.parse_args()
    folder = WorkingFolder.open(chosen.folder)
    main(folder, chosen.out, documents=chosen.documents, only=chosen.only)
