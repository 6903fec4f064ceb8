"""The server of the dashboard in its process, and the clock by which it sees what is new."""

import logging
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from dashboard.city import Snapshot
from dashboard.site import Site
from stream.errors import Retry, Stop

logger = logging.getLogger(__name__)

LAST_SECONDS = 3
"""So long an open answer, such as a stream of events, may take when the server ends."""


class Server(uvicorn.Server):
    """uvicorn, ended by whoever started it and not by signals of its own."""

    def install_signal_handlers(self) -> None:
        """None: the process that runs the dashboard has its own."""


def serve(
    app: FastAPI,
    site: Site,
    snapshot: Snapshot,
    *,
    every: float,
    turn: Callable[[], None],
    stopping: Callable[[], bool],
) -> None:
    """Answer until `stopping` says so, and look for newer data `every` so many seconds; `turn` is
    told each time that it was looked for. Stop when the address is taken.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        timeout_graceful_shutdown=LAST_SECONDS,
        **site.server_options(),
    )
    server = Server(config)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except (SystemExit, OSError) as error:  # uvicorn exits when it cannot listen
            failed.append(error)

    thread = threading.Thread(target=run, name="dashboard", daemon=True)
    thread.start()
    wake = threading.Event()
    left = every
    while thread.is_alive() and not stopping():
        wake.wait(0.2)
        left -= 0.2
        if left <= 0:
            left = every
            try:
                snapshot.renew()
            except Retry as error:
                logger.warning("what is new could not be seen yet: %s", error)
            turn()
    server.should_exit = True
    thread.join()
    if failed:
        raise Stop(
            f"the dashboard cannot listen on {site.host}:{site.port}: is another one running? "
            "Set dashboard.listen to a free port"
        )
