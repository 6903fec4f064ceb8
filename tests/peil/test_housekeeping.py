"""A round of housekeeping while a part of what it needs is away."""

from typing import NoReturn

import pytest

from peil.housekeeping import AGAIN_SECONDS, keep_house
from peil.pipeline import Pipeline
from stream.broker import Entry
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.codec import encode
from stream.errors import Retry
from stream.events import Upsert
from stream.scan import scan
from stream.testing import START, entries, make_post
from stream.topics import POSTS
from tests.conftest import Opened

READERS_KEY = "access-2020-01"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def pipeline(open_city: Opened, clock: ManualClock) -> Pipeline:
    return open_city("upload", clock=clock)


def away(*_: object) -> NoReturn:
    raise Retry("a copy of a shard is away")


def rounds(pipeline: Pipeline) -> bool:
    """Whether a whole round was counted."""
    return b"peil_housekeeping_total 1.0" in pipeline.metrics.text()


@pytest.mark.parametrize("call", ["partitions", "purge"])
def test_a_store_that_is_away_holds_up_nothing_that_does_without_it(
    pipeline: Pipeline, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    pipeline.broker.append(POSTS.name, entries(5))
    pipeline.ledger.add_posts({"some": 1}, until=START + DAY_MS)
    pipeline.keys.author("example", "somebody", at=START)
    pipeline.keys.key(READERS_KEY)
    (epoch,) = pipeline.keys.epochs()
    clock.advance(300 * DAY_MS)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.store, call, away)
        with pytest.raises(Retry, match=r"^a copy of a shard is away$") as waits:
            keep_house(pipeline)
    assert waits.value.after == AGAIN_SECONDS
    assert not rounds(pipeline)
    assert all(first == end for first, end in pipeline.broker.ends(POSTS.name).values())
    assert pipeline.ledger.deleted(["some"]) == {}
    assert epoch not in pipeline.keys.epochs()
    assert not (pipeline.folder.keys / f"{READERS_KEY}.key").exists()
    keep_house(pipeline)
    assert rounds(pipeline)


def test_the_ledger_forgets_nothing_before_it_was_looked_for_in_the_log(
    pipeline: Pipeline, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = make_post()
    pipeline.broker.append(POSTS.name, [Entry(post.id, encode(Upsert(post)))])
    pipeline.ledger.add_posts({post.id: post.version}, until=START + HOUR_MS)
    clock.advance(2 * HOUR_MS)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.store, "where", away)  # it is taken out there first
        with pytest.raises(Retry, match="away"):
            keep_house(pipeline)
    assert [each.key for each in scan(pipeline.broker, POSTS.name)] == [post.id]
    keep_house(pipeline)
    assert list(scan(pipeline.broker, POSTS.name)) == []
    assert pipeline.ledger.deleted([post.id]) == {}
