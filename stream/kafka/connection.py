"""How the brokers are reached, and what Kafka's errors mean to us."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from stream.authority import trusting
from stream.errors import PeilError, Retry, Stop
from stream.kafka.probe import Login, answering
from stream.secrets import secret
from stream.settings import KafkaSettings

BOOTSTRAP_SECONDS: Final = 5.0
RECONNECT_MS: Final = 1_000

NEITHER: Final = {"allow_auto_create_topics": False, "metrics_enabled": False}

Client = TypeVar("Client", KafkaAdminClient, KafkaConsumer, KafkaProducer)

TOO_LARGE = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
)
NEW_PRODUCER_HELPS = (
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.DuplicateSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.ProducerFencedError,
    kafka_errors.IllegalStateError,  # another thread's failure closed it
)


class Connection:
    """Makes clients that connect as the settings say. Shared between threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.servers = settings.servers
        self.patience = settings.timeout_seconds
        self._begins = tuple(settings.servers)
        self._seconds = min(BOOTSTRAP_SECONDS, self.patience)
        self._user = settings.user
        self._secured = "SASL" in settings.security
        encrypted = "SSL" in settings.security
        self._tls = (
            trusting(settings.ca_file, setting="stream.kafka.ca_file") if encrypted else None
        )
        self._login = _login(settings) if self._secured else None
        self._options: dict[str, Any] = {
            "client_id": "peil",
            "security_protocol": settings.security,
            "ssl_context": self._tls,
            "reconnect_backoff_max_ms": RECONNECT_MS,
        }
        if self._login is not None:
            self._options |= {
                "sasl_mechanism": self._login.mechanism,
                "sasl_plain_username": self._login.user,
                "sasl_plain_password": self._login.password,
            }

    def admin(self, **options: Any) -> KafkaAdminClient:
        """A client for questions about topics and groups."""
        return self._connected(KafkaAdminClient, options)

    def consumer(self, **options: Any) -> KafkaConsumer:
        """A client that reads."""
        return self._connected(KafkaConsumer, options | NEITHER)

    def producer(self, **options: Any) -> KafkaProducer:
        """A client that writes."""
        return self._connected(KafkaProducer, options | NEITHER)

    def _connected(self, kind: Callable[..., Client], options: dict[str, Any]) -> Client:
        """Raises Retry when no broker answers, Stop when they refuse us.

        Kafka's client picks a server by chance and gives all its time to one that swallows
        packets, so it has a share of the time alone; then one that is seen to answer is asked, and
        the next client begins with it. A client knows all brokers once it has begun.
        """
        share = self._seconds / len(self.servers)
        client = self._begun(kind, options, self._begins, seconds=share)
        if client is None:
            server = answering(self.servers, tls=self._tls, login=self._login)
            client = self._begun(kind, options, (server,), seconds=self._seconds)
            if client is None:
                raise Retry(
                    f"{server} answers, but takes more than {self._seconds:g} s to begin; it may "
                    "be starting, or have too much to do"
                )
            self._begins = (server,)
        return client

    def _begun(
        self,
        kind: Callable[..., Client],
        options: dict[str, Any],
        servers: Sequence[str],
        *,
        seconds: float,
    ) -> Client | None:
        """A client that one of the servers answered; None when none did in that time."""
        made: list[KafkaNetClient] = []

        def transport(**given: Any) -> KafkaNetClient:
            made.append(KafkaNetClient(**given))
            return made[-1]

        begins = {"bootstrap_servers": list(servers), "bootstrap_timeout_ms": int(seconds * 1000)}
        try:
            return kind(**self._options, **begins, **options, kafka_client=transport)
        except KafkaError as error:
            failed = error.with_traceback(None)  # which holds on to the sockets
        for each in made:  # its thread would go on trying
            each.close()
        if isinstance(failed, kafka_errors.KafkaTimeoutError):
            return None
        raise self.named(failed, "Kafka") from failed

    @contextmanager
    def naming(self, what: str) -> Generator[None]:
        """Turn Kafka's errors in the block into ours; `what` says what was done to what."""
        try:
            yield
        except KafkaError as error:
            raise self.named(error, what) from error

    def named(self, error: KafkaError, what: str) -> PeilError:
        """The error of ours that says what to do. It repeats no text of Kafka's, which may quote
        what was sent.
        """
        kind = type(error).__name__
        user = f"the user {self._user!r}" if self._secured else "whoever connects without a login"
        match error:
            case kafka_errors.AuthorizationError():
                return Stop(
                    f"{what}: {user} is not allowed to ({kind}); `peil doctor --setup` gives each "
                    "role what it needs; or check stream.kafka.user"
                )
            case kafka_errors.SaslAuthenticationFailedError():
                return Stop(
                    f"{what}: the login of {user} is refused; check stream.kafka.user and "
                    "stream.kafka.password_file"
                )
            case kafka_errors.UnsupportedVersionError():
                return Stop(
                    f"{what}: these brokers do not speak this client's protocol ({kind}); use "
                    "brokers of Kafka 3 or 4, or the release of peil that was made for them"
                )
            case kafka_errors.InvalidSessionTimeoutError():
                return Stop(
                    f"{what}: the brokers do not allow so short or long a lease; set "
                    "stream.lease_seconds between their group.min.session.timeout.ms and "
                    "group.max.session.timeout.ms"
                )
            case kafka_errors.InvalidReplicationFactorError():
                return Stop(
                    f"{what}: there are fewer brokers than stream.kafka.replication asks for; "
                    "lower it or start more"
                )
            case kafka_errors.KafkaStorageError():
                return Retry(f"{what}: a broker cannot use its disk; check its free space")
            case kafka_errors.InvalidRecordError():
                return Stop(
                    f"{what}: the brokers find a record not valid for its topic ({kind}); set the "
                    "topic to what `peil doctor` says; the brokers' log says more"
                )
            case kafka_errors.CorruptRecordError():
                return Stop(
                    f"{what}: a record there is damaged, or another program gave it a header that "
                    "is no text; drop the records up to it with Kafka's kafka-delete-records.sh"
                )
            case kafka_errors.KafkaConfigurationError():
                return Stop(
                    f"{what}: Kafka's client refuses these settings, and no broker was asked; "
                    "check stream.lease_seconds and section [stream.kafka]"
                )
            case _ if isinstance(error, TOO_LARGE):
                return Stop(
                    f"{what}: the brokers find a record too large ({kind}); set the topic's "
                    "max.message.bytes to what `peil doctor` says"
                )
            case _ if error.retriable or isinstance(error, NEW_PRODUCER_HELPS):
                return Retry(f"{what}: Kafka does not answer as it should for now ({kind})")
            case _:
                return Stop(f"{what}: Kafka refuses it ({kind}); see the brokers' log")


def _login(settings: KafkaSettings) -> Login:
    password = secret(settings.password, settings.password_file, setting="stream.kafka.password")
    if not settings.user or not password:
        raise Stop(
            f"stream.kafka.security is {settings.security}: set stream.kafka.user and "
            "stream.kafka.password_file"
        )
    return Login(settings.mechanism, settings.user, password)
