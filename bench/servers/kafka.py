"""A real Kafka broker on this machine."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.servers.cache import jars, program
from bench.servers.certificates import Authority
from bench.servers.server import HOST, Server, free_port
from stream.errors import Stop

VERSION = "4.3.1"
LOG4J = "2.25.4"
PROJECT = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J}</version>
    </dependency>
  </dependencies>
</project>
"""
LOGGING = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c{1})%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""
READY = "Kafka Server started"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"  # any 16 bytes in base64url
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # One node: one replica of everything. One partition of what the broker keeps for itself,
    # instead of 50, makes the first use fast.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "auto.create.topics.enable": "false",
    # Members join at once, and a session may be short.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "500",
    # Retention and compaction run at once instead of every 5 minutes and every 15 s.
    "log.retention.check.interval.ms": "500",
    "log.initial.task.delay.ms": "500",
    "log.cleaner.backoff.ms": "300",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
    "num.network.threads": "2",
    "num.io.threads": "2",
    # After a kill the broker registers again only when its old session has ended.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
    "controller.quorum.election.timeout.ms": "100",
}


def installed() -> Path:
    """The folder of its jars, fetched at the first call."""
    return jars(f"kafka-{VERSION}", PROJECT)


class Kafka(Server):
    """One broker that is its own controller (KRaft).

    `secure` makes clients use SASL_SSL with SCRAM-SHA-512: `users` maps names to the
    passwords that they have at the first start, `admin` is one of them and may do everything,
    `authority` is the file of the certificate authority that clients must trust. With
    `authorize` the other users may do only what an ACL allows; it goes with `secure`. `expired`
    gives the broker a certificate of the past.

    `properties` come last in `server.properties`. `advertised` is the `host:port` that clients
    are sent to, that of a proxy before the broker. `optimised` lets Java compile as far as it
    can: for benchmarks, at the cost of a slower start.
    """

    def __init__(
        self,
        *,
        secure: bool = False,
        users: Mapping[str, str] | None = None,
        authorize: bool = False,
        expired: bool = False,
        heap: str = "512m",
        properties: Mapping[str, str] | None = None,
        advertised: str | None = None,
        optimised: bool = False,
        data: Path | None = None,
        port: int | None = None,
    ) -> None:
        if authorize and not secure:
            raise Stop("authorize=True needs secure=True: without a login all users are one")
        super().__init__(data=data, port=port)
        self.users = {"admin": "admin-password", **(users or {})}
        self.advertised = advertised or self.address
        self._authorize = authorize
        self._expired = expired
        self._heap = heap
        self._properties = dict(properties or {})
        self._optimised = optimised
        self._internal = free_port()
        self._controller = free_port()
        self._authority = Authority(self.data / "certificates") if secure else None
        self._seen = 0

    @property
    def direct(self) -> str:
        """A second `host:port`, with no proxy and no login before it: to look from outside."""
        return f"{HOST}:{self._internal}"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the broker's, as PEM."""
        if self._authority is None:
            raise Stop("this Kafka has no certificate; make it with secure=True")
        return self._authority.file

    def _command(self) -> Sequence[str]:
        configuration = self.data / "server.properties"
        configuration.write_text(
            "".join(f"{name}={value}\n" for name, value in self._configuration().items())
        )
        logging = self.data / "log4j2.properties"
        logging.write_text(LOGGING)
        java = [
            program("java"),
            *([] if self._optimised else ["-XX:TieredStopAtLevel=1"]),
            f"-Xmx{self._heap}",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={logging}",
            "-cp",
            f"{installed()}/*",
        ]
        if not (self.data / "log" / "meta.properties").exists():
            self._format(java, configuration)
        self._seen = self.log.stat().st_size
        return [*java, "kafka.Kafka", str(configuration)]

    def _answers(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._seen)
            return READY.encode() in log.read()

    def _format(self, java: Sequence[str], configuration: Path) -> None:
        words = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER]
        words += ["-c", str(configuration)]
        if self._authority:
            for name, password in self.users.items():
                words += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Stop(
                f"Kafka could not make its folder {self.data}; it said:\n{done.stdout[-2000:]}"
            )

    def _configuration(self) -> dict[str, str]:
        protocol = "SASL_SSL" if self._authority else "PLAINTEXT"
        controller = f"{HOST}:{self._controller}"
        found = PROPERTIES | {
            "listeners": (
                f"CLIENTS://{self.address},INTERNAL://{self.direct},CONTROLLER://{controller}"
            ),
            "advertised.listeners": f"CLIENTS://{self.advertised},INTERNAL://{self.direct}",
            "listener.security.protocol.map": (
                f"CLIENTS:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            # The broker would not start if it had to trust an expired certificate of its own.
            "inter.broker.listener.name": "INTERNAL",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.data / "log"),
        }
        if self._authority:
            found |= self._security(self._authority)
        return found | self._properties

    def _security(self, authority: Authority) -> dict[str, str]:
        found = {
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(authority.issue("kafka", expired=self._expired).both),
        }
        if self._authorize:
            found |= {
                "authorizer.class.name": (
                    "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
                ),
                # The broker itself does not log in.
                "super.users": "User:admin;User:ANONYMOUS",
            }
        return found
