"""`peil rules backtest`: what a rule would have caught, and how well."""

from typing import Annotated

import typer

from index.backtest import ALL_ASIDES, IN_BRIEF
from index.results import Counts, Texts
from index.subject import Subject
from index.trial import Backtest, Change, Part
from peil.command.period import Since, Until, period_of
from peil.command.rules import check_typed
from peil.command.session import SessionContext
from peil.display import as_json, bar, console, say, sparkline, table
from peil.subjects import Subjects
from privacy.suppress import text

NOISE = (
    "Counts are those that may be shown: each is off by a few posts, so that parts need not add up "
    "to the whole, nor one count be smaller than another that holds it."
)
TITLES = {
    "recent": "Everything that came in during the last two to three days",
    "kept": "What was kept, also what came in before that",
}
LONG = 30
"""So many branches and entries are shown; `--json` has them all."""

Rule = Annotated[
    str, typer.Argument(metavar="RULE", help="A rule's id, or RULE@VERSION; or give --query.")
]
Query = Annotated[str | None, typer.Option(help="A query, in place of a rule.")]


def backtest(
    context: SessionContext,
    rule: Rule = "",
    query: Query = None,
    against: Annotated[
        str, typer.Option(help="Compare with this RULE or RULE@VERSION; else the active version.")
    ] = "",
    since: Since = "",
    until: Until = "",
    texts: Annotated[
        int, typer.Option(min=0, max=50, help="Also draw so many texts that were kept.")
    ] = 0,
    brief: Annotated[
        bool, typer.Option("--brief", help="Only by day and language: at once, while you write.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a rule would have caught: by day, language, source and other rule, what each of its
    branches and entries earned, and what it would gain and lose. Texts that no rule matched are
    counted and never shown.

    Example: peil rules backtest woningnood
    """
    with context.obj.pipeline() as pipeline:
        subjects = pipeline.subjects()
        subject = meant(subjects, rule, query)
        period = period_of(since, until, zone=pipeline.settings.timezone)
        answers = pipeline.answers()
        done = answers.backtest(
            subject,
            against=subjects.against(against, subject),
            asides=IN_BRIEF if brief else ALL_ASIDES,
            **period,
        )
        drawn = answers.texts(subject, limit=texts, **period) if texts else None
    if json:
        rows = [] if drawn is None else drawn.rows()
        print(as_json({"rule": subject.name, **done.told(), "texts": rows}))  # noqa: T201  (JSON is the answer)
    else:
        _show(subject, done, drawn)


def suggest(
    context: SessionContext,
    rule: Rule = "",
    query: Query = None,
    since: Since = "",
    until: Until = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many words.")] = 30,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Words, and pairs of words, that stand out in what a rule finds and that it does not look for
    yet. They are no better than what it finds now: choose those that are about the same.

    Example: peil rules suggest woningnood
    """
    with context.obj.pipeline() as pipeline:
        subject = meant(pipeline.subjects(), rule, query)
        period = period_of(since, until, zone=pipeline.settings.timezone)
        found = pipeline.answers().suggest(subject, limit=limit, **period)
    if json:
        print(as_json({"rule": subject.name, "bias": found.bias, "terms": found.rows()}))  # noqa: T201  (the same)
        return
    say(f"From: {TITLES[found.period].lower()}")
    if found.bias:
        say(f"Not a fair sample: {found.bias}.")
    if found.terms:
        console().print(table(found.rows()))
    else:
        say(f"Nothing stands out that {found.k} people or more wrote.")


def meant(subjects: Subjects, rule: str, query: str | None) -> Subject:
    """The one of a rule and a query that was given."""
    if bool(rule) is (query is not None):
        raise typer.BadParameter("give a rule, or --query with a query")
    if query is None:
        return subjects.rule(rule)
    check_typed(query)
    return subjects.typed(query)


def _show(subject: Subject, done: Backtest, drawn: Texts | None) -> None:
    say(f"{subject.name or 'query'}: {' '.join(subject.query.split())}")
    for part in done.parts:
        _show_part(part)
    say(f"\n{NOISE}")
    if drawn is not None:
        say(f"\n{text(drawn.posts, k=drawn.k)} kept posts; some texts of them, drawn at random:")
        if drawn.excerpts:
            console().print(table(drawn.rows()))
        else:
            say(f"none: texts are shown when at least {drawn.k} people wrote them")


def _show_part(part: Part) -> None:
    say(f"\n{TITLES[part.period]}")
    if part.bias:
        say(f"Not a fair sample: {part.bias}.")
    say(
        f"{_number(part.posts, part)} posts, {_share(part.share)} of all "
        f"{_number(part.everything, part)}"
    )
    _show_days(part.days)
    for name, counts in part.by.items():
        _show_counts(name, counts)
    if part.overlap:
        rows = [
            {
                "rule": each.rule,
                "both": each.both,
                "of this": _share(part.share_of(each.both)),
                "all of that rule": _number(each.of_rule, part),
                "of that": _share(each.covered),
            }
            for each in part.overlap
        ]
        console().print(table(rows, title="\nOther rules that match the same posts"))
    if part.change is not None:
        _show_change(part, part.change)
    _show_earned(part)


def _show_days(days: Counts) -> None:
    (name,) = days.dimensions
    values = list(days.cells.values())
    if values:
        first, last = next(iter(days.cells))[0], list(days.cells)[-1][0]
        say(f"written by {name}, {first} to {last}: {sparkline(values)}")


def _show_counts(name: str, counts: Counts) -> None:
    largest = max((posts or 0 for posts in counts.cells.values()), default=0)
    rows = [
        {name: key[0], "posts": posts, "": bar(posts, largest)}
        for key, posts in counts.cells.items()
    ]
    if rows:
        console().print(table(rows, title=f"\nBy {name}"))


def _show_change(part: Part, change: Change) -> None:
    say(
        f"\nAgainst {change.against} with {_number(change.before, part)} posts: "
        f"{_number(change.gained, part)} gained, {_number(change.lost, part)} lost"
    )


def _show_earned(part: Part) -> None:
    some = [each for each in part.earned if each.posts is not None]
    rows = [
        {
            "branch or entry": " ".join(filter(None, (each.of, each.text))),
            "finds": _number(each.posts, part),
            "lost without it": _number(each.only, part),
        }
        for each in sorted(some, key=lambda each: (-(each.only or 0), -(each.posts or 0)))[:LONG]
    ]
    if rows:
        console().print(table(rows, title="\nWhat each branch and entry earned"))
    if len(some) > LONG:
        say(f"and {len(some) - LONG} more; --json has them all")
    none = [each.text for each in part.earned if each.posts is None]
    if none:
        say(f"\nFewer than {part.k} people or none: {', '.join(none)}")
    if part.branches_left_out:
        say(f"{part.branches_left_out} more branches and entries were not looked at")
    for each in part.taken_out:
        say(f"{each.text} keeps out {_number(each.posts, part)}")


def _number(posts: int | None, part: Part) -> str:
    return f"{posts:,}" if posts is not None else text(None, k=part.k)


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
