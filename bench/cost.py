"""What a post costs in CPU from the log through enrichment and the index worker, and in which part.

    python -m bench.cost [--texts FILE] [--warm 12000] [--posts 6000] [--batch 1000]

The real steps, one after the other in one process: log of SQLite, no transformer, a rule matches 5
in 100, and the store on tantivy and on what stands in for an Elasticsearch and answers at once.
Each text comes once, after others that warm up: some of its words were met before. The dictionaries
are read before. Printed are microseconds of CPU a post, those of the engine's threads included.
"""

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.cluster import texts
from bench.cluster_pipeline import append, make_posts
from bench.stand_in import elastic_stand_in
from enrich.catalogue import ENRICHERS, Parts
from enrich.chain import Chain
from enrich.contract import Enricher, Field, Scope
from enrich.steps import Matches
from enrich.words import LEMMATIZED, Words
from enrich.worker import EnrichStep
from index.elastic.mapping import source
from peil.backends import open_elastic
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from rules import tokens
from rules.life.publishing import RuleFeed
from rules.matching.matcher import Matcher
from stream.broker import Record
from stream.clock import SystemClock
from stream.codec import encode
from stream.events import Upsert
from stream.lifecycle import newest, settle
from stream.post import Post
from stream.topics import LABELLED, POSTS
from stream.worker import Worker, decode_records

NO_MODEL = {"PEIL_ENRICH__BACKLOG": "0", "PEIL_ENRICH__AFFORDABLE": "0", "PEIL_PURPOSE": "bench"}


class Costs:
    """CPU by part, of so many posts. What comes before `begun` is not counted."""

    def __init__(self, title: str, posts: int) -> None:
        self._title = title
        self._posts = posts
        self._seconds = defaultdict[str, float](float)
        self.begun = False

    @contextmanager
    def of(self, part: str) -> Generator[None]:
        started = time.process_time()
        yield
        if self.begun:
            self._seconds[part] += time.process_time() - started

    def report(self) -> None:
        parts = {name: each / self._posts * 1e6 for name, each in self._seconds.items()}
        print(f"{self._title}: " + ", ".join(f"{name} {each:.1f}" for name, each in parts.items()))


class Timed:
    """An enricher, and what calling it costs."""

    def __init__(self, enricher: Enricher, costs: Costs) -> None:
        self.name: str = enricher.name
        self.version = enricher.version
        self.requires: frozenset[Field] = enricher.requires
        self.provides: frozenset[Field] = enricher.provides
        self.scope: Scope = enricher.scope
        self.abstain = enricher.abstain
        self._enricher = enricher
        self._costs = costs

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        with self._costs.of(self.name):
            return self._enricher(posts)


