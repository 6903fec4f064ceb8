import itertools
import os
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.broker import Entry, Record
from stream.clock import HOUR_MS, ManualClock
from stream.codec import encode
from stream.errors import Reject, Retry, Stop
from stream.events import Gap, Upsert
from stream.local import LocalBroker
from stream.metrics import METRICS, NoMetrics, PrometheusMetrics
from stream.quarantine import Quarantine, QuarantinedRecord, Skeleton
from stream.settings import StreamSettings
from stream.testing import START, entries, make_post
from stream.topics import LABELLED, POSTS, QUARANTINE
from stream.worker import Rejection, Result, Step, Worker, decode_records


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def broker(tmp_path: Path, clock: ManualClock) -> Iterator[LocalBroker]:
    made = LocalBroker(tmp_path, clock=clock)
    yield made
    made.close()


@pytest.fixture
def workers(broker: LocalBroker, clock: ManualClock) -> Iterator[list[Worker]]:
    made: list[Worker] = []
    yield made
    for worker in made:
        worker.close()


def make(
    workers: list[Worker],
    broker: LocalBroker,
    clock: ManualClock,
    step: Step,
    *,
    settings: StreamSettings | None = None,
    gaps: list[Gap] | None = None,
) -> Worker:
    worker = Worker(
        broker,
        group="w",
        topics=[POSTS.name],
        step=step,
        quarantine=Quarantine(broker, clock=clock),
        clock=clock,
        metrics=NoMetrics(),
        on_gap=(gaps if gaps is not None else []).append,
        settings=settings,
        rng=random.Random(1),
    )
    workers.append(worker)
    return worker


def passing(records: Sequence[Record]) -> Result:
    return Result(emits=[(LABELLED.name, Entry(r.key, r.value)) for r in records])


def emitted(broker: LocalBroker) -> list[str]:
    return sorted(
        record.key
        for partition in broker.ends(LABELLED.name)
        for record in broker.read(LABELLED.name, partition, limit=10_000)
    )


