"""`peil expire`, `erase`, `quarantine` and `doctor`: what operators need to know and do."""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from peil.command.session import SessionContext
from peil.diagnosis import diagnose
from peil.display import as_json, console, table
from peil.granting import set_up
from peil.housekeeping import keep_house, take_out_erased
from peil.pipeline import Pipeline
from stream.broker import Entry
from stream.clock import HOUR_MS, to_datetime
from stream.codec import encode
from stream.errors import Retry, Stop
from stream.events import AuthorDelete, Delete
from stream.quarantine import QuarantinedRecord
from stream.topics import POSTS, TEXT_RETENTION_MS
from stream.version import MAX_REV, of_delete

FEW = 5
FOREVER = 2**62
"""Unix ms: a post that was erased on request does not come back when its term is over."""

PASSWORDS = Path("/run/secrets")
"""Where containers get them."""

quarantine = typer.Typer(help="What could not be handled, and why.", no_args_is_help=True)


def drain(pipeline: Pipeline) -> None:
    """Do all that waits, and keep house; Retry when a `peil run` is up, which does it itself."""
    with pipeline.indexing() as mine:
        if not mine:
            raise Retry("a `peil run` is up and does this itself within the hour")
        pipeline.enrich_worker().drain()
        pipeline.index_worker().drain()
        report = keep_house(pipeline)
    console().print(
        f"Dropped {len(report.partitions)} partitions and {report.records} log records; blanked "
        f"{report.blanked} erased records; rewrote {report.rewritten} posts beside erased ones; "
        f"destroyed {report.keys} keys.",
        markup=False,
    )


def expire(
    context: SessionContext,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="The index came from a backup: take out what was erased since."
        ),
    ] = False,
) -> None:
    """Drop everything whose time is over, now; `peil run` does it every hour."""
    with context.obj.pipeline() as pipeline:
        if restored:
            with pipeline.indexing() as mine:
                if not mine:
                    raise Retry("end `peil run` first: a restored index is not to be served yet")
                pipeline.upgrade_store()
                taken = take_out_erased(pipeline)
            console().print(f"Took out {taken} posts that were erased before.", markup=False)
        pipeline.publish_rules()
        drain(pipeline)


def erase(
    context: SessionContext,
    platform: Annotated[str, typer.Option(help="The platform, as posts name it.")],
    author: Annotated[
        bool, typer.Option("--author", help="Read an account's id from standard input.")
    ] = False,
    post: Annotated[
        bool, typer.Option("--post", help="Read a post's native id from standard input.")
    ] = False,
) -> None:
    """Erase everything of an account, or one post, everywhere and for good.

    The id is read from standard input, so that it stays out of the shell's history, and is
    taken exactly as the platform or the file writes it: peil erase --platform file --author
    """
    if author == post:
        raise typer.BadParameter("say what to erase: --author or --post")
    native = sys.stdin.readline().strip()
    if not native:
        raise Stop("nothing came in on standard input; type the id and press Enter")
    with context.obj.pipeline() as pipeline:
        if author:
            _erase_author(pipeline, platform, native)
        else:
            _erase_post(pipeline, platform, native)
        if pipeline.backend.is_served():
            console().print("Noted; the running peil takes it out of every file within the hour.")
            return
        pipeline.publish_rules()
        drain(pipeline)
    console().print("Erased.")


# First the event: a kill after it costs nothing, because whoever reads it does the rest.


def _erase_author(pipeline: Pipeline, platform: str, author: str) -> None:
    now = pipeline.clock.now()
    pseudonyms = pipeline.keys.authors(platform, author)
    event = AuthorDelete(pseudonyms, MAX_REV)
    pipeline.broker.append(POSTS.name, [Entry(event.key, encode(event))])
    pipeline.ledger.add_authors(pseudonyms, until=now + pipeline.retention_ms)
    pipeline.ledger.object(pipeline.keys.objection(platform, author), since=now)


def _erase_post(pipeline: Pipeline, platform: str, native_id: str) -> None:
    event = Delete(pipeline.keys.post_id(platform, native_id), of_delete(MAX_REV), source="erasure")
    pipeline.broker.append(POSTS.name, [Entry(event.key, encode(event))])
    pipeline.ledger.add_posts({event.id: event.version}, until=FOREVER)


@quarantine.command(name="list")
def list_(context: SessionContext) -> None:
    """What is in quarantine by origin and reason, and the numbers of the items."""
    groups: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    with context.obj.pipeline() as pipeline:
        for number, item in pipeline.quarantine.items():
            kind, origin = (
                ("record", item.worker)
                if isinstance(item, QuarantinedRecord)
                else ("skeleton", item.source)
            )
            groups[kind, origin, item.why].append((number, item.at))
    rows = [
        {
            "kind": kind,
            "origin": origin,
            "why": why,
            "items": len(found),
            "numbers": ", ".join(str(number) for number, _ in found[:FEW])
            + (" …" if len(found) > FEW else ""),
            "since": to_datetime(found[0][1]).strftime("%Y-%m-%d %H:%M"),
        }
        for (kind, origin, why), found in groups.items()
    ]
    if not rows:
        console().print("The quarantine is empty.")
        return
    console().print(table(rows))
    console().print(
        "`peil quarantine show NUMBER` shows one; `peil quarantine replay` puts records back, once "
        f"the cause is mended. After {TEXT_RETENTION_MS // HOUR_MS} hours all of it is gone.",
        markup=False,
    )


@quarantine.command()
def show(
    context: SessionContext, number: Annotated[int, typer.Argument(help="Its number in the list.")]
) -> None:
    """Where one item came from and what it looked like; never a text."""
    with context.obj.pipeline() as pipeline:
        item = dict(pipeline.quarantine.items()).get(number)
    if item is None:
        raise Stop(f"there is no number {number} in quarantine; see `peil quarantine list`")
    held = msgspec.to_builtins(item)
    if isinstance(item, QuarantinedRecord):
        held["value"] = f"{len(item.value)} bytes"
    print(as_json(held))  # noqa: T201  (JSON is the answer)


@quarantine.command()
def replay(
    context: SessionContext,
    numbers: Annotated[list[int] | None, typer.Argument(help="Their numbers; none: all.")] = None,
) -> None:
    """Put records back on the topic they came from, after the cause was mended."""
    with context.obj.pipeline() as pipeline:
        there = [number for number, _ in pipeline.quarantine.items()]
        chosen = numbers or there
        if unknown := sorted(set(chosen) - set(there)):
            raise Stop(
                f"there is no number {', '.join(map(str, unknown))} in quarantine; see `peil "
                "quarantine list`"
            )
        replayed = pipeline.quarantine.replay(chosen)
    console().print(
        f"{replayed} records are back in the log; skeletons stay: `peil sources remap` reads their "
        "files again.",
        markup=False,
    )


def doctor(
    context: SessionContext,
    setup: Annotated[
        bool,
        typer.Option(
            "--setup",
            help="As the servers' administrators: make tables, topics, the template of indices, "
            "and a user for each role.",
        ),
    ] = False,
    passwords: Annotated[
        Path,
        typer.Option(help="With --setup: where the roles' passwords are, as ROLE-SERVER."),
    ] = PASSWORDS,
) -> None:
    """What is wrong with this working folder and its servers, and how to mend it."""
    with context.obj.pipeline() as pipeline:
        findings = list(set_up(pipeline, passwords)) if setup else diagnose(pipeline)
    console().print(table([msgspec.structs.asdict(each) for each in findings]))
    if any(each.state == "wrong" for each in findings):
        raise typer.Exit(1)
