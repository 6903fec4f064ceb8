"""What a question is about, where that is more than words that were typed."""

import msgspec

from rules.tree import Node


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A query with its tree, which may have lists of its own. `rule` is the rule whose query it
    is, or shall be, `special` says that it is on a special category, and `name` is
    `rule@version` for a rule.
    """

    query: str
    tree: Node
    rule: str = ""
    special: bool = False
    name: str = ""

    @property
    def version(self) -> str:
        """The version of the rule, where it is one."""
        return self.name.partition("@")[2]
