"""Rule documents and keyword lists: TOML files with their examples beside them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, TypeVar

import msgspec

from rules.errors import QueryError
from rules.evaluator import evaluate
from rules.lists import ListEntries, Lists, list_lookup
from rules.parser import parse
from rules.tokens import TOKENIZER_VERSION, tokenise
from rules.tree import Node, named
from rules.words import WORDS_VERSION, asks_for_words
from stream.errors import Stop
from stream.post import Kind, Label, Post

VERSION_DIGITS = 10

Day = date
"""Where `date` is the name of a field."""

Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""The version of a list; every database can hold it."""

Enrich = Callable[[Post], Post]
"""Fills what a text does not say by itself, as it is filled in real posts: the language where none
is given, lemmas, parts of compounds, places.
"""


def unchanged(post: Post) -> Post:
    """For queries that ask for nothing but forms."""
    return post


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that a rule must match, or must not, and what its post is beside it, for a rule that
    asks for that.
    """

    text: str
    lang: str = ""
    why: str = ""
    source: str = "example"
    platform: str = "example"
    kind: Kind = "post"
    link: bool = False
    media: bool = False
    date: Day | None = None


class KeywordList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list file in `config/lists`."""

    id: str
    version: Number
    title: str
    owner: str
    entries: tuple[str, ...]
    lint: bool = False
    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()


class RuleDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule file in `config/rules`.

    With `special_category` it is about a special category of personal data (GDPR, article 9):
    `ground` says on which ground of that article, and `approved_by` who, beside the owner,
    agreed.
    """

    id: str
    title: str
    purpose: str
    category: str
    owner: str
    expires: date
    query: str
    special_category: bool = False
    ground: str = ""
    approved_by: str = ""
    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()


Document = TypeVar("Document", RuleDocument, KeywordList)


def restates(document: KeywordList, held: Iterable[KeywordList]) -> str:
    """Why a list cannot be what comes after the `held` versions of it; empty when it can."""
    own = [each for each in held if each.id == document.id]
    last = max((each.version for each in own), default=0)
    if any(each.version == document.version and each.entries != document.entries for each in own):
        return (
            f"it has other entries than its version {document.version} had: raise its version to "
            f"{last + 1}, because rules were counted with the old entries"
        )
    if document.version < last:
        return (
            f"it is version {document.version} and was version {last} already: raise its version "
            f"to {last + 1}"
        )
    return ""


class ActiveRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is matched. `version` addresses all that decides its matches."""

    id: str
    version: str
    title: str
    category: str
    special_category: bool
    tree: Node

    @property
    def name(self) -> str:
        """`rule@version`."""
        return f"{self.id}@{self.version}"


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be read: why, and where (from 1; 0: of the file as a whole) with the
    `text` of that line. Of a list, `lint` says whether it may be one that no query may use.
    """

    file: str
    name: str
    why: str
    line: int = 0
    column: int = 0
    text: str = ""
    lint: bool = False

    def __str__(self) -> str:
        place = f", line {self.line}, column {self.column}" if self.line else ""
        return f"{self.file}{place}: {self.why}"


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All rules and lists of a folder; `older` versions of lists can be named as `$wijken@3`.

    What is `unread` costs only itself: it is neither there nor gone. It is called as its file is,
    a list with `$` before it.
    """

    rules: Mapping[str, RuleDocument]
    lists: Mapping[str, KeywordList]
    older: tuple[KeywordList, ...] = ()
    unread: tuple[Unread, ...] = ()

    def lookup(self) -> Lists:
        """The lists as the parser asks for them."""
        found: dict[str, dict[int, ListEntries]] = {}
        for each in (*self.older, *self.lists.values()):
            if not each.lint:
                entries = ListEntries(each.id, each.version, each.entries)
                found.setdefault(each.id, {})[each.version] = entries
        return list_lookup(found)

    def check_read(self, name: str) -> None:
        """Stop when the file of this rule or list (`$wijken`) is there and cannot be read."""
        for each in self.unread:
            if each.name == name:
                raise Stop(f"{each}\nMend the file first: `peil rules check {name}` looks again")

    def withheld(self) -> Sequence[Unread]:
        """Unread lists that may say what no query may be about: those that say so or, where no
        other list does, any of which no version is known.
        """
        known = {f"${each.id}" for each in self.older}
        one = any(each.lint for each in self.lists.values())
        return [
            each
            for each in self.unread
            if each.name.startswith("$") and each.name not in known and (each.lint or not one)
        ]

    def is_special(self, rule: str) -> bool:
        """Whether `rule` is on a special category; one that is not in the book any more is
        treated as if it were.
        """
        document = self.rules.get(rule)
        return document is None or document.special_category

    def active(self, *, today: date) -> tuple[ActiveRule, ...]:
        """The rules that have not expired on `today`, parsed; Stop when one does not parse."""
        lookup = self.lookup()
        return tuple(
            activate(document, lookup)
            for document in self.rules.values()
            if document.expires > today
        )


