"""How fast rules are matched, beside a loop of regular expressions and Lucene Monitor.

    python -m bench.matching --texts FILE [--rules 100 1000 10000] [--seconds 3] [--alone]

Rules of mixed shapes are made of the words of FILE (`bench.rulebook`), and all three must find
the same in the same texts. Printed are texts per CPU second of one core: with tokens given, from
raw text with all its words met before (warm), and from raw text never seen (in batches of 100);
how long the set takes to compile; and how much more a text costs than with the fewest rules when
it matches as many rules. `--alone` leaves the other two out.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.cluster import texts
from bench.lucene import percolate
from bench.regexes import loop
from bench.rulebook import RuleBook
from rules import tokens
from rules.documents import ActiveRule
from rules.matching.matcher import Matcher
from stream.testing import make_post

BATCHES = (1, 10, 100, 1_000, 5_000)
CHECKED = 2_000
BY_REGEX = 2_000_000
"""So many texts x rules are checked, and timed, with regular expressions at most."""

UNSEEN = 100
ZONE = "Europe/Amsterdam"


def cpu(work: Callable[[], object]) -> float:
    """The CPU seconds that `work` takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def rate(work: Callable[[int, int], object], count: int, batch: int, *, seconds: float) -> float:
    """Texts per CPU second of `work(first, end)` over batches of `count` texts."""
    done, first, begun = 0, 0, time.process_time()
    while (took := time.process_time() - begun) < seconds:
        end = min(first + batch, count)
        work(first, end)
        done += end - first
        first = 0 if end == count else end
    return done / took


class Texts:
    """The texts, as posts, and as words separated by spaces, which the others are told."""

    def __init__(self, raw: Sequence[str]) -> None:
        self.raw = raw
        self.posts = [
            make_post(number, text=text, tokens=tokens.tokenise(text))
            for number, text in enumerate(raw)
        ]
        self.words = [
            [token.forms[-1] if token.forms else "_" for token in post.tokens]
            for post in self.posts
        ]
        self.plain = [" ".join(words) for words in self.words]


def ours(all_: Texts, rules: Sequence[ActiveRule], *, seconds: float) -> set[tuple[int, int]]:
    """Time the matcher; returns what it finds in the first texts."""
    raw, posts = all_.raw, all_.posts
    print(f"  compiled in {cpu(lambda: Matcher(rules, timezone=ZONE)):.2f} s")
    matcher = Matcher(rules, timezone=ZONE)
    tokens.forget()
    half = len(raw) // 2
    before = [raw[first : first + UNSEEN] for first in range(0, half, UNSEEN)]
    after = [raw[first : first + UNSEEN] for first in range(half, len(raw), UNSEEN)]
    for batch in before:
        matcher.find_in(batch)
    took = cpu(lambda: [matcher.find_in(batch) for batch in after])
    print(f"  raw text, unseen, batches of {UNSEEN}: {(len(raw) - half) / took:,.0f}")
    for batch in BATCHES:
        known = rate(
            lambda first, end: matcher.find(posts[first:end]), len(raw), batch, seconds=seconds
        )
        warm = rate(
            lambda first, end: matcher.find_in(raw[first:end]), len(raw), batch, seconds=seconds
        )
        print(f"  batches of {batch}: tokens {known:,.0f}, raw text, warm {warm:,.0f}", flush=True)
    found = matcher.find(posts)
    print(f"  rules that a text matches: {len(found.posts) / len(posts):.2f}")
    return {pair for pair in found.pairs() if pair[0] < CHECKED}


def same(name: str, found: set[tuple[int, int]], mine: set[tuple[int, int]]) -> None:
    print(f"  {name} and peil: {len(found & mine)} matches of both, {len(found ^ mine)} of one")


def others(
    all_: Texts, rules: Sequence[ActiveRule], mine: set[tuple[int, int]], *, seconds: float
) -> None:
    """Time the other two, and compare what they find."""
    trees = [rule.tree for rule in rules]
    some = all_.plain[: min(CHECKED, BY_REGEX // len(rules))]
    test = loop(trees)
    found = set[tuple[int, int]]()
    took = cpu(
        lambda: found.update(
            (text, rule) for text, words in enumerate(some) for rule in test(words)
        )
    )
    print(f"  loop of regular expressions: {len(some) / took:,.0f}")
    same("the loop", found, {pair for pair in mine if pair[0] < len(some)})
    rates, percolated = percolate(
        trees, all_.plain, batches=BATCHES, seconds=seconds, checked=CHECKED
    )
    for batch, each in rates.items():
        print(f"  Lucene Monitor, batches of {batch}: {each:,.0f}")
    same("Lucene Monitor", percolated, mine)


def growth(all_: Texts, few: int, many: int, *, seconds: float) -> None:
    """What a text costs with more rules when it matches about as many: `few` rules, and the same
    with others that find the least, out of three times as many.
    """
    posts, batch = all_.posts, 100
    rules = RuleBook(all_.words, rng=random.Random(7)).rules(3 * many)
    found = Matcher(rules, timezone=ZONE).find(posts).rules
    hits = np.bincount(found, minlength=len(rules))
    least = few + np.argsort(hits[few:], kind="stable")[: many - few]
    cost: list[float] = []
    for some in (rules[:few], [*rules[:few], *(rules[number] for number in least)]):
        matcher = Matcher(some, timezone=ZONE)
        matches = len(matcher.find(posts).posts) / len(posts)
        each = 1 / rate(
            lambda first, end, to=matcher: to.find(posts[first:end]),
            len(posts), batch, seconds=seconds,
        )  # fmt: skip
        cost.append(each)
        print(f"{len(some)} rules, {matches:.2f} matches a text: {each * 1e6:.1f} µs a text")
    print(f"a text costs {cost[1] / cost[0]:.1f} times as much with {many} rules as with {few}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rules", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    raw = list(texts(options.texts))
    random.Random(1).shuffle(raw)
    all_ = Texts(raw)
    print(f"{len(raw)} texts of {sum(map(len, all_.words)) / len(raw):.1f} tokens")
    for count in options.rules:
        print(f"{count} rules", flush=True)
        rules = RuleBook(all_.words, rng=random.Random(7)).rules(count)
        mine = ours(all_, rules, seconds=options.seconds)
        if not options.alone:
            others(all_, rules, mine, seconds=options.seconds)
    if len(options.rules) > 1:
        growth(all_, options.rules[0], options.rules[-1], seconds=options.seconds)


if __name__ == "__main__":
    main()
