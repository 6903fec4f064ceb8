"""`peil rules sync`, `review`, `activate` and what else becomes of a version of a rule."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from peil.command.session import SessionContext
from peil.command.version import Rule, parted
from peil.display import as_json, console, table
from peil.pipeline import Pipeline
from peil.rulebook import SINGLE_AUTHOR
from privacy.characters import repair
from rules.life.descriptions import Redescribed, differences
from rules.life.exporting import export as write_back
from rules.life.history import OUTGOING_MS, OVER, Change, State
from rules.life.library import Standing, version_of
from rules.life.publishing import has_published
from rules.life.syncing import Synced, guarded
from rules.life.versions import Version as VersionOfRule
from stream.clock import to_datetime
from stream.errors import Stop

MEANT: dict[State, tuple[frozenset[State], ...]] = {
    "reviewed": (frozenset({"draft"}), OVER),
    "shadow": (frozenset({"reviewed"}), frozenset({"draft"})),
    "active": (frozenset({"shadow"}), frozenset({"reviewed"}), frozenset({"draft"}), OVER),
}
"""Of which states is the version that is meant when none is named: the newest one of the first
of these that there is. An old version that expired is not meant before a newer one that was
withdrawn.
"""

OTHERWISE = "described otherwise"
"""In the history, where else a state is: what stands beside the query changed, the state not."""

IN_A_CELL = 90

NOT_YET = "Nothing counts before the first `peil run` or `peil import`."
NEXT_BATCH = "It is published: a running peil takes it over with its next batch."

Version = Annotated[
    str, typer.Option(help="Which version, as `peil rules history` shows them; else the newest.")
]
Note = Annotated[str, typer.Option(help="Why, for whoever reads the history.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def sync(
    context: SessionContext,
    directory: Annotated[
        Path | None, typer.Argument(help="A folder with rules/ and lists/; else config.")
    ] = None,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Only as drafts, also with a single author.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring changed files in: each is a new version of its rule, and a draft at first.

    Example: peil rules sync
    """
    with context.obj.pipeline() as pipeline:
        if directory is not None and not (directory / "rules").is_dir():
            raise Stop(f"{directory} has no folder rules/; name the folder that holds it")
        book = pipeline.book
        if directory is not None:
            book = guarded(pipeline.book_in(directory), by=book)
        found = pipeline.rulebook.sync(book, as_drafts=drafts, whole=directory is None)
        alone = pipeline.settings.rules.single_author
    if json:
        print(as_json([msgspec.to_builtins(each) for each in found]))  # noqa: T201  (JSON is the answer)
    else:
        _show(found)
        if alone:
            console().print(f"Note: {SINGLE_AUTHOR}.", markup=False)
    if any(each.what == "wrong" for each in found):
        raise typer.Exit(1)


def export(
    context: SessionContext,
    directory: Annotated[
        Path | None, typer.Argument(help="Where to write rules/ and lists/; else config.")
    ] = None,
    json: Json = False,
) -> None:
    """Write rules and lists back to files, as they were brought in last; a sync of those changes
    nothing.

    Example: peil rules export backup
    """
    with context.obj.pipeline() as pipeline:
        written = write_back(pipeline.rulebook.library, directory or pipeline.folder.config)
    if json:
        print(as_json([str(path) for path in written]))  # noqa: T201  (JSON is the answer)
        return
    for path in written:
        console().print(str(path), markup=False)
    console().print(f"{len(written)} files written; the others are as they should be.")


def history(context: SessionContext, rule: Rule, json: Json = False) -> None:
    """All that became of a rule's versions and of what stands beside their queries: when, by whom,
    and why.

    Example: peil rules history woningnood
    """
    rule, version = parted(rule)
    with context.obj.pipeline() as pipeline:
        standings = pipeline.rulebook.standings_of(rule)
        library = pipeline.rulebook.library
        rows = _rows(library.history(rule), library.redescribed(rule))
    if version:
        wanted = version_of(rule, standings, version).change.version
        rows = [row for row in rows if row["version"] == wanted]
    if json:
        print(as_json(rows))  # noqa: T201  (JSON is the answer)
    else:
        console().print(table([{**row, "note": repair(row["note"]).text} for row in rows]))


def review(
    context: SessionContext,
    rule: Rule,
    version: Version = "",
    note: Note = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Review the newest version, and do not ask which.")
    ] = False,
    json: Json = False,
) -> None:
    """Say that you looked at a version, or at what its file says otherwise now, and find it right.
    Somebody else brought it in. Without a version you are asked whether it is the newest one.

    Example: peil rules review woningnood --note "looked at 50 posts, two were wrong"
    """
    _advance(context, rule, version, "reviewed", note=note, json=json, ask=not yes)


def shadow(
    context: SessionContext, rule: Rule, version: Version = "", note: Note = "", json: Json = False
) -> None:
    """Count a version without showing it, or keeping a post for it.

    Example: peil rules shadow woningnood
    """
    _advance(context, rule, version, "shadow", note=note, json=json)


def activate(
    context: SessionContext, rule: Rule, version: Version = "", note: Note = "", json: Json = False
) -> None:
    """Let a version count. The one before is counted beside it for two weeks, not shown.

    Example: peil rules activate woningnood
    """
    _advance(context, rule, version, "active", note=note, json=json)


