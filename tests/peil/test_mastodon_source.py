"""A source of a real server, from its file to the index: what is edited and deleted there."""

import itertools
import time
from collections.abc import Iterator

import pytest

from bench.servers.mastodon import Mastodon
from ingest.contract import Rechecking
from ingest.declarations import read_folder, sound
from ingest.sources import Source
from ingest.tables import reference
from peil.pipeline import Pipeline
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.testing import bytes_below
from tests.conftest import Opened

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("mastodon")]

TAGS = (f"wijk{number}" for number in itertools.count())
DECLARATION = """
id = "fediverse"
title = "Een server"
collector = "mastodon"
keep = "all"

[[settings.servers]]
address = "{url}"
permission = "a test"
tags = ["{tag}"]
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Mastodon]:
    with Mastodon(people=("anna",)) as server:
        server.let_find("anna")
        yield server


@pytest.fixture
def tag() -> str:
    """A tag of this test alone: all share a server."""
    return next(TAGS)


@pytest.fixture
def pipeline(open_city: Opened, clock: ManualClock, server: Mastodon, tag: str) -> Pipeline:
    declaration = DECLARATION.format(url=server.url, tag=tag)
    return open_city("fediverse", clock=clock, declaration=declaration)


@pytest.fixture
def source(pipeline: Pipeline) -> Source:
    folder = pipeline.folder.config / "sources"
    return sound(read_folder(folder, timetable=lambda _source: None))["fediverse"]


def collect(pipeline: Pipeline, source: Source) -> int:
    """The posts in the index after a run."""
    pipeline.ingestion.collect(source, pipeline.ingestion.collector(source))
    return index(pipeline)


def index(pipeline: Pipeline) -> int:
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    return sum(pipeline.store.partitions().values())


def test_an_edit_keeps_one_post_and_a_deletion_none(
    pipeline: Pipeline, source: Source, server: Mastodon, clock: ManualClock, tag: str
) -> None:
    ids = [
        server.write(f"Overlast nummer {number} #{tag}", by="anna")["id"] for number in range(45)
    ]
    pipeline.publish_rules()
    assert collect(pipeline, source) == 45
    server.ask("PUT", f"/api/v1/statuses/{ids[3]}", by="anna", status=f"Toch niets aan #{tag}")
    clock.advance(HOUR_MS)
    assert collect(pipeline, source) == 45
    server.ask("DELETE", f"/api/v1/statuses/{ids[7]}", by="anna")
    collector = pipeline.ingestion.collector(source)
    assert isinstance(collector, Rechecking)
    for missing, gone in ((1, 0), (0, 1)):
        clock.advance(DAY_MS)
        said = pipeline.ingestion.rechecks.all(
            source, collector, held=pipeline.held, stopping=lambda: False
        )
        assert (said["there"], said["missing"], said["gone"]) == (44, missing, gone)
    assert index(pipeline) == 44
    clock.advance(HOUR_MS)
    assert collect(pipeline, source) == 44


def test_no_reference_to_a_status_can_be_read(
    pipeline: Pipeline, source: Source, server: Mastodon, tag: str
) -> None:
    status = server.write(f"Een bericht #{tag}", by="anna")
    server.write(f"En nog een, waarvan de cursor het nummer heeft #{tag}", by="anna")
    pipeline.ingestion.collect(source, pipeline.ingestion.collector(source))
    with pipeline.database.connect() as connection:
        assert connection.execute(reference.select()).first()
    written = bytes_below(pipeline.folder.root)
    assert status["id"].encode() not in written
    assert status["uri"].encode() not in written
