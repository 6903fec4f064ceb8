from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from dashboard.errors import Refused
from dashboard.queries import MOST_SAVED, MOST_WORDS, Queries
from stream.clock import DAY_MS, ManualClock
from stream.testing import START


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def queries(database: Engine, clock: ManualClock) -> Queries:
    return Queries(database, clock=clock)


def save(queries: Queries, account: str, title: str = "Wonen", *, days: int = 10) -> str:
    until = START + days * DAY_MS
    return queries.save(account, title=title, query="q=abc&period=7d", note="", until=until)


def test_words_are_found_by_an_id_that_says_nothing_of_them(queries: Queries) -> None:
    words = 'fatbike* NEAR/3 overlast -- "waarom"\nعربي 🔥'
    name = queries.keep(words, account="a")
    assert queries.words(name) == words
    assert name.replace("-", "").replace("_", "").isalnum()
    assert "fatbike" not in name
    assert queries.words("there-is-no-such") is None
    assert queries.words("' OR 1=1 --") is None


def test_the_same_reader_gets_the_same_id_again_and_another_one_does_not(queries: Queries) -> None:
    name = queries.keep("overlast", account="a")
    assert queries.keep("overlast", account="a") == name
    assert queries.keep("overlast", account="b") != name
    assert queries.keep("Overlast", account="a") != name


def test_many_threads_may_keep_words(queries: Queries) -> None:
    with ThreadPoolExecutor(8) as threads:
        names = list(
            threads.map(lambda number: queries.keep(f"woord {number}", account="a"), range(40))
        )
    assert [queries.words(name) for name in names] == [f"woord {number}" for number in range(40)]


def test_too_long_a_query_is_refused(queries: Queries) -> None:
    queries.keep("a" * MOST_WORDS, account="a")
    with pytest.raises(Refused, match="20001 characters"):
        queries.keep("a" * (MOST_WORDS + 1), account="a")


def test_a_reader_sees_and_removes_only_the_own_searches(queries: Queries) -> None:
    mine, other = save(queries, "a"), save(queries, "b", "Verkeer")
    assert [each.id for each in queries.saved("a")] == [mine]
    assert [each.title for each in queries.saved("b")] == ["Verkeer"]
    assert not queries.remove("a", other)
    assert [each.id for each in queries.saved("b")] == [other]
    assert queries.remove("b", other)
    assert not queries.remove("b", other)
    assert queries.saved("b") == []


def test_a_search_is_gone_at_its_end(queries: Queries, clock: ManualClock) -> None:
    save(queries, "a", "kort", days=1)
    save(queries, "a", "lang", days=5)
    clock.advance(DAY_MS - 1)
    assert {each.title for each in queries.saved("a")} == {"kort", "lang"}
    clock.advance(1)
    assert {each.title for each in queries.saved("a")} == {"lang"}


def test_the_newest_stands_first(queries: Queries, clock: ManualClock) -> None:
    for title in ("eerst", "dan", "laatst"):
        save(queries, "a", title)
        clock.advance(1_000)
    assert [each.title for each in queries.saved("a")] == ["laatst", "dan", "eerst"]


def test_a_search_needs_a_title(queries: Queries) -> None:
    with pytest.raises(Refused, match="title"):
        save(queries, "a", "  ")


def test_there_is_an_end_to_what_one_reader_may_keep(queries: Queries) -> None:
    for number in range(MOST_SAVED):
        save(queries, "a", f"zoekvraag {number}")
    with pytest.raises(Refused, match="remove one first"):
        save(queries, "a")
    save(queries, "b")


def test_old_words_are_forgotten_unless_a_search_still_needs_them(
    queries: Queries, clock: ManualClock
) -> None:
    old, searched, over = (queries.keep(words, account="a") for words in ("oud", "kort", "voorbij"))
    for name, days in ((searched, 30), (over, 3)):
        queries.save(
            "a", title="t", query=f"period=7d&q={name}", note="", until=START + days * DAY_MS
        )
    clock.advance(10 * DAY_MS)
    new = queries.keep("nieuw", account="a")
    assert queries.forget(START + 5 * DAY_MS) == 2
    assert queries.words(old) is None
    assert queries.words(over) is None
    assert queries.words(searched) == "kort"
    assert queries.words(new) == "nieuw"
