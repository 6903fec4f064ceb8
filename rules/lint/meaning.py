"""What can be said of a query by itself, be it of a rule or a search."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from rules.errors import Problem, QueryError
from rules.fields import PERSONS
from rules.lint.alone import Groups, enough, field_enough, is_short
from rules.lint.breadth import BROAD, MOST_WORDS, Frequencies, prefixes, share_at_least
from rules.lint.contradiction import never
from rules.lint.cost import cost
from rules.lint.findings import Finding, Spot, finding, spot_of
from rules.lint.persons import cut, leads
from rules.lint.redundancy import (
    Covered,
    covered_branches,
    dead_branches,
    double_members,
    idle_conditions,
)
from rules.lists import Lists, no_lists
from rules.parser import Use, parse
from rules.tree import Keywords, Node, children, walk

MOST_EFFORT = 10_000
"""What a query so long and so deep means together is not looked at: it would take seconds."""


def nothing(_text: str) -> Sequence[str]:
    """For whoever does not look for persons."""
    return ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What lint needs to know of where it looks. `withheld` are files that may name more `groups`
    and cannot be read; `personal` names what in a text leads to a person; without `frequencies`
    nothing is said of how broad a query is.
    """

    lists: Lists = no_lists
    groups: Groups = Groups()
    withheld: str = ""
    personal: Callable[[str], Sequence[str]] = nothing
    frequencies: Frequencies | None = None


def lint_query(
    query: str, *, known: Known, name: str = "query", use: Use = "search"
) -> Sequence[Finding]:
    """All that can be said of a query: what is wrong with its text, or with what it asks."""
    try:
        tree = parse(query, lists=known.lists, use=use).tree
    except QueryError as error:
        return [_unreadable(name, query, problem) for problem in error.problems]
    return [
        *_meaning(name, query, tree, use),
        *_breadth(name, query, tree, known.frequencies),
        *_persons(name, query, tree, known),
        *(_on_the_stream(name, query, tree, known) if use == "stream" else ()),
    ]


def _unreadable(name: str, query: str, problem: Problem) -> Finding:
    code = "R101"
    if problem.expected == "something that must be there":
        code = "R102"
    elif problem.expected == "a list that exists":
        code = "R103"
    elif problem.hint == PERSONS:
        code = "R104"
    return finding(code, name, said(problem), problem_spot(query, problem))


def said(problem: Problem) -> str:
    """A mistake without its place."""
    instead = f" instead of {problem.shown}" if problem.text else ""
    return f"expected {problem.expected}{instead}. {problem.hint}".strip()


def problem_spot(query: str, problem: Problem) -> Spot:
    """The place of a mistake in `query`."""
    line = query.split("\n")[problem.line - 1]
    length = min(len(problem.text), len(line) - problem.column + 1)
    return Spot(problem.line, problem.column, max(1, length), line)


def _meaning(name: str, query: str, tree: Node, use: Use) -> Iterator[Finding]:
    def told(code: str, node: Node, message: str) -> Finding:
        return finding(code, name, message, spot_of(query, node.at))

    def shown(node: Node) -> str:
        return _shown(query, node)

    def both(code: str, each: Covered, message: str) -> Finding:
        return told(code, each.part, message.format(shown(each.part), shown(each.by)))

    if _effort(tree) > MOST_EFFORT:
        return
    if never(tree):
        yield told("R201", tree, "it can never be true: what it asks for excludes itself")
        return
    dead = list(dead_branches(tree))
    for each in dead:
        yield told("R202", each, f"{shown(each)} can never be true here; mend it or take it out")
    if use == "stream" and (field := field_enough(tree)) is not None:
        yield told(
            "R203", field, f"{shown(field)} is enough, whatever a post says; add words beside it"
        )
    ruled_out = {id(each) for each in dead}
    for pair in covered_branches(tree):
        if id(pair.part) not in ruled_out:
            yield both("R204", pair, "{0} is covered by {1}; take it out")
    for pair in idle_conditions(tree):
        yield both("R205", pair, "{0} follows from {1}, so it adds nothing")
    for pair in double_members(tree):
        yield both("R206", pair, "wherever {0} is, {1} is as well: one word counts for two members")


def _effort(node: Node, depth: int = 1) -> int:
    """How much there is to compare in a query: its parts, each as often as it is deep."""
    if isinstance(node, Keywords):
        return depth
    return depth + sum(_effort(child, depth + 1) for child in children(node))


def _breadth(
    name: str, query: str, tree: Node, frequencies: Frequencies | None
) -> Iterator[Finding]:
    way = enough(tree, is_short)
    if way and len(set(way)) == 1:
        text = _shown(query, way[0])
        yield finding(
            "R301", name, f"{text} alone is enough, and it has many meanings; put a word beside "
            "it", spot_of(query, way[0].at),
        )  # fmt: skip
    if frequencies is None:
        return
    share = share_at_least(tree, frequencies)
    if share > BROAD:
        yield finding(
            "R302", name, f"it takes in at least {share:.0%} of recent posts; narrow it",
            spot_of(query, tree.at),
        )  # fmt: skip
    for prefix in dict.fromkeys(prefixes(tree)):
        if frequencies.words(prefix) > MOST_WORDS:
            yield finding(
                "R303", name, f"more than {MOST_WORDS} words begin as {_shown(query, prefix)} "
                "does; make it longer", spot_of(query, prefix.at),
            )  # fmt: skip


def _persons(name: str, query: str, tree: Node, known: Known) -> Iterator[Finding]:
    if way := enough(tree, known.groups.is_name):
        yield finding(
            "R401", name, f"{_shown(query, way[0])} alone would match a group of people: a group "
            "is not a phenomenon; put the behaviour that you look for beside it",
            spot_of(query, way[0].at),
        )  # fmt: skip
    elif known.withheld:
        yield finding(
            "R406", name, f"{known.withheld} cannot be read, and may name a group that is enough "
            "here; mend that file first",
        )  # fmt: skip
    for lead in leads(query, tree, personal=known.personal):
        yield finding(lead.code, name, lead.message, spot_of(query, lead.node.at))


def _on_the_stream(name: str, query: str, tree: Node, known: Known) -> Iterator[Finding]:
    yield from _by_lists(name, query, tree, known)
    if field_enough(tree) is not None:
        return  # R203: then its cost is the least that is wrong with it
    found = cost(tree, known.frequencies)
    if found is not None and found.of != "cheap":
        code = "R304" if found.of == "expensive" else "R305"
        yield finding(
            code, name, f"it is {found.of}: up to {found.operations:.0f} operations for each post "
            "that comes in; begin with rarer words",
            spot_of(query, tree.at),
        )  # fmt: skip


def _by_lists(name: str, query: str, tree: Node, known: Known) -> Iterator[Finding]:
    """What the lists that a query names hold of persons: once a list and a check."""
    for node in walk(tree):
        if not isinstance(node, Keywords):
            continue
        entries = known.lists(node.name, node.version)
        found = {
            lead.code: lead.message
            for text, entry in zip(entries.entries if entries else (), node.entries, strict=True)
            for lead in leads(text, entry, personal=known.personal)
        }
        for code, message in found.items():
            where = spot_of(query, node.at)
            yield finding(code, name, f"in {_shown(query, node)}: {message}", where)


def _shown(query: str, node: Node) -> str:
    return f"`{cut(query[node.at.start : node.at.end])}`"
