"""`peil sources remap`: read again what could not be read."""

from pathlib import Path
from typing import Annotated

import typer

from peil.command.accounting import show, stages
from peil.command.session import SessionContext
from peil.declaring import known
from peil.display import as_json, console
from peil.remapping import Remapped, remap


def remap_(
    context: SessionContext,
    source: Annotated[str, typer.Argument(help="The source's id.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Where its files are; else those in its folder.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read again, from its files, what is in quarantine of a source: after its format changed and
    [settings.columns], or a newer peil, knows it. What can be read now is indexed and leaves the
    quarantine.

    Example: peil sources remap upload posts.ndjson
    """
    with context.obj.pipeline() as pipeline:
        described = known(pipeline, source)
        with stages() as progress:
            result = remap(pipeline, described, files or [], progress=progress)
        if json:
            said = {"mapped": result.mapped, "failed": result.failed, "gone": dict(result.gone),
                    "outcomes": result.accounting.rows()}  # fmt: skip
            print(as_json(said))  # noqa: T201  (that is what --json asks for)
        else:
            show(pipeline, result.accounting, json=False)
            _tell(result)
    if result.failed or result.gone:
        raise typer.Exit(1)


def _tell(result: Remapped) -> None:
    say = console().print
    say(f"{result.mapped} items left the quarantine.")
    if result.failed:
        say(f"{result.failed} still cannot be read: `peil quarantine list` says why.", markup=False)
    for key, count in result.gone.items():
        say(
            f"{count} are of a file whose hash begins with {key}, which is not there: name the "
            "file, or leave them; they are forgotten within 72 hours.",
            markup=False,
        )
