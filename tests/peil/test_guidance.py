import re
from pathlib import Path

import pytest

from dashboard.calendar import load_calendar
from peil.folder import WorkingFolder
from peil.guidance import personal, read_over
from rules.files import load_book
from rules.guidance import load_guidance
from rules.lint.findings import Spot, finding

CONFIG = Path(__file__).parents[2] / "config"
BOOK = load_book(CONFIG)


def test_the_shipped_guidance_lacks_nothing_and_names_nobody() -> None:
    assert not read_over(CONFIG, BOOK)


def test_dutch_guidance_says_je_as_the_pages_do() -> None:
    pages = sorted((CONFIG / "guidance").glob("*.nl.md"))
    assert len(pages) > 10
    formal = re.compile(r"\b(u|uw|uzelf)\b", re.IGNORECASE)
    assert [page.name for page in pages if formal.search(page.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Call 0800-0432, 0900 8844, 088 0767 000, 113 or 112", []),
        ("[discriminatie.nl](https://www.discriminatie.nl)", []),
        ("Call Jan on 06 12345678", ["a person's phone"]),
        ("Mail jan@example.org", ["a person's email"]),
        ("Ask @jan_van_de_buurt", ["a person's handle"]),
        ("See https://www.instagram.com/jan", ["a link to a platform of persons"]),
        ("See https://jan.substack.com/p/1", ["a link to a platform of persons"]),
    ],
)
def test_what_leads_to_a_person_is_found(text: str, kinds: list[str]) -> None:
    assert list(personal(text)) == kinds


def test_a_person_a_missing_and_an_orphaned_page_are_told(tmp_path: Path) -> None:
    (tmp_path / "guidance").mkdir()
    page = "# Whales\n\n## Help\n\nMail jan@example.org\n"
    (tmp_path / "guidance" / "walvissen.en.md").write_text(page, "utf-8")
    findings = read_over(tmp_path, BOOK)
    told = "guidance/walvissen.en.md holds a person's email; take it out"
    assert finding("R703", "walvissen", told) in findings
    assert [each.severity for each in findings if each.document == "walvissen"] == [
        "warning",
        "error",
    ]
    assert len(findings) == len(BOOK.rules) + 2


def test_a_page_that_cannot_be_read_is_told_and_the_others_are_read_over(tmp_path: Path) -> None:
    guidance = tmp_path / "guidance"
    guidance.mkdir()
    rule = next(iter(BOOK.rules))
    (guidance / f"{rule}.en.md").write_text("# Whales\n\n## Help\n\n<b>Mail</b> us\n", "utf-8")
    (guidance / f"{rule}.nl.md").write_text("# W\n\n## Hulp\n\nMail jan@example.org\n", "utf-8")
    found = [each for each in read_over(tmp_path, BOOK) if each.document == rule]
    assert [(each.code, each.severity) for each in found] == [
        ("R704", "warning"), ("R703", "error")
    ]  # fmt: skip
    assert found[0].spot == Spot(5, 1, 1, "<b>Mail</b> us")


def test_a_folder_that_keeps_no_guidance_is_left_alone(tmp_path: Path) -> None:
    assert not read_over(tmp_path, BOOK)


def test_a_new_folder_has_the_guidance_and_the_calendar(tmp_path: Path) -> None:
    config = WorkingFolder.init(tmp_path / "city").config
    assert load_guidance(config) == load_guidance(CONFIG)
    assert load_guidance(config).rules
    assert load_calendar(config) == load_calendar(CONFIG)
