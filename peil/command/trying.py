"""`peil rules try`: a rule against texts of one's own, before any post is collected."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from peil.command.rules import query_of
from peil.command.session import SessionContext
from peil.display import as_json, console
from peil.pipeline import Pipeline
from rules.documents import Example, asks_for_more, example_post, unnamed
from rules.explain import in_context
from rules.matching.matcher import Matcher
from rules.parser import parse
from stream.errors import Stop
from stream.post import Post

BATCH = 1_000
SHORT = 100
LONGEST = 100_000
"""Characters of a line; a longer one is no text that somebody wrote to be tried."""


class Tried(msgspec.Struct, frozen=True):
    """How many of the texts a rule matches, and the lines of those that are shown."""

    texts: int
    matching: int
    shown: Sequence["Line"]


class Line(msgspec.Struct, frozen=True):
    """A text by its line in the file; `keyword` is what matched first, if anything did."""

    line: int
    left: str
    keyword: str
    right: str


def try_(
    context: SessionContext,
    rule: Annotated[str, typer.Argument(help="A rule's id, or a query.")],
    file: Annotated[Path, typer.Argument(help="Texts of your own, one a line; or NDJSON.")],
    missed: Annotated[
        bool, typer.Option("--missed", help="Show texts that do not match, instead.")
    ] = False,
    limit: Annotated[int, typer.Option("-n", min=0, help="Show so many of them.")] = 10,
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a rule or query finds in a file of texts: a line each, or NDJSON with `text` or `body`.

    Example: peil rules try "vuurwerk NEAR/5 overlast" my-texts.txt
    """
    with context.obj.pipeline() as pipeline:
        tried = _try(query_of(rule, pipeline.book), file, pipeline, missed=missed, limit=limit)
    if as_data:
        print(as_json(msgspec.to_builtins(tried)))  # noqa: T201  (that is what --json asks for)
        return
    console().print(f"{tried.matching} of {tried.texts} texts match.")
    for each in tried.shown:
        keyword = f"[{each.keyword}]" if each.keyword else ""
        console().print(f"{each.line:>6}  {each.left}{keyword}{each.right}", markup=False)


def _try(query: str, file: Path, pipeline: Pipeline, *, missed: bool, limit: int) -> Tried:
    tree = parse(query, lists=pipeline.book.lookup()).tree
    matcher = Matcher([unnamed(tree)], timezone=pipeline.settings.timezone)
    texts = matching = 0
    shown: list[Line] = []
    lines = _lines(file)
    while batch := list(islice(lines, BATCH)):
        written = [text for _, text in batch]
        if asks_for_more(tree):
            posts = [pipeline.enrich_example(example_post(Example(text))) for text in written]
            found = set(matcher.find(posts).posts.tolist())
        else:
            posts = [example_post(Example(text)) for text in written]
            found = set(matcher.find_in(written).posts.tolist())
        texts, matching = texts + len(batch), matching + len(found)
        wanted = (place for place in range(len(batch)) if (place in found) is not missed)
        shown += [
            _shown(batch[place][0], posts[place], matcher)
            for place in islice(wanted, limit - len(shown))
        ]
    return Tried(texts, matching, shown)


def _shown(number: int, post: Post, matcher: Matcher) -> Line:
    spans = [span for match in matcher.match([post])[0] for span in match.spans]
    if not spans:
        return Line(number, post.text[:SHORT], "", "")
    words = in_context(post, spans[0])
    return Line(number, words.left, words.keyword, words.right)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file with their lines, counted from 1; empty ones are left out."""
    try:
        with file.open(encoding="utf-8") as opened:
            for number, line in enumerate(opened, 1):
                text = _text(line.strip(), f"{file}, line {number}")
                if text:
                    yield number, text
    except UnicodeDecodeError as error:
        raise Stop(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8") from error


def _text(line: str, where: str) -> str:
    if len(line) > LONGEST:
        raise Stop(f"{where} has {len(line):,} characters; put each text on a line of its own")
    if not line.startswith("{"):
        return line
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Stop(f"{where} begins as JSON and cannot be read: {error}") from error
    text = item.get("text", item.get("body"))
    if not isinstance(text, str):
        raise Stop(f"{where} has no `text` or `body` with a text in it")
    return " ".join(text.split())
