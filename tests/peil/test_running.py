"""The life of running sources: side by side, in threads that end, each costing only itself."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ingest import catalogue
from ingest.account import Account
from ingest.catalogue import Kind
from ingest.contract import Batch, Budget, Cursor, Reference, Rejected, Standing
from peil.bulletins import Bulletin, bulletin
from peil.collecting import RECHECK_MS, Collecting, collect
from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.pipeline import Pipeline
from peil.settings import Settings
from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock, ManualClock, to_datetime
from stream.errors import Retry, Stop
from stream.post import RawDelete, RawPost
from stream.testing import START
from stream.topics import POSTS

PATIENCE = 20.0
"""Seconds: what takes longer in a test hangs."""

Script = Callable[[Cursor], Iterator[Batch]]


class Stage:
    """What the sources of a test do, by their ids."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.scripts: dict[str, Script] = {}
        self.standings: dict[str, Standing] = {}
        self.asked: list[list[str]] = []
        self.closed: list[str] = []

    def batch(self, number: int, **said: Any) -> Batch:
        post = RawPost(
            platform="stage",
            native_id=f"native-{number}",
            text=f"een tekst {number}",
            author=f"a{number}",
            observed_at=self.clock.now(),
        )
        return Batch(cursor={"number": number}, read=1, items=[post], **said)

    def once(self, cursor: Cursor) -> Iterator[Batch]:
        yield self.batch(cursor.get("number", 0) + 1)


class NoSettings(BaseModel):
    """Nothing is to be set."""


class Played:
    """A collector that does what the stage says."""

    name = "played"
    Settings = NoSettings
    repeats = True
    live = True
    endless = False
    lot = 25

    def __init__(self, source: str, stage: Stage) -> None:
        self._source = source
        self._stage = stage

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        try:
            yield from self._stage.scripts.get(self._source, self._stage.once)(cursor)
        finally:
            self._stage.closed.append(self._source)

    def reference(self, post: RawPost) -> Reference | None:
        return Reference(post.platform, post.native_id)

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        self._stage.asked.append([each.native_id for each in references])
        for each in references:
            yield self._stage.standings.get(each.native_id, "there")


