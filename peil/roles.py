"""What runs in each process of `peil run`."""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from peil.backends import HOUSE
from peil.collecting import METRICS_MS, collect
from peil.folder import WorkingFolder
from peil.health import HealthServer, Pulse, nth_address
from peil.housekeeping import keep_house
from peil.pipeline import Pipeline
from peil.rulebook import SINGLE_AUTHOR
from peil.settings import Settings
from peil.supervisor import SIGNALS, STOPPED
from stream.clock import MINUTE_MS, SystemClock
from stream.errors import Retry, Stop
from stream.metrics import PrometheusMetrics
from stream.worker import POLL_SECONDS, Worker

logger = logging.getLogger(__name__)

AWAY_SECONDS = 5.0
DASHBOARD = "dashboard"

Role = Callable[[Pipeline, Pulse, Callable[[], bool]], None]
"""Works until the last argument says that it is to end, and tells the pulse how it does."""


def enrich(pipeline: Pipeline, pulse: Pulse, stopping: Callable[[], bool]) -> None:
    """From `posts` to `labelled`. May run several times; the partitions are shared out."""
    worker = pipeline.enrich_worker(in_time=True)
    _work(pipeline, worker, pulse, stopping, house=lambda: _end_rules(pipeline))


def index(pipeline: Pipeline, pulse: Pulse, stopping: Callable[[], bool]) -> None:
    """From `labelled` into the store. May run several times where the store has several writers;
    else another one waits, and the one that writes keeps house too.
    """
    with pipeline.backend.serving(give_up=stopping) as mine:
        if mine:
            for problem in pipeline.store.problems():
                logger.warning("%s", problem)
            tidy = _nothing if HOUSE in pipeline.backend.roles else lambda: _keep_house(pipeline)
            with pulse.busy():  # an index of an older peil is written anew
                worker = pipeline.index_worker(stopping=stopping)
            _work(pipeline, worker, pulse, stopping, house=tidy)


def house(pipeline: Pipeline, pulse: Pulse, stopping: Callable[[], bool]) -> None:
    """Keeps house where the index role does not. Another one waits, to take over when this one
    is gone.
    """
    if HOUSE not in pipeline.backend.roles:
        raise Stop("on one machine the index role keeps house: there is no role `house`")
    clock, metrics = pipeline.clock, pipeline.metrics
    while not stopping():
        with pipeline.locks.wait_for(
            HOUSE, clock=clock, give_up=pulse.standing_by(stopping)
        ) as mine:
            next_house = next_metrics = clock.elapsed()
            while mine and not stopping():
                if clock.elapsed() >= next_house:
                    with pulse.busy():
                        _keep_house(pipeline)
                    next_house = clock.elapsed() + pipeline.backend.housekeeping_ms
                if clock.elapsed() >= next_metrics:
                    metrics.write(pipeline.folder.metrics / "house.prom")
                    next_metrics = clock.elapsed() + METRICS_MS
                pulse.turned()
                clock.sleep(POLL_SECONDS)


def _end_rules(pipeline: Pipeline) -> None:
    """Rules whose date passed while peil runs count no longer."""
    pipeline.rulebook.publish()


def _nothing() -> None:
    """What is not this role's to do."""


def _keep_house(pipeline: Pipeline) -> None:
    logger.info("kept house: %s", keep_house(pipeline))


def _nobody(_pipeline: Pipeline) -> None:
    """Nobody waits for the dashboard."""


def dashboard(
    pipeline: Pipeline,
    pulse: Pulse,
    stopping: Callable[[], bool],
    *,
    listening: Callable[[Pipeline], None] = _nobody,
) -> None:
    """Shows it all, and tells `listening` once it can be come to. May run several times behind a
    proxy that keeps a reader at one of them.
    """
    from peil.showing import show  # noqa: PLC0415  (what it needs takes a second to load)

    show(pipeline, pulse, stopping, listening=partial(listening, pipeline))


ROLES: Mapping[str, Role] = {
    "collect": collect,
    "enrich": enrich,
    "index": index,
    HOUSE: house,
    DASHBOARD: dashboard,
}
"""By name, in the order in which a post passes them; `Backend.roles` says which there are."""


