"""The active rules on topic `rules`: one record a rule and a manifest that makes them a set."""

import hashlib
import logging
from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine, insert, select

from rules.documents import ActiveRule, Book, RuleDocument, activate
from rules.lists import ListEntries, list_lookup
from rules.tables import generation
from stream.broker import Broker, Entry
from stream.clock import Clock, to_datetime
from stream.database import alone
from stream.errors import Stop
from stream.scan import scan
from stream.topics import RULES

logger = logging.getLogger(__name__)

MANIFEST = "manifest"


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it travels: its text and the lists it needs, parsed again where it is matched."""

    document: RuleDocument
    lists: tuple[ListEntries, ...]
    version: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Which rules, in which versions, make the set of a generation; `models` name the labels'."""

    generation: int
    rules: Mapping[str, str]
    models: Mapping[str, str]


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A generation's rules, ready to match."""

    generation: int
    rules: tuple[ActiveRule, ...]


def publish(
    broker: Broker, book: Book, *, engine: Engine, clock: Clock, models: Mapping[str, str]
) -> Manifest:
    """Make the unexpired rules of `book` the active set; returns its manifest.

    The generation grows only when a rule's or a model's version changed, or whether a rule is
    on a special category. Publishing the same
    thing twice appends nothing.
    """
    today = to_datetime(clock.now()).date()
    active = {rule.id: rule for rule in book.active(today=today)}
    versions = {name: rule.version for name, rule in sorted(active.items())}
    special = [name for name, rule in sorted(active.items()) if rule.special_category]
    decisive = [versions, special, sorted(models.items())]
    digest = hashlib.sha256(msgspec.json.encode(decisive)).hexdigest()
    manifest = Manifest(
        generation=_generation(engine, digest, now=clock.now()), rules=versions, models=dict(models)
    )
    lists = tuple(
        ListEntries(each.id, each.version, each.entries)
        for each in book.lists.values()
        if not each.lint
    )
    held = _records(broker)
    entries = [
        Entry(
            f"rule:{name}",
            msgspec.json.encode(
                Published(
                    document=book.rules[name],
                    lists=tuple(
                        each for each in lists if f"${each.name}" in book.rules[name].query
                    ),
                    version=rule.version,
                )
            ),
        )
        for name, rule in active.items()
    ]
    gone = [
        Entry(key, None)
        for key in held
        if key != MANIFEST and key.removeprefix("rule:") not in active
    ]
    entries.append(Entry(MANIFEST, msgspec.json.encode(manifest)))
    changed = [entry for entry in entries if held.get(entry.key) != entry.value]
    # The manifest comes last: a reader that sees it has seen all that it names.
    broker.append(RULES.name, [*gone, *changed])
    return manifest


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
        was published; Stop when a rule cannot be read.
        """
        ends = self._broker.ends(RULES.name)
        if ends == self._ends:
            return None
        held = _records(self._broker)
        data = held.get(MANIFEST)
        if data is None:
            return None
        manifest = msgspec.json.decode(data, type=Manifest)
        published = {
            key: msgspec.json.decode(value, type=Published)
            for key, value in held.items()
            if key != MANIFEST
        }
        rules = tuple(
            _activated(published.get(f"rule:{name}"), name, version)
            for name, version in manifest.rules.items()
        )
        self._ends = ends
        if manifest.generation == self._generation:
            return None
        self._generation = manifest.generation
        logger.info("generation %d with %d rules is active", manifest.generation, len(rules))
        return RuleSet(generation=manifest.generation, rules=rules)


def _activated(published: Published | None, name: str, version: str) -> ActiveRule:
    if published is None:
        raise Stop(f"rule {name} is in the manifest and not on the topic; publish again")
    lists = list_lookup({each.name: {each.version: each} for each in published.lists})
    rule = activate(published.document, lists)
    if rule.version != version:
        raise Stop(
            f"rule {name} is version {rule.version} here and {version} where it was published: "
            "another release of peil reads it differently; upgrade all processes together"
        )
    return rule
