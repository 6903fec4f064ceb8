import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

import index.tables
from index.answers import MAX_TEXTS, Answers, Side
from index.brute import BruteStore
from index.contract import Cell, Dimension, Question, TooBroad
from index.local.store import LocalStore
from index.results import Counts
from index.series import Series
from index.simplest import settled
from index.subject import Subject
from index.testing import TIMEZONE, fill
from index.typical import score
from index.values import local_day, start_of
from privacy.access import TooOften
from privacy.noise import COINS, Noise
from privacy.suppress import MOST_A_DAY, SPECIAL_K, Thresholds
from rules.errors import QueryError
from rules.parser import parse
from rules.testing import tokenised_posts
from rules.tokens import tokenise
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.errors import Stop
from stream.metrics import NoMetrics
from stream.post import Label, Match, Post
from stream.testing import START, make_post

K = 3
LATER = START + 7 * DAY_MS
TODAY = local_day(LATER, TIMEZONE)
NOISE = Noise(bytes(32))
QUERIES = (
    "",
    "huis",
    "NOT huis lang:nl",
    "woning NEAR/2 (huis OR geen)",
    "huiz* OR 🔥",
    "rule:rule",
)


class Log:
    """An access log in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def append(self, *, at_most: int | None = None, **entry: str) -> int:
        by = [(each["actor"], each["action"]) for each in self.entries]
        if at_most is not None and by.count((entry["actor"], entry["action"])) >= at_most:
            raise TooOften("enough")
        self.entries.append(entry)
        return len(self.entries)


def ask(store: LocalStore, log: Log, folder: Path, **changes: Any) -> Answers:
    engine = create_engine(f"sqlite:///{folder / 'series.db'}")
    index.tables.metadata.create_all(engine)
    series = Series(engine)
    engine.dispose()
    options: dict[str, Any] = {
        "log": log, "actor": "anna", "purpose": "a test",
        "thresholds": Thresholds(K, lambda _rule: False),
        "series": series, "timezone": TIMEZONE, "metrics": NoMetrics(), "lists": {}.get,
        "text_reads_a_day": 3, "clock": ManualClock(LATER),
        "noise": NOISE,
    }  # fmt: skip
    return Answers(store, **(options | changes))


def posts_of(count: int) -> list[Post]:
    text = (
        "een lange zin over een huis waar van alles over te zeggen valt, en nog veel meer dan dat"
    )
    return [
        make_post(n, text=text, tokens=tokenise(text), matches=(Match("rule", "v1", ((4, 5),)),))
        for n in range(count)
    ]


def text_at(number: int, text: str, moment: int) -> Post:
    return make_post(number, text=text, tokens=tokenise(text), keep="all", created_at=moment)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=K)
    yield made
    made.close()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(tokenised_posts(), max_size=40, unique_by=lambda post: post.id),
    st.sampled_from(QUERIES),
)
def test_what_is_shown_is_about_true_and_what_is_small_is_not_shown(
    found: list[Post], query: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = LocalStore(Path(name) / "index", clock=ManualClock(START), timezone=TIMEZONE, k=K)
        fill(store, found)
        answers = ask(store, Log(), Path(name))
        brute = BruteStore(found, timezone=TIMEZONE, k=K)
        question = settled(answers.question(query), store, least=K, today=TODAY, timezone=TIMEZONE)
        check_number(answers.count(query).posts, brute.count(question))
        dimensions: tuple[Dimension, ...] = ("language", "rule", "kind")
        for by in dimensions:
            check(answers.top(query, by=by), brute, question)
        check(answers.over_time(query), brute, question)
        check(answers.over_time(query, by="language"), brute, question)
        store.close()


def check_number(posts: int | None, true: Cell) -> None:
    """It is about the true one, and stands for at least k."""
    if posts is not None:
        assert min(true.posts, true.authors, posts) >= K
        assert abs(posts - true.posts) <= COINS


def check(counts: Counts, brute: BruteStore, question: Question) -> None:
    """No number stands for fewer than k, and of a sum that can be known what is hidden is never
    a single cell or a small rest.
    """
    true: Mapping[tuple[str, ...], Cell] = brute.table(question, counts.dimensions).cells
    check_number(counts.total, brute.count(question))
    for key, posts in counts.cells.items():
        if posts is not None:
            check_number(posts, true[key])
    hidden = [key for key in true if counts.cells.get(key) is None]
    shown = [key for key, posts in counts.cells.items() if posts is not None]
    if counts.dimensions[0] != "rule" and hidden and shown:
        assert len(hidden) > 1
        assert sum(true[key].posts for key in hidden) >= K
    if counts.total is None:
        assert not shown


def test_a_text_is_shown_in_context_and_whole_only_for_a_reason(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, [*posts_of(20), *on_the_street(20)])
    log = Log()
    answers = ask(store, log, tmp_path)
    (excerpt,) = answers.texts("huis", limit=1).excerpts
    assert excerpt.keyword == "huis"
    assert excerpt.right.endswith("…")
    assert "reason" not in log.entries[-1]["payload"]
    (whole,) = answers.texts("huis", limit=1, reason="judging the rule").excerpts
    assert whole.left + whole.keyword + whole.right == posts_of(1)[0].text
    assert '"reason":"judging the rule"' in log.entries[-1]["payload"]
    blank = answers.texts("huis", limit=1, reason="  ").excerpts[0]
    assert blank.right.endswith("…")


def test_texts_have_a_quota_for_each_person_and_counts_have_none(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(20))
    log = Log()
    answers = ask(store, log, tmp_path)
    for _ in range(3):
        assert answers.texts("huis").excerpts
    with pytest.raises(Stop, match="text_reads_a_day"):
        answers.texts("huis")
    for _ in range(5):
        assert answers.count("huis")
    assert ask(store, log, tmp_path, actor="bart").texts("huis").excerpts


def test_one_post_shows_neither_that_it_is_there_nor_when(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, [*posts_of(5), text_at(9, "zeldzaam", START + 50 * HOUR_MS)])
    answers = ask(store, Log(), tmp_path)
    for query in ("zeldzaam", "niets"):
        for bin_ in ("hour", "day", "month"):
            shown = answers.over_time(query, bin=bin_)
            assert set(shown.cells.values()) == {None}
            assert list(shown.cells) == list(answers.over_time("", bin=bin_).cells)
    assert set(answers.over_time("", bin="day").cells) == {("2026-09-21",)}


def test_an_axis_without_end_is_too_broad(store: LocalStore, tmp_path: Path) -> None:
    old = [text_at(100 + n, "toen", START - 20 * 365 * DAY_MS) for n in range(5)]
    fill(store, [*posts_of(5), *old])
    answers = ask(store, Log(), tmp_path)
    with pytest.raises(TooBroad, match="narrow the period"):
        answers.over_time("huis", bin="hour")
    assert len(answers.over_time("huis", bin="day").cells) == 20 * 365 + 1


def test_what_may_be_read_is_counted_without_what_may_not(
    store: LocalStore, tmp_path: Path
) -> None:
    """Ten posts of ten people, nine of them of a special category: the tenth is not shown."""
    found = [
        msgspec.structs.replace(post, special_category=number > 0)
        for number, post in enumerate(posts_of(10))
    ]
    fill(store, found)
    answers = ask(store, Log(), tmp_path)
    assert answers.count("huis").posts is not None
    assert answers.texts("huis").excerpts == ()


@pytest.mark.parametrize("special", [0, 1, 8])
def test_how_many_texts_are_drawn_tells_nothing_of_those_that_are_not(
    store: LocalStore, tmp_path: Path, special: int
) -> None:
    found = [
        msgspec.structs.replace(post, special_category=number < special)
        for number, post in enumerate(posts_of(20))
    ]
    fill(store, found)
    texts = ask(store, Log(), tmp_path).texts("huis", limit=50)
    assert texts.posts is not None
    assert len(texts.excerpts) == K


def test_two_authors_are_not_read(store: LocalStore, tmp_path: Path) -> None:
    found = [
        make_post(
            n, author=f"230-{n % 2:016x}{0:016x}", text="huis", tokens=tokenise("huis"), keep="all"
        )
        for n in range(20)
    ]
    fill(store, found)
    answers = ask(store, Log(), tmp_path)
    assert answers.texts("huis").excerpts == ()
    assert answers.count("huis").posts is None
    assert answers.typical_terms("huis") == []


def varied(count: int) -> list[Post]:
    """Posts in two languages, on two days; each of another author."""
    return [
        make_post(
            n,
            text="huis woning" if n % 2 else "huis",
            tokens=tokenise("huis woning" if n % 2 else "huis"),
            keep="all",
            lang=Label(value="nl" if n % 3 else "en", confidence=0.9, model="m", version="1"),
            created_at=START + (n % 2) * DAY_MS,
        )
        for n in range(count)
    ]


def test_time_by_a_dimension_has_every_bin_of_every_value_that_is_shown(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, varied(60))
    answers = ask(store, Log(), tmp_path)
    counts = answers.over_time("huis", bin="day", by="language")
    assert counts.dimensions == ("day", "language")
    days = {key[0] for key in counts.cells}
    assert set(counts.cells) == {(day, value) for day in days for value in ("en", "nl")}
    assert counts.rows()[0].keys() == {"day", "language", "posts"}


def test_facets_are_one_question_and_say_what_each_alone_says(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, varied(60))
    log = Log()
    answers = ask(store, log, tmp_path)
    facets = answers.facets("huis", by=["language", "kind"])
    assert [entry["action"] for entry in log.entries] == ["facets:language,kind"]
    assert facets.count == answers.count("huis")
    assert facets.by == {name: answers.top("huis", by=name) for name in facets.by}
    assert {row["dimension"] for row in facets.rows()} == {"language", "kind"}


def test_two_questions_are_compared_in_one_entry_of_the_log(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, varied(60))
    log = Log()
    answers = ask(store, log, tmp_path)
    first, second = Side(query="huis"), Side(query="woning")
    compared = answers.compare(first, second, by="language")
    assert len(log.entries) == 1
    assert "woning" in log.entries[0]["payload"]
    assert compared.first.cells == answers.top("huis", by="language").cells
    assert compared.second.cells == answers.top("woning", by="language").cells
    assert {row["language"] for row in compared.rows()} == {"en", "nl"}


def test_a_word_of_few_people_is_never_completed(store: LocalStore, tmp_path: Path) -> None:
    rare = [text_at(900 + n, "huisarrest", START) for n in range(K - 1)]
    fill(store, [*varied(60), *rare])
    log = Log()
    answers = ask(store, log, tmp_path)
    assert [each.word for each in answers.complete("HUI")] == ["huis"]
    assert answers.complete("huisa") == answers.complete("zzz") == answers.complete(" ") == []
    assert log.entries == []


def test_padding_a_question_draws_nobodys_text(store: LocalStore, tmp_path: Path) -> None:
    """The post that one person wrote stands beside many in the question, and is never drawn."""
    others = [text_at(500 + n, "straat", START) for n in range(20)]
    fill(store, [*posts_of(100), *others, text_at(900, "zeldzaam geheim", START)])
    answers = ask(store, Log(), tmp_path, text_reads_a_day=100)
    for query in ("huis OR zeldzaam", "huis OR (zeldzaam geheim)", "huis OR geheim*"):
        for _ in range(5):
            drawn = answers.texts(query, limit=20, reason="a test").excerpts
            assert len(drawn) > K
            assert not any("geheim" in each.left + each.keyword + each.right for each in drawn)


def test_of_an_author_one_text_is_drawn(store: LocalStore, tmp_path: Path) -> None:
    found = [
        make_post(
            n, author=f"230-{n % 60:016x}{0:016x}", text=f"huis {n % 60}", keep="all",
            tokens=tokenise(f"huis {n % 60}"), created_at=START + n // 60 * DAY_MS,
        )
        for n in range(240)
    ]  # fmt: skip
    fill(store, found)
    drawn = ask(store, Log(), tmp_path).texts("huis", limit=30, reason="a test").excerpts
    whole = [each.left + each.keyword + each.right for each in drawn]
    assert len(whole) == 30
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize(("posts", "authors"), [(120, 12), (120, 49), (240, 12), (40, 40)])
def test_how_many_texts_come_tells_neither_the_authors_nor_the_posts(
    store: LocalStore, tmp_path: Path, posts: int, authors: int
) -> None:
    """Whatever is asked for: else the number would stop to grow where they are at an end."""
    found = [
        make_post(
            n, author=f"230-{n % authors:016x}{0:016x}", text="huis", tokens=tokenise("huis"),
            keep="all", created_at=START + n % 6 * DAY_MS,
        )
        for n in range(posts)
    ]  # fmt: skip
    fill(store, found)
    answers = ask(store, Log(), tmp_path, text_reads_a_day=100, clock=ManualClock(LATER + DAY_MS))
    limits = (K, authors - 1, authors, authors + 1, posts // 2, posts // 2 + 1, MAX_TEXTS)
    assert {len(answers.texts("huis", limit=each).excerpts) for each in limits} == {K}


@pytest.mark.parametrize("k", [K, SPECIAL_K, 30])
def test_texts_of_a_special_rule_are_refused_at_every_threshold_and_cost_no_quota(
    store: LocalStore, tmp_path: Path, k: int
) -> None:
    fill(store, posts_of(40))
    log = Log()
    answers = ask(store, log, tmp_path, thresholds=Thresholds(k, lambda rule: rule == "rule"))
    subject = Subject(query="huis", tree=parse("huis").tree, special=True)
    for query in ("rule:rule", "huis NOT rule:rule", subject):
        with pytest.raises(Stop, match="special category"):
            answers.texts(query)
    assert log.entries == []


def test_what_is_no_text_is_a_mistake_with_its_place_or_stops_before_it_is_logged(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, posts_of(5))
    log = Log()
    answers = ask(store, log, tmp_path)
    with pytest.raises(QueryError, match=r"line 1, column 9: UTF-8 text instead of '\\udcff'"):
        answers.count("huis fat\udcff")
    with pytest.raises(Stop, match="no UTF-8 text"):
        answers.texts("huis", reason="judging \udcff")
    assert log.entries == []


def test_an_author_counts_three_times_a_day(store: LocalStore, tmp_path: Path) -> None:
    loud = [
        make_post(
            1_000 + n, author=f"230-{1:016x}{0:016x}", text="huis", tokens=tokenise("huis"),
            keep="all",
        )
        for n in range(300)
    ]  # fmt: skip
    fill(store, [*posts_of(40), *loud])
    answers = ask(store, Log(), tmp_path)
    assert answers.count("huis").posts == pytest.approx(40 + MOST_A_DAY - 1, abs=COINS + 1)
    assert answers.top("huis", by="source").total == answers.count("huis").posts


def test_a_word_in_many_doors_has_one_number(store: LocalStore, tmp_path: Path) -> None:
    fill(store, varied(90))
    answers = ask(store, Log(), tmp_path)
    dutch = answers.count("huis lang:nl").posts
    assert answers.top("huis", by="language").cells["nl",] == dutch
    side = Side(query="huis")
    assert answers.compare(side, side, by="language").first.cells["nl",] == dutch
    assert answers.facets("huis", by=["language"]).by["language"].cells["nl",] == dutch


def test_a_cell_has_the_period_of_its_table_and_a_question_alone_its_own(
    store: LocalStore, tmp_path: Path
) -> None:
    """Of the rule one author writes a day, so it is counted when K of them are together."""
    days = range(K + 1)
    everybody = [
        text_at(500 + K * day + n, "straat", START + day * DAY_MS) for day in days for n in range(K)
    ]
    rare = [
        msgspec.structs.replace(post, created_at=START + day * DAY_MS)
        for day, post in zip(days, posts_of(K + 1), strict=True)
    ]
    fill(store, [*everybody, *rare])
    answers = ask(store, Log(), tmp_path, noise=lambda _posts, _record, _question: 0)

    def both(until: int) -> tuple[int | None, int | None]:
        cell = answers.top("", by="rule", until=until).cells.get(("rule",))
        return cell, answers.count("rule:rule", until=until).posts

    first, second = (start_of(TODAY, TIMEZONE) - n * DAY_MS for n in (7 - K, 6 - K))
    assert both(first) == (K, K)
    assert both(second) == (K + 1, K)


def test_typical_words_are_of_k_people_and_tell_no_exact_number(
    store: LocalStore, tmp_path: Path
) -> None:
    rare = [text_at(900 + n, "huis zeldzaam", START) for n in range(K - 1)]
    fill(store, [*varied(60), *on_the_street(200), *rare])
    answers = ask(store, Log(), tmp_path)
    found = answers.typical_terms("huis")
    assert {each.word for each in found} == {"huis", "woning"}
    for each in found:
        assert each.posts == answers.count(f"huis {each.word}").posts


def on_the_street(count: int) -> list[Post]:
    """Posts without a house; one in ten has the word of some of those with one."""
    return [
        text_at(500 + n, "straat lantaarn" if n % 10 else "straat woning", START)
        for n in range(count)
    ]


def test_how_far_a_word_stands_out_is_made_of_counts_that_are_shown(
    store: LocalStore, tmp_path: Path
) -> None:
    """So it tells no more than they do: of exact counts it would take the noise away."""
    fill(store, [*varied(60), *on_the_street(200)])
    answers = ask(store, Log(), tmp_path)

    def posts(query: str) -> int:
        return answers.count(query).posts or 0

    found = answers.typical_terms("huis")
    assert len(found) == 2
    for each in found:
        counts = (posts(f"huis {each.word}"), posts("huis"), posts(each.word), posts(""))
        assert each.score == round(score(*counts), 1)


def test_no_word_stands_out_where_everything_is_asked_for_or_too_little(
    store: LocalStore, tmp_path: Path
) -> None:
    fill(store, [*varied(60), *on_the_street(K - 1)])
    answers = ask(store, Log(), tmp_path)
    assert answers.typical_terms("") == answers.typical_terms("niets") == []
    assert answers.typical_terms("straat huis") == []


def test_a_text_is_shown_around_what_is_asked_whatever_was_typed(
    store: LocalStore, tmp_path: Path
) -> None:
    """Else words that make no difference would show the whole of it, piece by piece."""
    mine = [text_at(n, f"eigen{n} zin over een huis", START) for n in range(20)]
    fill(store, [*mine, *on_the_street(20)])
    answers = ask(store, Log(), tmp_path, text_reads_a_day=100)
    own = " OR ".join(f"eigen{n}" for n in range(0, 20, 2))
    for query in ("huis", f"huis ({own} OR kind:post)", f"huis OR (huis ({own}))"):
        found = answers.texts(query).excerpts
        assert [each.keyword for each in found] == ["huis"] * K, query


def test_texts_are_shown_only_where_their_count_is(store: LocalStore, tmp_path: Path) -> None:
    """That there are k is no more exact for who asks for texts."""
    for number in range(40):
        text = f"woord{number}"
        posts = [text_at(100 * number + n, text, START) for n in range(K + number // 8)]
        fill(store, posts)
    answers = ask(store, Log(), tmp_path, text_reads_a_day=100)
    shown = [
        (answers.count(f"woord{n}").posts, answers.texts(f"woord{n}").posts) for n in range(40)
    ]
    assert all(texts in (None, count) for count, texts in shown)
    for which in (0, 1):
        assert 0 < sum(each[which] is None for each in shown) < 40


def test_who_draws_again_gets_the_same_texts_and_a_judge_gets_others(
    store: LocalStore, tmp_path: Path
) -> None:
    """Else the quota of one day were enough for all texts, and so for all counts."""
    found = [
        make_post(
            n, author=f"230-{n:016x}{0:016x}", text=f"huis nummer {n}", keep="all",
            tokens=tokenise(f"huis nummer {n}"), created_at=START + n % 6 * DAY_MS,
        )
        for n in range(200)
    ]  # fmt: skip
    fill(store, found)
    answers = ask(store, Log(), tmp_path, text_reads_a_day=100, clock=ManualClock(LATER + DAY_MS))

    def drawn(query: str | Subject, *, turn: int = 0) -> set[str]:
        texts = answers.texts(query, limit=MAX_TEXTS, reason="a test", turn=turn).excerpts
        assert len(texts) == MAX_TEXTS
        return {each.left + each.keyword + each.right for each in texts}

    words = ("huis", "huis OR huis", "nummer huis", "huis OR (nummer huis)", "numm* huis")
    assert len(set().union(*(drawn(each) for each in words for _ in range(3)))) == MAX_TEXTS
    subject = Subject(query="huis", tree=parse("huis").tree, rule="rule", name="rule@v1")
    assert drawn(subject) == drawn("huis")
    assert len(drawn(subject) | drawn(subject, turn=50) | drawn(subject, turn=100)) > MAX_TEXTS
