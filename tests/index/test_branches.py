"""What a branch became in a query that was made simpler."""

from index.branches import branches, same
from index.order import in_order
from rules.lists import ListEntries, list_lookup
from rules.parser import parse

LISTS = list_lookup({"vervoer": {1: ListEntries("vervoer", 1, ("fiets", "auto"))}})


def test_each_mention_of_a_list_is_a_branch_of_its_own() -> None:
    tree = parse("($vervoer huis) OR ($vervoer straat)", lists=LISTS).tree
    typed = [each for each in branches(tree) if each.of]
    assert [each.text for each in typed] == ["fiets", "auto"] * 2
    there = list(branches(in_order(tree)))
    for each in typed:
        found = same(each, there)
        assert found is not None
        assert (found.text, in_order(found.alone)) == (each.text, in_order(each.alone))


def test_a_mention_that_is_left_out_is_not_found_in_another_one() -> None:
    typed = list(branches(parse("($vervoer huis) OR ($vervoer straat)", lists=LISTS).tree))
    left = parse("($vervoer huis)", lists=LISTS).tree
    assert [same(each, list(branches(left))) is not None for each in typed if each.of] == [
        True, True, False, False,
    ]  # fmt: skip
