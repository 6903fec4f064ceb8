"""Which partitions there are: the indices under one prefix, made, seen and dropped."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from index.elastic.cluster import Cluster, Gone
from index.elastic.mapping import VERSION, Names, Physical, index_settings, mapping
from index.elastic.shapes import Acknowledged, Aliased, Made, shaped
from index.settings import ElasticSettings
from stream.batches import batched
from stream.errors import Retry, Stop
from stream.partitions import Partition

AT_ONCE = 20
"""Names of indices in the address of one request."""


class Seen(NamedTuple):
    """An index as it was seen, and the aliases that it has."""

    name: str
    physical: Physical
    aliases: frozenset[str]


class Catalogue:
    """The indices of one installation, as the last `load` saw them; that of a reader or of a
    process that stands by may be days old. Other processes make, drop and replace indices
    meanwhile: who must not miss that loads, others begin with `check_version`.
    """

    def __init__(self, cluster: Cluster, settings: ElasticSettings) -> None:
        self.names = Names(settings.prefix)
        self._cluster = cluster
        self._settings = settings
        self._loaded = False
        # Every name that one of them, or a stranger, has: as its own or as an alias.
        self._taken: Collection[str] = ()
        self.indices: Sequence[Seen] = ()
        self.held: dict[Partition, Seen] = {}

    def load(self) -> None:
        """See which there are; Stop when a newer peil wrote one."""
        self._cluster.check()
        with self._cluster.asked():
            answer = shaped(
                self._cluster.client.indices.get(
                    index=self.names.all, features=["aliases"], allow_no_indices=True
                ),
                dict[str, Aliased],
            )
        found: list[Seen] = []
        for name, held in answer.items():
            physical = self.names.parse(name)
            if physical is not None:
                found.append(Seen(name, physical, frozenset(held.aliases)))
        self._taken = answer.keys() | {alias for held in answer.values() for alias in held.aliases}
        self.indices = found
        self.held = {each.physical.partition: each for each in found if self.is_read(each)}
        self._loaded = True
        if any(each.physical.version > VERSION for each in self.held.values()):
            raise Stop(
                f"the index in {self._cluster.name} was written by a newer peil; upgrade this "
                "installation"
            )

    def require(self, partition: Partition) -> None:
        """`load`, and Gone when `partition` is not there (any more)."""
        self.load()
        if partition not in self.held:
            raise Gone(f"{self._cluster.name}: partition {partition.name} is not there any more")

    def check_version(self) -> None:
        """Retry while there is an index of an older peil. Goes by what is remembered: loads when
        nothing is, or when that is of an older peil.
        """
        if not self._loaded or self._is_older():
            self.load()
        if self._is_older():
            raise Retry(
                f"the index in {self._cluster.name} is of an older peil and is being written anew; "
                "when nobody does that, start `index`"
            )

    def _is_older(self) -> bool:
        return any(each.physical.version != VERSION for each in self.held.values())

    def __contains__(self, index: str) -> bool:
        """Whether readers find this index."""
        return any(each.name == index for each in self.held.values())

    def is_read(self, seen: Seen) -> bool:
        """Whether readers find an index as it was seen."""
        return self.names.alias(seen.physical.partition) in seen.aliases

    def lost(self) -> Iterator[tuple[Seen, str]]:
        """Indices of this version with an alias that they should have and nobody has."""
        for each in self.indices:
            partition, version = each.physical
            for alias in (self.names.entrance(partition), self.names.alias(partition)):
                if version == VERSION and alias not in self._taken:
                    yield each, alias

    def aliases(self, partitions: Iterable[Partition]) -> list[str]:
        """Where to ask for these partitions."""
        return [self.names.alias(partition) for partition in partitions]

    def ensure(self, partition: Partition) -> None:
        """See to it that `partition` can be written."""
        if partition in self.held:
            return
        if self.make(partition, read=True):
            aliases = frozenset({self.names.alias(partition), self.names.entrance(partition)})
            physical = Physical(partition, VERSION)
            self.held[partition] = Seen(self.names.index(partition), physical, aliases)
            return
        self.load()
        if partition not in self.held:
            raise Stop(
                f"index {self.names.index(partition)} is there without its alias: "
                "`peil doctor --setup` gives it back"
            )

    def make(self, partition: Partition, *, read: bool) -> bool:
        """Make the index of `partition`, for reading too or only to write; False when there is
        one.
        """
        aliases: dict[str, dict[str, object]] = {self.names.entrance(partition): {}}
        if read:  # of the indices behind an alias one can be for writing: so there is only one
            aliases[self.names.alias(partition)] = {"is_write_index": True}
        with self._cluster.asked():
            answer = shaped(
                self._cluster.client.options(ignore_status=400).indices.create(
                    index=self.names.index(partition),
                    aliases=aliases,
                    mappings=mapping(),
                    settings=index_settings(self._settings, partition.kind),
                ),
                Made,
            )
        if (error := answer.error) is None:
            return True
        if error.type == "resource_already_exists_exception":
            return False
        self.load()  # says it better when a newer peil was here
        raise Stop(
            f"{self._cluster.name} cannot make index {self.names.index(partition)}: "
            f"{error.reason}; see index.elastic.prefix, shards and replicas"
        )

    def drop(self, indices: Sequence[str]) -> None:
        """Delete these indices; it is no error when another process did."""
        for some in batched(indices, AT_ONCE):
            with self._cluster.asked():
                shaped(
                    self._cluster.client.indices.delete(index=some, ignore_unavailable=True),
                    Acknowledged,
                )
