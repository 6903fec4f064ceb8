"""What every command starts from: a working folder and its settings."""

from collections.abc import Mapping
from pathlib import Path

import typer

from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import SystemClock


class Session:
    """The folder, the changed settings and the environment of one call of `peil`."""

    def __init__(
        self, root: Path, overrides: tuple[str, ...], *, environ: Mapping[str, str]
    ) -> None:
        self._root = root
        self.overrides = overrides
        """The settings of this call, as `--set` gave them."""

        self._environ = environ

    def pipeline(self) -> Pipeline:
        """The parts over the working folder; Stop when it is none or its settings are wrong."""
        folder = WorkingFolder.open(self._root)
        settings = load_settings(folder.settings, environ=self._environ, overrides=self.overrides)
        return Pipeline(folder, settings, clock=SystemClock())


class SessionContext(typer.Context):
    """The context that typer hands to a command, with what `peil` put in it."""

    obj: Session
