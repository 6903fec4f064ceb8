"""What stands alone in a query: words, prefixes and phrases; None once it is said what is wrong."""

import regex

from rules.fields import ACCOUNT, PERSONS, is_of_person
from rules.lexer import Lexeme
from rules.reading import Reading
from rules.tokens import tokenise
from rules.tree import At, Node, Phrase, Prefix, Term

MAX_DISTANCE = 50
MAX_DIGITS = 9
MIN_PREFIX = 4


def parse_word(lexeme: Lexeme, reading: Reading) -> Node | None:
    """A word, a prefix, or what is read as a phrase because it has several words."""
    text = lexeme.text
    at = At(lexeme.start, lexeme.end)
    name, colon, _ = text.replace("：", ":").partition(":")
    if colon and is_of_person(name):
        reading.wrong(lexeme, "a field of the post, not of a person", PERSONS)
        return None
    is_keycap = regex.fullmatch(r"\*\ufe0f?\u20e3", text)
    if "*" in text and not is_keycap and not ACCOUNT.search(text):
        return _prefix(lexeme, at, reading)
    return _terms(lexeme, text, 0, at, reading)


def parse_string(lexeme: Lexeme, reading: Reading) -> Node | None:
    """What stands in quotes, with the `~3` that may come right behind it."""
    slop, end = 0, lexeme.end
    if reading.peek().kind == "slop" and reading.peek().start == lexeme.end:
        mark = reading.take()
        number = number_of(mark.value)
        if number is None or number > MAX_DISTANCE:
            reading.wrong(
                mark, f"a number from 0 to {MAX_DISTANCE} after ~", 'For example: "a b"~3'
            )
            return None
        slop, end = number, mark.end
    if lexeme.text[0] != '"':
        reading.note(lexeme, "curly quotes are read as straight ones")
    return _terms(lexeme, lexeme.value, slop, At(lexeme.start, end), reading)


def number_of(text: str) -> int | None:
    """The number that `text` writes; None when it is none, or too long to be meant."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def _prefix(lexeme: Lexeme, at: At, reading: Reading) -> Node | None:
    stem = lexeme.text[:-1]
    tokens = [token for token in tokenise(stem) if token.forms]
    if (
        not lexeme.text.endswith("*")
        or "*" in stem
        or len(tokens) != 1
        or len(tokens[0].forms[0].lstrip("#")) < MIN_PREFIX
    ):
        reading.wrong(
            lexeme,
            f"a prefix: at least {MIN_PREFIX} letters of one word and * at its end",
            "For example: woningn*",
        )
        return None
    return Prefix(tokens[0].forms[0], at=at)


def _terms(lexeme: Lexeme, text: str, slop: int, at: At, reading: Reading) -> Node | None:
    if ACCOUNT.search(text):
        reading.wrong(lexeme, "a word, not an account", PERSONS)
        return None
    forms = tuple(token.forms[0] for token in tokenise(text) if token.forms)
    if text.startswith("#") and forms and not forms[0].startswith("#"):
        reading.wrong(lexeme, "a hashtag with a letter in it", "A number is no hashtag.")
        return None
    if not forms:
        reading.wrong(
            lexeme, "something that a text can be searched for", "Links and marks are no words."
        )
        return None
    if len(forms) == 1:
        return Term(forms[0], at=at)
    if lexeme.kind == "word":
        reading.note(lexeme, f'{text!r} is read as the phrase "{" ".join(forms)}"')
    return Phrase(forms, slop, at=at)
