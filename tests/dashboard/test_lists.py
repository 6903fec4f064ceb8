"""The pages Rules and Sources, and what is called otherwise in Dutch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selectolax.lexbor import LexborHTMLParser

from peil.demo import DUTCH_PURPOSE, PURPOSE, make_folder
from peil.settings import load_settings
from rules.documents import Book
from tests.dashboard.conftest import FOLDERS_PURPOSE
from tests.dashboard.town import EVIL_RULE, RULES, SCRIPT, City, built


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city of which one person alone answers for the rules: one is active, one is counted
    beside, one was only brought in, and the file of one that counts is gone.
    """
    titles = f"dashboard.purpose_titles={{nl = '{FOLDERS_PURPOSE[::-1]}'}}"
    with built(tmp_path_factory.mktemp("alone") / "folder", titles) as made:
        rulebook, book = made.writer.rulebook, made.writer.book
        files = {rule: book.rules[rule] for rule in RULES}
        lost = msgspec.structs.replace(book.rules[RULES[0]], id="weg", title="Weg")
        found = rulebook.sync(Book(rules={**files, "weg": lost}, lists=book.lists), as_drafts=True)
        versions = {each.rule: each.version for each in found}
        for rule, state in ((RULES[0], "active"), (RULES[1], "shadow"), ("weg", "active")):
            rulebook.move(rule, [versions[rule]], state, note="")
        yield made


def _rows(page: Any) -> dict[str, str]:
    """The rows of the table of rules by their title."""
    rows = LexborHTMLParser(page.text).css("tbody tr")
    return {row.css_first("th").text(strip=True): " ".join(row.text().split()) for row in rows}


def test_the_list_says_what_became_of_each_rule(alone: City) -> None:
    rules = {each["rule"]: each for each in alone.got("/api/v1/rules").json()}
    assert {name: rules[name]["state"] for name in (*RULES[:3], "weg")} == {
        RULES[0]: "active",
        RULES[1]: "shadow",
        RULES[2]: "draft",
        "weg": "no file",
    }
    first, second, third = (rules[name] for name in RULES[:3])
    assert first["active"] == first["version"] != ""
    assert (second["active"], second["beside"]) == ("", [second["version"]])
    assert (third["active"], third["beside"]) == ("", [])
    assert rules["weg"]["version"] == ""
    assert rules["weg"]["active"]
    rows = _rows(alone.got("/rules"))
    for rule, said in zip(
        (first, second, third, rules["weg"]),
        ("active", "counted, not shown yet", "not reviewed yet", "its file is gone"),
        strict=True,
    ):
        row = next(text for title, text in rows.items() if title.startswith(rule["title"]))
        assert said in row
        assert (rule["version"] or rule["active"]) in row


def test_a_rule_without_a_file_has_no_page_to_lead_to(alone: City) -> None:
    page = LexborHTMLParser(alone.got("/rules").text)
    assert page.css("tbody th a")
    assert not page.css("a[href='/phenomena/weg']")
    for link in page.css("tbody th a"):
        assert alone.got(link.attributes["href"] or "").status_code == 200


@pytest.mark.parametrize(
    ("language", "said"), [("en", "One person alone"), ("nl", "Eén persoon is alleen")]
)
def test_that_one_person_alone_answers_for_the_rules_is_said(
    alone: City, language: str, said: str
) -> None:
    (note,) = LexborHTMLParser(alone.got("/rules", language=language).text).css(".note.warn")
    assert said in note.text()
    rules = alone.got("/api/v1/rules").json()
    assert rules
    assert not any(each["four_eyes"] for each in rules)


def test_where_others_look_at_rules_nothing_is_said_of_that(tmp_path: Path) -> None:
    with built(tmp_path / "folder", several_authors=True) as city:
        page = LexborHTMLParser(city.got("/rules").text)
        rules = city.got("/api/v1/rules").json()
    assert rules
    assert all(each["four_eyes"] for each in rules)
    assert page.css("tbody tr")
    assert not page.css(".note.warn")


