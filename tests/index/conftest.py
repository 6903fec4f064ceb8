import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Protocol

import pytest
from elasticsearch import Elasticsearch

from index.elastic.store import ElasticStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE
from stream.clock import ManualClock
from stream.testing import START


class MakeElastic(Protocol):
    """Opens a store of this test on the server that tests share."""

    def __call__(
        self, name: str = "", *, k: int = 10, max_candidates: int = 200_000, shards: int = 1
    ) -> ElasticStore: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def client(elastic_server: str) -> Iterator[Elasticsearch]:
    """For what peil itself never does."""
    with Elasticsearch(elastic_server) as client:
        yield client


@pytest.fixture
def prefix(client: Elasticsearch) -> Iterator[str]:
    """What the indices of one test begin with; they are gone after it."""
    prefix = f"t{secrets.token_hex(6)}"
    yield prefix
    for name in client.indices.get(index=f"{prefix}*"):
        client.indices.put_settings(index=name, settings={"blocks": {"write": None}})
        client.indices.delete(index=name)
    client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}*")


@pytest.fixture
def make_elastic(elastic_server: str, prefix: str, clock: ManualClock) -> Iterator[MakeElastic]:
    with ExitStack() as stack:

        def make(
            name: str = "", *, k: int = 10, max_candidates: int = 200_000, shards: int = 1
        ) -> ElasticStore:
            made = ElasticStore(
                ElasticSettings(servers=(elastic_server,), prefix=prefix + name, shards=shards),
                clock=clock,
                timezone=TIMEZONE,
                k=k,
                max_candidates=max_candidates,
            )
            return stack.enter_context(closing(made))

        yield make
