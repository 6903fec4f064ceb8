"""Records of posts, as every way to Bluesky shows them, and what becomes of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bluesky.records import at_uri, moment_of, read_record, shape
from stream.errors import Reject
from stream.post import RawPost
from stream.testing import START
from tests.ingest.jetstream import post, tid

PLANTED = "geheim-van-iemand"
FACET = "app.bsky.richtext.facet"
QUOTED = {"uri": "at://did:plc:y/app.bsky.feed.post/3kx", "cid": "bafy"}
IMAGES = {"$type": "app.bsky.embed.images", "images": [{"alt": "een hond", "image": {}}]}
EXTERNAL = {
    "$type": "app.bsky.embed.external",
    "external": {"uri": "https://nieuws.example/a", "title": "t", "description": "d"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


def read(record: dict[str, Any]) -> RawPost:
    raw = json.dumps(record).encode()
    return read_record(raw).to_post(
        uri=at_uri("did:plc:x", "1"), did="did:plc:x", observed_at=START
    )


def facet(text: str, words: str, feature: dict[str, str]) -> dict[str, Any]:
    """A facet over `words` in `text`, by bytes."""
    start = text.encode().index(words.encode())
    index = {"byteStart": start, "byteEnd": start + len(words.encode())}
    return {"index": index, "features": [feature]}


def test_a_plain_post() -> None:
    found = read(post("overlast bij het station", at=START, langs=["nl-NL", "en"], tags=["buurt"]))
    assert found == RawPost(
        platform="bluesky",
        native_id="at://did:plc:x/app.bsky.feed.post/1",
        text="overlast bij het station",
        observed_at=START,
        author="did:plc:x",
        created_at=START,
        declared_lang="nl-NL",
        hashtags=("buurt",),
    )


def test_facets_are_counted_in_bytes() -> None:
    text = "héé 🔥 @jan.example kijk nieuws.example/lang… #fatbike"
    mention = facet(text, "@jan.example", {"$type": f"{FACET}#mention", "did": "did:plc:jan"})
    link = facet(text, "nieuws.example/lang…",
                 {"$type": f"{FACET}#link", "uri": "https://nieuws.example/langer"})  # fmt: skip
    tag = facet(text, "#fatbike", {"$type": f"{FACET}#tag", "tag": "fatbike"})
    found = read(post(text, at=START, facets=[mention, link, tag]))
    assert found.handles == ("jan.example",)
    assert found.links == ("https://nieuws.example/langer",)
    assert found.hashtags == ("fatbike",)


@given(text=st.text(max_size=30), start=st.integers(-5, 200), end=st.integers(-5, 200))
def test_misaligned_facets_mark_words_of_the_text_or_none(text: str, start: int, end: int) -> None:
    feature = {"$type": f"{FACET}#mention", "did": "did:plc:jan"}
    facets = [{"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}]
    record = {"$type": "app.bsky.feed.post", "text": text, "facets": facets}
    raw = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
    found = read_record(raw).to_post(uri="at://x", did="did:plc:x", observed_at=START)
    assert all(name and name in found.text for name in found.handles)


@pytest.mark.parametrize(
    ("embed", "kind", "media", "links"),
    [
        (IMAGES, "post", True, ()),
        ({"$type": "app.bsky.embed.video", "video": {}}, "post", True, ()),
        ({"$type": "app.bsky.embed.gallery", "items": []}, "post", True, ()),
        (EXTERNAL, "post", False, ("https://nieuws.example/a",)),
        ({"$type": "app.bsky.embed.record", "record": QUOTED}, "quote", False, ()),
        ({"$type": "app.bsky.embed.recordWithMedia",
          "record": {"$type": "app.bsky.embed.record", "record": QUOTED}, "media": IMAGES},
         "quote", True, ()),
        ({"$type": "app.bsky.embed.recordWithMedia",
          "record": {"$type": "app.bsky.embed.record", "record": QUOTED}, "media": EXTERNAL},
         "quote", False, ("https://nieuws.example/a",)),
        ({"$type": "app.bsky.embed.record",
          "record": {"uri": "at://did:plc:y/app.bsky.graph.list/3kx", "cid": "bafy"}},
         "post", False, ()),
        ({"$type": "app.bsky.embed.of.tomorrow", "x": [1]}, "post", False, ()),
        (None, "post", False, ()),
    ],
)  # fmt: skip
def test_embeds(*, embed: Any, kind: str, media: bool, links: tuple[str, ...]) -> None:
    found = read(post("kijk", at=START, embed=embed))
    assert (found.kind, found.has_media, found.links) == (kind, media, links)


def test_a_quote_that_answers_is_a_reply() -> None:
    embed = {"$type": "app.bsky.embed.record", "record": QUOTED}
    assert read(post("nee", at=START, embed=embed, reply={"root": QUOTED})).kind == "reply"


@pytest.mark.parametrize("made", ["", "gisteren", "0000-00-00T00:00:00Z", "2026"])
def test_an_impossible_date_costs_the_date(made: str) -> None:
    found = read({"text": "x", "createdAt": made})
    assert found.observed_at == START


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"text": {PLANTED: PLANTED}},
        {"text": "x", "langs": PLANTED},
        {"text": "x", "facets": [{"index": PLANTED}]},
        {"text": "x", "embed": [PLANTED]},
        [PLANTED],
    ],
)
def test_what_is_no_post_is_rejected_without_its_values(record: Any) -> None:
    raw = json.dumps(record).encode()
    with pytest.raises(Reject) as error:
        read_record(raw)
    assert PLANTED not in str(error.value)
    assert PLANTED not in str(shape(raw).values())


@given(json_values | st.dictionaries(
    st.sampled_from(["text", "facets", "embed", "reply", "labels", "langs", "tags", "createdAt"]),
    json_values))  # fmt: skip
def test_any_record_is_a_post_or_is_rejected(record: Any) -> None:
    raw = json.dumps(record).encode()
    try:
        found = read_record(raw)
    except Reject:
        return
    assert found.to_post(uri="at://x", did="did:plc:x", observed_at=START).text == record["text"]
    assert found.opted_out in (True, False)


@given(st.integers(0, 2**53 - 1), st.integers(0, 1023))
def test_a_key_tells_when_it_was_made(microseconds: int, clock: int) -> None:
    assert moment_of(tid(microseconds, clock)) == microseconds // 1000


@pytest.mark.parametrize("key", ["self", "", "3kx", "1111111111111", "3MMOOJP4CD223"])
def test_a_key_of_another_kind_tells_nothing(key: str) -> None:
    assert moment_of(key) is None
