"""What every store must do with posts that come, change and go."""

from datetime import date

import msgspec
import pytest

from index.contract import Question, Store
from index.testing import MakeStore, fill, text_post, where_is
from privacy.suppress import Thresholds
from rules.parser import parse
from rules.tokens import tokenise
from stream.clock import DAY_MS, ManualClock
from stream.errors import Retry
from stream.lifecycle import Located
from stream.partitions import Partition, partition_of
from stream.testing import START, make_post
from stream.version import pack


class ChangesContract:
    """A part of `index.testing.StoreContract`, with the same fixtures."""

    @pytest.fixture
    def store(self, make_store: MakeStore) -> Store:
        return make_store()

    def test_writing_again_replaces(self, store: Store) -> None:
        fill(store, [text_post(1, "oud")])
        fill(store, [text_post(1, "nieuw")])
        assert store.count(Question()).posts == 1
        assert store.count(Question(query=parse("oud").tree)).posts == 0

    def test_where_sees_what_is_not_flushed(self, store: Store) -> None:
        post = text_post(1, "woord")
        store.write(partition_of(post), [post])
        assert [place.version for place in where_is(store, post)] == [post.version]
        store.remove(partition_of(post), [post.id])
        assert where_is(store, post) == []
        store.write(partition_of(post), [post])
        store.flush()
        here = Located(partition_of(post), post.version, post.keep_until, post.first_observed)
        assert where_is(store, post) == [here]
        newer = msgspec.structs.replace(post, version=post.version + 1)
        store.write(partition_of(post), [newer])
        assert [place.version for place in where_is(store, post)] == [newer.version]
        store.remove(partition_of(post), [post.id])
        assert where_is(store, post) == []

    def test_a_removed_post_is_gone_and_can_come_back_newer(self, store: Store) -> None:
        post = text_post(1, "woord")
        home = partition_of(post)
        fill(store, [post])
        for _ in range(3):  # what is not there is no error
            store.remove(home, [post.id, "f" * 32])
            store.flush()
            assert where_is(store, post) == []
            assert store.count(Question()).posts == 0
        newer = msgspec.structs.replace(post, version=post.version + 1)
        fill(store, [newer])
        assert [place.version for place in where_is(store, post)] == [newer.version]

    def test_taking_out_of_a_partition_that_is_not_there_is_no_error(self, store: Store) -> None:
        store.remove(Partition("kept", date(2020, 1, 6)), ["f" * 32])
        store.flush()
        assert store.partitions() == {}

    def test_a_reader_sees_more_after_reload(self, store: Store, make_store: MakeStore) -> None:
        reader = make_store()
        assert reader.count(Question()).posts == 0
        fill(store, [text_post(1, "woord")])
        reader.reload()
        assert reader.count(Question()).posts == 1

    def test_unflushed_writes_are_given_up_when_closed(
        self, store: Store, make_store: MakeStore
    ) -> None:
        fill(store, [text_post(1, "woord")])
        post = text_post(2, "woord")
        store.write(partition_of(post), [post])
        store.close()
        assert make_store().count(Question()).posts == 1

    def test_every_stored_post_of_a_partition_can_be_read(self, store: Store) -> None:
        found = [text_post(n, f"woord {n}") for n in range(2_500)]
        recent = make_post(9_999, text="niets")
        fill(store, [*found, recent])
        held = {post.id: post for post in store.posts(partition_of(found[0]))}
        assert held == {post.id: post for post in found}
        assert list(store.posts(partition_of(recent))) == [recent]
        assert list(store.posts(Partition("kept", date(2020, 1, 6)))) == []
        assert store.partitions() == {partition_of(found[0]): 2_500, partition_of(recent): 1}

    def test_an_author_is_removed_up_to_a_rev(self, store: Store) -> None:
        author = "230-" + "a" * 32
        old = text_post(1, "een", author=author)
        new = text_post(2, "twee", author=author, version=pack(START + 1000, 0))
        other = text_post(3, "drie")
        store.write(partition_of(old), [old, new, other])
        assert store.remove_authors([author], START) == 1
        assert {hit.post.id for hit in store.search(Question(), limit=9)} == {new.id, other.id}
        assert store.remove_authors([author, "231-" + "b" * 32], START + 1000) == 1
        assert store.remove_authors([author], START + 1000) == 0

    def test_purged_texts_leave_the_others(self, store: Store, make_store: MakeStore) -> None:
        found = [text_post(n, f"geheim{n}") for n in range(20)]
        fill(store, found)
        assert store.purge() == 0
        store.remove(partition_of(found[0]), [found[0].id])
        fill(store, [text_post(1, "anders", version=found[1].version + 1)])
        assert store.purge() > 0
        assert store.purge() == 0
        again = make_store()
        texts = {hit.post.text for hit in again.search(Question(scope="both"), limit=99)}
        assert texts == {"anders", *(post.text for post in found[2:])}

    def test_what_is_over_its_term_is_not_asked_also_before_it_is_dropped(
        self, store: Store, clock: ManualClock
    ) -> None:
        post = text_post(1, "woord")
        fill(store, [post])
        assert store.problems() == []
        clock.advance(90 * DAY_MS)
        assert store.count(Question()).posts == 0
        assert store.search(Question(), limit=9) == []
        assert where_is(store, post)
        assert "peil expire" in store.problems()[0]

    def test_an_expired_partition_is_gone(self, store: Store, make_store: MakeStore) -> None:
        post = text_post(1, "woord")
        recent = make_post(2, text="niets", tokens=tokenise("niets"))
        fill(store, [post, recent])
        reader = make_store()
        assert [each.kind for each in store.expire(START + 3 * DAY_MS)] == ["recent"]
        assert list(store.partitions()) == [partition_of(post)]
        assert list(store.expire(START + 91 * DAY_MS)) == [partition_of(post)]
        assert list(store.partitions()) == []
        assert store.expire(START + 91 * DAY_MS) == []
        reader.reload()
        assert reader.count(Question(scope="both")).posts == 0
        with pytest.raises(Retry, match="not there any more"):  # no answer that looks empty
            store.roll_up(partition_of(post), Thresholds(2, lambda _: False))

    def test_a_store_of_this_version_needs_no_upgrade(self, store: Store) -> None:
        assert store.upgrade() == 0
        fill(store, [text_post(1, "woord")])
        assert store.upgrade() == 0
        assert store.count(Question()).posts == 1
