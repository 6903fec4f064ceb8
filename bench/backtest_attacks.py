"""What a rule's author can learn of one post from the numbers of backtests, which he may ask for
as often as he likes, each time of another rule.

He knows the post whole and writes rules that what hardly another post has decides. What chance
puts into a number he takes away by the mean over many rules, and what other posts put into it by
the same with words that the post lacks.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import create_engine

import index.tables
from bench.defences import NOW, World
from index.answers import Answers
from index.backtest import Asides
from index.contract import Asked
from index.series import Series
from index.subject import Subject
from index.testing import TIMEZONE
from index.trial import Backtest, Part
from privacy.noise import Noise
from privacy.suppress import K, Thresholds
from rules.parser import parse
from rules.tree import And, Field, Keywords, Node, Not, Or, Phrase, Term
from rules.written import written
from stream.clock import ManualClock
from stream.metrics import NoMetrics
from stream.post import Post

BRIEF = Asides(by=("language",), overlap=False)
LISTS = 30
"""Of so many names he makes lists."""

Attack = Callable[[Answers, World, Post], bool]
"""Says whether a post is there, by asking for backtests."""


class Unwritten:
    """An access log that keeps nothing."""

    def append(
        self, *, actor: str, purpose: str, action: str, payload: str, at_most: int | None = None
    ) -> int:
        return len(actor + purpose + action + payload) + (at_most or 0)


def author_of(store: Asked, noise: Noise) -> Answers:
    """The door to `store` of somebody who writes rules."""
    engine = create_engine("sqlite://")
    index.tables.metadata.create_all(engine)
    return Answers(
        store, log=Unwritten(), actor="author", purpose="attacks", series=Series(engine),
        thresholds=Thresholds(K, lambda _rule: False), timezone=TIMEZONE, lists={}.get,
        metrics=NoMetrics(), clock=ManualClock(NOW), noise=noise,
        text_reads_a_day=1,
    )  # fmt: skip


def tried(answers: Answers, tree: Node, *, against: Node | None = None) -> Backtest:
    """A backtest of the rule that is this tree."""
    return answers.backtest(
        _subject(tree), against=None if against is None else _subject(against), asides=BRIEF
    )


def one_term(answers: Answers, world: World, post: Post) -> bool:
    """Rules that differ in four words of the post, beside each other and one against the other:
    whether any number says that they differ.
    """
    words = world.words_of(post)
    context, rare = Term(words[-1]), And(tuple(map(Term, words[:4])))
    for tree in (Or((context, rare)), And((context, Not(rare)))):
        first, second = tried(answers, tree, against=context), tried(answers, context)
        if any(_differ(*parts) for parts in zip(first.parts, second.parts, strict=True)):
            return True
    return False


def only_one_branch(answers: Answers, world: World, post: Post) -> bool:
    """Of `a OR b`, two rare words of the post: what each finds less what it alone finds."""

    def shared(one: str, other: str) -> Iterator[int]:
        for part in tried(answers, Or((Term(one), Term(other)))).parts:
            for each in part.earned:
                if each.posts is not None and each.only is not None:
                    yield each.posts - each.only

    return world.more_shared(post, shared) > 1 / 2


def gained(answers: Answers, world: World, post: Post) -> bool:
    """What a rare word of the post gains on a source that the post is not of, less what it gains
    on that and another word of the post.
    """
    source = next(each for each in ("source-0", "source-1") if each != post.source)
    elsewhere = Field("source", (source,))

    def shared(one: str, other: str) -> Iterator[int]:
        less, more = (
            tried(answers, Term(one), against=tree)
            for tree in (elsewhere, Or((elsewhere, Term(other))))
        )
        for first, second in zip(less.parts, more.parts, strict=True):
            if first.change and second.change:
                numbers = first.change.gained, second.change.gained
                if numbers[0] is not None and numbers[1] is not None:
                    yield numbers[0] - numbers[1]

    return world.more_shared(post, shared) > 1 / 2


def an_entry_more(answers: Answers, world: World, post: Post) -> bool:
    """Keyword lists of many names, with and without the first words of the post as an entry."""
    has = world.words_of(post)
    frequent = [word for word in world.frequent if word not in has]
    begins = Phrase(tuple(token.forms[0] for token in post.tokens if token.forms)[:4])
    seen: list[int] = []
    for number in range(LISTS):
        one = Term(frequent[number])
        with_it, without = (
            tried(answers, Keywords(f"{name}{number}", 1, entries))
            for name, entries in (("a", (one, begins)), ("b", (one,)))
        )
        for first, second in zip(with_it.parts, without.parts, strict=True):
            if first.posts is not None and second.posts is not None:
                seen.append(first.posts - second.posts)
    return bool(seen) and statistics.mean(seen) > 1 / 2


ENTRY = "an entry more of a list"
"""The one that docs/privacy.md says is not held."""

ATTACKS: Mapping[str, Attack] = {
    "a term more": one_term,
    "what one branch finds": only_one_branch,
    "what is gained": gained,
    ENTRY: an_entry_more,
}


def _differ(one: Part, other: Part) -> bool:
    """Whether a number of a rule is another one than that of the rule it is compared with."""
    assert one.change is not None
    changed = (one.change.gained, one.change.lost) != (None, None)
    earned = bool(one.earned) and one.earned[0].posts != other.posts
    cells = [
        (each.posts, each.days.cells, {by: counts.cells for by, counts in each.by.items()})
        for each in (one, other)
    ]
    return changed or earned or cells[0] != cells[1]


def _subject(tree: Node) -> Subject:
    """With the places of its parts, by which a branch is known; a list is as it is handed in."""
    query = written(tree)
    return Subject(query=query, tree=tree if isinstance(tree, Keywords) else parse(query).tree)
