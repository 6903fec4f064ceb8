"""An index of an older peil is written anew, whatever ends it, while posts go on coming in."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch

from index.contract import Question
from index.document import id_numbers
from index.elastic import rebuild
from index.elastic.bulk import Buffer
from index.elastic.cluster import Cluster
from index.elastic.mapping import VERSION, Names, signed
from index.elastic.rebuild import Rebuild
from index.elastic.store import ElasticStore
from index.testing import fill, text_post
from stream.codec import encode_post
from stream.errors import Retry
from stream.partitions import Partition, partition_of
from stream.post import Post

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]

STEPS = ("copy", "mend", "block", "swap")


class Killed(BaseException):
    """Ends a process where a test wants it to."""


class OlderPeil:
    """What a peil before this one made, and writes: only what never changes."""

    def __init__(self, client: Elasticsearch, prefix: str, partition: Partition) -> None:
        names = Names(prefix)
        self.index = names.index(partition, 0)
        self._entrance = names.entrance(partition, 0)
        self._client = client
        numbers = {"type": "long"}
        client.indices.create(
            index=self.index,
            aliases={names.alias(partition): {"is_write_index": True}, self._entrance: {}},
            mappings={
                "dynamic": "strict",
                "properties": {
                    "post": {"type": "keyword", "index": False, "doc_values": False},
                    **dict.fromkeys(("id_high", "id_low", "version"), numbers),
                },
            },
        )

    def write(self, posts: list[Post], removed: list[Post]) -> None:
        """Raises Retry when it is blocked, or when there is a newer index already."""
        lines: list[dict[str, object]] = []
        for post in posts:
            high, low = id_numbers(post.id)
            at = {"_id": post.id, "version": post.version, "version_type": "external_gte"}
            lines += [
                {"index": at},
                {
                    "id_high": signed(high),
                    "id_low": signed(low),
                    "version": post.version,
                    "post": encode_post(post).decode(),
                },
            ]
        lines += [{"delete": {"_id": post.id}} for post in removed]
        answer = self._client.bulk(
            index=self._entrance, operations=lines, refresh=True, require_alias=True
        )
        for item in answer["items"]:
            (said,) = item.values()
            if said["status"] >= 300:
                raise Retry(str(said["status"]))


@pytest.fixture
def older(client: Elasticsearch, prefix: str) -> OlderPeil:
    return OlderPeil(client, prefix, partition_of(text_post(1, "")))


@pytest.fixture
def store(make_elastic: Callable[[], ElasticStore]) -> ElasticStore:
    return make_elastic()


def test_an_index_of_an_older_peil_is_written_anew(
    store: ElasticStore, older: OlderPeil, client: Elasticsearch, prefix: str
) -> None:
    posts = [text_post(n, f"woord {n}", special_category=n % 2 == 0) for n in range(2_500)]
    older.write(posts, [])
    assert any("older peil" in each for each in store.problems())
    for ask in (lambda: store.count(Question()), lambda: store.where(["a"])):
        with pytest.raises(Retry, match="being written anew"):
            ask()
    with pytest.raises(Retry, match="start `index`"):
        store.write(partition_of(posts[0]), posts[:1])
    told: list[tuple[int, int]] = []
    assert store.upgrade(lambda done, of: told.append((done, of))) == 2_500
    assert told[-1] == (2_500, 2_500)
    assert len(told) > 1
    assert store.upgrade() == 0
    assert store.count(Question(readable=True)).posts == 1_250
    assert store.problems() == []
    assert list(client.indices.get(index=f"{prefix}-*")) == [f"{older.index[:-1]}{VERSION}"]


def test_who_waited_for_an_older_index_goes_on_when_another_has_written_it_anew(
    store: ElasticStore, older: OlderPeil, make_elastic: Callable[[], ElasticStore]
) -> None:
    """Such as `house` while `index` does that: without a `reload`."""
    post = text_post(1, "woord")
    older.write([post], [])
    with pytest.raises(Retry):
        store.where([post.id])
    make_elastic().upgrade()
    assert list(store.where([post.id])) == [post.id]
    assert store.count(Question()).posts == 1


class Other:
    """Another process that upgrades at the same time and is faster; then it writes on."""

    def __init__(self, store: ElasticStore, posts: list[Post], patch: pytest.MonkeyPatch) -> None:
        self._store = store
        self._posts = posts
        self._patch = patch

    def overtake(self) -> None:
        self._patch.undo()
        self._store.upgrade()
        fill(self._store, self._posts)

    def texts(self) -> list[str]:
        return sorted(hit.post.text for hit in self._store.search(Question(), limit=99))


def test_an_upgrade_that_was_overtaken_takes_nothing_from_the_new_index(
    store: ElasticStore,
    older: OlderPeil,
    make_elastic: Callable[[], ElasticStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The old one is gone before it is compared with the new one."""
    older.write([text_post(n, f"woord {n}") for n in range(3)], [])
    other = Other(make_elastic(), [text_post(9, "nieuw")], monkeypatch)
    mend = Rebuild.mend

    def overtaken(self: Rebuild, *arguments: Any) -> int:
        other.overtake()
        return mend(self, *arguments)

    monkeypatch.setattr(Rebuild, "mend", overtaken)
    store.upgrade()
    assert other.texts() == ["nieuw", "woord 0", "woord 1", "woord 2"]


