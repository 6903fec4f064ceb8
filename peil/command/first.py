"""`peil overview` and `peil demo`: what a person sees first."""

import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from dashboard.listening import try_doors
from dashboard.site import Site
from index.answers import Answers
from peil.command.accounting import stages
from peil.command.session import SessionContext
from peil.command.users import one_time_link
from peil.demo import DAYS, QUESTIONS, fill, make_folder
from peil.display import as_json, bar, console, sparkline, table
from peil.folder import WorkingFolder
from peil.overview import Overview, overview
from peil.pipeline import Pipeline
from peil.roles import DASHBOARD, RoleProcess
from peil.settings import load_settings
from peil.shipped import shipped_config
from peil.supervisor import SIGNALS
from privacy.suppress import text
from stream.clock import SystemClock
from stream.errors import Stop

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
    if site.is_local:
        console().print("Open it in a browser within ten minutes. Ctrl-C ends it.", markup=False)


def demo(
    context: SessionContext,
    directory: Annotated[Path, typer.Argument(help="A folder to make for it.")] = DEMO,
    dashboard: Annotated[
        bool, typer.Option(help="Show the dashboard at the end, until Ctrl-C.")
    ] = True,
) -> None:
    """The whole pipeline over fictional posts of a city that does not exist, in one to four
    minutes; then its dashboard.

    Example: peil demo
    """
    overrides, again = context.obj.overrides, f"peil -C {directory} run --role dashboard"
    if WorkingFolder(directory.absolute()).settings.exists():
        raise Stop(
            f"{directory} is a working folder already: `{again}` shows its dashboard; for a new "
            "demo name another folder, or remove this one"
        )
    if dashboard:
        shipped = load_settings(shipped_config() / "peil.toml", environ={}, overrides=overrides)
        try_doors(Site.of(shipped.dashboard))  # who waited for minutes is to see something
    folder = make_folder(directory)
    settings = load_settings(folder.settings, environ={}, overrides=overrides)
    clock, out = SystemClock(), console()
    console(error=True).print(
        "Making a city of fictional posts and reading them as real ones: one to four minutes.",
        markup=False,
    )
    with Pipeline(folder, settings, clock=clock) as pipeline:
        with stages(lines=clock) as progress:
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
        out.print(f"Its dashboard, when you come back: {again}\n", markup=False)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until there is somebody to end properly
        show = RoleProcess(
            folder.root,
            settings,
            roles=[DASHBOARD],
            log_level=logging.WARNING,
            listening=show_link,
        )
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
