"""A rule on the command line, and which of its versions is meant."""

from typing import Annotated

import typer

Rule = Annotated[str, typer.Argument(metavar="RULE", help="A rule's id, or RULE@VERSION.")]


def parted(rule: str, version: str = "") -> tuple[str, str]:
    """The id in `rule`, and the version that an option names, else the one behind the id; empty
    where neither does.
    """
    name, _, behind = rule.partition("@")
    return name, version or behind
