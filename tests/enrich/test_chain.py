import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine

from enrich.catalogue import Parts, default_chain
from enrich.chain import Chain, ordered, rank
from enrich.contract import Enricher, Field
from enrich.language import Language
from enrich.places import Places
from enrich.settings import EnrichSettings
from enrich.steps import Hashtags, Matches, Tokens
from enrich.words import Words
from enrich.worker import EnrichStep
from rules.files import load_book
from rules.life.publishing import RuleFeed, publish
from rules.life.tables import metadata
from rules.life.versions import versions_of
from rules.matching.matcher import Matcher
from stream.broker import Record
from stream.clock import HOUR_MS, ManualClock
from stream.codec import decode, encode
from stream.errors import Stop
from stream.events import Delete, Event, Gap, Upsert
from stream.local import LocalBroker
from stream.metrics import NoMetrics
from stream.post import Place, Post
from stream.testing import START, make_post
from stream.version import generation_of, rev_of

CONFIG = Path(__file__).parents[2] / "config"
MODELS = Path(os.environ["PEIL_ENRICH__MODELS"])
TEXTS = {
    "nl": "Het regende de hele middag en de trein naar huis had weer vertraging",
    "en": "It rained all afternoon and the train home was late again",
    "tr": "Bütün öğleden sonra yağmur yağdı ve tren yine gecikti",
    "ar": "هطل المطر طوال فترة ما بعد الظهر وتأخر القطار مرة أخرى",
}


class Fake:
    """An enricher of nothing, for orders."""

    scope = "every"
    version = "1"

    def __init__(self, name: str, requires: set[Field], provides: set[Field]) -> None:
        self.name = name
        self.requires = frozenset(requires)
        self.provides = frozenset(provides)

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return posts

    def abstain(self, post: Post, why: str) -> Post:
        return post


def test_hashtags_of_a_text_are_counted_as_those_that_the_platform_names() -> None:
    text = "Geen #VuurwerkVerbod en ＃Wég met #2026, x#y"
    posts = Tokens()([make_post(1, text=text, hashtags=("plein",)), make_post(2)])
    tagged, plain = Hashtags()(posts)
    assert tagged.hashtags == ("plein", "vuurwerkverbod", "wég")
    assert (plain.hashtags, list(Hashtags()([tagged]))) == ((), [tagged])


def test_a_list_of_hashtags_is_cut() -> None:
    text = " ".join(f"#tag{number}x" for number in range(99))
    (post,) = Hashtags()(Tokens()([make_post(1, text=text)]))
    assert len(post.hashtags) == 50


def test_enrichers_are_put_in_the_order_of_their_needs() -> None:
    chain = ordered(
        [
            Fake("c", {"matches"}, {"places"}),
            Fake("b", {"tokens", "lang"}, {"matches"}),
            Fake("a", set(), {"tokens"}),
            Fake("l", set(), {"lang"}),
        ]
    )
    assert [each.name for each in chain] == ["a", "l", "b", "c"]


@pytest.mark.parametrize(
    ("enrichers", "message"),
    [
        ([Fake("b", {"tokens"}, {"matches"})], "b needs tokens"),
        ([Fake("a", set(), {"tokens"}), Fake("z", set(), {"tokens"})], "a, z fill the same"),
    ],
)
def test_a_chain_that_cannot_run_says_why(enrichers: list[Enricher], message: str) -> None:
    with pytest.raises(Stop, match=message):
        ordered(enrichers)


@pytest.mark.parametrize(("lang", "text"), TEXTS.items())
def test_a_language_is_told(lang: str, text: str) -> None:
    (post,) = Language()([make_post(1, text=text)])
    assert post.lang is not None
    assert post.lang.value == lang
    assert 0 < post.lang.confidence <= 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ok", "too_short"),
        ("https://example.org/een/lang/adres/zonder/woorden", "too_short"),
        ("wach nta 3arf chno w9e3 f lmdina lbar7", "romanised"),
    ],
)
def test_a_language_that_cannot_be_told_is_abstained_from(text: str, why: str) -> None:
    (post,) = Language()([make_post(1, text=text)])
    assert post.lang is not None
    assert (post.lang.value, post.lang.abstained) == (None, why)


def test_places_are_found_over_our_tokens_and_the_longest_counts() -> None:
    text = "Van DEN HAAG naar Noord-Holland, en een snufje oss in de soep. Oss zelf ook."
    (post,) = Places(CONFIG / "places.toml")(Tokens()([make_post(1, text=text)]))
    assert [place.name for place in post.places] == ["Den Haag", "Noord-Holland", "Oss"]
    assert post.places[0] == Place("Den Haag", "city", 1, 3)


def test_enrichers_see_only_chosen_posts() -> None:
    class Costly(Fake):
        scope = "chosen"

        def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
            return [msgspec.structs.replace(post, bands=("seen",)) for post in posts]

        def abstain(self, post: Post, why: str) -> Post:
            return msgspec.structs.replace(post, bands=(why,))

    chain = Chain([Costly("c", set(), {"bands"})], sample_share=0.0)
    plain, whole = make_post(1), make_post(2, keep="all")
    assert [post.bands for post in chain.run([plain, whole])] == [("not_selected",), ("seen",)]


