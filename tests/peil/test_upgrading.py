"""The index of an older peil is written anew by one process at a time."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from index.contract import Progress
from peil.backends import UPGRADE
from peil.pipeline import Pipeline
from stream.clock import ManualClock
from stream.errors import Retry
from stream.testing import START
from tests.conftest import Opened


@pytest.fixture
def pipeline(open_city: Opened) -> Pipeline:
    return open_city("upload", clock=ManualClock(START))


class Older:
    """A store with three posts of an older peil, written anew one by one."""

    def __init__(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[int] = []
        self.held: list[bool] = []
        self._pipeline = pipeline
        monkeypatch.setattr(pipeline.store, "upgrade", self._upgrade)

    def _upgrade(self, progress: Progress) -> int:
        for number in (1, 2, 3):
            self.done.append(number)
            self.held.append(self._pipeline.locks.is_held(UPGRADE))
            progress(number, 3)
        return 3


def test_who_upgrades_holds_the_lock(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    older = Older(pipeline, monkeypatch)
    pipeline.index_worker()
    assert older.held == [True, True, True]
    assert not pipeline.locks.is_held(UPGRADE)
    assert "written anew: 3 posts" in caplog.text


def test_another_one_is_waited_for_until_the_end_of_it_or_of_this(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = Older(pipeline, monkeypatch)
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(len(older.done))
        return len(asked) > 3

    with pipeline.locks.hold(UPGRADE) as theirs:
        assert theirs
        pipeline.upgrade_store(stopping=stopping)
    assert asked == [0, 0, 0, 0]
    assert not older.done
    pipeline.upgrade_store()
    assert older.done == [1, 2, 3]


def test_who_lost_the_lock_writes_no_further_batch(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = Older(pipeline, monkeypatch)

    class Lost:
        """Until the second batch."""

        def __bool__(self) -> bool:
            return len(older.done) < 2

    @contextmanager
    def hold(*_: object, **__: object) -> Generator[Lost]:
        yield Lost()

    monkeypatch.setattr(type(pipeline.locks), "wait_for", hold)
    with pytest.raises(Retry, match="another process may"):
        pipeline.upgrade_store()
    assert older.done == [1, 2]
