"""What may be set is what Kafka's client and protocol can do."""

import pytest
from pydantic import ValidationError

from stream.settings import KafkaSettings, StreamSettings


@pytest.mark.parametrize("value", ["inf", "nan", "-inf", "0", "1e300"])
@pytest.mark.parametrize("name", ["lease_seconds", "quarantine_share"])
def test_a_number_beyond_reason_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        StreamSettings.model_validate({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout_seconds", "inf"),
        ("timeout_seconds", "nan"),
        ("timeout_seconds", 1e300),
        ("timeout_seconds", 540),
        ("replication", 99_999_999_999),
        ("partitions", 99_999_999_999),
        ("partitions", 1_001),
        ("prefix", "p" * 201),
        ("servers", ["a..b:9092"]),
        ("servers", [".a:9092"]),
        ("servers", ["a." + "b" * 64 + ":9092"]),
        ("servers", [".".join(["abcdefg"] * 40) + ":9092"]),
        ("servers", ["[::::]:9092"]),
        ("servers", ["[fe80::1%eth0]:9092"]),
        ("servers", ["ünïcode.example:9092"]),
    ],
)
def test_what_no_client_of_kafka_can_do_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        KafkaSettings.model_validate({name: value})


@pytest.mark.parametrize(
    "server", ["a:1", "a.b.:9092", "a_b.example-1.org:9092", "127.0.0.1:9092", "[::1]:9092"]
)
def test_hosts_of_every_form_are_taken(server: str) -> None:
    assert KafkaSettings(servers=(server,)).servers == (server,)


@pytest.mark.parametrize("seconds", [0.001, 1e7])
def test_a_lease_that_the_client_would_refuse_is_refused_before(seconds: float) -> None:
    with pytest.raises(ValidationError):
        StreamSettings(lease_seconds=seconds)


def test_a_record_fits_into_what_kafka_can_say() -> None:
    assert StreamSettings(record_bytes=1_000_000_000).record_bytes
    with pytest.raises(ValidationError):
        StreamSettings(record_bytes=1_000_000_001)