def test_kinds_are_named_in_the_readers_language(alone: City) -> None:
    for language, said, other in (("nl", "bericht", "post"), ("en", "post", "bericht")):
        page = LexborHTMLParser(alone.got("/explore?period=3m", language=language).text)
        (box,) = page.css("#facet-kind input[value=post]")
        label = box.parent
        assert label is not None
        assert label.css_first(".name").text() == said
        names = [cell.text() for cell in page.css("#by-kind tbody th")]
        assert said in names
        assert other not in names


def test_a_source_is_called_as_in_its_file_in_the_readers_language(alone: City) -> None:
    assert "Files imported by hand" in alone.got("/sources").text
    dutch = alone.got("/sources", language="nl").text
    assert "Bestanden die met de hand zijn ingelezen" in dutch
    assert "Files imported by hand" not in dutch
    sources = alone.got("/api/v1/sources", language="nl").json()
    titles = {each["source"]: each["title"] for each in sources}
    assert titles["upload"] == "Bestanden die met de hand zijn ingelezen"
    assert titles["bron"] == SCRIPT, "without a Dutch title it has the one it has"
    assert "titles" not in sources[0]


def test_what_a_rule_is_for_is_said_in_the_readers_language(alone: City) -> None:
    english, dutch = "about not finding a home", "over geen woning vinden"
    for language, said, other in (("nl", dutch, english), ("en", english, dutch)):
        for address in ("/rules", f"/phenomena/{RULES[0]}"):
            page = alone.got(address, language=language).text
            assert said in page
            assert other not in page
        rules = {
            each["rule"]: each for each in alone.got("/api/v1/rules", language=language).json()
        }
        assert said in rules[RULES[0]]["purpose"]
        assert rules["vuurwerkoverlast"]["category"] == (
            "openbare ruimte" if language == "nl" else "public space"
        )


def test_a_source_is_named_by_its_title_and_asked_for_by_its_id(alone: City) -> None:
    page = LexborHTMLParser(alone.got("/explore?period=3m&source=bron").text)
    (box,) = page.css("#facet-source input[value=bron]")
    label = box.parent
    assert label is not None
    assert label.css_first(".name").text() == SCRIPT
    assert f"Source: {SCRIPT}" in page.css_first("#summary .tags").text()
    assert [cell.text() for cell in page.css("#by-source tbody th")] == [SCRIPT]
    texts = LexborHTMLParser(alone.got("/explore?period=3m&source=bron&tab=context").text)
    assert SCRIPT in texts.css_first(".texts li p").text()
    phenomenon = LexborHTMLParser(alone.got(f"/phenomena/{EVIL_RULE}?period=3m").text)
    assert [cell.text() for cell in phenomenon.css("#by-source tbody th")] == [SCRIPT]


def test_a_gap_names_its_source_by_its_title(alone: City) -> None:
    page = LexborHTMLParser(alone.got(f"/phenomena/{RULES[0]}?period=3m").text)
    told = page.css_first(".reason").text()
    assert f"Not everything was collected: {SCRIPT}." in told


def test_what_is_chosen_is_named_as_in_its_list(alone: City) -> None:
    address = f"/explore?period=3m&language=nl&sentiment=negative&rule={RULES[0]}&kind=post"
    tags = LexborHTMLParser(alone.got(address).text).css("#summary .tags li")
    assert [tag.text(strip=True) for tag in tags] == [
        "Language: Dutch ×", "Tone: negative ×", "Phenomenon: Housing shortage ×", "Kind: post ×"
    ]  # fmt: skip


def test_the_purpose_of_a_folder_is_named_and_logged_as_it_stands(alone: City) -> None:
    def shown(language: str) -> str:
        page = LexborHTMLParser(alone.got("/rules", language=language).text)
        return page.css_first(".session strong").text()

    assert shown("en") == FOLDERS_PURPOSE
    assert shown("nl") == FOLDERS_PURPOSE[::-1]
    alone.got("/", language="nl")
    assert list(alone.log.entries())[-1].purpose == FOLDERS_PURPOSE


def test_the_demo_has_a_dutch_purpose_and_dutch_sources(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "demo")
    settings = load_settings(folder.settings, environ={})
    assert settings.purpose == PURPOSE
    assert settings.dashboard.purpose_titles == {"nl": DUTCH_PURPOSE}
    for path in (folder.config / "sources").glob("*.toml"):
        assert "titles = { nl" in path.read_text("utf-8"), path.name
