"""However a piece of text is read, it gives the same tokens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.folding import LETTERS, fold, fold_any
from rules.tokens import tokenise

CHUNKS = st.text(st.sampled_from("aBé1ـ.,!?…:'\")-’#İßﬀ中ก️\u200b\u0301🔥"), min_size=1, max_size=12)


@settings(max_examples=500)
@given(CHUNKS)
def test_what_stands_before_a_chunk_changes_nothing_in_it(chunk: str) -> None:
    """Plain words are read by a shorter way than all else."""
    plain, other = tokenise(f"x {chunk} x"), tokenise(f"x ({chunk} x")
    assert [(token.forms, token.cased, token.sentence) for token in plain] == [
        (token.forms, token.cased, token.sentence) for token in other
    ]


@given(st.text(st.sampled_from(sorted(LETTERS)), max_size=8))
def test_a_word_folded_letter_by_letter_is_what_it_is_as_a_whole(word: str) -> None:
    assert fold(word) == fold_any(word)
