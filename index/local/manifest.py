"""The manifest of a local store: which partitions there are, and in which generation each.

It is replaced as a whole, so a kill leaves the old one or the new one. What a kill left beside it
is swept away: other generations of a partition, and partitions whose day has come.
"""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from index.local.schema import VERSION
from index.overdue import overdue
from stream.errors import Stop
from stream.files import replace
from stream.partitions import Partition

NAME = "manifest.json"
FOLDERS = "*-until-*"


class _Saved(msgspec.Struct):
    version: int
    partitions: dict[str, int]


class Manifest:
    """The file in `folder`. One process writes it; others load it again to see more."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self.generations: dict[Partition, int] = {}
        self.version = VERSION

    def load(self) -> None:
        """See what was saved; Stop when it is lost or damaged, or a newer peil's."""
        path = self._folder / NAME
        if not path.exists():
            if self.strangers():
                raise Stop(f"{path} is gone: restore it from a backup, with the folders beside it")
            return
        try:
            held = msgspec.json.decode(path.read_bytes(), type=_Saved)
            generations = {Partition.parse(name): n for name, n in held.partitions.items()}
        except (msgspec.DecodeError, ValueError) as error:
            raise Stop(
                f"{path} is damaged: {error}; move {self._folder} away and replay the log"
            ) from error
        self.version = held.version
        if self.version > VERSION:
            raise Stop(f"{self._folder} was written by a newer peil; upgrade this installation")
        self.generations = generations

    def save(self) -> None:
        """Durable when it returns."""
        names = {partition.name: number for partition, number in self.generations.items()}
        replace(self._folder / NAME, msgspec.json.encode(_Saved(self.version, names)))

    def path(self, partition: Partition, generation: int | None = None) -> Path:
        """Where `partition` is in a generation, the present one when none is named."""
        number = self.generations[partition] if generation is None else generation
        return self._folder / partition.name / f"g{number}"

    def sweep(self, now: int) -> None:
        """Remove what a kill left behind, at `now` (Unix ms)."""
        for folder in self._folder.glob(FOLDERS):
            partition = Partition.parse(folder.name)
            if partition in self.generations:
                for each in folder.glob("g*"):
                    if each != self.path(partition):
                        shutil.rmtree(each)
            elif partition.until_ms <= now:
                shutil.rmtree(folder)

    def strangers(self) -> Sequence[Path]:
        """Folders with posts of partitions that it does not name. One without posts was being
        made when a kill came.
        """
        return [
            folder
            for folder in sorted(self._folder.glob(FOLDERS))
            if Partition.parse(folder.name) not in self.generations
            and any(b'"segment_id"' in path.read_bytes() for path in folder.glob("*/meta.json"))
        ]

    def gone(self, partition: Partition) -> str:
        """What to say of a partition whose folder is not there."""
        return (
            f"{self.path(partition)} is gone, and its posts with it: restore it from a backup, or "
            "make an empty folder of that name to go on without them"
        )

    def problems(self, held: Collection[Partition], *, now: int) -> Sequence[str]:
        """What a person must look at, at `now` (Unix ms), when these partitions could be opened."""
        missing = [self.gone(name) for name in self.generations if name not in held]
        unnamed = [
            f"{path} is not in the manifest and not asked: restore both from one backup, or remove "
            "it"
            for path in self.strangers()
        ]
        return [*missing, *unnamed, *overdue(held, now=now)]
