"""What became of the items of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.contract import Batch
from ingest.tallies import APPENDED, LOOKED, READ
from privacy.contract import Admitted
from stream.events import Upsert


@dataclass(slots=True)
class Account:
    """What became of every item that was read: read = appended + deletes + dropped + rejected
    + skipped. `ids` holds the ids of the appended posts, twice when a post came twice; a run that
    does not end keeps neither ids nor warnings.
    """

    read: int = 0
    appended: int = 0
    deletes: int = 0
    rejected: int = 0
    gaps: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    ids: list[bytes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, batch: Batch, admitted: Admitted, *, keep: bool) -> Mapping[str, int]:
        """Take a batch into account; returns its own counts, as `ingest.tallies` holds them."""
        posts = [event.post.id for event in admitted.events if isinstance(event, Upsert)]
        deletes = len(admitted.events) - len(posts)
        rejected = len(batch.rejected) + len(admitted.rejected)
        self.read += batch.read
        self.appended += len(posts)
        self.deletes += deletes
        self.rejected += rejected
        self.gaps += len(batch.gaps)
        self.dropped.update(admitted.dropped)
        self.skipped.update(batch.skipped)
        if keep:
            self.ids += [bytes.fromhex(each) for each in posts]
            self.warnings += [*batch.lasting, *batch.warnings]
        return {
            LOOKED: int(batch.answered),
            READ: batch.read,
            APPENDED: len(posts),
            "deletes": deletes,
            "rejected": rejected,
            "gaps": len(batch.gaps),
            **{f"dropped: {why}": items for why, items in admitted.dropped.items()},
            **{f"skipped: {why}": items for why, items in batch.skipped.items()},
        }
