from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rules.documents import Book, Outcome, load_book, run_examples
from rules.lint import check
from rules.publishing import RuleFeed, publish
from stream.clock import ManualClock
from stream.errors import Stop
from stream.local import LocalBroker
from stream.testing import START

SHIPPED = load_book(Path(__file__).parents[2] / "config")

RULE = """
id = "a-rule"
title = "A"
purpose = "p"
category = "c"
owner = "o"
expires = 2027-01-01
query = "{query}"
"""


def book(folder: Path, query: str, *, extra: str = "") -> Book:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "a-rule.toml").write_text(RULE.format(query=query) + extra)
    return load_book(folder)


SPECIAL = "special_category = true\n"


def test_a_special_category_has_a_ground_and_a_second_person(tmp_path: Path) -> None:
    extra = f'{SPECIAL}ground = "9(2)(g)"\napproved_by = "officer"\n'
    assert book(tmp_path, "geloof", extra=extra).is_special("a-rule")


@pytest.mark.parametrize(
    "extra",
    [
        'ground = "9(2)(g)"\napproved_by = "O "\n',
        'ground = "9(2)(g)"\n',
        'approved_by = "officer"\n',
    ],
)
def test_without_both_it_is_refused(tmp_path: Path, extra: str) -> None:
    with pytest.raises(Stop, match="somebody else than its owner"):
        book(tmp_path, "geloof", extra=SPECIAL + extra)


def test_a_rule_becoming_special_makes_a_new_generation(tmp_path: Path, database: Engine) -> None:
    clock = ManualClock(START)
    broker = LocalBroker(tmp_path / "log", clock=clock)
    special = f'{SPECIAL}ground = "9"\napproved_by = "officer"\n'
    generations = [
        publish(
            broker, book(tmp_path, "geloof", extra=extra), engine=database, clock=clock, models={}
        )
        for extra in ("", special, special)
    ]
    assert [each.generation for each in generations] == [1, 2, 2]
    broker.close()


@pytest.mark.parametrize("outcome", run_examples(SHIPPED), ids=str)
def test_every_example_of_the_shipped_rules_holds(outcome: Outcome) -> None:
    assert outcome.passed


def test_the_shipped_rules_have_no_findings() -> None:
    assert check(SHIPPED, today=date(2026, 11, 24)) == []
    assert len(SHIPPED.rules) >= 15


def test_a_misspelt_key_is_told_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="did you mean 'ground'"):
        book(tmp_path, "a", extra='grund = "x"\n')


def test_a_group_name_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "protected.toml").write_text(
        'id = "protected"\nversion = 1\ntitle = "t"\nowner = "o"\nlint = true\n'
        'entries = ["groep"]\n'
    )
    alone = check(book(tmp_path, "groep OR ander"), today=date(2026, 11, 24))
    assert [each.severity for each in alone if "group" in each.message] == ["error"]
    beside = check(book(tmp_path, "groep NEAR/5 bedreigd"), today=date(2026, 11, 24))
    assert not [each for each in beside if "group" in each.message]


def test_a_title_changes_no_version_and_a_word_does(tmp_path: Path) -> None:
    today = date(2026, 11, 24)
    (first,) = book(tmp_path, "woord").active(today=today)
    (again,) = book(tmp_path, "woord -- note", extra='ground = "x"\n').active(today=today)
    (other,) = book(tmp_path, "woorden").active(today=today)
    assert first.version == again.version != other.version


def test_a_published_set_reaches_its_readers_and_grows_only_on_change(
    tmp_path: Path, database: Engine
) -> None:
    clock = ManualClock(START)
    broker = LocalBroker(tmp_path / "log", clock=clock)
    feed = RuleFeed(broker)
    assert feed.refresh() is None
    one = publish(broker, book(tmp_path, "woord"), engine=database, clock=clock, models={"m": "1"})
    rules = feed.refresh()
    assert rules is not None
    assert [rule.id for rule in rules.rules] == ["a-rule"]
    same = publish(broker, book(tmp_path, "woord"), engine=database, clock=clock, models={"m": "1"})
    assert same.generation == one.generation == 1
    assert feed.refresh() is None
    two = publish(broker, book(tmp_path, "anders"), engine=database, clock=clock, models={"m": "1"})
    three = publish(
        broker, book(tmp_path, "anders"), engine=database, clock=clock, models={"m": "2"}
    )
    assert (two.generation, three.generation) == (2, 3)
    (tmp_path / "rules" / "a-rule.toml").unlink()
    publish(broker, load_book(tmp_path), engine=database, clock=clock, models={})
    rules = feed.refresh()
    assert rules is not None
    assert rules.rules == ()
    broker.close()
