"""What the topics must be like on the brokers: made when missing, told when different.

How soon an erased record is gone. Kafka compacts files that are not written any more, and begins
a new one only when something is appended: a beat every 20 minutes sees to that, so the file of a
tombstone is closed after half an hour at most. `max.compaction.lag.ms` has passed then, and the
brokers compact at once: they write the topic's files anew without what was erased. That costs
reading and writing a topic once every 20 minutes, as long as anything is appended to it.

How long a text lies on disk. Kafka deletes whole files, when the newest record of one is over
`retention.ms`. But compaction joins files, up to `segment.bytes`: where little is appended, one
file holds days, its newest record is always young, and it is never deleted. So `expire` erases
what is over its term and still there, as if it had been asked for, and moves the earliest offset
past it. Where much is appended a file spans less than the hour by which `retention.ms` is
shorter, and Kafka is first. Either way a text of 66 hours is gone within 67 and a half, and 72
are promised.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, TopicAlreadyExistsError

from stream.broker import Topic
from stream.clock import HOUR_MS, MINUTE_MS
from stream.kafka.writer import OVERHEAD_BYTES
from stream.topics import TOMBSTONE_MS

OLDEST: Final = (3, 0)
"""The oldest brokers that can do what is asked here."""

CHECKED_EVERY_MS: Final = HOUR_MS
"""Brokers that look for old files less often break the promise above."""


SEGMENT_BYTES: Final = 64 << 20
LEAD: Final = 66
"""The part of the retention by which Kafka is to be first: an hour of 66."""


class Pace(NamedTuple):
    """How often Kafka begins a new file, how long until what is superseded is compacted away, and
    how long a tombstone stays after that.
    """

    segment_ms: int = 10 * MINUTE_MS
    compaction_ms: int = 20 * MINUTE_MS
    tombstone_ms: int = TOMBSTONE_MS


class Layout:
    """The topics as they should be on the brokers."""

    def __init__(
        self,
        topics: Sequence[Topic],
        *,
        prefix: str,
        replication: int,
        record_bytes: int,
        pace: Pace,
    ) -> None:
        self._topics = {prefix + topic.name: topic for topic in topics}
        self._replication = replication
        self._record_bytes = record_bytes
        self._pace = pace

    def create(self, admin: KafkaAdminClient) -> list[str]:
        """Make the topics that are missing; returns their names."""
        existing = self._existing(admin)
        missing = {
            name: {
                "num_partitions": topic.partitions,
                "replication_factor": self._replication,
                "configs": self.settings(topic),
            }
            for name, topic in self._topics.items()
            if name not in existing
        }
        if not missing:
            return []
        try:
            admin.create_topics(missing, wait_for_metadata=True)
        except TopicAlreadyExistsError:  # another process makes them at this moment
            admin.wait_for_topics(list(missing))
        return list(missing)

    def settings(self, topic: Topic) -> dict[str, str]:
        """What `topic` is to be set to, by the names of Kafka."""
        kept = topic.retention_ms
        found: dict[str, str | float] = {
            "cleanup.policy": "compact" if topic.compacted else "compact,delete",
            "retention.ms": -1 if kept is None else kept - kept // LEAD,
            "retention.bytes": -1,
            "segment.bytes": SEGMENT_BYTES,
            "segment.ms": self._pace.segment_ms,
            "segment.jitter.ms": 0,
            "max.compaction.lag.ms": self._pace.compaction_ms,
            "min.compaction.lag.ms": 0,
            "min.cleanable.dirty.ratio": 0.5,
            "delete.retention.ms": self._pace.tombstone_ms,
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": self._record_bytes * topic.size_factor + OVERHEAD_BYTES,
            "min.insync.replicas": max(1, self._replication - 1),
            "unclean.leader.election.enable": "false",
        }
        if self._replication == 1:  # no other broker has it: it must be on disk
            found["flush.messages"] = 1
        return {name: str(value) for name, value in found.items()}

    def problems(self, admin: KafkaAdminClient) -> list[str]:
        """What is not as it should be, in words; empty when all is well."""
        nodes = [each["broker_id"] for each in admin.describe_cluster()["brokers"]]
        found = [
            problem
            for node in nodes
            for problem in _version_problems(
                node, admin.get_broker_version_data(node).broker_version
            )
        ]
        existing = self._existing(admin)
        found += [
            f"topic {name} is missing, or hidden from this user: `peil doctor --setup` makes it "
            "and lets each role see it"
            for name in self._topics
            if name not in existing
        ]
        there = [name for name in self._topics if name in existing]
        for name in there:
            found += self._shape_problems(name, existing[name])
        for name, values in _settings_of(admin, there).items():
            for setting, wanted in self.settings(self._topics[name]).items():
                is_ = values.get(setting)
                if is_ is not None and not _same(is_, wanted):
                    found.append(
                        f"topic {name}: {setting} is {is_} and should be {wanted}; somebody "
                        "changed it, or stream.* was changed: set it back on the brokers"
                    )
        return found + _broker_problems(admin, nodes)

    def _existing(self, admin: KafkaAdminClient) -> Mapping[str, Mapping[str, Any]]:
        described = admin.describe_topics(list(self._topics))
        return {each["name"]: each for each in described if not each["error_code"]}

    def _shape_problems(self, name: str, there: Mapping[str, Any]) -> list[str]:
        found: list[str] = []
        topic, partitions = self._topics[name], len(there["partitions"])
        if partitions < topic.partitions:
            found.append(
                f"topic {name} has {partitions} partitions and {topic.partitions} are asked for: "
                "set stream.kafka.partitions to what it has, or drain it, delete it and start again"
            )
        elif partitions > topic.partitions:
            found.append(
                f"topic {name} has {partitions} partitions and {topic.partitions} are asked for: "
                "the others stay empty; drain it before stream.kafka.partitions is raised"
            )
        replicas = min((len(each["replica_nodes"]) for each in there["partitions"]), default=0)
        if replicas < self._replication:
            found.append(
                f"topic {name} lies on {replicas} brokers and should on {self._replication}: "
                "reassign its partitions, or lower stream.kafka.replication"
            )
        return found


def _version_problems(node: int, version: tuple[int, ...]) -> list[str]:
    if version >= OLDEST:
        return []
    there, wanted = (".".join(map(str, each)) for each in (version, OLDEST))
    return [f"broker {node} is Kafka {there}; peil needs {wanted} or newer: upgrade it"]


def _settings_of(
    admin: KafkaAdminClient, names: Sequence[str], kind: str = "topic"
) -> Mapping[str, Mapping[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType[kind.upper()], name) for name in names]
    described = admin.describe_configs(resources, config_filter="all").get(kind, {})
    return {
        name: {setting: value["value"] for setting, value in values.items()}
        for name, values in described.items()
    }


def _broker_problems(admin: KafkaAdminClient, nodes: Sequence[int]) -> list[str]:
    """What the brokers' own settings do to the promises; nothing when they keep them secret."""
    try:
        described = _settings_of(admin, [str(node) for node in nodes], kind="broker")
    except AuthorizationError:
        return []
    found: list[str] = []
    for node, values in described.items():
        interval = values.get("log.retention.check.interval.ms", "0")
        if int(interval) > CHECKED_EVERY_MS:
            found.append(
                f"broker {node} looks for old files every {interval} ms: set "
                f"log.retention.check.interval.ms to {CHECKED_EVERY_MS} at most, else texts stay "
                "too long"
            )
        if values.get("log.cleaner.enable") == "false":
            found.append(f"broker {node} does not compact: remove log.cleaner.enable=false")
    return found


def _same(left: str, right: str) -> bool:
    try:
        return float(left) == float(right)
    except ValueError:
        return sorted(left.split(",")) == sorted(right.split(","))
