"""A loop of compiled regular expressions, one rule after the other, as 4CAT and Taranis do it."""

import re
from collections.abc import Callable, Sequence

from rules.tree import And, Near, Node, Not, Or, Phrase, Prefix, Term

Test = Callable[[str], bool]
BEGIN, END = r"(?<!\S)", r"(?!\S)"


def loop(trees: Sequence[Node]) -> Callable[[str], Sequence[int]]:
    """What says which rules of `bench.rulebook` a text matches, its words separated by spaces."""
    tests = [_test(tree) for tree in trees]
    return lambda text: [number for number, test in enumerate(tests) if test(text)]


def _test(tree: Node) -> Test:
    match tree:
        case Near():
            one, other = _source(tree.left), _source(tree.right)
            between = rf" (?:\S+ ){{0,{tree.distance}}}"
            return _any_of(f"{one}{between}{other}", f"{other}{between}{one}")
        case And(children=(one, Not(child=other))):
            has, lacks = _any_of(_source(one)), _any_of(_source(other))
            return lambda text: has(text) and not lacks(text)
        case And(children=(one, other)):
            first, second = _any_of(_source(one)), _any_of(_source(other))
            return lambda text: first(text) and second(text)
        case _:
            return _any_of(_source(tree))


def _any_of(*sources: str) -> Test:
    searches = [re.compile(source).search for source in sources]
    return lambda text: any(search(text) is not None for search in searches)


def _source(node: Node) -> str:
    match node:
        case Term():
            return rf"{BEGIN}{re.escape(node.form)}{END}"
        case Prefix():
            return rf"{BEGIN}{re.escape(node.stem)}"
        case Phrase():
            return rf"{BEGIN}{re.escape(' '.join(node.forms))}{END}"
        case Or():
            words = [each.form for each in node.children if isinstance(each, Term)]
            if words:
                return rf"{BEGIN}(?:{'|'.join(map(re.escape, words))}){END}"
            stems = [each.stem for each in node.children if isinstance(each, Prefix)]
            return rf"{BEGIN}(?:{'|'.join(map(re.escape, stems))})"
        case _:
            raise AssertionError(node)
