"""Bluesky's stream, from its source's file to the index: edits, deletes, accounts that leave."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peil.pipeline import Pipeline
from stream.codec import decode
from stream.events import Gap
from stream.testing import bytes_below
from stream.topics import POSTS
from tests.conftest import Opened
from tests.ingest.jetstream import FastClock, Happening, Jetstream, post, tid

DECLARATION = """
id = "network"
title = "Het hele netwerk"
collector = "jetstream"
keep = "all"

[settings]
hosts = ["{address}"]
look_back_hours = 1
"""
ANNA, BRAM = "did:plc:annaannaannaannaannaanna", "did:plc:brambrambrambrambrambram"
HANDLE = "bram.planted-name.example"


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with Jetstream() as server:
        yield server


@pytest.fixture
def clock(fast_clock: FastClock) -> FastClock:
    return fast_clock


@pytest.fixture
def pipeline(open_city: Opened, clock: FastClock, server: Jetstream) -> Pipeline:
    declaration = DECLARATION.format(address=server.address)
    return open_city("network", clock=clock, declaration=declaration)


def collect(pipeline: Pipeline, last: Happening) -> int:
    """The posts in the index, once `last` was heard."""
    source = pipeline.sources["network"]

    def heard() -> bool:
        return pipeline.ingestion.memory.cursor(source.id).get("time") == last.time

    pipeline.ingestion.collect(source, pipeline.ingestion.collector(source), stopping=heard)
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    pipeline.store.reload()
    return sum(pipeline.store.partitions().values())


def gaps(pipeline: Pipeline) -> list[Gap]:
    found: list[Gap] = []
    for partition, (first, end) in pipeline.broker.ends(POSTS.name).items():
        records = pipeline.broker.read(POSTS.name, partition, start=first, limit=end - first)
        events = [decode(record.value) for record in records if record.value]
        found += [event for event in events if isinstance(event, Gap)]
    return found


def test_what_the_stream_takes_back_leaves_log_and_index(
    pipeline: Pipeline, server: Jetstream, clock: FastClock, tmp_path: Path
) -> None:
    now = clock.now() * 1000
    keys = [tid(now + number) for number in range(4)]
    for number, (did, key) in enumerate(zip([ANNA, ANNA, BRAM, BRAM], keys, strict=True)):
        text = f"@{HANDLE} wat een overlast bij het station, melding {number}"
        server.commit(did, key, post(text, at=now // 1000), at=now + number)
    last = server.commit("did:plc:stuk", tid(now), {"text": {HANDLE: ANNA}}, at=now + 4)
    assert collect(pipeline, last) == 4
    edit = post("wat een overlast bij het plein", at=now // 1000)
    last = server.commit(ANNA, keys[0], edit, at=now + 5, operation="update")
    assert collect(pipeline, last) == 4
    last = server.commit(ANNA, keys[1], at=now + 6, operation="delete")
    assert collect(pipeline, last) == 3
    last = server.account(BRAM, at=now + 7, active=False, status="deactivated")
    assert collect(pipeline, last) == 1
    kept = bytes_below(tmp_path)
    for planted in (HANDLE, ANNA, BRAM, keys[0]):
        assert planted.encode() not in kept
    assert all(gap.end <= now // 1000 for gap in gaps(pipeline)), "only what was never shown"


def test_what_the_stream_holds_no_more_is_a_gap_in_the_log(
    pipeline: Pipeline, server: Jetstream, clock: FastClock
) -> None:
    now = clock.now() * 1000
    for number in range(800):
        at = now + number * 1_000
        last = server.commit(ANNA, tid(at), post(f"melding {number}", at=at // 1000), at=at)
        if number == 0:
            assert collect(pipeline, last) == 1
    server.floor = 790
    collect(pipeline, last)
    # Before the first one nothing was ever shown.
    since = [gap for gap in gaps(pipeline) if gap.end > now // 1000]
    assert [(gap.source, gap.start, gap.end) for gap in since] == [
        ("network", now // 1000 - 5_000, now // 1000 + 789)
    ]