def activate(document: RuleDocument, lists: Lists) -> ActiveRule:
    """The rule as it is matched; Stop with every mistake in its query."""
    try:
        tree = parse(document.query, lists=lists, use="stream").tree
    except QueryError as error:
        raise Stop(f"rule {document.id} cannot be read:\n{error}") from error
    return ActiveRule(
        id=document.id,
        version=version_of(tree),
        title=document.title,
        category=document.category,
        special_category=document.special_category,
        tree=tree,
    )


def unnamed(tree: Node) -> ActiveRule:
    """A query as a matcher takes it, that is no rule of a book."""
    return ActiveRule(id="", version="", title="", category="", special_category=False, tree=tree)


def version_of(tree: Node) -> str:
    """The hash of all that decides what a rule matches: its query with the lists' entries, the
    tokenizer, and word analysis where it asks for that. A title or an owner changes nothing.
    """
    words = f"\nwords {WORDS_VERSION}" if asks_for_words(tree) else ""
    canonical = f"{TOKENIZER_VERSION}{words}\n{tree!r}"
    return hashlib.sha256(canonical.encode()).hexdigest()[:VERSION_DIGITS]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one example."""

    document: str
    expected: bool
    matched: bool
    example: Example

    @property
    def passed(self) -> bool:
        return self.expected == self.matched

    def __str__(self) -> str:
        should = "should match and does not" if self.expected else "should not match and does"
        return f"{self.document} {should}: {self.example.text!r} {self.example.why}".rstrip()


def run_examples(book: Book, *, enrich: Enrich = unchanged) -> list[Outcome]:
    """Evaluate every example of every rule and list as the language defines it."""
    lookup = book.lookup()
    results: list[Outcome] = []
    for rule in book.rules.values():
        results += _run(rule, activate(rule, lookup).tree, enrich)
    for each in book.lists.values():
        if not each.lint:
            results += _run(each, parse(f"${each.id}", lists=lookup).tree, enrich)
    return results


def _run(document: RuleDocument | KeywordList, tree: Node, enrich: Enrich) -> list[Outcome]:
    fill = enrich if asks_for_more(tree) else unchanged
    return [
        Outcome(document.id, expected, evaluate(tree, fill(example_post(example))).matched, example)
        for expected, examples in ((True, document.match), (False, document.no_match))
        for example in examples
    ]


def asks_for_more(tree: Node) -> bool:
    """Whether what a query matches depends on what `Enrich` fills."""
    fields = {name for name, _ in named(tree)}
    return asks_for_words(tree) or not fields.isdisjoint({"lang", "place"})


def example_post(example: Example) -> Post:
    """A post of nothing but what the example says, with the tokens of its text. It is made at noon
    UTC of its date, or else in 1970.
    """
    noon = datetime.combine(example.date, time(12), UTC) if example.date else None
    label = Label(value=example.lang, confidence=1.0, model="example", version="1")
    return Post(
        id="example",
        author="0-example",
        source=example.source,
        platform=example.platform,
        kind=example.kind,
        created_at=int(noon.timestamp()) * 1000 if noon else 0,
        first_observed=0,
        keep_until=0,
        text=example.text,
        version=0,
        domains=("example.org",) if example.link else (),
        has_media=example.media,
        tokens=tokenise(example.text),
        lang=label if example.lang else None,
    )
