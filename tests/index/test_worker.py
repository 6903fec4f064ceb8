from collections.abc import Callable
from pathlib import Path

from index.contract import Question
from index.local.store import LocalStore
from index.testing import TIMEZONE
from index.worker import IndexStep
from peil.database import open_database
from privacy.ledger import Ledger
from stream.broker import Record
from stream.clock import DAY_MS, ManualClock
from stream.codec import encode
from stream.events import Upsert
from stream.metrics import NoMetrics
from stream.post import Post
from stream.testing import START, make_post
from stream.version import MAX_REV


class Interrupted(LocalStore):
    """A store in which something happens just before the first flush of each batch."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def flush(self) -> None:
        happens, self.before = self.before, lambda: None
        happens()
        super().flush()


def record(post: Post, offset: int) -> Record:
    return Record("labelled", 0, offset, post.id, encode(Upsert(post)), START)


def test_an_author_erased_by_another_writer_meanwhile_does_not_stay(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store = Interrupted(tmp_path / "index", clock=clock, timezone=TIMEZONE, k=10)
    engine = open_database(tmp_path / "peil.db")
    ledger = Ledger(engine)
    step = IndexStep(
        store,
        ledger=ledger,
        engine=engine,
        clock=clock,
        metrics=NoMetrics(),
        longest_retention_ms=90 * DAY_MS,
    )
    author = "230-" + "a" * 32
    posts = [make_post(1, author=author), make_post(2)]
    store.before = lambda: ledger.add_authors([author], up_to_rev=MAX_REV, until=START + DAY_MS)
    step([record(post, number) for number, post in enumerate(posts)])
    assert [hit.post.id for hit in store.search(Question(scope="both"), limit=9)] == [posts[1].id]
    store.close()
    engine.dispose()
