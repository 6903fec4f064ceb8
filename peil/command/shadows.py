"""`peil rules shadowed` and `backfill`: a version before it counts, and what it makes up for."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from index.versions import Shadowed
from peil.backfilling import Backfilled, backfill
from peil.command.accounting import stages
from peil.command.session import SessionContext
from peil.command.version import Rule, parted
from peil.display import as_json, console, table
from peil.pipeline import Pipeline
from privacy.suppress import text
from rules.life.library import version_of
from rules.life.publishing import published
from stream.errors import Stop


def shadowed(
    context: SessionContext,
    rule: Rule,
    version: Annotated[
        str, typer.Option(help="One version; else all that are counted beside the active one now.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a version counts that is not active: day by day, beside the active one and all posts.

    Example: peil rules shadowed woningnood
    """
    with context.obj.pipeline() as pipeline:
        active, names = _versions(pipeline, *parted(rule, version))
        answers = pipeline.answers()
        found = [answers.shadowed(name, active=active) for name in names]
    if json:
        print(as_json([{**msgspec.structs.asdict(each), "posts": each.rows()} for each in found]))  # noqa: T201  (JSON is the answer)
        return
    for each in found:
        _show(each)


def _versions(pipeline: Pipeline, rule: str, version: str) -> tuple[str, Sequence[str]]:
    """The active version of `rule` (empty: none), and those to be shown beside it."""
    manifest = published(pipeline.broker)
    rules = manifest.rules if manifest is not None else {}
    shadows = manifest.shadows if manifest is not None else {}
    active = f"{rule}@{rules[rule]}" if rule in rules else ""
    if version:
        standings = pipeline.rulebook.standings_of(rule)
        return active, [version_of(rule, standings, version).change.name]
    names = [name for name in shadows if name.partition("@")[0] == rule]
    if not names:
        raise Stop(
            f"no version of rule {rule!r} is counted beside the active one; `peil rules shadow` "
            "begins that, and `--version` shows one that was"
        )
    return active, names


def _show(found: Shadowed) -> None:
    beside = found.active or "no active version"
    console().print(f"{found.shadow}, not shown, beside {beside}", markup=False)
    rows = [
        {
            found.bin: name,
            "not shown": text(shadow, k=found.k),
            "active": text(active, k=found.k),
            "all posts": text(whole, k=found.k),
            "share": f"{shadow / whole:.2%}" if shadow and whole else "",
        }
        for name, (shadow, active, whole) in found.posts.items()
    ]
    if rows:
        console().print(table(rows))
    else:
        console().print(f"Nothing can be shown yet: fewer than {found.k} posts, or none.")


def backfill_(
    context: SessionContext,
    rule: Rule,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Keep what an active rule finds among the posts of the last days that no rule matched.

    They are enriched again and kept like any post that the rule matches. May be run again at any
    time. Example: peil rules backfill woningnood
    """
    with context.obj.pipeline() as pipeline:
        served = pipeline.backend.is_served()
        if not served:
            pipeline.publish_rules()
        with stages() as progress:
            result = backfill(pipeline, rule, progress=progress)
        if json:
            print(as_json({**msgspec.structs.asdict(result), "done": not served}))  # noqa: T201  (JSON is the answer)
        else:
            console().print(_said(result, later=served), markup=False)
        if not served:
            _work_off(pipeline)


def _work_off(pipeline: Pipeline) -> None:
    """Do what waits; a `peil run` that came up meanwhile does it itself."""
    with pipeline.indexing() as mine:
        if mine:
            pipeline.enrich_worker().drain()
            pipeline.index_worker().drain()


def _said(result: Backfilled, *, later: bool) -> str:
    if result.posts is None:
        return f"{result.rule} finds fewer than {result.k} posts more, or none."
    when = "; the running peil takes them in within a minute" if later else ""
    return f"{result.rule} finds about {result.posts} posts more{when}."
