"""How fast the cluster is, and where the time goes.

    python bench/cluster_pipeline.py [--posts 60000] [--rates 500 1000] [--seconds 30]

First posts that wait are brought from Kafka to Elasticsearch by one and by two enrichment
workers without the transformer, and by one with it (labels are shed then as in production), with
one index worker: posts a second, and CPU of each role and each server apart. Then
posts come at a steady rate: from the acknowledged append until a reader finds them. A rule
matches 5 in 100. Last the parts alone: Kafka's client against another one (confluent-kafka) on
the same records, the codec, and the store. Everything shares the processors of one machine.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import confluent_kafka
import psutil

from bench.cluster import City, cluster, texts
from bench.pipeline import measure, report
from peil.pipeline import Pipeline
from stream.broker import Entry
from stream.clock import DAY_MS
from stream.codec import decode, encode
from stream.errors import Retry
from stream.events import Upsert
from stream.post import Post
from stream.testing import make_post
from stream.topics import LABELLED, POSTS
from stream.version import pack

KEPT = "Fatbikes scheuren hier elke avond over de stoep"
EVERY = 20
"""A rule matches one in so many."""

Answer = TypeVar("Answer")

NO_LABELS = {"PEIL_ENRICH__BACKLOG": "0", "PEIL_ENRICH__AFFORDABLE": "0"}
"""Where many posts wait, none of them gets a label that takes a model."""

CHUNK = 1_000
PATIENCE = 900


def make_posts(count: int, *, first: int, words: Sequence[str], now: int) -> list[Post]:
    return [
        make_post(
            first + number,
            text=f"{KEPT if number % EVERY == 0 else words[number % len(words)]} {number}",
            created_at=now,
            first_observed=now,
            keep_until=now + 60 * DAY_MS,
            version=pack(now, 0),
        )
        for number in range(count)
    ]


def append(pipeline: Pipeline, posts: Sequence[Post]) -> None:
    for start in range(0, len(posts), CHUNK):
        some = [Entry(post.id, encode(Upsert(post))) for post in posts[start : start + CHUNK]]
        pipeline.broker.append(POSTS.name, some)


def cpu(pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            total += sum(psutil.Process(pid).cpu_times()[:2])
    return total


def server_cpu(city: City) -> Mapping[str, float]:
    servers = {"kafka": city.kafka, "elasticsearch": city.elastic, "postgresql": city.postgres}
    return {name: cpu(server.pids) for name, server in servers.items()}


def catch_up(city: City, enrichers: int, count: int, words: Sequence[str], first: int) -> None:
    """Bring so many waiting posts to the index."""
    with city.opened() as pipeline:
        now = pipeline.clock.now()
        warm = make_posts(100, first=first, words=words, now=now)
        append(pipeline, warm)
        roles = [city.role(f"enrich-{first}-{each}", "enrich") for each in range(enrichers)]
        roles.append(city.role(f"index-{first}", "index"))
        for role in roles:
            role.start()
        wait(pipeline, [post.id for post in warm])  # models are loaded
        for role in roles:
            role.stop()
        posts = make_posts(count, first=first + 100, words=words, now=now)
        started, used = time.monotonic(), cpu([psutil.Process().pid])
        append(pipeline, posts)
        wall, own = time.monotonic() - started, cpu([psutil.Process().pid]) - used
        print(f"append: {count / wall:,.0f} posts/s, {count / own:,.0f} a CPU second")
        for role in roles:
            role.start()
        there = stored(pipeline)
        while (first_seen := stored(pipeline)) == there:
            time.sleep(0.1)
        before = server_cpu(city) | {role.name: role.cpu_seconds for role in roles}
        started = time.monotonic()
        while (at_last := stored(pipeline)) < there + count:
            assert time.monotonic() < started + PATIENCE, f"{at_last} of {there + count}"
            time.sleep(0.1)
        wall = time.monotonic() - started
        after = server_cpu(city) | {role.name: role.cpu_seconds for role in roles}
        for role in roles:
            role.stop()
    done = at_last - first_seen
    labels = "no labels" if "PEIL_ENRICH__AFFORDABLE" in city.environ else "labels as set"
    print(f"{enrichers} enrichment worker(s), {labels}, 1 index worker: {done / wall:,.0f} posts/s")
    own = sum(after[role.name] - before[role.name] for role in roles)
    print(f"  peil: {done / own:,.0f} posts a CPU second")
    for name, used in after.items():
        print(f"  {name.partition('-')[0]}: {(used - before[name]) / wall:.0%} of one core")


def stored(pipeline: Pipeline) -> int:
    with suppress(Retry):
        pipeline.store.reload()
        return sum(pipeline.store.partitions().values())
    return 0


def wait(pipeline: Pipeline, ids: Sequence[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    missing = set(ids)
    while missing:
        assert time.monotonic() < deadline, f"{len(missing)} of {len(ids)} did not come"
        with suppress(Retry):  # an index that is just made is not whole for a moment
            pipeline.store.reload()
            missing -= set(pipeline.store.where(sorted(missing)))
        time.sleep(0.1)


def steady(city: City, rates: Sequence[int], seconds: int) -> None:
    roles = [city.role("enrich", "enrich"), city.role("index", "index")]
    for role in roles:
        role.start()
    with city.opened() as pipeline:
        for rate in rates:
            measure(pipeline, rate, 5, 100 // EVERY)
            begun = [role.cpu_seconds for role in roles]
            waits, unseen = measure(pipeline, rate, seconds, 100 // EVERY)
            report(rate, waits, unseen)
            for role, before in zip(roles, begun, strict=True):
                print(f"  {role.name}: {(role.cpu_seconds - before) / seconds:.0%} of one core")
    for role in roles:
        role.stop()


def parts(city: City, words: Sequence[str], count: int) -> None:
    """The parts alone, each over the same posts, in one process."""
    with city.opened() as pipeline:
        posts = make_posts(count, first=10**12, words=words, now=pipeline.clock.now())
        values = timed("encode", count, lambda: [encode(Upsert(post)) for post in posts])
        timed("decode", count, lambda: [decode(value) for value in values])
        entries = [Entry(post.id, value) for post, value in zip(posts, values, strict=True)]

        def produce() -> None:
            for start in range(0, count, CHUNK):
                pipeline.broker.append(LABELLED.name, entries[start : start + CHUNK])

        timed("append (kafka-python)", count, produce)
        consumer = pipeline.broker.subscribe("bench", [LABELLED.name])

        def consume() -> None:
            got = 0
            while got < count:
                records = consumer.poll(limit=CHUNK, timeout=1.0)
                got += len(records)
                if records:
                    consumer.commit(records)

        timed("poll and commit (kafka-python)", count, consume)
        consumer.close()
    topic = city.environ.get("PEIL_STREAM__KAFKA__PREFIX", "peil.") + LABELLED.name
    timed("append (confluent-kafka)", count, lambda: other_append(city, topic, entries))
    timed("poll and commit (confluent-kafka)", count, lambda: other_poll(city, topic, count))


def other_append(city: City, topic: str, entries: Sequence[Entry]) -> None:
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": city.kafka.advertised,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
        }
    )
    for start in range(0, len(entries), CHUNK):
        for entry in entries[start : start + CHUNK]:
            producer.produce(topic, key=entry.key, value=entry.value)
        assert producer.flush(60) == 0


def other_poll(city: City, topic: str, count: int) -> None:
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": city.kafka.advertised,
            "group.id": "another",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    got = 0
    while got < count:
        messages = consumer.consume(CHUNK, 1.0)
        assert all(message.error() is None for message in messages)
        got += len(messages)
        if messages:
            consumer.commit(asynchronous=False)
    consumer.close()


def timed(what: str, count: int, do: Callable[[], Answer]) -> Answer:
    started, used = time.monotonic(), time.process_time()
    answer = do()
    wall, own = time.monotonic() - started, time.process_time() - used
    print(f"{what}: {count / wall:,.0f} posts/s, {count / own:,.0f} a CPU second")
    return answer


def main(words: argparse.Namespace, root: Path) -> None:
    found = texts(words.texts)
    with cluster(root, settings={"PEIL_STREAM__BATCH": str(words.batch)}) as city:
        with city.opened() as pipeline:
            pipeline.publish_rules()
        for number, (enrichers, labels) in enumerate(((1, False), (2, False), (1, True))):
            city.environ |= {} if labels else NO_LABELS
            catch_up(city, enrichers, words.posts, found, first=number * 10**7)
            for name in NO_LABELS:
                city.environ.pop(name, None)
        steady(city, words.rates, words.seconds)
        parts(city, found, words.posts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=60_000)
    parser.add_argument("--rates", type=int, nargs="*", default=[500, 1_000])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--texts", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(chosen, Path(temporary))
