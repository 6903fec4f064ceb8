"""The posts that attacks are tried on, and the defences that were weighed, put together from their
parts.
"""

import itertools
import random
import statistics
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from index.conditions import conditions
from index.contract import Cell, Dimension, Question
from index.contract import Term as Counted
from index.disclosure import size_of
from index.local.store import LocalStore
from index.simplest import settled
from index.testing import TIMEZONE, fill
from index.typical import score
from index.values import local_day
from privacy.noise import Noise
from privacy.suppress import K, Size, shown, suppress
from rules.tokens import tokenise
from rules.tree import And, Term
from stream.clock import DAY_MS, ManualClock
from stream.partitions import partition_of
from stream.post import Label, Post
from stream.testing import START, make_post

DAYS = 28
NOW = START + (DAYS + 1) * DAY_MS
BASE = 5
LANGUAGES = ("nl", "nl", "nl", "en", "en", "tr")
TONES = ("negative", "neutral", "positive")

RARE = 8
"""Pairs are made of so many words of a post, the rarest of those that can be shown with ease."""

Answer = int | None
"""A number that is shown; None: hidden."""


class Defence(Protocol):
    """Answers an attacker."""

    def ask(self, question: Question) -> Answer: ...

    def table(self, question: Question, by: Dimension) -> Mapping[str, Answer]: ...

    def twice(self, question: Question, post: Post, world: "World") -> tuple[Answer, Answer]:
        """Before `post` comes in, and after: what those are told who ask when none of the targets
        came in yet. Nothing comes in when it is one that is not there.
        """
        ...


@dataclass
class Weighed:
    """A defence put together from its parts."""

    store: LocalStore
    noise: Noise | None = None
    by_question: bool = False
    base: int = 1
    simple: bool = False
    exact_scores: bool = False

    def ask(self, question: Question) -> Answer:
        question = self.asked(question)
        return self._shown(question, self.store.count(question))

    def twice(self, question: Question, post: Post, world: "World") -> tuple[Answer, Answer]:
        earlier = replace(self, store=world.before)
        first = earlier.ask(question)
        with world.coming_in(post):
            return first, earlier.ask(question)

    def words(self, question: Question) -> Mapping[str, tuple[int, float]]:
        """Of every word the posts that are shown, and its score; readers are shown those of the
        highest scores.
        """
        question = self.asked(question)
        found: dict[str, tuple[int, float]] = {}
        for term in self.store.terms(question, against=period_of(question), least=K):
            sizes = sizes_of(self.store, question, term)
            counts = [number for each in sizes if (number := self._shown(*each)) is not None]
            if len(counts) == len(sizes):
                made_of = [cell.posts for _, cell in sizes] if self.exact_scores else counts
                found[term.word] = counts[0], round(score(*made_of), 1)
        return found

    def table(self, question: Question, by: Dimension) -> Mapping[str, Answer]:
        question = self.asked(question)
        found = self.store.count_over_time(question) if by == "day" else None
        table = found or self.store.top(question, by=by, limit=10_000)
        result = suppress(
            {key: size_of(cell) for key, cell in table.cells.items()},
            size_of(table.total),
            additive=[by not in ("rule", "hashtag")],
            noise=lambda key, size: self._noise(question, (by,), key, size),
        )
        return {key[0]: self._rounded(value) for key, value in result.cells.items()}

    def asked(self, question: Question) -> Question:
        """What is counted in place of `question`."""
        if not self.simple:
            return question
        today = local_day(NOW, TIMEZONE)
        return settled(question, self.store, least=K, today=today, timezone=TIMEZONE)

    def _noise(
        self, question: Question, by: tuple[Dimension, ...], key: tuple[str, ...], size: Size
    ) -> int:
        if self.noise is None:
            return 0
        if self.by_question:
            asked = conditions(question, by, key, timezone=TIMEZONE)
            return self.noise(size.posts, size.record, asked)
        # The same spread, but by the posts alone.
        return self.noise(size.posts, size.record, f"{size.record}")

    def _shown(self, question: Question, cell: Cell) -> Answer:
        size = size_of(cell)
        return self._rounded(shown(size, noise=self._noise(question, (), (), size)))

    def _rounded(self, posts: Answer) -> Answer:
        return None if posts is None else self.base * round(posts / self.base)


def period_of(question: Question) -> Question:
    """All posts of the period of `question`."""
    return Question(since=question.since, until=question.until, scope=question.scope)


def sizes_of(
    store: LocalStore, question: Question, term: Counted
) -> Sequence[tuple[Question, Cell]]:
    """The four counts that say how far a word stands out, in the order of `score`."""
    word, everything = Term(term.word), period_of(question)
    query = word if question.query is None else And((question.query, word))
    return [
        (msgspec.structs.replace(question, query=query), term.inside),
        (question, store.count(question)),
        (msgspec.structs.replace(everything, query=word), term.outside),
        (everything, store.count(everything)),
    ]


