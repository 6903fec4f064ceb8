from pathlib import Path

import pytest
from hypothesis import given, settings

from stream.codec import SCHEMA_VERSION, decode, decode_post, encode, encode_post
from stream.errors import Reject
from stream.events import AuthorDelete, Delete, Event, Gap, Upsert
from stream.post import Post
from stream.testing import posts

GOLDEN = Path(__file__).parent / "golden"


@settings(max_examples=50)
@given(posts())
def test_a_post_comes_back_as_it_went(post: Post) -> None:
    assert decode_post(encode_post(post)) == post
    assert decode(encode(Upsert(post))) == Upsert(post)


@given(posts())
def test_what_enrichment_filled_can_be_taken_off(post: Post) -> None:
    plain = post.unlabelled()
    assert (plain.id, plain.text, plain.keep, plain.version) == (
        post.id, post.text, post.keep, post.version
    )  # fmt: skip
    assert {plain.tokens, plain.matches, plain.shadows, plain.lang} == {(), None}
    assert plain.unlabelled() == plain


@pytest.mark.parametrize(
    "event",
    [
        Delete("a", 5, "s"),
        AuthorDelete(("230-a", "229-b"), 7),
        Gap("s", 1, 2, "away"),
    ],
    ids=["delete", "author_delete", "gap"],
)
def test_other_events_come_back_as_they_went(event: Event) -> None:
    assert decode(encode(event)) == event


def test_samples_of_every_version_stay_readable() -> None:
    samples = sorted(GOLDEN.glob("v*.jsonl"))
    assert len(samples) == SCHEMA_VERSION
    for sample in samples:
        lines = sample.read_bytes().splitlines()
        assert len(lines) >= 4
        for line in lines:
            assert decode(line).key


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[]", b'{"v":1}', b'{"v":1,"event":{"type":"x"}}']
)
def test_what_is_no_event_is_rejected_without_its_values(data: bytes) -> None:
    with pytest.raises(Reject, match="not an event"):
        decode(data)


def test_the_reason_never_repeats_a_value() -> None:
    data = b'{"v":1,"event":{"type":"upsert","post":{"id":"a","kind":"secret words"}}}'
    with pytest.raises(Reject) as caught:
        decode(data)
    assert "secret" not in str(caught.value)
