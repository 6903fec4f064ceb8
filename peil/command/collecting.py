"""`peil sources list|show|run|backfill|pause|resume`: how collecting goes, and a hand on it."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from ingest.account import Account
from ingest.contract import Collector, Rechecking
from ingest.sources import Source
from peil.bulletins import bulletin, bulletins
from peil.command import bulletins as shown
from peil.command.accounting import show as show_account
from peil.command.accounting import stages
from peil.command.period import period_of
from peil.command.session import SessionContext
from peil.declaring import known
from peil.display import as_json, console, say
from peil.importing import bring
from peil.pipeline import Pipeline, actor
from privacy.register import NEVER
from stream.errors import Retry

SourceName = Annotated[str, typer.Argument(help="The source's id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

ENDING = "Ending after the batch at hand; Ctrl-C again ends at once."
LEAVING = "Ending after the batch at hand, then it is indexed; Ctrl-C again leaves that for later."


def sources_(context: typer.Context, json: Json = False) -> None:
    """What may be collected, on which ground, until when, and how it goes; alone: as `list`."""
    if context.invoked_subcommand is None:
        list_(SessionContext(context.command, parent=context, obj=context.obj), json=json)


def list_(context: SessionContext, json: Json = False) -> None:
    """Every source: its state, its runs, what it gives and what is wrong with it.

    Example: peil sources list --json
    """
    with context.obj.pipeline() as pipeline:
        found = bulletins(pipeline)
        if json:
            print(as_json(shown.document(found)))  # noqa: T201  (that is what --json asks for)
            return
        shown.print_table(found, now=pipeline.clock.now(), zone=pipeline.settings.timezone)
        for declaration in pipeline.declarations.values():
            for problem in declaration.problems:
                say(str(problem))
    say(f"\nNever by default: {', '.join(NEVER)} (docs/sources.md says why).")


def show(context: SessionContext, source: SourceName, json: Json = False) -> None:
    """Everything about one source: state, runs, errors, gaps, what was dropped and why.

    Example: peil sources show city-news
    """
    with context.obj.pipeline() as pipeline:
        found = bulletin(pipeline, known(pipeline, source))
        if json:
            print(as_json(shown.document([found])))  # noqa: T201  (the same)
            return
        shown.print_one(found, now=pipeline.clock.now(), zone=pipeline.settings.timezone)


def pause(
    context: SessionContext,
    source: SourceName,
    why: Annotated[str, typer.Option(prompt=True, help="Why, for whoever looks at it later.")],
    until: Annotated[str, typer.Option(help="The day on which it goes on by itself.")] = "",
) -> None:
    """Hold a source up: a run that is going on ends after the batch at hand, and none begins.

    Example: peil sources pause city-news --why "the server's operator asked for it"
    """
    why = " ".join("".join(each if each.isprintable() else " " for each in why).split())
    if not why:
        raise typer.BadParameter("--why is empty: say why, for whoever looks at it later")
    with context.obj.pipeline() as pipeline:
        known(pipeline, source)
        now = pipeline.clock.now()
        end = period_of("", until, zone=pipeline.settings.timezone).get("until")
        if end is not None and end <= now:
            raise typer.BadParameter(f"--until {until} is over: give a day to come")
        pipeline.ingestion.runs.pause(source, actor=actor(), why=why, now=now, until=end)
    ends = f"until {until}" if until else f"until `peil sources resume {source}`"
    say(f"{source} is paused {ends}.")


def resume(context: SessionContext, source: SourceName) -> None:
    """Let a source go on: what it missed meanwhile is collected as far as it is still shown, and
    what failed is tried at once.
    """
    with context.obj.pipeline() as pipeline:
        described = known(pipeline, source)
        failed = pipeline.ingestion.runs.condition(source).failures > 0
        was_paused = pipeline.ingestion.resume(described)
    tried = "; what failed is tried at once" if failed else ""
    say(f"{source} {'goes on' if was_paused else 'was not paused'}{tried}.")


def run(context: SessionContext, source: SourceName, json: Json = False) -> None:
    """Collect from a source now, whatever its schedule, and index it. Then what it showed before
    is looked for again, where a day has passed. One that does not end is read until Ctrl-C, and
    then indexed.

    Example: peil sources run city-news
    """
    with context.obj.pipeline() as pipeline:
        described, collector = _collector(pipeline, source)

        def collect(stopping: Callable[[], bool]) -> Account:
            if collector.endless:  # to end it is to go on to the index
                with until_interrupted(LEAVING) as enough:
                    return pipeline.ingestion.collect(described, collector, stopping=enough)
            account = pipeline.ingestion.collect(described, collector, wait=True, stopping=stopping)
            if isinstance(collector, Rechecking):
                _look_again(pipeline, described, collector, stopping)
            return account

        _bring(pipeline, collect, json=json)


def backfill(
    context: SessionContext,
    source: SourceName,
    since: Annotated[str, typer.Option("--from", help="First day, for example 2026-11-01.")],
    until: Annotated[str, typer.Option("--to", help="Day after the last.")],
    json: Json = False,
) -> None:
    """Collect what was written in a period that is over, where the platform still shows it. The
    same command goes on where one was that was interrupted.

    Example: peil sources backfill city-council --from 2026-11-01 --to 2026-11-08
    """
    with context.obj.pipeline() as pipeline:
        period = period_of(since, until, zone=pipeline.settings.timezone, option="--to")
        start, end = period.get("since"), period.get("until")
        if start is None or end is None:
            raise typer.BadParameter("give both --from and --to, such as 2026-11-01")
        described, collector = _collector(pipeline, source)
        _bring(
            pipeline,
            lambda stopping: pipeline.ingestion.backfill(
                described, collector, start=start, end=end, stopping=stopping
            ),
            json=json,
        )


def _look_again(
    pipeline: Pipeline, source: Source, collector: Rechecking, stopping: Callable[[], bool]
) -> None:
    """Look for what was deleted; a platform that wants to be left alone is asked another time."""
    try:
        pipeline.ingestion.rechecks.all(source, collector, held=pipeline.held, stopping=stopping)
    except Retry as error:
        console(error=True).print(f"Not all posts were looked for again: {error}", markup=False)


def _collector(pipeline: Pipeline, source: str) -> tuple[Source, Collector]:
    """A source that may be collected from, and its collector; the rules are published."""
    described = known(pipeline, source)
    pipeline.register.entry(source)
    pipeline.publish_rules()
    return described, pipeline.ingestion.collector(described)


def _bring(
    pipeline: Pipeline, collect: Callable[[Callable[[], bool]], Account], *, json: bool
) -> None:
    with stages() as progress, until_interrupted() as stopping:
        result = bring(pipeline, lambda: collect(stopping), progress=progress, stopping=stopping)
    show_account(pipeline, result, json=json)


@contextmanager
def until_interrupted(saying: str = ENDING) -> Generator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed in the block. The first ends after the batch at hand; the second
    is for whoever heard of it before: for a block around this one, else it ends at once.
    """
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def note(_number: int, _frame: object) -> None:
        console(error=True).print(saying)
        pressed.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
