import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.characters import repair
from privacy.scrubbing import scrub
from stream.placeholders import ACCOUNT, PHONE

SPACES = "".join(c for c in map(chr, range(0x3001)) if unicodedata.category(c) == "Zs") + "\t·"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
HERE = Path(__file__).parent
PLANTED = [json.loads(line) for line in (HERE / "planted.ndjson").read_text("utf-8").splitlines()]
CLEAN = (HERE / "clean.txt").read_text("utf-8").splitlines()


def test_there_are_enough_planted_ones() -> None:
    assert len(PLANTED) >= 200
    assert {each["lang"] for each in PLANTED} == {"nl", "en", "tr", "ar"}
    assert len(CLEAN) >= 80


@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each["text"])
def test_a_planted_secret_does_not_survive(planted: dict[str, str]) -> None:
    scrubbed = scrub(repair(planted["text"]).text)
    secret = repair(planted["secret"]).text
    assert secret.casefold() not in scrubbed.text.casefold()
    assert scrubbed.counts.total() >= 1


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert scrub(repair(text).text).text == text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [each["text"] for each in PLANTED] + CLEAN + ["‹", "›", "‹iemand›", "\x00", "\ud83d"]
        ),
        max_size=4,
    ).map(" ".join)
)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrub(repair(text).text).text
    assert scrub(repair(once).text).text == once


def test_a_name_that_the_platform_marked_is_scrubbed() -> None:
    assert "Janneke99" not in scrub("dat zei Janneke99 ook", handles=["Janneke99"]).text


def test_around_a_number_spaces_and_dashes_stay_as_they_were() -> None:
    text = "a – b\u00a0c\t06\u202f12345678 d·e 1–2, NL91·ABNA·0417·1643·00 −"
    assert scrub(text).text == (
        f"a – b\u00a0c\t{PHONE} d·e 1–2, {ACCOUNT} −"
    )  # fmt: skip


def test_numbers_below_each_other_are_several() -> None:
    text = "0612\n345678\n020\n6241111"
    assert scrub(text).text == text


NUMBERS = (("bel", "06 12 34 56 78"), ("op", "NL91 ABNA 0417 1643 00"), ("bsn", "123 456 782"))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(NUMBERS),
    st.lists(st.sampled_from(SPACES + DASHES), min_size=4, max_size=4),
    st.sampled_from(["", "–", "·", "\t", "\u00a0", "2026 – "]),
)
def test_a_number_is_found_whatever_stands_between_its_digits(
    number: tuple[str, str], between: list[str], before: str
) -> None:
    word, digits = number
    first, *parts = digits.split()
    written = first + "".join(map(str.__add__, between, parts))
    scrubbed = scrub(f"{word} {before}{written} vandaag").text
    assert not any(part in scrubbed for part in parts)


@pytest.mark.parametrize(
    ("what", "times"),
    [
        ("@", 40_000),
        ("a.", 20_000),
        ("0 ", 4_000),  # phonenumbers takes a millisecond for each
        ("a@", 20_000),
        ("1", 40_000),
        ("(0", 20_000),
    ],
)
def test_odd_texts_are_scrubbed_in_one_go(what: str, times: int) -> None:
    text = what * times
    assert len(scrub(repair(text).text).text) <= 16 * len(text)


def test_a_text_is_repaired_and_flagged() -> None:
    repaired = repair("caf\u0065\u0301 \x00 \ud83d \u202eevil " + "x" * 40_000)
    assert repaired.flags == ("surrogates", "nul", "cut")
    assert len(repaired.text) <= 32_000
    assert "\u202e" not in repaired.text


def test_what_would_command_a_terminal_goes_and_line_breaks_stay() -> None:
    assert repair("een \x1b[2J\x1b]0;x\x07\x9b1m woning\x85\nhier\tnu").text == (
        "een [2J]0;x1m woning\x85\nhier\tnu"
    )
