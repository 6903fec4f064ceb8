"""`peil rules backfill` over an index of posts that no rule matched: how fast, and what is in it
afterwards, id by id.

    python -m bench.backfill [--posts 100000] [--share 0.02] [--texts FILE] [--seed 1]

The index of a new working folder holds so many posts of the last two days as `recent`; this share
of them has a word that a rule, which is activated then, asks for. The backfill is interrupted
halfway, done again, and once more after the workers took everything in. Exit code 1 when a post is
lost, stands twice or is in the wrong place, or when the last backfill finds anything. Seconds are
CPU seconds of this process, which does the work of every role; labels beyond what `[enrich]` allows
at once are shed, as they are in a `peil run`.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.cluster import texts
from bench.stores import fill
from bench.stores import posts as varied
from index.local.store import LocalStore
from peil.backfilling import Backfilled, backfill
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from rules.documents import Example, RuleDocument
from rules.life.exporting import written
from rules.tokens import tokenise
from stream.clock import DAY_MS, SystemClock, to_datetime
from stream.post import Post
from stream.version import pack

RULE = "gemeten"
WORD = "gemetenwoord"
TWO_DAYS_MS = 2 * DAY_MS - DAY_MS // 24

Answer = TypeVar("Answer")


def recent(
    count: int, *, share: float, words: Sequence[str], now: int, rng: random.Random
) -> Iterator[Post]:
    """Posts that no rule matched yet, of the last two days."""
    for post in varied(count, words=words, now=now, rng=rng):
        seen = now - int(rng.random() * TWO_DAYS_MS)
        text = f"{post.text} {WORD}" if rng.random() < share else post.text
        yield msgspec.structs.replace(
            post,
            created_at=seen,
            first_observed=seen,
            keep_until=seen + 90 * DAY_MS,
            version=pack(seen, 0),
            text=text,
            tokens=tokenise(text),
            matches=(),
        )


def make_folder(root: Path) -> WorkingFolder:
    folder = WorkingFolder.init(root)
    said = folder.settings.read_text("utf-8")
    folder.settings.write_text(said.replace('purpose = ""', 'purpose = "measuring"'), "utf-8")
    return folder


def add_rule(folder: WorkingFolder, *, now: int) -> None:
    document = RuleDocument(
        id=RULE, title="Measured", purpose="A measure", category="bench", owner="bench",
        expires=to_datetime(now + 90 * DAY_MS).date(), query=WORD,
        match=(Example(WORD),), no_match=(Example("niets"),),
    )  # fmt: skip
    (folder.config / "rules" / f"{RULE}.toml").write_text(written(document), "utf-8")


def timed(work: Callable[[], Answer]) -> tuple[Answer, float]:
    started = time.process_time()
    done = work()
    return done, time.process_time() - started


class Interrupted(Exception):
    """As a person's Ctrl-C, halfway."""


def interrupted(pipeline: Pipeline, *, after: int) -> None:
    looked_at = 0

    def progress(_stage: str, items: int, _total: int | None) -> None:
        nonlocal looked_at
        looked_at += items
        if looked_at >= after:
            raise Interrupted

    try:
        backfill(pipeline, RULE, progress=progress)
    except Interrupted:
        return


def again(pipeline: Pipeline) -> Backfilled:
    return backfill(pipeline, RULE, progress=lambda *_: None)


def take_in(pipeline: Pipeline) -> None:
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()


def held(store: LocalStore) -> Iterator[tuple[str, Post]]:
    """Every post of the index with the class that it is in."""
    store.reload()
    for partition in store.partitions():
        for post in store.posts(partition):
            yield partition.kind, post


def wrong(store: LocalStore, *, ids: set[str], matching: set[str]) -> list[str]:
    """What is not as it should be: every post once, and in `kept` what the rule finds."""
    places: dict[str, list[str]] = {}
    for kind, post in held(store):
        places.setdefault(post.id, []).append(kind)
    found = Counter(
        "lost" if not at else "twice" if len(at) > 1 else "in the wrong place"
        for each in ids
        if (at := places.get(each, [])) != ["kept" if each in matching else "recent"]
    )
    found["not known"] = len(places.keys() - ids)
    return [f"{count:,} {what}" for what, count in found.items() if count]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        return measure(
            Path(root), options.posts, share=options.share, words=texts(options.texts),
            rng=random.Random(options.seed),
        )  # fmt: skip


def measure(
    root: Path, count: int, *, share: float, words: Sequence[str], rng: random.Random
) -> int:
    clock = SystemClock()
    folder = make_folder(root / "city")
    with Pipeline(folder, load_settings(folder.settings, environ={}), clock=clock) as pipeline:
        store = pipeline.store
        assert isinstance(store, LocalStore)
        pipeline.publish_rules()  # so that the posts are older than the rule
        fill(store, recent(count, share=share, words=words, now=clock.now(), rng=rng), count)
        posts = [post for _, post in held(store)]
        ids = {post.id for post in posts}
        matching = {post.id for post in posts if WORD in post.text}
    add_rule(folder, now=clock.now())
    with Pipeline(folder, load_settings(folder.settings, environ={}), clock=clock) as pipeline:
        store = pipeline.store
        assert isinstance(store, LocalStore)
        pipeline.publish_rules()
        interrupted(pipeline, after=count // 2)
        done, looking = timed(lambda: again(pipeline))
        _, taking_in = timed(lambda: take_in(pipeline))
        last, _ = timed(lambda: again(pipeline))
        bad = wrong(store, ids=ids, matching=matching)
    if last.posts is not None:
        bad.append(f"about {last.posts:,} found once more")
    print(
        f"{count:,} posts, {len(matching):,} of them found (told: about {done.posts}): looked at "
        f"in {looking:.1f} s of CPU, {count / looking:,.0f} posts/s; with those of the interrupted "
        f"one taken in in {taking_in:.1f} s, {len(matching) / taking_in:,.0f} posts/s; "
        + (", ".join(bad) or "0 lost, 0 twice, 0 in the wrong place, none found once more")
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
