import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import tantivy

from index.contract import Question, TooBroad
from index.local.partition import LocalPartition
from index.local.store import LocalStore
from index.testing import TIMEZONE, MakeStore, StoreContract, fill, text_post
from index.testing_agreement import AgreementContract
from index.testing_changes import ChangesContract
from privacy.suppress import MOST_A_DAY
from rules.tokens import tokenise
from stream.clock import DAY_MS, ManualClock
from stream.codec import encode_post
from stream.errors import Retry, Stop
from stream.partitions import partition_of
from stream.testing import START, bytes_below, make_post


class TestLocalStore(StoreContract):
    """The store on tantivy keeps the contract."""


class TestLocalAgreement(AgreementContract):
    """On random posts and questions too."""


class TestLocalChanges(ChangesContract):
    """What comes, changes and goes too."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def make_store(tmp_path: Path, clock: ManualClock) -> Iterator[MakeStore]:
    with ExitStack() as stack:

        def make(name: str = "index", *, k: int = 10, max_candidates: int = 200_000) -> LocalStore:
            made = LocalStore(
                tmp_path / name, clock=clock, timezone=TIMEZONE, k=k, max_candidates=max_candidates
            )
            return stack.enter_context(closing(made))

        yield make


@pytest.fixture
def store(make_store: Callable[[], LocalStore]) -> LocalStore:
    return make_store()


def test_one_post_with_more_values_than_can_be_counted_is_too_broad(store: LocalStore) -> None:
    fill(store, [text_post(1, "woord", hashtags=tuple(f"tag{i}" for i in range(30_000)))])
    with pytest.raises(TooBroad, match="ask for fewer"):
        store.top(Question(), by="hashtag")


@pytest.mark.parametrize("in_one_part", [1, 7, 40_000])
def test_who_writes_too_much_of_a_day_is_found_whatever_is_looked_at_at_once(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, in_one_part: int
) -> None:
    monkeypatch.setattr("index.local.partition.IN_ONE_PART", in_one_part)
    authors = [f"230-{number:016x}{number:016x}" for number in range(20)]
    fill(store, [text_post(n, "woord", author=authors[n % 20]) for n in range(93)])
    assert store.count(Question()).posts == 20 * MOST_A_DAY


def test_a_second_writer_is_refused(store: LocalStore, tmp_path: Path) -> None:
    fill(store, [text_post(1, "woord")])
    other = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)
    with pytest.raises(Retry, match="one writer"):
        fill(other, [text_post(2, "woord")])
    other.close()


def test_purged_texts_are_in_no_stored_document(store: LocalStore, tmp_path: Path) -> None:
    found = [text_post(n, f"geheim{n}") for n in range(20)]
    fill(store, found)
    store.remove(partition_of(found[0]), [found[0].id])
    store.flush()
    assert store.purge() == 19
    generations = [path.name for path in (tmp_path / "index").glob("*/g*")]
    assert generations == ["g2"]
    assert store.count(Question()).posts == 19
    assert store.purge() == 0
    store.close()
    again = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)
    texts = {hit.post.text for hit in again.search(Question(scope="both"), limit=99)}
    assert texts == {post.text for post in found[1:]}
    again.close()


def test_a_partition_that_is_gone_is_a_problem(store: LocalStore, tmp_path: Path) -> None:
    post = text_post(1, "woord")
    fill(store, [post])
    store.close()
    shutil.rmtree(tmp_path / "index" / partition_of(post).name)
    again = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)
    assert "is gone" in again.problems()[0]
    with pytest.raises(Stop, match="make an empty folder"):
        fill(again, [post])
    (tmp_path / "index" / partition_of(post).name / "g1").mkdir(parents=True)
    again.reload()
    assert again.problems() == []
    fill(again, [post])
    assert again.count(Question()).posts == 1
    again.close()
    for damaged in ("{", "[]", '{"version":3}', '{"version":3,"partitions":{"kept":1}}'):
        (tmp_path / "index" / "manifest.json").write_text(damaged)
        with pytest.raises(Stop, match="damaged"):
            LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)


def test_a_kill_while_the_first_partition_is_made_is_no_loss(tmp_path: Path) -> None:
    """Between its folder and the manifest that names it."""
    post = text_post(1, "woord")
    name = partition_of(post)
    LocalPartition(name, tmp_path / name.name / "g1", timezone=TIMEZONE, heap=15_000_000)
    store = LocalStore(tmp_path, clock=ManualClock(START), timezone=TIMEZONE, k=10)
    assert store.problems() == []
    fill(store, [post])
    assert store.count(Question()).posts == 1
    store.close()


def test_a_lost_manifest_costs_no_partition(store: LocalStore, tmp_path: Path) -> None:
    fill(store, [text_post(1, "woord")])
    store.close()
    (tmp_path / "index" / "manifest.json").unlink()
    with pytest.raises(Stop, match="is gone"):
        LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)


def test_a_rewriting_that_failed_is_done_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [text_post(n, f"woord{n}") for n in range(9)]
    fill(store, found)
    store.remove(partition_of(found[0]), [found[0].id])
    store.flush()
    real = LocalPartition.flush

    def fail(partition: LocalPartition) -> None:
        if partition.folder.name == "g2":
            raise Retry("the disk is away")
        real(partition)

    monkeypatch.setattr(LocalPartition, "flush", fail)
    for _ in range(2):
        with pytest.raises(Retry):
            store.purge()
        assert store.count(Question()).posts == 8
    monkeypatch.undo()
    assert store.purge() == 8
    assert store.count(Question()).posts == 8


def test_an_index_of_an_older_peil_is_written_anew(tmp_path: Path) -> None:
    post = text_post(1, "woord", special_category=True)
    name = partition_of(post).name
    folder = tmp_path / name / "g1"
    folder.mkdir(parents=True)
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("post", stored=True)
    writer = tantivy.Index(builder.build(), str(folder)).writer(15_000_000, 1)
    document = tantivy.Document()
    document.add_text("id", post.id)
    document.add_bytes("post", encode_post(post))
    writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"version": 2, "partitions": {name: 1}}))
    store = LocalStore(tmp_path, clock=ManualClock(START), timezone=TIMEZONE, k=10)
    with pytest.raises(Stop, match="peil expire"):
        store.count(Question())
    assert store.upgrade() == 1
    assert store.upgrade() == 0
    assert store.count(Question()).posts == 1
    assert store.count(Question(readable=True)).posts == 0
    assert [path.name for path in (tmp_path / name).iterdir()] == ["g2"]
    store.close()
    manifest.write_text(json.dumps({"version": 99, "partitions": {}}))
    with pytest.raises(Stop, match="newer peil"):
        LocalStore(tmp_path, clock=ManualClock(START), timezone=TIMEZONE, k=10)


def test_what_a_kill_left_behind_is_removed(store: LocalStore, tmp_path: Path) -> None:
    """Between the manifest and the removal of what it no longer names."""
    posts = [text_post(1, "woord"), make_post(2, text="weg", tokens=tokenise("weg"))]
    fill(store, posts)
    index = tmp_path / "index"
    before = {path.name for path in index.iterdir()}
    kept = partition_of(posts[0]).name
    shutil.copytree(index / kept / "g1", index / kept / "g2")
    shutil.copytree(index / kept / "g1", index / "kept-until-2020-01-06" / "g1")
    shutil.copytree(index / kept / "g1", index / "kept-until-2099-01-05" / "g1")
    store.purge()
    # What is not over its term may be a backup that somebody put here: told, not removed.
    assert "kept-until-2099-01-05" in store.problems()[0]
    shutil.rmtree(index / "kept-until-2099-01-05")
    assert {path.name for path in index.iterdir()} == before
    assert [path.name for path in (index / kept).iterdir()] == ["g1"]
    assert store.count(Question(scope="both")).posts == 2


def test_an_expired_partition_leaves_no_file(store: LocalStore, tmp_path: Path) -> None:
    post = text_post(1, "woord")
    recent = make_post(2, text="niets", tokens=tokenise("niets"))
    fill(store, [post, recent])
    assert [each.kind for each in store.expire(START + 3 * DAY_MS)] == ["recent"]
    assert list(store.partitions()) == [partition_of(post)]
    store.expire(START + 91 * DAY_MS)
    assert list(store.partitions()) == []
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["manifest.json"]
    assert b"woord" not in bytes_below(tmp_path)
