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
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bench import backtest_attacks
from bench.backtest_attacks import author_of
from bench.cluster import texts
from bench.count_attacks import ATTACKS, every
from bench.defences import (
    DAYS,
    Defence,
    World,
    defences,
    posts_of,
)  # fmt: skip
from bench.over_http import over_http
from bench.progress import Progress
from bench.word_attacks import close_pairs, told_by_words
from index.contract import Dimension, Question
from privacy.noise import COINS, Noise
from privacy.suppress import K
from rules.tree import And, Not, Or, Term
from stream.post import Post

TARGETS = 200
HTTP = "HTTP"
CUT_OFF = 130
"""How a program ends that Ctrl-C ended."""

WORDS = 6
"""A target has at least so many words that many use: else there is nothing to choose from."""

Asked = TypeVar("Asked")


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
