"""Lemmas and the parts of compounds: of every word that posts have.

Lemmas are those of simplemma's dictionaries (MIT), for the languages below; Dutch compounds are
split by `enrich.compounds`, also where the language is not known: short texts have none, and
nothing else is written like them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import version

import msgspec
from simplemma import Lemmatizer
from simplemma.strategies import DefaultStrategy

from enrich.compounds import Compounds
from enrich.contract import Field, Scope
from enrich.dictionaries import PackedDictionaries
from enrich.lexicon import PACKAGE, read_lexicon
from rules.folding import fold
from rules.words import WORDS_VERSION, Analysis, WordAnalysis, analysed
from stream.post import Post

LEMMATIZED = frozenset("ar bg de en es fr id it nl pl pt ro tr uk".split())
"""The languages whose dictionaries are loaded, when their first word comes: some 10 MB each."""

COMPOUNDED = frozenset({"nl", None})

MEMO = 100_000
"""So many words of a language are remembered."""

LONGEST = 60
"""Longer words are in no dictionary."""

_NOTHING = Analysis()


class Dictionaries:
    """Looks words up (`rules.words.WordAnalysis`); each dictionary is read when its first word
    comes. Not shared between threads.
    """

    def __init__(self) -> None:
        # Each word is looked up once, so what simplemma remembers itself would be idle.
        self._lemmatizer = Lemmatizer(
            cache_max_size=1,
            lemmatization_strategy=DefaultStrategy(dictionary_factory=_dictionaries()),
        )
        self._known: dict[str | None, _Known] = {}

    def __call__(self, lang: str | None, /) -> Mapping[str, Analysis]:
        if lang not in self._known:
            self._known[lang] = _Known(partial(self._look_up, lang))
        return self._known[lang]

    def _look_up(self, lang: str | None, form: str) -> Analysis:
        word = form.removeprefix("#").removeprefix("＃")
        if len(word) > LONGEST or not word[:1].isalpha():
            return _NOTHING
        folded = fold(word)
        lemma = self._lemma(word, lang) if lang in LEMMATIZED else folded
        parts = _compounds().parts(folded) if lang in COMPOUNDED else ()
        if lemma == folded and not parts:
            return _NOTHING
        return Analysis("" if lemma == folded else lemma, parts)

    def _lemma(self, word: str, lang: str) -> str:
        """The lemma, folded. What is shouted is looked up as at the start of a sentence."""
        written = word.capitalize() if word.isupper() else word
        return fold(self._lemmatizer.lemmatize(written, lang))


@cache
def _dictionaries() -> PackedDictionaries:
    """Each read once in a process, which takes half a second; nothing changes them."""
    return PackedDictionaries(cache_max_size=len(LEMMATIZED))


@cache
def _compounds() -> Compounds:
    """Read once in a process, which takes a second; nothing changes it."""
    return Compounds(read_lexicon())


class _Known(dict[str, Analysis]):
    """The words of a language that came before. When there are too many it begins anew."""

    def __init__(self, look_up: Callable[[str], Analysis]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, form: str) -> Analysis:
        if len(self) >= MEMO:
            self.clear()
        found = self[form] = self._look_up(form)
        return found


class Words:
    """`lemma` and `parts` of the tokens of every post."""

    name = "words"
    requires: frozenset[Field] = frozenset({"tokens", "lang"})
    provides: frozenset[Field] = frozenset({"words"})
    scope: Scope = "every"

    def __init__(self) -> None:
        self.analyse: WordAnalysis = Dictionaries()
        self.version = (
            f"{WORDS_VERSION}-simplemma-{version('simplemma')}-opentaal-{version(PACKAGE)}"
        )

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return [
            msgspec.structs.replace(post, tokens=analysed(post.tokens, post.lang, self.analyse))
            for post in posts
        ]

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (a word gives no reason)
        tokens = (msgspec.structs.replace(each, lemma="", parts=()) for each in post.tokens)
        return msgspec.structs.replace(post, tokens=tuple(tokens))
