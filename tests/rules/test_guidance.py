import re
from pathlib import Path

import pytest

from rules.documents import Example, activate, example_post
from rules.evaluator import evaluate
from rules.files import load_book
from rules.guidance import Coverage, Guides, NoPage, coverage, load_guidance, read_page

ROOT = Path(__file__).parents[2]
PAGE = "# Housing\n\n## What is it?\n\nNo home.\n\n- a\n- b\n\n## Help\n\nThe city.\n"


def write(config: Path, **pages: str) -> Path:
    (config / "guidance").mkdir()
    for name, text in pages.items():
        (config / "guidance" / f"{name.replace('_', '.')}.md").write_text(text, "utf-8")
    return config


def test_a_page_has_its_title_and_sections() -> None:
    page = read_page(PAGE, language="en")
    assert (page.title, page.language) == ("Housing", "en")
    assert [section.title for section in page.sections] == ["What is it?", "Help"]
    assert page.sections[0].text == "No home.\n\n- a\n- b"


def test_who_reads_another_language_gets_english_or_else_what_there_is(tmp_path: Path) -> None:
    pages = {"a_nl": PAGE, "a_en": PAGE, "b_tr": PAGE, "b_nl": PAGE}
    found = load_guidance(write(tmp_path, **pages)).rules
    assert found["a"].page("nl").language == "nl"
    assert found["a"].page("tr").language == "en"
    assert found["b"].page("en").language == "nl"


def test_a_folder_without_guidance_has_none(tmp_path: Path) -> None:
    assert load_guidance(tmp_path) == Guides(rules={})


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        (PAGE.replace("# Housing", ""), (0, 0), "it has no title"),
        (PAGE.split("##", maxsplit=1)[0], (0, 0), "it has no sections"),
        ("Hello\n" + PAGE, (1, 1), "put a title"),
        (PAGE.replace("The city.", ""), (10, 1), "section 'Help' is empty"),
        (PAGE.replace("- a", "### More"), (7, 1), "it has one title"),
        (PAGE + "\n# Again\n", (14, 1), "it has one title"),
        (PAGE.replace("No home.", "a <script>x</script>"), (5, 3), "HTML is not shown"),
    ],
)
def test_a_wrong_page_says_where_and_what_to_do(
    text: str, place: tuple[int, int], why: str
) -> None:
    with pytest.raises(NoPage, match=why) as told:
        read_page(text, language="nl")
    assert (told.value.line, told.value.column) == place


def test_a_file_that_is_no_page_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path, a_nl=PAGE.replace("No home.", "a <b>"), a_en=PAGE, b_nl=PAGE, woningnood=PAGE)
    (tmp_path / "guidance" / "c.nl.md").write_bytes(f"\ufeff{PAGE}é".encode() + b"\n \xff")
    (tmp_path / "guidance" / "d.nl.md").write_bytes(f"\ufeff{PAGE}".encode())
    (tmp_path / "guidance" / "e.nl.md").mkdir()
    (tmp_path / "guidance" / "f.nl.MD").write_text(PAGE)
    (tmp_path / "guidance" / "a.nl.md~").write_text(PAGE)
    found = load_guidance(tmp_path)
    assert {rule: set(each.pages) for rule, each in found.rules.items()} == {
        "a": {"en"}, "b": {"nl"}, "d": {"nl"}
    }  # fmt: skip
    assert list(map(str, found.unread)) == [
        "guidance/a.nl.md, line 5, column 3: HTML is not shown; write it in Markdown",
        "guidance/c.nl.md, line 14, column 2: it is not UTF-8 text here; save it as UTF-8",
        "guidance/e.nl.md: it cannot be opened (Is a directory)",
        "guidance/f.nl.MD: name it after its rule and language, such as woningnood.nl.md",
        "guidance/woningnood.md: name it after its rule and language, such as woningnood.nl.md",
    ]
    assert found.unread[0].text == "a <b>"


def test_what_is_missing_and_what_is_orphaned_is_told(tmp_path: Path) -> None:
    book = load_book(ROOT / "config")
    found = coverage(book, load_guidance(write(tmp_path, woningnood_nl=PAGE, walvissen_nl=PAGE)))
    assert found.orphaned == ("walvissen",)
    assert set(found.missing) == book.rules.keys() - {"woningnood"}


def test_a_page_that_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    book = load_book(ROOT / "config")
    found = coverage(book, load_guidance(write(tmp_path, woningnood_nl="", walvissen_nl="")))
    assert found.orphaned == ()
    assert set(found.missing) == book.rules.keys() - {"woningnood"}


GUIDES = load_guidance(ROOT / "config")
GUIDANCE = GUIDES.rules


def test_every_shipped_rule_has_guidance_in_both_languages_and_the_same_sections() -> None:
    book = load_book(ROOT / "config")
    assert coverage(book, GUIDES) == Coverage(missing=(), orphaned=())
    assert all(each.pages.keys() == {"nl", "en"} for each in GUIDANCE.values())
    for language in ("nl", "en"):
        shapes = {
            tuple(section.title for section in each.pages[language].sections)
            for each in GUIDANCE.values()
        }
        assert len(shapes) == 1


@pytest.mark.parametrize("rule", sorted(GUIDANCE))
def test_the_examples_in_the_guidance_are_what_the_rule_finds(rule: str) -> None:
    book = load_book(ROOT / "config")
    tree = activate(book.rules[rule], book.lookup()).tree
    for page in GUIDANCE[rule].pages.values():
        examples = re.findall(r"^> (.+)$", page.sections[-1].text, re.MULTILINE)
        assert examples
        for text in examples:
            post = example_post(Example(text, lang=page.language))
            assert evaluate(tree, post).matched, text
