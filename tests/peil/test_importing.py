"""Collecting by hand: what is told when, and how it ends when somebody asks it to."""

import json
import logging
from pathlib import Path

import pytest

from ingest.account import Account
from ingest.files.collector import FileCollector, FileSettings
from peil.backends import INDEX
from peil.importing import bring
from peil.pipeline import Pipeline
from stream.clock import ManualClock
from stream.errors import Retry, Stop
from stream.testing import START
from tests.conftest import Opened


class Pressed:
    """Whether somebody asked to end, from some moment on."""

    def __init__(self) -> None:
        self.now = False

    def __call__(self) -> bool:
        return self.now


@pytest.fixture
def pipeline(open_city: Opened, tmp_path: Path) -> Pipeline:
    """Three posts of source `upload` wait in its log."""
    clock = ManualClock(START)
    pipeline = open_city("upload", clock=clock)
    path = tmp_path / "posts.ndjson"
    path.write_text("".join(
        json.dumps({"id": str(n), "author": f"user_{n}x", "body": f"Lekker weer {n}"}) + "\n"
        for n in range(3)
    ))  # fmt: skip
    collector = FileCollector(FileSettings(), clock=clock, paths=[path])
    assert pipeline.ingestion.collect(pipeline.sources["upload"], collector).appended == 3
    return pipeline


def no_progress(_stage: str, _items: int, _total: int | None) -> None:
    return


@pytest.mark.parametrize("stage", ["before", "enriched", "indexed"])
def test_who_asks_to_end_does_not_wait_for_what_others_left(pipeline: Pipeline, stage: str) -> None:
    pressed = Pressed()

    def progress(at: str, _items: int, _total: int | None) -> None:
        pressed.now = pressed.now or at == stage

    def collecting() -> Account:
        progress("before", 0, None)
        return Account()

    ended = bring(pipeline, collecting, progress=progress, stopping=pressed)
    assert not ended.drained
    indexed = sum(pipeline.store.partitions().values())
    assert indexed == (3 if stage == "indexed" else 0)
    done = bring(pipeline, Account, progress=no_progress)
    assert done.drained
    pipeline.store.reload()
    assert sum(pipeline.store.partitions().values()) == 3


def test_what_was_left_is_said_to_be_left(pipeline: Pipeline) -> None:
    account = Account()
    account.read = account.appended = 3
    ended = bring(pipeline, lambda: account, progress=no_progress, stopping=lambda: True)
    assert ended.rows() == [
        {"outcome": "collected, for the next import or peil run to index", "items": 3}
    ]
    (warning,) = account.warnings
    assert "not all that waits in the log was indexed" in warning


def test_who_asks_to_end_does_not_wait_for_another_process(pipeline: Pipeline) -> None:
    with pipeline.locks.hold(INDEX) as mine:
        assert mine
        assert not bring(pipeline, Account, progress=no_progress, stopping=lambda: True).drained
    source = pipeline.sources["upload"]
    collector = FileCollector(FileSettings(), clock=pipeline.clock)
    with pipeline.locks.hold("source-upload"), pytest.raises(Retry, match="another process"):
        pipeline.ingestion.collect(source, collector, wait=True, stopping=lambda: True)


@pytest.mark.parametrize("kind", [Retry, Stop])
def test_an_error_is_told_before_what_waits_is_indexed(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, kind: type[Retry | Stop]
) -> None:
    told: list[str] = []

    def progress(_stage: str, _items: int, _total: int | None) -> None:
        told.extend(caplog.messages)

    def collecting() -> Account:
        raise kind("the host is away")

    with caplog.at_level(logging.WARNING), pytest.raises(kind, match="host is away"):
        bring(pipeline, collecting, progress=progress)
    assert told[0].startswith("the host is away")
    pipeline.store.reload()
    assert sum(pipeline.store.partitions().values()) == 3
