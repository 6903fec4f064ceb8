import json
from pathlib import Path

import pytest

from tests.peil.commands import Peil

TEXTS = """Alweer een fatbike op de stoep
{"text": "de stoep is nat"}

{"body": "Twee fatbikes,\\nzo hard"}
brommer
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS, "utf-8")
    return path


def test_texts_of_ones_own_are_tried(peil: Peil, folder: Path, texts: Path) -> None:
    assert peil("rules", "try", "fatbike*", str(texts)).stdout.splitlines() == [
        "2 of 4 texts match.",
        "     1  Alweer een [fatbike] op de stoep",
        "     4  Twee [fatbikes], zo hard",
    ]
    missed = peil("rules", "try", "fatbike*", str(texts), "--missed", "-n", "1").stdout
    assert missed.splitlines()[1:] == ["     2  de stoep is nat"]


def test_what_depends_on_the_language_is_looked_at_as_of_posts(
    peil: Peil, folder: Path, texts: Path
) -> None:
    found = json.loads(peil("rules", "try", "lemma:fatbike", str(texts), "--json").stdout)
    assert (found["texts"], found["matching"]) == (4, 1)
    assert found["shown"][0]["keyword"] == "fatbike"
    rule = json.loads(peil("rules", "try", "voertuigoverlast", str(texts), "--json").stdout)
    assert [each["line"] for each in rule["shown"]] == [1]


def test_a_slip_in_a_rules_name_and_a_language_that_lacks_are_told(
    peil: Peil, folder: Path, texts: Path
) -> None:
    tried = peil("rules", "try", "voertuigoverlst", str(texts))
    assert "no rule is called 'voertuigoverlst'" in tried.stderr
    assert "did you mean voertuigoverlast?" in tried.stderr
    said = peil("rules", "explain", "lemma:lopen", "hij liep", code=1).stdout
    assert "Note: no language was recognised in the text: say it with --lang" in said
    assert (
        "It matches" in peil("rules", "explain", "lemma:lopen", "hij liep", "--lang", "nl").stdout
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"text": ', "line 1 begins as JSON and cannot be read"),
        (b'{"text": ' + b"[" * 90_000, "line 1 begins as JSON and cannot be read"),
        (b'{"title": "x"}', "line 1 has no `text` or `body`"),
        (b"goed\n\xff\xfe", "is not UTF-8 text"),
        (b"x" * 200_000, "line 1 has 200,000 characters"),
    ],
    ids=["no JSON", "deep", "no text", "no UTF-8", "too long"],
)
def test_a_file_that_cannot_be_read_is_named(
    peil: Peil, folder: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    assert said in peil("rules", "try", "fatbike", str(path), code=3).stderr
    assert "nowhere.txt" in peil("rules", "try", "fatbike", "nowhere.txt", code=3).stderr
