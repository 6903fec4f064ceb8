"""Both stores under the same posts and the same questions: speed, size, and how both grow.

    python bench/stores.py [--sizes 100000 1000000] [--only local|elastic] [--batch N]
        [--texts FILE]
    python bench/stores.py --index FOLDER

Posts are made from texts, varied in author, time, language, rule and words, spread over 13 weeks
of kept posts and three days of recent ones. At each size every question of a dashboard is asked
20 times: the first time nothing of the answer is remembered, later the store may remember some.
Printed are milliseconds, the bytes a post takes on disk, and how fast posts were written. With
`--index` the questions are asked of a local index that is there, as `bench/readers.py` fills one.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import msgspec

from bench.cluster import texts
from bench.progress import Progress
from bench.servers.elasticsearch import Elasticsearch
from index.contract import Question, Store
from index.elastic.store import ElasticStore
from index.local.store import LocalStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE
from rules.parser import parse
from rules.tokens import tokenise
from stream.clock import DAY_MS, SystemClock
from stream.errors import PeilError
from stream.partitions import Partition, partition_of
from stream.post import Label, Match, Post, Token
from stream.testing import make_post
from stream.version import pack

AUTHORS = 200_000
BATCH = 2_000
STEP = 100_000
"""After so many posts it is told how long it will take."""

TIMES = 20
WEEKS = 13
RECENT = 10
"""One post in so many is of the last days and no rule matched it."""

LANGUAGES = ("nl",) * 6 + ("en",) * 2 + ("tr", "ar")
RULES = tuple(f"rule-{number}" for number in range(12))
TONES = ("negative", "neutral", "positive")


def posts(
    count: int,
    *,
    words: Sequence[str],
    now: int,
    rng: random.Random,
    rules: Sequence[str] = RULES,
) -> Iterator[Post]:
    """Varied posts; the same arguments give the same ones."""
    known = [(text, tokenise(text)) for text in words]
    for number in range(count):
        text, tokens = known[rng.randrange(len(known))]
        ending = f"{rng.randrange(count)}"
        last = tokens[-1].end if tokens else 0
        more = Token(last + 1, last + 1 + len(ending), (ending,), ending)
        recent = number % RECENT == 0
        seen = now - int(rng.random() * (2 if recent else 7 * WEEKS) * DAY_MS)
        yield make_post(
            number,
            id=blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest(),
            author=f"230-{rng.randrange(AUTHORS):016x}{0:016x}",
            source=f"source-{rng.randrange(8)}",
            created_at=seen,
            first_observed=seen,
            keep_until=seen + 90 * DAY_MS,
            version=pack(seen, 0),
            text=f"{text[:last]} {ending}",
            tokens=(*tokens, more),
            lang=_label(rng.choice(LANGUAGES)),
            sentiment=_label(rng.choice(TONES)),
            matches=() if recent else (Match(rng.choice(rules), "1", ((0, 1),)),),
        )


def _label(value: str) -> Label:
    return Label(value=value, confidence=0.9, model="m", version="1")


def fill(store: Store, made: Iterator[Post], count: int, *, batch: int = BATCH) -> float:
    """Write the next `count` posts, `batch` at once; returns the seconds that the store took."""
    took = 0.0
    while count > 0 and (some := list(islice(made, min(batch, count)))):
        count -= len(some)
        by_partition: dict[Partition, list[Post]] = {}
        for post in some:
            by_partition.setdefault(partition_of(post), []).append(post)
        started = time.monotonic()
        for partition, those in by_partition.items():
            store.write(partition, those)
        store.flush()
        took += time.monotonic() - started
    return took


def questions(
    store: Store, now: int, *, rule: str = RULES[3]
) -> Mapping[str, Callable[[], object]]:
    """What a dashboard asks, by name; of one rule where one is meant."""
    week = Question(since=now - 7 * DAY_MS)
    everything = Question()
    of_rule = Question(query=parse(f"rule:{rule}").tree)
    word = Question(query=parse("overlast OR fatbike* OR buurt").tree)
    near = Question(query=parse("(buurt OR straat) NEAR/5 (auto OR fiets)").tree)
    return {
        "count, all": lambda: store.count(everything),
        "count, words": lambda: store.count(word),
        "count, NEAR": lambda: store.count(near),
        "by day, all": lambda: store.count_over_time(everything),
        "by day, a rule": lambda: store.count_over_time(of_rule),
        "by day and language, a rule": lambda: store.count_over_time(of_rule, by="language"),
        "rules, a week": lambda: store.top(week, by="rule"),
        "languages, words": lambda: store.top(word, by="language"),
        "tone of a rule against all": lambda: store.compare(of_rule, everything, by="sentiment"),
        "20 newest, words": lambda: store.search(word, limit=20),
        "10 at random, a rule in a week": lambda: store.sample(
            msgspec.structs.replace(of_rule, since=now - 7 * DAY_MS), limit=10, seed=1
        ),
    }


def ask(name: str, question: Callable[[], object]) -> None:
    took: list[float] = []
    for _ in range(TIMES):
        started = time.monotonic()
        try:
            question()
        except PeilError as error:
            print(f"  {name}: {error}")
            return
        took.append((time.monotonic() - started) * 1_000)
    first, *later = took
    later.sort()
    print(f"  {name}: first {first:,.0f} ms, then median {later[len(later) // 2]:,.0f} ms, "
          f"longest {later[-1]:,.0f} ms", flush=True)  # fmt: skip


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(words: argparse.Namespace, root: Path) -> None:
    clock = SystemClock()
    now = clock.now()
    found = texts(words.texts)
    with ExitStack() as stack:
        stores: dict[str, tuple[Store, Path]] = {}
        if words.only != "elastic":
            local = LocalStore(root / "local", clock=clock, timezone=TIMEZONE, k=10)
            stores["local"] = local, root / "local"
        if words.only != "local":
            server = stack.enter_context(
                Elasticsearch(data=root / "es", heap=words.heap, optimised=True)
            )
            settings = ElasticSettings(servers=(server.url,))
            elastic = ElasticStore(settings, clock=clock, timezone=TIMEZONE, k=10)
            stores["elastic"] = elastic, root / "es" / "data"
        for name, (store, folder) in stores.items():
            stack.callback(store.close)
            made = posts(max(words.sizes), words=found, now=now, rng=random.Random(1))
            there = 0
            for target in sorted(words.sizes):
                steps = [min(STEP, target - start) for start in range(there, target, STEP)]
                with Progress() as progress:
                    rows = progress.over(steps, f"steps of {STEP:,} posts")
                    took = sum(fill(store, made, step, batch=words.batch) for step in rows)
                if progress.is_cut_off:
                    return
                rate, there = (target - there) / took, target
                print(f"{name}, {there:,} posts, written at {rate:,.0f} posts/s", flush=True)
                print(f"  {size(folder) / there:,.0f} bytes a post on disk")
                for what, question in questions(store, now).items():
                    ask(what, question)


def ask_all(name: str, store: Store, folder: Path, now: int) -> None:
    """Every question, of a store that has been filled."""
    there = store.count(Question()).posts
    print(f"{name}, {there:,} posts that count, {size(folder):,} bytes", flush=True)
    (largest, *_) = store.top(Question(), by="rule").cells
    for what, question in questions(store, now, rule=largest[0]).items():
        ask(what, question)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--only", choices=["local", "elastic"])
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--index", type=Path)
    chosen = parser.parse_args()
    if chosen.index:
        with closing(
            LocalStore(chosen.index, clock=SystemClock(), timezone=TIMEZONE, k=10)
        ) as kept:
            ask_all("local", kept, chosen.index, SystemClock().now())
        raise SystemExit
    with tempfile.TemporaryDirectory() as temporary:
        main(chosen, Path(temporary))
