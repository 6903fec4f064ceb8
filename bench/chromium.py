"""A real Chromium, and a dashboard that it can open: for tests and for pictures."""

import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

from dashboard.site import Site

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Generator[Browser]:
    """The installed Chromium. Without a sandbox of its own, which containers forbid."""
    if EXECUTABLE is None:
        raise FileNotFoundError("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(app: FastAPI, site: Site) -> Generator[None]:
    """Serve `app` at the address that `site` names, in a thread. Streams that are open at the end
    are cut.
    """
    config = uvicorn.Config(
        app, log_config=None, timeout_graceful_shutdown=1, **site.server_options()
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while thread.is_alive() and not server.started:
        thread.join(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