class Bench:
    """A working folder with posts in its log: the first of them to warm up."""

    def __init__(self, root: Path, options: argparse.Namespace) -> None:
        self._folder = WorkingFolder.init(root)
        self._posts: int = options.posts
        self._warm: int = options.warm
        self._batch: int = options.batch
        self._environ = NO_MODEL | {"PEIL_STREAM__BATCH": str(options.batch)}
        words = list(texts(options.texts))
        random.Random(1).shuffle(words)
        with self._opened() as pipeline:
            pipeline.publish_rules()
            now = pipeline.clock.now()
            append(pipeline, make_posts(self._warm + self._posts, first=0, words=words, now=now))

    @contextmanager
    def _opened(self) -> Generator[Pipeline]:
        tokens.forget()
        settings = load_settings(self._folder.settings, environ=self._environ)
        with Pipeline(self._folder, settings, clock=SystemClock()) as pipeline:
            yield pipeline

    def _work(self, title: str, worker: Worker) -> None:
        """What `worker` takes for all that waits but what warms up."""
        costs, done = Costs(title, self._posts), 0
        while done < self._warm + self._posts:
            costs.begun = done >= self._warm
            with costs.of("all"):
                done += worker.turn(timeout=0)
        worker.close()
        costs.report()

    def enrich(self) -> None:
        costs = Costs("enrichment", self._posts)
        with self._opened() as pipeline:
            settings = pipeline.settings
            parts = Parts(
                places=self._folder.config / "places.toml",
                models=self._folder.models,
                matcher=Matcher((), timezone=settings.timezone),
                settings=settings.enrich,
            )
            enrichers = [make(parts) for make in ENRICHERS.values()]
            words = next(each for each in enrichers if isinstance(each, Words))
            for lang in LEMMATIZED:
                words.analyse(lang)["a"]  # its dictionary is read: once a process, for a second
            chain = Chain(
                [Timed(each, costs) for each in enrichers],
                sample_share=settings.enrich.sample_share,
            )
            step = EnrichStep(
                chain,
                next(each for each in enrichers if isinstance(each, Matches)),
                feed=RuleFeed(pipeline.broker),
                timezone=settings.timezone,
                clock=pipeline.clock,
                metrics=pipeline.metrics,
                affordable=lambda: 0,
            )
            for records in self._records(pipeline, POSTS.name, costs):
                with costs.of("the whole step"):
                    result = step(records)
                with costs.of("append"):
                    pipeline.broker.append(LABELLED.name, [each for _, each in result.emits])
                with costs.of("decode"):
                    decode_records(records)
                made = [Record(LABELLED.name, 0, 0, e.key, e.value, 0) for _, e in result.emits]
                events = [event for _, event in decode_records(made)[0]]
                with costs.of("encode"):
                    for event in events:
                        encode(event)
        costs.report()

    def index(self) -> None:
        with self._opened() as pipeline:
            self._work("index on tantivy", pipeline.index_worker())
            consumer = pipeline.broker.subscribe("index", [LABELLED.name])
            consumer.poll(limit=1)  # takes the partitions
            for topic, partition in consumer.assignment():
                consumer.seek(topic, partition, 0)
            consumer.close()
        with self._on_elastic() as pipeline:
            self._work("index on elastic", pipeline.index_worker())

    @contextmanager
    def _on_elastic(self) -> Generator[Pipeline]:
        with elastic_stand_in() as url, self._opened() as pipeline:
            elastic = pipeline.settings.index.elastic.model_copy(update={"servers": (url,)})
            index = pipeline.settings.index.model_copy(update={"elastic": elastic})
            settings = pipeline.settings.model_copy(update={"index": index})
            pipeline.store = open_elastic(settings, clock=pipeline.clock)
            yield pipeline
            pipeline.store.close()

    def _records(self, pipeline: Pipeline, topic: str, costs: Costs) -> Iterator[Sequence[Record]]:
        """All records of `topic` in batches, and what it costs to poll and commit them."""
        consumer, done = pipeline.broker.subscribe("bench", [topic]), 0
        while done < self._warm + self._posts:
            costs.begun = done >= self._warm
            with costs.of("poll and commit"):
                records = consumer.poll(limit=self._batch)
                consumer.commit(records)
            done += len(records)
            yield records
        consumer.close()

    def index_by_parts(self) -> None:
        costs = Costs("of it on elastic", self._posts)
        with self._on_elastic() as pipeline:
            for records in self._records(pipeline, LABELLED.name, costs):
                self._index(records, pipeline, costs)
        costs.report()

    @staticmethod
    def _index(records: Sequence[Record], pipeline: Pipeline, costs: Costs) -> None:
        """What `IndexStep` does with posts alone."""
        store, now = pipeline.store, pipeline.clock.now()
        with costs.of("decode"):
            decoded, _ = decode_records(records)
        events = [event for _, event in decoded if isinstance(event, Upsert)]
        posts = [event.post for event in events]
        with costs.of("newest"):
            ids = list(newest(events))
        with costs.of("where"):
            located = store.where(ids)
        with costs.of("ledger"):
            blocked = pipeline.ledger.blocked(posts)
        with costs.of("settle"):
            plan = settle(events, located=located, blocked=blocked, now=now)
        with costs.of("write and flush"):
            for partition, some in plan.writes.items():
                store.write(partition, some)
            store.flush()
        with costs.of("documents once more"):
            for post in posts:
                source(post, timezone=pipeline.settings.timezone)


def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "city", options)
        bench.enrich()
        bench.index()
        bench.index_by_parts()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--warm", type=int, default=12_000)
    parser.add_argument("--posts", type=int, default=6_000)
    parser.add_argument("--batch", type=int, default=1_000)
    main(parser.parse_args())