def test_draining_passes_everything_on(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    broker.append(POSTS.name, entries(1200))
    assert make(workers, broker, clock, passing).drain() == 1200
    assert emitted(broker) == sorted(entry.key for entry in entries(1200))


def test_one_bad_record_costs_itself(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    def step(records: Sequence[Record]) -> Result:
        if any(record.key == "key-7" for record in records):
            raise ValueError("a text that must not be repeated")
        return passing(records)

    broker.append(POSTS.name, entries(50))
    make(workers, broker, clock, step).drain()
    assert len(emitted(broker)) == 49
    ((_, item),) = Quarantine(broker, clock=clock).items()
    assert isinstance(item, QuarantinedRecord)
    assert (item.key, item.why) == ("key-7", "unforeseen ValueError")


def test_an_event_without_a_key_costs_itself(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    """A cluster's log gives no other key to a record whose own is no text."""

    def step(records: Sequence[Record]) -> Result:
        decoded, rejected = decode_records(records)
        return Result(emits=passing([each for each, _ in decoded]).emits, rejected=rejected)

    value = encode(Upsert(make_post()))
    broker.append(POSTS.name, [Entry("", value), Entry("good", value)])
    make(workers, broker, clock, step).drain()
    assert emitted(broker) == ["good"]
    ((_, item),) = Quarantine(broker, clock=clock).items()
    assert isinstance(item, QuarantinedRecord)
    assert (item.value, item.why) == (
        value,
        "its key is missing or is no text: another program wrote it",
    )


@pytest.mark.parametrize(
    "value",
    [b"\xff\xff", b"{}", b'{"type":"newer"}', b'{"type":"record","x":' + b"[" * 100_000],
)
def test_what_another_program_put_into_quarantine_hides_nothing(
    broker: LocalBroker, clock: ManualClock, value: bytes
) -> None:
    quarantine = Quarantine(broker, clock=clock)
    broker.append(QUARANTINE.name, [Entry("k", value)])
    quarantine.put_record(Record(POSTS.name, 0, 0, "k", b"v", START), worker="w", why="bad")
    (number, foreign), (_, ours) = quarantine.items()
    assert isinstance(foreign, Skeleton)
    assert foreign.source == QUARANTINE.name
    assert foreign.why.startswith("no item of this release: ")
    assert isinstance(ours, QuarantinedRecord)
    assert quarantine.replay([number for number, _ in quarantine.items()]) == 1
    assert quarantine.settle([number]) == 1
    assert list(quarantine.items()) == []


def test_what_becomes_too_large_for_the_log_costs_itself(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    def step(records: Sequence[Record]) -> Result:
        return Result(
            emits=[
                (LABELLED.name, Entry(r.key, b"x" * 5_000_000 if r.key == "key-7" else r.value))
                for r in records
            ]
        )

    broker.append(POSTS.name, [*entries(50), Entry("key-7", b"x" * 4_000_000)])
    make(workers, broker, clock, step).drain()
    assert set(emitted(broker)) == {e.key for e in entries(50)} - {"key-7"}
    found = [item for _, item in Quarantine(broker, clock=clock).items()]
    assert [item.key for item in found if isinstance(item, QuarantinedRecord)] == ["key-7"] * 2
    assert "over the limit" in found[0].why


def test_a_quarantined_record_can_be_replayed(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    broken = True

    def step(records: Sequence[Record]) -> Result:
        if broken:
            raise Reject("not now")
        return passing(records)

    broker.append(POSTS.name, entries(3))
    worker = make(workers, broker, clock, step)
    worker.drain()
    quarantine = Quarantine(broker, clock=clock)
    broken = False
    assert quarantine.replay([number for number, _ in quarantine.items()]) == 3
    assert list(quarantine.items()) == []
    worker.drain()
    assert emitted(broker) == ["key-0", "key-1", "key-2"]


def test_a_retry_keeps_the_batch_and_waits_longer_each_time(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    moments: list[int] = []

    def step(records: Sequence[Record]) -> Result:
        moments.append(clock.now())
        if len(moments) < 6:
            raise Retry("away")
        return passing(records)

    broker.append(POSTS.name, entries(5))
    make(workers, broker, clock, step).drain()
    waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert waits[-1] > waits[0]
    assert len(emitted(broker)) == 5


def test_a_worker_that_waits_for_minutes_keeps_its_partitions(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    broker.append(POSTS.name, entries(5))
    other = broker.subscribe("w", [POSTS.name])
    began, tries, taken = clock.now(), 0, 0

    def step(records: Sequence[Record]) -> Result:
        nonlocal tries, taken
        tries += 1
        taken += len(other.poll(limit=10))
        if clock.now() < began + 300_000:
            raise Retry("the store is away")
        return passing(records)

    worker = make(workers, broker, clock, step)
    assert worker.turn(timeout=0) == 5
    assert taken == 0
    assert worker.lag() == 0
    assert tries < 30
    other.close()


@pytest.mark.parametrize("by", [-HOUR_MS, HOUR_MS])
def test_a_wait_lasts_as_long_when_the_clock_is_set(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock, by: int
) -> None:
    tries: list[int] = []

    def step(records: Sequence[Record]) -> Result:
        tries.append(clock.elapsed())
        if len(tries) == 1:
            raise Retry("away", after=8)
        return passing(records)

    def stopping() -> bool:
        if len(tries) == 1 and clock.elapsed() == tries[0]:
            clock.set(clock.now() + by)
        return False

    broker.append(POSTS.name, entries(5))
    assert make(workers, broker, clock, step).turn(timeout=0, stopping=stopping) == 5
    assert [later - earlier for earlier, later in itertools.pairwise(tries)] == [8_000]


def test_a_stop_request_during_a_retry_gives_the_batch_up_uncommitted(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    def step(_records: Sequence[Record]) -> Result:
        raise Retry("away")

    broker.append(POSTS.name, entries(5))
    worker = make(workers, broker, clock, step)
    assert worker.turn(timeout=0, stopping=lambda: True) == 0
    assert worker.lag() == 5


def test_too_much_quarantine_stops_the_worker(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    def step(_records: Sequence[Record]) -> Result:
        raise Reject("a bad deploy")

    broker.append(POSTS.name, entries(500))
    worker = make(
        workers, broker, clock, step, settings=StreamSettings(batch=20, quarantine_run=50)
    )
    quarantine = Quarantine(broker, clock=clock)
    for starts in (1, 2):  # each comes further, and puts nothing there a second time
        with pytest.raises(Stop, match="quarantine"):
            worker.drain()
        keys = [item.key for _, item in quarantine.items() if isinstance(item, QuarantinedRecord)]
        assert starts * 50 <= len(set(keys)) == len(keys) <= starts * 60
        worker = make(
            workers, broker, clock, step, settings=StreamSettings(batch=20, quarantine_run=50)
        )


def test_bad_records_among_good_ones_are_no_run(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    def step(records: Sequence[Record]) -> Result:
        bad = [record for record in records if int(record.key.split("-")[1]) % 6 == 0]
        return Result(rejected=[Rejection(record, "a pity") for record in bad])

    broker.append(POSTS.name, entries(500))
    worker = make(
        workers, broker, clock, step, settings=StreamSettings(batch=500, quarantine_run=50)
    )
    assert worker.drain() == 500
    assert len(list(Quarantine(broker, clock=clock).items())) == 84


def test_a_worker_behind_retention_reports_the_gap_and_goes_on(
    workers: list[Worker], broker: LocalBroker, clock: ManualClock
) -> None:
    gaps: list[Gap] = []
    broker.append(POSTS.name, entries(40))
    worker = make(workers, broker, clock, passing, settings=StreamSettings(batch=1), gaps=gaps)
    for _ in range(8):
        worker.turn(timeout=0)
    clock.advance(100 * 3_600_000)
    broker.append(POSTS.name, entries(4, key="new"))
    broker.expire(clock.now())
    worker.drain()
    assert gaps
    assert {gap.source for gap in gaps} == {"*"}
    assert {f"new-{n}" for n in range(4)} <= set(emitted(broker))


def test_records_that_are_no_events_are_told_apart(
    broker: LocalBroker,
) -> None:
    good = encode(Upsert(make_post(1)))
    records = [
        Record(POSTS.name, 0, offset, "k", value, START)
        for offset, value in enumerate((good, b"{}", None, b'{"v":99,"event":{}}'))
    ]
    events, rejected = decode_records(records)
    assert len(events) == 1
    assert len(rejected) == 3
    assert "newer" in rejected[-1].why


def test_metrics_are_declared_and_written(tmp_path: Path) -> None:
    metrics = PrometheusMetrics()
    metrics.count("peil_worker_consumed_total", 3, worker="w")
    metrics.gauge("peil_worker_lag_records", 7, worker="w")
    metrics.observe("peil_worker_batch_seconds", 0.2, worker="w")
    metrics.write(tmp_path / "m" / "w.prom")
    text = (tmp_path / "m" / "w.prom").read_text()
    assert 'peil_worker_consumed_total{worker="w"} 3.0' in text
    with pytest.raises(KeyError):
        metrics.count("peil_nobody_declared_this")
    assert all(metric.help.endswith(".") for metric in METRICS.values())


def test_metrics_that_cannot_be_written_are_told_once_until_they_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, path = PrometheusMetrics(), tmp_path / "w.prom"
    draft = Path(f"{path}.{os.getpid()}.{threading.get_ident()}")

    def on_a_full_disk() -> None:
        draft.symlink_to("/dev/full")
        metrics.write(path)

    for _ in range(2):
        on_a_full_disk()
        on_a_full_disk()
        (told,) = caplog.messages
        assert told.startswith(f"{path} cannot be written (No space left on device)")
        metrics.write(path)
        assert path.read_bytes() == metrics.text()
        caplog.clear()
