import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.compiler import Compiler
from index.contract import Question
from index.document import document
from index.elastic import counting
from index.elastic.cluster import Cluster
from index.elastic.counting import MOST_TERMS
from index.elastic.mapping import VERSION
from index.elastic.query import EVERYTHING, ElasticEngine, Query
from index.elastic.store import ElasticStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE, MakeStore, StoreContract, fill, text_post, where_is
from index.testing_agreement import AgreementContract
from index.testing_changes import ChangesContract
from privacy.suppress import MOST_A_DAY, Thresholds
from rules.evaluator import evaluate
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tree import Keywords, Near, Node, Or, Phrase, Prefix, Term, children
from stream.clock import DAY_MS, ManualClock
from stream.errors import Reject, Retry, Stop
from stream.partitions import partition_of
from stream.post import Post
from stream.testing import START, make_post
from tests.index.conftest import MakeElastic

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]


class TestElasticStore(StoreContract):
    """The store on Elasticsearch keeps the contract."""


class TestElasticAgreement(AgreementContract):
    """On random posts and questions too."""

    examples = 12


class TestElasticChanges(ChangesContract):
    """What comes, changes and goes too."""


@pytest.fixture
def make_store(make_elastic: MakeStore) -> MakeStore:
    return make_elastic


@pytest.fixture
def store(make_elastic: MakeStore) -> ElasticStore:
    made = make_elastic()
    assert isinstance(made, ElasticStore)
    return made


# Writing.


def bad_post(number: int) -> Post:
    """One that Elasticsearch cannot take: no key epoch is so far away."""
    return text_post(number, "geheimwoord", author=f"{2**40}-{'a' * 32}")


def test_one_bad_post_costs_one_post(store: ElasticStore) -> None:
    good = [text_post(n, "woord") for n in range(9)]
    bad = bad_post(99)
    with pytest.raises(Reject) as caught:
        fill(store, [*good[:4], bad, *good[4:]])
    assert "geheimwoord" not in str(caught.value)
    assert "aaaa" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert store.where([post.id for post in [*good, bad]]).keys() == {post.id for post in good}
    store.flush()  # what was refused is given up
    with pytest.raises(Reject):
        fill(store, [bad])
    assert store.count(Question()).posts == 9


def test_an_older_version_never_replaces_a_newer_one(
    store: ElasticStore, make_store: MakeStore
) -> None:
    """For example of a writer that lost its partitions and does not know it yet."""
    old, other = text_post(1, "oud"), text_post(2, "woord")
    new = text_post(1, "nieuw", version=old.version + 1)
    fill(store, [new])
    fill(make_store(), [old, other])
    assert {hit.post.text for hit in store.search(Question(), limit=9)} == {"nieuw", "woord"}


def test_a_post_that_was_removed_a_moment_ago_can_be_written(store: ElasticStore) -> None:
    """Though Elasticsearch remembers the removal as newer."""
    post = text_post(1, "woord")
    fill(store, [post])
    for _ in range(5):
        store.remove(partition_of(post), [post.id])
        store.flush()
        fill(store, [post])
        assert store.count(Question()).posts == 1


def test_a_newer_post_of_another_writer_is_not_removed(
    store: ElasticStore, make_store: MakeStore
) -> None:
    """For example what housekeeping erases, while its author posts anew."""
    old = text_post(1, "oud")
    fill(store, [old])
    (place,) = where_is(store, old)
    fill(make_store(), [text_post(1, "nieuw", version=old.version + 1)])
    store.remove(place.partition, [old.id])
    store.flush()
    assert [hit.post.text for hit in store.search(Question(), limit=9)] == ["nieuw"]
    assert where_is(store, old)
    store.remove(place.partition, [old.id])
    store.flush()
    assert where_is(store, old) == []


def test_what_another_writer_made_is_seen(store: ElasticStore, make_store: MakeStore) -> None:
    other = make_store()
    other.upgrade()
    post = text_post(1, "woord")
    fill(store, [post])
    assert [place.version for place in where_is(other, post)] == [post.version]
    other.remove(partition_of(post), [post.id])
    other.flush()
    assert where_is(store, post) == []


