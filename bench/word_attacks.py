"""What the scores of typical words tell of the exact counts that they are made of."""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.count_attacks import every
from bench.defences import (
    Weighed,
    World,
    period_of,
    sizes_of,
)  # fmt: skip
from index.contract import Question
from index.typical import score
from privacy.noise import COINS
from privacy.suppress import K
from rules.tree import Field, Not, Term

ROUNDED = 0.08
"""How far a score may be from what it is made of, more or less: it is shown in tenths."""

CLOSE = 3
"""Words are told apart that differ by so many posts at most."""


def close_pairs(world: World, count: int, rng: random.Random) -> list[tuple[Question, Question]]:
    """A word, a source or a language, and the same without a word."""
    found: list[tuple[Question, Question]] = []
    while len(found) < count:
        words = world.frequent[: 4 * K]
        whole = rng.choice(
            [Term(rng.choice(words)), Field("source", ("source-1",)), Field("lang", ("nl",))]
        )
        found.append((every(whole), every(whole, Not(Term(rng.choice(words))))))
    return found


class Told(NamedTuple):
    """Of the words shown of both questions of close pairs, whether as many posts have them: how
    often one that has as many is thought likelier to have than one that has not (1/2 is guessing).
    """

    same: int
    close: int
    by_posts: float
    by_scores: float


def told_by_words(
    defence: Weighed, world: World, asked: Sequence[tuple[Question, Question]]
) -> Told:
    """Weighs how likely each difference is, by the numbers of posts alone and by the scores too.
    He is given the true size of both questions and of the period, and the word's in the period.
    """
    likely: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for pair in asked:
        first, second = (defence.words(question) for question in pair)
        sides = [_true(world, defence.asked(question)) for question in pair]
        for word in first.keys() & second.keys() if sides[0] != sides[1] else ():
            apart = sides[0][word][0] - sides[1][word][0]
            if 0 <= apart <= CLOSE:
                seen = [
                    (each[word], side[word])
                    for each, side in zip((first, second), sides, strict=True)
                ]
                alone = [_weights(posts, counts) for (posts, _), counts in seen]
                scored = [_weights(posts, counts, said) for (posts, said), counts in seen]
                likely[apart == 0].append((_the_same(*alone), _the_same(*scored)))
    by_posts, by_scores = (
        _ranked([each[way] for each in likely[True]], [each[way] for each in likely[False]])
        for way in (0, 1)
    )
    return Told(len(likely[True]), len(likely[False]), by_posts, by_scores)


def _true(world: World, question: Question) -> Mapping[str, Sequence[int]]:
    """The four exact counts of each word."""
    return {
        term.word: [cell.posts for _, cell in sizes_of(world.store, question, term)]
        for term in world.store.terms(question, against=period_of(question), least=K)
    }


def _weights(posts: int, counts: Sequence[int], said: float | None = None) -> Mapping[int, float]:
    """How likely each true number is where `posts` are shown, and `said` is the score."""
    found: dict[int, float] = {}
    for noise in range(-COINS, COINS + 1):
        here = posts - noise
        if K <= here <= counts[2]:
            found[here] = float(math.comb(2 * COINS, COINS + noise))
            if said is not None:
                off = (score(here, *counts[1:]) - said) / ROUNDED
                found[here] *= math.exp(-(off**2) / 2)
    return found


def _the_same(first: Mapping[int, float], second: Mapping[int, float]) -> float:
    """How likely two numbers are the same, of which the second is not the larger."""
    same = sum(weight * second.get(posts, 0.0) for posts, weight in first.items())
    every_way = sum(
        weight * other
        for posts, weight in first.items()
        for fewer, other in second.items()
        if fewer <= posts
    )
    return same / every_way if every_way else 1 / 2


def _ranked(higher: Sequence[float], lower: Sequence[float]) -> float:
    """How often one of `higher` is above one of `lower`, half where they are equal."""
    return statistics.mean((one > other) + (one == other) / 2 for one in higher for other in lower)
