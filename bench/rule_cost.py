"""What the operations that lint estimates of a rule (`rules.lint.cost`) take on the stream.

    python -m bench.rule_cost [--texts FILE] [--posts 4000] [--rules 60] [--seed 1]

A table is made of how often words are in the texts. Rules that the evaluator has to read again are
drawn from it, of frequent and of rare words, in four shapes; each is matched alone against all
posts, and what a rule of one rare word takes is taken off. Printed are the CPU microseconds that a
post costs for each estimated operation, over all rules and by shape, and from how many operations
on a rule takes a microsecond a post and ten: what `MODERATE` and `EXPENSIVE` rest on. At the end
stands in which class the shipped rules are by the same table.
"""

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.cluster import texts
from rules.documents import Example, activate, example_post, unnamed
from rules.files import load_book
from rules.lint.breadth import Word
from rules.lint.cost import cost
from rules.matching.matcher import Matcher
from rules.parser import parse
from rules.tree import Node, Prefix, Term
from rules.written import WORDS as OPERATORS
from stream.post import Post

TIMES = 3
ZONE = "Europe/Amsterdam"
RARE = "zeldzaamwoordvoorniets"
CONFIG = Path(__file__).parents[1] / "config"


class Table:
    """In which of these posts each word is."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts = len(posts)
        self._of: dict[str, set[int]] = defaultdict(set)
        for number, post in enumerate(posts):
            for token in post.tokens or ():
                for form in token.forms:
                    self._of[form].add(number)

    def by_frequency(self) -> list[str]:
        """Plain words, the most frequent one first."""
        plain = [each for each in self._of if each.isalpha() and each not in OPERATORS]
        return sorted(plain, key=lambda each: (-len(self._of[each]), each))

    def share(self, words: Sequence[Word]) -> float:
        found: set[int] = set()
        for each in words:
            if isinstance(each, Term):
                found |= self._of.get(each.form, set())
            elif isinstance(each, Prefix):
                for form in self._begin(each):
                    found |= self._of[form]
        return len(found) / self._posts

    def words(self, prefix: Prefix) -> int:
        return len(self._begin(prefix))

    def _begin(self, prefix: Prefix) -> list[str]:
        return [form for form in self._of if form.startswith(prefix.stem)]


def _sentence(words: Sequence[str]) -> str:
    return f"{words[0]} NEAR/S ({' OR '.join(words[1:])})"


def _field(words: Sequence[str]) -> str:
    return f"({' OR '.join(words)}) lang:nl"


def _members(words: Sequence[str]) -> str:
    return f"2 OF ({', '.join(f'({each} lang:nl)' for each in words)})"


def _either(words: Sequence[str]) -> str:
    return f"lang:nl ({words[0]} OR {words[1]} NEAR/S ({' OR '.join(words[2:])}))"


SHAPES: Mapping[str, Callable[[Sequence[str]], str]] = {
    "one sentence": _sentence,
    "a field": _field,
    "members with a field": _members,
    "a field and one sentence": _either,
}


def drawn(words: Sequence[str], rng: random.Random) -> list[str]:
    """Words of a rule: of the frequent ones, or of all down to the rarest."""
    among = words[: rng.choice([20, 100, 500, len(words)])]
    return rng.sample(among, k=rng.randint(3, 12))


def seconds(tree: Node, posts: Sequence[Post]) -> float:
    matcher = Matcher([unnamed(tree)], timezone=ZONE)
    matcher.match(posts)
    taken: list[float] = []
    for _ in range(TIMES):
        started = time.process_time()
        matcher.match(posts)
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--posts", type=int, default=4_000)
    parser.add_argument("--rules", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    found = list(texts(options.texts))
    some = rng.sample(found, k=min(options.posts, len(found)))
    posts = [example_post(Example(text, lang=rng.choice(["nl", "en"]))) for text in some]
    table = Table(posts)
    words = table.by_frequency()
    base = seconds(parse(RARE).tree, posts)
    estimated: list[float] = []
    measured: list[float] = []
    by_shape: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rules):
        shape = list(SHAPES)[number % len(SHAPES)]
        tree = parse(SHAPES[shape](drawn(words, rng))).tree
        operations = cost(tree, table)
        if operations is None or operations.operations < 1:
            continue
        micros = max(0.0, seconds(tree, posts) - base) / len(posts) * 1e6
        estimated.append(operations.operations)
        measured.append(micros)
        by_shape[shape].append(micros / operations.operations)
    each = sum(measured) / sum(estimated)
    print(
        f"{len(posts):,} posts of {sum(len(post.tokens or ()) for post in posts) / len(posts):.0f} "
        f"tokens, {len(estimated)} rules of {min(estimated):.0f} to {max(estimated):.0f} "
        f"operations a post: {each * 1000:.0f} ns of CPU each; a microsecond a post from "
        f"{1 / each:.0f} operations on, ten from {10 / each:.0f}"
    )
    for shape, ratios in by_shape.items():
        print(f"  {shape}: {statistics.median(ratios) * 1000:.0f} ns, {min(ratios) * 1000:.0f} to "
              f"{max(ratios) * 1000:.0f}")  # fmt: skip
    book = load_book(CONFIG)
    classes = defaultdict(list)
    for document in book.rules.values():
        of = cost(activate(document, book.lookup()).tree, table)
        classes[of.of if of else "not known"].append(document.id)
    print("; ".join(f"{len(names)} shipped rules are {name}" for name, names in classes.items()))


if __name__ == "__main__":
    main()
