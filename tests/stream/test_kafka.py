import secrets
from collections.abc import Iterator

import pytest

from stream.clock import SystemClock
from stream.kafka import KafkaBroker
from stream.kafka.layout import Pace
from stream.settings import KafkaSettings, StreamSettings
from stream.testing import TRIAL_SETTINGS, TRIAL_TOPICS, BrokerContract

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]

QUICK = Pace(segment_ms=1_000, compaction_ms=1_000, tombstone_ms=60_000)


def settings(address: str, **changes: object) -> StreamSettings:
    """Those of the trial, with topics of their own on that server."""
    kafka = {"servers": (address,), "prefix": f"t{secrets.token_hex(6)}."} | changes
    return TRIAL_SETTINGS.model_copy(update={"kafka": KafkaSettings.model_validate(kafka)})


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def broker(kafka_server: str, clock: SystemClock) -> Iterator[KafkaBroker]:
    made = KafkaBroker(settings(kafka_server), clock=clock, topics=TRIAL_TOPICS, pace=QUICK)
    assert made.prepare() == []
    yield made
    made.close()


class TestKafkaBroker(BrokerContract):
    """The contract, on a real Kafka."""
