import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from stream.toml import Broken, Mark, Path, marks, read

HARD = '''\
# [no.table]
title = "a # no comment [no] = 'no'"
"quoted key" = \'literal \\\' # a comment = 1
a.b . "c.d" = [ 1, # one ] }
  [ "x]" , { y = 2, 'z' = """
in = [1]
""" } ],
]
when = 1979-05-27 07:32:00
long = """ four quotes end it """"
raw = \'\'\'
[not.a.table]
key = 1\'\'\'
[a.e]
f = { g = { h = 1 } }
[[many]]
n = 1
  [many.deep]
  n = 2
  [[many.more]]
  n = 3
[[many]]
n = 4
  [[many.more]]
  n = 5
  [[many.more]]
  n = 6
'''


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every way into a value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inner:
        yield (*path, key)
        yield from paths(each, (*path, key))


def check(text: str) -> None:
    """Every value of a document has one mark, where its key is written, and nothing else has."""
    document = tomllib.loads(text)
    found = marks(text)
    assert set(found) == set(paths(document))
    lines = text.split("\n")
    for path, mark in found.items():
        rest = lines[mark.line - 1][mark.column - 1 :]
        assert rest
        if not rest.startswith("[") and isinstance(path[-1], str):
            key = rest[: len(path[-1])] if path[-1] and rest.startswith(path[-1]) else None
            assert key is not None or rest[0] in "\"'"


def test_what_is_hard_to_read_is_found() -> None:
    check(HARD)
    found = marks(HARD)
    assert found["a", "b", "c.d", 1, 1, "z"] == Mark(5, 21)
    assert found["a", "e", "f", "g", "h"] == Mark(15, 13)
    assert found["many", 1, "more", 1, "n"] == Mark(27, 3)
    assert found["many",] == Mark(16, 1)
    assert found["many", 1] == Mark(22, 1)


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(2**40), 2**40)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.dates(date(1900, 1, 1))
    | st.datetimes(datetime(1900, 1, 1)),  # noqa: DTZ001  (without a zone, as TOML may have it)
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_every_key_of_any_document_has_its_place(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # what this writer cannot write is no matter of ours
        return
    check(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('a = 1\nb = "open\n', Mark(2, 10)),
        ("a = 1\n[b\n", Mark(2, 3)),
        ("a = 1\nb", Mark(2, 2)),
        ("a = 1\na = 2\n", Mark(2, 6)),
    ],
)
def test_what_is_no_toml_says_where(text: str, mark: Mark) -> None:
    broken = read(text)
    assert isinstance(broken, Broken)
    assert broken.mark == mark
    assert "(at" not in broken.why
    assert broken.why


def test_brackets_without_end_are_refused() -> None:
    assert isinstance(read("a = " + "[" * 100_000), Broken)


def test_any_depth_that_can_be_read_has_places_or_none() -> None:
    for depth in range(1, 1_000, 7):
        text = "a = " + "[" * depth + "]" * depth
        if not isinstance(read(text), Broken):
            assert len(marks(text)) in {0, depth}


@pytest.mark.parametrize("digits", ["9" * 5_000, "9_9" * 2_500], ids=["plain", "with_bars"])
def test_a_number_without_end_is_refused_where_it_is(digits: str) -> None:
    broken = read(f"a = 1\nb = {digits}\n")
    assert isinstance(broken, Broken)
    assert broken.mark == Mark(2, 5)
    assert "digits" in broken.why