def test_under_load_labels_are_shed_by_id_alone_and_the_sample_is_not() -> None:
    class Costly(Fake):
        scope = "affordable"

        def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
            return [msgspec.structs.replace(post, bands=("seen",)) for post in posts]

        def abstain(self, post: Post, why: str) -> Post:
            return msgspec.structs.replace(post, bands=(why,))

    chain = Chain([Costly("c", set(), {"bands"})], sample_share=0.1)
    posts = [make_post(number, keep="all" if number % 2 else "matched") for number in range(200)]
    labelled = chain.run(posts, affordable=30)
    seen = {post.id for post in labelled if post.bands == ("seen",)}
    assert len(seen) == 30
    assert {post.id for post in labelled if post.sampled} <= seen
    assert {post.bands for post in labelled} == {("seen",), ("shed",), ("not_selected",)}
    again = chain.run(list(reversed(posts)), affordable=30)
    assert {post.id for post in again if post.bands == ("seen",)} == seen


def test_the_sample_has_its_share_and_is_always_the_same() -> None:
    ids = [f"{number:032x}" for number in range(20_000)]
    drawn = [each for each in ids if rank(each) < 0.01]
    assert 130 < len(drawn) < 270
    assert drawn == [each for each in ids if rank(each) < 0.01]


@pytest.fixture
def step(tmp_path: Path) -> Iterator[EnrichStep]:
    clock = ManualClock(START)
    engine = create_engine(f"sqlite:///{tmp_path / 'd.db'}")
    metadata.create_all(engine)
    broker = LocalBroker(tmp_path / "log", clock=clock)
    matcher = Matcher((), timezone="Europe/Amsterdam")
    chain, matches = default_chain(
        Parts(
            places=CONFIG / "places.toml", models=MODELS, matcher=matcher, settings=EnrichSettings()
        )
    )
    rules = versions_of(load_book(CONFIG), today=date(2026, 11, 24))
    publish(broker, rules, engine=engine, clock=clock, models=chain.versions)
    yield EnrichStep(
        chain, matches, feed=RuleFeed(broker), timezone="Europe/Amsterdam", clock=clock,
        metrics=NoMetrics(),
    )  # fmt: skip
    broker.close()
    engine.dispose()


def record(event: Event, offset: int) -> Record:
    return Record("posts", 0, offset, event.key, encode(event), START)


def test_posts_are_labelled_and_everything_else_passes_in_its_place(step: EnrichStep) -> None:
    match = make_post(1, text="Fatbikes scheuren hier elke avond over de stoep in Utrecht")
    other = make_post(2, text=TEXTS["nl"])
    events: list[Event] = [Upsert(match), Delete("a", 5, "s"), Upsert(other), Gap("s", 1, 2, "w")]
    result = step([record(event, offset) for offset, event in enumerate(events)])
    emitted = [decode(entry.value or b"") for _, entry in result.emits]
    assert [event.key for event in emitted] == [event.key for event in events]
    first, _, second, _ = emitted
    assert isinstance(first, Upsert)
    assert isinstance(second, Upsert)
    assert [found.rule for found in first.post.matches] == ["voertuigoverlast"]
    assert [place.name for place in first.post.places] == ["Utrecht"]
    assert second.post.matches == ()
    assert second.post.lang is not None
    assert generation_of(first.post.version) == 1
    assert rev_of(first.post.version) == rev_of(match.version)


def test_what_comes_late_and_matches_nothing_passes_without_its_words(step: EnrichStep) -> None:
    """In the next topic they would outlive the 72 hours; its labels count as those of others."""
    found, other = "Fatbikes scheuren hier elke avond over de stoep", TEXTS["nl"]
    posts = [
        make_post(number, text=text, hashtags=("utrecht",), first_observed=START - age, keep=keep)
        for number, (text, age, keep) in enumerate(
            [
                (found, 60 * HOUR_MS, "matched"),
                (other, 60 * HOUR_MS, "matched"),
                (other, 3 * HOUR_MS, "matched"),
                (other, 60 * HOUR_MS, "all"),
            ]
        )
    ]
    result = step([record(Upsert(post), offset) for offset, post in enumerate(posts)])
    emitted = [decode(entry.value or b"") for _, entry in result.emits]
    labelled = [event.post for event in emitted if isinstance(event, Upsert)]
    assert [post.text for post in labelled] == [found, "", other, other]
    assert [bool(post.tokens) for post in labelled] == [True, False, True, True]
    assert [post.hashtags for post in labelled] == [("utrecht",), (), ("utrecht",), ("utrecht",)]
    assert labelled[1].lang == labelled[2].lang
    assert other.encode() not in (result.emits[1][1].value or b"")


def test_a_batch_or_single_posts_give_the_same_labels(step: EnrichStep) -> None:
    records = [
        record(Upsert(make_post(number, text=text)), number)
        for number, text in enumerate(TEXTS.values())
    ]
    together = [entry.value for _, entry in step(records).emits]
    alone = [entry.value for each in records for _, entry in step([each]).emits]
    assert together == alone


def test_without_published_rules_nothing_is_labelled(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, clock=ManualClock(START))
    matches = Matches(Matcher((), timezone="UTC"))
    chain = Chain([Tokens(), Language(), Words(), matches], sample_share=0.0)
    step = EnrichStep(
        chain, matches, feed=RuleFeed(broker), timezone="UTC", clock=ManualClock(START),
        metrics=NoMetrics(),
    )  # fmt: skip
    with pytest.raises(Stop, match="no rules are published"):
        step([record(Upsert(make_post(1)), 0)])
    broker.close()
