"""A command of `peil`, called in this process or in one of its own."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from peil.command import main

COMMAND = (sys.executable, "-c", "from peil.command import main; main()")
"""What starts `peil` as a process of its own."""

Done = subprocess.CompletedProcess[str]
Peil = Callable[..., Done]


def called(*words: str, text: str = "") -> Done:
    """What `peil` says and ends with, called in this process: without the second that a new one
    takes to start. Not for what runs on: that changes how this process hears signals.
    """
    out, err = _Stream(), _Stream()
    level = logging.root.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["peil", *words])
        patch.setattr(sys, "stdin", io.StringIO(text))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(logging.root, "handlers", [])
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main()
    logging.root.setLevel(level)
    code = ended.value.code or 0
    assert isinstance(code, int)
    return Done(words, code, out.text(), err.text())


class _Stream(io.TextIOWrapper):
    """A stream as a process has it."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", write_through=True)

    def text(self) -> str:
        return self._bytes.getvalue().decode()


def started(*words: str, text: str = "") -> Done:
    """The same in a process of its own."""
    return subprocess.run(
        [*COMMAND, *words], input=text, capture_output=True, text=True, timeout=280, check=False,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
