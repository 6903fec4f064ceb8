"""Who may log in on the brokers, and do what: users and their access control lists."""

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import SecurityDisabledError

from stream.broker import Topic, TopicName
from stream.errors import Stop
from stream.kafka.connection import Connection
from stream.settings import KafkaSettings

EVERYWHERE: Final = "*"
CLUSTER: Final = "kafka-cluster"
"""What Kafka calls the brokers as a whole."""

SEEING: Final = (ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS)


class Grants:
    """Changes what users may do, logged in as somebody who may. What it knows nothing of, other
    users and names that are not peil's, it leaves alone.
    """

    def __init__(self, settings: KafkaSettings, *, topics: Collection[Topic]) -> None:
        self._prefix = settings.prefix
        self._topics = [topic.name for topic in topics]
        self._mechanism = settings.mechanism
        self._connection = Connection(settings)
        self._made: KafkaAdminClient | None = None

    @property
    def makes_logins(self) -> bool:
        """Whether the brokers keep passwords themselves, as they do for SCRAM."""
        return self._mechanism.startswith("SCRAM")

    def has_login(self, user: str) -> bool:
        """Whether `user` can log in by the mechanism of the settings."""
        wanted = ScramMechanism[self._mechanism.replace("-", "_")]
        with self._asking("looking for users") as admin:
            found = admin.describe_user_scram_credentials()
        held = found.get(user, {}).get("credential_infos", ())
        return any(each["mechanism"] == wanted for each in held)

    def put_login(self, user: str, password: str) -> None:
        """Let `user` log in with `password`, and with no other; open connections stay."""
        change = UserScramCredentialUpsertion(user, self._mechanism, password)
        with self._asking(f"making the login of {user}") as admin:
            refused = admin.alter_user_scram_credentials([change])[user]
        if refused is not None:
            raise Stop(
                f"making the login of {user}: the brokers refuse it; stream.kafka.user must be "
                "one who may do everything (super.users)"
            )

    def put_rights(
        self,
        user: str,
        *,
        reads: Collection[TopicName] = (),
        writes: Collection[TopicName] = (),
        drops: Collection[TopicName] = (),
        groups: Mapping[str, bool],
        brokers: bool = False,
    ) -> None:
        """Let `user` see all topics, and do this with these; be a member of the `groups` that
        are true, and see the settings of the brokers with `brokers`. What else `user` may do with
        these topics and groups is taken away.
        """
        wanted = {
            *self._on_topics(user, self._topics, *SEEING),
            *self._on_topics(user, reads, ACLOperation.READ),
            *self._on_topics(user, writes, ACLOperation.WRITE),
            # Also what drops old records; Kafka knows no smaller right for that.
            *self._on_topics(user, drops, ACLOperation.DELETE),
            *(
                _allowed(user, ACLOperation.READ, ResourceType.GROUP, self._prefix + group)
                for group, member in groups.items()
                if member
            ),
        }
        if brokers:
            wanted.add(_allowed(user, ACLOperation.DESCRIBE_CONFIGS, ResourceType.CLUSTER, CLUSTER))
        ours = {
            *((ResourceType.TOPIC, self._prefix + name) for name in self._topics),
            *((ResourceType.GROUP, self._prefix + name) for name in groups),
            (ResourceType.CLUSTER, CLUSTER),
        }
        with self._asking(f"granting {user}") as admin:
            found, _ = admin.describe_acls(_all_of(user))
            held = {each for each in found if _place(each) in ours and _is_plain(each)}
            if new := sorted(wanted - held, key=repr):
                for failed in admin.create_acls(new)["failed"]:
                    raise failed
            if over := sorted(held - wanted, key=repr):
                for _, _, failed in admin.delete_acls(over):
                    if failed.errno:
                        raise failed

    def close(self) -> None:
        """Give the connection back."""
        if self._made is not None:
            self._made.close()

    def _on_topics(
        self, user: str, names: Collection[TopicName], *operations: ACLOperation
    ) -> Iterator[ACL]:
        for name in names:
            for operation in operations:
                yield _allowed(user, operation, ResourceType.TOPIC, self._prefix + name)

    @contextmanager
    def _asking(self, what: str) -> Generator[KafkaAdminClient]:
        with self._connection.naming(what):
            if self._made is None:
                self._made = self._connection.admin()
            try:
                yield self._made
            except SecurityDisabledError:
                raise Stop(
                    "the brokers let every user do everything: set authorizer.class.name and "
                    "super.users there, and start them again"
                ) from None


def _allowed(user: str, operation: ACLOperation, kind: ResourceType, name: str) -> ACL:
    pattern = ResourcePattern(kind, name)
    return ACL(f"User:{user}", EVERYWHERE, operation, ACLPermissionType.ALLOW, pattern)


def _all_of(user: str) -> ACLFilter:
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, anything)


def _place(acl: ACL) -> tuple[ResourceType, str]:
    return acl.resource_pattern.resource_type, acl.resource_pattern.resource_name


def _is_plain(acl: ACL) -> bool:
    """Whether it allows something for one name: what forbids, or spans names, is a person's."""
    literal = acl.resource_pattern.pattern_type == ACLResourcePatternType.LITERAL
    return bool(literal and acl.permission_type == ACLPermissionType.ALLOW)
