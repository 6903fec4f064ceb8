"""What each part of the pipeline costs, one after the other in one process.

    python bench/parts.py [POSTS.ndjson]

Without a file of posts (an object a line, with `body`) the demo's posts are taken, again and
again up to 20,000.
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from enrich.encoder import Encoder
from enrich.language import Language
from enrich.words import Words
from index.contract import Question
from index.local.store import LocalStore
from peil.shipped import shipped_config
from privacy.scrubbing import scrub
from rules.files import load_book
from rules.matching.matcher import Matcher
from rules.parser import parse
from rules.tokens import tokenise
from stream.clock import DAY_MS, ManualClock
from stream.partitions import partition_of
from stream.post import Post
from stream.version import pack

NOW = 1_790_000_000_000
MOST = 20_000
BATCH = 500
ENCODED = 500
ZONE = "Europe/Amsterdam"
REGIONS = ("NL", "BE", "TR", "MA", "DE", "GB")
MODELS = Path(__file__).parents[1] / ".cache" / "models"


def make(number: int, text: str) -> Post:
    return Post(
        id=f"{number:032x}", author=f"1-{number % 997:016x}{0:016x}", source="bench",
        platform="bench", kind="post", created_at=NOW + number * 1000, first_observed=NOW,
        keep_until=NOW + 90 * DAY_MS, text=text, version=pack(NOW, 0), keep="all",
    )  # fmt: skip


def timed(name: str, count: int, work: Callable[[], object]) -> None:
    started = time.process_time()
    work()
    seconds = time.process_time() - started
    print(f"{name:<38} {count / seconds:>10,.0f} posts per CPU second")


def question(store: LocalStore, text: str) -> None:
    tree = parse(text).tree
    started = time.perf_counter()
    for _ in range(50):
        found = store.count(Question(query=tree))
    print(f"count of {text!r}: {(time.perf_counter() - started) * 20:.1f} ms, {found.posts} posts")


def main(bodies: Sequence[str]) -> None:
    count = len(bodies)
    timed("scrubbing", count, lambda: [scrub(body, regions=REGIONS) for body in bodies])
    posts = [make(number, scrub(body).text) for number, body in enumerate(bodies)]
    tokens: list[object] = []
    timed("tokenizer, cold memo", count, lambda: tokens.extend(tokenise(p.text) for p in posts))
    posts = [msgspec.structs.replace(post, tokens=tokenise(post.text)) for post in posts]
    language = Language()
    timed("language", count, lambda: language(posts))
    posts = list(language(posts))
    words = Words()
    words(posts[:: max(1, count // BATCH)])  # so that the dictionaries have been read
    timed("lemmas and parts, nothing remembered", count, lambda: words(posts))
    timed("the same once more", count, lambda: words(posts))
    posts = list(words(posts))
    book = load_book(shipped_config())
    rules = book.active(today=datetime.fromtimestamp(NOW / 1000, UTC).date())
    matcher = Matcher(rules, timezone=ZONE)
    timed(f"matching, {len(rules)} rules", count, lambda: matcher.match(posts))
    encoder = Encoder.open(MODELS)
    texts = [post.text for post in posts[:ENCODED]]
    timed("transformer", len(texts), lambda: encoder.encode(texts))
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder), clock=ManualClock(NOW), timezone=ZONE, k=10)
        timed("index, flushed every 500", count, lambda: fill(store, posts))
        question(store, "niet")
        question(store, "(niet OR geen OR the) NEAR/5 (goed OR good OR meer OR more)")
        store.close()


def fill(store: LocalStore, posts: Sequence[Post]) -> None:
    for start in range(0, len(posts), BATCH):
        some = posts[start : start + BATCH]
        store.write(partition_of(some[0]), some)
        store.flush()


def read(path: Path | None) -> list[str]:
    if path is None:
        path = shipped_config() / "demo" / "posts.ndjson"
        lines = itertools.cycle(path.read_text("utf-8").splitlines())
        return [json.loads(line)["body"] for line in itertools.islice(lines, MOST)]
    with path.open(encoding="utf-8") as file:
        return [json.loads(line)["body"] for line in itertools.islice(file, MOST)]


if __name__ == "__main__":
    main(read(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
