"""Rule documents and keyword lists: TOML files with their examples beside them."""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
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
from stream.post import Label, Post

VERSION_DIGITS = 10

ID = re.compile(r"[a-z0-9][a-z0-9-]*")
"""What a rule or a list may be called: `@` and `$` have a meaning beside an id."""

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
    """A text that a rule must match, or must not."""

    text: str
    lang: str = ""
    why: str = ""


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


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All rules and lists of a folder; `older` versions of lists can be named as `$wijken@3`."""

    rules: Mapping[str, RuleDocument]
    lists: Mapping[str, KeywordList]
    older: tuple[KeywordList, ...] = ()

    def lookup(self) -> Lists:
        """The lists as the parser asks for them."""
        found: dict[str, dict[int, ListEntries]] = {}
        for each in (*self.older, *self.lists.values()):
            if not each.lint:
                entries = ListEntries(each.id, each.version, each.entries)
                found.setdefault(each.id, {})[each.version] = entries
        return list_lookup(found)

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


def load_book(config: Path) -> Book:
    """Every rule in `config/rules` and list in `config/lists`; Stop names all bad files.

    An older version of list `wijken` is kept beside it as `wijken@3.toml`.
    """
    problems: list[str] = []
    rules = _load(config / "rules", RuleDocument, problems)
    lists = _load(config / "lists", KeywordList, problems)
    problems += _twice(lists)
    if problems:
        raise Stop("rule files are wrong:\n" + "\n".join(f"  {line}" for line in problems))
    return Book(
        rules=rules,
        lists={name: document for name, document in lists.items() if name == document.id},
        older=tuple(document for name, document in lists.items() if name != document.id),
    )


Document = TypeVar("Document", RuleDocument, KeywordList)


def _load(folder: Path, kind: type[Document], problems: list[str]) -> dict[str, Document]:
    """The documents by the names of their files."""
    documents: dict[str, Document] = {}
    for path in sorted(folder.glob("*.toml")):
        name = f"{path.parent.name}/{path.name}"
        try:
            text = path.read_bytes().decode("utf-8-sig")
            document = msgspec.toml.decode(text, type=kind)
        except (ValueError, OSError) as error:
            problems.append(f"{name}: {error}{_suggest(str(error), kind)}")
            continue
        except RecursionError:
            problems.append(f"{name}: its brackets are nested too deeply; write it flat")
            continue
        problems += [f"{name}: {wrong}" for wrong in _mistakes(path.stem, document)]
        documents[path.stem] = document
    return documents


def _mistakes(stem: str, document: RuleDocument | KeywordList) -> Iterator[str]:
    """What is wrong with `document` in the file called `stem`."""
    if ID.fullmatch(document.id) is None:
        yield (
            f"{document.id!r} cannot be an id; use small letters a-z, digits and hyphens, and "
            "begin with a letter or a digit"
        )
    elif stem not in _names(document):
        yield f"its id is {document.id!r}; name both the same"
    if isinstance(document, RuleDocument) and _lacks_approval(document):
        yield (
            "a rule with special_category needs `ground` (of GDPR, article 9) and `approved_by`, "
            "somebody else than its owner"
        )


def _twice(lists: Mapping[str, KeywordList]) -> Iterator[str]:
    """Files that say what the same version of a list is."""
    files: dict[tuple[str, int], str] = {}
    for stem, each in lists.items():
        if (other := files.setdefault((each.id, each.version), stem)) != stem:
            yield (
                f"lists/{other}.toml and lists/{stem}.toml are both version {each.version} of "
                f"list {each.id}; take one out, or raise the version in {each.id}.toml"
            )


def _names(document: RuleDocument | KeywordList) -> tuple[str, ...]:
    """What the file of `document` may be called."""
    if isinstance(document, RuleDocument):
        return (document.id,)
    return (document.id, f"{document.id}@{document.version}")


def _lacks_approval(document: RuleDocument) -> bool:
    approver = document.approved_by.strip().casefold()
    approved = approver not in ("", document.owner.strip().casefold())
    return document.special_category and not (approved and document.ground.strip())


def _suggest(message: str, kind: type[msgspec.Struct]) -> str:
    unknown = re.search(r"unknown field `(\w+)`", message)
    if unknown is None:
        return ""
    close = difflib.get_close_matches(unknown[1], kind.__struct_fields__, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


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
    """A post of nothing but the example's text, its tokens and its language, if it says one."""
    label = Label(value=example.lang, confidence=1.0, model="example", version="1")
    return Post(
        id="example",
        author="0-example",
        source="example",
        platform="example",
        kind="post",
        created_at=0,
        first_observed=0,
        keep_until=0,
        text=example.text,
        version=0,
        tokens=tokenise(example.text),
        lang=label if example.lang else None,
    )
