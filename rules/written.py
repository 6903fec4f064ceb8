"""A tree as a query's text, the way that it could have been written."""

from typing import assert_never

from rules.lexer import Kind, lex
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    Keywords,
    Lemma,
    Near,
    Node,
    Not,
    Of,
    Or,
    Part,
    Phrase,
    Prefix,
    Term,
    Together,
)  # fmt: skip


def written(node: Node) -> str:
    """The query that `node` stands for. What the parser made is read back as the same tree, but for
    a form that is no word itself, as that of `½` is `1⁄2`: who asks for posts asks with the tree.
    """
    match node:
        case Term():
            return _word(node.form)
        case Phrase():
            return f'"{" ".join(node.forms)}"' + (f"~{node.slop}" if node.slop else "")
        case Prefix():
            return f"{node.stem}*"
        case Cased():
            return f'case:"{" ".join(node.words)}"'
        case Lemma():
            return f"lemma:{node.word}"
        case Part():
            return f"part:{node.word}"
        case And():
            return _all_of(node)
        case Or():
            return " OR ".join(
                f"({written(each)})" if isinstance(each, Or) or _excludes(each) else written(each)
                for each in node.children
            )
        case Not():
            return f"{'EXCLUDE' if node.exclude else 'NOT'} {_tight(node.child)}"
        case Near():
            mark = "ONEAR" if node.ordered else "NEAR"
            return f"{_tight(node.left)} {mark}/{node.distance} {_tight(node.right)}"
        case Together():
            return f"{_tight(node.left)} NEAR/S {_tight(node.right)}"
        case Of():
            return f"{node.least} OF ({', '.join(map(written, node.members))})"
        case Keywords():
            return f"${node.name}@{node.version}"
        case Field():
            return _field(node.name, ",".join(node.values))
        case Dates():
            return f"date:{node.first}" + ("" if _is_day(node) else f"..{_last(node)}")
        case _:
            assert_never(node)


def _all_of(node: And) -> str:
    wanted = [each for each in node.children if not _is_exclude(each)]
    dropped = [written(each) for each in node.children if _is_exclude(each)]
    # EXCLUDE is looser than OR, so what stands before it needs no brackets of its own.
    alone = len(wanted) == 1 and bool(dropped)
    kept = [
        written(each)
        if alone
        else f"({written(each)})"
        if isinstance(each, And | Or)
        else written(each)
        for each in wanted
    ]
    return " ".join([*kept, *dropped])


def _is_exclude(node: Node) -> bool:
    return isinstance(node, Not) and node.exclude


def _excludes(node: Node) -> bool:
    return isinstance(node, And) and any(map(_is_exclude, node.children))


def _tight(node: Node) -> str:
    loose = isinstance(node, And | Or | Near | Together) or _is_exclude(node)
    return f"({written(node)})" if loose else written(node)


def _word(form: str) -> str:
    # What stands behind it may make an operator of `of`.
    return form if form != "of" and _is_one(form, "word") else f'"{form}"'


def _field(name: str, value: str) -> str:
    bare = f"{name}:{value}"
    return bare if _is_one(bare, "field") else f'{name}:"{value}"'


def _is_one(text: str, kind: Kind) -> bool:
    """Whether `text` is read as one lexeme of this kind."""
    first = next(lex(text))
    return (first.kind, first.text) == (kind, text)


def _is_day(node: Dates) -> bool:
    return node.end.toordinal() - node.first.toordinal() == 1


def _last(node: Dates) -> str:
    return str(node.end.fromordinal(node.end.toordinal() - 1))
