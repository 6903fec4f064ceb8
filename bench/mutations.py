"""Queries and rule files that are mistyped in every way, and what may come of them."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from rules.errors import Problem, QueryError
from rules.files import load_book
from rules.lists import Lists
from rules.parser import parse

PIECES = (
    "(", ")", '"', "“", "”", "'", "*", "~", "~3", "@", "@x", "$", "$x@9", "#", ":", ",", "\n",
    "\t", "\0", "--", " OR ", " AND ", " NOT ", "NEAR/", "NEAR/5", "ONEAR/2", "NEAR/S", "2 OF (",
    "OF(", "EXCLUDE ", "lang:", "lang:nl", "from:x", "date:2026-13-99", "date:..", "case:",
    'case:"', "lemma:", "part:", "has:", "topic:x", "é", "ı", "İ", "ﬁ", "ﷺ", "🔥", "👨‍👩‍👧",
    "\u200b", "\u202e", "\ud800", "\ufeff", "水", "٣", "½", "\u2028", "\r", "’", "‹iemand›",
    "https://x.nl", "0", "9" * 20,
)  # fmt: skip

NESTS = ("(", "NOT ", "((a OR ")

SLIPS: Sequence[Callable[[str, int, int, random.Random], str]] = (
    lambda text, at, _, __: text[:at] + text[at + 1 :],
    lambda text, at, _, rng: text[:at] + rng.choice(PIECES) + text[at:],
    lambda text, at, end, _: text[:at] + text[at:end][::-1] + text[end:],
    lambda text, at, end, _: text[:end] + text[at:],
    lambda text, at, _, __: text[:at],
    lambda text, at, _, rng: text[:at] + chr(rng.randrange(0x110000)) + text[at + 1 :],
    lambda text, at, _, rng: text[:at] + rng.choice(NESTS) * rng.randint(1, 60) + text[at:],
    lambda text, _, __, rng: (text + " ") * rng.choice((2, 2, 3, 200)),
)
"""What hands, copying and programs do to a text between two places in it."""

SPOILS: Sequence[Callable[[bytes, int, int, random.Random], bytes]] = (
    lambda data, at, _, __: data[:at] + data[at + 1 :],
    lambda data, at, _, rng: data[:at] + bytes([rng.randrange(256)]) + data[at:],
    lambda data, at, end, _: data[:at] + data[end:],
    lambda data, at, end, _: data[:end] + data[at:],
    lambda data, at, _, __: data[:at],
    lambda data, _, __, rng: data.replace(b'"', b"'", rng.randint(1, 4)),
    lambda data, _, __, rng: mutated(data.decode(errors="replace"), rng).encode(errors="replace"),
)


def mutated(text: str, rng: random.Random) -> str:
    """`text` with some slips."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        text = rng.choice(SLIPS)(text, at, end, rng)
    return text


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """A file's bytes, some of them lost, doubled or changed."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        data = rng.choice(SPOILS)(data, at, end, rng)
    return data


def problems_of(query: str, lists: Lists) -> Sequence[Problem]:
    """All that is wrong with a query of a rule; each problem must stand within it."""
    found: Sequence[Problem] = ()
    try:
        parse(query, lists=lists, use="stream")
    except QueryError as error:
        found = error.problems
    lines = query.split("\n")
    for problem in found:
        assert 1 <= problem.line <= len(lines), problem
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
        assert problem.expected, problem
        assert problem.hint, problem
    return found


def refusal_of(config: Path, path: Path, data: bytes) -> str:
    """What is said of a file in a folder of rules when it has these bytes: nothing, or what is
    wrong with it and where. All other files must be read.
    """
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        book = load_book(config)
    finally:
        path.write_bytes(before)
    for document in book.rules.values():
        problems_of(document.query, book.lookup())
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    for each in book.unread:
        assert each.file == f"{path.parent.name}/{path.name}", each
        assert 0 <= each.line <= len(lines), each
        assert not each.line or 1 <= each.column <= len(lines[each.line - 1]) + 1, each
    return "\n".join(map(str, book.unread))
