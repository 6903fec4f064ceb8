"""What rules say of themselves, in the reader's language."""

from pathlib import Path

import pytest

from dashboard.translations import load_translations, translated
from peil.shipped import shipped_config
from rules.files import load_book
from stream.errors import Stop

ENTRY = """
[[translation]]
text = "public space"
nl = "openbare ruimte"
"""


def test_a_text_is_said_in_the_language_asked_for_else_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "translations.toml").write_text(ENTRY)
    found = load_translations(tmp_path)
    assert translated(found, "public space", "nl") == "openbare ruimte"
    assert translated(found, "public space", "en") == "public space"
    assert translated(found, "public spaces", "nl") == "public spaces", "another text by now"


def test_without_the_file_there_is_none(tmp_path: Path) -> None:
    assert load_translations(tmp_path) == {}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('nl = "ruimte"', "translation 1: write what the rule says"),
        ('text = "a"', "says nothing in another language"),
        ('text = "a"\nnl = " "', "nl is empty or no text"),
        ('text = "a"\nen = 3', "en is empty or no text"),
        ('text = "a"\nfr = "b"\nnl = "c"', "there is no such key: fr"),
        ('text = "a"\nnl = "b"\n[[translation]]\ntext = "a"\nnl = "c"', "another translation"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "translations.toml").write_text(f"[[translation]]\n{written}\n")
    with pytest.raises(Stop, match=said):
        load_translations(tmp_path)


def test_a_file_that_cannot_be_read_stops(tmp_path: Path) -> None:
    (tmp_path / "translations.toml").write_text("[[translation]\n")
    with pytest.raises(Stop, match="mend that line"):
        load_translations(tmp_path)


def test_all_that_shipped_rules_say_is_there_in_dutch_and_nothing_else() -> None:
    config = shipped_config()
    rules = load_book(config).rules.values()
    said = {text for rule in rules for text in (rule.purpose, rule.category, rule.owner)}
    found = load_translations(config)
    assert said == set(found)
    assert all("nl" in each for each in found.values())
