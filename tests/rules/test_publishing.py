from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from rules.documents import RuleDocument
from rules.life.publishing import (
    MANIFEST,
    Manifest,
    RuleFeed,
    has_published,
    last_published,
    publish,
    published,
)
from rules.life.versions import Version, resolve
from rules.lists import ListEntries, list_lookup
from stream.broker import Entry, Record
from stream.clock import ManualClock
from stream.errors import Stop
from stream.local import LocalBroker
from stream.scan import scan
from stream.testing import START
from stream.topics import RULES

CLOCK = ManualClock(START)
LISTS = list_lookup(
    {"wijken": {1: ListEntries("wijken", 1, ("oost",)), 2: ListEntries("wijken", 2, ("west",))}}
)


def version(query: str, *, rule: str = "a-rule", special: bool = False) -> Version:
    document = RuleDocument(
        id=rule, title="A", purpose="p", category="c", owner="o", expires=date(2027, 1, 1),
        query=query, special_category=special,
    )  # fmt: skip
    return resolve(document, LISTS)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    broker = LocalBroker(tmp_path / "log", clock=CLOCK)
    yield broker
    broker.close()


def records(broker: LocalBroker) -> Sequence[Record]:
    return list(scan(broker, RULES.name))


def test_a_published_set_reaches_its_readers_and_grows_only_on_change(
    broker: LocalBroker, database: Engine
) -> None:
    def put(*rules: Version, model: str = "1") -> Manifest:
        return publish(broker, rules, engine=database, clock=CLOCK, models={"m": model})

    feed = RuleFeed(broker)
    assert feed.refresh() is None
    one = put(version("woord"))
    found = feed.refresh()
    assert found is not None
    assert [rule.id for rule in found.rules] == ["a-rule"]
    before = records(broker)
    same = put(version("woord"))
    assert same.generation == one.generation == 1
    assert feed.refresh() is None
    assert records(broker) == before
    assert (put(version("anders")).generation, put(version("anders"), model="2").generation) == (
        2,
        3,
    )
    put()
    found = feed.refresh()
    assert found is not None
    assert found.rules == ()


def test_a_rule_becoming_special_makes_a_new_generation(
    broker: LocalBroker, database: Engine
) -> None:
    generations = [
        publish(
            broker,
            [version("geloof", special=special)],
            engine=database,
            clock=CLOCK,
            models={},
        ).generation
        for special in (False, True, True)
    ]
    assert generations == [1, 2, 2]


def test_several_versions_of_a_rule_stand_beside_its_active_one(
    broker: LocalBroker, database: Engine
) -> None:
    feed = RuleFeed(broker)
    old, new, newest = version("woord"), version("woorden"), version("$wijken@1 OR $wijken")
    publish(broker, [new], shadows=[old, newest], engine=database, clock=CLOCK, models={"m": "1"})
    found = feed.refresh()
    assert found is not None
    assert [rule.name for rule in found.rules] == [new.name]
    assert {rule.name for rule in found.shadows} == {old.name, newest.name}
    # One that becomes active is the same record, and the models stay when none are given.
    last = publish(broker, [newest], shadows=[new], engine=database, clock=CLOCK)
    found = feed.refresh()
    assert found is not None
    assert [rule.tree for rule in found.rules] == [newest.activate().tree]
    assert last.models == {"m": "1"}
    assert published(broker) == last


def test_nothing_that_a_manifest_names_is_missing_before_it_or_gone_before_the_next(
    broker: LocalBroker, database: Engine
) -> None:
    """A reader on another machine sees any beginning of what a publisher appends."""
    for rules in ([version("een")], [version("twee"), version("drie", rule="b")], []):
        publish(broker, rules, shadows=[version("vier")], engine=database, clock=CLOCK, models={})
    held = set[str]()
    named = set[str]()
    for record in records(broker):
        if record.key == MANIFEST:
            manifest = msgspec.json.decode(record.value or b"", type=Manifest)
            active = {f"{rule}@{found}" for rule, found in manifest.rules.items()}
            named = {f"rule:{name}" for name in active | manifest.shadows.keys()}
        elif record.value is None:
            held.remove(record.key)
        else:
            held.add(record.key)
        assert named <= held
    assert named == held == {f"rule:{version('vier').name}"}