def withdraw(
    context: SessionContext,
    rule: Rule,
    version: Annotated[str, typer.Option(help="Only this version; else all that count.")] = "",
    note: Note = "",
    json: Json = False,
) -> None:
    """Stop a rule: a running peil drops it with its next batch. What it matched stays.

    Example: peil rules withdraw woningnood --note "it matches names of streets"
    """
    rule, version = parted(rule, version)
    with context.obj.pipeline() as pipeline:
        standings = pipeline.rulebook.standings_of(rule)
        if version:
            named = version_of(rule, standings, version).change.version
            changes = pipeline.rulebook.move(rule, [named], "withdrawn", note=note)
        else:
            changes = pipeline.rulebook.withdraw(rule, note=note)
        _tell(pipeline, changes, json=json)
    if not changes and not json:
        console().print(f"No version of {rule} counts.", markup=False)


def _advance(
    context: SessionContext,
    rule: str,
    version: str,
    state: State,
    *,
    note: str,
    json: bool,
    ask: bool = False,
) -> None:
    rule, version = parted(rule, version)
    with context.obj.pipeline() as pipeline:
        pipeline.book.check_read(rule)
        book = pipeline.rulebook
        standings = book.standings_of(rule)
        waiting = {
            each.change.version: asked
            for each in standings
            if state == "reviewed" and (asked := book.asked(each, pipeline.book)) is not None
        }
        if version:
            standing = version_of(rule, standings, version)
        elif waiting:
            standing = next(each for each in standings if each.change.version in waiting)
        else:
            standing = _meant(standings, state)
        wanted = waiting.get(standing.change.version)
        if lacks := book.lacks(wanted or standing.version, pipeline.book):
            raise Stop(
                f"{standing.change.name} is not ready to be {state}:\n"
                + "\n".join(f"  {each}" for each in lacks)
            )
        if wanted is None:
            book.check_following(standing, state)
        if ask and not version:
            _ask(standing, "" if wanted is None else _otherwise(standing, wanted))
        changes = (
            book.move(rule, [standing.change.version], state, note=note, seen=[standing])
            if wanted is None
            else book.renew(standing, pipeline.book)
        )
        _tell(pipeline, changes, json=json)


def _ask(standing: Standing, otherwise: str) -> None:
    """Stop unless somebody says that this is the version that they looked at."""
    held = standing.change
    if not sys.stdin.isatty():
        raise Stop(
            f"which version did you look at? Name it: `peil rules review {held.rule} --version "
            f"{held.version}`; or --yes, for the newest one whatever it is"
        )
    told = f"{held.name} is {held.state}, since {to_datetime(held.at):%Y-%m-%d %H:%M} by {held.by}."
    console(error=True).print(told, otherwise, markup=False)
    if not typer.confirm("Is that what you looked at?", err=True):
        raise Stop("nothing was reviewed; name a version with --version")


def _otherwise(standing: Standing, wanted: VersionOfRule) -> str:
    said = "; ".join(differences(standing.version, wanted))
    return f"Its file says otherwise now: {repair(said).text}."


def _meant(standings: Sequence[Standing], state: State) -> Standing:
    for before in MEANT[state]:
        for each in reversed(standings):
            if each.state in before:
                return each
    raise Stop(
        f"no version of {standings[0].change.rule} can become {state}: it has "
        f"{_listed(standings)}; after a change of its file comes `peil rules sync`"
    )


def _listed(standings: Sequence[Standing]) -> str:
    return ", ".join(f"{each.change.version} ({each.state})" for each in standings)


def _show(found: Sequence[Synced]) -> None:
    found = [msgspec.structs.replace(each, says=repair(each.says).text) for each in found]
    rows = [
        {
            "rule": each.rule,
            "file": each.what,
            "version": each.version,
            "state": each.state or "",
            "note": _short(each.says),
        }
        for each in found
        if each.what != "same" or each.says
    ]
    if rows:
        console().print(table(rows))
    for each in found:
        if _short(each.says) != each.says:
            console().print(f"\n{each.rule}: {each.says}\n", markup=False)
    same = len(found) - len(rows)
    console().print(f"{same} of {len(found)} rules are as they were." if found else "No rules.")


def _short(text: str) -> str:
    """What of a long text stands in a table; the rest stands below it."""
    first, _, more = text.partition("\n")
    return text if not more and len(text) <= IN_A_CELL else f"{first[: IN_A_CELL - 1]}…"


def _tell(pipeline: Pipeline, changes: Sequence[Change], *, json: bool) -> None:
    if json:
        _print(changes)
        return
    for each in changes:
        until = to_datetime(each.at + OUTGOING_MS).date()
        more = f" until {until}: counted, not shown" if each.state == "outgoing" else ""
        console().print(f"{each.name} is {each.state}{more}.", markup=False)
    began = has_published(pipeline.broker)
    if any(each.state != "reviewed" for each in changes):
        console().print(NEXT_BATCH if began else NOT_YET, markup=False)


def _print(changes: Sequence[Change]) -> None:
    print(as_json(_rows(changes)))  # noqa: T201  (JSON is the answer)


def _rows(
    changes: Sequence[Change], redescribed: Sequence[Redescribed] = ()
) -> list[dict[str, str]]:
    told: list[tuple[Change | Redescribed, str, str]] = [
        *((each, each.state, each.note) for each in changes),
        *((each, OTHERWISE, each.what) for each in redescribed),
    ]
    return [
        {
            "rule": each.rule,
            "version": each.version,
            "state": state,
            "at": f"{to_datetime(each.at):%Y-%m-%dT%H:%M:%SZ}",
            "by": each.by,
            "note": note,
        }
        for each, state, note in sorted(told, key=lambda row: row[0].at)
    ]
