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
    """A city of which one person alone answers for the rules: two are active, one is counted
    beside, one was only brought in, one was withdrawn, and the file of one that counts is gone.
    """
    titles = f"dashboard.purpose_titles={{nl = '{FOLDERS_PURPOSE[::-1]}'}}"
    with built(tmp_path_factory.mktemp("alone") / "folder", titles, synced=False) as made:
        rulebook, book = made.writer.rulebook, made.writer.book
        files = {rule: book.rules[rule] for rule in (*RULES, EVIL_RULE)}
        lost = msgspec.structs.replace(book.rules[RULES[0]], id="weg", title="Weg")
        found = rulebook.sync(Book(rules={**files, "weg": lost}, lists=book.lists), as_drafts=True)
        versions = {each.rule: each.version for each in found}
        for rule, state in (
            (RULES[0], "active"),
            (RULES[1], "shadow"),
            (RULES[3], "active"),
            (RULES[3], "withdrawn"),
            (EVIL_RULE, "active"),
            ("weg", "active"),
        ):
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


def test_a_rule_has_a_page_where_it_counts_or_did(alone: City) -> None:
    page = LexborHTMLParser(alone.got("/rules").text)
    links = [link.attributes["href"] or "" for link in page.css("tbody th a")]
    assert {link.rpartition("/")[2] for link in links} == {RULES[0], RULES[3], EVIL_RULE, "weg"}
    for link in links:
        assert alone.got(link).status_code == 200
    for rule in (RULES[1], RULES[2], "onlinehaat"):  # counted beside, a draft, only a file
        assert alone.got(f"/phenomena/{rule}").status_code == 404


def test_the_page_monitor_has_what_counts_and_marks_what_ended(alone: City) -> None:
    view = alone.got("/api/v1/monitor?period=3m").json()
    ended = {panel["rule"]: panel["ended"] for panel in view["panels"]}
    assert ended == {
        RULES[0]: None,
        EVIL_RULE: None,
        "weg": None,
        RULES[3]: "2026-09-22",  # where the city is
    }
    assert view["active_rules"] == 3
    assert RULES[3] not in view["unusual"]
    said = "ended on 22 September 2026"
    for address in ("/?period=3m", f"/phenomena/{RULES[3]}?period=3m"):
        assert said in alone.got(address).text
    assert said not in alone.got(f"/phenomena/{RULES[0]}?period=3m").text
    assert "beëindigd op 22 september 2026" in alone.got("/?period=3m", language="nl").text


def test_what_ended_and_has_no_posts_in_a_period_is_not_on_its_page(alone: City) -> None:
    long_ago = alone.got("/api/v1/monitor?since=2010-01-01&until=2010-02-01").json()
    assert {panel["rule"] for panel in long_ago["panels"]} == {RULES[0], EVIL_RULE, "weg"}


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


def test_the_precision_of_the_version_that_counts_stands_beside_its_number(alone: City) -> None:
    """A page shows what people judge at once, also while its posts stay the same."""
    path = f"phenomena/{EVIL_RULE}?period=3m"
    assert alone.got(f"/api/v1/{path}").json()["precision"] is None
    assert "not judged yet" in alone.got(f"/{path}").text
    ((version,),) = (
        [each.change.version for each in found]
        for rule, found in alone.writer.rulebook.library.standings().items()
        if rule == EVIL_RULE
    )
    judgements = alone.writer.judgements
    for counted, verdict, number in (
        (version, "right", 11),
        (version, "wrong", 1),
        ("0123456789", "wrong", 1),
    ):
        rows = judgements.draw(
            rule=EVIL_RULE, version=counted, kind="hit", languages=["nl"] * number
        )
        judgements.judge({(each.sample, each.row): verdict for each in rows}, by="anna")
    found = alone.got(f"/api/v1/{path}").json()["precision"]
    assert (found["right"], found["judged"], found["judged_on"]) == (11, 12, "2026-09-22")
    assert (found["low"], found["share"], found["high"]) == pytest.approx(
        (0.646, 11 / 12, 0.985), abs=0.001
    )
    for language, said in (
        ("en", "92% of its posts are really about this (65% to 99%): so say 11 of 12 texts"),
        ("nl", "92% van de berichten gaat hier echt over (65% tot 99%): dat zeggen 11 van 12"),
    ):
        page = LexborHTMLParser(alone.got(f"/{path}", language=language).text)
        (beside,) = page.css("p.lead + p")
        assert said in beside.text()
        assert any(said in each.text() for each in page.css("dl.facts dd"))


@pytest.mark.parametrize("path", [f"/explore?rule={RULES[0]}&tab=table", f"/phenomena/{RULES[0]}"])
def test_what_is_withheld_to_protect_what_is_small_is_not_said_to_be_small(
    alone: City, path: str
) -> None:
    page = LexborHTMLParser(alone.got(path).text)
    note = page.css_first("figure#by-source").text()
    assert " more have values that are not shown: small ones, or ones withheld" in note
    assert "too few to show" not in note


def test_weeks_are_not_named_where_they_were_not_tried(alone: City) -> None:
    """In seven days lies no week but one that began before them."""
    text = alone.got("/?period=7d").text
    assert "No single day has enough posts to draw a line." in text
    assert "No single day or week" not in text
