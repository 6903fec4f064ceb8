"""`peil overview` and `peil demo`: what a person sees first."""

import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from dashboard.site import Site
from index.answers import Answers
from peil.command.accounting import stages
from peil.command.session import SessionContext
from peil.command.users import one_time_link
from peil.demo import DAYS, QUESTIONS, fill, make_folder
from peil.display import as_json, bar, console, sparkline, table
from peil.overview import Overview, overview
from peil.pipeline import Pipeline
from peil.roles import DASHBOARD, RoleProcess
from peil.settings import load_settings
from peil.supervisor import SIGNALS
from privacy.suppress import text
from stream.clock import SystemClock

DEMO = Path("peil-demo")
LANGUAGES = 3


def overview_(
    context: SessionContext,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long the period is.")] = DAYS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Every phenomenon: its size, its change against the period before, languages and tone.

    Example: peil overview --days 7
    """
    with context.obj.pipeline() as pipeline:
        found = _overview(pipeline, pipeline.answers(), days=days)
        k = pipeline.settings.privacy.k
    if json:
        print(as_json({"days": days, "posts": found.posts, "phenomena": found.rows()}))  # noqa: T201  (that is what --json asks for)
    else:
        _show(found, k=k)


def show_link(pipeline: Pipeline) -> None:
    """Say where the dashboard is, with a link on one's own machine."""
    site = Site.of(pipeline.settings.dashboard)
    address = one_time_link(pipeline) if site.is_local else site.link("/")
    console().print(f"The dashboard: {address}", markup=False, soft_wrap=True)


def demo(
    directory: Annotated[Path, typer.Argument(help="A folder to make for it.")] = DEMO,
    dashboard: Annotated[
        bool, typer.Option(help="Show the dashboard at the end, until Ctrl-C.")
    ] = True,
) -> None:
    """The whole pipeline over fictional posts of a city that does not exist, in a minute; then
    its dashboard.

    Example: peil demo
    """
    folder = make_folder(directory)
    settings = load_settings(folder.settings, environ={})
    out = console()
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        with stages() as progress:
            result = fill(pipeline, progress=progress)
        out.print(
            f"{result.account.read} fictional posts went through the gate, the log, "
            f"{len(pipeline.book.rules)} rules and the models; {result.kept} are in the index.\n"
        )
        answers, k = pipeline.answers(), settings.privacy.k
        _show(_overview(pipeline, answers, days=DAYS), k=k)
        for number, (title, query, by) in enumerate(QUESTIONS, 1):
            out.print(f"\n{number}. {title}", style="bold", markup=False)
            words = f'peil -C {directory} search "{query}"' + (f" --by {by}" if by else "")
            out.print(f"   {words}\n", markup=False)
            _answer(answers, query, by, k=k)
    out.print(
        f"\nLook around in {directory}: every command works there (peil -C {directory} --help).\n"
        "Then with your own posts:\n"
        "  peil init my-city               a working folder; write down its purpose\n"
        "  peil sources open upload        on which ground you collect\n"
        "  peil import FILE                an export of 4CAT, Zeeschuimer, or any CSV or NDJSON\n"
        "  peil overview",
        markup=False,
    )
    if dashboard:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until there is somebody to end properly
        with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
            show_link(pipeline)
        out.print("Open it in a browser within ten minutes. Ctrl-C ends it.", markup=False)
        show = RoleProcess(folder.root, settings, roles=[DASHBOARD], log_level=logging.WARNING)
        raise typer.Exit(show(DASHBOARD))


def _overview(pipeline: Pipeline, answers: Answers, *, days: int) -> Overview:
    pipeline.store.reload()
    titles = {rule.id: rule.title for rule in pipeline.book.rules.values()}
    return overview(answers, titles, now=pipeline.clock.now(), days=days)


def _show(found: Overview, *, k: int) -> None:
    rows = [
        {
            "phenomenon": each.title,
            "posts": text(each.posts, k=k),
            "change": "" if each.change is None else f"{each.change:+.0%}",
            "trend": sparkline(list(each.trend.cells.values())),
            "languages": ", ".join(
                f"{key[0]} {posts}"
                for key, posts in list(each.languages.cells.items())[:LANGUAGES]
                if key[0] != "?"
            ),
            "negative": _share(each.tone("negative")),
            "positive": _share(each.tone("positive")),
        }
        for each in found.phenomena
    ]
    sizes = f"{text(found.posts, k=k)} posts, {text(found.before, k=k)} before"
    title = f"The last {found.days} days: {sizes}"
    console().print(table(rows, title=title))
    console().print(
        f"Change is against the {found.days} days before. Less than {k} posts or people are "
        f"never shown (<{k}, · or nothing).",
        style="dim",
    )


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _answer(answers: Answers, query: str, by: str, *, k: int) -> None:
    if not by:
        console().print(table(answers.texts(query, limit=5).rows()))
        return
    if by == "day":
        counts = answers.over_time(query, bin="day")
        console().print(sparkline(list(counts.cells.values())))
    else:
        counts = answers.top(query, by="language")
    shown = [(key[0], posts) for key, posts in counts.cells.items() if posts is not None]
    largest = max((posts for _, posts in shown), default=0)
    drawn = [{by: key, "posts": posts, "": bar(posts, largest)} for key, posts in shown]
    console().print(table(drawn))
    console().print(f"What has less than {k} posts or people is left out.", style="dim")
