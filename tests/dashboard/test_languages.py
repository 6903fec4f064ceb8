import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

import dashboard
from dashboard.errors import NotThere
from dashboard.languages import FOLDER, LANGUAGES, language, preferred

PACKAGE = Path(dashboard.__file__).parent
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "say", "said", "NotThere", "Refused", "WrongPeriod"), None),
    "ngettext": (1, 2),
}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}|`[^`]*`|<%|</?\w[^>]*>")
Message = str | tuple[str, ...]


@pytest.fixture(scope="module")
def used() -> Mapping[Message, str]:
    """Every string of the templates and the modules, and a place where it stands."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(PACKAGE, methods, options, keywords=KEYWORDS, strip_comment_tags=True)
    return {_key(message): f"{name}:{line}" for name, line, message, _, _ in found}


@pytest.fixture(scope="module")
def translated() -> Mapping[Message, Any]:
    with (FOLDER / "nl" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="nl", abort_invalid=True)
    return {_key(message.id): message for message in catalogue if message.id}


def _key(message: Any) -> Message:
    return message if isinstance(message, str) else tuple(message)


def _forms(message: Message) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)


def test_the_dutch_catalogue_has_exactly_the_strings_of_the_pages(
    used: Mapping[Message, str], translated: Mapping[Message, Any]
) -> None:
    assert len(used) > 200
    missing = {message: place for message, place in used.items() if message not in translated}
    assert not missing
    assert not set(translated) - set(used)


def test_nothing_is_left_empty_or_unsure(translated: Mapping[Message, Any]) -> None:
    for key, message in translated.items():
        assert not message.fuzzy, key
        assert len(_forms(message.string)) == len(_forms(key)), key
        assert all(each.strip() == each and each for each in _forms(message.string)), key


def test_placeholders_and_markup_are_the_same_on_both_sides(
    translated: Mapping[Message, Any],
) -> None:
    for key, message in translated.items():
        for form in _forms(message.string):
            wanted = sorted(_mark(each) for each in PLACEHOLDER.findall(_forms(key)[-1]))
            assert sorted(_mark(each) for each in PLACEHOLDER.findall(form)) == wanted, key
            # It stands in attributes, and Jinja does not escape what translators write.
            assert '"' not in form, key


def _mark(found: str) -> str:
    """What is said between quotation marks or brackets is translated too; the mark stays."""
    return found if found.startswith(("%", "{", "`peil")) else found[0]


def test_each_number_has_its_form() -> None:
    dutch, english = language("nl"), language("en")
    one, more = "%(num)s source needs attention", "%(num)s sources need attention"
    assert [dutch.ngettext(one, more, number) for number in (0, 1, 2)] == [
        "%(num)s bronnen vragen aandacht",
        "%(num)s bron vraagt aandacht",
        "%(num)s bronnen vragen aandacht",
    ]
    assert [english.ngettext(one, more, number) for number in (0, 1, 2)] == [more, one, more]
    assert dutch.ngettext("a stone", "stones", 1) == "a stone"
    assert dutch.gettext("never said") == "never said"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "nl",
            ("12.345", "3,5%", "42%", "+42%", "-3,5%", "2,4", "12", "24 november 2026", "24 nov"),
        ),
        (
            "en",
            ("12,345", "3.5%", "42%", "+42%", "-3.5%", "2.4", "12", "24 November 2026", "24 Nov"),
        ),
    ],
)
def test_numbers_and_days_are_written_as_in_the_language(
    name: str, expected: tuple[str, ...]
) -> None:
    spoken, day = language(name), date(2026, 11, 24)
    assert expected == (
        spoken.number(12_345),
        spoken.percent(0.035),
        spoken.percent(0.42),
        spoken.percent(0.42, signed=True),
        spoken.percent(-0.035, signed=True),
        spoken.times(2.43),
        spoken.times(12.43),
        spoken.day(day),
        spoken.short_day(day),
    )


@pytest.mark.parametrize(
    ("bin_", "dutch", "english"),
    [
        ("2026-11-24", "di 24 nov", "Tue 24 Nov"),
        ("2026-W02", "week 2, 2026", "week 2, 2026"),
        ("2026-11", "november 2026", "November 2026"),
        ("2026-11-24T07", "24 nov, 07:00", "24 Nov, 07:00"),
    ],
)
def test_a_bin_of_time_is_written_as_people_do(bin_: str, dutch: str, english: str) -> None:
    assert language("nl").bin(bin_) == dutch
    assert language("en").bin(bin_).replace(",", "") == english.replace(",", "")


def test_languages_are_named() -> None:
    assert language("nl").named("tr") == "Turks"
    assert language("en").named("ar") == "Arabic"
    assert language("nl").named("li") == "Limburgs"
    assert language("en").named("sm") == "Samoan"
    assert language("en").named("pt-BR") == "Brazilian Portuguese"
    for strange in ("zz-Unknown-99", "xx", "", "?", "<b>"):
        assert language("nl").named(strange) == strange


@pytest.mark.parametrize(
    ("header", "best"),
    [
        ("nl", "nl"),
        ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        ("en-US,en;q=0.9,nl;q=0.1", "en"),
        ("tr, nl;q=0.2, en;q=0.7", "en"),
        ("fr, de;q=0.5", None),
        ("nl;q=0, en;q=0.1", "en"),
        ("", None),
        ("nl;q=lots, en;q=0.1", "en"),
        ("*;q=0.5", None),
        (",;q=,;;", None),
    ],
)
def test_a_browser_says_which_language_it_prefers(header: str, best: str | None) -> None:
    assert preferred(header) == best


def test_an_unknown_language_is_the_first_one() -> None:
    assert language("xx").name == LANGUAGES[0]
    assert language("../en").name == LANGUAGES[0]


def test_an_error_is_told_in_the_readers_language_with_its_parts() -> None:
    error = NotThere(
        "there is no phenomenon %(rule)s; the page Monitor shows all there are", rule="'100%s'"
    )
    assert str(error).startswith("there is no phenomenon '100%s'; ")
    assert error.told(language("nl")).startswith("er is geen verschijnsel '100%s'; ")
    assert error.told(language("en")) == str(error)
