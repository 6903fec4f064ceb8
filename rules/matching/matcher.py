"""The matcher on the stream: what a post costs grows with what in it could match, not with the
rules there are.

Every different token is looked up once in what the rules ask for (`classes`). A batch of posts
is then an array of numbers, of which a few joins make the rules; a post or two go through plain
loops, which cost less to begin. What neither can decide the evaluator does, for the rules and
posts that are left.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from rules.documents import ActiveRule, Example, example_post
from rules.evaluator import MAX_SPANS, Reading, evidence, holds
from rules.matching.classes import Classes
from rules.matching.joins import candidates_in, most_posts
from rules.matching.loops import candidates_of
from rules.matching.memo import Memo, TextMemo, TokenMemo
from rules.matching.plan import plan
from rules.matching.rows import Numbers
from rules.tree import named
from stream.post import Match, Post

Kind = TypeVar("Kind", Post, str)

Locate = Callable[[Sequence[Post]], Sequence[Post]]
"""Fills `places` of the same posts."""

FEW = 8
"""So many posts or fewer go through loops."""

MANY = 500
"""So many go through the joins together: what these make of them fits into caches."""

MEMO = 500_000
"""So many different tokens, and so many pieces of text, are remembered."""

NUMBERS = np.arange(FEW, dtype=np.int32)
"""Those of a few posts."""

NOTHING = np.zeros(0, np.int32)


class Hits(NamedTuple):
    """Which posts match which rules, by their numbers, in order."""

    posts: Numbers
    rules: Numbers

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The same one by one."""
        return zip(self.posts.tolist(), self.rules.tolist(), strict=True)


class Matcher:
    """A set of rules, ready to match. It remembers words, so threads do not share it; another set
    comes as another matcher, between two batches.

    Without `locate` the places of a post are those that it comes with.
    """

    def __init__(
        self, rules: Sequence[ActiveRule], *, timezone: str, locate: Locate | None = None
    ) -> None:
        self.rules = tuple(rules)
        self._timezone = timezone
        self._locate = locate
        plans = [plan(rule.tree) for rule in self.rules]
        self._classes = Classes(plans)
        self._tokens = TokenMemo(self._classes, most=MEMO)
        self._texts = TextMemo(self._classes, most=MEMO)
        self._tables = np.array([each.table for each in plans], np.uint64)
        self._table = [each.table for each in plans]
        self._open = np.array([not each.exact for each in plans], np.bool_)
        self._exact = all(each.exact for each in plans)
        self._most = min(MANY, most_posts(len(plans)))
        self._everywhere = [number for number, each in enumerate(plans) if each.everywhere]
        self._placed = np.array(
            [any(name == "place" for name, _ in named(rule.tree)) for rule in self.rules], np.bool_
        )

    def match(self, posts: Sequence[Post]) -> list[tuple[Match, ...]]:
        """The matches of each post with their spans, in the order of the rules."""
        candidates = self._candidates(posts, self._tokens)
        read = self._reader(posts, candidates)
        matches: list[list[Match]] = [[] for _ in posts]
        for post, number in self._decided(candidates, read).pairs():
            rule = self.rules[number]
            spans = set(islice(evidence(rule.tree, read(post)), MAX_SPANS))
            matches[post].append(Match(rule.id, rule.version, tuple(sorted(spans))))
        return [tuple(each) for each in matches]

    def find(self, posts: Sequence[Post]) -> Hits:
        """Which posts match which rules: without spans, and so faster."""
        candidates = self._candidates(posts, self._tokens)
        if self._exact:
            return candidates
        return self._decided(candidates, self._reader(posts, candidates))

    def find_in(self, texts: Sequence[str]) -> Hits:
        """The same of texts that are no posts yet, and of which nothing else is known."""

        @cache
        def read(number: int) -> Reading:
            return Reading(example_post(Example(texts[number])), self._timezone)

        return self._decided(self._candidates(texts, self._texts), read)

    def _reader(self, posts: Sequence[Post], candidates: Hits) -> Callable[[int], Reading]:
        """Readings of `posts` by number, with places where a rule that asks for them may match."""
        known = dict[int, Post]()
        if self._locate is not None:
            numbers = np.unique(candidates.posts[self._placed[candidates.rules]]).tolist()
            located = self._locate([posts[number] for number in numbers]) if numbers else ()
            known = dict(zip(numbers, located, strict=True))

        @cache
        def read(number: int) -> Reading:
            return Reading(known.get(number, posts[number]), self._timezone)

        return read

    def _decided(self, candidates: Hits, read: Callable[[int], Reading]) -> Hits:
        """The candidates of which the evaluator, where it is needed, says so too."""
        undecided = np.flatnonzero(self._open[candidates.rules])
        if not len(undecided):
            return candidates
        matching = np.ones(len(candidates.posts), np.bool_)
        for place in undecided.tolist():
            tree = self.rules[candidates.rules[place]].tree
            matching[place] = holds(tree, read(int(candidates.posts[place])))
        return Hits(candidates.posts[matching], candidates.rules[matching])

    def _candidates(self, some: Sequence[Kind], memo: Memo[Kind]) -> Hits:
        """Posts, or texts, with the rules that they match as far as facts tell."""
        if len(some) > FEW:
            return self._joined(some, memo)
        rules = [candidates_of(memo.of(each), self._classes, self._table) for each in some]
        posts = NUMBERS[: len(some)].repeat([len(each) for each in rules])
        return self._with_everywhere(posts, _behind_one_another(rules), len(some))

    def _joined(self, some: Sequence[Kind], memo: Memo[Kind]) -> Hits:
        found = [
            candidates_in(memo.batch(some[start : start + self._most]), self._classes, self._tables)
            for start in range(0, len(some), self._most)
        ]
        posts = [posts + place * self._most for place, (posts, _) in enumerate(found)]
        return self._with_everywhere(
            _behind_one_another(posts),
            _behind_one_another([rules for _, rules in found]),
            len(some),
        )

    def _with_everywhere(self, posts: Numbers, rules: Numbers, count: int) -> Hits:
        """These hits, and the rules that facts say nothing of with every one of `count` posts."""
        if not self._everywhere:
            return Hits(posts, rules)
        every = np.array(self._everywhere, np.int32)
        posts = np.concatenate((posts, np.repeat(np.arange(count, dtype=np.int32), len(every))))
        rules = np.concatenate((rules, np.tile(every, count)))
        order = np.lexsort((rules, posts))
        return Hits(posts[order], rules[order])


def _behind_one_another(parts: Sequence[Numbers]) -> Numbers:
    return parts[0] if len(parts) == 1 else np.concatenate([NOTHING, *parts])
