import pytest

import rules.parser
from rules.errors import QueryError
from rules.lists import ListEntries, list_lookup
from rules.parser import parse
from rules.reading import Reading
from rules.tree import Keywords, walk

LISTS = list_lookup(
    {
        "wijken": {
            1: ListEntries("wijken", 1, ("noord", '"oud west"', "zuid*")),
            2: ListEntries("wijken", 2, ("noord", '"oud west"', "zuid*", "centrum")),
        },
        "kapot": {1: ListEntries("kapot", 1, ("noord", "a AND b"))},
    }
)


def test_a_list_that_is_named_often_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Counted(Reading):
        def __init__(self, query: str) -> None:
            read.append(query)
            super().__init__(query)

    monkeypatch.setattr(rules.parser, "Reading", Counted)
    query = "($wijken OR a) $wijken@2 ($wijken@1 OR a) $wijken"
    found = [each for each in walk(parse(query, lists=LISTS).tree) if isinstance(each, Keywords)]
    assert len(read) == 1 + 4 + 3
    assert [query[each.at.start : each.at.end] for each in found] == [
        "$wijken", "$wijken@2", "$wijken@1", "$wijken",
    ]  # fmt: skip
    with pytest.raises(QueryError) as told:
        parse("$kapot OR a OR $kapot", lists=LISTS)
    assert [(each.column, each.text) for each in told.value.problems] == [
        (1, "$kapot"), (16, "$kapot"),
    ]  # fmt: skip
