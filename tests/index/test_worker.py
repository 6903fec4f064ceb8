from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from index.contract import Question, Store
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

AUTHOR = "230-" + "a" * 32


@pytest.fixture(params=["local", pytest.param("elastic", marks=pytest.mark.cluster)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    if request.param == "elastic":
        yield request.getfixturevalue("make_elastic")()
        return
    with closing(LocalStore(tmp_path / "index", clock=clock, timezone=TIMEZONE, k=10)) as local:
        yield local


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "peil.db")
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def step(store: Store, ledger: Ledger, engine: Engine, clock: ManualClock) -> IndexStep:
    return IndexStep(
        store,
        ledger=ledger,
        engine=engine,
        clock=clock,
        metrics=NoMetrics(),
        longest_retention_ms=90 * DAY_MS,
    )


@pytest.fixture
def erased_meanwhile(
    store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Once called, another writer erases AUTHOR just before the next flush."""

    def arrange() -> None:
        flush = store.flush

        def interrupted() -> None:
            monkeypatch.undo()
            ledger.add_authors([AUTHOR], up_to_rev=MAX_REV, until=START + DAY_MS)
            flush()

        monkeypatch.setattr(store, "flush", interrupted)

    return arrange


def record(post: Post, offset: int) -> Record:
    return Record("labelled", 0, offset, post.id, encode(Upsert(post)), START)


def stored(store: Store) -> list[Post]:
    return [hit.post for hit in store.search(Question(scope="both"), limit=9)]


def test_an_author_erased_by_another_writer_meanwhile_does_not_stay(
    step: IndexStep, store: Store, erased_meanwhile: Callable[[], None]
) -> None:
    theirs, other = make_post(1, author=AUTHOR), make_post(2)
    erased_meanwhile()
    step([record(theirs, 0), record(other, 1)])
    assert stored(store) == [other]


def test_an_edit_by_an_author_erased_meanwhile_does_not_stay(
    step: IndexStep, store: Store, erased_meanwhile: Callable[[], None]
) -> None:
    """Which stands where an older version was found."""
    old, other = make_post(1, author=AUTHOR), make_post(2)
    edited = msgspec.structs.replace(old, text="anders", version=old.version + 1)
    step([record(old, 0), record(other, 1)])
    erased_meanwhile()
    step([record(edited, 2)])
    assert stored(store) == [other]
