"""What sends to Kafka and waits until it is acknowledged."""

import threading
from collections.abc import Sequence

from kafka import KafkaProducer
from kafka.errors import KafkaError

from stream.kafka.connection import Connection
from stream.kafka.envelope import Message

LINGER_MS = 5
BATCH_BYTES = 256 << 10
GRACE_SECONDS = 1.0
"""How much later than its own patience the producer is given up."""

OVERHEAD_BYTES = 64 << 10
"""What Kafka adds to a record: a frame, a key and headers."""


class Writer:
    """An idempotent producer, made when it is first needed and anew after a failure.

    Nothing is buffered beyond the messages of the calls that wait. Shared between threads.
    """

    def __init__(self, connection: Connection, *, record_bytes: int) -> None:
        self._connection = connection
        self._largest = record_bytes + OVERHEAD_BYTES
        self._lock = threading.Lock()
        self._made: KafkaProducer | None = None

    def send(self, topic: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """Send all, and return (partition, offset) of each once every replica in sync has it."""
        producer = self._producer()
        with self._connection.naming(f"appending to {topic}"):
            try:
                sent = [
                    producer.send(
                        topic,
                        value=message.value,
                        key=message.key,
                        partition=message.partition,
                        headers=list(message.headers),
                    )
                    for message in messages
                ]
                producer.flush(timeout=self._connection.patience + GRACE_SECONDS)
                found = [each.get(timeout=0) for each in sent]
            except KafkaError:  # its state is not worth guessing
                self._discard(producer)
                raise
        return [(each.partition, each.offset) for each in found]

    def close(self) -> None:
        with self._lock:
            producer, self._made = self._made, None
        if producer is None:
            return
        try:
            producer.close(timeout=self._connection.patience)
        except KafkaError:  # what nobody waits for any more was not acknowledged in time
            _abandon(producer)

    def _producer(self) -> KafkaProducer:
        with self._lock:
            if self._made is None:
                patience_ms = int(self._connection.patience * 1000)
                self._made = self._connection.producer(
                    acks="all",
                    enable_idempotence=True,
                    compression_type="lz4",
                    linger_ms=LINGER_MS,
                    batch_size=BATCH_BYTES,
                    max_request_size=self._largest,
                    max_block_ms=patience_ms,
                    request_timeout_ms=patience_ms // 2,
                    delivery_timeout_ms=patience_ms,
                )
            return self._made

    def _discard(self, producer: KafkaProducer) -> None:
        with self._lock:
            if self._made is producer:
                self._made = None
        _abandon(producer)


def _abandon(producer: KafkaProducer) -> None:
    """Close it without what it was still to send, for which its own `close` waits and fails. Its
    thread ends by itself.
    """
    producer._sender.force_close()  # noqa: SLF001  (nothing else does it)
    producer._unregister_cleanup()  # noqa: SLF001  (the same)
    producer._closed = True  # noqa: SLF001  (the same)
