"""The log on a cluster: Kafka."""

import logging

from stream.kafka.broker import KafkaBroker

__all__ = ["KafkaBroker"]

# What matters is raised as an error of ours. Below this level kafka-python writes several lines a
# second while a broker is away, and every record's value at the lowest.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
