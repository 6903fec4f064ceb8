"""`peil search` and `peil series`: questions to the index on the command line."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, TypeVar, get_args

import msgspec
import typer

from index.answers import LongBin
from index.contract import Bin, Dimension, Question
from index.results import Counts
from index.versions import LongSeries
from peil.command.period import period_of
from peil.command.session import SessionContext
from peil.display import Row, as_csv, as_json, bar, console, sparkline, table
from peil.guidance import personal
from peil.pipeline import Pipeline
from privacy.suppress import text
from rules.lint.linter import known_of
from rules.lint.meaning import lint_query
from rules.tree import named
from stream.errors import Stop

BY: Sequence[Dimension] = get_args(Dimension)
BINS: Sequence[Bin] = get_args(Bin)
LONG_BINS: Sequence[LongBin] = get_args(LongBin)

Choice = TypeVar("Choice", bound=str)


def search(
    context: SessionContext,
    query: Annotated[
        str, typer.Argument(help="A query in the rule language; empty: all posts.")
    ] = "",
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    by: Annotated[str, typer.Option(help=f"Count by one of: {', '.join(BY)}.")] = "",
    since: Annotated[str, typer.Option(help="First day, for example 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="Day after the last.")] = "",
    recent: Annotated[
        bool,
        typer.Option("--recent", help="Count what no rule matched and is not gone yet as well."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many texts to draw.")] = 10,
    reason: Annotated[
        str, typer.Option(help="Show whole texts, for this reason; it is logged.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the index: texts drawn at random, a count, or counts by something.

    Examples: peil search "(fatbike OR scooter) NEAR/5 overlast" --by day
    """
    if by and by not in BY:
        raise typer.BadParameter(f"there is no {by!r}; choose one of {', '.join(BY)}")
    _check_output(json=json, csv=csv)
    if count and by:
        raise typer.BadParameter("--count is one number: leave out --count or --by")
    if recent and not (count or by):
        raise typer.BadParameter("what no rule matched is only counted: add --count or --by")
    with context.obj.pipeline() as pipeline:
        answers = pipeline.answers(scope="both" if recent else "kept")
        period = period_of(since, until, zone=pipeline.settings.timezone)
        _note_unknown(pipeline, answers.question(query))
        _note_findings(pipeline, query)
        for problem in pipeline.store.problems():
            console(error=True).print(f"Note: {problem}", markup=False)
        if count:
            result = answers.count(query, **period)
            if not _print(result.rows(), json=json, csv=csv):
                console().print(text(result.posts, k=result.k))
        elif (step := _chosen(by, BINS)) is not None:
            _show(answers.over_time(query, bin=step, by=None, **period), json=json, csv=csv)
        elif (dimension := _chosen(by, BY)) is not None:
            _show(answers.top(query, by=dimension, limit=limit, **period), json=json, csv=csv)
        else:
            texts = answers.texts(query, limit=limit, reason=reason, **period)
            rows = texts.rows()
            if not _print(rows, json=json, csv=csv):
                console().print(
                    f"{text(texts.posts, k=texts.k)} posts"
                    + (
                        ""
                        if rows
                        else f": texts are shown when at least {texts.k} people wrote them"
                    )
                )
                if rows:
                    console().print(table(rows))


def series(
    context: SessionContext,
    rule: Annotated[
        str, typer.Argument(help="A rule's id; empty: all posts, matched or not.")
    ] = "",
    by: Annotated[str, typer.Option(help="Count by week or month.")] = "week",
    versions: Annotated[
        bool,
        typer.Option("--versions", help="Also by version of the rule, and how they compare."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """How large a phenomenon was, week by week, also where the texts are long gone.

    Example: peil series woningnood --by month --versions
    """
    _check_output(json=json, csv=csv)
    with context.obj.pipeline() as pipeline:
        step = _chosen(by, LONG_BINS)
        if step is None:
            raise typer.BadParameter(f"--by {by}: choose one of {', '.join(LONG_BINS)}")
        if versions and not rule:
            raise typer.BadParameter("--versions is about one rule: name it")
        if rule and rule not in pipeline.book.rules:
            raise Stop(f"there is no rule {rule!r}; `peil rules list` shows them")
        found = pipeline.answers().long_series(rule, bin=step)
    if versions:
        _show_versions(found, json=json, csv=csv)
    else:
        _show(found, json=json, csv=csv)


def _show_versions(found: LongSeries, *, json: bool, csv: bool) -> None:
    rows = found.version_rows()
    if json:
        splices = [msgspec.structs.asdict(each) for each in found.splices]
        print(as_json({"versions": rows, "splices": splices}))  # noqa: T201  (that is what --json asks for)
        return
    if _print(rows, json=False, csv=csv):
        return
    posts = found.versions.values()
    console().print(
        table(
            [
                {**row, "posts": text(count, k=found.k)}
                for row, count in zip(rows, posts, strict=True)
            ]
        )
    )
    for each in found.splices:
        console().print(
            f"{each.active} counts {each.factor:g} times as much as {each.outgoing} (between "
            f"{each.low:g} and {each.high:g}, by {each.days} days side by side): multiply what the "
            "older one counted by it.",
            markup=False,
        )


def _check_output(*, json: bool, csv: bool) -> None:
    if json and csv:
        raise typer.BadParameter("choose one of --json and --csv")


def _chosen(name: str, among: Sequence[Choice]) -> Choice | None:
    """The one of `among` that is called `name`."""
    return next((each for each in among if each == name), None)


def _note_findings(pipeline: Pipeline, query: str) -> None:
    """Say on the error output what lint has to say of the question, but for mere hints."""
    known = known_of(pipeline.book, personal=personal)
    for found in lint_query(query, known=known) if query.strip() else ():
        if found.severity != "hint":
            said = f"Note: {found.message} ({found.code}, `peil rules check --explain` says more)."
            console(error=True).print(said, markup=False)


def _note_unknown(pipeline: Pipeline, question: Question) -> None:
    """Say on the error output which rules and sources it names that are not there (any more)."""
    there: Mapping[str, Collection[str]] = {
        "rule": pipeline.book.rules,
        "source": pipeline.sources,
    }
    for name, value in named(question.query) if question.query is not None else ():
        if name in there and value not in there[name]:
            console(error=True).print(f"Note: there is no {name} {value!r} here.", markup=False)


def _print(rows: Sequence[Row], *, json: bool, csv: bool) -> bool:
    if json:
        print(as_json(rows))  # noqa: T201  (that is what --json asks for)
    elif csv:
        print(as_csv(rows), end="")  # noqa: T201  (the same)
    return json or csv


def _show(counts: Counts, *, json: bool, csv: bool) -> None:
    rows = counts.rows()
    if _print(rows, json=json, csv=csv):
        return
    if not rows:
        console().print(f"{text(counts.total, k=counts.k)} posts")
        return
    values = list(counts.cells.values())
    if counts.dimensions[0] in BINS:
        console().print(sparkline(values))
    name = counts.dimensions[0]
    largest = max((value for value in values if value is not None), default=0)
    drawn = [
        {name: row[name], "posts": text(value, k=counts.k), "": bar(value, largest)}
        for row, value in zip(rows, values, strict=True)
    ]
    console().print(table(drawn))
