"""What an analyst can learn of few people by asking questions, with the truth at hand.

    python -m bench.attacks [--texts FILE] [--posts 20000] [--targets 200] [--pairs 20000]
        [--word-pairs 60] [--only HTTP] [--seed 1]

Every attack guesses, of many targets, whether a post (or anything at all) is there, by asking a
defence and nothing else; half of the targets are there. Printed is how often it is right: 50% is
guessing. The defences are those that were weighed: none but thresholds, rounding, noise by record
key with and without rounding, and that with questions made simplest, which is what peil does; the
last is peil itself, asked over HTTP. Apart from these, what the scores of typical words tell, and
the numbers of backtests.
Beside it: how many cells stay visible, and how far the numbers are off.

The attacker knows one post whole, and may choose each question by the answers before it; he does
not know the other posts. Without --texts the posts are made of the demo's. Ctrl-C ends it after the
question at hand; what was measured until then is printed.
"""

import argparse
import dataclasses
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from bench import backtest_attacks
from bench.backtest_attacks import author_of
from bench.cluster import texts
from bench.defences import (
    DAYS,
    Defence,
    Weighed,
    World,
    defences,
    period_of,
    posts_of,
    sizes_of,
)  # fmt: skip
from bench.over_http import over_http
from bench.progress import Progress
from index.contract import Dimension, Question
from index.testing import TIMEZONE
from index.typical import score
from index.values import local_day, start_of
from privacy.noise import COINS, Noise
from privacy.suppress import K
from rules.tree import And, Field, Node, Not, Or, Prefix, Term
from stream.post import Post

TARGETS = 200
HTTP = "HTTP"
CUT_OFF = 130
"""How a program ends that Ctrl-C ended."""

ROUNDED = 0.08
"""How far a score may be from what it is made of, more or less: it is shown in tenths."""

CLOSE = 3
"""Words are told apart that differ by so many posts at most."""

WORDS = 6
"""A target has at least so many words that many use: else there is nothing to choose from."""

DAY = timedelta(days=1)

Asked = TypeVar("Asked")
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
    "by day, without a word": days,
    "the same, in the mean": days_in_the_mean,
    "apart and together": apart_and_together,
    LATE: late,
    "total less cells": total_less_cells,
    "adaptive": adaptive,
}


def right(
    attack: Callable[[Asked, World, Post], bool],
    defence: Asked,
    world: World,
    *,
    targets: Iterable[Post] | None = None,
) -> float:
    """How often a guess is right, as many of those who are there as of those who are not; of
    `targets`, or of all. Where there is none of either kind it is half.
    """
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for post in world.targets if targets is None else targets:
        there = post.id in world.present
        hits[there].append(attack(defence, world, post) == there)
    return statistics.mean(statistics.mean(each) if each else 1 / 2 for each in hits.values())


def pairs(world: World, count: int, rng: random.Random) -> list[tuple[Question, Question]]:
    """Questions that lie close together, by chance."""
    found: list[tuple[Question, Question]] = []
    while len(found) < count:
        one, other, third = (Term(rng.choice(world.frequent)) for _ in range(3))
        first = rng.choice([(one,), (Or((one, other)),), (one, other)])
        second = rng.choice([
            (*first, Not(third)), (*first, Not(And((other, third)))), (Or((And(first), third)),),
            (Or((And(first), And((other, third)))),),
        ])  # fmt: skip
        found.append((every(*first), every(*second)))
    return found


def learned(defence: Defence, world: World, asked: Iterable[tuple[Question, Question]]) -> str:
    """Of pairs that differ by fewer than k posts: how often the shown difference is the true one,
    and how often equal numbers tell rightly whether there is a difference at all.
    """
    exact: list[bool] = []
    told: dict[bool, list[bool]] = {True: [], False: []}
    for first, second in asked:
        true = world.store.count(first).posts - world.store.count(second).posts
        if abs(true) >= K:
            continue
        one, other = defence.ask(first), defence.ask(second)
        same = one == other
        exact.append(one is not None and other is not None and one - other == true)
        told[true == 0].append(same == (true == 0))
    share = statistics.mean(statistics.mean(each) if each else 1 / 2 for each in told.values())
    if not exact:
        return "no close pairs"
    same = len(told[True]) / len(exact)
    return (
        f"{len(exact):>6} close pairs, of which {same:.1%} do not differ; "
        f"exact {statistics.mean(exact):.1%}, told {share:.1%}"
    )


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


