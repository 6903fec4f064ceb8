"""NEAR as a query has it: what may stand beside it, how far apart, and how many are within one
another; None once it is said what is wrong.
"""

from rules.lexer import Lexeme
from rules.operands import MAX_DISTANCE, number_of
from rules.reading import Reading
from rules.tree import At, Near, Node, Together, is_positional, nears

MAX_NEARS = 8
"""Within one another, also in the entries of a list. A long post costs about one and a half times
as much with each more: what takes it 80 ms with eight takes it 4 s with sixteen.
"""


def parse_near(
    operator: Lexeme, left: Node | None, right: Node | None, at: At, reading: Reading
) -> Node | None:
    """The NEAR of two sides that were read already; a side that is None was said to be wrong."""
    for side in (left, right):
        if side is not None and not is_positional(side):
            reading.wrong_at(
                side.at,
                "words, phrases, prefixes, lists, or an OR of those beside NEAR",
                "Move AND, NOT, OF and fields outside of NEAR.",
            )
            return None
    found = _near(operator, left, right, at, reading)
    if found is not None and nears(found) > MAX_NEARS:
        reading.wrong(
            operator, f"at most {MAX_NEARS} NEARs within one another", "Use AND for the outer ones."
        )
        return None
    return found


def _near(
    operator: Lexeme, left: Node | None, right: Node | None, at: At, reading: Reading
) -> Node | None:
    ordered = operator.name.upper() == "ONEAR"
    if operator.value.upper() == "S" and not ordered:
        return None if left is None or right is None else Together(left, right, at=at)
    distance = number_of(operator.value)
    if distance is None or distance > MAX_DISTANCE:
        reading.wrong(
            operator,
            f"a distance from 0 to {MAX_DISTANCE} tokens, or S for one sentence",
            "For example: fatbike NEAR/5 overlast",
        )
        return None
    if left is None or right is None:
        return None
    return Near(left, right, distance, ordered, at=at)
