"""The log and the store, and on a cluster the servers that hold them."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

from peil.backends import open_elastic, open_kafka
from peil.certificates import end_of, places
from peil.looks.saying import Said, State, ending, problems, said
from peil.pipeline import Pipeline
from privacy.suppress import text
from stream.broker import Broker, Record, TopicName
from stream.clock import HOUR_MS, to_datetime
from stream.quarantine import Quarantine
from stream.topics import LABELLED, POSTS, QUARANTINE, TEXT_RETENTION_MS


def on_cluster(pipeline: Pipeline) -> bool:
    """Whether log and store lie on servers."""
    return pipeline.settings.engine == "cluster"


@contextmanager
def opened_log(pipeline: Pipeline) -> Generator[Broker]:
    """The log as it is: on a cluster no topic is made."""
    if not on_cluster(pipeline):
        yield pipeline.broker
        return
    with closing(open_kafka(pipeline.settings, clock=pipeline.clock)) as broker:
        yield broker


def look_at_kafka(pipeline: Pipeline) -> Said:
    """The brokers and the topics on them."""
    with closing(open_kafka(pipeline.settings, clock=pipeline.clock)) as broker:
        found = broker.problems()
    servers = ", ".join(pipeline.settings.stream.kafka.servers)
    return problems(found, well=f"Kafka at {servers}, the topics are as they should be")


def look_at_certificates(pipeline: Pipeline) -> Said:
    """When those of the servers end."""
    now = to_datetime(pipeline.clock.now())
    found: list[tuple[State, str]] = []
    for place in places(pipeline.settings):
        end = end_of(place)
        if end is None:
            continue  # its own look says why
        shown = f"that of {place.server} at {place.host}:{place.port}"
        found.append(ending(shown, end, now=now, whose="the server"))
    return found


def look_at_log(pipeline: Pipeline) -> Said:
    """How much is in it, and whether texts are over their term."""
    late = pipeline.clock.now() - TEXT_RETENTION_MS - 2 * HOUR_MS
    with opened_log(pipeline) as broker:
        waiting = {
            topic: sum(end - start for start, end in broker.ends(topic).values())
            for topic in broker.topics()
        }
        overdue = [
            topic
            for topic in (POSTS.name, LABELLED.name, QUARANTINE.name)
            if any(record.appended_at < late for record in _oldest(broker, topic))
        ]
    found = ", ".join(f"{topic}: {records} records" for topic, records in waiting.items())
    if overdue:
        found += f"; {', '.join(overdue)} hold texts over their term: `peil run` or `peil expire`"
    return said(found, well=not overdue)


def _oldest(broker: Broker, topic: TopicName) -> Iterator[Record]:
    """The first record of each partition."""
    for partition, (start, _) in broker.ends(topic).items():
        yield from broker.read(topic, partition, start=start, limit=1)


def look_at_quarantine(pipeline: Pipeline) -> Said:
    """What waits there for a person."""
    with opened_log(pipeline) as broker:
        waiting = sum(1 for _ in Quarantine(broker, clock=pipeline.clock).items())
    return said(f"{waiting} items (`peil quarantine list`)", well=waiting == 0)


def look_at_index(pipeline: Pipeline) -> Said:
    """What is in it, and whether it is as peil made it."""
    found = pipeline.store.problems()
    partitions = pipeline.store.partitions()
    posts = sum(partitions.values())
    k = pipeline.settings.privacy.k
    size = f"{text(posts if posts >= k else None, k=k)} posts in {len(partitions)} partitions"
    if on_cluster(pipeline):
        servers = ", ".join(pipeline.settings.index.elastic.servers)
        return problems(found, well=f"Elasticsearch at {servers}, {size}")
    return said("; ".join([*found, size]), well=not found)


def look_at_backups(pipeline: Pipeline) -> Said:
    """Whether any outlives what is in it."""
    with closing(open_elastic(pipeline.settings, clock=pipeline.clock)) as store:
        count, found = store.snapshots()
    if not count:
        return said("there is no snapshot of the index: see Backup in docs/cluster.md", well=False)
    return problems(found, well=f"{count} snapshots, none holds what is over its term")
