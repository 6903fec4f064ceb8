import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from index.contract import Cell, Question, TooBroad
from index.local.store import LocalStore
from index.remembered import Remembered
from index.testing import TIMEZONE, fill, text_post
from rules.parser import parse
from rules.tree import Term
from stream.clock import DAY_MS, ManualClock
from stream.errors import Retry
from stream.testing import START

MANY = 16


class CountingStore(LocalStore):
    """A real store that notes what it was asked, and may be made slow or broken."""

    asked: list[Question]
    before: Callable[[], None]

    def count(self, question: Question) -> Cell:
        self.asked.append(question)
        self.before()
        return super().count(question)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LocalStore]:
    """The store as the index worker has it, in a process of its own."""
    made = LocalStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)
    fill(made, [text_post(number, "fatbike op de stoep") for number in range(20)])
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path, writer: LocalStore) -> Iterator[CountingStore]:
    made = CountingStore(tmp_path / "index", clock=ManualClock(START), timezone=TIMEZONE, k=10)
    made.asked = []
    made.before = lambda: None
    yield made
    made.close()


def test_many_who_ask_at_once_ask_the_store_once(store: CountingStore) -> None:
    store.before = partial(time.sleep, 0.2)
    remembered = Remembered(store)
    together = threading.Barrier(MANY)

    def ask(_: int) -> Cell:
        together.wait()
        # Another object each time, with another tree of the same words.
        return remembered.count(Question(query=parse("fatbike").tree))

    with ThreadPoolExecutor(MANY) as threads:
        answers = list(threads.map(ask, range(MANY)))
    assert [answer.posts for answer in answers] == [20] * MANY
    assert len(store.asked) == 1


def test_different_questions_are_different(store: CountingStore) -> None:
    remembered = Remembered(store)
    words, nothing = parse("fatbike").tree, parse("bakfiets").tree
    assert remembered.count(Question(query=words)).posts == 20
    assert remembered.count(Question(query=nothing)).posts == 0
    assert remembered.count(Question(query=words, until=START)).posts == 0
    by_language = remembered.top(Question(query=words), by="language")
    assert remembered.top(Question(query=words), by="kind") != by_language
    one, other = Question(query=words), Question(query=nothing)
    assert remembered.compare(one, other, by="kind") != remembered.compare(other, one, by="kind")
    assert remembered.count_over_time(one) != remembered.count_over_time(one, bin="week")
    assert len(store.asked) == 3


def test_what_is_new_is_seen_after_a_reload_and_not_before(
    store: CountingStore, writer: LocalStore
) -> None:
    remembered = Remembered(store)
    assert remembered.count(Question()).posts == 20
    fill(writer, [text_post(number, "nieuw") for number in range(100, 103)])
    assert remembered.count(Question()).posts == 20
    assert remembered.reload()
    assert remembered.count(Question()).posts == 23
    assert len(store.asked) == 2


def test_a_reload_without_anything_new_keeps_the_answers(store: CountingStore) -> None:
    remembered = Remembered(store)
    remembered.reload()
    remembered.count(Question())
    assert not remembered.reload()
    remembered.count(Question())
    assert len(store.asked) == 1


def test_an_answer_from_before_a_reload_is_not_kept_after_it(
    store: CountingStore, writer: LocalStore
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait(10)

    remembered = Remembered(store)
    remembered.reload()
    store.before = wait
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(remembered.count, Question())
        begun.wait(10)
        fill(writer, [text_post(500, "nieuw")])
        assert remembered.reload()
        go_on.set()
        slow.result()
    assert remembered.count(Question()).posts == 21


@pytest.mark.parametrize("error", [Retry("busy"), TooBroad("narrow the period")])
def test_an_error_reaches_all_who_wait_and_is_not_remembered(
    store: CountingStore, error: Exception
) -> None:
    def fail() -> None:
        time.sleep(0.2)
        raise error

    store.before = fail
    remembered = Remembered(store)
    with ThreadPoolExecutor(4) as threads:
        failed = [threads.submit(remembered.count, Question()) for _ in range(4)]
    assert all(isinstance(each.exception(), type(error)) for each in failed)
    store.before = lambda: None
    assert remembered.count(Question()).posts == 20


def test_the_answer_not_asked_for_longest_is_forgotten_first(store: CountingStore) -> None:
    remembered = Remembered(store, most=2)
    first, second, third = (Question(until=START + number * DAY_MS) for number in range(1, 4))
    for question in (first, second, first, third, first):
        remembered.count(question)
    assert store.asked == [first, second, third]
    remembered.count(second)
    assert store.asked == [first, second, third, second]


def test_texts_are_never_remembered(store: CountingStore, writer: LocalStore) -> None:
    remembered = Remembered(store)
    question = Question(query=Term("fatbike"), readable=True)
    one = remembered.sample(question, limit=5, seed=1)
    assert [hit.post.id for hit in one] != [
        hit.post.id for hit in remembered.sample(question, limit=5, seed=2)
    ]
    writer.remove_authors([hit.post.author for hit in one], START + 1)
    writer.flush()
    assert remembered.reload()
    gone = {hit.post.id for hit in one}
    assert not gone & {hit.post.id for hit in remembered.sample(question, limit=20, seed=1)}
