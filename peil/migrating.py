"""`peil migrate embedded-to-cluster`: from one machine to the cluster that the settings name."""

import hashlib
import shutil
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from index.contract import Store
from peil.backends import INDEX, SERVICE, Embedded
from peil.copying import Copied, checksums, copy_database
from peil.database import open_database
from peil.importing import Progress
from peil.pipeline import Pipeline
from stream.batches import batched
from stream.broker import Broker, Entry
from stream.errors import Stop
from stream.files import replace
from stream.lifecycle import Located
from stream.partitions import Partition
from stream.post import Post
from stream.scan import scan
from stream.topics import LABELLED, POSTS, QUARANTINE

BATCH = 2_000
MOVED = "moved-to-cluster.json"
"""The file in `data/` that says what was moved and verified."""

GROUPS = (("enrich", POSTS.name), ("index", LABELLED.name))


class Moved(msgspec.Struct, frozen=True):
    """One thing that was moved, as it is here and there; equal when both are the same."""

    what: str
    items: int
    equal: bool


class Mark(msgspec.Struct, frozen=True):
    """What was moved and verified: the folder's own state then, and where it went. `removing`
    says that the folder's own is being deleted: some of it may be gone.
    """

    tables: tuple[tuple[str, str], ...]
    ends: tuple[tuple[str, int, int], ...]
    target: tuple[str, ...]
    removing: bool = False


def move_to_cluster(pipeline: Pipeline, *, progress: Progress) -> Sequence[Moved]:
    """Copy the database, the quarantine and the index of the folder to the cluster, and compare.

    Doing it again goes on where it was cut off and changes nothing that is there already. Stop
    when something still runs or waits in the folder, when its own was removed in part, or when
    the cluster holds other data: nothing is written then.
    """
    with _alone(pipeline), _source(pipeline) as (broker, store, database):
        _check_drained(broker)
        _check_free(pipeline, store)
        pipeline.keys_marked_in(database)
        tables = copy_database(
            database,
            pipeline.database,
            lambda name, more, rows: progress(f"table {name}", more, rows),
        )
        # It raises when they differ.
        moved = [Moved(f"table {each.name}", each.rows, equal=True) for each in tables]
        moved.append(_move_quarantine(broker, pipeline.broker, progress))
        moved += [
            _move_partition(name, store, pipeline.store, progress)
            for name in store.partitions()
            if name.until_ms > pipeline.clock.now()
        ]
        if all(each.equal for each in moved):
            _write(pipeline, _mark(pipeline, broker, tables))
    return moved


def remove_moved(pipeline: Pipeline) -> None:
    """Delete the folder's own log, index and database, which nobody keeps house in any more; goes
    on where it was ended. Stop when no move to this cluster was verified, or the folder was used
    after it.
    """
    folder = pipeline.folder
    with _alone(pipeline):
        moved = _read(pipeline)
        if moved is None and not folder.database.is_file():
            raise Stop("nothing of one machine is here any more")
        if moved is None:
            raise Stop(
                "nothing was moved and verified yet: `peil migrate embedded-to-cluster` first"
            )
        if moved.target != _target(pipeline):
            raise Stop("the move was verified to another cluster than these settings name")
        if not moved.removing:
            with _source(pipeline) as (broker, _, database):
                _check_unused(pipeline, moved, _mark(pipeline, broker, checksums(database)))
            _write(pipeline, msgspec.structs.replace(moved, removing=True))
        elif folder.database.is_file():  # it goes last, and whoever uses the folder writes to it
            database = open_database(folder.database)
            now = msgspec.structs.replace(moved, tables=_sums(checksums(database)))
            database.dispose()
            _check_unused(pipeline, moved, now)
        for place in (folder.log, folder.index, folder.places("embedded")):
            if place.exists():
                shutil.rmtree(place)
        for place in sorted(folder.data.glob(f"{folder.database.name}*")):
            place.unlink()
        _path(pipeline).unlink()


def _check_unused(pipeline: Pipeline, moved: Mark, now: Mark) -> None:
    if moved != now:
        raise Stop(
            "this folder was used on one machine after the move, so it holds what the cluster does "
            "not: import that there again, then delete the folder's data/log, data/index and "
            f"{pipeline.folder.database.name} by hand"
        )


def _path(pipeline: Pipeline) -> Path:
    return pipeline.folder.data / MOVED


def _write(pipeline: Pipeline, mark: Mark) -> None:
    replace(_path(pipeline), msgspec.json.encode(mark))


def _read(pipeline: Pipeline) -> Mark | None:
    """What was moved and verified; None when nothing was."""
    path = _path(pipeline)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not what was written"
        raise Stop(
            f"{path} cannot be read ({why}): delete it, and move again with `peil migrate "
            "embedded-to-cluster`, which writes it anew and changes nothing that is there already"
        ) from None


