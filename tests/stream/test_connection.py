"""What Kafka's errors mean to us."""

import pytest
from kafka import errors as kafka_errors
from kafka.errors import KafkaError

from stream.errors import Stop
from stream.kafka.connection import Connection
from stream.settings import KafkaSettings

SENT = "a text that was sent"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (kafka_errors.MessageSizeTooLargeError, "find a record too large"),
        (kafka_errors.RecordListTooLargeError, "find a record too large"),
        (kafka_errors.InvalidRecordError, "find a record not valid for its topic"),
        (kafka_errors.CorruptRecordError, "a record there is damaged"),
        (kafka_errors.KafkaConfigurationError, "no broker was asked; check stream.lease_seconds"),
        (kafka_errors.InvalidSessionTimeoutError, "set stream.lease_seconds"),
        (kafka_errors.InvalidReplicationFactorError, "fewer brokers than stream.kafka.replication"),
        (kafka_errors.PolicyViolationError, "Kafka refuses it"),
    ],
)
def test_what_a_person_must_mend_is_told_for_what_it_is(kind: type[KafkaError], told: str) -> None:
    error = Connection(KafkaSettings()).named(kind(SENT), "appending to posts")
    assert isinstance(error, Stop)
    assert str(error).startswith("appending to posts: ")
    assert told in str(error)
    assert SENT not in str(error)
