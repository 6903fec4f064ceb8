"""Backtests while somebody types: how long the counts of a query take, of an index that is there.

    python -m bench.backtest [--posts 1000000] [--texts FILE] [--index FOLDER] [--times 10]

Fills a local index as `bench/stores.py` does (or takes the one at FOLDER, whose posts must not be
older than what is asked) and tries queries as a warm process does: counts in all, by day and by
language, of everything of the last days and of what was kept, through suppression, with every
question made the simplest. Nothing of one try is remembered for the next one: each is of a store
that was opened anew and has counted everything once. Each leaves out another word.
Printed are the median and the 95th percentile, by the clock and of the processor, the
load of the machine, and then what a whole backtest takes (with branches, overlap and difference).
"""

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

from bench.cluster import texts
from bench.stores import fill, posts
from index.backtest import ALL_ASIDES, IN_BRIEF, Backtests
from index.contract import Question, Scope
from index.disclosure import Disclosure
from index.inquiry import Inquiry
from index.local.store import LocalStore
from index.remembered import Remembered
from index.subject import Subject
from index.testing import TIMEZONE
from privacy.noise import Noise
from privacy.suppress import SPECIAL_K, K, Thresholds
from rules.parser import parse
from rules.tokens import tokenise
from stream.clock import DAY_MS, Clock, SystemClock
from stream.errors import PeilError
from stream.metrics import NoMetrics

CANDIDATES = 20_000
"""So many posts a NEAR has to verify, about."""

LETTERS = 4


class Unlogged:
    """An access log that keeps nothing: it is measured elsewhere."""

    def append(
        self, *, actor: str, purpose: str, action: str, payload: str, at_most: int | None = None
    ) -> int:
        return len(actor + purpose + action + payload) + (at_most or 0)


def warm(folder: Path, clock: Clock) -> LocalStore:
    """A store that has counted everything once, and knows nothing of any query."""
    store = LocalStore(folder, clock=clock, timezone=TIMEZONE, k=SPECIAL_K)
    for scope in get_args(Scope):
        store.count(Question(scope=scope))
    return store


def make(store: LocalStore, clock: Clock) -> Backtests:
    """What tries queries, with an empty memory of what was answered."""
    fresh = Remembered(store)
    disclosure = Disclosure(
        thresholds=Thresholds(K, lambda _rule: False),
        noise=Noise(bytes(32)),
        timezone=TIMEZONE,
        metrics=NoMetrics(),
    )
    inquiry = Inquiry(
        fresh, log=Unlogged(), actor="bench", purpose="measuring", disclosure=disclosure,
        timezone=TIMEZONE, metrics=NoMetrics(), lists=lambda _name, _version: None, clock=clock,
        scope="kept",
    )  # fmt: skip
    return Backtests(fresh, inquiry, disclosure, timezone=TIMEZONE)


def ranking(words: Sequence[str]) -> Sequence[str]:
    """The words of these texts, the most frequent first."""
    seen = Counter(
        form
        for text in words
        for form in {form for token in tokenise(text) for form in token.forms[:1]}
        if form.isalpha() and len(form) >= LETTERS
    )
    return [word for word, _ in seen.most_common()]


def queries(store: LocalStore, ranked: Sequence[str]) -> Mapping[str, str]:
    """Queries of frequent and of rarer words."""
    half = [" OR ".join(ranked[start::40][:20]) for start in (20, 30)]
    nearby = near(store, ranked)
    return {
        "a frequent word": ranked[10],
        "a rarer word": ranked[200],
        "20 words": half[0],
        "two lists of 20 words": f"({half[0]}) ({half[1]})",
        "words without others": f"{ranked[30]} NOT ({' OR '.join(ranked[50:55])})",
        "phrases and prefixes": f'"{ranked[5]} {ranked[6]}" OR {ranked[100]}* OR {ranked[150]}*',
        "NEAR of groups": nearby,
        "NEAR of groups with a phrase": nearby.replace("(", f'("{ranked[5]} {ranked[6]}" OR ', 1),
    }


def near(store: LocalStore, ranked: Sequence[str]) -> str:
    """The NEAR of two groups of words that has about so many candidates."""
    made = [
        [" OR ".join(ranked[start : start + size : 2]) for start in (first, first + 1)]
        for first in (5, 20, 60, 150)
        for size in (4, 8, 12, 20, 30)
    ]
    left, right = min(made, key=lambda sides: abs(candidates(store, *sides) - CANDIDATES))
    return f"({left}) NEAR/5 ({right})"


def candidates(store: LocalStore, left: str, right: str) -> int:
    both = Question(query=parse(f"({left}) ({right})").tree, scope="both")
    return store.count(both).posts


def ask(
    folder: Path, clock: Clock, name: str, query: str, *, times: int, others: Sequence[str]
) -> None:
    took: list[float] = []
    worked: list[float] = []
    for number in range(times):
        tried = f"({query}) NOT {others[number]}"
        subject = Subject(query=tried, tree=parse(tried).tree)
        with closing(warm(folder, clock)) as store:
            backtests = make(store, clock)
            started, processor = time.monotonic(), time.process_time()
            try:
                backtests.run(subject, against=None, period={}, asides=IN_BRIEF)
            except PeilError as error:
                print(f"  {name}: {error}", flush=True)
                return
            took.append(time.monotonic() - started)
            worked.append(time.process_time() - processor)
    print(f"  {name}: {told(took)}; processor {told(worked)}", flush=True)


def told(seconds: Sequence[float]) -> str:
    """The median and the 95th percentile in milliseconds."""
    found = sorted(1_000 * each for each in seconds)
    last = found[min(len(found) - 1, int(len(found) * 0.95))]
    return f"{found[len(found) // 2]:,.0f} ms, p95 {last:,.0f} ms"


def whole(folder: Path, clock: Clock, name: str, query: str, *, other: str) -> None:
    subject, before = (Subject(query=each, tree=parse(each).tree) for each in (query, other))
    with closing(warm(folder, clock)) as store:
        started = time.monotonic()
        make(store, clock).run(subject, against=before, period={}, asides=ALL_ASIDES)
    print(f"  {name}, all of it: {(time.monotonic() - started) * 1_000:,.0f} ms", flush=True)


def main(chosen: argparse.Namespace, folder: Path, words: Sequence[str]) -> None:
    clock = SystemClock()
    with closing(LocalStore(folder, clock=clock, timezone=TIMEZONE, k=SPECIAL_K)) as store:
        if not store.partitions():
            made = posts(chosen.posts, words=words, now=clock.now(), rng=random.Random(1))
            fill(store, made, chosen.posts, batch=40_000)
        there = sum(store.partitions().values())
        recent = store.count(Question(scope="both", seen_since=clock.now() - 3 * DAY_MS)).posts
        print(
            f"{there:,} posts, {recent:,} of three days; load {os.getloadavg()[0]:.1f}", flush=True
        )
        ranked = ranking(words)
        tried, others = queries(store, ranked), ranked[301::3]
        sides = tried["NEAR of groups"].split(" NEAR/5 ")
        print(f"  the NEAR has {candidates(store, *sides):,} candidates", flush=True)
    for name, query in tried.items():
        ask(folder, clock, name, query, times=chosen.times, others=others)
    for name, query in tried.items():
        whole(folder, clock, name, query, other=tried["a rarer word"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--times", type=int, default=10)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(wanted, wanted.index or Path(temporary) / "index", texts(wanted.texts))