class Streamed(Played):
    name = "streamed"
    endless = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def stage(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(clock)
    for kind in (Played, Streamed):
        made = Kind(
            settings=NoSettings,
            make=lambda source, _settings, _parts, kind=kind: kind(source.id, stage),
            endless=kind.endless,
        )
        monkeypatch.setitem(catalogue.BUILT_IN, kind.name, made)  # type: ignore[arg-type]  # a dict
    return stage


SOURCES: Mapping[str, str] = {
    "slow": 'collector = "played"\nevery = "1h"',
    "quick": 'collector = "played"\nevery = "1h"',
    "stream": 'collector = "streamed"',
    "hand": 'collector = "played"',
}


@pytest.fixture
def pipeline(tmp_path: Path, clock: ManualClock, stage: Stage) -> Generator[Pipeline]:
    folder = WorkingFolder.init(tmp_path / "city")
    for name, lines in SOURCES.items():
        text = f'id = "{name}"\ntitle = "t"\nkeep = "all"\n{lines}\n'
        (folder.config / "sources" / f"{name}.toml").write_text(text)
    models = str(Path(__file__).parents[2] / ".cache/models")
    settings = Settings.model_validate(
        {"purpose": "a test", "rules": {"single_author": True}, "enrich": {"models": models},
         "service": {"drain_seconds": 8}}
    )  # fmt: skip
    with Pipeline(folder, settings, clock=clock) as pipeline:
        for name in SOURCES:
            pipeline.register.open(
                name, owner="o", purpose="p", basis="b", dpia="d", obtained="x",
                until=to_datetime(START).date() + timedelta(days=300),
            )  # fmt: skip
        yield pipeline


@pytest.fixture
def collecting(pipeline: Pipeline) -> Generator[Collecting]:
    before = threading.active_count()
    with Collecting(pipeline) as collecting:
        yield collecting
    assert threading.active_count() == before


class SlowedClock:
    """A clock whose sleeps take a moment of the wall's: a loop with it does not spin."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        return self._clock.now()

    def elapsed(self) -> int:
        return self._clock.elapsed()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        time.sleep(0.01)


def wait_for(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcomes(pipeline: Pipeline, source: str) -> list[str]:
    return [run.outcome for run in pipeline.ingestion.runs.last(source)]


def told(pipeline: Pipeline, source: str) -> Bulletin:
    return bulletin(pipeline, pipeline.sources[source])


def records(pipeline: Pipeline) -> int:
    return sum(end - start for start, end in pipeline.broker.ends(POSTS.name).values())


def test_a_slow_source_holds_no_other_one_up(
    pipeline: Pipeline, stage: Stage, collecting: Collecting
) -> None:
    held = threading.Event()

    def slowly(cursor: Cursor) -> Iterator[Batch]:
        yield stage.batch(1)
        held.wait(PATIENCE)
        yield stage.batch(2)

    stage.scripts = {"slow": slowly, "stream": slowly}
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "quick") == ["ended"])
    collecting.turn()  # what runs is not begun again
    assert outcomes(pipeline, "slow") == outcomes(pipeline, "stream") == ["running"]
    assert told(pipeline, "slow").state == "running"
    held.set()
    wait_for(lambda: outcomes(pipeline, "slow") == ["ended"])
    assert pipeline.ingestion.memory.cursor("slow") == {"number": 2}


def endless(stage: Stage, brought: list[int]) -> Script:
    def script(cursor: Cursor) -> Iterator[Batch]:
        number = cursor.get("number", 0)
        while True:
            number += 1
            brought.append(number)
            yield stage.batch(number, watermark=stage.clock.now() - 9_000)
            time.sleep(0.01)

    return script


def test_a_stream_ends_after_the_batch_at_hand_and_goes_on_where_it_was(
    pipeline: Pipeline, stage: Stage, clock: ManualClock
) -> None:
    brought: list[int] = []
    stage.scripts["stream"] = endless(stage, brought)
    before = threading.active_count()
    for turn in range(2):
        with Collecting(pipeline) as collecting:
            collecting.turn()
            wait_for(lambda turn=turn: len(brought) > 5 * (turn + 1))  # type: ignore[misc]  # bound
            assert told(pipeline, "stream").lag_seconds == 9
        assert threading.active_count() == before
        assert stage.closed.count("stream") == turn + 1
        assert pipeline.ingestion.memory.cursor("stream") == {"number": brought[-1]}
    assert brought == list(range(1, len(brought) + 1))  # none twice, none left out
    assert outcomes(pipeline, "stream") == ["stopped", "stopped"]
    assert pipeline.ingestion.tallies.totals("stream", since=0)["appended"] == len(brought)


def test_a_pause_ends_a_run_within_a_batch_and_a_resume_lets_it_go_on(
    pipeline: Pipeline, stage: Stage, collecting: Collecting, clock: ManualClock
) -> None:
    brought: list[int] = []
    stage.scripts["stream"] = endless(stage, brought)
    collecting.turn()
    wait_for(lambda: len(brought) > 3)
    pipeline.ingestion.runs.pause(
        "stream", actor="somebody", why="asked to", now=clock.now(), until=None
    )
    until = len(brought) + 1
    wait_for(lambda: outcomes(pipeline, "stream") == ["stopped"])
    assert len(brought) <= until
    collecting.turn()
    assert outcomes(pipeline, "stream") == ["stopped"]
    found = told(pipeline, "stream")
    assert (found.state, found.next_run) == ("paused", None)
    assert found.paused is not None
    assert (found.paused.by, found.paused.why) == ("somebody", "asked to")
    with pytest.raises(Stop, match="paused"):
        pipeline.ingestion.collect(pipeline.sources["stream"], Streamed("stream", stage))
    pipeline.ingestion.runs.resume("stream")
    collecting.turn()
    wait_for(lambda: len(brought) > until + 3)
    assert told(pipeline, "stream").state == "running"


@pytest.mark.parametrize(
    ("error", "recovery", "said"),
    [
        (Retry("the server is busy", after=600), "retry", "the server is busy"),
        (Stop("the key expired: get a new one"), "stop", "the key expired: get a new one"),
        (KeyError("personal-value"), "fault", "KeyError in test_running.py"),
    ],
)
def test_an_error_costs_its_source_and_is_its_state(  # noqa: PLR0917  (fixtures)
    pipeline: Pipeline, stage: Stage, collecting: Collecting, caplog: pytest.LogCaptureFixture,
    clock: ManualClock, error: Exception, recovery: str, said: str,
) -> None:  # fmt: skip
    def fail(_cursor: Cursor) -> Iterator[Batch]:
        yield stage.batch(1)
        raise error

    stage.scripts = {"slow": fail, "stream": fail}
    with caplog.at_level(logging.INFO):
        collecting.turn()
        for source in ("slow", "stream"):
            wait_for(lambda source=source: outcomes(pipeline, source) == ["failed"])  # type: ignore[misc]  # bound
        wait_for(lambda: outcomes(pipeline, "quick") == ["ended"])
        collecting.turn()  # nothing is tried again at once
    for source in ("slow", "stream"):
        found = told(pipeline, source)
        assert found.state == "failing"
        assert found.failing is not None
        assert (found.failing.recovery, found.failing.failures) == (recovery, 1)
        assert found.failing.error.startswith(said)
        assert found.next_run is not None
        assert found.next_run > to_datetime(START)
        assert found.items["appended"] == 1
        assert outcomes(pipeline, source) == ["failed"]
    assert "personal-value" not in caplog.text
    assert said in caplog.text
    assert told(pipeline, "quick").state == "waiting"
    # It works again, and the error is over.
    stage.scripts = {}
    clock.advance(2 * HOUR_MS)
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "slow") == ["failed", "ended"])
    assert told(pipeline, "slow").failing is None


def test_a_part_that_fails_holds_no_other_part_up(
    pipeline: Pipeline, stage: Stage, collecting: Collecting, clock: ManualClock
) -> None:
    def in_part(cursor: Cursor) -> Iterator[Batch]:
        yield from stage.once(cursor)
        yield Batch(cursor=cursor, answered=False)
        raise Retry("1 of 50 feeds failed", after=86_400)

    def not_at_all(cursor: Cursor) -> Iterator[Batch]:
        yield Batch(cursor=cursor, answered=False)
        raise Retry("50 of 50 feeds failed")

    def failed(runs: int) -> bool:
        collecting.turn()  # again, where the thread of the run before has just not ended
        return outcomes(pipeline, "slow") == ["failed"] * runs

    stage.scripts["slow"] = in_part
    for runs in range(1, 9):
        wait_for(partial(failed, runs))
        clock.advance(HOUR_MS)
    assert told(pipeline, "slow").slots == {}
    stage.scripts["slow"] = not_at_all
    waits = []
    for runs in range(9, 12):
        wait_for(partial(failed, runs))
        waits.append(pipeline.ingestion.runs.condition("slow").wait or 0)
        clock.advance(HOUR_MS)
    assert MINUTE_MS <= waits[0] <= 1.25 * MINUTE_MS  # the failures of a part before do not count
    assert waits[0] < waits[1] < waits[2]


def test_a_log_that_takes_nothing_is_tried_again_before_the_next_slot(
    pipeline: Pipeline, stage: Stage, collecting: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(cursor: Cursor) -> Iterator[Batch]:
        yield stage.batch(1)
        monkeypatch.setattr(pipeline.broker, "append", refuse)
        yield stage.batch(2)

    def refuse(*_words: Any) -> None:
        raise Retry("the log is busy")

    stage.scripts["slow"] = two
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "slow") == ["failed"])
    assert pipeline.ingestion.runs.condition("slow").wait is not None


def test_a_format_that_changed_stops_the_source_over_runs_and_beside_deletes(
    pipeline: Pipeline, stage: Stage
) -> None:
    source = pipeline.sources["hand"]

    def unreadable(cursor: Cursor) -> Iterator[Batch]:
        gone = RawDelete(platform="stage", native_id="x", observed_at=stage.clock.now())
        bad = [Rejected("page 1", "it has no text", {"txt": "str"})] * 60
        yield Batch(cursor=cursor, read=61, items=[gone], rejected=bad)

    stage.scripts["hand"] = unreadable
    for _ in range(3):
        pipeline.ingestion.collect(source, Played("hand", stage))
        trouble = told(pipeline, "hand").trouble
        assert trouble is not None
        assert "of 60 items not one could be read (it has no text)" in trouble
    with pytest.raises(Stop, match="the last 240 items could not be read"):
        pipeline.ingestion.collect(source, Played("hand", stage))
    stage.scripts.clear()  # somebody mended the collector
    pipeline.ingestion.collect(source, Played("hand", stage))
    stage.scripts["hand"] = unreadable
    pipeline.ingestion.collect(source, Played("hand", stage))  # they are counted anew
    assert pipeline.ingestion.runs.condition("hand").unread == 60


def test_who_has_no_answer_did_not_look_and_who_waits_has_no_trouble(
    pipeline: Pipeline, stage: Stage
) -> None:
    source = pipeline.sources["hand"]
    waiting = Batch(cursor={}, answered=False, warnings=["a feed may not be asked yet"])
    stage.scripts["hand"] = lambda _cursor: iter([waiting])
    account = pipeline.ingestion.collect(source, Played("hand", stage))
    assert account.warnings == ["a feed may not be asked yet"]
    found = told(pipeline, "hand")
    assert (found.items, found.warnings, found.trouble) == ({}, [], None)
    silent = Batch(cursor={}, answered=False, lasting=["b: nothing new"], warnings=["b waits"])
    stage.scripts["hand"] = lambda _cursor: iter([silent])
    account = pipeline.ingestion.collect(source, Played("hand", stage))
    assert account.warnings == ["b: nothing new", "b waits"]
    found = told(pipeline, "hand")
    assert found.items == {}
    assert found.trouble is not None
    assert found.trouble.startswith("b: nothing new (2026-")
    stage.scripts["hand"] = lambda _cursor: iter([Batch(cursor={}, warnings=["it broke off"])])
    pipeline.ingestion.collect(source, Played("hand", stage))
    found = told(pipeline, "hand")
    assert found.items == {"looked": 1}
    assert found.trouble is not None
    assert found.trouble.startswith("it broke off (2026-")


def test_a_stream_that_works_again_is_not_failing_any_more(
    pipeline: Pipeline, stage: Stage, collecting: Collecting, clock: ManualClock
) -> None:
    def fail(_cursor: Cursor) -> Iterator[Batch]:
        raise Retry("all hosts are away")
        yield

    brought: list[int] = []
    stage.scripts["stream"] = fail
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "stream") == ["failed"])
    stage.scripts["stream"] = endless(stage, brought)
    clock.advance(80_000)
    collecting.turn()
    wait_for(lambda: len(brought) > 2)
    assert told(pipeline, "stream").state == "running"


def test_a_source_that_cannot_be_made_fails_and_is_told(
    pipeline: Pipeline, stage: Stage, collecting: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_parts: object) -> Played:
        raise Stop("ingest.contact is not set")

    monkeypatch.setitem(catalogue.BUILT_IN, "played", Kind(settings=NoSettings, make=refuse))  # type: ignore[arg-type]  # a dict
    for _ in range(3):
        collecting.turn()
    found = told(pipeline, "quick")
    assert found.trouble is not None
    assert "ingest.contact" in found.trouble
    assert outcomes(pipeline, "quick") == ["failed"]  # its next slot is in an hour


def test_a_closed_source_does_not_run_and_one_that_is_closed_meanwhile_ends(
    pipeline: Pipeline, stage: Stage, collecting: Collecting
) -> None:
    brought: list[int] = []
    stage.scripts["stream"] = endless(stage, brought)
    pipeline.register.close("quick")
    collecting.turn()
    wait_for(lambda: len(brought) > 2)
    pipeline.register.close("stream")
    wait_for(lambda: outcomes(pipeline, "stream") == ["stopped"])
    collecting.turn()
    assert outcomes(pipeline, "quick") == []
    assert {told(pipeline, each).state for each in ("quick", "stream")} == {"closed"}
    appended = pipeline.ingestion.tallies.totals("stream", since=0)["appended"]
    assert pipeline.ingestion.memory.cursor("stream") == {
        "number": appended
    }  # what was not taken comes again


def test_a_source_that_is_closed_while_a_batch_waits_for_its_turn_ends_as_any_closed_one(
    pipeline: Pipeline, stage: Stage, collecting: Collecting
) -> None:
    brought: list[int] = []
    stage.scripts["stream"] = endless(stage, brought)
    admission = pipeline.ingestion.admission
    with admission.turn:
        collecting.turn()
        wait_for(lambda: brought == [1])
        time.sleep(0.1)  # it waits for its turn now
        pipeline.register.close("stream")
    wait_for(lambda: outcomes(pipeline, "stream") == ["stopped"])
    assert pipeline.ingestion.memory.cursor("stream") == {}


def test_no_more_run_at_once_than_may(
    pipeline: Pipeline, stage: Stage, collecting: Collecting
) -> None:
    held = threading.Event()

    def slowly(_cursor: Cursor) -> Iterator[Batch]:
        held.wait(PATIENCE)
        yield stage.batch(1)

    stage.scripts = dict.fromkeys(SOURCES, slowly)
    few = pipeline.settings.ingest.model_copy(update={"at_once": 1})
    pipeline.settings = pipeline.settings.model_copy(update={"ingest": few})
    collecting.turn()
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "quick") == ["running"])
    assert outcomes(pipeline, "slow") == []
    wait_for(lambda: outcomes(pipeline, "stream") == ["running"])  # it counts for itself
    held.set()
    wait_for(lambda: outcomes(pipeline, "quick") == ["ended"])
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "slow") == ["ended"])


def test_nothing_is_appended_or_remembered_once_the_lock_is_lost(
    pipeline: Pipeline, stage: Stage
) -> None:
    mine = [True]

    def lose(cursor: Cursor) -> Iterator[Batch]:
        yield stage.batch(1)
        mine[0] = False
        yield stage.batch(2)

    stage.scripts["quick"] = lose
    source = pipeline.sources["quick"]
    with pytest.raises(Retry, match="lock was lost"):
        pipeline.ingestion.intake.run(source, Played("quick", stage), mine=lambda: mine[0])
    assert records(pipeline) == 1
    assert pipeline.ingestion.memory.cursor("quick") == {"number": 1}
    assert outcomes(pipeline, "quick") == ["running"]  # whoever has the lock says what it was
    pipeline.ingestion.collect(source, Played("quick", stage))
    assert outcomes(pipeline, "quick")[0] == "cut off"


def test_a_source_that_another_process_collects_from_waits_for_it(
    pipeline: Pipeline, stage: Stage, collecting: Collecting
) -> None:
    with pipeline.locks.hold("source-quick"):
        collecting.turn()
        wait_for(lambda: outcomes(pipeline, "slow") == ["ended"])
        assert outcomes(pipeline, "quick") == []
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "quick") == ["ended"])


def test_whoever_loses_the_lease_ends_all_runs_before_another_one_begins(
    pipeline: Pipeline, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[int] = []
    stage.scripts["stream"] = endless(stage, brought)
    held = threading.Event()
    told_to_end = threading.Event()
    hold = WorkingFolder.hold

    class Lease:
        def __bool__(self) -> bool:
            return not held.is_set()

    @contextmanager
    def lease(folder: WorkingFolder, role: str) -> Generator[object]:
        with hold(folder, role) as mine:
            yield Lease() if mine and role == "collect" else mine
        if role == "collect":  # it is given back: nothing may run any more
            assert outcomes(pipeline, "stream") == ["stopped"]
            told_to_end.set()

    monkeypatch.setattr(WorkingFolder, "hold", lease)
    before = threading.active_count()
    slowed = SlowedClock(pipeline.clock)
    monkeypatch.setattr(pipeline, "clock", slowed)
    role = threading.Thread(
        target=collect, args=(pipeline, Pulse(clock=slowed), told_to_end.is_set)
    )
    role.start()
    wait_for(lambda: len(brought) > 3)
    held.set()
    role.join(PATIENCE)
    assert told_to_end.is_set()
    assert threading.active_count() == before


# What is past.


class Archive(Played):
    """Days of posts, a batch a day, the newest first."""

    name = "archive"

    def backfill(self, start: int, end: int, cursor: Cursor) -> Iterator[Batch]:
        day = cursor.get("day", end - DAY_MS)
        while day >= start:
            number = day // DAY_MS
            post = RawPost(
                platform="stage", native_id=f"day-{number}", text="een tekst", author=f"a{number}",
                created_at=day, observed_at=self._stage.clock.now(),
            )  # fmt: skip
            self._stage.asked.append([f"day-{number}"])
            day -= DAY_MS
            yield Batch(cursor={"day": day}, read=1, items=[post])


def test_a_backfill_goes_on_where_it_was_and_leaves_the_source_where_it_is(
    pipeline: Pipeline, stage: Stage
) -> None:
    source, today = pipeline.sources["quick"], START - START % DAY_MS
    pipeline.ingestion.memory.advance("quick", {"number": 7}, {}, until=START)

    def backfill(days: int, stopping: Callable[[], bool] = lambda: False) -> Account:
        return pipeline.ingestion.backfill(
            source, Archive("quick", stage), start=today - days * DAY_MS, end=today,
            stopping=stopping,
        )  # fmt: skip

    turns = iter((False, False, True))
    assert backfill(10, lambda: next(turns)).appended == 3
    assert backfill(10).appended == 7
    assert len({asked[0] for asked in stage.asked}) == len(stage.asked) == 10
    assert pipeline.ingestion.memory.cursor("quick") == {"number": 7}
    assert [(run.cause, run.outcome) for run in pipeline.ingestion.runs.last("quick")] == [
        ("backfill", "stopped"), ("backfill", "ended"),
    ]  # fmt: skip
    assert told(pipeline, "quick").state == "never ran"
    # Another time it begins anew, and what is older than the source keeps posts stays out.
    again = backfill(100)
    old = 100 - source.retention_days + 1  # of its first day the beginning is older
    assert again.dropped == {"seen": 10, "too_old": old}


def test_a_collector_that_cannot_bring_what_is_past_says_so(
    pipeline: Pipeline, stage: Stage
) -> None:
    with pytest.raises(Stop, match="cannot bring what is past"):
        pipeline.ingestion.backfill(
            pipeline.sources["quick"], Played("quick", stage), start=0, end=1,
            stopping=lambda: False,
        )  # fmt: skip
    assert outcomes(pipeline, "quick") == []


# Looking again.


def test_every_post_is_looked_for_once_a_day_in_lots_however_many_there_are(
    pipeline: Pipeline, stage: Stage, clock: ManualClock, collecting: Collecting
) -> None:
    many = 260

    def shelf(_cursor: Cursor) -> Iterator[Batch]:
        posts = [item for number in range(many) for item in stage.batch(number).items]
        yield Batch(cursor={}, read=many, items=posts)

    stage.scripts = {**dict.fromkeys(SOURCES, lambda _cursor: iter(())), "quick": shelf}
    pipeline.publish_rules()
    collecting.turn()
    wait_for(lambda: outcomes(pipeline, "quick") == ["ended"])
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    stage.scripts["quick"] = lambda _cursor: iter(())
    for _ in range(2):
        clock.advance(DAY_MS + RECHECK_MS)
        asked = len(stage.asked)
        collecting.turn()
        wait_for(lambda asked=asked: sum(map(len, stage.asked[asked:])) >= many)  # type: ignore[misc]  # bound
        lots = [len(lot) for lot in stage.asked[asked:] if lot]
        assert max(lots) == Played.lot
        found = [native for lot in stage.asked[asked:] for native in lot]
        assert len(found) == len(set(found)) == many


def test_posts_of_a_source_that_runs_by_hand_are_looked_for_too(
    pipeline: Pipeline, stage: Stage, clock: ManualClock, collecting: Collecting
) -> None:
    pipeline.ingestion.collect(pipeline.sources["hand"], Played("hand", stage))
    clock.advance(DAY_MS)
    stage.scripts = dict.fromkeys(SOURCES, lambda _cursor: iter(()))
    stage.standings = {"native-1": "gone"}
    collecting.turn()
    wait_for(lambda: ["native-1"] in stage.asked)
    key = pipeline.keys.post_id("stage", "native-1")
    wait_for(lambda: bool(pipeline.ledger.deleted([key])))


def test_looking_again_leaves_a_short_budget_to_collecting(
    pipeline: Pipeline, stage: Stage, clock: ManualClock
) -> None:
    short = Budget(remaining=10, limit=300, resets=START + 60_000)
    stage.scripts["quick"] = lambda _cursor: iter([stage.batch(1, budget=short)])
    pipeline.ingestion.collect(pipeline.sources["quick"], Played("quick", stage))
    found = told(pipeline, "quick").budget
    assert found is not None
    assert (found.remaining, found.limit) == (10, 300)
    with Collecting(pipeline) as collecting:
        # It waits until the server counts anew, on a clock that moves as it waits.
        assert collecting._let_pass(pipeline.sources["quick"]) is False
    assert clock.now() >= short.resets
