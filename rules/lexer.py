"""A query's text as words, marks and operators with their places."""

from collections.abc import Iterator
from typing import Literal

import msgspec
import regex

Kind = Literal[
    "word", "string", "slop", "open", "close", "comma", "and", "or", "not", "exclude", "near",
    "of", "list", "field", "bad", "end",
]  # fmt: skip


class Lexeme(msgspec.Struct, frozen=True):
    """A piece of the query. `name` and `value` are the parts of a field, list or operator."""

    kind: Kind
    text: str
    start: int
    end: int
    name: str = ""
    value: str = ""


_QUOTES = '"“”„‟«»'
_VALUES = rf"(?:[^\s(),{_QUOTES}]+(?:,[^\s(),{_QUOTES}]+)*)"
_LEXEME = regex.compile(
    rf"""
      (?P<space>\s+)
    | (?P<comment>--[^\n]*)
    | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
    | (?P<cased>(?P<cased_name>case|lemma|part):[{_QUOTES}](?P<cased_value>[^{_QUOTES}\n]*)[{_QUOTES}])
    | (?P<field>(?P<field_name>[A-Za-z_]+):(?P<field_value>[{_QUOTES}][^{_QUOTES}\n]*[{_QUOTES}]|{_VALUES}?))
    | (?P<string>[{_QUOTES}](?P<string_value>[^{_QUOTES}\n]*)[{_QUOTES}])
    | (?P<unclosed>[{_QUOTES}][^\n]*)
    | (?P<slop>~(?P<slop_value>[^\s()",]*))
    | (?P<near>(?P<near_name>O?NEAR)(?:/(?P<near_value>[^\s()",]*))?(?![^\s()",]))
    | (?P<of>(?P<of_value>\d+)\s+OF\b(?=\s*\())
    | (?P<list>\$(?P<list_name>[\w-]*)(?:@(?P<list_value>[^\s()",]*))?)
    | (?P<word>[^\s(),~{_QUOTES}]+)
    | (?P<bad>.)
    """,
    regex.VERBOSE | regex.IGNORECASE,
)
_WORDS: dict[str, Kind] = {"and": "and", "or": "or", "not": "not", "exclude": "exclude"}


def lex(query: str) -> Iterator[Lexeme]:
    """The pieces of `query` in order, without spaces and comments; `end` comes last."""
    for match in _LEXEME.finditer(query):
        kind = match.lastgroup or "bad"
        if kind in ("space", "comment"):
            continue
        start, end, text = match.start(), match.end(), match[0]
        groups = match.groupdict()
        for family in ("cased", "field", "string", "slop", "near", "of", "list"):
            if groups.get(family) is not None:
                kind = family
        if kind == "unclosed":
            yield Lexeme("bad", text, start, end, "quote")
        elif kind == "cased":
            yield Lexeme(
                "field", text, start, end, groups["cased_name"].lower(), groups["cased_value"]
            )
        elif kind == "field":
            value = (groups["field_value"] or "").strip(_QUOTES)
            yield Lexeme("field", text, start, end, groups["field_name"].lower(), value)
        elif kind == "string":
            yield Lexeme("string", text, start, end, value=groups["string_value"])
        elif kind == "word":
            yield Lexeme(_WORDS.get(text.lower(), "word"), text, start, end)
        elif kind in ("near", "list", "slop", "of"):
            name, value = groups.get(f"{kind}_name") or "", groups.get(f"{kind}_value") or ""
            yield Lexeme(_kind(kind), text, start, end, name, value)
        else:
            yield Lexeme(_kind(kind), text, start, end)
    yield Lexeme("end", "", len(query), len(query))


def _kind(name: str) -> Kind:
    match name:
        case "near" | "list" | "slop" | "of" | "open" | "close" | "comma":
            return name
        case _:
            return "bad"