def utility(defence: Defence, world: World) -> str:
    """How many cells of a dashboard stay visible, and how far their numbers are off."""
    shown, cells, off, share = 0, 0, list[float](), list[float]()
    queries = [Question(), *(every(Term(word)) for word in world.frequent[::40])]
    dimensions: tuple[Dimension, ...] = ("day", "language", "sentiment", "source")
    for query in queries:
        for by in dimensions:
            true = (
                world.store.count_over_time(query)
                if by == "day"
                else world.store.top(query, by=by, limit=10_000)
            )
            visible = defence.table(query, by)
            for key, cell in true.cells.items():
                cells += 1
                number = visible.get(key[0])
                if number is not None:
                    shown += 1
                    off.append(abs(number - cell.posts))
                    share.append(abs(number - cell.posts) / cell.posts)
    return (
        f"{cells} cells, {shown / cells:.0%} shown; off by {statistics.mean(off):.2f} posts, "
        f"{statistics.median(share):.1%} in the middle"
    )


def make_world(words: Sequence[str], posts: int, folder: Path, *, targets: int, seed: int) -> World:
    """Posts of these texts, and targets among them."""
    rng = random.Random(seed)
    made = list(posts_of(words, posts, rng))
    counts: dict[str, int] = {}
    for post in made:
        for word in {token.forms[0] for token in post.tokens if token.forms}:
            counts[word] = counts.get(word, 0) + 1
    fit = [
        post
        for post in made
        if sum(
            counts[word] >= 2 * K and word.isalpha() and len(word) > 2
            for word in {token.forms[0] for token in post.tokens if token.forms}
        )
        > WORDS
    ]
    chosen = rng.sample(fit, min(targets, len(fit)))
    taken = {post.id for post in chosen}
    return World([post for post in made if post.id not in taken], chosen, folder, rng)


def _try(
    defence: Defence,
    world: World,
    asked: Sequence[tuple[Question, Question]],
    progress: Progress,
) -> None:
    started = time.monotonic()
    for what, attack in ATTACKS.items():
        targets = progress.over(world.targets, what)
        print(f"  {what:26} right {right(attack, defence, world, targets=targets):.1%}", flush=True)
        if progress.is_cut_off:
            return
    print(f"  {learned(defence, world, progress.over(asked, 'pairs'))}", flush=True)
    if not progress.is_cut_off:
        print(f"  {utility(defence, world)}; {time.monotonic() - started:.0f} s", flush=True)


def _try_words(world: World, count: int, rng: random.Random) -> None:
    asked = close_pairs(world, count, rng)
    peil = defences(world.store)["peil"]
    for exact in (True, False):
        told = told_by_words(dataclasses.replace(peil, exact_scores=exact), world, asked)
        print(
            f"\nwords, scores of {'exact' if exact else 'shown'} counts: {told.same} the same in "
            f"both questions, {told.close} not; told by posts {told.by_posts:.2f}, by scores too "
            f"{told.by_scores:.2f}",
            flush=True,
        )


def _try_backtests(world: World, progress: Progress) -> None:
    print("\nbacktests", flush=True)
    author = author_of(world.store, Noise(random.Random(7).randbytes(32)))
    for what, attack in backtest_attacks.ATTACKS.items():
        targets = progress.over(world.targets, what)
        print(f"  {what:26} right {right(attack, author, world, targets=targets):.1%}", flush=True)
        if progress.is_cut_off:
            return


def main(chosen: argparse.Namespace, folder: Path) -> None:
    found = texts(chosen.texts)
    world = make_world(found, chosen.posts, folder, targets=chosen.targets, seed=chosen.seed)
    print(f"{len(world.posts):,} posts over {DAYS} days, {len(world.targets)} targets, k = {K}")
    asked = pairs(world, chosen.pairs, random.Random(chosen.seed + 1))
    with Progress() as progress, over_http(world, folder) as api:
        every_one: Mapping[str, Defence] = {**defences(world.store), HTTP: api}
        if chosen.only and chosen.only not in every_one:
            raise SystemExit(f"--only {chosen.only}: there are {', '.join(every_one)}")
        for name, defence in every_one.items():
            if chosen.only in ("", name) and not progress.is_cut_off:
                print(f"\n{name}", flush=True)
                _try(defence, world, asked, progress)
        if chosen.only in ("", "peil") and not progress.is_cut_off:
            _try_words(world, chosen.word_pairs, random.Random(chosen.seed + 2))
            _try_backtests(world, progress)
    world.close()
    print(f"\nNoise is never more than {COINS}. Guessing is right in 50%.")
    if progress.is_cut_off:
        print("Cut off: the last line above is of what was asked until then.")
        sys.exit(CUT_OFF)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What can be learned of few people by asking.")
    parser.add_argument("--texts", type=Path, help="posts to make the world of; else the demo's")
    parser.add_argument("--posts", type=int, default=20_000, help="how many (default %(default)s)")
    parser.add_argument("--targets", type=int, default=TARGETS, help="posts that are looked for")
    parser.add_argument("--pairs", type=int, default=20_000, help="random pairs of questions")
    parser.add_argument("--word-pairs", type=int, default=60, help="pairs for typical words")
    parser.add_argument("--only", default="", help=f"one defence: peil, {HTTP}, thresholds, …")
    parser.add_argument("--seed", type=int, default=1, help="the same world and questions again")
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args(), Path(temporary))
