"""What is known of a word beside its form: its lemma, and the words that it is made of.

`enrich.words` looks it up; here stands only what the language needs to know of that.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from rules.tree import Lemma, Node, Part, walk
from stream.post import Label, Token

WORDS_VERSION = "1"
"""Changes whenever a word could get another lemma or other parts: it is part of the version of
every rule that asks for them.
"""


class Analysis(NamedTuple):
    """The lemma of a word and the words within it, all folded; empty where they say no more than
    the form does.
    """

    lemma: str = ""
    parts: tuple[str, ...] = ()


WordAnalysis = Callable[[str | None], Mapping[str, Analysis]]
"""For a language (ISO 639-1; None: unknown) what is known of its words, as they are written
(`Token.cased`). Every word is there, known or not; same word, same answer.
"""


def analysed(
    tokens: Iterable[Token], lang: Label | None, analyse: WordAnalysis
) -> tuple[Token, ...]:
    """The tokens of a text in the language `lang` with their lemmas and parts."""
    known = analyse(lang.value if lang else None)
    result: list[Token] = []
    for token in tokens:
        lemma, parts = known[token.cased]
        if lemma or parts:
            at = token.start, token.end
            result.append(Token(*at, token.forms, token.cased, token.sentence, lemma, parts))
        else:
            result.append(token)
    return tuple(result)


def asks_for_words(node: Node) -> bool:
    """Whether a query asks for lemmas or parts, wherever in it."""
    return any(isinstance(each, Lemma | Part) for each in walk(node))
