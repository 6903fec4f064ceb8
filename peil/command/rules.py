"""`peil rules`: the rules, what is wrong with them, and what their examples say."""

from typing import Annotated

import typer

from peil.command.session import SessionContext
from peil.display import console, table
from peil.guidance import read_over
from rules.documents import Example, activate, asks_for_more, example_post, run_examples
from rules.evaluator import evaluate
from rules.explain import in_context
from rules.lint import check as lint
from rules.parser import parse
from stream.clock import to_datetime
from stream.errors import Stop

application = typer.Typer(help="The rules that name phenomena.", no_args_is_help=True)


@application.command(name="list")
def list_(context: SessionContext) -> None:
    """Every rule with its version and expiry, and every keyword list."""
    with context.obj.pipeline() as pipeline:
        book = pipeline.book
    lookup = book.lookup()
    rows = [
        {
            "rule": rule.id,
            "version": activate(rule, lookup).version,
            "title": rule.title,
            "owner": rule.owner,
            "expires": rule.expires.isoformat(),
        }
        for rule in book.rules.values()
    ]
    console().print(table(rows))
    lists = [
        {"list": f"${each.id}", "version": each.version, "entries": len(each.entries)}
        for each in book.lists.values()
    ]
    console().print(table(lists, title="\nKeyword lists"))


@application.command()
def check(context: SessionContext) -> None:
    """What is wrong with the rules and their guidance; fails when a rule cannot run."""
    with context.obj.pipeline() as pipeline:
        today = to_datetime(pipeline.clock.now()).date()
        findings = [
            *lint(pipeline.book, today=today),
            *read_over(pipeline.folder.config, pipeline.book),
        ]
    for finding in findings:
        console().print(f"{finding.severity} {finding.document}: {finding.message}", markup=False)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
    console().print("The rules can run.")


@application.command()
def test(context: SessionContext) -> None:
    """Run every example of every rule and list; fails when one does."""
    with context.obj.pipeline() as pipeline:
        outcomes = run_examples(pipeline.book, enrich=pipeline.enrich_example)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        console().print(str(outcome), markup=False)
    console().print(f"{len(outcomes) - len(failed)} examples pass, {len(failed)} fail.")
    if failed:
        raise typer.Exit(1)


@application.command()
def explain(
    context: SessionContext,
    rule: Annotated[str, typer.Argument(help="A rule's id, or a query.")],
    post: Annotated[str, typer.Argument(metavar="TEXT", help="A text that you wrote.")],
) -> None:
    """Whether a rule or query matches a text, and by which words.

    Example: peil rules explain "geen NEAR/3 woning" "al jaren geen betaalbare woning"
    """
    if not post.strip():
        raise Stop("the text is empty; write one")
    with context.obj.pipeline() as pipeline:
        book, zone = pipeline.book, pipeline.settings.timezone
        enrich = pipeline.enrich_example
    query = book.rules[rule].query if rule in book.rules else rule
    parsed = parse(query, lists=book.lookup())
    for note in parsed.notes:
        console().print(f"Note: {note.message}", markup=False)
    example = example_post(Example(post))
    if asks_for_more(parsed.tree):
        example = enrich(example)
    outcome = evaluate(parsed.tree, example, timezone=zone)
    if not outcome.matched:
        console().print("It does not match.")
        raise typer.Exit(1)
    console().print("It matches:")
    for span in outcome.spans:
        words = in_context(example, span)
        console().print(f"  {words.left}[{words.keyword}]{words.right}", markup=False)
