"""Which rules that count are on a special category of personal data."""

from rules.life.history import PUBLISHED
from rules.life.library import Library, those_in

FRESH_MS = 30_000
"""What counts can change while a process runs: it looks again after so long."""


class Special:
    """By what is counted, which need not be what a file says. Threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._seen: tuple[int, frozenset[str]] | None = None

    def __call__(self, rule: str) -> bool:
        """Whether a version of `rule` that counts is marked."""
        now = self._library.now()
        if self._seen is None or now - self._seen[0] >= FRESH_MS:
            self._seen = now, self._marked()
        return rule in self._seen[1]

    def _marked(self) -> frozenset[str]:
        return frozenset(
            each.change.rule
            for each in those_in(self._library.standings(), *PUBLISHED)
            if each.version.document.special_category
        )
