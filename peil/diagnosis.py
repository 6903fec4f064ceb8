"""What `peil doctor` looks at: each part is tried, and what fails says how to mend it."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from ingest.health import warning
from peil.database import look_at
from peil.pipeline import Pipeline
from privacy.suppress import text
from rules.lint import check
from stream.broker import Broker, Record, TopicName
from stream.clock import HOUR_MS, to_datetime
from stream.errors import PeilError
from stream.topics import LABELLED, POSTS, QUARANTINE, TEXT_RETENTION_MS

if TYPE_CHECKING:
    from collections.abc import Callable

LOW_SPACE = 1_000_000_000
"""Bytes: below this the log may soon refuse to append."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: Literal["well", "warning", "wrong"]
    detail: str


def diagnose(pipeline: Pipeline) -> list[Finding]:
    """Try every part of the working folder; an error of one does not keep others from it."""
    looks: tuple[tuple[str, Callable[[Pipeline], tuple[bool, str]]], ...] = (
        ("purpose", _purpose),
        ("disk", _disk),
        ("database", _database),
        ("keys", _keys),
        ("register", _register),
        ("sources", _sources),
        ("rules", _rules),
        ("log", _log),
        ("quarantine", _quarantine),
        ("index", _index),
        ("access log", _access),
    )
    findings: list[Finding] = []
    for what, look in looks:
        try:
            well, detail = look(pipeline)
        except PeilError as error:
            findings.append(Finding(what, "wrong", str(error)))
        else:
            findings.append(Finding(what, "well" if well else "warning", detail))
    return findings


def _purpose(pipeline: Pipeline) -> tuple[bool, str]:
    purpose = pipeline.settings.purpose
    return bool(purpose), purpose or "none is set in config/peil.toml: questions are refused"


def _disk(pipeline: Pipeline) -> tuple[bool, str]:
    free = shutil.disk_usage(pipeline.folder.root).free
    return free > LOW_SPACE, f"{free / 1e9:.1f} GB free"


def _database(pipeline: Pipeline) -> tuple[bool, str]:
    return look_at(pipeline.database)


def _keys(pipeline: Pipeline) -> tuple[bool, str]:
    return True, f"epochs {', '.join(map(str, pipeline.keys.epochs())) or 'none yet'}"


def _register(pipeline: Pipeline) -> tuple[bool, str]:
    now = pipeline.clock.now()
    entries = [entry for entry in pipeline.register.entries() if entry.until > now]
    names = ", ".join(entry.source for entry in entries)
    return bool(entries), f"open: {names}" if names else "no source is open: `peil sources open`"


def _sources(pipeline: Pipeline) -> tuple[bool, str]:
    now = pipeline.clock.now()
    found = {name: warning(pipeline.memory.runs(name), now=now) for name in pipeline.sources}
    wrong = [f"{name}: {why}" for name, why in found.items() if why is not None]
    return not wrong, "; ".join(wrong) or f"{len(found)} sources, none silent or failing"


def _rules(pipeline: Pipeline) -> tuple[bool, str]:
    findings = check(pipeline.book, today=to_datetime(pipeline.clock.now()).date())
    total = len(pipeline.book.rules)
    return not findings, f"{total} rules, {len(findings)} findings (`peil rules check`)"


def _log(pipeline: Pipeline) -> tuple[bool, str]:
    waiting = {
        topic: sum(end - start for start, end in pipeline.broker.ends(topic).values())
        for topic in pipeline.broker.topics()
    }
    late = pipeline.clock.now() - TEXT_RETENTION_MS - 2 * HOUR_MS
    overdue = [
        topic
        for topic in (POSTS.name, LABELLED.name, QUARANTINE.name)
        if any(record.appended_at < late for record in _oldest(pipeline.broker, topic))
    ]
    found = ", ".join(f"{topic}: {records} records" for topic, records in waiting.items())
    if overdue:
        found += f"; {', '.join(overdue)} hold texts over their term: `peil run` or `peil expire`"
    return not overdue, found


def _oldest(broker: Broker, topic: TopicName) -> Iterator[Record]:
    """The first record of each partition."""
    for partition, (start, _) in broker.ends(topic).items():
        yield from broker.read(topic, partition, start=start, limit=1)


def _quarantine(pipeline: Pipeline) -> tuple[bool, str]:
    waiting = sum(1 for _ in pipeline.quarantine.items())
    return waiting == 0, f"{waiting} items (`peil quarantine list`)"


def _index(pipeline: Pipeline) -> tuple[bool, str]:
    partitions = pipeline.store.partitions()
    posts = sum(partitions.values())
    k = pipeline.settings.privacy.k
    size = f"{text(posts if posts >= k else None, k=k)} posts in {len(partitions)} partitions"
    problems = pipeline.store.problems()
    return not problems, "; ".join([*problems, size])


def _access(pipeline: Pipeline) -> tuple[bool, str]:
    problems = pipeline.access.verify()
    return not problems, "; ".join(problems) or "the chain is whole"
