import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.characters import repair
from privacy.scrubbing import scrub

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


@pytest.mark.parametrize(
    "text", ["@" * 40_000, "a." * 20_000, "0 " * 20_000, "a@" * 20_000, "1" * 40_000, "(0" * 20_000]
)
def test_odd_texts_are_scrubbed_in_one_go(text: str) -> None:
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
