"""The first look: every phenomenon with its size, change, languages and tone."""

from collections.abc import Mapping, Sequence

import msgspec

from index.answers import Answers
from index.results import Counts
from stream.clock import DAY_MS


class Phenomenon(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's posts in the period and in the one before it; None is "less than k"."""

    rule: str
    title: str
    posts: int | None
    before: int | None
    trend: Counts
    languages: Counts
    tones: Counts

    @property
    def change(self) -> float | None:
        """The change against the period before as a fraction, where both may be shown."""
        if self.posts is None or self.before is None:
            return None
        return self.posts / self.before - 1

    def tone(self, name: str) -> float | None:
        """The share of the posts with that tone; posts without a label count as well."""
        found = self.tones.cells.get((name,))
        return None if found is None or not self.tones.total else found / self.tones.total


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All phenomena, the largest first, and how many posts there are in all."""

    days: int
    posts: int | None
    before: int | None
    phenomena: Sequence[Phenomenon]

    def rows(self) -> list[dict[str, object]]:
        """One row a phenomenon."""
        return [
            {
                "rule": each.rule,
                "posts": each.posts,
                "before": each.before,
                "change": None if each.change is None else round(each.change, 3),
                "languages": {key[0]: posts for key, posts in each.languages.cells.items()},
                "tones": {key[0]: posts for key, posts in each.tones.cells.items()},
            }
            for each in self.phenomena
        ]


def overview(answers: Answers, titles: Mapping[str, str], *, now: int, days: int) -> Overview:
    """The last `days` before `now` (Unix ms) against as many before them; `titles` by rule."""
    middle, start = now - days * DAY_MS, now - 2 * days * DAY_MS
    phenomena: list[Phenomenon] = []
    for rule, title in titles.items():
        query = f"rule:{rule}"
        phenomena.append(
            Phenomenon(
                rule=rule,
                title=title,
                posts=answers.count(query, since=middle, until=now).posts,
                before=answers.count(query, since=start, until=middle).posts,
                trend=answers.over_time(query, since=start, until=now),
                languages=answers.top(query, by="language", since=middle, until=now),
                tones=answers.top(query, by="sentiment", since=middle, until=now),
            )
        )
    return Overview(
        days=days,
        posts=answers.count("", since=middle, until=now).posts,
        before=answers.count("", since=start, until=middle).posts,
        phenomena=sorted(phenomena, key=lambda each: (-(each.posts or 0), each.rule)),
    )
