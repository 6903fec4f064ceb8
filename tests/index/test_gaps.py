from pathlib import Path

from sqlalchemy import Engine, select

from index.local.store import LocalStore
from index.tables import gap
from index.testing import TIMEZONE
from index.worker import IndexStep
from privacy.ledger import Ledger
from stream.broker import Record
from stream.clock import DAY_MS, ManualClock
from stream.codec import encode
from stream.events import Gap
from stream.metrics import NoMetrics
from stream.testing import START


def test_a_gap_that_comes_again_is_one(tmp_path: Path, database: Engine) -> None:
    clock = ManualClock(START)
    store = LocalStore(tmp_path / "index", clock=clock, timezone=TIMEZONE, k=10)
    step = IndexStep(
        store,
        ledger=Ledger(database),
        engine=database,
        clock=clock,
        metrics=NoMetrics(),
        longest_retention_ms=90 * DAY_MS,
    )
    gaps = [
        Gap(source="s", start=START, end=START + 1, why="w"),
        Gap(source="s", start=START, end=START + DAY_MS, why="longer"),
        Gap(source="t", start=START, end=START + 1, why="w"),
    ]
    step([Record("labelled", 0, n, each.key, encode(each), START) for n, each in enumerate(gaps)])
    with database.connect() as connection:
        found = connection.execute(select(gap).order_by(gap.c.source)).all()
    assert [tuple(row) for row in found] == [
        ("s", START, START + DAY_MS, "longer"),
        ("t", START, START + 1, "w"),
    ]
    store.close()
