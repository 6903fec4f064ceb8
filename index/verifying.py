"""Posts that an engine only has as candidates: read, and verified as the language defines it.

Reading and verifying a post is what costs. A question is asked of the store in many ways in a
row (its blocks, its counts by this and by that), so what was verified is remembered without its
texts until the posts change.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from index.compiler import Compiled, forms_of
from index.contract import Question, TooBroad
from index.counted import Counted
from index.finder import Finder, Verified
from index.once import Once
from index.tally import author_of
from rules.documents import unnamed
from rules.evaluator import Reading, holds
from rules.matching.matcher import Matcher
from rules.matching.plan import plan
from rules.tree import Node, Prefix, walk
from stream.batches import batched
from stream.partitions import Partition, partition_of
from stream.post import Post

Q = TypeVar("Q")

AT_FIRST = 60
"""Whether many people wrote something is looked for in so many posts first."""

MOST_REMEMBERED = 4
"""Questions whose posts are remembered."""

MOST_POSTS = 50_000
"""Of a question with more posts they are not remembered."""

MOST_LEFT = 2_000
"""Of more posts that an engine leaves open it is not told which ones answer."""

AT_ONCE = 1_000
"""So many posts are matched together, which costs each of them less."""


class Verifier(Generic[Q]):
    """The posts of a question, each once. TooBroad where more than `most` would have to be read.
    Threads may share it.
    """

    def __init__(self, finder: Finder[Q], *, timezone: str, most: int) -> None:
        self._finder = finder
        self._timezone = timezone
        self._most = most
        self._once = Once(most=MOST_REMEMBERED)
        self._left = Once(most=MOST_REMEMBERED)

    def posts(self, question: Question) -> Iterator[Post]:
        """Every post that answers `question`, verified where the engine cannot decide."""
        compiled = self._finder.compile(question)
        candidates = self._finder.size(compiled.upper, question.scope)
        if candidates > self._most:
            raise TooBroad(
                f"{candidates} posts would have to be read for this question and at most "
                f"{self._most} may be: narrow the period, or add a word that must occur"
            )
        return self._only(question, compiled, self._finder.posts(compiled.upper, question.scope))

    def verified(self, question: Question, compiled: Compiled[Q]) -> Verified | None:
        """The posts that answer `question` without the engine knowing, so that it can count all.
        None where those are many, or where it does not count or tell when they change.
        """
        scope = question.scope
        if not self._finder.counts(scope):
            return None
        if compiled.exact:
            return {}
        state = self._finder.state(scope)
        if state is None:
            return None
        whole = msgspec.structs.replace(question, since=None, until=None)
        return self._left((state, whole), lambda: self._verified(whole))

    def counted(self, question: Question) -> Iterable[Counted]:
        """The same for counting."""
        state = self._finder.state(question.scope)
        whole = msgspec.structs.replace(question, since=None, until=None)
        if state is None or self._candidates(whole) > self._most:
            return self._read(question)
        found = self._once((state, whole), lambda: self._remembered(whole))
        if found is None:
            return self._read(question)
        return (each for each in found if _within(each.post, question))

    def of_authors(self, question: Question, least: int) -> bool:
        """Whether at least so many authors wrote what answers `question`. Reads no more than it
        takes to say yes.
        """
        compiled, scope = self._finder.compile(question), question.scope
        if self._finder.counts(scope):
            if compiled.exact:
                return self._finder.has_authors(compiled.upper, scope, least)
            if compiled.lower is not None and self._finder.has_authors(
                compiled.lower, scope, least
            ):
                return True
        some = self._finder.some(compiled.upper, scope, AT_FIRST)
        if _enough(self._only(question, compiled, some), least):
            return True
        if len(some) < AT_FIRST:
            return False  # those were all
        return _enough(self.posts(question), least)

    def _verified(self, whole: Question) -> Verified | None:
        compiled, scope = self._finder.compile(whole), whole.scope
        left = self._finder.open(compiled)
        if self._finder.size(left, scope) > min(MOST_LEFT, self._most):
            return None
        found: dict[Partition, list[str]] = defaultdict(list)
        for post in self._only(whole, compiled, self._finder.posts(left, scope)):
            found[partition_of(post)].append(post.id)
        return found

    def _remembered(self, whole: Question) -> list[Counted] | None:
        found: list[Counted] = []
        for post in self.posts(whole):
            if len(found) == MOST_POSTS:
                return None
            found.append(Counted.of(post, self._timezone))
        return found

    def _candidates(self, question: Question) -> int:
        return self._finder.size(self._finder.compile(question).upper, question.scope)

    def _read(self, question: Question) -> Iterator[Counted]:
        return (Counted.of(post, self._timezone) for post in self.posts(question))

    def _only(
        self, question: Question, compiled: Compiled[Q], posts: Iterable[Post]
    ) -> Iterator[Post]:
        """Those of `posts` that answer `question`, each id once."""
        tree = None if compiled.exact else question.query
        found = posts if tree is None else self._matching(tree, posts)
        seen: set[str] = set()
        for post in found:
            if post.id not in seen:
                seen.add(post.id)
                yield post

    def _matching(self, tree: Node, posts: Iterable[Post]) -> Iterator[Post]:
        """Those that `tree` matches: many at once where the matcher decides alone."""
        if not plan(tree).exact:
            vocabulary = Vocabulary.of(tree)
            for post in posts:
                if holds(tree, NarrowReading(post, self._timezone, vocabulary)):
                    yield post
            return
        matcher = Matcher([unnamed(tree)], timezone=self._timezone)
        for some in batched(posts, AT_ONCE):
            yield from (some[number] for number in matcher.find(some).posts.tolist())


class Vocabulary(msgspec.Struct, frozen=True):
    """The words and beginnings of words that a query looks for."""

    forms: frozenset[str]
    stems: tuple[str, ...]

    @classmethod
    def of(cls, tree: Node | None) -> "Vocabulary":
        """Those of `tree`."""
        if tree is None:
            return cls(frozenset(), ())
        stems = {each.stem for each in walk(tree) if isinstance(each, Prefix)}
        return cls(frozenset(forms_of(tree)), tuple(sorted(stems)))


class NarrowReading(Reading):
    """A post of which only the words of a vocabulary are looked up."""

    def __init__(self, post: Post, timezone: str, vocabulary: Vocabulary) -> None:
        super().__init__(post, timezone)
        self._vocabulary = vocabulary

    @cached_property
    def places(self) -> dict[str, list[int]]:
        forms, stems = self._vocabulary.forms, self._vocabulary.stems
        places: dict[str, list[int]] = {}
        for position, token in enumerate(self.tokens):
            for form in token.forms:
                if form in forms or (stems and form.startswith(stems)):
                    places.setdefault(form, []).append(position)
        return places


def _within(post: Post, question: Question) -> bool:
    after = question.since is None or post.created_at >= question.since
    return after and (question.until is None or post.created_at < question.until)


def _enough(posts: Iterable[Post], least: int) -> bool:
    authors: dict[int, set[int]] = defaultdict(set)
    for post in posts:
        epoch, who = author_of(post.author)
        authors[epoch].add(who)
        if len(authors[epoch]) >= least:
            return True
    return False
