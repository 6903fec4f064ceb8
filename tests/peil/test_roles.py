import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from peil.backends import HOUSE
from peil.collecting import METRICS_MS
from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.roles import AWAY_SECONDS, ROLES, RoleProcess, house, index
from peil.settings import Settings
from peil.supervisor import SIGNALS, STOPPED
from stream.broker import Entry, Record
from stream.clock import HOUR_MS, MINUTE_MS, ManualClock
from stream.errors import Retry, Stop
from stream.local import LocalBroker
from stream.metrics import PrometheusMetrics
from stream.quarantine import Quarantine
from stream.testing import START
from stream.topics import LABELLED
from stream.worker import Result, Worker

if TYPE_CHECKING:
    from peil.pipeline import Pipeline

ROUND_MS = 20 * MINUTE_MS
ALONE = """
import logging, sys
from pathlib import Path
from peil.roles import RoleProcess
from peil.settings import Settings
from peil.supervisor import Supervisor
from stream.clock import SystemClock

settings = Settings.model_validate({"purpose": "a test"})
target = RoleProcess(Path(sys.argv[1]), settings, roles=["collect"], log_level=logging.WARNING)
Supervisor(["collect"], target, clock=SystemClock(), drain_seconds=5).run()
"""
"""A `peil run` of one role."""


def stage(
    root: Path,
    clock: ManualClock,
    *,
    roles: list[str],
    worker: object,
    metrics: PrometheusMetrics | None = None,
) -> "Pipeline":
    """As much of a pipeline as the roles `house` and `index` ask for."""

    def serving(**_: object) -> AbstractContextManager[bool]:
        return nullcontext(enter_result=True)

    return cast(
        "Pipeline",
        SimpleNamespace(
            backend=SimpleNamespace(roles=roles, housekeeping_ms=ROUND_MS, serving=serving),
            clock=clock,
            folder=WorkingFolder(root),
            index_worker=lambda **_: worker,
            locks=WorkingFolder(root),
            metrics=metrics or PrometheusMetrics(),
            store=SimpleNamespace(problems=list),
        ),
    )


class Rounds:
    """A pipeline of which nothing works but the clock, and when house was kept on it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, *, roles: list[str]) -> None:
        self.clock = ManualClock(START)
        self.at: list[int] = []
        monkeypatch.setattr("peil.roles.keep_house", lambda _: self.at.append(self.minute))

        worker = SimpleNamespace(name="index", turn=self._turn, lag=lambda: 0)
        self.pipeline = stage(root, self.clock, roles=roles, worker=worker)

    @property
    def minute(self) -> int:
        return self.clock.elapsed() // MINUTE_MS

    def _turn(self, *, timeout: float, stopping: Callable[[], bool]) -> int:
        del stopping
        self.clock.sleep(timeout)
        return 0

    def stopping(self, *, by: int) -> Callable[[], bool]:
        """The clock goes by `by` ms after an hour; the end is after three."""
        jumped = False

        def ask() -> bool:
            nonlocal jumped
            if self.minute >= 60 and not jumped:
                self.clock.set(self.clock.now() + by)
                jumped = True
            return self.clock.elapsed() >= 3 * HOUR_MS

        return ask


@pytest.mark.parametrize("by", [-6 * HOUR_MS, 6 * HOUR_MS])
@pytest.mark.parametrize(("role", "roles"), [(house, [HOUSE]), (index, [])])
def test_rounds_follow_each_other_however_the_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Any, roles: list[str], by: int
) -> None:
    rounds = Rounds(tmp_path, monkeypatch, roles=roles)
    role(rounds.pipeline, Pulse(clock=rounds.clock), rounds.stopping(by=by))
    assert rounds.at == list(range(0, 180, 20))


@pytest.mark.parametrize(("role", "roles"), [(house, [HOUSE]), (index, [])])
def test_a_role_goes_on_where_its_metrics_cannot_be_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    role: Any,
    roles: list[str],
) -> None:
    rounds = Rounds(tmp_path, monkeypatch, roles=roles)
    folder = rounds.pipeline.folder.metrics
    folder.parent.mkdir()
    folder.write_text("a file in the place of a folder")
    role(rounds.pipeline, Pulse(clock=rounds.clock), rounds.stopping(by=0))
    assert rounds.at == list(range(0, 180, 20))
    (told,) = (each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    assert told.startswith(f"{folder / role.__name__}.prom cannot be written (File exists)")


def test_what_waits_is_told_while_a_batch_is_tried_again(tmp_path: Path) -> None:
    """As long as an outage lasts, in which the worker finishes nothing."""
    clock, metrics = ManualClock(START), PrometheusMetrics()
    broker = LocalBroker(tmp_path / "log", clock=clock)
    written = WorkingFolder(tmp_path).metrics / "index.prom"

    def away(_records: Sequence[Record]) -> Result:
        raise Retry("the store is away")

    worker = Worker(
        broker,
        group="index",
        topics=[LABELLED.name],
        step=away,
        quarantine=Quarantine(broker, clock=clock),
        clock=clock,
        metrics=metrics,
        on_gap=lambda gap: pytest.fail(str(gap)),
        rng=random.Random(1),
    )
    appended, told, end = [clock.elapsed()], "", HOUR_MS // 4

    def stopping() -> bool:
        nonlocal told
        if clock.elapsed() >= end:
            return True
        broker.append(LABELLED.name, [Entry("more", b"x")])
        appended.append(clock.elapsed())
        told = written.read_text() if written.exists() else ""
        return False

    broker.append(LABELLED.name, [Entry("first", b"x")])
    pipeline = stage(tmp_path, clock, roles=[HOUSE], worker=worker, metrics=metrics)
    index(pipeline, Pulse(clock=clock), stopping)
    worker.close()
    broker.close()
    long_ago = sum(each < end - 3 * METRICS_MS for each in appended)
    (lag,) = re.findall(r'peil_worker_lag_records{worker="index"} (\S+)', told)
    assert 50 < long_ago <= float(lag) <= len(appended)
    assert "peil_worker_retries_total" in told


@pytest.fixture
def _own_signals() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_own_signals")
def test_a_role_begins_anew_when_the_error_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []

    def role(*_: object) -> None:
        begun.append(time.monotonic())
        raise Retry("busy", after=0.2) if len(begun) == 1 else Stop("enough")

    monkeypatch.setitem(ROLES, HOUSE, role)
    root = WorkingFolder.init(tmp_path / "city").root
    settings = Settings.model_validate({"purpose": "a test"})
    assert RoleProcess(root, settings, roles=[HOUSE], log_level=0)(HOUSE) == STOPPED
    assert 0.2 <= begun[1] - begun[0] < AWAY_SECONDS - 1


@pytest.mark.kill
def test_a_role_ends_when_the_peil_run_that_started_it_is_killed(tmp_path: Path) -> None:
    folder = WorkingFolder.init(tmp_path / "city")
    running = subprocess.Popen([sys.executable, "-c", ALONE, str(folder.root)])
    children: list[psutil.Process] = []
    try:
        until((folder.metrics / "collect.prom").exists)
        children = psutil.Process(running.pid).children(recursive=True)
        assert children
        running.kill()
        running.wait()
        until(lambda: all(map(ended, children)))
    finally:
        for each in children:
            if not ended(each):
                each.kill()
        running.kill()
        running.wait()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # nobody asked yet how it ended
    except psutil.NoSuchProcess:
        return True
