import re
from pathlib import Path

import pytest

from rules.documents import Example, activate, example_post
from rules.evaluator import evaluate
from rules.files import load_book
from rules.guidance import Coverage, coverage, load_guidance, read_page
from stream.errors import Stop

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
    found = load_guidance(write(tmp_path, **pages))
    assert found["a"].page("nl").language == "nl"
    assert found["a"].page("tr").language == "en"
    assert found["b"].page("en").language == "nl"


def test_a_folder_without_guidance_has_none(tmp_path: Path) -> None:
    assert load_guidance(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PAGE.replace("# Housing", ""), "it has no title"),
        (PAGE.split("##", maxsplit=1)[0], "it has no sections"),
        ("Hello\n" + PAGE, "line 1: put a title"),
        (PAGE.replace("The city.", ""), "section 'Help' is empty"),
        (PAGE.replace("- a", "### More"), "line 7: it has one title"),
        (PAGE + "\n# Again\n", "line 14: it has one title"),
        (PAGE.replace("No home.", "<script>x</script>"), "line 5: HTML is not shown"),
    ],
)
def test_a_wrong_page_is_named_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Stop, match=rf"guidance/a\.nl\.md: {said}"):
        load_guidance(write(tmp_path, a_nl=text))


def test_a_file_without_its_language_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"guidance/woningnood\.md: name it after its rule"):
        load_guidance(write(tmp_path, woningnood=PAGE))


def test_what_is_missing_and_what_is_orphaned_is_told(tmp_path: Path) -> None:
    book = load_book(ROOT / "config")
    found = coverage(book, load_guidance(write(tmp_path, woningnood_nl=PAGE, walvissen_nl=PAGE)))
    assert found.orphaned == ("walvissen",)
    assert set(found.missing) == book.rules.keys() - {"woningnood"}


GUIDANCE = load_guidance(ROOT / "config")


def test_every_shipped_rule_has_guidance_in_both_languages_and_the_same_sections() -> None:
    book = load_book(ROOT / "config")
    assert coverage(book, GUIDANCE) == Coverage(missing=(), orphaned=())
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
