"""What can be set about the log and its workers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from stream.secrets import NO_SECRET, Brokers
from stream.topics import PARTITIONS


class KafkaSettings(BaseModel):
    """Section `[stream.kafka]`: where the log is when `engine` is `cluster`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: Brokers = Field(
        default=("127.0.0.1:9092",), description="Brokers to begin with, as `host:port`."
    )
    prefix: str = Field(
        default="peil.",
        pattern=r"^[a-z0-9._-]*$",
        max_length=200,  # a topic's whole name may have 249 letters
        description="What the names of topics and consumer groups begin with.",
    )
    partitions: int = Field(
        default=PARTITIONS,
        ge=1,
        le=1_000,
        description="In how many partitions each topic of posts lies: at most so many workers of "
        "a role share the work. It cannot be changed while records wait.",
    )
    replication: int = Field(
        default=1,
        ge=1,
        le=100,
        description="On how many brokers each record lies; 3 where there are three.",
    )
    timeout_seconds: float = Field(
        default=30.0,
        ge=1,
        le=500,  # its client wants less than the nine minutes after which brokers close
        description="How long a call waits for the brokers before it is tried again.",
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to connect; SASL_SSL outside one machine."
    )
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512", description="How to log in, with SASL."
    )
    user: str = Field(default="", description="Who logs in, with SASL.")
    password: SecretStr = Field(
        default=NO_SECRET, description="From the environment only; else `password_file`."
    )
    password_file: str = Field(default="", description="A file that holds the password.")
    ca_file: str = Field(
        default="", description="The certificate authority of the brokers; empty: the system's."
    )


class StreamSettings(BaseModel):
    """Section `[stream]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(
        default=500, ge=1, le=10_000, description="Records that a worker takes at once."
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600,
        description="A worker that does not poll for so long loses its partitions to the others; "
        "on Kafka one that lives does so after four times as long.",
    )
    record_bytes: int = Field(
        default=4_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="A record above this size is refused.",
    )
    quarantine_share: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="A worker stops when more than this share of its last 1,000 records had to "
        "be quarantined.",
    )
    quarantine_run: int = Field(
        default=100,
        ge=1,
        description="A worker stops after so many bad records without a good one; as with the "
        "share, the batch at hand is finished first.",
    )
    kafka: KafkaSettings = KafkaSettings()
