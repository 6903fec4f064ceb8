from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from stream.broker import Entry, Record, Topic
from stream.kafka.envelope import erasure, unwrap, wrap
from stream.topics import POSTS, RULES


class Received(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def received(key: bytes | None, value: bytes | None = b"v") -> Received:
    return Received(0, 7, 1, key, value, [])


@given(st.text(), st.sampled_from([POSTS, RULES]))
def test_what_was_appended_is_read_as_it_was(key: str, topic: Topic) -> None:
    sent = wrap(Entry(key, b"v"), topic)
    record = unwrap(received(sent.key, sent.value), topic)
    assert (record.key, record.value) == (key, b"v")
    assert erasure(record).key == sent.key


@given(st.binary())
@example(b"\xff\xfe\x80")
@example(b"\xed\xa0\x80")  # half a pair: no text either
@example(b"\xff\0" + bytes(8))
@example(b"")
def test_whatever_key_another_program_gave_the_record_is_read_and_can_be_erased(raw: bytes) -> None:
    for topic in (POSTS, RULES):
        record = unwrap(received(raw), topic)
        record.key.encode()  # text, and so something that quarantine can write down
        assert erasure(record).key == raw


def test_a_record_without_a_key_is_read() -> None:
    assert unwrap(received(None), POSTS) == Record(POSTS.name, 0, 7, "", b"v", 1)
