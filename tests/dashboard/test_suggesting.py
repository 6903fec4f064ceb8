from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.city import Unasked
from dashboard.suggesting import FIELDS, MOST, OPERATORS, check, suggest
from index.answers import Answers
from index.testing import fill, text_post
from peil.folder import WorkingFolder
from peil.guidance import personal
from peil.pipeline import Pipeline
from peil.settings import load_settings
from rules.documents import Book
from rules.errors import QueryError
from rules.lint.linter import known_of
from rules.lint.meaning import Known
from rules.parser import parse
from rules.reading import MOST_PROBLEMS
from stream.clock import DAY_MS, ManualClock
from stream.errors import Stop
from stream.testing import START

WORDS = {"fatbike": 40, "fatbikes": 30, "fatsoen": 20, "fanfare": 4, "overlast": 50}
TODAY = {"fatsoen": 40, "fataal": 30}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = WorkingFolder.init(tmp_path_factory.mktemp("suggesting") / "folder")
    settings = load_settings(folder.settings, environ={}, overrides=["purpose=trial"])
    with Pipeline(folder, settings, clock=ManualClock(START + 2 * DAY_MS)) as made:
        texts = [word for word, times in WORDS.items() for _ in range(times)]
        fill(made.store, [text_post(number, text) for number, text in enumerate(texts)])
        today = [word for word, times in TODAY.items() for _ in range(times)]
        fill(
            made.store,
            [
                text_post(1000 + number, text, created_at=made.clock.now())
                for number, text in enumerate(today)
            ],
        )
        yield made


@pytest.fixture
def answers(pipeline: Pipeline) -> Answers:
    return pipeline.answers(purpose="trial", reader="a", log=Unasked())


@pytest.fixture(scope="module")
def book(pipeline: Pipeline) -> Book:
    return pipeline.book


@pytest.fixture(scope="module")
def known(book: Book) -> Known:
    return known_of(book, personal=personal)


def labels(answers: Answers, book: Book, prefix: str) -> dict[str, str]:
    return {each.label: each.kind for each in suggest(answers, book, prefix).items}


def test_words_come_with_how_often_they_are_used_and_rare_ones_never(
    answers: Answers, book: Book
) -> None:
    found = suggest(answers, book, "fa").items
    assert {each.label for each in found} == {"fatbike", "fatbikes", "fatsoen"}
    for each in found:
        assert each.kind == "word"
        assert each.posts is not None
        assert each.posts in {10, 20, 50, 100}  # an order of magnitude, no count
        assert WORDS[each.label] / 3 <= each.posts <= WORDS[each.label] + 10
        assert each.insert == f"{each.label} "
    assert labels(answers, book, "fanf") == {}


def test_words_go_by_their_numbers_and_no_post_of_today_counts(
    answers: Answers, book: Book
) -> None:
    found = suggest(answers, book, "fa").items
    assert [(each.label, each.posts) for each in found] == [
        ("fatbike", 20), ("fatbikes", 20), ("fatsoen", 20),
    ]  # fmt: skip


def test_one_letter_and_nothing_fit_too_much(answers: Answers, book: Book) -> None:
    assert "fatbike" not in labels(answers, book, "f")
    assert labels(answers, book, "") == {}


@pytest.mark.parametrize(
    ("prefix", "label", "kind"),
    [
        ("la", "lang:", "field"),
        ("LANG", "lang:", "field"),
        ("rule:", "rule:", "field"),
        ("nea", "NEAR/5", "operator"),
        ("EXC", "EXCLUDE", "operator"),
        ("$hul", "$hulp", "list"),
        ("$", "$hulp", "list"),
    ],
)
def test_fields_operators_and_lists_are_found_by_their_beginning(
    answers: Answers, book: Book, prefix: str, label: str, kind: str
) -> None:
    assert labels(answers, book, prefix)[label] == kind


def test_a_list_that_only_guards_rules_is_not_offered(answers: Answers, book: Book) -> None:
    guarding = {f"${name}" for name, each in book.lists.items() if each.lint}
    assert guarding
    assert not guarding & set(labels(answers, book, "$"))


def test_there_are_never_too_many(answers: Answers, book: Book) -> None:
    for prefix in ("", "$", "o", "ov", "e", "r"):
        assert len(suggest(answers, book, prefix).items) <= MOST