def test_a_partition_that_another_process_dropped_is_no_error(
    store: ElasticStore, make_store: MakeStore
) -> None:
    kept, recent = text_post(1, "woord"), make_post(2, text="niets")
    fill(store, [kept, recent])
    reader, writer = make_store(), make_store()
    reader.reload()
    writer.upgrade()
    store.expire(START + 91 * DAY_MS)
    question = Question(scope="both")
    assert reader.count(question).posts == 0
    assert reader.count_over_time(Question()).cells == {}
    assert reader.search(question, limit=9) == reader.sample(question, limit=9, seed=1) == []
    assert list(reader.posts(partition_of(kept))) == []
    assert reader.terms(Question(), against=question, least=1) == []
    with pytest.raises(Retry, match="dropped"):
        fill(writer, [kept])
    fill(writer, [kept])
    reader.reload()
    assert reader.count(Question()).posts == 1


def test_the_partitions_are_those_of_now_also_to_who_stood_by(
    store: ElasticStore, make_store: MakeStore
) -> None:
    """One that it does not know would be dropped without its counts; of one that is gone, the
    counts would be taken anew.
    """
    kept, recent = text_post(1, "woord"), make_post(2, text="niets")
    fill(store, [recent])
    standing_by = make_store()
    assert list(standing_by.partitions()) == [partition_of(recent)]
    store.expire(START + 4 * DAY_MS)
    fill(store, [kept])
    assert standing_by.partitions() == {partition_of(kept): 1}