@contextmanager
def _alone(pipeline: Pipeline) -> Generator[None]:
    """Nobody else uses the folder while the block runs."""
    folder, settings = pipeline.folder, pipeline.settings
    if settings.engine != "cluster" or not settings.database.url:
        raise Stop(
            'the settings must name where to go: engine = "cluster", database.url, '
            "stream.kafka.servers and index.elastic.servers"
        )
    with ExitStack() as stack:
        for role in (SERVICE, INDEX, "collect"):
            if not stack.enter_context(folder.hold(role)):
                raise Stop(f"a peil still runs on this folder (role {role}); end it first")
        yield


@contextmanager
def _source(pipeline: Pipeline) -> Generator[tuple[Broker, Store, Engine]]:
    """The log, the store and the database of the folder."""
    folder, clock = pipeline.folder, pipeline.clock
    moved = _read(pipeline)
    if moved is not None and moved.removing:
        raise Stop(
            "the folder's own was moved, and its removal was begun: `peil migrate "
            "embedded-to-cluster --remove` ends it"
        )
    if not folder.database.is_file():
        raise Stop(f"there is no {folder.database}: nothing of one machine is here to be moved")
    with ExitStack() as stack:
        source = Embedded(folder, pipeline.settings, locks=folder, clock=clock)
        broker, store = source.broker(), source.store()
        stack.callback(broker.close)
        stack.callback(store.close)
        database = open_database(folder.database)
        stack.callback(database.dispose)
        yield broker, store, database


def _mark(pipeline: Pipeline, broker: Broker, tables: Sequence[Copied]) -> Mark:
    return Mark(
        tables=_sums(tables),
        ends=tuple(
            (topic, partition, end)
            for topic in (POSTS.name, LABELLED.name, QUARANTINE.name)
            for partition, (_, end) in sorted(broker.ends(topic).items())
        ),
        target=_target(pipeline),
    )


def _sums(tables: Sequence[Copied]) -> tuple[tuple[str, str], ...]:
    return tuple((str(each.name), each.checksum) for each in tables)


def _target(pipeline: Pipeline) -> tuple[str, ...]:
    settings = pipeline.settings
    kafka, elastic = settings.stream.kafka, settings.index.elastic
    return (
        settings.database.url,
        kafka.prefix,
        *kafka.servers,
        elastic.prefix,
        *elastic.servers,
    )


def _check_free(pipeline: Pipeline, source: Store) -> None:
    """Stop when the cluster is used, or holds what does not come from here."""
    if pipeline.backend.is_served():
        raise Stop("a `peil run` is up on the cluster; end it, and start it after the move")
    for topic in (POSTS.name, LABELLED.name):
        if any(True for _ in scan(pipeline.broker, topic)):
            raise Stop(f"topic {topic} of the cluster holds records already; move to an empty one")
    pipeline.store.reload()
    for name in pipeline.store.partitions():
        for posts in batched(pipeline.store.posts(name), BATCH):
            if len(source.where([post.id for post in posts])) < len(posts):
                raise Stop(
                    f"{name.name} on the cluster holds posts that are not of this folder: choose "
                    "another index.elastic.prefix"
                )


def _check_drained(broker: Broker) -> None:
    for group, topic in GROUPS:
        consumer = broker.subscribe(group, [topic])
        waiting = consumer.lag()
        consumer.close()
        if waiting:
            raise Stop(
                f"{waiting} records of the log here are not indexed yet: "
                "`peil --set engine=embedded --set database.url= run --once` does that"
            )


def _move_quarantine(source: Broker, target: Broker, progress: Progress) -> Moved:
    held = [(record.key, record.value) for record in scan(source, QUARANTINE.name) if record.value]
    there = {(record.key, record.value) for record in scan(target, QUARANTINE.name)}
    target.append(
        QUARANTINE.name, [Entry(key, value) for key, value in held if (key, value) not in there]
    )
    progress("quarantine", len(held), len(held))
    there = {(record.key, record.value) for record in scan(target, QUARANTINE.name)}
    return Moved("quarantine", len(held), equal=there.issuperset(held))


def _move_partition(name: Partition, source: Store, target: Store, progress: Progress) -> Moved:
    total = source.partitions()[name]
    for posts in batched(source.posts(name), BATCH):
        here = target.where([post.id for post in posts])
        new = [post for post in posts if not _stands(post, here.get(post.id, ()))]
        target.write(name, new)
        target.flush()
        progress(f"index {name.name}", len(posts), total)
    target.reload()
    equal = _checksum(source.posts(name)) == _checksum(target.posts(name))
    return Moved(f"index {name.name}", total, equal=equal)


def _stands(post: Post, places: Sequence[Located]) -> bool:
    return any(place.version >= post.version for place in places)


def _checksum(posts: Iterable[Post]) -> tuple[int, int]:
    """How many posts, and a sum over each one's content that does not depend on their order."""
    count = total = 0
    for post in posts:
        count += 1
        digest = hashlib.blake2b(msgspec.msgpack.encode(post), digest_size=8).digest()
        total = (total + int.from_bytes(digest)) % 2**64
    return count, total
