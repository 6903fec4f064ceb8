"""The doors in a real browser: what it sends and keeps is what counts."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from bench.servers.certificates import Authority
from dashboard.roles import Role
from dashboard.testing import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FOLDERS_PURPOSE = "prevention: nuisance around New Year"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(house: Any) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(house.app, log_config=None, **house.entrance.site.server_options())
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while thread.is_alive() and not server.started:
        thread.join(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def log_in(page: Any, address: str) -> None:
    page.goto(address)
    page.fill("#name", "jan")
    page.fill("#password", PASSWORD)
    page.click("button:has-text('Log in')")
    page.check("input[name=purpose]")
    page.click("button:has-text('Go on')")


def test_one_logs_in_chooses_and_leaves_without_a_script(
    build: Callable[..., Any], chromium: Browser
) -> None:
    port = free_port()
    house = build(listen=f"127.0.0.1:{port}")
    house.account("jan", Role.ANALYST)
    here = f"http://127.0.0.1:{port}"
    with served(house):
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        log_in(page, f"{here}/?q=abc")
        assert page.url == f"{here}/?q=abc"
        assert '"account":"jan"' in page.content()
        page.goto(f"{here}/purpose")
        page.click("button:has-text('Log out')")
        assert page.url == f"{here}/enter"
        page.goto(f"{here}/")
        assert page.url == f"{here}/enter?next=%2F"


def test_a_link_on_another_site_leads_in_and_a_form_there_changes_nothing(
    build: Callable[..., Any], chromium: Browser, site: Any
) -> None:
    port = free_port()
    house = build(listen=f"127.0.0.1:{port}")
    house.account("jan", Role.ANALYST)
    here = f"http://127.0.0.1:{port}"
    elsewhere = site.url("/evil").replace("127.0.0.1", "localhost")  # another site to a browser
    page_elsewhere = (
        f'<a href="{here}/?q=abc">look</a><form method="post" action="{here}/leave">'
        "<button>leave</button></form>"
    )
    site.answers["/evil"] = (200, {"Content-Type": "text/html"}, page_elsewhere.encode())
    with served(house):
        context = chromium.new_context()
        page = context.new_page()
        log_in(page, here)
        page.goto(elsewhere)
        page.click("text=look")
        page.wait_for_url(f"{here}/?q=abc")
        assert '"account":"jan"' in page.content()
        page.goto(elsewhere)
        page.click("text=leave")
        assert "another site" in page.content()
        page.goto(here)
        assert '"account":"jan"' in page.content()


def test_over_tls_the_cookie_is_kept_for_this_host_alone(
    build: Callable[..., Any], chromium: Browser, tmp_path: Path
) -> None:
    port = free_port()
    issued = Authority(tmp_path).issue("127.0.0.1")
    house = build(
        listen=f"127.0.0.1:{port}",
        address=f"https://127.0.0.1:{port}",
        certificate_file=str(issued.certificate),
        key_file=str(issued.key),
    )
    house.account("jan", Role.ANALYST)
    with served(house):
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        log_in(page, f"https://127.0.0.1:{port}/")
        assert '"account":"jan"' in page.content()
        (cookie,) = context.cookies()
        assert cookie["name"] == "__Host-peil"
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert page.evaluate("document.cookie") == ""
