"""How much work a rule is on the stream, estimated from how often its words are in recent posts.

The matcher meets a rule only in posts that have one of its words, and decides most rules there
with one look (`rules.matching.plan`). What is left open the evaluator reads again in each post
that may match: each word of the rule is then held against each word of the post. A rule that can
match without any of its words is read again in every post.
"""

from typing import Literal

import msgspec

from rules.lint.breadth import Frequencies, share_at_most
from rules.matching.plan import plan
from rules.tree import Dates, Field, Node, children

Class = Literal["cheap", "moderate", "expensive"]

POST = 20
"""Words of a post, about."""

EXPENSIVE = 50.0
"""Operations a post that take about as much as all of matching with ten thousand ordinary rules, as
`bench/rule_cost.py` measures them.
"""

MODERATE = 5.0
"""A tenth of that."""


class Cost(msgspec.Struct, frozen=True):
    """Operations for each post that comes in, on average and at most; an ordinary rule takes less
    than one.
    """

    operations: float

    @property
    def of(self) -> Class:
        """What that means."""
        if self.operations >= EXPENSIVE:
            return "expensive"
        return "moderate" if self.operations >= MODERATE else "cheap"


def cost(tree: Node, frequencies: Frequencies | None) -> Cost | None:
    """What a rule costs; None when nobody knows, because its words were not counted."""
    found = plan(tree)
    if found.exact:
        return Cost(1.0)
    again = POST * _words(tree)
    if found.everywhere:
        return Cost(float(again))
    return None if frequencies is None else Cost(again * share_at_most(tree, frequencies))


def _words(node: Node) -> int:
    """The words, phrases and prefixes of a query, with the entries of its lists."""
    below = children(node)
    return sum(map(_words, below)) if below else not isinstance(node, Field | Dates)
