"""How the reasons of a match, or of none, look in a terminal."""

from rich.text import Text
from rich.tree import Tree

from rules.explain import Reason

MARKS = {True: ("✓", "green"), False: ("✗", "red")}
WIDTH = 70
"""A longer part of a query is cut: its own parts stand below it."""

LEAVES = frozenset({"term", "phrase", "prefix", "case", "lemma", "part"})


def shown(reason: Reason) -> Tree:
    """The query as a tree: what is true of the text and what is not, and why not."""
    tree = Tree(_line(reason), guide_style="dim")
    _grow(tree, reason)
    return tree


def _grow(tree: Tree, reason: Reason) -> None:
    """Of an OR the words that are not there stand in one line."""
    together = reason.kind == "or"
    absent = [each for each in reason.children if together and _is_absent(each)]
    for each in reason.children:
        if each not in absent:
            _grow(tree.add(_line(each)), each)
    if absent:
        tree.add(_marked(holds=False, text=" · ".join(each.text for each in absent)))


def _is_absent(reason: Reason) -> bool:
    return reason.kind in LEAVES and not reason.holds


def _line(reason: Reason) -> Text:
    text = reason.text if len(reason.text) <= WIDTH else f"{reason.text[:WIDTH]}…"
    line = _marked(holds=reason.holds, text=text)
    said = reason.why
    if reason.kind in ("and", "or") or said in {each.why for each in reason.children}:
        said = ""  # its parts tell
    elif reason.kind == "list" and reason.holds:
        said = ", ".join(each.text for each in reason.children)
    return line.append(f"  {said}", style="dim") if said else line


def _marked(*, holds: bool, text: str) -> Text:
    mark, colour = MARKS[holds]
    return Text.assemble((f"{mark} ", colour), text)
