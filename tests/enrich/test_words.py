import tomllib
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

from enrich import words as module
from enrich.compounds import Compounds
from enrich.lexicon import PACKAGE, read_lexicon
from enrich.steps import Tokens
from enrich.words import LEMMATIZED, Dictionaries, Words
from rules.folding import fold
from rules.words import WORDS_VERSION
from stream.errors import Stop
from stream.post import Label, Post
from stream.testing import make_post

ROOT = Path(__file__).parents[2]
GOLD = Path(__file__).with_name("compounds.txt")


def gold() -> Iterator[tuple[str, set[str]]]:
    for line in GOLD.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            word, _, parts = line.partition(":")
            yield fold(word), set(parts.split())


@pytest.fixture(scope="module")
def compounds() -> Compounds:
    return Compounds(read_lexicon())


@pytest.fixture(scope="module")
def step() -> Words:
    return Words()


def read(step: Words, text: str, lang: str | None) -> Post:
    label = Label(value=lang, confidence=1.0, model="m", version="1")
    (post,) = step(Tokens()([make_post(1, text=text, lang=label)]))
    return post


def test_compounds_are_split_as_people_read_them(compounds: Compounds) -> None:
    right = wrong = missed = 0
    for word, expected in gold():
        found = set(compounds.parts(word))
        right += len(found & expected)
        wrong += len(found - expected)
        missed += len(expected - found)
    assert right / (right + wrong) > 0.96
    assert right / (right + missed) > 0.95


@pytest.mark.parametrize("word", [word for word, parts in gold() if not parts])
def test_a_word_that_is_no_compound_stays_whole(compounds: Compounds, word: str) -> None:
    assert compounds.parts(word) == ()


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("jongerenoverlast", "overlast"),
        ("overlastmelding", "overlast"),
        ("stadsbestuur", "stad"),
        ("boerenprotest", "boer"),
        ("boerenprotest", "boeren"),
        ("fatbikeoverlast", "fatbike"),
        ("woningbouwcorporatie", "woning"),
    ],
)
def test_a_part_is_found(compounds: Compounds, word: str, part: str) -> None:
    assert part in compounds.parts(word)


@pytest.mark.parametrize("word", ["", "a", "overlast5", "x" * 5_000, "overlast" * 6, "🔥", "‹›"])
def test_odd_words_have_parts_or_none(compounds: Compounds, word: str) -> None:
    assert word not in compounds.parts(word)


@pytest.mark.parametrize(
    ("word", "lang", "lemma"),
    [
        ("Liep", "nl", "lopen"),
        ("HUIZEN", "nl", "huis"),
        ("#Huizen", "nl", "huis"),
        ("went", "en", "go"),
        ("Häuser", "de", "haus"),
        ("evlerimizde", "tr", "ev"),
        ("fatbike", "nl", ""),
        ("Liep", None, ""),
        ("liep", "sw", ""),
        ("liep", "no such language", ""),
        ("🔥", "nl", ""),
        ("2026", "nl", ""),
        ("", "nl", ""),
    ],
)
def test_lemmas_are_folded_and_of_the_language(
    step: Words, word: str, lang: str | None, lemma: str
) -> None:
    assert step.analyse(lang)[word].lemma == lemma


def test_every_language_has_a_dictionary(step: Words) -> None:
    assert all(step.analyse(lang)["woord"] is not None for lang in LEMMATIZED)


def test_tokens_keep_all_else(step: Words) -> None:
    post = read(step, "De huizen en #Jongerenoverlast ‹iemand›", "nl")
    plain = Tokens()([post])[0].tokens
    assert [(each.lemma, each.parts) for each in post.tokens] == [
        ("", ()),
        ("huis", ()),
        ("", ()),
        ("", ("jongere", "jongeren", "overlast")),
        ("", ()),
    ]
    assert [each[:5] for each in map(_fields, post.tokens)] == [
        each[:5] for each in map(_fields, plain)
    ]
    assert step.abstain(post, "shed").tokens == plain


def _fields(token: object) -> tuple[object, ...]:
    return tuple(getattr(token, name) for name in ("start", "end", "forms", "cased", "sentence"))


def test_no_compound_is_looked_for_in_another_language(step: Words) -> None:
    (nl, unknown, en) = (
        read(step, "jongerenoverlast", lang).tokens[0].parts for lang in ("nl", None, "en")
    )
    assert "overlast" in nl
    assert nl == unknown
    assert en == ()


def test_words_that_were_forgotten_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO", 3)
    known = Dictionaries()("nl")
    for _ in range(2):
        assert [known[word].lemma for word in ("liep", "huizen", "straten", "auto's")] == [
            "lopen",
            "huis",
            "straat",
            "auto",
        ]
        assert len(known) <= 3


def test_a_dictionary_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrich.lexicon.PACKAGE", "no-such-package")
    with pytest.raises(Stop, match="install no-such-package"):
        read_lexicon()


DIGESTS = {"1": "43c0ff9e44a0d8be"}
"""By `WORDS_VERSION`, what our words were analysed as."""


def test_another_analysis_is_another_version(step: Words) -> None:
    """Who sees this fail raises `WORDS_VERSION` and adds a line, or undoes the change."""
    found = {
        (word, lang): step.analyse(lang)[word]
        for word, _ in gold()
        for lang in ("nl", "en", "de", "tr", None)
    }
    digest = sha256(repr(sorted(found.items(), key=repr)).encode()).hexdigest()[:16]
    assert DIGESTS[WORDS_VERSION] == digest


def test_the_dictionaries_are_pinned() -> None:
    """Others would give other lemmas and parts under the same version of a rule."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name in (PACKAGE, "simplemma"):
        assert f"{name}=={version(name)}" in project["dependencies"]