def test_what_another_process_dropped_has_no_counts_that_look_empty(
    store: ElasticStore, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it goes while it is counted: the search itself would find nothing."""
    post = text_post(1, "woord")
    thresholds = Thresholds(1, lambda _: False)
    fill(store, [post])
    keeper = make_store()
    assert keeper.roll_up(partition_of(post), thresholds).volumes
    busy = counting.busy

    def dropped_first(cluster: Cluster, aliases: Sequence[str]) -> Sequence[int]:
        store.expire(START + 91 * DAY_MS)
        return busy(cluster, aliases)

    monkeypatch.setattr(counting, "busy", dropped_first)
    for _ in range(2):
        with pytest.raises(Retry, match="not there any more"):
            keeper.roll_up(partition_of(post), thresholds)


def test_what_was_written_since_is_removed_and_no_newer_one(
    store: ElasticStore, make_store: MakeStore
) -> None:
    """Of an id that was found, and of one that was not."""
    old = text_post(1, "oud")
    fill(store, [old])
    posts = [text_post(n, "eigen", version=old.version + 1) for n in (1, 2)]
    newer = text_post(2, "nieuw", version=old.version + 2)
    home, ids = partition_of(old), [post.id for post in posts]
    store.where(ids)
    fill(store, posts)
    fill(make_store(), [newer])
    store.remove(home, ids)
    store.flush()
    assert [hit.post.text for hit in store.search(Question(), limit=9)] == ["nieuw"]


def test_a_full_disk_is_waited_for(store: ElasticStore, client: Elasticsearch, prefix: str) -> None:
    first, second = text_post(1, "een"), text_post(2, "twee")
    fill(store, [first])
    block: dict[str, Any] = {"blocks": {"read_only_allow_delete": True}}
    client.indices.put_settings(index=f"{prefix}-*", settings=block)
    with pytest.raises(Retry, match="disk is full"):
        fill(store, [second])
    assert any("disk of Elasticsearch" in each for each in store.problems())
    block["blocks"]["read_only_allow_delete"] = None
    client.indices.put_settings(index=f"{prefix}-*", settings=block)
    assert where_is(store, second) == []
    fill(store, [second])
    assert store.count(Question()).posts == 2
    assert store.problems() == []


# What a person must look at.


def test_a_mapping_that_was_changed_by_hand_is_told_and_put_back(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    post = text_post(1, "woord")
    fill(store, [post])
    index = f"{prefix}-{partition_of(post).name}-v{VERSION}"
    client.indices.put_mapping(index=index, dynamic=True, properties={"extra": {"type": "text"}})
    client.indices.put_settings(index=index, settings={"refresh_interval": "9s"})
    mapping, others = store.problems()
    assert "`dynamic` is 'true'" in mapping
    assert "extra" in mapping
    assert "refresh_interval" in others
    store.setup()
    (left,) = store.problems()
    assert "field extra is not peil's" in left
    assert "dynamic" not in left


def test_an_index_that_does_not_know_a_field_stops_the_writer(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    post = text_post(1, "woord")
    alias = f"{prefix}-{partition_of(post).name}"
    client.indices.create(
        index=f"{alias}-v{VERSION}",
        mappings={"dynamic": "strict", "properties": {"post": {"type": "keyword"}}},
        aliases={alias: {}, f"{alias}-v{VERSION}-in": {}},
    )
    with pytest.raises(Stop, match="changed by hand"):
        fill(store, [post])
    assert any("field tokens is missing" in each for each in store.problems())


def test_a_lost_alias_is_told_and_given_back(
    store: ElasticStore, client: Elasticsearch, prefix: str, make_store: MakeStore
) -> None:
    post = text_post(1, "woord")
    fill(store, [post])
    alias = f"{prefix}-{partition_of(post).name}"
    client.indices.delete_alias(index=f"{alias}-v{VERSION}", name=f"{alias}*")
    written, read = store.problems()
    assert "takes no posts" in written
    assert "is not asked" in read
    with pytest.raises(Stop, match="peil doctor --setup"):
        fill(make_store(), [post])
    store.setup()
    assert store.problems() == []
    assert make_store().count(Question()).posts == 1


def test_strange_and_newer_indices_are_told(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    client.indices.create(index=f"{prefix}-other")
    (problem,) = store.problems()
    assert f"{prefix}-other is not peil's" in problem
    client.indices.create(
        index=f"{prefix}-kept-until-2026-12-14-v99", aliases={f"{prefix}-kept-until-2026-12-14": {}}
    )
    assert any("newer peil" in each for each in store.problems())
    with pytest.raises(Stop, match="newer peil"):
        store.count(Question())
    with pytest.raises(Stop, match="newer peil"):
        store.upgrade()


@pytest.mark.parametrize(
    ("version", "expected"),
    [("7.17.15", "is version 7.17.15"), ("9.1.0", "is version 9.1.0"), (None, "not Elasticsearch")],
)
def test_a_server_that_peil_does_not_know_is_refused(
    site: Any, version: str | None, expected: str
) -> None:
    product = {} if version is None else {"X-Elastic-Product": "Elasticsearch"}
    body = json.dumps({"version": {"number": version}}).encode()
    site.answers["/"] = (200, {"Content-Type": "application/json", **product}, body)
    store = open_at(site.url(""))
    with pytest.raises(Stop, match=expected):
        store.count(Question())
    store.close()


def test_an_address_where_no_server_is_is_told() -> None:
    with pytest.raises(Retry, match="cannot be reached"):
        open_at("http://127.0.0.1:9").count(Question())


def open_at(server: str, **changes: Any) -> ElasticStore:
    chosen = ElasticSettings(servers=(server,), **changes)
    return ElasticStore(chosen, clock=ManualClock(START), timezone=TIMEZONE, k=10)


# Asking.


def test_a_broad_question_that_is_exact_can_be_drawn_from(make_store: MakeStore) -> None:
    store = make_store(max_candidates=3)
    fill(store, [text_post(n, "een twee") for n in range(20)])
    assert len(store.sample(Question(query=parse("een").tree), limit=7, seed=1)) == 7


def test_more_authors_who_write_much_than_one_filter_takes(store: ElasticStore) -> None:
    writers = [f"230-{n:016x}{0:016x}" for n in range(1, 4)]
    fill(store, [text_post(n, "woord", author=writers[n % 3]) for n in range(15)])
    post, others = text_post(0, "woord", author=writers[0]), range(MOST_TERMS)
    number = document(post, timezone=TIMEZONE).numbers["author_day"]
    aliases = store._catalogue.aliases(store._catalogue.held)
    counts = counting.count(
        store._cluster, aliases, EVERYTHING, (), k=10, busy=[*others, number]
    ).cell()
    assert counts.posts == MOST_A_DAY + 5 + 5


def test_more_words_with_a_prefix_than_are_looked_at_beside_another(store: ElasticStore) -> None:
    """Elasticsearch refuses then, and the evaluator decides; no post is lost."""
    words = [" ".join(f"voor{n:04}x{i}" for i in range(2_000)) for n in range(20)]
    fill(store, [text_post(n, f"{each} eind") for n, each in enumerate(words)])
    tree = Near(Prefix("voor"), Term("eind"), 0)
    compiled = store._finder.compile(Question(query=tree))
    assert not compiled.exact
    assert store.count(Question(query=tree)).posts == 20
    assert store.count(Question(query=Near(Prefix("voor0007"), Term("eind"), 0))).posts == 1


@pytest.fixture
def compared(store: ElasticStore, elastic_server: str, prefix: str) -> Iterator["Comparison"]:
    comparison = Comparison(store, elastic_server, prefix)
    yield comparison
    comparison.close()


class Comparison:
    """Some hundred posts in Elasticsearch, and what of them a query should find."""

    def __init__(self, store: ElasticStore, server: str, prefix: str) -> None:
        self.posts: dict[str, Post] = {}
        self._store = store
        self._cluster = Cluster(ElasticSettings(servers=(server,), prefix=prefix))
        self._pattern = f"{prefix}-*"
        self._compiler = Compiler(ElasticEngine())

    def fill(self, posts: list[Post]) -> None:
        self.posts = {post.id: post for post in posts}
        fill(self._store, posts)

    def check(self, tree: Node) -> None:
        truth = {
            post.id
            for post in self.posts.values()
            if evaluate(tree, post, timezone=TIMEZONE).matched
        }
        compiled = self._compiler.compile(tree)
        upper = self._found(compiled.upper)
        assert upper >= truth
        if compiled.exact:
            assert upper == truth
        elif compiled.lower is not None:
            assert self._found(compiled.lower) <= truth

    def _found(self, query: Query) -> set[str]:
        answer = self._cluster.client.search(
            index=self._pattern, query=query, size=1_000, source=False
        )
        return {hit["_id"] for hit in answer["hits"]["hits"]}

    def close(self) -> None:
        self._cluster.client.close()


def random_posts(count: int) -> list[Post]:
    """Posts of all shapes, the same each time."""
    found: list[Post] = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=SLOW)
    @given(tokenised_posts())
    def collect(post: Post) -> None:
        found.append(msgspec.structs.replace(post, id=f"{len(found):032x}"))

    collect()
    return found[:count]


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


def test_what_is_compiled_finds_enough_and_not_too_much(compared: Comparison) -> None:
    compared.fill(random_posts(300))

    @settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
    @given(trees())
    def check(tree: Node) -> None:
        compared.check(tree)

    check()


def test_words_in_order_are_decided_by_the_engine(compared: Comparison) -> None:
    """Sloppy phrases of any length, and NEAR of sides of one width."""
    compared.fill(random_posts(300))
    form = st.sampled_from(["huis", "huizen", "woning", "#woning", "de", "geen"])
    phrase = st.builds(Phrase, st.lists(form, min_size=2, max_size=4).map(tuple), st.integers(0, 5))
    pair = st.lists(form, min_size=2, max_size=2).map(lambda forms: Phrase(tuple(forms)))
    one = st.one_of(st.builds(Term, form), st.builds(Prefix, st.sampled_from(["huiz", "woni"])))
    side = st.one_of(
        one,
        pair,
        st.lists(one, min_size=2, max_size=3).map(lambda nodes: Or(tuple(nodes))),
        st.lists(pair, min_size=2, max_size=3).map(lambda nodes: Keywords("l", 1, tuple(nodes))),
    )
    near = st.builds(Near, side, side, st.integers(0, 5), st.booleans())

    @settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
    @given(st.one_of(phrase, near))
    def check(tree: Node) -> None:
        assert same_sides(tree) or Compiler(ElasticEngine()).compile(tree).exact
        compared.check(tree)

    check()


def same_sides(tree: Node) -> bool:
    if not isinstance(tree, Near):
        return False
    left, right = (set(children(side)) or {side} for side in (tree.left, tree.right))
    return left == right


def of_one_day(author: int, number: int) -> Post:
    return text_post(1_000 * author + number, "woord", author=f"230-{author:016x}{0:016x}")


def test_who_becomes_loud_while_a_reader_is_there_is_held_to_three_a_day(
    store: ElasticStore, make_elastic: MakeElastic
) -> None:
    """Whoever asks after the next look at the index, and as whoever comes later."""
    reader = make_elastic()
    fill(store, [of_one_day(author, 0) for author in range(5)])
    reader.reload()
    assert reader.count(Question()).posts == 5
    fill(store, [of_one_day(1, number) for number in range(1, 20)])
    reader.reload()
    assert reader.count(Question()).posts == make_elastic().count(Question()).posts
    assert reader.count(Question()).posts == 4 + MOST_A_DAY


def test_an_author_counts_three_times_a_day_in_an_index_of_three_shards(
    make_elastic: MakeElastic,
) -> None:
    """Whose posts no shard has enough of: five of each, in shards that the ids choose."""
    store = make_elastic(shards=3)
    fill(store, [of_one_day(author, number) for author in range(40) for number in range(5)])
    assert store.count(Question()).posts == 40 * MOST_A_DAY
