"""The two grounds that the same pipeline stands on: this machine, or a cluster."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Engine

from index.contract import Store
from index.local.store import LocalStore
from peil.database import check_tables, open_database
from peil.folder import WorkingFolder
from peil.leases import Leases
from peil.locks import Locks
from peil.settings import Settings
from privacy.suppress import SPECIAL_K
from stream.broker import Broker
from stream.clock import HOUR_MS, MINUTE_MS, Clock
from stream.local import LocalBroker
from stream.secrets import secret

if TYPE_CHECKING:
    from index.elastic.store import ElasticStore
    from stream.kafka import KafkaBroker

logger = logging.getLogger(__name__)


SERVICE = "service"
"""The lock of the index role of a `peil run`: while it is held, nobody else needs to index."""

INDEX = "index"
"""The lock of whoever writes an index that has one writer."""

UPGRADE = "upgrade"
"""The lock of whoever writes the index of an older peil anew."""

HOUSE = "house"


class Backend(Protocol):
    """Where the log and the store are. Made once a process; what it opens its caller closes."""

    @property
    def roles(self) -> Sequence[str]:
        """What `peil run` runs. Without `house` among them the index role keeps house: where the
        store has one writer, that is the one who may.
        """
        ...

    @property
    def housekeeping_ms(self) -> int:
        """How often to keep house, so that what was erased is gone from every file in an hour."""
        ...

    def broker(self) -> Broker:
        """The log, with its topics, which are made where they lack."""
        ...

    def store(self) -> Store:
        """The store."""
        ...

    @contextmanager
    def serving(self, *, give_up: Callable[[], bool]) -> Generator[bool]:
        """Be an index role while the block runs. Waits until that is allowed, and yields False
        when `give_up()` turns true before.
        """
        ...

    def is_served(self) -> bool:
        """Whether an index role is up, so that nobody else needs to index."""
        ...


def open_locks(folder: WorkingFolder, engine: Engine) -> Locks:
    """The locks between all processes that share the operational database."""
    return folder if engine.dialect.name == "sqlite" else Leases(engine)


def open_operational(folder: WorkingFolder, settings: Settings) -> Engine:
    """The operational database: a file in the folder, or PostgreSQL."""
    database = settings.database
    if not database.url:
        return open_database(folder.database)
    password = secret(database.password, database.password_file, setting="database.password")
    return open_database(database.url, password=password)


def check_operational(settings: Settings) -> None:
    """Stop when `open_operational` would make or change tables of a PostgreSQL."""
    database = settings.database
    if database.url:
        password = secret(database.password, database.password_file, setting="database.password")
        check_tables(database.url, password=password)


def open_kafka(settings: Settings, *, clock: Clock) -> "KafkaBroker":
    """The log on Kafka, its topics not looked at yet."""
    from stream.kafka import KafkaBroker  # noqa: PLC0415  (needs the extra `cluster`)

    return KafkaBroker(settings.stream, clock=clock)


def open_elastic(settings: Settings, *, clock: Clock) -> "ElasticStore":
    """The store on Elasticsearch, nothing asked of it yet."""
    from index.elastic.store import ElasticStore  # noqa: PLC0415  (the same)

    return ElasticStore(
        settings.index.elastic,
        clock=clock,
        timezone=settings.timezone,
        k=max(settings.privacy.k, SPECIAL_K),
        max_candidates=settings.index.max_candidates,
    )


class Embedded:
    """A log of SQLite and a store of tantivy in the working folder."""

    roles = ("collect", "enrich", "index", "dashboard")
    housekeeping_ms = HOUR_MS

    def __init__(
        self, folder: WorkingFolder, settings: Settings, *, locks: Locks, clock: Clock
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._locks = locks
        self._clock = clock

    def broker(self) -> LocalBroker:
        return LocalBroker(self._folder.log, clock=self._clock, settings=self._settings.stream)

    def store(self) -> LocalStore:
        settings = self._settings
        return LocalStore(
            self._folder.index,
            clock=self._clock,
            timezone=settings.timezone,
            k=max(settings.privacy.k, SPECIAL_K),
            max_candidates=settings.index.max_candidates,
            writer_megabytes=settings.index.writer_megabytes,
        )

    @contextmanager
    def serving(self, *, give_up: Callable[[], bool]) -> Generator[bool]:
        """The index has one writer: another role, or an import that indexes, is waited for."""
        with (
            self._locks.wait_for(SERVICE, clock=self._clock, give_up=give_up) as serving,
            self._locks.wait_for(INDEX, clock=self._clock, give_up=give_up) as mine,
        ):
            yield bool(serving and mine)

    def is_served(self) -> bool:
        return self._locks.is_held(SERVICE)


class Cluster:
    """A log of Kafka and a store of Elasticsearch."""

    roles = ("collect", "enrich", "index", HOUSE, "dashboard")
    housekeeping_ms = 20 * MINUTE_MS
    """An erased record is gone when Kafka has compacted: two rounds after its erasure."""

    def __init__(self, settings: Settings, *, locks: Callable[[], Locks], clock: Clock) -> None:
        """`locks` is called when one is needed: log and store do without the database."""
        self._settings = settings
        self._locks = locks
        self._clock = clock

    def broker(self) -> Broker:
        broker = open_kafka(self._settings, clock=self._clock)
        try:
            for problem in broker.prepare():
                logger.warning("%s", problem)
        except BaseException:
            broker.close()
            raise
        return broker

    def store(self) -> Store:
        return open_elastic(self._settings, clock=self._clock)

    @contextmanager
    def serving(self, *, give_up: Callable[[], bool]) -> Generator[bool]:
        """Many may index at once. Each that has work to do holds a lock of its own, which tells
        others that it is there.
        """
        with ExitStack() as held:
            for place in self._places():
                if held.enter_context(self._locks().hold(place)):
                    break
            yield not give_up()

    def is_served(self) -> bool:
        return any(self._locks().is_held(place) for place in self._places())

    def _places(self) -> Sequence[str]:
        """More index roles than partitions have nothing to do."""
        partitions = self._settings.stream.kafka.partitions
        return [f"{SERVICE}-{number}" for number in range(1, partitions + 1)]
