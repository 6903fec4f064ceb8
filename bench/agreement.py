"""Whether all that evaluate queries agree on every post, and whether what is mistyped is told.

    python -m bench.agreement [--queries 10000] [--posts 300] [--mistakes 10000] [--files 1000]
                              [--only local] [--seed 1]

Random queries of the whole language are asked of random posts: of the evaluator, which defines
the language, of the matcher on the stream, of the store on tantivy and of that on Elasticsearch
(a server is started). Then queries of the shipped rules are mutated, and rule files byte by byte:
nothing may come of it but a mistake with its place, or a file with its name.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bench.mutations import mutated, problems_of, refusal_of, spoilt
from bench.servers.elasticsearch import Elasticsearch
from index.contract import Question, Store
from index.elastic.store import ElasticStore
from index.local.store import LocalStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE, fill
from peil.shipped import shipped_config
from rules.documents import ActiveRule, version_of
from rules.evaluator import evaluate
from rules.files import load_book
from rules.matching.matcher import Matcher
from rules.testing import tokenised_posts, trees
from rules.tree import Node
from stream.clock import ManualClock
from stream.post import Post
from stream.testing import START

RULES = 100
"""So many rules a matcher has at once."""

T = TypeVar("T")


def drawn(strategy: st.SearchStrategy[T], count: int, number: int) -> list[T]:
    """So many values of a strategy, the same for the same number."""
    found: list[T] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def draw(value: T) -> None:
        found.append(value)

    draw()
    return found


def in_store(store: Store, tree: Node, posts: int) -> set[str]:
    question = Question(query=tree, scope="both")
    return {hit.post.id for hit in store.search(question, limit=posts)}


def by_matcher(some: Sequence[Node], posts: Sequence[Post]) -> list[set[str]]:
    rules = [
        ActiveRule(
            id=f"r{number}", version=version_of(tree), title="", category="",
            special_category=False, tree=tree,
        )
        for number, tree in enumerate(some)
    ]  # fmt: skip
    found: list[set[str]] = [set() for _ in some]
    for post, matches in zip(posts, Matcher(rules, timezone=TIMEZONE).match(posts), strict=True):
        for match in matches:
            found[int(match.rule[1:])].add(post.id)
    return found


def agree(some: Sequence[Node], posts: Sequence[Post], stores: Mapping[str, Store]) -> int:
    """How many answers differ from the evaluator's; the first few are printed."""
    differ = matches = 0
    took = dict.fromkeys(("evaluator", "matcher", *stores), 0.0)
    for start in range(0, len(some), RULES):
        queries = some[start : start + RULES]
        before = time.perf_counter()
        expected = [
            {post.id for post in posts if evaluate(tree, post, timezone=TIMEZONE).matched}
            for tree in queries
        ]
        took["evaluator"] += time.perf_counter() - before
        matches += sum(map(len, expected))
        before = time.perf_counter()
        answers = {"matcher": by_matcher(queries, posts)}
        took["matcher"] += time.perf_counter() - before
        for name, store in stores.items():
            before = time.perf_counter()
            answers[name] = [in_store(store, tree, len(posts)) for tree in queries]
            took[name] += time.perf_counter() - before
        for name, found in answers.items():
            for tree, right, answer in zip(queries, expected, found, strict=True):
                if answer != right:
                    differ += 1
                    if differ < 10:
                        print(f"{name}: {len(answer - right)} too many, {len(right - answer)} "
                              f"missed by {tree!r}", flush=True)  # fmt: skip
    seconds = ", ".join(f"{name} {each:,.0f} s" for name, each in took.items())
    print(
        f"{len(some):,} different queries of {len(posts)} posts each: "
        f"{matches:,} matches, {differ} answers differ ({seconds})",
        flush=True,
    )
    return differ


def mistype(queries: int, files: int, rng: random.Random) -> None:
    """Fails at the first that comes to anything but a mistake with its place."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(shipped_config(), config)
        book = load_book(config)
        shipped = [rule.query for rule in book.rules.values()]
        read = sum(
            not problems_of(mutated(rng.choice(shipped), rng), book.lookup())
            for _ in range(queries)
        )
        print(f"{queries:,} mutated queries: {read:,} can be read, of the others every mistake "
              "has a place", flush=True)  # fmt: skip
        paths = sorted([*config.glob("rules/*.toml"), *config.glob("lists/*.toml")])
        read = 0
        for _ in range(files):
            path = rng.choice(paths)
            read += not refusal_of(config, path, spoilt(path.read_bytes(), rng))
        print(f"{files:,} mutated files: {read:,} can be read, the others are named", flush=True)


def main(words: argparse.Namespace) -> None:
    posts = [
        msgspec.structs.replace(post, id=f"{number:032x}")
        for number, post in enumerate(drawn(tokenised_posts(), words.posts, words.seed))
    ]
    some = list(dict.fromkeys(drawn(trees(), words.queries * 5 // 4, words.seed)))[: words.queries]
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clock = ManualClock(START)
        stores: dict[str, Store] = {
            "tantivy": LocalStore(root / "local", clock=clock, timezone=TIMEZONE, k=10)
        }
        if words.only != "local":
            server = stack.enter_context(Elasticsearch(data=root / "es"))
            stores["Elasticsearch"] = ElasticStore(
                ElasticSettings(servers=(server.url,)), clock=clock, timezone=TIMEZONE, k=10
            )
        for store in stores.values():
            stack.enter_context(closing(store))
            fill(store, posts)
        differ = agree(some, posts, stores)
    mistype(words.mistakes, words.files, random.Random(words.seed))
    raise SystemExit(min(1, differ))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--posts", type=int, default=300)
    parser.add_argument("--mistakes", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--only", choices=["local"])
    parser.add_argument("--seed", type=int, default=1)
    main(parser.parse_args())
