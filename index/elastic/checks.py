"""What a person must look at, of the indices there are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from index.elastic.cluster import TESTED, Cluster
from index.elastic.mapping import VERSION, Names, Physical, differences, index_settings
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
    if cluster.version < TESTED:
        tested, version = (".".join(map(str, each)) for each in (TESTED, cluster.version))
        found.append(f"{cluster.name} is {version}; peil is tested with {tested}: upgrade it")
    with cluster.asked():
        answer = cluster.client.indices.get(index=names.all, allow_no_indices=True)
    known: dict[str, Physical] = {}
    for name, held in sorted(answer.items()):
        physical = names.parse(name)
        if physical is None:
            found.append(f"index {name} is not peil's: rename or remove it")
        else:
            known[name] = physical
            found += [f"{name} {each}" for each in _of_index(physical, held, settings)]
    found += _of_aliases(names, {name: answer[name] for name in known}, known)
    found += overdue({each.partition for each in known.values()}, now=now)
    return found


def _of_index(
    physical: Physical, held: Mapping[str, Any], settings: ElasticSettings
) -> Iterator[str]:
    actual = held["settings"]["index"]
    for block, advice in BLOCKS.items():
        if str(actual.get("blocks", {}).get(block, "false")) == "true":
            yield advice
    if physical.version > VERSION:
        yield "was written by a newer peil: upgrade this installation"
    if physical.version != VERSION:
        return
    if different := differences(held["mappings"]):
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
    names: Names, indices: Mapping[str, Mapping[str, Any]], known: Mapping[str, Physical]
) -> Iterator[str]:
    aliased = {
        physical.partition: physical.version
        for name, physical in known.items()
        if names.alias(physical.partition) in indices[name]["aliases"]
    }
    for name, physical in known.items():
        entrance = names.entrance(physical.partition)
        if physical.version == VERSION and entrance not in indices[name]["aliases"]:
            yield f"{name} has lost its alias {entrance} and takes no posts: {GIVE_BACK}"
        held = aliased.get(physical.partition)
        if held is None:
            yield (
                f"{name} has lost its alias {names.alias(physical.partition)} and is not asked: "
                f"{GIVE_BACK}"
            )
        elif held < VERSION and held == physical.version:
            yield f"{name} is of an older peil: `peil expire` writes it anew"
        elif held > physical.version:
            yield f"{name} was replaced by a newer index: remove it"
