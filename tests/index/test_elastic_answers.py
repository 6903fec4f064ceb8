"""Answers that are not those of Elasticsearch: something between answers in its place."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from elasticsearch import Elasticsearch

from index.contract import Question
from index.elastic.store import ElasticStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE, fill, text_post, where_is
from rules.parser import parse
from stream.clock import DAY_MS, ManualClock
from stream.errors import Reject, Retry, Stop
from stream.partitions import partition_of
from stream.post import Post
from stream.testing import START
from tests.index.between import Between

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]

POSTS = [text_post(n, f"woord {n}") for n in range(12)]
LATER = START + 8 * DAY_MS
NEXT_WEEK = text_post(99, "daarna", first_observed=LATER, keep_until=LATER + 90 * DAY_MS)
NONSENSE = (
    b"{}",
    b'{"errors": false, "items": []}',
    b'{"errors": false, "items": [{"index": {}}]}',
    b'{"hits": {}, "aggregations": {}, "pit_id": 7}',
    b'{"hits": {"total": {"value": 1}, "hits": [{"_id": "x", "_index": "y", "fields": {}}]}}',
    b'{"indices": {"x": {}}, "failures": 3, "acknowledged": false}',
)


@pytest.fixture
def between(elastic_server: str) -> Iterator[Between]:
    with Between(elastic_server) as between:
        yield between


@pytest.fixture
def store(between: Between, prefix: str, client: Elasticsearch) -> Iterator[ElasticStore]:
    settings = ElasticSettings(servers=(between.url,), prefix=prefix)
    made = ElasticStore(settings, clock=ManualClock(START), timezone=TIMEZONE, k=2)
    with closing(made):
        fill(made, POSTS)
        yield made


ACTS: dict[str, tuple[str, Callable[[ElasticStore], object]]] = {
    "write": ("_bulk", lambda store: fill(store, [text_post(50, "nieuw")])),
    "make": ("PUT /t[^/]*$", lambda store: fill(store, [NEXT_WEEK])),
    "where": ("_search", lambda store: where_is(store, POSTS[1])),
    "count": ("_search", lambda store: store.count(Question(query=parse("woord").tree))),
    "cells": ("_search", lambda store: store.top(Question(), by="language")),
    "sizes": ("_search", lambda store: store.partitions()),
    "first": ("_search", lambda store: store.search(Question(), limit=3)),
    "all": ("_search", lambda store: list(store.posts(partition_of(POSTS[0])))),
    "moment": ("_pit", lambda store: list(store.posts(partition_of(POSTS[0])))),
    "authors": ("_delete_by_query", lambda store: store.remove_authors(["x"], START)),
    "purge": ("_stats", lambda store: store.purge()),
    "drop": ("DELETE /t", lambda store: store.expire(START + 91 * DAY_MS)),
    "set up": ("PUT /_index_template", lambda store: store.setup()),
}


@pytest.mark.parametrize("act", ACTS)
def test_nonsense_in_place_of_an_answer_is_tried_again(
    store: ElasticStore, between: Between, act: str
) -> None:
    """Never an error of the program, which would cost good posts, and never taken for done."""
    path, do = ACTS[act]
    for body in NONSENSE:
        between.answers[path] = body
        if body == NONSENSE[0]:
            with pytest.raises(Retry, match="what stands between"):
                do(store)
        with suppress(Retry):  # of one thing it is an answer, and not of the others
            do(store)
    between.answers.clear()
    do(store)


def test_who_answers_nothing_to_everything_is_not_well(
    store: ElasticStore, between: Between, client: Elasticsearch, prefix: str
) -> None:
    assert store.problems() == []
    between.answers[f"/{prefix}"] = b"{}"
    with pytest.raises(Retry, match="what stands between"):
        store.problems()
    between.answers[f"GET /{prefix}-"] = b'{"%s": {"aliases": {}}}' % f"{prefix}-x".encode()
    with pytest.raises(Retry, match="what stands between"):
        store.problems()


def test_a_name_that_no_index_can_hold_and_a_version_that_is_none_cost_one_post(
    store: ElasticStore,
) -> None:
    for bad in (
        text_post(60, "woord", source="x" * 40_000),
        text_post(61, "woord", version=-5),
        text_post(62, "woord", version=1 << 63),
    ):
        good = [text_post(n, "daarbij") for n in (70, 71)]
        with pytest.raises(Reject):
            fill(store, [good[0], bad, good[1]])
        assert store.where([post.id for post in (*good, bad)]).keys() == {each.id for each in good}


def test_an_index_that_cannot_be_made_names_the_settings(between: Between, prefix: str) -> None:
    """More shards than a node takes."""
    settings = ElasticSettings(servers=(between.url,), prefix=prefix, shards=1_024)
    store = ElasticStore(settings, clock=ManualClock(START), timezone=TIMEZONE, k=2)
    with (
        closing(store),
        pytest.raises(
            Stop, match=r"cannot make index .*index\.elastic\.prefix, shards and replicas"
        ),
    ):
        fill(store, POSTS)


# Aliases and indices of others.


def index_of(prefix: str, post: Post, version: str = "v3") -> str:
    return f"{prefix}-{partition_of(post).name}-{version}"


@pytest.mark.parametrize("alias", ["", "-v3-in"])
def test_an_alias_that_another_index_has_too_stops_and_costs_no_post(
    store: ElasticStore, client: Elasticsearch, prefix: str, alias: str
) -> None:
    """A good post stays in the log, and `peil doctor` says where the alias is to go."""
    name = f"{prefix}-{partition_of(POSTS[0]).name}{alias}"
    client.indices.create(index=f"{prefix}-other", aliases={name: {}})
    told = [each for each in store.problems() if f"{prefix}-other has the alias {name}" in each]
    assert len(told) == 1
    assert "take it from there" in told[0]
    if alias:
        with pytest.raises(Stop, match=r"takes no posts as it is.*`peil doctor`"):
            fill(store, [text_post(60, "nieuw")])
    client.indices.delete(index=f"{prefix}-other")
    fill(store, [text_post(60, "nieuw")])
    assert store.problems() == []


@pytest.mark.parametrize("strange", ["v03", "v+3", "v3_0", "v\u0663"])
def test_a_name_that_is_only_like_one_of_peil_is_anothers(
    store: ElasticStore, client: Elasticsearch, prefix: str, strange: str
) -> None:
    name = index_of(prefix, POSTS[0], strange)
    client.indices.create(index=name)
    (told,) = store.problems()
    assert told == f"index {name} is not peil's: rename or remove it"
    store.setup()
    assert client.indices.get(index=name)[name]["aliases"] == {}
    fill(store, [text_post(60, "nieuw")])
    assert store.expire(START + 91 * DAY_MS) == [partition_of(POSTS[0])]
    assert client.indices.exists(index=name)


def test_a_lost_alias_is_not_given_back_while_another_index_has_it(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    index, stranger = index_of(prefix, POSTS[0]), f"u{prefix}"
    client.indices.delete_alias(index=index, name=f"{index}-in")
    client.indices.create(index=stranger, aliases={f"{index}-in": {}})
    try:
        store.setup()
        (told,) = store.problems()
        assert told.startswith(f"{stranger} has the alias {index}-in, which is of {index} alone")
        client.indices.delete_alias(index=stranger, name=f"{index}-in")
        store.setup()
        assert store.problems() == []
    finally:
        client.indices.delete(index=stranger)
    fill(store, [text_post(60, "nieuw")])


def test_a_closed_index_stops_and_costs_no_post(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    client.indices.close(index=index_of(prefix, POSTS[0]))
    with pytest.raises(Stop, match="takes no posts as it is"):
        fill(store, [text_post(60, "nieuw")])
    client.indices.open(index=index_of(prefix, POSTS[0]))


def test_indices_of_others_are_never_rewritten(
    store: ElasticStore, client: Elasticsearch, prefix: str
) -> None:
    """Nor waited for, which takes half a minute."""
    name = f"{prefix}-foreign"
    client.indices.create(index=name)
    for number in range(4):
        client.index(index=name, id=str(number), document={"a": 1}, refresh=True)
    for number in range(2):
        client.delete(index=name, id=str(number), refresh=True)
    deleted = client.indices.stats(index=name)["_all"]["primaries"]["docs"]["deleted"]
    assert deleted
    assert store.purge() == 0
    assert client.indices.stats(index=name)["_all"]["primaries"]["docs"]["deleted"] == deleted
