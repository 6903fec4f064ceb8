import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect

from rules.evaluator import evaluate
from rules.judging.judgements import FORGOTTEN_MS, Estimate, Judgements, together, wilson
from rules.judging.relaxing import near_misses, relaxed
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tree import Node, Not
from rules.written import written
from stream.clock import ManualClock
from stream.errors import Stop
from stream.post import Post
from stream.testing import START

SLOW = list(HealthCheck)
VERSION = {"rule": "wonen", "version": "0123456789"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def judgements(database: Engine, clock: ManualClock) -> Judgements:
    return Judgements(database, clock=clock)


def test_verdicts_are_counted_by_language_and_belong_to_a_version(judgements: Judgements) -> None:
    rows = judgements.draw(**VERSION, kind="hit", languages=["nl", "nl", "nl", "en", "en"])
    assert [row.row for row in rows] == [1, 2, 3, 4, 5]
    assert {row.sample[0] for row in rows} == {"s"}
    assert judgements.estimates("wonen", "0123456789", kind="hit") == {}
    said = dict(zip(rows, ("right", "wrong", "unsure", "right"), strict=False))
    judgements.judge({(row.sample, row.row): verdict for row, verdict in said.items()}, by="anna")
    found = judgements.estimates("wonen", "0123456789", kind="hit")
    assert found == {"en": Estimate(right=1), "nl": Estimate(right=1, wrong=1, unsure=1)}
    assert together(found) == Estimate(right=2, wrong=1, unsure=1)
    assert judgements.estimates("wonen", "0123456789", kind="near miss") == {}
    assert judgements.estimates("wonen", "another", kind="hit") == {}
    assert judgements.versions("wonen") == ["0123456789"]


def test_it_is_known_when_a_version_was_judged_last(
    judgements: Judgements, clock: ManualClock
) -> None:
    rows = judgements.draw(**VERSION, kind="hit", languages=["nl", "nl"])
    assert judgements.judged_at(**VERSION, kind="hit") is None
    for row in rows:
        clock.advance(1_000)
        judgements.judge({(row.sample, row.row): "right"}, by="anna")
    assert judgements.judged_at(**VERSION, kind="hit") == clock.now()
    assert judgements.judged_at(**VERSION, kind="near miss") is None


def test_a_verdict_can_be_changed_and_one_wrong_row_changes_none(judgements: Judgements) -> None:
    (row,) = judgements.draw(**VERSION, kind="hit", languages=["nl"])
    judgements.judge({(row.sample, 1): "right"}, by="anna")
    judgements.judge({(row.sample, 1): "wrong"}, by="bart")
    with pytest.raises(Stop, match="no row 2"):
        judgements.judge({(row.sample, 1): "right", (row.sample, 2): "right"}, by="anna")
    assert judgements.estimates("wonen", "0123456789", kind="hit") == {"nl": Estimate(wrong=1)}


def test_what_nobody_judged_is_forgotten_and_verdicts_stay(
    judgements: Judgements, clock: ManualClock
) -> None:
    first, second = judgements.draw(**VERSION, kind="hit", languages=["nl", "nl"])
    judgements.judge({(first.sample, first.row): "right"}, by="anna")
    clock.advance(FORGOTTEN_MS + 1)
    judgements.draw(**VERSION, kind="hit", languages=[])
    with pytest.raises(Stop, match="no row 2"):
        judgements.judge({(second.sample, second.row): "right"}, by="anna")
    assert judgements.estimates("wonen", "0123456789", kind="hit") == {"nl": Estimate(right=1)}


def test_neither_a_text_nor_a_post_is_kept(database: Engine) -> None:
    columns = {each["name"] for each in inspect(database).get_columns("judgement")}
    assert columns == {
        "sample", "row", "rule", "version", "kind", "language", "drawn", "verdict", "actor", "at",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("right", "judged", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433),
     (81, 263, 0.2553, 0.3662)],
)  # fmt: skip
def test_the_interval_is_that_of_the_tables(
    right: int, judged: int, low: float, high: float
) -> None:
    """The last is of R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    assert wilson(right, judged) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 500), st.data())
def test_the_share_lies_in_its_interval(judged: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, judged))
    low, high = wilson(right, judged)
    assert 0 <= low <= right / judged <= high <= 1


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(trees(), st.lists(tokenised_posts(), min_size=1, max_size=8))
def test_a_looser_query_matches_all_that_the_query_does(tree: Node, found: list[Post]) -> None:
    for looser, post in itertools.product(itertools.islice(relaxed(tree), 20), found):
        if evaluate(tree, post).matched:
            assert evaluate(looser, post).matched, looser


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(trees(), tokenised_posts())
def test_a_near_miss_is_no_hit(tree: Node, post: Post) -> None:
    near = near_misses(tree)
    if near is not None and evaluate(near, post).matched:
        assert not evaluate(tree, post).matched


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("geen NEAR/5 woning", ["geen NEAR/15 woning"]),
        ("huur duur nu", ["duur nu", "huur nu", "huur duur"]),
        ("huur lang:nl", []),
        ("huur duur lang:nl", ["duur lang:nl", "huur lang:nl"]),
        ("huur EXCLUDE vakantie", ["huur"]),
        ('"geen woning"', ["geen woning"]),
        ("woningnood*", ["woningnoo*"]),
        ("huur*", []),
        ("2 OF (a, b, c)", ["a OR b OR c"]),
        ("huur", []),
    ],
)
def test_each_looser_query_asks_for_one_thing_less(query: str, expected: list[str]) -> None:
    assert [written(each) for each in relaxed(parse(query).tree)] == expected


def test_a_query_that_cannot_be_looser_has_no_near_misses(tmp_path: Path) -> None:
    assert near_misses(parse("huur OR woning").tree) is None
    tree = parse("geen NEAR/5 woning").tree
    near = near_misses(tree)
    assert near is not None
    assert near == parse("(geen NEAR/15 woning) NOT (geen NEAR/5 woning)").tree
    assert Not(tree) in getattr(near, "children", ())
