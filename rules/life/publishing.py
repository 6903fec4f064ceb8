"""The rules on topic `rules`: one record a version and a manifest that makes them a set."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Engine, insert, select

from rules.documents import ActiveRule
from rules.life.tables import generation
from rules.life.versions import Version
from stream.broker import Broker, Entry
from stream.clock import Clock
from stream.codec import UNREADABLE, shape_of
from stream.database import alone
from stream.errors import Stop
from stream.scan import scan
from stream.topics import RULES

logger = logging.getLogger(__name__)

MANIFEST = "manifest"

AGAIN = "`peil rules sync`, or the start of enrichment, publishes again"

Kind = TypeVar("Kind")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions make the set of a generation: `rules` by id, `shadows` by `rule@version`;
    `models` name the labels'.
    """

    generation: int
    rules: Mapping[str, str]
    models: Mapping[str, str]
    shadows: Mapping[str, str] = {}


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A generation's rules, ready to match. `shadows` are counted and decide nothing else: one not
    active yet, and the one that an active one took the place of a short time ago.
    """

    generation: int
    rules: tuple[ActiveRule, ...]
    shadows: tuple[ActiveRule, ...] = ()


def publish(
    broker: Broker,
    rules: Sequence[Version],
    *,
    shadows: Sequence[Version] = (),
    engine: Engine,
    clock: Clock,
    models: Mapping[str, str] | None = None,
) -> Manifest:
    """Make `rules` the active set, with `shadows` beside it; returns its manifest. Without
    `models` those of the set before stay. One process at a time calls it.

    The generation grows only when a rule's or a model's version changed, or whether a rule is
    on a special category. Publishing the same thing twice appends nothing.
    """
    held = _records(broker)
    before = _last(held)
    if models is None:
        models = before.models if before else {}
    versions = {each.document.id: each.version for each in _sorted(rules)}
    beside = {each.name: each.version for each in _sorted(shadows)}
    manifest = Manifest(
        generation=_generation(engine, _digest(rules, shadows, models), now=clock.now()),
        rules=versions,
        models=dict(models),
        shadows=beside,
    )
    named = {_key(each.name): msgspec.json.encode(each) for each in (*rules, *shadows)}
    new = [Entry(key, value) for key, value in named.items() if held.get(key) != value]
    # A reader in between finds all that the manifest which it sees names: what is new comes
    # before the manifest, and what is over goes after it.
    if manifest != before:
        new.append(Entry(MANIFEST, msgspec.json.encode(manifest)))
    gone = [Entry(key, None) for key in held if key != MANIFEST and key not in named]
    broker.append(RULES.name, [*new, *gone])
    return manifest


def published(broker: Broker) -> Manifest | None:
    """The manifest that was published last; None when there was none yet, Stop when it cannot be
    read.
    """
    return _manifest(_records(broker))


def has_published(broker: Broker) -> bool:
    """Whether a set was ever published, readable or not."""
    return MANIFEST in _records(broker)


def last_published(broker: Broker) -> Sequence[Version]:
    """The active rules that were published last, whatever release of peil did it. What cannot be
    read is told and left out: nobody could publish over it otherwise.
    """
    held = _records(broker)
    manifest = _last(held)
    found: list[Version] = []
    for rule, version in (manifest.rules if manifest else {}).items():
        try:
            found.append(_version(held, rule, version))
        except Stop as error:
            logger.warning("not taken over: %s", error)
    return found


def _sorted(versions: Sequence[Version]) -> list[Version]:
    return sorted(versions, key=lambda each: each.name)


def _key(name: str) -> str:
    return f"rule:{name}"


def _digest(rules: Sequence[Version], shadows: Sequence[Version], models: Mapping[str, str]) -> str:
    """The hash of all that decides matches and labels."""
    versions = {each.document.id: each.version for each in _sorted(rules)}
    special = [each.document.id for each in _sorted(rules) if each.document.special_category]
    decisive: list[object] = [versions, special, sorted(models.items())]
    if shadows:
        decisive.append([(each.name, each.document.special_category) for each in _sorted(shadows)])
    return hashlib.sha256(msgspec.json.encode(decisive)).hexdigest()


def _generation(engine: Engine, digest: str, *, now: int) -> int:
    with alone(engine, "generation") as connection:
        last = connection.execute(
            select(generation.c.number, generation.c.digest)
            .order_by(generation.c.number.desc())
            .limit(1)
        ).first()
        if last is not None and last.digest == digest:
            return int(last.number)
        number = 1 if last is None else last.number + 1
        connection.execute(insert(generation).values(number=number, at=now, digest=digest))
        return int(number)


def _records(broker: Broker) -> dict[str, bytes]:
    """The newest value of every key on the topic."""
    held: dict[str, bytes] = {}
    for record in scan(broker, RULES.name):
        if record.value is None:
            held.pop(record.key, None)
        else:
            held[record.key] = record.value
    return held


class RuleFeed:
    """The active set, for workers: read to the topic's end before the first batch."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._ends: Mapping[int, tuple[int, int]] | None = None
        self._generation = -1

    def refresh(self) -> RuleSet | None:
        """The set when it is newer than the last one returned, else None. Cheap when nothing
        was published; Stop when the manifest or a rule cannot be read.
        """
        ends = self._broker.ends(RULES.name)
        if ends == self._ends:
            return None
        held = _records(self._broker)
        manifest = _manifest(held)
        if manifest is None:
            return None
        if manifest.generation == self._generation:
            self._ends = ends
            return None
        rules = tuple(
            _version(held, name, version).activate() for name, version in manifest.rules.items()
        )
        shadows = tuple(
            _version(held, name.rpartition("@")[0], version).activate()
            for name, version in manifest.shadows.items()
        )
        self._ends = ends
        self._generation = manifest.generation
        logger.info(
            "generation %d with %d rules is active, %d beside them",
            manifest.generation,
            len(rules),
            len(shadows),
        )
        return RuleSet(generation=manifest.generation, rules=rules, shadows=shadows)


def _last(held: Mapping[str, bytes]) -> Manifest | None:
    """As `_manifest`, for who is to publish over it: one that cannot be read is as good as none."""
    try:
        return _manifest(held)
    except Stop as error:
        logger.warning("%s", error)
        return None


def _manifest(held: Mapping[str, bytes]) -> Manifest | None:
    return _read(held, MANIFEST, Manifest) if MANIFEST in held else None


def _version(held: Mapping[str, bytes], rule: str, version: str) -> Version:
    """The record of that version; Stop when the topic does not hold it."""
    name = f"{rule}@{version}"
    if _key(name) in held:
        found = _read(held, _key(name), Version)
        if found.name != name:
            raise Stop(f"the record of {name} on the topic holds {found.name}; {AGAIN}")
        return found
    if _key(rule) in held:  # releases before versions had a life wrote one a rule
        return msgspec.structs.replace(_read(held, _key(rule), Version), version=version)
    raise Stop(f"rule {rule} is in the manifest and not on the topic; {AGAIN}")


def _read(held: Mapping[str, bytes], key: str, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(held[key], type=kind)
    except UNREADABLE as error:
        raise Stop(
            f"topic {RULES.name}, key {key}: this is nothing that this release of peil published "
            f"({shape_of(error)}); {AGAIN}"
        ) from None
