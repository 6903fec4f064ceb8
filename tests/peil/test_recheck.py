"""What was deleted on its platform is found out, by references that nobody can read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from pydantic import BaseModel
from sqlalchemy import update

from index.contract import Question
from ingest.contract import Batch, Reference, Standing
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.tables import reference
from peil.housekeeping import keep_house
from peil.pipeline import Pipeline
from privacy.contract import Admitted
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.errors import Retry, Stop
from stream.post import RawPost
from stream.scan import scan
from stream.testing import START, bytes_below
from stream.topics import POSTS
from tests.conftest import Opened

SOURCE = Source(id="shelf", title="t", collector="files", keep="all")


class Shelf:
    """A platform that posts can be taken from, and its collector."""

    name = "shelf"
    Settings = BaseModel
    repeats = True
    live = True
    endless = False

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.standings: dict[str, Standing] = {}
        self.asked: list[str] = []
        self.number = 15

    def poll(self, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        items = [
            RawPost(
                platform="shelf",
                native_id=f"native-secret-{number}",
                text=f"een tekst {number}",
                author=f"a{number}",
                observed_at=self.clock.now(),
            )
            for number in range(self.number)
        ]
        yield Batch(cursor={"turn": cursor.get("turn", 0) + 1}, read=len(items), items=items)

    def reference(self, post: RawPost) -> Reference | None:
        return Reference(post.platform, post.native_id, f"https://shelf.example/{post.native_id}")

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        for each in references:
            self.asked.append(each.native_id)
            yield self.standings.get(each.native_id, "there")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def shelf(clock: ManualClock) -> Shelf:
    return Shelf(clock)


@pytest.fixture
def pipeline(open_city: Opened, clock: ManualClock) -> Pipeline:
    return open_city("shelf", clock=clock)


def index(pipeline: Pipeline) -> int:
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    return pipeline.store.count(Question(scope="both")).posts


def recheck(pipeline: Pipeline, shelf: Shelf) -> Mapping[Standing, int]:
    return pipeline.ingestion.rechecks.lot(SOURCE, shelf, held=pipeline.held)


def rows(pipeline: Pipeline) -> list[Any]:
    with pipeline.database.connect() as connection:
        return list(connection.execute(reference.select()))


def test_what_is_gone_leaves_the_index_and_stays_away(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    assert index(pipeline) == 15
    assert recheck(pipeline, shelf) == {}
    clock.advance(DAY_MS)
    shelf.standings = {"native-secret-3": "gone", "native-secret-4": "unknown"}
    assert recheck(pipeline, shelf) == {"gone": 1, "unknown": 1, "there": 13}
    assert index(pipeline) == 14
    assert len(rows(pipeline)) == 14
    assert recheck(pipeline, shelf) == {}
    assert pipeline.ingestion.intake.run(SOURCE, shelf).appended == 0
    assert index(pipeline) == 14


def test_what_is_gone_leaves_log_index_and_quarantine_within_one_round(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    text = b'een tekst 3"'
    pipeline.ingestion.intake.run(SOURCE, shelf)
    gone = pipeline.keys.post_id("shelf", "native-secret-3")
    (record,) = (each for each in scan(pipeline.broker, POSTS.name) if each.key == gone)
    pipeline.quarantine.put_record(record, worker="enrich", why="a fault")
    assert index(pipeline) == 15
    held = bytes_below(pipeline.folder.log)
    assert held.count(text) >= 2  # in `posts` and `labelled`; quarantine wraps it
    assert len(list(pipeline.quarantine.items())) == 1
    clock.advance(DAY_MS)
    shelf.standings = {"native-secret-3": "gone"}
    assert recheck(pipeline, shelf)["gone"] == 1
    assert index(pipeline) == 14
    keep_house(pipeline)  # the round of every hour
    assert text not in bytes_below(pipeline.folder.log)
    assert list(pipeline.quarantine.items()) == []
    assert pipeline.store.where([gone]) == {}
    assert pipeline.ledger.deleted([gone])


def test_what_is_gone_before_a_killed_run_came_back_to_it_is_found_out(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.ledger, "add_posts", _kill)  # the log has the batch, just now
    with pytest.raises(KeyboardInterrupt):
        pipeline.ingestion.intake.run(SOURCE, shelf)
    monkeypatch.undo()
    shelf.number = 14  # the last one was deleted, and is shown no more
    shelf.standings = {"native-secret-14": "gone"}
    pipeline.ingestion.intake.run(SOURCE, shelf)
    assert index(pipeline) == 15
    clock.advance(DAY_MS)
    assert recheck(pipeline, shelf) == {"there": 14, "gone": 1}
    assert index(pipeline) == 14


def _kill(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_an_error_of_a_platform_keeps_what_it_said_before(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    index(pipeline)
    clock.advance(DAY_MS)

    def break_off(references: Sequence[Reference]) -> Iterator[Standing]:
        yield from ("gone", "there")
        raise Retry("busy", after=60)

    monkeypatch.setattr(shelf, "recheck", break_off)
    with pytest.raises(Retry):
        recheck(pipeline, shelf)
    assert index(pipeline) == 14
    monkeypatch.undo()
    assert recheck(pipeline, shelf) == {"there": 13}  # the two are not asked about again


def test_looking_again_moves_no_cursor(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    index(pipeline)
    clock.advance(DAY_MS)
    pipeline.ingestion.memory.advance("shelf", {"turn": 9}, {}, until=clock.now())
    shelf.standings = {"native-secret-3": "gone"}
    recheck(pipeline, shelf)
    assert pipeline.ingestion.memory.cursor("shelf") == {"turn": 9}


def test_what_is_missing_once_may_come_back_and_twice_is_gone(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    turns: list[Mapping[str, Standing]] = [
        {"native-secret-1": "missing", "native-secret-2": "missing"},
        {"native-secret-1": "there", "native-secret-2": "unknown"},
        {"native-secret-1": "missing", "native-secret-2": "missing"},
    ]
    left: list[int] = [index(pipeline)]
    for standings in turns:
        clock.advance(DAY_MS)
        shelf.standings = dict(standings)
        recheck(pipeline, shelf)
        left.append(index(pipeline))
    assert left == [15, 15, 15, 14]


def test_a_few_are_asked_about_at_once_and_in_turn(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    shelf.number = 50
    pipeline.ingestion.intake.run(SOURCE, shelf)
    index(pipeline)
    clock.advance(DAY_MS)
    assert [sum(recheck(pipeline, shelf).values()) for _ in range(4)] == [20, 20, 10, 0]
    assert len(set(shelf.asked)) == 50


def test_references_end_with_their_posts(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    index(pipeline)
    ids = pipeline.keys.post_id("shelf", "native-secret-0"), pipeline.keys.post_id("shelf", "x")
    assert list(pipeline.held(ids)) == [ids[0]]
    pipeline.ledger.add_posts({ids[0]: 2**62}, until=START + 90 * DAY_MS)
    keep_house(pipeline)
    assert len(rows(pipeline)) == 14  # erased: at once
    pipeline.store.remove(next(iter(pipeline.store.partitions())), [
        pipeline.keys.post_id("shelf", f"native-secret-{number}") for number in range(5)
    ])  # fmt: skip
    pipeline.store.flush()
    clock.advance(3 * DAY_MS)
    recheck(pipeline, shelf)
    assert len(rows(pipeline)) == 10  # not held any more: when their turn comes
    assert len(shelf.asked) == 10
    clock.advance(87 * DAY_MS - HOUR_MS)
    keep_house(pipeline)
    assert len(rows(pipeline)) == 10
    clock.advance(HOUR_MS)
    keep_house(pipeline)
    assert rows(pipeline) == []


def test_what_an_index_that_stands_still_has_not_read_is_looked_for_all_the_same(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    clock.advance(DAY_MS + HOUR_MS)
    shelf.standings = {"native-secret-3": "gone"}
    assert recheck(pipeline, shelf) == {"gone": 1, "there": 14}
    assert index(pipeline) == 14
    assert len(rows(pipeline)) == 14
    clock.advance(DAY_MS)
    shelf.standings = {"native-secret-4": "gone"}
    assert recheck(pipeline, shelf) == {"gone": 1, "there": 13}


def test_what_is_deleted_stays_away_as_long_as_any_post_is_held(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.ingestion.admission, "_settings", IngestSettings(seen_days=1))
    pipeline.ingestion.intake.run(SOURCE, shelf)
    index(pipeline)
    clock.advance(DAY_MS)
    shelf.standings = {"native-secret-3": "gone"}
    recheck(pipeline, shelf)
    gone = pipeline.keys.post_id("shelf", "native-secret-3")
    clock.advance(89 * DAY_MS)
    pipeline.ledger.expire(clock.now())
    assert pipeline.ledger.deleted([gone])
    clock.advance(DAY_MS)
    pipeline.ledger.expire(clock.now())
    assert not pipeline.ledger.deleted([gone])


def test_nobody_reads_a_reference_and_none_is_moved(
    pipeline: Pipeline, shelf: Shelf, clock: ManualClock
) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    assert b"native-secret" not in bytes_below(pipeline.folder.data)
    assert "native-secret" not in json.dumps([repr(row) for row in rows(pipeline)])
    first, second, *_ = rows(pipeline)
    with pipeline.database.begin() as connection:
        connection.execute(
            update(reference).where(reference.c.id == first.id).values(sealed=second.sealed)
        )
    clock.advance(DAY_MS)
    with pytest.raises(InvalidTag):
        recheck(pipeline, shelf)


def test_a_closed_source_is_not_asked(pipeline: Pipeline, shelf: Shelf, clock: ManualClock) -> None:
    pipeline.ingestion.intake.run(SOURCE, shelf)
    pipeline.register.close("shelf")
    clock.advance(DAY_MS)
    with pytest.raises(Stop, match="not open"):
        recheck(pipeline, shelf)
    assert shelf.asked == []


def test_what_the_gate_refused_leaves_no_reference(
    pipeline: Pipeline, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = pipeline.ingestion.admission._gate
    monkeypatch.setattr(gate, "admit", lambda *_items, **_terms: Admitted())
    pipeline.ingestion.intake.run(SOURCE, shelf)
    assert rows(pipeline) == []
