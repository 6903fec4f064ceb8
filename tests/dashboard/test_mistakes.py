import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rules
from dashboard.languages import language
from dashboard.mistakes import (
    FINDINGS,
    REFUSALS,
    SENTENCES,
    finding_in,
    note_in,
    problem_in,
    refusal_in,
    sentence_in,
)  # fmt: skip
from peil.guidance import PERSONAL, personal
from rules.errors import QueryError
from rules.lint.alone import Groups
from rules.lint.catalogue import CHECKS
from rules.lint.findings import finding
from rules.lint.meaning import Known, lint_query
from rules.parser import parse

SAYING = {"wrong", "wrong_at", "note", "_say"}
RULES = Path(rules.__file__).parent
PARSER = [RULES / f"{name}.py" for name in ("parser", "nears", "operands", "fields", "reading")]
STORE = [
    RULES.parent / "index" / f"{name}.py"
    for name in ("answers", "questions", "readings", "simplest", "verifying")
]
MARK = "✓"


def marked(sentence: str) -> str:
    return MARK + sentence


def _sentence(node: ast.AST) -> str | None:
    """The string that stands there, with something in the place of values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values)
        return "".join(parts)
    return None


def _said(path: Path) -> Iterator[str]:
    """The sentences in calls that say what is wrong."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found = map(_sentence, node.args if name in SAYING else ())
            yield from (each for each in found if each is not None)


@pytest.mark.parametrize("path", PARSER, ids=lambda path: path.name)
def test_every_sentence_of_the_parser_is_known_here(path: Path) -> None:
    found = list(_said(path))
    assert len(found) >= 4
    unknown = [each for each in found if not sentence_in(each, marked).startswith(MARK)]
    assert unknown == []


def test_no_sentence_stands_here_in_vain() -> None:
    said: set[str] = set()

    def meant(sentence: str) -> str:
        said.add(sentence)
        return sentence

    for path in (*PARSER, *STORE):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for find in (sentence_in, refusal_in):
                find(_sentence(node) or "", meant)
    assert {*SENTENCES, *REFUSALS} - said == {"a value after %(field)s"}, "put together elsewhere"


KNOWN = Known(groups=Groups(["moslims"]), personal=personal)
MEASURED = {"R302", "R303"}
"""What lint only says with the frequencies of words, which the dashboard does not ask for."""

UNREAD = "R1"
"""A query that cannot be read has mistakes, and lint says nothing more."""

QUERIES = {
    code: each.bad
    for code, each in CHECKS.items()
    if each.subject == "query" and code not in MEASURED and not code.startswith(UNREAD)
}


@pytest.mark.parametrize("code", QUERIES)
def test_what_lint_says_of_a_query_is_known_here(code: str) -> None:
    found = [each for each in lint_query(QUERIES[code], known=KNOWN) if each.code == code]
    assert found
    unknown = [each for each in found if not finding_in(each, marked).startswith(MARK)]
    assert unknown == []


def test_no_sentence_of_lint_stands_here_in_vain() -> None:
    said: set[str] = set()

    def meant(sentence: str) -> str:
        said.add(sentence)
        return sentence

    for query in QUERIES.values():
        for each in lint_query(query, known=KNOWN):
            finding_in(each, meant)
    kinds = [f"a person's {kind.replace('_', ' ')}" for kind in PERSONAL]
    for kind in (*kinds, "a link to a platform of persons"):
        finding_in(finding("R403", "query", f"`this` is {kind}; take it out"), meant)
    assert set(FINDINGS) == said


BROKEN = (
    "(fiets", "NOT fiets", "fiets NEAR", "lnag:nl", "kind:soort", "from:jan", "3 OF (a, b)",
    "@jan", "ab*", '"huur', "$nergens", "date:2026-99", "a NEAR/5 b NEAR/5 c", "a or b AND",
    "(" * 8 + "a" + " NEAR/S b)" * 8 + " ONEAR/5 c", ")" * 200, "a \ud800",
)  # fmt: skip


@pytest.mark.parametrize("query", BROKEN)
def test_what_is_wrong_is_said_in_dutch_with_what_stands_there(query: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    for problem in caught.value.problems:
        dutch = problem_in(problem, language("nl").gettext)
        assert dutch.startswith(f"regel {problem.line}, kolom {problem.column}: ")
        assert problem.shown in dutch or not problem.text
        for english in (problem.expected, problem.hint):
            translated = sentence_in(english, language("nl").gettext)
            assert translated != english
            assert translated in dutch
        assert problem_in(problem, language("en").gettext) == str(problem)


def test_what_was_read_as_meant_is_said_in_dutch() -> None:
    (note,) = parse("fiets or auto").notes
    assert note_in(note, language("nl").gettext).startswith("'or' is gelezen als OR")


@given(st.text(max_size=200))
def test_no_sentence_is_too_odd(text: str) -> None:
    assert isinstance(sentence_in(text, language("nl").gettext), str)
