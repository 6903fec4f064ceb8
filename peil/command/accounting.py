"""How collecting shows on the terminal: progress while it works, then what became of what."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from peil.display import as_json, console, table
from peil.importing import Accounting, Progress
from peil.pipeline import Pipeline


@contextmanager
def stages() -> Generator[Progress]:
    """Bars for the stages that an item passes, on a terminal, gone at the end."""
    screen = console(error=True)
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
