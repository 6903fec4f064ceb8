"""Which rules that count are on a special category of personal data."""

from rules.life.fresh import Fresh
from rules.life.history import PUBLISHED
from rules.life.library import Library, those_in


class Special:
    """By what is counted, which need not be what a file says. Threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._marked = Fresh(self._read, now=library.now)

    def __call__(self, rule: str) -> bool:
        """Whether a version of `rule` that counts is marked."""
        return rule in self._marked()

    def _read(self) -> frozenset[str]:
        return frozenset(
            each.change.rule
            for each in those_in(self._library.standings(), *PUBLISHED)
            if each.version.document.special_category
        )
