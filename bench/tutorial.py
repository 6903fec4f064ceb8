"""The commands of a page of documentation, run again, with what they print now.

    python -m bench.tutorial docs/rules.md FOLDER

FOLDER is a working folder that the page begins with; it is changed. A block of `console` has
commands after `$ ` and what they print below each; where the block is `console typed: y n`, these
answers are typed in. A block with a path in its first line (```` ```toml config/rules/x.toml ````)
is written to that file. The page is written anew with what was printed.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from peil.pipeline import actor

BLOCK = re.compile(r"^```(?P<head>[^\n]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = "console typed: "
TIMEOUT = 300
SOMEBODY = "anna"
"""The name in the page of whoever runs it."""

VARYING = ("backtest", "suggest")
PROGRAM = (sys.executable, "-c", "from peil.command import main; main()")


def replay(page: str, folder: Path) -> str:
    """`page` with what its commands print when they are run in `folder`, one after the other."""

    def again(block: re.Match[str]) -> str:
        head, body = block["head"], block["body"]
        if head.startswith("console"):
            typed = head.removeprefix(TYPED).split() if head.startswith(TYPED) else []
            commands = [line for line in body.splitlines() if line.startswith("$ ")]
            body = "".join(f"{line}\n{_printed(line[2:], typed, folder)}" for line in commands)
        elif " " in head:
            (folder / head.split(" ", 1)[1]).write_text(body, "utf-8")
        return f"```{head}\n{body}```"

    return BLOCK.sub(again, page)


def _printed(command: str, typed: list[str], folder: Path) -> str:
    name, *words = shlex.split(command)
    assert name == "peil", command
    done = subprocess.run(
        [*PROGRAM, *words],
        cwd=folder, input="".join(f"{each}\n" for each in typed), timeout=TIMEOUT, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ,
    )  # fmt: skip
    printed = re.sub(rf"\b{re.escape(actor())}\b", SOMEBODY, done.stdout)
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())


def shapes(page: str) -> Sequence[str]:
    """Of each command of a page what stays the same when posts, days and noise differ: no
    numbers, no texts; of `VARYING` ones only how they begin.
    """
    found: list[str] = []
    for block in BLOCK.finditer(page):
        if block["head"].startswith("console"):
            found += [
                _shape(each) for each in re.split(r"^(?=\$ )", block["body"], flags=re.MULTILINE)
            ]
    return [each for each in found if each]


def _shape(printed: str) -> str:
    printed = re.sub(r"^\d+ of \d+, .*\n.*\n", "", printed, flags=re.MULTILINE)
    lines = printed.splitlines()
    if any(f"rules {each} " in lines[0] for each in VARYING if lines):
        lines = lines[:2]
    return "\n".join(re.sub(r"[\d.,:%-]+", "0", re.sub(r"\s+", " ", line)) for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    page = options.page.read_text("utf-8")
    options.page.write_text(replay(page, options.folder.resolve()), "utf-8")


if __name__ == "__main__":
    main()