def test_what_comes_between_the_looks_at_two_indices_stays(
    store: ElasticStore,
    older: OlderPeil,
    make_elastic: Callable[[], ElasticStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older.write([text_post(n, f"woord {n}") for n in range(3)], [])
    other = Other(make_elastic(), [text_post(9, "nieuw")], monkeypatch)
    entries = rebuild._entries
    begun: list[str] = []

    def overtaken(cluster: Cluster, index: str, *, here: bool) -> Iterator[Any]:
        begun.append(index)
        if len(begun) == 2:
            other.overtake()
        yield from entries(cluster, index, here=here)

    monkeypatch.setattr(rebuild, "_entries", overtaken)
    store.upgrade()
    assert len(begun) == 2
    assert other.texts() == ["nieuw", "woord 0", "woord 1", "woord 2"]


def test_what_was_removed_and_has_come_back_in_the_new_index_stays(
    store: ElasticStore,
    older: OlderPeil,
    make_elastic: Callable[[], ElasticStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was found to be superfluous a moment before."""
    posts = [text_post(n, f"woord {n}") for n in range(3)]
    back = msgspec.structs.replace(posts[0], text="terug", version=posts[0].version + 1)
    older.write(posts, [])
    other = Other(make_elastic(), [back], monkeypatch)
    copy, remove = Rebuild.copy, Buffer.remove

    def removed_after(self: Rebuild, *arguments: Any) -> None:
        copy(self, *arguments)
        older.write([], posts[:1])

    def overtaken(self: Buffer, *arguments: Any) -> None:
        other.overtake()
        remove(self, *arguments)

    monkeypatch.setattr(Rebuild, "copy", removed_after)
    monkeypatch.setattr(Buffer, "remove", overtaken)
    store.upgrade()
    assert other.texts() == ["terug", "woord 1", "woord 2"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("done", [False, True])
def test_an_upgrade_that_was_killed_goes_on(
    make_elastic: Callable[[], ElasticStore],
    older: OlderPeil,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    done: bool,  # noqa: FBT001  (a parameter of pytest)
) -> None:
    """Before each step and after it; posts come, change and go between the two attempts."""
    posts = [text_post(n, f"woord {n}") for n in range(30)]
    older.write(posts, [])
    real = getattr(Rebuild, step)

    def killed(self: Rebuild, *arguments: object) -> None:
        if done:
            real(self, *arguments)
        raise Killed

    monkeypatch.setattr(Rebuild, step, killed)
    with pytest.raises(Killed):
        make_elastic().upgrade()
    monkeypatch.undo()
    changed = msgspec.structs.replace(posts[1], text="anders", version=posts[1].version + 1)
    new = text_post(99, "nieuw")
    blocked = (step, done) in {("block", True), ("swap", False), ("swap", True)}
    if blocked:  # by the upgrade, or because the newer index is there
        with pytest.raises(Retry, match=r"403|404"):
            older.write([changed, new], [posts[0]])
        expected = posts
    else:
        older.write([changed, new], [posts[0]])
        expected = [changed, new, *posts[2:]]
    store = make_elastic()
    store.upgrade()
    assert sorted(hit.post.text for hit in store.search(Question(), limit=99)) == sorted(
        post.text for post in expected
    )
    fill(store, [text_post(100, "daarna")])
    assert store.problems() == []


def test_posts_go_on_coming_in_while_an_index_is_written_anew(
    store: ElasticStore, older: OlderPeil
) -> None:
    """A writer of the older peil adds, changes and removes, until it is refused."""
    held = {post.id: post for post in (text_post(n, f"woord {n}") for n in range(3_000))}
    older.write(list(held.values()), [])
    begun = threading.Event()

    def write() -> None:
        for number in count(10_000):
            one, other = text_post(number, "nieuw"), held[f"{number % 3_000:032x}"]
            changed = msgspec.structs.replace(other, text="anders", version=other.version + number)
            gone = held.get(f"{(number * 7 + 1) % 3_000:032x}")
            try:
                older.write([one, changed], [gone] if gone and gone.id != other.id else [])
            except Retry:
                return
            held.update({one.id: one, changed.id: changed})
            removed.pop(changed.id, None)
            if gone and gone.id != other.id:
                removed[gone.id] = gone
            begun.set()

    removed: dict[str, Post] = {}
    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(30)
    store.upgrade()
    writer.join(30)
    assert not writer.is_alive()
    assert len(held) > 3_000
    stored = {post.id: post for partition in store.partitions() for post in store.posts(partition)}
    assert stored.keys() == held.keys() - removed.keys()
    assert all(held[key] == post for key, post in stored.items())
