"""The rights of the roles, as people read them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from peil.database import METADATA
from peil.rights import GROUPS, RIGHTS
from stream.topics import TOPICS

GUIDE = Path(__file__).parents[2] / "docs" / "cluster.md"


def told(server: str) -> Iterator[tuple[str, str]]:
    """Each row of the table of that server in the guide: the role, and its cells."""
    _, _, after = GUIDE.read_text().partition(f"\n**{server}")
    table = after.partition("\n**")[0]
    yield from re.findall(r"^\| `peil_(\w+)` \|(.*)\|$", table, re.MULTILINE)


def rows(server: str) -> Iterator[tuple[str, Sequence[set[str]]]]:
    """The same, with the names in each cell."""
    for role, cells in told(server):
        yield role, [set(re.findall(r"`(\w+)`", cell)) for cell in cells.split("|")]


def test_the_guide_says_what_each_role_may_do_in_kafka() -> None:
    assert dict(rows("Kafka")) == {
        role: [each.reads, each.writes, each.drops, each.groups]
        for role, each in RIGHTS.items()
        if "kafka" in each.servers
    }


def test_the_guide_says_who_asks_the_store() -> None:
    assert {role: "does not exist" not in cells for role, cells in told("Elasticsearch")} == {
        role: each.store is not None for role, each in RIGHTS.items()
    }


def test_the_dashboard_opens_no_log_and_writes_no_store() -> None:
    rights = RIGHTS["dashboard"]
    assert (rights.servers, rights.store) == (("elasticsearch", "postgres"), "reader")
    assert not rights.moves


def test_the_guide_says_what_each_role_may_do_in_postgresql() -> None:
    expected: dict[str, list[set[str]]] = {}
    for role, rights in RIGHTS.items():
        reads, keeps, removes = expected[role] = [set(), set(), set()]
        for table, right in rights.tables.items():
            kind = removes if "DELETE" in right else reads if right == "SELECT" else keeps
            kind.add(table.name)
    assert dict(rows("PostgreSQL")) == expected


@pytest.mark.parametrize("role", RIGHTS)
def test_rights_are_for_what_there_is(role: str) -> None:
    rights = RIGHTS[role]
    assert {topic.name for topic in TOPICS} >= rights.reads | rights.writes | rights.drops
    assert rights.groups <= set(GROUPS)
    tables = {table for metadata in METADATA for table in metadata.sorted_tables}
    assert tables >= rights.tables.keys()
    if role == "operator":
        assert tables == rights.tables.keys()
