"""What may come next in a query, and what is wrong with one: as the query box asks while one
types.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field

from dashboard.languages import language as spoken
from dashboard.mistakes import finding_in, hint_in, note_in, problem_in
from index.answers import Answers
from index.simplest import misplaced_dates
from rules.documents import Book
from rules.errors import Note, Problem, QueryError
from rules.lint.findings import Spot
from rules.lint.meaning import Known, lint_query
from rules.parser import Parsed, parse
from rules.reading import line_starts

MOST = 12
SHORTEST = 2
"""A shorter beginning fits too much to be a help."""

FIELDS = {
    "lang": "lang:nl",
    "source": "source:city-news",
    "platform": "platform:bluesky",
    "kind": "kind:reply",
    "topic": "topic:living",
    "sentiment": "sentiment:negative",
    "place": "place:centrum",
    "has": "has:link",
    "rule": "rule:woningnood",
    "date": "date:2026-11",
}
OPERATORS = {
    "AND": "overlast AND nacht",
    "OR": "fatbike OR scooter",
    "NOT": "vuurwerk NOT show",
    "NEAR/5": "scooter NEAR/5 overlast",
    "EXCLUDE": "kamer EXCLUDE vakantie",
    "2 OF": "2 OF (huur, wonen, duur)",
}


class Suggestion(BaseModel):
    """Something that may be written here."""

    label: str
    kind: Literal["word", "list", "field", "operator"]
    posts: int | None = Field(description="In how many posts the word stands.")
    detail: str
    insert: str


class Suggestions(BaseModel):
    """What may be written here, the likeliest first."""

    items: list[Suggestion]


class Mistake(BaseModel):
    """What is wrong at characters `start` to `end` (exclusive) of the query."""

    start: int
    end: int
    message: str
    help: str


class Checked(BaseModel):
    """All that is wrong with a query; and what stops no search: what was read as meant, and what
    may not be what its writer wants.
    """

    errors: list[Mistake]
    warnings: list[Mistake]


def suggest(answers: Answers, book: Book, prefix: str) -> Suggestions:
    """What begins with `prefix`: words that at least k people used, lists, fields, operators."""
    return Suggestions(items=list(_suggested(answers, book, prefix))[:MOST])


def _suggested(answers: Answers, book: Book, prefix: str) -> Iterator[Suggestion]:
    lower = prefix.casefold()
    for field, example in FIELDS.items():
        if f"{field}:".startswith(lower) and prefix:
            yield Suggestion(
                label=f"{field}:", kind="field", posts=None, detail=example, insert=f"{field}:"
            )
    for operator, example in OPERATORS.items():
        if operator.casefold().startswith(lower) and prefix:
            yield Suggestion(
                label=operator, kind="operator", posts=None, detail=example, insert=f"{operator} "
            )
    if prefix.startswith("$"):
        for name, each in book.lists.items():
            if f"${name}".startswith(lower) and not each.lint:
                yield Suggestion(
                    label=f"${name}", kind="list", posts=None, detail=each.title,
                    insert=f"${name} ",
                )  # fmt: skip
    elif len(prefix) >= SHORTEST:
        for found in answers.complete(prefix, limit=MOST):
            yield Suggestion(
                label=found.word, kind="word", posts=found.posts, detail="", insert=f"{found.word} "
            )


def check(words: str, known: Known, *, language: str) -> Checked:
    """What is to be said of `words`, each with its place, in `language`."""
    translate = spoken(language).gettext
    if not words.strip():
        return Checked(errors=[], warnings=[])
    lines = line_starts(words)

    def start_of(at: Problem | Note | Spot) -> int:
        return lines[at.line - 1] + at.column - 1

    try:
        parsed = _read(words, known)
    except QueryError as error:
        return Checked(
            errors=[
                _mistake(
                    words,
                    start_of(each),
                    len(each.text),
                    message=problem_in(each, translate),
                    help=hint_in(each, translate),
                )
                for each in error.problems
            ],
            warnings=[],
        )
    return Checked(
        errors=[],
        warnings=[
            *(
                _mistake(words, start_of(each), 1, message=note_in(each, translate), help="")
                for each in parsed.notes
            ),
            *(
                _mistake(
                    words,
                    start_of(each.spot),
                    each.spot.length,
                    message=finding_in(each, translate),
                    help="",
                )
                for each in lint_query(words, known=known)
                if each.spot is not None
            ),
        ],
    )


def _read(words: str, known: Known) -> Parsed:
    """The tree of `words`; QueryError where it is none, or no question can be made of it."""
    parsed = parse(words, lists=known.lists, use="search")
    if misplaced := misplaced_dates(parsed.tree, words):
        raise QueryError(words, misplaced)
    return parsed


def _mistake(
    words: str,
    start: int,
    length: int,
    *,
    message: str,
    help: str,  # noqa: A002  (as the editor has it)
) -> Mistake:
    """The place of `length` characters from `start` on, within `words`."""
    start = max(0, min(start, len(words) - 1))
    end = min(len(words), start + max(1, length))
    return Mistake(start=start, end=end, message=message, help=help)
