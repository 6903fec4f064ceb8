"""What is kept of a partition when its texts go: counts that may be shown, and nothing else.

A cell that is too small joins others like it, step by step, until it is large enough; so a
cell that is kept tells nothing of a smaller one, and nearly every post is counted somewhere.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from index.contract import Cell, Counted, RolledUp
from index.tally import Key, Tally
from index.values import bin_name, hours_to
from privacy.suppress import BANDS, SPECIAL_K, Size, Thresholds, band, shown

ANY = "*"
"""Stands for the values that were too small to be told apart."""

Count = Callable[[Sequence[Counted], int], Tally]
"""Counts the partition by these dimensions, with authors exactly up to a number."""


def roll_up(count: Count, thresholds: Thresholds) -> RolledUp:
    """The counts to keep of the partition that `count` counts."""
    most = max(BANDS)
    volumes = count(("hour", "source", "language"), thresholds.k)
    phenomena = count(("day", "rule_version", "language", "sentiment"), most)
    shadows = count(("day", "shadow"), max(thresholds.k, SPECIAL_K))

    def k_of(key: Key) -> int:
        return thresholds.of_rule(rule_of(key))

    kept = publishable(phenomena, PHENOMENA, k_of)
    return RolledUp(
        volumes=publishable(volumes, VOLUMES, lambda _key: thresholds.k),
        phenomena={
            key: Cell(cell.posts, band(cell.authors, k=k_of(key))) for key, cell in kept.items()
        },
        shadows=publishable(shadows, (), k_of),  # nobody knows a total that they are part of
    )


def rule_of(key: Key) -> str:
    """The rule's id of a key of `RolledUp.phenomena` or `RolledUp.shadows`."""
    return key[1].partition("@")[0]


VOLUMES: Sequence[Callable[[Key], Key]] = (
    lambda key: (key[0][:10], key[1], key[2]),
    lambda key: (key[0], key[1], ANY),
    lambda key: (key[0], ANY, ANY),
)
"""How small cells of `RolledUp.volumes` are joined: the hours of a day, languages, sources."""

PHENOMENA: Sequence[Callable[[Key], Key]] = (
    lambda key: (key[0], key[1], key[2], ANY),
    lambda key: (key[0], key[1], ANY, ANY),
    lambda key: (bin_name(hours_to(date.fromisoformat(key[0])), "week"), key[1], ANY, ANY),
)
"""How those of `RolledUp.phenomena` are joined: tones, languages, the days of a week."""


def publishable(
    tally: Tally, coarser: Sequence[Callable[[Key], Key]], k_of: Callable[[Key], int]
) -> Mapping[Key, Cell]:
    """The cells of `tally` that may be shown, the others joined by the steps of `coarser`.

    What is too small even then joins the smallest cell that it would be joined with by one
    more step, so that no difference to a total gives it away; without one it is not kept.
    """

    def enough(counts: Tally, name: Key) -> bool:
        cell = counts.cell(name)
        return shown(Size(cell.posts, cell.authors), k=k_of(name)) is not None

    names = {key: key for key in tally.keys()}  # noqa: SIM118  (a tally is no mapping)
    for step in coarser:
        counts = tally.merged(names.__getitem__)
        names = {key: name if enough(counts, name) else step(name) for key, name in names.items()}
    counts = tally.merged(names.__getitem__)
    groups: dict[Key, set[Key]] = defaultdict(set)
    joined: dict[Key, Key] = {}
    for key, name in names.items():
        groups[_coarsest(key, coarser)].add(name)
    for last, together in groups.items():
        others = together - {last}
        if last in together and others and not enough(counts, last):
            smallest = min(others, key=lambda name: (counts.cell(name).posts, name))
            joined[smallest] = last
    counts = counts.merged(lambda name: joined.get(name, name))
    return {name: counts.cell(name) for name in sorted(counts.keys()) if enough(counts, name)}


def _coarsest(key: Key, coarser: Sequence[Callable[[Key], Key]]) -> Key:
    for step in coarser:
        key = step(key)
    return key
