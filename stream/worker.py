"""The loop of every role: poll, step, emit, commit; nothing is committed before it is done."""

import logging
import random
from collections.abc import Callable, Sequence

import msgspec

from stream.broker import Broker, Consumer, Entry, LeaseLost, OffsetGone, Record, TopicName
from stream.clock import Clock
from stream.codec import decode
from stream.errors import Reject, Retry, Stop
from stream.events import Event, Gap
from stream.metrics import Metrics
from stream.quarantine import Limit, Quarantine
from stream.settings import StreamSettings

logger = logging.getLogger(__name__)

FIRST_WAIT = 0.1
LONGEST_WAIT = 30.0
POLL_SECONDS = 0.5
KEEPS_A_LEASE = 4
"""How often a lease is renewed while it lasts."""


class Rejection(msgspec.Struct, frozen=True):
    """A record that a step cannot handle and never will. `why` never repeats a value."""

    record: Record
    why: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a step made of a batch: what to append, in order, and what to quarantine."""

    emits: Sequence[tuple[TopicName, Entry]] = ()
    rejected: Sequence[Rejection] = ()


Step = Callable[[Sequence[Record]], Result]
"""Called with a batch, in offset order per partition. May be called again with the same records
after a crash or a Retry, so what it does must be idempotent. When it returns, everything that
it does not emit is done and durable. Raises Retry (the batch comes again), Reject or anything
unforeseen (the batch is taken apart until the bad record is found), Stop (the worker ends)."""


def decode_records(records: Sequence[Record]) -> tuple[list[tuple[Record, Event]], list[Rejection]]:
    """The events in `records`, and the records that are none, or have no key: what else there is
    about its post may lie in another partition.
    """
    events: list[tuple[Record, Event]] = []
    rejected: list[Rejection] = []
    for record in records:
        if not record.key:
            why = "its key is missing or is no text: another program wrote it"
            rejected.append(Rejection(record, why))
            continue
        try:
            events.append((record, decode(record.value or b"")))
        except Reject as error:
            rejected.append(Rejection(record, str(error)))
    return events, rejected


class Worker:
    """One member of a consumer group that drives a step. One thread only."""

    def __init__(
        self,
        broker: Broker,
        *,
        group: str,
        topics: Sequence[TopicName],
        step: Step,
        quarantine: Quarantine,
        clock: Clock,
        metrics: Metrics,
        on_gap: Callable[[Gap], None],
        settings: StreamSettings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name = group
        self._broker = broker
        self._topics = topics
        self._step = step
        self._quarantine = quarantine
        self._clock = clock
        self._metrics = metrics
        self._on_gap = on_gap
        self._settings = settings or StreamSettings()
        self._rng = rng or random.Random()  # noqa: S311  (spreads retries; nothing secret)
        self._limit = Limit(self._settings, worker=group)
        self._member: Consumer | None = None

    @property
    def _consumer(self) -> Consumer:
        if self._member is None:
            self._member = self._broker.subscribe(self.name, self._topics)
        return self._member

    def lag(self) -> int:
        """How many records wait for this worker's group."""
        return self._consumer.lag()

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until `stopping()`; the batch at hand is finished and committed first."""
        while not stopping():
            self.turn(timeout=POLL_SECONDS, stopping=stopping)

    def drain(
        self,
        *,
        progress: Callable[[int], None] = lambda _done: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> int:
        """Work until nothing waits or, after the batch at hand, until `stopping()`; then give the
        partitions back. Returns how many records that were.
        """
        total = 0
        try:
            while self._waits(stopping):
                done = self.turn(timeout=POLL_SECONDS, stopping=stopping)
                total += done
                progress(done)
        finally:
            self.close()
        return total

    def _waits(self, stopping: Callable[[], bool]) -> bool:
        while not stopping():
            try:
                return self.lag() > 0
            except Retry as error:
                logger.warning("%s: %s", self.name, error)
                self._clock.sleep(FIRST_WAIT)
        return False

    def turn(self, *, timeout: float, stopping: Callable[[], bool] = lambda: False) -> int:
        """One batch; returns how many records it had. Waits up to `timeout` seconds for one.

        A Retry keeps the batch, and the leases on its partitions, and polls nothing new until it
        is done: that is the back-pressure. When `stopping()` turns true meanwhile the batch is
        given up uncommitted; it comes again.
        """
        records = self._poll(timeout)
        if not records:
            return 0
        started = self._clock.elapsed()
        wait = FIRST_WAIT
        while True:
            try:
                self._handle(records)
                break
            except LeaseLost as error:
                logger.warning("%s: %s", self.name, error)
                return 0
            except Retry as error:
                self._metrics.count("peil_worker_retries_total", worker=self.name)
                logger.warning("%s: trying again: %s", self.name, error)
                if stopping():
                    self.close()
                    return 0
                self._wait(error.after or wait * self._rng.uniform(0.5, 1.0), stopping)
                wait = min(LONGEST_WAIT, wait * 2)
        seconds = (self._clock.elapsed() - started) / 1000
        self._metrics.observe("peil_worker_batch_seconds", seconds, worker=self.name)
        return len(records)

    def _wait(self, seconds: float, stopping: Callable[[], bool]) -> None:
        """Let `seconds` pass, or fewer when `stopping()` turns true, and keep the leases."""
        until = self._clock.elapsed() + int(seconds * 1000)
        while not stopping() and (left := (until - self._clock.elapsed()) / 1000) > 0:
            self._clock.sleep(min(left, self._settings.lease_seconds / KEEPS_A_LEASE))
            try:
                self._consumer.keep()
            except Retry as error:
                logger.warning("%s: %s", self.name, error)

    def _poll(self, timeout: float) -> Sequence[Record]:
        try:
            return self._consumer.poll(limit=self._settings.batch, timeout=timeout)
        except OffsetGone as error:
            self._metrics.count("peil_worker_lost_total", worker=self.name)
            logger.error("%s: %s", self.name, error)  # noqa: TRY400  (the message says it all)
            self._on_gap(Gap("*", error.start, error.end, f"{self.name}: {error}"))
        except Retry as error:
            logger.warning("%s: %s", self.name, error)
            self._clock.sleep(FIRST_WAIT)
        return ()

    def _handle(self, records: Sequence[Record]) -> None:
        result = self._resolve(records)
        try:
            self._emit(result.emits)
        except Reject as error:  # what became of one of them is too large for the log
            if len(records) > 1:
                middle = len(records) // 2
                self._handle(records[:middle])
                self._handle(records[middle:])
                return
            result = Result(rejected=[Rejection(records[0], str(error))])
        for rejection in result.rejected:
            self._quarantine.put_record(rejection.record, worker=self.name, why=rejection.why)
        self._consumer.commit(records)
        bad = {_place(each.record) for each in result.rejected}
        self._metrics.count("peil_worker_consumed_total", len(records), worker=self.name)
        self._metrics.count("peil_worker_emitted_total", len(result.emits), worker=self.name)
        self._metrics.count("peil_worker_rejected_total", len(bad), worker=self.name)
        # Last: whoever starts it again comes past these, and none of them stands there twice.
        self._limit.passed(_place(record) in bad for record in records)

    def _emit(self, emits: Sequence[tuple[TopicName, Entry]]) -> None:
        by_topic: dict[TopicName, list[Entry]] = {}
        for topic, entry in emits:
            by_topic.setdefault(topic, []).append(entry)
        for topic, entries in by_topic.items():
            self._broker.append(topic, entries)

    def _resolve(self, records: Sequence[Record]) -> Result:
        """The step's result; a batch that it cannot take is halved down to the bad records."""
        try:
            return self._step(records)
        except (Retry, Stop):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one record only)
            if len(records) == 1:
                return Result(rejected=[Rejection(records[0], _why(error))])
            logger.warning(
                "%s: a batch of %d failed with %s", self.name, len(records), type(error).__name__
            )
        middle = len(records) // 2
        first, second = self._resolve(records[:middle]), self._resolve(records[middle:])
        return Result(
            emits=[*first.emits, *second.emits], rejected=[*first.rejected, *second.rejected]
        )

    def close(self) -> None:
        """Give the partitions back. The worker may be used again: it joins its group anew."""
        if self._member is not None:
            self._member.close()
            self._member = None


def _place(record: Record) -> tuple[TopicName, int, int]:
    return record.topic, record.partition, record.offset


def _why(error: Exception) -> str:
    """A reason without values: an unforeseen error may quote the post it failed on."""
    return str(error) if isinstance(error, Reject) else f"unforeseen {type(error).__name__}"
