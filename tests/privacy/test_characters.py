import time
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.characters import MAX_CHARACTERS, repair

ODD = st.sampled_from(
    ["\x00", "\ud83d", "\udc00", "\u202e", "\u200b", "\ufeff", "\u0301", "\u0323" * 40, "e",
     "\u1e69", "\ufb2c",
     "\U0001d160", "\u0958", "\u1100", "\u1161", "\u11a8", " ", "\n", "\x1b[2J", "🏳️‍🌈"]
)  # fmt: skip
ANY = st.text(st.characters(), max_size=60) | st.lists(ODD, max_size=30).map("".join)


@settings(max_examples=300)
@given(ANY)
def test_repairing_twice_is_repairing_once(text: str) -> None:
    once = repair(text).text
    assert repair(once) == (repaired := repair(once))
    assert repaired.text == once
    assert repaired.flags == ()


@settings(max_examples=300)
@given(ANY)
def test_what_is_repaired_can_be_stored_and_is_no_longer_than_its_normal_form(text: str) -> None:
    repaired = repair(text).text
    repaired.encode("utf-8")
    assert unicodedata.is_normalized("NFC", repaired)
    assert "\x00" not in repaired
    assert len(repaired) <= min(MAX_CHARACTERS, 3 * len(text))
    if unicodedata.is_normalized("NFC", text):
        assert len(repaired) <= len(text)


def test_a_normal_form_that_is_longer_is_cut_too() -> None:
    repaired = repair("\ufb2c" * 20_000)
    assert len(repaired.text) == MAX_CHARACTERS
    assert repaired.flags == ("cut",)


def test_what_cannot_be_seen_costs_no_text() -> None:
    assert repair("\u200b" * MAX_CHARACTERS + "tekst").text == "tekst"


def test_a_heap_of_marks_costs_no_time_and_loses_only_marks() -> None:
    started = time.process_time()
    repaired = repair("a" + "\u0301\u0323" * 500_000 + "b")
    assert time.process_time() - started < 1
    assert len(repaired.text) <= 32
    assert repair("é" * 40 + "e\u0301").text == "é" * 41
