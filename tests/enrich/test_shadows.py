"""Versions of rules that are counted and not shown: what they put on a post, and what not."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from enrich.chain import Chain
from enrich.language import Language
from enrich.steps import Matches, Tokens
from enrich.words import Words
from enrich.worker import EnrichStep
from rules.documents import RuleDocument
from rules.life.publishing import RuleFeed, publish
from rules.life.tables import metadata
from rules.life.versions import Version, resolve
from rules.lists import list_lookup
from rules.matching.matcher import Matcher
from stream.broker import Record
from stream.clock import ManualClock
from stream.codec import decode, encode
from stream.events import Upsert
from stream.local import LocalBroker
from stream.metrics import NoMetrics
from stream.post import Post
from stream.testing import START, make_post
from stream.version import generation_of


def version(rule: str, query: str, *, special: bool = False) -> Version:
    document = RuleDocument(
        id=rule,
        title=rule,
        purpose="test",
        category="test",
        owner="test",
        expires=date(2030, 1, 1),
        query=query,
        special_category=special,
    )
    return resolve(document, list_lookup({}))


OLD, NEW = version("wonen", "woning"), version("wonen", "woning OR huis")
OTHER = version("geloof", "kerk", special=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'd.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def broker(tmp_path: Path, clock: ManualClock) -> Iterator[LocalBroker]:
    broker = LocalBroker(tmp_path / "log", clock=clock)
    yield broker
    broker.close()


@pytest.fixture
def step(broker: LocalBroker, clock: ManualClock) -> EnrichStep:
    matches = Matches(Matcher((), timezone="UTC"))
    chain = Chain([Language(), Tokens(), Words(), matches], sample_share=0.0)
    return EnrichStep(
        chain, matches, feed=RuleFeed(broker), timezone="UTC", clock=clock, metrics=NoMetrics()
    )


def enriched(step: EnrichStep, text: str) -> Post:
    event = Upsert(make_post(1, text=text))
    ((_, entry),) = step([Record("posts", 0, 0, event.key, encode(event), START)]).emits
    result = decode(entry.value or b"")
    assert isinstance(result, Upsert)
    return result.post


def names(post: Post) -> tuple[list[str], list[str]]:
    return [each.name for each in post.matches], [each.name for each in post.shadows]


def test_an_active_version_and_its_shadow_are_told_apart(
    step: EnrichStep, broker: LocalBroker, engine: Engine, clock: ManualClock
) -> None:
    publish(broker, [NEW], shadows=[OLD], engine=engine, clock=clock, models={})
    both = enriched(step, "een woning")
    assert names(both) == ([NEW.name], [OLD.name])
    assert both.matches[0].spans
    assert not any(match.spans for match in both.shadows)
    assert names(enriched(step, "een huis")) == ([NEW.name], [])


def test_a_shadow_keeps_no_post_and_hides_none(
    step: EnrichStep, broker: LocalBroker, engine: Engine, clock: ManualClock
) -> None:
    publish(broker, [OLD], shadows=[NEW, OTHER], engine=engine, clock=clock, models={})
    post = enriched(step, "een huis bij de kerk")
    assert names(post) == ([], [OTHER.name, NEW.name])
    assert not post.kept
    assert not post.special_category
    assert post.keep_until == make_post(1).keep_until


def test_shadows_come_and_go_with_the_set_that_is_published(
    step: EnrichStep, broker: LocalBroker, engine: Engine, clock: ManualClock
) -> None:
    publish(broker, [OLD], engine=engine, clock=clock, models={})
    before = enriched(step, "een woning")
    publish(broker, [NEW], shadows=[OLD], engine=engine, clock=clock, models={})
    during = enriched(step, "een woning")
    publish(broker, [NEW], engine=engine, clock=clock, models={})
    after = enriched(step, "een woning")
    assert [names(post) for post in (before, during, after)] == [
        ([OLD.name], []),
        ([NEW.name], [OLD.name]),
        ([NEW.name], []),
    ]
    generations = [generation_of(post.version) for post in (before, during, after)]
    assert generations == sorted(set(generations))
