from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simplemma.strategies.dictionaries import StreamDictionaryFactory

from enrich import dictionaries as module
from enrich.dictionaries import Dictionary

theirs = StreamDictionaryFactory(cache_max_size=1).get_dictionary("en")


@cache
def ours() -> Dictionary:
    return Dictionary("en")


@cache
def some_words() -> list[str]:
    return [word for number, word in enumerate(theirs) if number % 97 == 0]


@given(data=st.data(), ending=st.sampled_from(["", "s", "\0", "é", "-"]))
def test_a_word_has_the_lemma_that_simplemma_has(data: st.DataObject, ending: str) -> None:
    word = data.draw(st.sampled_from(some_words())) + ending
    assert ours().get(word) == theirs.get(word)


def test_blocks_that_were_forgotten_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BLOCKS", 2)
    few = Dictionary("en")
    words = some_words()[::200]
    for _ in range(2):
        assert [few.get(word) for word in words] == [theirs.get(word) for word in words]


def test_what_comes_before_all_words_is_none() -> None:
    assert ours().get("") is None
