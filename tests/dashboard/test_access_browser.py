"""The doors in a real browser: what it sends and keeps is what counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.chromium import served
from bench.servers.certificates import Authority
from bench.servers.server import free_port
from dashboard.roles import Role
from dashboard.testing import PASSWORD

FOLDERS_PURPOSE = "prevention: nuisance around New Year"

pytestmark = pytest.mark.xdist_group("chromium")


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
    with served(house.app, house.entrance.site):
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
    with served(house.app, house.entrance.site):
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
    with served(house.app, house.entrance.site):
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        log_in(page, f"https://127.0.0.1:{port}/")
        assert '"account":"jan"' in page.content()
        (cookie,) = context.cookies()
        assert cookie["name"] == "__Host-peil"
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert page.evaluate("document.cookie") == ""
