"""`peil users`: who may enter the dashboard, and as what."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from dashboard.accounts import LONGEST, Accounts, check_roles
from dashboard.roles import MATRIX, Role
from dashboard.sessions import open_sessions
from dashboard.site import Site
from peil.command.session import Session, SessionContext
from peil.display import console, table
from peil.pipeline import Pipeline, actor
from stream.clock import to_datetime
from stream.errors import Stop

ACCOUNTS = "accounts of the dashboard"
"""The purpose that stands in the access log beside a change of accounts."""

application = typer.Typer(
    help="Who may enter the dashboard, and as what. Passwords are asked for, or read from "
    "standard input; they never stand on a command line.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The account's name.")]
Roles = Annotated[
    list[Role], typer.Option("--role", help="What it may do; repeat it for more roles.")
]


@application.command()
def add(context: SessionContext, name: Name, role: Roles) -> None:
    """Make an account.

    Example: peil users add j.devries --role viewer --role analyst
    """
    check_roles(role)  # before somebody thinks of a password
    with _changing(context.obj, "add", name, role) as pipeline:
        _accounts(pipeline).add(name, _password(), role)
    console().print(f"{name} may enter as {', '.join(role)}.", markup=False)


@application.command()
def roles(context: SessionContext, name: Name, role: Roles) -> None:
    """Give an account these roles instead of those it has; counts at once.

    Example: peil users roles j.devries --role officer
    """
    with _changing(context.obj, "roles", name, role) as pipeline:
        _accounts(pipeline).set_roles(name, role)
    console().print(f"{name} is {', '.join(role)} from now on.", markup=False)


@application.command()
def reset(context: SessionContext, name: Name) -> None:
    """Give an account a new password; its open sessions end."""
    with _changing(context.obj, "reset", name) as pipeline:
        accounts = _accounts(pipeline)
        if not accounts.exists(name):  # before somebody thinks of a password
            raise Stop(f"there is no account {name}; `peil users list` shows who there is")
        accounts.reset(name, _password())
        ended = _end_sessions(pipeline, name)
    console().print(f"{name} has a new password; {ended} open sessions ended.", markup=False)


@application.command()
def remove(context: SessionContext, name: Name) -> None:
    """Let an account enter no more. What it did stays in the access log, under a name that nobody
    else is given.
    """
    with _changing(context.obj, "remove", name) as pipeline:
        _accounts(pipeline).remove(name)
        ended = _end_sessions(pipeline, name)
    console().print(f"{name} may not enter any more; {ended} open sessions ended.", markup=False)


@application.command(name="list")
def list_(context: SessionContext) -> None:
    """Every account and its roles, and what each role may do."""
    with context.obj.pipeline() as pipeline:
        rows = [
            {
                "name": each.name,
                "roles": ", ".join(sorted(each.roles)),
                "since": to_datetime(each.created).date().isoformat(),
            }
            for each in _accounts(pipeline).everyone()
        ]
    console().print(table(rows) if rows else "There are no accounts.")
    may = [{"role": role.value, "may": ", ".join(sorted(MATRIX[role]))} for role in Role]
    console().print(table(may, title="\nWhat a role may do"))


@application.command()
def link(context: SessionContext) -> None:
    """Print an address that lets you in once, on this machine, within ten minutes."""
    with context.obj.pipeline() as pipeline:
        print(one_time_link(pipeline))  # noqa: T201  (for a browser, or for another program)


def one_time_link(pipeline: Pipeline) -> str:
    """The address of a running dashboard that lets in whoever may start peil here; Stop where
    others can come as well, and enter with a password.
    """
    settings = pipeline.settings.dashboard
    site = Site.of(settings)
    if not site.is_local:
        raise Stop(
            f"one enters {site.address} with an account: make one with `peil users add NAME --role "
            "ROLE`; links are for a dashboard on 127.0.0.1 without an address"
        )
    sessions = open_sessions(settings, engine=pipeline.database, clock=pipeline.clock)
    return site.link(f"/enter?link={sessions.offer(actor())}")


@contextmanager
def _changing(
    session: Session, change: str, name: str, given: list[Role] | None = None
) -> Generator[Pipeline]:
    """The pipeline for one change of accounts, which is written in the access log once it is
    made.
    """
    with session.pipeline() as pipeline:
        log = pipeline.access  # a log that cannot be opened stops the change before it is made
        yield pipeline
        said = {"change": change, "account": name, "roles": sorted(given or ())}
        log.append(actor=actor(), purpose=ACCOUNTS, action="accounts", payload=json.dumps(said))


def _accounts(pipeline: Pipeline) -> Accounts:
    return Accounts(pipeline.database, clock=pipeline.clock)


def _end_sessions(pipeline: Pipeline, name: str) -> int:
    settings = pipeline.settings.dashboard
    return open_sessions(settings, engine=pipeline.database, clock=pipeline.clock).end_all(name)


def _password() -> str:
    """Typed twice on a terminal without being shown; else the first line of standard input."""
    if sys.stdin.isatty():
        typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return _not_too_long(str(typed))
    try:
        line = sys.stdin.readline(4 * LONGEST)
    except UnicodeDecodeError as error:
        raise Stop("what came in on standard input is not text; send the password as UTF-8") from (
            error
        )
    if not line.rstrip("\r\n"):
        raise Stop("no password came in on standard input; type it, or send it there")
    return _not_too_long(line.rstrip("\r\n"))


def _not_too_long(password: str) -> str:
    if len(password) > LONGEST:
        raise Stop(f"the password is longer than {LONGEST:,} characters; choose a shorter one")
    return password
