"""What was erased leaves the log, without reading all of the log for it.

A round does two things, in this order.

1. It reads the records that came since the last round, asks the ledger about each, erases those
   that the ledger erases (a replay, a late append) and takes the places of the others
   (`stream.places`) into the working folder.
2. It takes the entries of the ledger that are *pending*: added, or added again, since they were
   last settled. It looks them up in the places, reads exactly those records, asks the ledger about
   each as it is now, and erases. Then it settles the entry.

So a round costs what is new and what is erased, not what is kept. Why nothing slips through:

- An entry is settled after every record that was in the log when the round began was compared with
  it: those before the position by their places, those after it one by one, and these have places
  too by then. A record that comes later is compared with the whole ledger when it is read.
- Whether an entry is settled stands in its row of the ledger, and only for the version that was
  looked up. No clock decides, no sequence can be overtaken by a transaction that commits late, and
  a database that was restored brings its own state back: at worst an entry is looked up twice.
- A kill leaves the position behind what was done, never before it. Records are read again, entries
  looked up again, and erasing twice changes nothing.

A partition of another log, or whose places are lost or damaged, is read anew from its start, which
is what each round did before there were places.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from privacy.ledger import Ledger, Pending
from stream.batches import batched
from stream.broker import Broker, TopicName
from stream.heads import Head, heads
from stream.places import OFFSET_BITS, Places, Unusable, Witness
from stream.scan import at, pages
from stream.topics import LABELLED, POSTS, QUARANTINE

WITH_TEXTS = (POSTS.name, LABELLED.name, QUARANTINE.name)

RECORDS_AT_ONCE = 2_000
ENTRIES_AT_ONCE = 200_000
LONG = 100_000
"""To read so many records takes long enough to be told."""

logger = logging.getLogger(__name__)


class _Part(NamedTuple):
    """A partition of a topic, with its places."""

    topic: TopicName
    partition: int
    places: Places


class Erasing:
    """Takes out of the topics that carry texts what the ledger erases. One process at a time for
    each `folder`, which is made when it is missing and may be thrown away.

    `before` is told the ids of what is about to be erased.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        ledger: Ledger,
        folder: Path,
        before: Callable[[Sequence[str]], None],
        bits: int = OFFSET_BITS,
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._folder = folder
        self._before = before
        self._bits = bits

    def round(self) -> int:
        """Erase what the ledger holds now; returns how many records.

        After it no record that was there when it began stands against the ledger as it was then.
        Raises Retry when the log is busy: what was done until then stays done.
        """
        erased, parts = 0, []
        for topic in WITH_TEXTS:
            for partition, (start, end) in self._broker.ends(topic).items():
                part = _Part(topic, partition, self._opened(topic, partition, start, end))
                parts.append(part)
                erased += self._read_new(part, start, end)
        while True:
            pending = self._ledger.pending(ENTRIES_AT_ONCE)
            if pending.posts or pending.authors:
                erased += sum(self._look_up(part, pending) for part in parts)
                self._ledger.settle(pending)
            if max(map(len, pending)) < ENTRIES_AT_ONCE:
                return erased

    def forget_expired(self) -> None:
        """Drop the places of what the log has no more."""
        for topic in WITH_TEXTS:
            for partition, (start, end) in self._broker.ends(topic).items():
                self._opened(topic, partition, start, end).drop(start)

    def _opened(self, topic: TopicName, partition: int, start: int, end: int) -> Places:
        """The places of a partition; empty ones, and that is told, when they are not of it."""
        places = Places(self._folder / f"{topic}-{partition}", bits=self._bits)
        try:
            places.open()
            self._check_is_of(places, topic, partition, start, end)
        except Unusable as error:
            places.clear()
            why = str(error)
        else:
            if places.position is not None or end - start < LONG:
                return places
            why = "there are none yet, or they were lost"
        logger.warning(
            "topic %s, partition %d: the places of its records are made anew, which reads %d "
            "records: %s",
            topic, partition, end - start, why,
        )  # fmt: skip
        return places

    def _check_is_of(
        self, places: Places, topic: TopicName, partition: int, start: int, end: int
    ) -> None:
        if (places.position or 0) > end:
            raise Unusable("the log is shorter than what was read of it")
        witness = places.witness
        if witness is None or witness.offset < start:
            return
        for record in self._broker.read(topic, partition, start=witness.offset, limit=1):
            if record.offset == witness.offset and Witness.of(record) != witness:
                raise Unusable("they were made of another log")

    def _read_new(self, part: _Part, start: int, end: int) -> int:
        places, erased, witness = part.places, 0, None
        position = max(start, places.position or 0)
        if position >= end and places.position is not None:
            return 0
        for records in pages(
            self._broker, part.topic, part.partition, start=position, end=end, limit=RECORDS_AT_ONCE
        ):
            erased += self._compare(part, list(heads(records)), new=True)
            position, witness = records[-1].offset + 1, Witness.of(records[-1])
            if places.is_full():
                places.save(position, witness)
        places.save(max(position, end), witness)
        return erased

    def _look_up(self, part: _Part, pending: Pending) -> int:
        offsets = part.places.find(pending.posts, pending.authors)
        records = at(self._broker, part.topic, part.partition, offsets)
        return sum(
            self._compare(part, some, new=False)
            for some in batched(heads(records), RECORDS_AT_ONCE)
        )

    def _compare(self, part: _Part, found: Sequence[Head], *, new: bool) -> int:
        """Erase those of `found` that the ledger erases, and keep the places of the others."""
        doomed = self._ledger.erased(found)
        erased = 0
        if doomed:
            self._before(sorted({head.id for head in doomed}))
            erased = self._broker.erase(part.topic, [head.record for head in doomed])
        if new:
            gone = {head.record.offset for head in doomed}
            part.places.add(head for head in found if head.record.offset not in gone)
        else:
            part.places.forget(doomed)
        return erased