def test_the_topic_of_an_older_release_is_read_and_taken_over(
    broker: LocalBroker, database: Engine
) -> None:
    """As they were written before versions had a life: one record a rule, no shadows."""
    old = version("$wijken OR woord")
    broker.append(
        RULES.name,
        [
            Entry("rule:a-rule", msgspec.json.encode(old)),
            Entry(
                MANIFEST,
                b'{"generation":7,"rules":{"a-rule":"%s"},"models":{}}' % old.version.encode(),
            ),
        ],
    )
    found = RuleFeed(broker).refresh()
    assert found is not None
    assert (found.generation, found.shadows) == (7, ())
    assert [rule.tree for rule in found.rules] == [old.activate().tree]
    publish(broker, [old], engine=database, clock=CLOCK, models={})
    keys = [record.key for record in records(broker) if record.value is not None]
    assert f"rule:{old.name}" in keys
    again = RuleFeed(broker).refresh()
    assert again is not None
    assert again.rules == found.rules


def test_a_version_that_is_read_differently_here_stops(
    broker: LocalBroker, database: Engine
) -> None:
    other = msgspec.structs.replace(version("woord"), version="0123456789")
    publish(broker, [other], engine=database, clock=CLOCK, models={})
    with pytest.raises(Stop, match="upgrade all processes together"):
        RuleFeed(broker).refresh()


def test_a_record_under_the_name_of_another_version_stops(
    broker: LocalBroker, database: Engine
) -> None:
    asked = version("woord")
    publish(broker, [asked], engine=database, clock=CLOCK, models={})
    wrong = Entry(f"rule:{asked.name}", msgspec.json.encode(version("anders")))
    broker.append(RULES.name, [wrong])
    with pytest.raises(Stop, match=f"the record of {asked.name} on the topic holds a-rule@"):
        RuleFeed(broker).refresh()


DAMAGED = [b"\xff\xff", b"{}", b'{"generation":"one"}', b'{"x":' + b"[" * 100_000]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_is_told_by_readers_and_mended_by_publishing(
    broker: LocalBroker, database: Engine, damage: bytes
) -> None:
    rule = version("woord")
    feed = RuleFeed(broker)
    sound = publish(broker, [rule], engine=database, clock=CLOCK, models={})
    broker.append(RULES.name, [Entry(MANIFEST, damage)])
    for read in (feed.refresh, lambda: published(broker)):
        with pytest.raises(Stop, match=f"topic {RULES.name}, key {MANIFEST}: .*`peil rules sync`"):
            read()
    assert has_published(broker)
    assert last_published(broker) == []
    assert publish(broker, [rule], engine=database, clock=CLOCK) == sound
    assert published(broker) == sound
    found = feed.refresh()
    assert found is not None
    assert [each.name for each in found.rules] == [rule.name]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_rule_is_told_by_readers_and_mended_by_publishing(
    broker: LocalBroker, database: Engine, damage: bytes
) -> None:
    good, bad = version("woord"), version("anders", rule="b-rule")
    publish(broker, [good, bad], engine=database, clock=CLOCK, models={})
    broker.append(RULES.name, [Entry(f"rule:{bad.name}", damage)])
    feed = RuleFeed(broker)
    with pytest.raises(Stop, match=f"topic {RULES.name}, key rule:{bad.name}: "):
        feed.refresh()
    assert last_published(broker) == [good]
    publish(broker, [good, bad], engine=database, clock=CLOCK, models={})
    found = feed.refresh()
    assert found is not None
    assert {each.name for each in found.rules} == {good.name, bad.name}


def test_nothing_was_published_before_the_first_time(broker: LocalBroker) -> None:
    assert not has_published(broker)
    assert published(broker) is None
    assert last_published(broker) == []