def _work(
    pipeline: Pipeline,
    worker: Worker,
    pulse: Pulse,
    stopping: Callable[[], bool],
    *,
    house: Callable[[], None],
) -> None:
    clock, metrics = pipeline.clock, pipeline.metrics
    next_house = next_metrics = clock.elapsed()

    def tell() -> None:
        nonlocal next_metrics
        if clock.elapsed() >= next_metrics:
            metrics.gauge("peil_worker_lag_records", worker.lag(), worker=worker.name)
            metrics.write(pipeline.folder.metrics / f"{worker.name}.prom")
            next_metrics = clock.elapsed() + METRICS_MS

    def asked_again() -> bool:
        """`stopping` between the tries of a batch, which may go on as long as an outage does."""
        with suppress(Retry):  # the log is away as well: what waits there is not known
            tell()
        return stopping()

    while not stopping():
        worker.turn(timeout=POLL_SECONDS, stopping=asked_again)
        pulse.turned()
        if clock.elapsed() >= next_house:
            next_house = clock.elapsed() + pipeline.backend.housekeeping_ms
            try:
                with pulse.busy():
                    house()
            except Retry as error:
                logger.warning("%s: trying again in a minute: %s", worker.name, error)
                next_house = clock.elapsed() + MINUTE_MS
        tell()


class RoleProcess:
    """What a process of `peil run` is given: it travels to the new process by pickling, and so
    does `listening`, which is told when the dashboard can be come to.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        *,
        roles: Sequence[str],
        log_level: int,
        listening: Callable[[Pipeline], None] = _nobody,
    ) -> None:
        self._root = root
        self._settings = settings
        self._roles = roles
        self._log_level = log_level
        self._listening = listening

    def __call__(self, role: str) -> int:
        """Run `role` until SIGTERM or SIGINT, or until the process that started it for `peil run`
        is gone; returns the exit code.
        """
        logging.basicConfig(level=self._log_level, format=f"%(asctime)s {role} %(message)s")
        stop = threading.Event()
        for number in SIGNALS:
            signal.signal(number, lambda _number, _frame: stop.set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        clock = SystemClock()
        pulse = Pulse(clock=clock)
        parent = multiprocessing.parent_process()  # None where a person started this role alone

        def stopping() -> bool:
            pulse.beat()
            if parent is not None and not parent.is_alive() and not stop.is_set():
                # Nobody would end it, and the next `peil run` finds its ports and locks taken.
                logger.warning("`peil run` was killed: this role ends too")
                stop.set()
            return stop.is_set()

        metrics = PrometheusMetrics()
        try:
            with self._health(pulse, metrics, role):
                while not stopping():
                    try:
                        self._work(role, pulse, metrics, stopping)
                    except Retry as error:  # what it needs is away: it waits, and begins anew
                        seconds = error.after or AWAY_SECONDS
                        logger.warning("again in %.0f s: %s", seconds, error)
                        until = clock.elapsed() + int(seconds * 1000)
                        while not stopping() and clock.elapsed() < until:
                            stop.wait(min(seconds, POLL_SECONDS))
        except Stop as error:
            logger.error("%s", error)  # noqa: TRY400  (the message says it all)
            return STOPPED
        return 0

    def _work(
        self,
        role: str,
        pulse: Pulse,
        metrics: PrometheusMetrics,
        stopping: Callable[[], bool],
    ) -> None:
        folder = WorkingFolder.open(self._root)
        with Pipeline(folder, self._settings, clock=SystemClock(), metrics=metrics) as pipeline:
            if ROLES[role] is enrich:
                if self._settings.rules.single_author:
                    logger.warning("%s", SINGLE_AUTHOR)
                with pulse.busy():  # a model may have to be built
                    pipeline.publish_rules()
            if ROLES[role] is dashboard:
                dashboard(pipeline, pulse, stopping, listening=self._listening)
            else:
                ROLES[role](pipeline, pulse, stopping)

    def _health(
        self, pulse: Pulse, metrics: PrometheusMetrics, role: str
    ) -> AbstractContextManager[object]:
        listen = self._settings.service.listen
        if not listen:
            return nullcontext()
        address = nth_address(listen, self._roles.index(role))
        return HealthServer(address, pulse=pulse, metrics=metrics)
