import json
from contextlib import closing
from pathlib import Path

import pytest

from peil.folder import WorkingFolder
from peil.frequencies import look_up
from peil.pipeline import Pipeline
from peil.settings import load_settings
from rules.tree import Prefix, Term
from stream.clock import SystemClock
from tests.peil.commands import Peil

BAD = '''
id = "slecht"
title = "t"
purpose = "p"
category = "c"
owner = "o"
expires = 2020-01-01
query = """
huurprij* OR moslims
  OR huurprijzen"""
'''


def posts(count: int) -> list[str]:
    kept, other = "fatbikes, weer overlast", "lekker weer vandaag, ½ en 3,5 uur"
    return [
        json.dumps(
            {
                "id": str(n),
                "author": f"user_{n}x",
                "body": f"{kept if n % 2 else other} {n}",
                "timestamp": f"2026-11-{1 + n % 20:02} 12:00:00",
            }
        )
        for n in range(count)
    ]


def test_findings_stand_by_document_with_their_place(peil: Peil, folder: Path) -> None:
    (folder / "config" / "rules" / "slecht.toml").write_text(BAD)
    said = peil("rules", "check", "slecht", code=1).stdout
    assert said.splitlines()[0] == "slecht"
    assert "  R401 error line 1, column 14: `moslims` alone" in said
    assert "      huurprij* OR moslims\n                   ^^^^^^^\n" in said
    assert "  R204 warning line 2, column 6: `huurprijzen` is covered by `huurprij*`" in said
    assert "1 error, 5 warnings. The rules cannot run." in said
    found = json.loads(peil("rules", "check", "slecht", "--json", code=1).stdout)
    assert [each["code"] for each in found] == ["R204", "R401", "R502", "R502", "R503", "R701"]
    assert found[0]["spot"] == {
        "line": 2, "column": 6, "length": 11, "text": "  OR huurprijzen"
    }  # fmt: skip
    assert "woningnood" not in said
    assert "The rules can run." in peil("rules", "check", "woningnood", "$vervoer").stdout
    assert "there is no rule or list 'nep'" in peil("rules", "check", "nep", code=3).stderr


def test_a_query_is_checked_as_a_search_and_a_search_tells_what_it_finds(peil: Peil) -> None:
    nothing = peil("rules", "check", "--query", "fatbike NEAR/5 overlast").stdout
    assert "There is nothing to say of the query." in nothing
    assert "R101" in peil("rules", "check", "--query", "(a", code=1).stdout
    peil("rules", "check", "woningnood", "--query", "a", code=2)
    assert "(R201," in peil("search", "a lang:nl lang:en", "--count").stderr
    assert "Note" not in peil("search", "fatbike lang:nl", "--count").stderr


@pytest.mark.parametrize("query", ["", " "])
def test_an_empty_query_is_an_error_and_never_something_else(
    peil: Peil, folder: Path, query: str
) -> None:
    """A script that filled in nothing must not hear that all is well."""
    checked = peil("rules", "check", "--query", query, code=1).stdout
    assert "R101 error" in checked
    assert "can run" not in checked
    assert "there is no check" in peil("rules", "check", "--explain", query, code=3).stderr
    peil("rules", "check", "woningnood", "--query", query, code=2)
    (folder / "texts.txt").write_text("een huis")
    for command in (("explain", query, "een huis"), ("try", query, str(folder / "texts.txt")),
                    ("backtest", "--query", query), ("suggest", "--query", query)):  # fmt: skip
        said = peil("rules", *command, code=3).stderr
        assert "the query is empty; write a word, for example: fatbike" in said
    for name in ("backtest", "suggest"):
        assert (
            "give a rule, or" in peil("rules", name, "woningnood", "--query", query, code=2).stderr
        )


def test_a_check_is_explained_and_an_unknown_one_told(peil: Peil) -> None:
    assert peil("rules", "check", "--explain", "r204").stdout.startswith("### R204: ")
    assert "there is no check 'R999'" in peil("rules", "check", "--explain", "R999", code=3).stderr


def test_how_broad_a_rule_is_comes_from_counts_that_may_be_shown(
    peil: Peil, folder: Path, tmp_path: Path
) -> None:
    assert "too few posts" in peil("rules", "check").stdout
    path = tmp_path / "posts.ndjson"
    path.write_text("\n".join(posts(120)))
    peil("import", str(path))
    broad = peil("rules", "check", "--query", "vandaag OR morgen").stdout
    assert "R302 warning line 1, column 1: it takes in at least" in broad
    assert "R302" in peil("rules", "check", "--query", '"3,5" OR 1½5 OR ½').stdout
    assert "was not looked at" not in broad
    settings = load_settings(folder / "config" / "peil.toml", environ={})
    with closing(Pipeline(WorkingFolder.open(folder), settings, clock=SystemClock())) as pipeline:
        frequencies, lacking = look_up(pipeline)
        assert not lacking
        assert frequencies is not None
        rare = [Term(f"zeldzaam{number}") for number in range(200)]
        assert frequencies.share([Term("vandaag")]) == pytest.approx(0.5, abs=0.15)
        assert frequencies.share([Term("vandaag"), Term("overlast")]) == pytest.approx(1, abs=0.15)
        assert frequencies.share([Term("nergens")]) is None
        assert frequencies.share([*rare, Term("vandaag")]) == pytest.approx(0.5, abs=0.15)
        assert frequencies.words(Prefix("fatb")) == 1
        odd = [Term("1⁄2"), Term("3,5")]  # as nothing that can be typed is read
        assert [frequencies.share([each]) for each in odd] == pytest.approx([0.5, 0.5], abs=0.15)


def test_without_a_purpose_nothing_is_asked(peil: Peil, folder: Path) -> None:
    said = peil("--set", "purpose=", "rules", "check").stdout
    assert "no purpose is set" in said
    assert "The rules can run." in said


def test_why_a_text_does_not_match_is_told_part_by_part(peil: Peil) -> None:
    query, text = (
        "(fatbike* OR scooter*) NEAR/2 stoep EXCLUDE sale",
        "Fatbikes staan weer op de stoep",
    )
    said = peil("rules", "explain", query, text, code=1).stdout
    assert said.splitlines()[0] == (
        "It does not match: no `fatbike* OR scooter*` within 2 tokens of `stoep`; "
        "the nearest has 4 between."
    )
    assert "│   ├── ✓ fatbike* OR scooter*" in said
    assert "✗ scooter*" in said
    found = json.loads(peil("rules", "explain", query, f"{text}. Sale!", "--json", code=1).stdout)
    assert not found["matches"]
    assert [each["kind"] for each in found["why"]["children"]] == ["near", "exclude"]
    told = peil("rules", "explain", "overlast lang:nl", "overlast", "--lang", "en", code=1).stdout
    assert "its language is en, not nl" in told


def test_why_an_example_fails_is_told_with_it(peil: Peil, folder: Path) -> None:
    with (folder / "config" / "rules" / "woningnood.toml").open("a") as file:
        file.write('\n[[match]]\ntext = "een huurwoning is onbetaalb"\n')
    said = peil("rules", "test", code=1).stdout
    assert "woningnood should match and does not: 'een huurwoning is onbetaalb'" in said
    assert "✓ huurwoning*" in said
    assert "1 fail" in said
    (failed,) = json.loads(peil("rules", "test", "--json", code=1).stdout)["fail"]
    assert failed["why"]["why"].endswith("is there; the text has `onbetaalb`")
