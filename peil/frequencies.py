"""How often words are in what came in lately, for lint: of the index, and only what may be shown.

Each count is a question like those that a person asks, so it stands in the access log.
"""

from collections.abc import Sequence

from index.answers import Answers
from index.contract import TooBroad
from index.subject import Subject
from peil.pipeline import Pipeline
from rules.lint.breadth import MOST_WORDS, Frequencies, Word
from rules.tree import Or, Prefix
from rules.written import written
from stream.errors import PeilError, Retry

AT_ONCE = 50
"""So many words are asked for in one question; many more it may not have."""

MOST_QUESTIONS = 20


class ShownFrequencies:
    """Shares of all posts that are not gone yet, matched by a rule or not."""

    def __init__(self, answers: Answers, *, total: int) -> None:
        self._answers = answers
        self._total = total

    def share(self, words: Sequence[Word]) -> float | None:
        some = list(dict.fromkeys(words))[: AT_ONCE * MOST_QUESTIONS]
        parts = [some[start : start + AT_ONCE] for start in range(0, len(some), AT_ONCE)]
        shares = [share for part in parts if (share := self._share(part)) is not None]
        return max(shares, default=None)  # of all together at least so many

    def _share(self, words: Sequence[Word]) -> float | None:
        any_of = words[0] if len(words) == 1 else Or(tuple(words))
        try:
            # Not every word can be written so that it is read as the same.
            found = self._answers.count(Subject(query=written(any_of), tree=any_of)).posts
        except (TooBroad, Retry):
            return None  # lint says nothing of what cannot be counted now
        return None if found is None else min(1.0, found / self._total)

    def words(self, prefix: Prefix) -> int:
        return len(self._answers.complete(prefix.stem, limit=MOST_WORDS + 1))


def look_up(pipeline: Pipeline) -> tuple[Frequencies | None, str]:
    """The frequencies of a folder's index, or why there are none."""
    if not pipeline.settings.purpose:
        return None, "no purpose is set in config/peil.toml"
    try:
        answers = pipeline.answers(scope="both")
        total = answers.count().posts
    except PeilError as error:
        return None, str(error)
    if not total:
        return None, "the index has too few posts yet"
    return ShownFrequencies(answers, total=total), ""
