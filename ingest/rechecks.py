"""Whether posts still stand on their platform; what is gone there is deleted here."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from ingest.admission import Admission
from ingest.contract import InLots, Rechecking, Standing
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.vault import Due, Vault
from privacy.register import Register
from stream.clock import DAY_MS, Clock
from stream.metrics import Metrics

Held = Callable[[Sequence[str]], Collection[str]]
"""Which of some ids the index has."""

WAITING_MS = 3 * DAY_MS
"""So long a post may wait in the log for an index that stands still; then it expired there."""


class Rechecks:
    """Asks about each post of a source once a day, in lots. Shared between threads, one a source:
    they wait for the platforms side by side.
    """

    def __init__(
        self,
        *,
        admission: Admission,
        vault: Vault,
        register: Register,
        metrics: Metrics,
        clock: Clock,
        settings: IngestSettings,
    ) -> None:
        self._admission = admission
        self._vault = vault
        self._register = register
        self._metrics = metrics
        self._clock = clock
        self._settings = settings

    def lot(self, source: Source, collector: Rechecking, *, held: Held) -> Counter[Standing]:
        """Ask about some posts of `source` that were not asked about for a day; what is gone is
        deleted, and what the index has no more is forgotten.

        Raises Stop when the register has no open entry, Retry when the platform wants to be left
        alone. Blocks for its answers; what it answered before an error counts.
        """
        return self._lot(source, collector, held)[1]

    def all(
        self, source: Source, collector: Rechecking, *, held: Held, stopping: Callable[[], bool]
    ) -> Counter[Standing]:
        """As `lot`, one after the other until nothing is due; ends before the next one when
        `stopping` says so, which may block to let others go first.
        """
        outcomes: Counter[Standing] = Counter()
        while not stopping():
            looked, said = self._lot(source, collector, held)
            outcomes += said
            if not looked:
                break
        return outcomes

    def _lot(
        self, source: Source, collector: Rechecking, held: Held
    ) -> tuple[int, Counter[Standing]]:
        """How many posts were due, and what was said of those that are held. One that the index
        lacks may still be in the log: it is asked about all the same, until it expired there.
        """
        self._register.entry(source.id)
        lot = collector.lot if isinstance(collector, InLots) else self._settings.recheck_batch
        now = self._clock.now()
        with self._admission.turn:
            due = self._vault.due(source.id, now=now, limit=lot)
            there = held([each.id for each in due])
            asked = [each for each in due if each.id in there or each.added > now - WAITING_MS]
            self._vault.drop(source.id, {each.id for each in due} - {each.id for each in asked})
        said: list[tuple[Due, Standing]] = []
        try:
            standings = collector.recheck([each.reference for each in asked])
            for each, standing in zip(asked, standings, strict=True):
                gone = standing == "missing" and each.missing
                said.append((each, "gone" if gone else standing))
        finally:
            self._settle(source, said)
        return len(due), Counter(standing for _, standing in said)

    def _settle(self, source: Source, said: Sequence[tuple[Due, Standing]]) -> None:
        """First what is gone is deleted, then it is forgotten: a kill between asks again."""
        with self._admission.turn:
            gone = [each.reference for each, standing in said if standing == "gone"]
            if gone:
                self._admission.delete(source, gone)
            standings: dict[str, Standing] = {each.id: standing for each, standing in said}
            self._vault.note(source.id, standings, now=self._clock.now())
        for standing, posts in Counter(standings.values()).items():
            self._metrics.count(
                "peil_ingest_rechecked_total", posts, source=source.id, standing=standing
            )
