"""The server of the dashboard in its process, and the clock by which it sees what is new."""

import logging
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from dashboard.city import Snapshot
from dashboard.listening import open_doors
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
    app: ASGIApp,
    site: Site,
    snapshot: Snapshot,
    *,
    every: float,
    turn: Callable[[], None],
    stopping: Callable[[], bool],
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Answer until `stopping` says so, and look for newer data `every` so many seconds; `turn` is
    told each time that it was looked for, `listening` once it can be come to. Stop when it cannot
    listen.
    """
    doors = open_doors(site)
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
            server.run(sockets=doors)
        except (SystemExit, Exception) as error:  # noqa: BLE001  (raised where it is waited for)
            failed.append(error)
        finally:
            for door in doors:
                door.close()

    thread = threading.Thread(target=run, name="dashboard", daemon=True)
    thread.start()
    wake = threading.Event()
    left = every
    told = False
    while thread.is_alive() and not stopping():
        wake.wait(0.2)
        if server.started and not told:
            listening()
            told = True
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
        if isinstance(failed[0], SystemExit):
            raise Stop("the server of the dashboard cannot start; what stands above says why")
        raise failed[0]
