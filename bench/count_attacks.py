"""What an analyst can learn of one post from counts, which he may choose one after the other: each
attack says whether the post is there.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec

from bench.defences import NOW, Defence, World
from index.contract import Question
from index.testing import TIMEZONE
from index.values import local_day, start_of
from rules.tree import And, Node, Not, Or, Prefix, Term
from stream.post import Post

DAY = timedelta(days=1)

Attack = Callable[[Defence, World, Post], bool]
"""Says whether a post is there, by asking a defence."""


def every(*nodes: Node) -> Question:
    """What all of these match."""
    return Question(query=nodes[0] if len(nodes) == 1 else And(nodes))


def all_of(words: Sequence[str]) -> Node:
    return And(tuple(map(Term, words)))


def leaving_out(defence: Defence, world: World, post: Post) -> bool:
    """Everything, and everything but what has four words of the post."""
    some = all_of(world.words_of(post)[:4])
    return defence.ask(Question()) != defence.ask(every(Not(some)))


def leaving_out_apart(defence: Defence, world: World, post: Post) -> bool:
    """The same, written as what lacks one of the words."""
    some = tuple(Not(Term(word)) for word in world.words_of(post)[:4])
    return defence.ask(Question()) != defence.ask(every(Or(some)))


def rare_word(defence: Defence, world: World, post: Post) -> bool:
    """A frequent word that the post lacks, alone and together with four words of the post."""
    words = world.words_of(post)
    frequent = Term(next(word for word in world.frequent if word not in words))
    some = all_of(words[:4])
    return defence.ask(every(frequent)) != defence.ask(every(Or((frequent, some))))


def longer_prefix(defence: Defence, world: World, post: Post) -> bool:
    """A prefix, and the same with a letter of the post's word more or less."""
    word = world.rarest_of(post)
    if len(word) < 6:
        return False
    frequent = Term(world.frequent[0])
    one, other = (
        defence.ask(every(Or((frequent, Prefix(word[:size]))))) for size in (5, len(word))
    )
    return defence.ask(every(frequent)) not in (one, other)


def periods(defence: Defence, world: World, post: Post) -> bool:
    """Two words of the post, until its day and until the day after."""
    query = every(all_of(world.words_of(post)[-2:]))
    day = local_day(post.created_at, TIMEZONE)
    first, second = (
        defence.ask(msgspec.structs.replace(query, until=start_of(end, TIMEZONE)))
        for end in (day, day + DAY)
    )
    return first != second


def a_day_alone(defence: Defence, world: World, post: Post) -> bool:
    """Words of the post, with and without what hardly another post has, on single days from its
    own on.
    """
    words = world.words_of(post)
    rare = Not(all_of(words[:4]))
    day = local_day(post.created_at, TIMEZONE)
    last = local_day(NOW, TIMEZONE) - DAY
    for word in words[4:12] + words[:2]:
        for first in (day + number * DAY for number in range(10)):
            if first < last:
                answers = [
                    defence.ask(
                        msgspec.structs.replace(
                            query,
                            since=start_of(first, TIMEZONE),
                            until=start_of(first + DAY, TIMEZONE),
                        )
                    )
                    for query in (every(Term(word)), every(Term(word), rare))
                ]
                if answers[0] != answers[1]:
                    return True
    return False


def days(defence: Defence, world: World, post: Post) -> bool:
    """A frequent word of the post by day, and the same without a rarer one."""
    *_, frequent = world.words_of(post)
    rarer = world.words_of(post)[0]
    day = local_day(post.created_at, TIMEZONE).isoformat()
    whole = defence.table(every(Term(frequent)), "day")
    without = defence.table(every(Term(frequent), Not(Term(rarer))), "day")
    return whole.get(day) != without.get(day)


def total_less_cells(defence: Defence, world: World, post: Post) -> bool:
    """Three words of the post by tone: what is hidden is the total less what is shown."""
    query = every(all_of(world.words_of(post)[:3]))
    total = defence.ask(query)
    cells = defence.table(query, "sentiment")
    tone = (post.sentiment.value if post.sentiment else None) or ""
    if cells.get(tone) is not None:
        return True
    rest = (total or 0) - sum(posts or 0 for posts in cells.values())
    return total is not None and rest > 0


def adaptive(defence: Defence, world: World, post: Post) -> bool:
    """Contexts that the post is in, each with and without what hardly another post has, in three
    ways of writing. He goes on with those that gave an answer, and takes the mean.
    """
    words = world.words_of(post)
    rare = all_of(words[:4])
    seen: list[int] = []
    for number, word in enumerate(words[4:] + words[:2]):
        context = Term(word)
        whole = defence.ask(every(context))
        apart = Or(tuple(Not(Term(each)) for each in words[:4]))
        asked: list[Node] = [And((context, Not(rare))), And((context, apart))]
        if number % 2:
            asked.append(Or((context, And((rare, Not(context))))))
        for tree in asked:
            answer = defence.ask(every(tree))
            if whole is not None and answer is not None:
                seen.append(whole - answer)
    return bool(seen) and statistics.mean(seen) > 1 / 2


def days_in_the_mean(defence: Defence, world: World, post: Post) -> bool:
    """As before with many pairs of words, one question chosen after the other; the day of the
    post against the other days.
    """
    words = world.words_of(post)
    day = local_day(post.created_at, TIMEZONE).isoformat()
    here: list[int] = []
    elsewhere: list[int] = []
    for frequent in words[-3:]:
        whole = defence.table(every(Term(frequent)), "day")
        for rarer in words[:3]:
            without = defence.table(every(Term(frequent), Not(Term(rarer))), "day")
            for each, posts in whole.items():
                other = without.get(each)
                if posts is not None and other is not None:
                    (here if each == day else elsewhere).append(posts - other)
    if not here or not elsewhere:
        return False
    return statistics.mean(here) > statistics.mean(elsewhere)


def apart_and_together(defence: Defence, world: World, post: Post) -> bool:
    """Two rare words, each and either: what they share is the sum of the two less the third. Many
    such pairs of words, against as many with words that the post lacks.
    """

    def shared(one: str, other: str) -> Iterator[int]:
        first, second = (defence.ask(every(Term(word))) for word in (one, other))
        either = defence.ask(every(Or((Term(one), Term(other)))))
        if first is not None and second is not None and either is not None:
            yield first + second - either

    return world.more_shared(post, shared) > 1 / 2


def late(defence: Defence, world: World, post: Post) -> bool:
    """Two words of the post, before and after it came in, which was days after it was made and
    while nothing else came.
    """
    first, second = defence.twice(every(all_of(world.words_of(post)[-2:])), post, world)
    return first != second


LATE = "before and after, late"
"""The one that docs/privacy.md says is not held."""

ATTACKS: Mapping[str, Attack] = {
    "everything but the post": leaving_out,
    "the same, written apart": leaving_out_apart,
    "with what only it has": rare_word,
    "a letter more": longer_prefix,
    "a day more": periods,
    "a day alone": a_day_alone,
    "by day, without a word": days,
    "the same, in the mean": days_in_the_mean,
    "apart and together": apart_and_together,
    LATE: late,
    "total less cells": total_less_cells,
    "adaptive": adaptive,
}