def defences(store: LocalStore) -> Mapping[str, Weighed]:
    """What was weighed, by name; the last is what peil does."""
    noise = Noise(random.Random(7).randbytes(32))
    return {
        "thresholds": Weighed(store),
        "rounding": Weighed(store, base=BASE),
        "noise": Weighed(store, noise),
        "noise, rounding": Weighed(store, noise, base=BASE),
        "noise, simplest": Weighed(store, noise, simple=True),
        "peil": Weighed(store, noise, by_question=True, simple=True),
    }


class World:
    """Posts in a store; of `targets` some are there, and `present` says which."""

    def __init__(
        self, posts: Sequence[Post], targets: Sequence[Post], folder: Path, rng: random.Random
    ) -> None:
        self.targets = targets
        self.others = posts
        self.present = {post.id for post in targets if rng.random() < 1 / 2}
        self.posts = [*posts, *(post for post in targets if post.id in self.present)]
        self._counts = counts = _counted(self.posts)
        self.frequent = sorted(
            (word for word, number in counts.items() if number >= 2 * K),
            key=lambda word: (-counts[word], word),
        )
        self._known = frozenset(self.frequent)
        clock = ManualClock(NOW)
        self.store, self.before = (
            LocalStore(folder / name, clock=clock, timezone=TIMEZONE, k=K)
            for name in ("store", "before")
        )
        fill(self.store, self.posts)
        fill(self.before, posts)

    @contextmanager
    def coming_in(self, post: Post) -> Generator[None]:
        """While the block runs `post` is in `before`, when it is one that is there."""
        if post.id in self.present:
            fill(self.before, [post])
        yield
        if post.id in self.present:
            self.before.remove(partition_of(post), [post.id])
            self.before.flush()

    def close(self) -> None:
        self.store.close()
        self.before.close()

    def words_of(self, post: Post) -> list[str]:
        """The words of a post that many use, the rarest of them first."""
        forms = {token.forms[0] for token in post.tokens if token.forms}
        return [word for word in reversed(self.frequent) if word in forms & self._known]

    def more_shared(self, post: Post, shared: Callable[[str, str], Iterator[int]]) -> float:
        """How many posts more two rare words of a post share than by chance, in the mean over many
        pairs; `shared` asks how many they share, once or more. What else stands in a pair is taken
        away by pairs in which one or both words are others, that the post lacks and that are as
        frequent: so the noise of a single word's count goes too.
        """
        words = [word for word in self.words_of(post) if self._counts[word] >= 4 * K][:RARE]
        pairs = list(itertools.combinations(words, 2))
        own, first, second, neither = (
            [
                posts
                for one, other in pairs
                for posts in shared(
                    one if has_one else self._like(one, post),
                    other if has_other else self._like(other, post),
                )
            ]
            for has_one, has_other in itertools.product((True, False), repeat=2)
        )
        if not (own and first and second and neither):
            return 0.0
        mean = statistics.mean
        return mean(own) - mean(first) - mean(second) + mean(neither)

    def _like(self, word: str, post: Post) -> str:
        """The next word that is as frequent or more so, and that the post lacks."""
        has = set(self.words_of(post))
        more = reversed(self.frequent[: self.frequent.index(word)])
        return next((each for each in more if each not in has), word)

    def rarest_of(self, post: Post) -> str:
        """A word that few use, or the rarest there is."""
        forms = {token.forms[0] for token in post.tokens if token.forms}
        rare = sorted(word for word in forms - self._known if word.isalpha())
        return rare[0] if rare else self.words_of(post)[0]


def _counted(posts: Sequence[Post]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for post in posts:
        for word in {token.forms[0] for token in post.tokens if token.forms}:
            if word.isalpha() and len(word) > 2:
                counts[word] = counts.get(word, 0) + 1
    return counts


def posts_of(words: Sequence[str], count: int, rng: random.Random) -> Iterator[Post]:
    """Posts of these texts by a few who write much and many who write little, over four weeks."""
    for number, text in enumerate(rng.sample(words, min(count, len(words)))):
        seen = START + int(rng.random() * DAYS * DAY_MS)
        yield make_post(
            rng.getrandbits(128),
            author=f"230-{int(count * rng.random() ** 2):016x}{0:016x}",
            created_at=seen,
            first_observed=seen,
            keep_until=START + 90 * DAY_MS,
            text=text,
            tokens=tokenise(text),
            keep="all",
            source=f"source-{number % 3}",
            lang=_label(rng.choice(LANGUAGES)),
            sentiment=_label(rng.choice(TONES)),
        )


def _label(value: str) -> Label:
    return Label(value=value, confidence=0.9, model="m", version="1")
