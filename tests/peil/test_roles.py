from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from peil.backends import HOUSE
from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.roles import house, index
from stream.clock import HOUR_MS, MINUTE_MS, ManualClock
from stream.metrics import PrometheusMetrics
from stream.testing import START

if TYPE_CHECKING:
    from peil.pipeline import Pipeline

ROUND_MS = 20 * MINUTE_MS


class Rounds:
    """A pipeline of which nothing works but the clock, and when house was kept on it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, *, roles: list[str]) -> None:
        self.clock = ManualClock(START)
        self.at: list[int] = []
        monkeypatch.setattr("peil.roles.keep_house", lambda _: self.at.append(self.minute))

        def serving(**_: object) -> AbstractContextManager[bool]:
            return nullcontext(enter_result=True)

        backend = SimpleNamespace(roles=roles, housekeeping_ms=ROUND_MS, serving=serving)
        worker = SimpleNamespace(name="index", turn=self._turn, lag=lambda: 0)
        self.pipeline = cast(
            "Pipeline",
            SimpleNamespace(
                backend=backend,
                clock=self.clock,
                folder=WorkingFolder(root),
                index_worker=lambda: worker,
                locks=WorkingFolder(root),
                metrics=PrometheusMetrics(),
                store=SimpleNamespace(problems=list),
            ),
        )

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
