import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

import index.tables
from index.answers import Answers
from index.backtest import IN_BRIEF, whole_since
from index.branches import branches, exclusions, same
from index.brute import BruteStore
from index.contract import Cell, Question
from index.local.store import LocalStore
from index.series import Series
from index.simplest import simplest
from index.subject import Subject
from index.testing import TIMEZONE, fill
from index.trial import Backtest, Part
from index.wording import lacking
from privacy.noise import Noise
from privacy.suppress import SPECIAL_K, Thresholds
from rules.evaluator import evaluate
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import And, Keywords, Node, Not, Or, Term
from stream.clock import DAY_MS, ManualClock
from stream.metrics import NoMetrics
from stream.partitions import partition_of
from stream.post import Match, Post
from stream.testing import START, make_post

K = 3
TOMORROW = START + DAY_MS
SLOW = list(HealthCheck)
QUERIES = (
    "huis",
    "huis OR woning OR azc",
    "(huis OR huizen) NEAR/2 (geen OR de)",
    "huis (geen OR de) EXCLUDE woning",
    "huiz* OR 🔥 NOT geen",
)


class Log:
    """An access log in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def append(self, *, at_most: int | None = None, **entry: str) -> int:
        self.entries.append(entry)
        return len(self.entries)


def nothing_added(_posts: int, _record: int, _question: str) -> int:
    return 0


def ask(store: LocalStore, log: Log, folder: Path, **changes: Any) -> Answers:
    engine = create_engine(f"sqlite:///{folder / 'series.db'}")
    index.tables.metadata.create_all(engine)
    options: dict[str, Any] = {
        "log": log, "actor": "anna", "purpose": "a test",
        "thresholds": Thresholds(K, lambda _rule: False), "series": Series(engine),
        "timezone": TIMEZONE, "metrics": NoMetrics(), "lists": {}.get,
        "text_reads_a_day": 3, "clock": ManualClock(TOMORROW), "noise": nothing_added,
    }  # fmt: skip
    engine.dispose()
    return Answers(store, **(options | changes))


def subject(query: str, **changes: Any) -> Subject:
    return Subject(query=query, tree=parse(query).tree, **changes)


def posts_of(first: int, count: int, text: str, **changes: Any) -> list[Post]:
    return [
        make_post(n, text=text, tokens=tokenise(text), **changes)
        for n in range(first, first + count)
    ]


MATCHED = (Match("other", "v1", ((0, 1),)),)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=SPECIAL_K)
    yield made
    made.close()


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(tokenised_posts(), max_size=50, unique_by=lambda post: post.id),
    st.sampled_from(QUERIES),
    st.sampled_from(QUERIES),
)
def test_what_is_shown_is_what_there_is_of_k_people_at_least(
    found: list[Post], query: str, other: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = LocalStore(Path(name) / "i", clock=ManualClock(START), timezone=TIMEZONE, k=K)
        fill(store, found)
        brute = BruteStore(found, timezone=TIMEZONE, k=K)
        answers = ask(store, Log(), Path(name))
        done = answers.backtest(subject(query), against=subject(other))
        for part in done.parts:
            whole = answers._backtests.question(subject(query), part.period, {})
            if whole.until in (whole.since, 0):
                assert part.posts is None
                assert all(each.posts is None for each in part.earned)
                continue
            assert part.posts == shown(brute.count(whole))
            assert part.everything == shown(brute.count(replaced(whole, None)))
            for key, posts in part.by["language"].cells.items():
                assert posts == shown(brute.table(whole, ("language",)).cells[key])
            by_time = brute.table(whole, part.days.dimensions).cells
            for key, posts in part.days.cells.items():
                assert posts in (None, shown(by_time.get(key, Cell(0, 0))))
            check_earned(part, whole, parse(query).tree, brute)
            check_change(
                part, whole, answers._backtests.question(subject(other), part.period, {}), brute
            )
        store.close()


def replaced(question: Question, query: Node | None) -> Question:
    return msgspec.structs.replace(question, query=query)


def shown(cell: Cell) -> int | None:
    return cell.posts if min(cell.posts, cell.authors) >= K else None


def beyond(one: Question, other: Node, brute: BruteStore) -> Cell:
    """The count of what `other` does not find, without what fewer than K people decide in it."""

    def differ(first: Question, second: Question) -> bool:
        return brute.differ(first, second, K)

    rest = replaced(one, Not(other) if one.query is None else And((one.query, Not(other))))
    return brute.count(simplest(rest, differ) if differ(one, rest) else one)


def check_earned(part: Part, whole: Question, tree: Node, brute: BruteStore) -> None:
    """Each number is that of the branch, or of the whole where fewer than K people are between."""
    there = [] if whole.query is None else list(branches(whole.query))
    for each, typed in zip(part.earned, branches(tree), strict=True):
        branch = same(typed, there)
        if branch is None:
            continue
        alone = replaced(whole, branch.alone)
        far = brute.differ(whole, alone, K)
        assert each.posts == shown(brute.count(alone if far else whole))
        assert each.only == shown(beyond(alone, branch.rest, brute))


def check_change(part: Part, whole: Question, other: Question, brute: BruteStore) -> None:
    assert part.change is not None
    old = replaced(whole, other.query)
    if part.change.gained is not None and other.query is not None:
        assert part.change.gained == shown(beyond(whole, other.query, brute))
    assert part.change.before == shown(brute.count(old))


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(trees(), st.lists(tokenised_posts(), min_size=1, max_size=8))
def test_a_branch_alone_and_the_rest_are_the_whole(tree: Node, found: list[Post]) -> None:
    for branch, post in itertools.product(itertools.islice(branches(tree), 20), found):
        parts = (evaluate(each, post).matched for each in (branch.alone, branch.rest))
        assert any(parts) is evaluate(tree, post).matched


def test_branches_are_operands_of_or_and_entries_of_lists_wherever_they_stand() -> None:
    words = Keywords("hulp", 1, (Term("help"), Term("steun")))
    tree = And((Or((Term("a"), Term("b"))), words, Not(Or((Term("c"), Term("d"))), exclude=True)))
    found = [(each.of, each.text) for each in branches(tree)]
    assert found == [("", "a"), ("", "b"), ("$hulp", "help"), ("$hulp", "steun")]
    assert [each.text for each in exclusions(tree)] == ["EXCLUDE (c OR d)"]


@given(st.integers(START, START + 5 * DAY_MS))
def test_of_what_is_said_to_be_whole_nothing_is_gone(now: int) -> None:
    first = whole_since(now)
    assert partition_of(make_post(1, first_observed=first)).until_ms > now
    assert partition_of(make_post(1, first_observed=first - 1)).until_ms <= now
    assert 2 * DAY_MS <= now - first < 3 * DAY_MS


def test_everything_of_the_last_days_is_tried_and_of_the_older_what_was_kept(
    store: LocalStore, tmp_path: Path
) -> None:
    old = {"first_observed": START - 9 * DAY_MS, "created_at": START - 9 * DAY_MS}
    fill(store, posts_of(0, 30, "een huis"))
    fill(store, posts_of(100, 20, "een huis", matches=MATCHED))
    fill(store, posts_of(200, 40, "een huis", matches=MATCHED, **old))
    fill(store, posts_of(300, 50, "de straat"))
    log = Log()
    done = ask(store, log, tmp_path).backtest(subject("huis"))
    assert (done.recent.posts, done.recent.everything) == (50, 100)
    assert done.recent.share == 0.5
    assert (done.kept.posts, done.kept.everything) == (60, 60)
    assert not done.recent.bias
    assert "another rule matched it" in done.kept.bias
    (overlap,) = done.recent.overlap
    assert (overlap.rule, overlap.both, overlap.of_rule) == ("other", 20, 20)
    assert [entry["action"] for entry in log.entries] == ["backtest"]
    assert '"query":"huis"' in log.entries[0]["payload"]


def test_a_rule_does_not_overlap_with_itself(store: LocalStore, tmp_path: Path) -> None:
    fill(store, posts_of(0, 20, "een huis", matches=MATCHED))
    assert ask(store, Log(), tmp_path).backtest(subject("huis", rule="other")).kept.overlap == ()


def test_what_branches_earned_and_what_is_gained_and_lost(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(0, 20, "huis"))
    fill(store, posts_of(100, 10, "huis woning"))
    fill(store, posts_of(200, 5, "woning"))
    fill(store, posts_of(300, 2, "kasteel"))
    fill(store, posts_of(400, 7, "huis vakantie"))
    fill(store, posts_of(500, 9, "straat"))
    fill(store, posts_of(600, 10, "heel iets anders"))
    tried = subject("huis OR woning OR kasteel EXCLUDE vakantie")
    part = ask(store, Log(), tmp_path).backtest(tried, against=subject("huis OR straat")).recent
    assert part.posts == 35
    assert [(each.text, each.posts, each.only) for each in part.earned] == [
        ("huis", 30, 20), ("woning", 15, 5), ("kasteel", None, None),
    ]  # fmt: skip
    assert [(each.text, each.posts) for each in part.taken_out] == [("EXCLUDE vakantie", 7)]
    assert part.change is not None
    assert (part.change.before, part.change.gained, part.change.lost) == (46, 5, 16)


def test_less_can_be_asked_while_somebody_types(store: LocalStore, tmp_path: Path) -> None:
    fill(store, posts_of(0, 20, "huis", matches=MATCHED))
    part = ask(store, Log(), tmp_path).backtest(subject("huis OR de"), asides=IN_BRIEF).kept
    assert part.posts == 20
    assert (list(part.by), part.overlap, part.earned) == (["language"], (), ())


def test_a_rule_on_a_special_category_has_the_higher_threshold(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(0, SPECIAL_K - 1, "huis woning"))
    answers = ask(store, Log(), tmp_path)
    assert answers.backtest(subject("huis")).recent.posts == SPECIAL_K - 1
    assert answers.backtest(subject("huis", special=True)).recent.posts is None
    change = answers.backtest(
        subject("huis"), against=subject("straat", special=True)
    ).recent.change
    assert change is not None
    assert change.gained is None


def test_everything_of_it_is_json(store: LocalStore, tmp_path: Path) -> None:
    fill(store, posts_of(0, 20, "huis", matches=MATCHED))
    done = ask(store, Log(), tmp_path).backtest(subject("huis OR de"), against=subject("huis"))
    assert msgspec.json.decode(msgspec.json.encode(done.told()))["parts"][0]["period"] == "recent"
    assert set(done.to_pandas().columns) == {"period", "by", "value", "posts"}


def test_what_stands_out_and_is_not_looked_for_is_suggested(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(0, 40, "huis te duur vandaag"))
    fill(store, posts_of(100, 100, "straat vandaag"))
    fill(store, posts_of(300, K - 1, "huis zeldzaam"))
    log = Log()
    found = ask(store, log, tmp_path).suggest(subject("huis"))
    assert [each.word for each in found.terms][:2] == ["duur", "duur vandaag"]
    assert "te duur" in [each.word for each in found.terms]
    assert {"huis", "huis te", "zeldzaam", "vandaag"}.isdisjoint(each.word for each in found.terms)
    assert found.period == "recent"
    assert not found.bias
    assert [entry["action"] for entry in log.entries] == ["suggest"]


def test_where_too_few_wrote_lately_words_of_what_was_kept_are_suggested(
    store: LocalStore, tmp_path: Path
) -> None:
    old = {"first_observed": START - 9 * DAY_MS, "created_at": START - 9 * DAY_MS}
    fill(store, posts_of(0, 40, "huis te duur", matches=MATCHED, **old))
    fill(store, posts_of(100, 100, "straat", matches=MATCHED, **old))
    found = ask(store, Log(), tmp_path).suggest(subject("huis"))
    assert found.period == "kept"
    assert "duur" in [each.word for each in found.terms]
    assert found.bias


@given(trees(), st.sampled_from(["huis", "geen woning", "laan", "auto's", "de straat"]))
def test_a_word_that_is_looked_for_is_never_suggested(tree: Node, word: str) -> None:
    words = word.split(" ")
    more = Or((tree, Term(word) if len(words) == 1 else Term(words[1])))
    assert not lacking(more)(word)


# Against somebody who knows one post.


@pytest.mark.parametrize("padding", ["zeldzaam geheim", "geheim*", '"zeldzaam geheim"', "geheim"])
def test_a_branch_that_one_person_answers_changes_no_number(
    store: LocalStore, tmp_path: Path, padding: str
) -> None:
    for there in (False, True):
        fill(
            store, posts_of(0, 30, "een huis") if not there else posts_of(900, 1, "zeldzaam geheim")
        )
        answers = ask(store, Log(), tmp_path, noise=Noise(bytes(32)))
        plain = answers.backtest(subject("een OR huis")).recent
        padded = answers.backtest(
            subject(f"een OR huis OR ({padding})"), against=subject("een OR huis")
        ).recent
        assert (padded.posts, padded.days, padded.by) == (plain.posts, plain.days, plain.by)
        *others, last = padded.earned
        assert tuple(others) == plain.earned
        assert (last.posts, last.only) == (None, None)
        assert padded.change is not None
        assert (padded.change.gained, padded.change.lost) == (None, None)


def test_what_differs_by_few_has_one_number(store: LocalStore, tmp_path: Path) -> None:
    """All but two posts are found by one branch: its number is that of the whole."""
    fill(store, posts_of(0, 30, "een huis"))
    fill(store, posts_of(100, 2, "een straat huis"))
    fill(store, posts_of(200, 12, "laan"))
    fill(store, posts_of(300, 2, "straat"))
    answers = ask(store, Log(), tmp_path, noise=Noise(bytes(32)))
    part = answers.backtest(subject("een OR straat OR huis")).recent
    assert [each.text for each in part.earned] == ["een", "straat", "huis"]
    assert part.earned[0].posts == part.earned[2].posts == part.posts
    assert {each.only for each in part.earned} == {None}
    change = answers.backtest(subject("huis"), against=subject("laan")).recent.change
    assert change is not None
    assert change.gained == answers.backtest(subject("huis")).recent.posts


def test_a_branch_that_others_cover_still_says_what_it_finds(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(0, 30, "een huis"))
    fill(store, posts_of(100, 20, "huis"))
    fill(store, posts_of(200, 20, "straat"))
    part = ask(store, Log(), tmp_path).backtest(subject("huis OR een")).recent
    assert [(each.posts, each.only) for each in part.earned] == [(50, 20), (30, None)]


def test_both_parts_are_in_what_is_shown(store: LocalStore, tmp_path: Path) -> None:
    fill(store, posts_of(0, 20, "huis", matches=MATCHED))
    done: Backtest = ask(store, Log(), tmp_path).backtest(subject("huis"))
    assert {row["period"] for row in done.rows()} == {"recent", "kept"}


def test_what_a_not_keeps_out_leaves_out_what_few_decide(store: LocalStore, tmp_path: Path) -> None:
    """Else the number would tell whether somebody wrote of both of two words that are kept out."""
    fill(store, posts_of(0, 20, "huis"))
    fill(store, posts_of(100, 20, "huis straat"))
    fill(store, posts_of(200, 20, "huis laan"))
    fill(store, posts_of(300, 1, "huis straat laan"))
    part = ask(store, Log(), tmp_path).backtest(subject("huis NOT straat NOT laan")).recent
    assert part.posts == 20
    assert {each.text: each.posts for each in part.taken_out} == {"NOT straat": 21, "NOT laan": 21}