def test_suggestions_are_no_question_and_cannot_become_one(answers: Answers) -> None:
    for ask in (answers.count, answers.texts, answers.over_time, answers.typical_terms):
        with pytest.raises(Stop, match="logged before it is answered"):
            ask("fatbike")


def test_every_example_of_a_field_and_an_operator_can_be_read() -> None:
    for example in (*FIELDS.values(), *OPERATORS.values()):
        parse(example, use="search")


def test_a_good_query_has_nothing_wrong(known: Known) -> None:
    for words in ("", "   \n", "fatbike* NEAR/3 (stoep OR overlast) lang:nl", "$hulp"):
        found = check(words, known, language="en")
        assert found.errors == []
        assert found.warnings == []


@pytest.mark.parametrize(
    ("words", "under"),
    [
        ("$bestaatniet", "$bestaatniet"),
        ("huur $bestaatniet woning", "$bestaatniet"),
        ("huur\nOF woning\n$bestaatniet", "$bestaatniet"),
        ("🔥🔥 $bestaatniet", "$bestaatniet"),
        ("kleur:rood", "kleur"),
    ],
)
def test_a_mistake_stands_under_its_word(known: Known, words: str, under: str) -> None:
    (found,) = check(words, known, language="en").errors
    assert words[found.start : found.end].startswith(under)
    assert found.message
    assert found.help


@pytest.mark.parametrize(
    ("words", "under", "english", "dutch"),
    [
        ("huurprij* OR huurprijzen", "huurprijzen", "is covered by", "valt al onder"),
        ("lang:nl lang:en", "lang:nl lang:en", "can never be true", "nooit waar"),
        ("hulp\nOR moslims", "moslims", "a group is not a phenomenon", "geen verschijnsel"),
        ('"06 12345678" OR klacht', '"06 12345678"', "a person's phone", "telefoonnummer"),
        ('case:"Jan Jansen" woning', 'case:"Jan Jansen"', "name of a person", "van een persoon"),
    ],
)
def test_what_lint_has_to_say_stops_no_search(
    known: Known, words: str, under: str, english: str, dutch: str
) -> None:
    for language, said in (("en", english), ("nl", dutch)):
        found = check(words, known, language=language)
        assert found.errors == []
        (hint,) = found.warnings
        assert said in hint.message
        assert words[hint.start : hint.end] == under


def test_of_too_many_mistakes_each_that_is_told_stands_under_its_word(known: Known) -> None:
    words = "huis\n" + "a:b\n" * 4_000
    found = check(words, known, language="en").errors
    assert [each.start for each in found[:-1]] == [5 + 4 * line for line in range(MOST_PROBLEMS)]
    assert {words[each.start : each.end] for each in found[:-1]} == {"a:b"}
    assert (found[-1].end, found[-1].help) == (len(words), "Mend those first; there are more.")


@pytest.mark.parametrize("words", ["huis OR date:2026-11", "huis NOT date:2026-11"])
def test_a_day_that_no_question_can_be_asked_of_is_a_mistake(known: Known, words: str) -> None:
    for language, said in (
        ("en", "condition of the whole"),
        ("nl", "voorwaarde van de hele vraag"),
    ):
        (found,) = check(words, known, language=language).errors
        assert words[found.start : found.end] == "date:2026-11"
        assert said in found.message
    assert check("(huis OR laan) date:2026-11", known, language="en").errors == []


QUERIES = st.text('ab🔥ش \n()"*/:~$,-§', max_size=30) | st.lists(
    st.sampled_from(
        ["a", "OR", "NOT", "NEAR/3", "(", ")", '"', "2 OF", "lang:", "$x", "\n", "--", "🔥", "*"]
    ),
    max_size=12,
).map(" ".join)


@given(words=QUERIES)
def test_whatever_is_typed_each_mistake_lies_in_it(known: Any, words: str) -> None:
    found = check(words, known, language="en")
    for each in (*found.errors, *found.warnings):
        assert 0 <= each.start < each.end <= len(words)
        assert each.message
    if words.strip():
        try:
            parse(words, lists=known.lists, use="search")
        except QueryError:
            assert found.errors
        else:
            assert not found.errors
