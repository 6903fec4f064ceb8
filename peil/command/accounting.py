"""How collecting shows on the terminal: progress while it works, then what became of what."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from peil.display import as_json, console, table
from peil.importing import Accounting, Progress
from peil.pipeline import Pipeline
from stream.clock import Clock

LINE_MS = 10_000


@contextmanager
def stages(*, lines: Clock | None = None) -> Generator[Progress]:
    """Bars for the stages that an item passes, on a terminal, gone at the end. Elsewhere nothing,
    or with the clock `lines` a line every ten seconds.
    """
    screen = console(error=True)
    if lines is not None and not screen.is_terminal:
        yield _in_lines(screen, lines)
        return
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
    with bars:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, items: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], advance=items, total=total)

        yield tell


def _in_lines(screen: Console, clock: Clock) -> Progress:
    passed: dict[str, int] = {}
    last = clock.elapsed()

    def tell(stage: str, items: int, _total: int | None) -> None:
        nonlocal last
        passed[stage] = passed.get(stage, 0) + items
        if clock.elapsed() - last >= LINE_MS:
            last = clock.elapsed()
            said = ", ".join(f"{count:,} {name}" for name, count in passed.items())
            screen.print(f"So far {said}.", markup=False)

    return tell


def show(pipeline: Pipeline, result: Accounting, *, json: bool) -> None:
    """What became of every item, and what the index holds now."""
    if json:
        print(as_json({"read": result.account.read, "outcomes": result.rows()}))  # noqa: T201  (that is what --json asks for)
        return
    for warning in result.account.warnings:
        console(error=True).print(f"Note: {warning}", markup=False)
    console().print(f"{result.account.read} items read")
    if rows := result.rows():
        console().print(table(rows))
    if not result.drained:
        return
    languages = pipeline.answers(purpose="accounting of an import").top("", by="language")
    if languages.cells:
        console().print(table(languages.rows(), title="\nWhat the index holds, by language"))
