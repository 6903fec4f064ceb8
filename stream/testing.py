"""What tests of peil, and of engines that others write, need: posts, and waiting for a broker."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from stream.broker import (
    Consumer,
    Entry,
    Record,
    Topic,
)
from stream.clock import DAY_MS, Clock
from stream.post import Label, Match, Post
from stream.settings import StreamSettings
from stream.topics import POSTS, QUARANTINE, RULES
from stream.version import pack

START = 1_790_000_000_000
"""A moment in September 2026, Unix ms."""


def make_post(number: int = 1, **changes: Any) -> Post:
    """A plain post; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "author": f"230-{number % 2**64:016x}{number % 2**64:016x}",
        "source": "trial",
        "platform": "example",
        "kind": "post",
        "created_at": START,
        "first_observed": START,
        "keep_until": START + 90 * DAY_MS,
        "text": f"text {number}",
        "version": pack(START, 0),
    }
    return Post(**(fields | changes))


def posts() -> st.SearchStrategy[Post]:
    """Posts of all shapes."""
    words = st.text(string.ascii_letters + " éıعربي🔥'#", max_size=40)
    moments = st.integers(START - 100 * DAY_MS, START)
    labels = st.none() | st.builds(
        Label,
        value=st.sampled_from(["nl", "en"]),
        confidence=st.floats(0, 1),
        model=st.just("m"),
        version=st.just("1"),
    )
    return st.builds(
        make_post,
        st.integers(0, 2**128 - 1),
        text=words,
        created_at=moments,
        first_observed=moments,
        version=st.builds(pack, moments, st.integers(0, 100)),
        keep=st.sampled_from(["matched", "all"]),
        hashtags=st.lists(words, max_size=3).map(tuple),
        has_media=st.booleans(),
        lang=labels,
        matches=st.lists(
            st.builds(Match, st.just("rule"), st.just("v1"), st.just(((0, 1),))), max_size=2
        ).map(tuple),
        shadows=st.lists(st.just(Match("rule", "v2")), max_size=1).map(tuple),
    )


def entries(count: int, *, key: str = "key") -> list[Entry]:
    """So many entries with keys and values of their own."""
    return [Entry(f"{key}-{number}", b"value %d" % number) for number in range(count)]


TRIAL_SETTINGS = StreamSettings(lease_seconds=1.5)
BRIEF = Topic(name="brief", partitions=1, retention_ms=4_000)
"""Keeps its records so briefly that a test can wait for it."""

TRIAL_TOPICS = (POSTS, QUARANTINE, RULES, BRIEF)


def eventually(holds: Callable[[], bool], clock: Clock, *, seconds: float = 20.0) -> None:
    """Let time pass until `holds()`; fails when it does not within `seconds`."""
    until = clock.now() + int(seconds * 1000)
    while not holds():
        assert clock.now() < until, f"it did not come about within {seconds:.0f} s"
        clock.sleep(0.1)


def taken(consumer: Consumer, count: int, clock: Clock, *, limit: int = 100) -> list[Record]:
    """Poll until so many records came, and commit nothing."""
    found: list[Record] = []

    def enough() -> bool:
        found.extend(consumer.poll(limit=min(limit, count - len(found)), timeout=1.0))
        return len(found) == count

    eventually(enough, clock)
    return found


def values(records: list[Record]) -> Mapping[str, list[bytes | None]]:
    """The values of each key in their order."""
    found: dict[str, list[bytes | None]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record.value)
    return found


def bytes_below(folder: Path) -> bytes:
    """Every byte of every file below `folder`, to look for what must not be there."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
