"""The manifest of a local store: which partitions there are, and in which generation each.

It is replaced as a whole, so a kill leaves the old one or the new one; what neither names is
swept away.
"""

import json
import os
import shutil
from pathlib import Path

from index.local.schema import VERSION
from stream.errors import Stop
from stream.partitions import Partition

NAME = "manifest.json"


class Manifest:
    """The file in `folder`. One process writes it; others load it again to see more."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self.generations: dict[Partition, int] = {}

    def load(self) -> None:
        """See what was saved; Stop when it is damaged or another version's."""
        path = self._folder / NAME
        if not path.exists():
            return
        try:
            held = json.loads(path.read_text())
        except ValueError as error:
            raise Stop(
                f"{path} is damaged: {error}; move {self._folder} away and replay the log"
            ) from error
        if held["version"] != VERSION:
            raise Stop(
                f"{self._folder} was written by another version of peil "
                f"({held['version']} instead of {VERSION}); move it away and replay the log"
            )
        self.generations = {
            Partition.parse(name): generation for name, generation in held["partitions"].items()
        }

    def save(self) -> None:
        """Durable when it returns."""
        draft = self._folder / f".{NAME}"
        names = {partition.name: number for partition, number in self.generations.items()}
        with draft.open("w") as file:
            json.dump({"version": VERSION, "partitions": names}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / NAME)

    def path(self, partition: Partition) -> Path:
        """Where `partition` is in its present generation."""
        return self._folder / partition.name / f"g{self.generations[partition]}"

    def sweep(self) -> None:
        """Remove what a kill left behind: folders that the manifest does not name (any more)."""
        named = {self.path(partition) for partition in self.generations}
        for folder in self._folder.glob("*-until-*/g*"):
            if folder not in named:
                shutil.rmtree(folder)
        for folder in self._folder.glob("*-until-*"):
            if not any(folder.iterdir()):
                folder.rmdir()
