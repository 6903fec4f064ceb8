"""Fields in a query: `lang:nl,en`, `has:link`, `date:2026-01..2026-03`; and those there are not."""

import calendar
import difflib
from collections.abc import Callable
from datetime import date, timedelta
from typing import get_args

import regex

from rules.folding import fold
from rules.lexer import Lexeme
from rules.tokens import tokenise
from rules.tree import At, Cased, Dates, Field, FieldName, Lemma, Node, Part

Wrong = Callable[[Lexeme, str, str], None]

PERSONS = "peil looks at phenomena, never at persons: no query can ask for an account."

FORBIDDEN = frozenset(
    """from author authors bio user username account profile handle by to mention mentions
    followers following name person screen_name reply_to in_reply_to retweets_of retweeted_by
    quotes_of sender recipient email phone nickname auteur gebruiker gebruikersnaam afzender naam
    persoon profiel volgers""".split()
)
ACCOUNT = regex.compile(r"(?<![\w.+-])[@＠]\p{Cf}*\w")
"""A name as platforms write it; what stands before the @ of an address is no such."""

LATER: frozenset[FieldName] = frozenset({"topic", "sentiment", "rule"})
VALUES: dict[FieldName, frozenset[str]] = {
    "has": frozenset({"link", "media"}),
    "kind": frozenset({"post", "reply", "repost", "quote", "article"}),
    "sentiment": frozenset({"negative", "neutral", "positive"}),
}
NAMES: tuple[FieldName, ...] = get_args(FieldName)
_DAY = regex.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def parse_field(lexeme: Lexeme, *, stream: bool, wrong: Wrong) -> Node | None:
    """The node of a `name:value`, or None after saying what is wrong with it."""
    at = At(lexeme.start, lexeme.end)
    name, value = lexeme.name, lexeme.value
    if is_of_person(name):
        wrong(lexeme, "a field of the post, not of a person", PERSONS)
        return None
    if ACCOUNT.search(value):
        wrong(lexeme, "a word, not an account", PERSONS)
        return None
    if name in ("case", "lemma", "part"):
        return _analysed(lexeme, at, wrong)
    if name == "date":
        return _dates(lexeme, at, wrong)
    field: FieldName | None = next((each for each in NAMES if each == name), None)
    if field is None:
        close = difflib.get_close_matches(name, [*NAMES, "date", "case", "lemma", "part"], n=1)
        hint = f"Did you mean {close[0]}:?" if close else "Put it in quotes if you mean the words."
        wrong(lexeme, f"one of {', '.join((*NAMES, 'date'))}", hint)
        return None
    if stream and field in LATER:
        wrong(
            lexeme,
            "a field that is known when rules are matched",
            f"{field}: is decided after matching; use it in a search.",
        )
        return None
    values = tuple(dict.fromkeys(part.strip().casefold() for part in value.split(",")))
    if field == "place":
        values = tuple(fold(each) for each in values)
    allowed = VALUES.get(field)
    if not all(values) or (allowed is not None and not allowed.issuperset(values)):
        expected = ", ".join(sorted(allowed)) if allowed else "a value"
        wrong(lexeme, f"{expected} after {field}:", "Separate several values by commas.")
        return None
    return Field(field, values, at=at)


def is_of_person(name: str) -> bool:
    """Whether a field of this name would ask for a person, however it is written."""
    return name.lower().replace("-", "_") in FORBIDDEN


def _analysed(lexeme: Lexeme, at: At, wrong: Wrong) -> Node | None:
    tokens = [token for token in tokenise(lexeme.value) if token.forms]
    if lexeme.name == "case" and tokens:
        return Cased(tuple(token.cased for token in tokens), at=at)
    if len(tokens) == 1:
        word = tokens[0].forms[0]
        return Lemma(word, at=at) if lexeme.name == "lemma" else Part(word, at=at)
    wrong(lexeme, "one word", f"For example: {lexeme.name}:overlast")
    return None


def _dates(lexeme: Lexeme, at: At, wrong: Wrong) -> Node | None:
    first_text, range_mark, last_text = lexeme.value.partition("..")
    first = _period(first_text)
    last = _period(last_text) if range_mark else first
    if first is None or last is None or first[0] >= last[1]:
        wrong(
            lexeme,
            "a day, a month or a year, or two of them in order with .. between",
            "For example: date:2026-01..2026-03 or date:2026-11-24",
        )
        return None
    return Dates(first[0], last[1], at=at)


def _period(text: str) -> tuple[date, date] | None:
    """The days of a year, month or day: the first, and the one after the last."""
    match = _DAY.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        if year is None or year > 9998:  # noqa: PLR2004  (the day after must exist)
            return None
        if month is None:
            return date(year, 1, 1), date(year + 1, 1, 1)
        if day is None:
            length = calendar.monthrange(year, month)[1]
            return date(year, month, 1), date(year, month, length) + timedelta(days=1)
        return date(year, month, day), date(year, month, day) + timedelta(days=1)
    except ValueError:
        return None
