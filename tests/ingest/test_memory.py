"""What collecting remembers, on both databases."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from ingest.contract import Reference, Standing
from ingest.memory import Memory
from ingest.tables import reference, source_author
from ingest.vault import Vault
from privacy.contract import Sighting
from privacy.keys import KeyRing
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.post import RawPost
from stream.testing import START

MANY = 1_203
DAY, HOUR = DAY_MS, HOUR_MS


@pytest.fixture
def memory(database: Engine) -> Memory:
    return Memory(database)


def sighting(number: int, *, rev: int = START, edited: int | None = None) -> Sighting:
    return Sighting(f"id-{number}", f"hash-{rev}", START, rev, edited)


def test_the_cursor_and_what_was_seen_are_kept_together(memory: Memory) -> None:
    assert memory.cursor("s") == {}
    first = {f"id-{n}": sighting(n) for n in range(MANY)}
    memory.advance("s", {"page": 1, "text": "é\0"}, first, until=START + DAY)
    assert memory.cursor("s") == {"page": 1, "text": "é\0"}
    assert memory.seen("s").lookup([*first, "unknown"]) == first
    assert memory.seen("t").lookup(list(first)) == {}
    again = {"id-1": sighting(1, rev=START + 1, edited=START + 1)}
    memory.advance("s", {"page": 2}, again, until=START + 2 * DAY)
    memory.advance("t", {"page": 9}, {}, until=START)
    assert memory.cursor("s") == {"page": 2}
    assert memory.seen("s").lookup(["id-0", "id-1"]) == {"id-0": first["id-0"], **again}
    assert memory.forget(START + DAY - 1) == 0
    assert memory.forget(START + DAY) == MANY - 1
    assert memory.seen("s").lookup(list(first)) == again


def test_at_most_k_authors_are_remembered_and_only_for_a_time(
    memory: Memory, database: Engine
) -> None:
    memory.note_authors("s", ["a", "b", "a"], now=START, k=5)
    assert memory.authors("s", since=START) == 2
    memory.note_authors("s", [str(number) for number in range(99)], now=START + 1, k=5)
    memory.note_authors("t", ["a"], now=START, k=5)
    assert memory.authors("s", since=START) == 5
    memory.note_authors("s", ["a"], now=START + 2, k=5)
    assert memory.authors("s", since=START + 1) == 4
    assert memory.authors("s", since=START + 2) == 1
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(source_author)) == 2


def test_one_person_in_two_key_epochs_is_not_two(memory: Memory) -> None:
    five = [f"11-{number}" for number in range(5)]
    memory.note_authors("s", five, now=START, k=10)
    memory.note_authors("s", [f"12-{number}" for number in range(5)], now=START + 1, k=10)
    assert memory.authors("s", since=START) == 5  # the epoch changed, nobody came
    memory.note_authors("s", [f"12-{number}" for number in range(20)], now=START + 2, k=10)
    assert memory.authors("s", since=START) == 10
    memory.note_authors("s", five, now=START + 3, k=10)  # what comes late
    assert memory.authors("s", since=START + 3) == 5


# The re-check vault


class Platform:
    """What can be asked about its posts."""

    def reference(self, post: RawPost) -> Reference | None:
        return None if post.native_id == "0" else Reference(post.platform, post.native_id)

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        yield from ("there" for _ in references)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys", clock=ManualClock(START), longest_retention_days=90)


def native(vault: Vault, *, now: int, limit: int = 99) -> list[str]:
    return [each.reference.native_id for each in vault.due("s", now=now, limit=limit)]


def test_what_is_due_is_asked_about_and_then_rests(database: Engine, keys: KeyRing) -> None:
    vault = Vault(database, keys)
    posts = [
        RawPost(platform="p", native_id=str(number), text="t", observed_at=START)
        for number in range(5)
    ]
    ids = {post.native_id: keys.post_id("p", post.native_id) for post in posts}
    admitted = [ids[each] for each in "0123"]

    def add(until: int) -> None:
        vault.add("s", posts, collector=Platform(), admitted=admitted, now=START, until=until)

    add(START + 3 * DAY)
    add(START + 9 * DAY)  # seen again: its end stays
    assert native(vault, now=START + DAY - 1) == []
    assert sorted(native(vault, now=START + DAY)) == ["1", "2", "3"]
    vault.note("s", {ids["1"]: "missing", ids["2"]: "gone"}, now=START + DAY)
    vault.note("s", {ids["3"]: "unknown"}, now=START + DAY + 1)
    assert native(vault, now=START + DAY) == []
    assert native(vault, now=START + 2 * DAY + 1, limit=1) == ["1"]
    (one, three) = vault.due("s", now=START + 2 * DAY + 1, limit=9)
    assert (one.missing, three.missing) == (True, False)
    vault.note("s", {ids["1"]: "unasked"}, now=START + 2 * DAY + 1)
    assert native(vault, now=START + 2 * DAY + 1) == ["3"]
    assert native(vault, now=START + 2 * DAY + HOUR + 1) == ["3", "1"]  # the longest ago first
    assert vault.due("s", now=START + 2 * DAY + HOUR + 1, limit=9)[1].missing
    vault.drop("s", [ids["3"], "unknown"])
    assert native(vault, now=START + 2 * DAY + HOUR + 1) == ["1"]
    assert native(vault, now=START + 3 * DAY) == []


def test_what_is_over_or_erased_is_forgotten(database: Engine, keys: KeyRing) -> None:
    vault = Vault(database, keys)
    for number, until in ((1, START + 1), (2, START + 9 * DAY), (3, START + 9 * DAY)):
        post = RawPost(platform="p", native_id=str(number), text="t", observed_at=START)
        admitted = [keys.post_id("p", str(number))]
        vault.add("s", [post], collector=Platform(), admitted=admitted, now=START, until=until)
    gone = {keys.post_id("p", "2"), "unknown"}
    vault.forget(START + 1, erased=gone.intersection)
    assert native(vault, now=START + DAY) == ["3"]
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(reference)) == 1
