"""What a person must look at, of the indices there are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from index.elastic.cluster import TESTED, Cluster
from index.elastic.mapping import VERSION, Names, Physical, differences, index_settings
from index.elastic.query import EVERYTHING
from index.elastic.reading import count_posts
from index.elastic.shapes import Index, shaped
from index.overdue import overdue
from index.settings import ElasticSettings

BLOCKS = {
    "read_only_allow_delete": "is read-only because the disk of Elasticsearch is (or was) full: "
    "make room, and when it stays so set index.blocks.read_only_allow_delete to null",
    "read_only": "is read-only: set index.blocks.read_only to null",
    "write": "takes no posts: an upgrade was ended; `peil expire` goes on with it",
}

GIVE_BACK = "`peil doctor --setup` gives it back"


def find_problems(
    cluster: Cluster, names: Names, settings: ElasticSettings, *, now: int
) -> Sequence[str]:
    """Sentences that say what is wrong and what to do; `now` is in Unix ms."""
    cluster.check()
    found: list[str] = []
    if cluster.version != TESTED:
        tested, version = (".".join(map(str, each)) for each in (TESTED, cluster.version))
        do = "upgrade it" if cluster.version < TESTED else "see whether there is a newer peil"
        found.append(f"{cluster.name} is {version}; peil is tested with {tested}: {do}")
    with cluster.asked():
        answer = cluster.client.indices.get(index=names.all, allow_no_indices=True)
        indices = shaped(answer, dict[str, Index])
    ours: dict[str, Physical] = {}
    for name, held in sorted(indices.items()):
        physical = names.parse(name)
        if physical is not None:
            ours[name] = physical
            found += [f"{name} {each}" for each in _of_index(physical, held, settings)]
        elif name.startswith(names.all.removesuffix("*")):
            found.append(f"index {name} is not peil's: rename or remove it")
    found += _of_aliases(names, indices, ours)
    found += overdue({each.partition for each in ours.values()}, now=now)
    if not (
        indices or found
    ):  # nothing is a right answer, and that of who answers nothing to everything
        count_posts(cluster, [names.all], EVERYTHING)
    return found


def _of_index(physical: Physical, held: Index, settings: ElasticSettings) -> Iterator[str]:
    actual = held.settings.index
    for block, advice in BLOCKS.items():
        if str(actual.get("blocks", {}).get(block, "false")) == "true":
            yield advice
    if physical.version > VERSION:
        yield "was written by a newer peil: upgrade this installation"
    if physical.version != VERSION:
        return
    if different := differences(held.mappings):
        yield (
            f"has a mapping that was changed by hand ({'; '.join(different)}): `peil doctor "
            "--setup` puts back what can be; else drop it and fill it from a backup or the log"
        )
    expected = index_settings(settings, physical.partition.kind)
    if other := sorted(_unequal(expected, actual)):
        yield f"has other settings than peil's ({', '.join(other)}): `peil doctor --setup`"


def _unequal(expected: Mapping[str, Any], actual: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name, value in expected.items():
        held = actual.get(name)
        if isinstance(value, Mapping):
            yield from _unequal(value, held if isinstance(held, Mapping) else {}, f"{at}{name}.")
        elif name != "number_of_shards" and _written(held) != _written(value):
            yield f"{at}{name}"


def _written(value: object) -> object:
    """A setting as Elasticsearch gives it back: words, also for numbers."""
    if isinstance(value, list):
        return [_written(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_aliases(
    names: Names, indices: Mapping[str, Index], ours: Mapping[str, Physical]
) -> Iterator[str]:
    having: dict[str, set[str]] = {}
    for name, index in indices.items():
        for alias in index.aliases:
            having.setdefault(alias, set()).add(name)
    for name, (partition, version) in ours.items():
        alias, entrance = names.alias(partition), names.entrance(partition, version)
        of_partition = {each for each, physical in ours.items() if physical.partition == partition}
        for held, right in ((alias, of_partition), (entrance, {name})):
            for other in sorted(having.get(held, set()) - right):
                yield f"{other} has the alias {held}, which is of {name} alone: take it from there"
        if version == VERSION and entrance not in having:
            yield f"{name} has lost its alias {entrance} and takes no posts: {GIVE_BACK}"
        if alias not in having:
            yield f"{name} has lost its alias {alias} and is not asked: {GIVE_BACK}"
            continue
        read = max((ours[each].version for each in having[alias] & of_partition), default=version)
        if version == read and read < VERSION:
            yield f"{name} is of an older peil: `peil expire` writes it anew"
        elif version < read:
            yield f"{name} was replaced by a newer index: remove it"
