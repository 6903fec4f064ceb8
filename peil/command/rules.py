"""`peil rules`: the rules, what is wrong with them, and what their examples say."""

import difflib
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from peil.command import findings, reasons
from peil.command.session import SessionContext
from peil.display import as_json, console, table
from peil.frequencies import look_up
from peil.guidance import personal, read_over
from peil.looks.rules import told
from peil.pipeline import Pipeline
from peil.rulebook import SINGLE_AUTHOR
from privacy.characters import repair
from rules.documents import Book, Example, asks_for_more, example_post, run_examples
from rules.errors import Note
from rules.evaluator import evaluate
from rules.explain import InContext, Reason, in_context
from rules.explain import explain as why
from rules.files import sound
from rules.life.states import states
from rules.lint.findings import Finding
from rules.lint.linter import check as lint
from rules.lint.linter import known_of
from rules.lint.meaning import Known, lint_query
from rules.parser import parse
from rules.words import asks_for_words
from stream.clock import to_datetime
from stream.errors import Stop

application = typer.Typer(help="The rules that name phenomena.", no_args_is_help=True)


@application.command(name="list")
def list_(
    context: SessionContext,
    drift: Annotated[
        bool,
        typer.Option(
            "--drift",
            help="Say also which match clearly more or less than before, by the index.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Every rule with its version, what became of it and its expiry, and every keyword list."""
    with context.obj.pipeline() as pipeline:
        book = pipeline.book
        found = states(book, pipeline.rulebook.library.standings())
        active = [each.rule for each in found if each.active]
        drifts = pipeline.answers().drifts(active) if drift else ()
        alone = pipeline.settings.rules.single_author
    if json:
        said = {
            "single_author": alone, "rules": found, "unread": book.unread, "drifts": drifts
        }  # fmt: skip
        print(as_json(msgspec.to_builtins(said)))  # noqa: T201  (JSON is the answer)
        return
    rows = [
        {
            "rule": each.rule,
            "version": each.version,
            "state": each.state,
            "active": each.active if each.active != each.version else "",
            "title": repair(each.title).text,
            "owner": repair(each.owner).text,
            "expires": each.expires.isoformat(),
        }
        for each in found
    ]
    console().print(table(rows))
    unread = {each.name for each in book.unread}
    lists = [
        {"list": f"${each.id}", "version": each.version, "entries": len(each.entries)}
        for each in book.lists.values()
    ]
    console().print(table(lists, title="\nKeyword lists"))
    notes = [f"Not read: {each}" for each in book.unread]
    notes += [
        f"{each.rule}: {each.says}" for each in found if each.says and each.rule not in unread
    ]
    for note in notes:
        console().print(f"\n{repair(note).text}", markup=False)
    for each in drifts:
        console().print(f"Drift: {told(each)}.", markup=False)
    if alone:
        console().print(f"\nNote: {SINGLE_AUTHOR}.", markup=False)


@application.command()
def check(
    context: SessionContext,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RULE…", help="Rules, and lists such as $wijken; else all."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="Check this query instead, as a search.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(help="Show what a check is about, such as R204; or all of them.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What is wrong with the rules and their guidance; fails when a rule cannot run.

    Examples: peil rules check woningnood
    peil rules check --query "(fatbike OR fatbikes) NEAR/5 overlast"
    """
    if explain is not None:
        console().print(findings.explained(explain), markup=False)
        return
    if query is not None and names:
        raise typer.BadParameter("--query is checked by itself: leave out the names")
    with context.obj.pipeline() as pipeline:
        frequencies, lacking = look_up(pipeline)
        known = known_of(pipeline.book, personal=personal, frequencies=frequencies)
        found = (
            _of_folder(pipeline, known, only=names or None)
            if query is None
            else lint_query(query, known=known)
        )
    if json:
        print(as_json(msgspec.to_builtins(found)))  # noqa: T201  (that is what --json asks for)
    else:
        if found:
            console().print(findings.shown(found))
        if lacking:
            console().print(f"How much they take in was not looked at: {lacking}.", markup=False)
        console().print(findings.summary(found, of_rules=query is None), markup=False)
    if any(each.severity == "error" for each in found):
        raise typer.Exit(1)


def _of_folder(pipeline: Pipeline, known: Known, *, only: Sequence[str] | None) -> list[Finding]:
    """The findings of all rules, lists and guidance, or of those that are called so."""
    book = pipeline.book
    unread = [each.name for each in book.unread]
    there = [*book.rules, *(f"${name}" for name in book.lists), *unread]
    for name in only or ():
        if name not in there:
            raise Stop(f"there is no rule or list {name!r}; `peil rules list` shows them")
    today = to_datetime(pipeline.clock.now()).date()
    found = [
        *lint(book, today=today, known=known, only=only),
        *read_over(pipeline.folder.config, book),
    ]
    return [each for each in found if only is None or each.document in only]


@application.command(name="test")
def try_examples(
    context: SessionContext,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run every example of every rule and list, and say why one fails; fails when one does."""
    with context.obj.pipeline() as pipeline:
        book, enrich = sound(pipeline.book), pipeline.enrich_example
        unread = [str(each) for each in book.unread]
        outcomes = run_examples(book, enrich=enrich)
        failed = [
            (each, _explained(_query_of(each.document, book), each.example, pipeline).why)
            for each in outcomes
            if not each.passed
        ]
    if json:
        rows = [{"example": each, "why": reason} for each, reason in failed]
        result = {
            "pass": len(outcomes) - len(failed), "fail": msgspec.to_builtins(rows), "unread": unread
        }  # fmt: skip
        print(as_json(result))  # noqa: T201  (that is what --json asks for)
    else:
        for file in unread:
            console().print(f"Not read: {file}", markup=False)
        for each, reason in failed:
            console().print(str(each), markup=False)
            console().print(reasons.shown(reason))
        console().print(f"{len(outcomes) - len(failed)} examples pass, {len(failed)} fail.")
    if failed or unread:
        raise typer.Exit(1)


@application.command()
def explain(
    context: SessionContext,
    rule: Annotated[str, typer.Argument(help="A rule's id, or a query.")],
    post: Annotated[str, typer.Argument(metavar="TEXT", help="A text that you wrote.")],
    lang: Annotated[str, typer.Option(help="The language of the text, such as nl.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether a rule or query matches a text, by which words, and if not, what failed first.

    Example: peil rules explain "geen NEAR/3 woning" "al jaren geen betaalbare woning"
    """
    if not post.strip():
        raise Stop("the text is empty; write one")
    with context.obj.pipeline() as pipeline:
        query = query_of(rule, pipeline.book)
        explained = _explained(query, Example(post, lang=lang), pipeline)
    if json:
        print(as_json(msgspec.to_builtins(explained)))  # noqa: T201  (the same)
    else:
        for note in explained.notes:
            console().print(f"Note: {note.message}", markup=False)
        said = "It matches:" if explained.matches else f"It does not match: {explained.why.why}."
        console().print(said, markup=False)
        for each in explained.words:
            keyword = (f"[{each.keyword}]", "bold green")
            console().print(Text.assemble("  ", each.left, keyword, each.right))
        console().print(reasons.shown(explained.why))
    if not explained.matches:
        raise typer.Exit(1)


def query_of(rule: str, book: Book) -> str:
    """The query of a rule of `book`, or what was typed as one; a likely slip is told."""
    check_typed(rule)
    book.check_read(rule)
    if rule in book.rules:
        return book.rules[rule].query
    for close in difflib.get_close_matches(rule, book.rules, n=1, cutoff=0.8):
        console(error=True).print(
            f"Note: no rule is called {rule!r}, so it is read as a query; did you mean {close}?",
            markup=False,
        )
    return rule


def check_typed(query: str) -> None:
    """Stop when nothing was typed: a script may have filled in nothing for its query."""
    if not query.strip():
        raise Stop("the query is empty; write a word, for example: fatbike")


class _Explained(msgspec.Struct, frozen=True):
    """A text under a query: the words that match, what was read as meant, and why or why not."""

    matches: bool
    words: Sequence[InContext]
    notes: Sequence[Note]
    why: Reason


def _explained(query: str, example: Example, pipeline: Pipeline) -> _Explained:
    parsed = parse(query, lists=pipeline.book.lookup())
    post = example_post(example)
    if asks_for_more(parsed.tree):
        post = pipeline.enrich_example(post)
    zone = pipeline.settings.timezone
    outcome = evaluate(parsed.tree, post, timezone=zone)
    words = [in_context(post, span) for span in outcome.spans]
    reason = why(parsed.tree, post, query=query, timezone=zone)
    notes = parsed.notes
    if asks_for_words(parsed.tree) and not (post.lang and post.lang.value):
        notes = (*notes, Note(1, 1, "no language was recognised in the text: say it with --lang"))
    return _Explained(outcome.matched, words, notes, reason)


def _query_of(document: str, book: Book) -> str:
    """What the examples of a rule or a list are held against."""
    return book.rules[document].query if document in book.rules else f"${document}"
