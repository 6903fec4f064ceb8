"""What `peil doctor` looks at: each part is tried, and what fails says how to mend it."""

import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from dashboard.calendar import load_calendar
from dashboard.purposes import load_purposes
from dashboard.site import Site
from dashboard.translations import load_translations
from index.drift import Drift
from peil.backends import check_operational, open_kafka
from peil.bulletins import bulletins
from peil.certificates import end_in, end_of, places
from peil.database import look_at
from peil.declaring import check_sources
from peil.guidance import personal, read_over
from peil.pipeline import Pipeline
from peil.rulebook import SINGLE_AUTHOR
from privacy.suppress import text
from rules.lint.linter import check, known_of
from stream.broker import Broker, Record, TopicName
from stream.clock import HOUR_MS, to_datetime
from stream.errors import PeilError
from stream.quarantine import Quarantine
from stream.topics import LABELLED, POSTS, QUARANTINE, TEXT_RETENTION_MS

LOW_SPACE = 1_000_000_000
"""Bytes: below this the log may soon refuse to append."""

SOON = timedelta(days=30)
"""A certificate that ends earlier is to be renewed."""

State = Literal["well", "warning", "wrong"]
Said = Sequence[tuple[State, str]]
Look = Callable[[Pipeline], Said]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: State
    detail: str


def diagnose(pipeline: Pipeline) -> list[Finding]:
    """Try every part of the working folder; an error of one does not keep others from it. On a
    server it makes no table, topic or index.
    """
    findings: list[Finding] = []
    failed: set[str] = set()
    for what, look in LOOKS.items():
        if what in SERVERS and not _on_cluster(pipeline):
            continue
        if missing := failed.intersection(_needs(pipeline, what)):
            because = f"not looked at, because of `{min(missing)}` above"
            findings.append(Finding(what, "wrong", because))
            continue
        try:
            findings += [Finding(what, state, detail) for state, detail in look(pipeline)]
        except PeilError as error:
            failed.add(what)
            findings.append(Finding(what, "wrong", str(error)))
        except OSError as error:  # as of a full disk
            failed.add(what)
            where = error.filename or pipeline.folder.root
            findings.append(
                Finding(
                    what,
                    "wrong",
                    f"{where}: {error.strerror or error}; check its rights and the free space",
                )
            )
    return findings


def _needs(pipeline: Pipeline, what: str) -> Sequence[str]:
    if _on_cluster(pipeline):
        return NEEDS.get(what, ())
    return ("database",) if what in NEEDS or what == "index" else ()  # where its locks are


def _on_cluster(pipeline: Pipeline) -> bool:
    return pipeline.settings.engine == "cluster"


def _said(detail: str, *, well: bool) -> Said:
    return [("well" if well else "warning", detail)]


def _purpose(pipeline: Pipeline) -> Said:
    purpose = pipeline.settings.purpose
    missing = "none is set in config/peil.toml: questions are refused"
    return _said(purpose or missing, well=bool(purpose))


def _disk(pipeline: Pipeline) -> Said:
    free = shutil.disk_usage(pipeline.folder.root).free
    return _said(f"{free / 1e9:.1f} GB free", well=free > LOW_SPACE)


def _database(pipeline: Pipeline) -> Said:
    check_operational(pipeline.settings)  # first: who opens it makes its tables
    well, detail = look_at(pipeline.database)
    return _said(detail, well=well)


def _kafka(pipeline: Pipeline) -> Said:
    with closing(open_kafka(pipeline.settings, clock=pipeline.clock)) as broker:
        problems = broker.problems()
    servers = ", ".join(pipeline.settings.stream.kafka.servers)
    return _problems(problems, well=f"Kafka at {servers}, the topics are as they should be")


def _certificates(pipeline: Pipeline) -> Said:
    now = to_datetime(pipeline.clock.now())
    found: list[tuple[State, str]] = []
    for place in places(pipeline.settings):
        end = end_of(place)
        if end is None:
            continue  # its own look says why
        shown = f"that of {place.server} at {place.host}:{place.port}"
        found.append(_ending(shown, end, now=now, whose="the server"))
    return found


def _ending(shown: str, end: datetime, *, now: datetime, whose: str) -> tuple[State, str]:
    """What is said of a certificate by its `end`."""
    state: State = "well" if end > now + SOON else "warning"
    renew = "" if state == "well" else f": renew it, and start {whose} again"
    return state, f"{shown} {'ends' if end > now else 'ended'} on {end:%Y-%m-%d}{renew}"


def _keys(pipeline: Pipeline) -> Said:
    epochs = ", ".join(map(str, pipeline.keys.epochs()))
    return _said(f"epochs {epochs or 'none yet'}", well=True)


def _register(pipeline: Pipeline) -> Said:
    now = pipeline.clock.now()
    entries = [entry for entry in pipeline.register.entries() if entry.until > now]
    names = ", ".join(entry.source for entry in entries)
    none = "no source is open: `peil sources open`"
    return _said(f"open: {names}" if names else none, well=bool(entries))


def _source_files(pipeline: Pipeline) -> Said:
    """What is wrong with files that cannot be read, and with those of sources that are open."""
    at_work = {entry.source for entry in pipeline.register.entries()}
    found = [
        each
        for each in check_sources(pipeline)
        if each.severity != "hint"
        and (each.source in at_work or each.source not in pipeline.sources)
    ]
    sound = f"{len(pipeline.declarations)} files, nothing to mend (`peil sources check`)"
    return _said("; ".join(map(str, found)) or sound, well=not found)


def _sources(pipeline: Pipeline) -> Said:
    found = bulletins(pipeline)
    wrong = [f"{each.source}: {each.trouble}" for each in found if each.trouble]
    paused = [f"{each.source}: paused, {each.paused.why}" for each in found if each.paused]
    none = f"{len(found)} sources, none silent or failing"
    return _said("; ".join([*wrong, *paused]) or none, well=not wrong and not paused)


def _rules(pipeline: Pipeline) -> Said:
    today = to_datetime(pipeline.clock.now()).date()
    book = pipeline.book
    found = [
        *check(book, today=today, known=known_of(book, personal=personal)),
        *read_over(pipeline.folder.config, book),
    ]
    findings = [each for each in found if each.severity != "hint"]
    total = len(pipeline.book.rules)
    shown = f"{total} rules, {len(findings)} findings (`peil rules check`)"
    unread: list[tuple[State, str]] = [("wrong", str(each)) for each in book.unread]
    return [*unread, *_said(shown, well=not findings)]


def _authors(pipeline: Pipeline) -> Said:
    alone = pipeline.settings.rules.single_author
    shared = "somebody else than who brought a rule in reviews it before it counts"
    return _said(SINGLE_AUTHOR if alone else shared, well=not alone)


def _drift(pipeline: Pipeline) -> Said:
    if not pipeline.settings.purpose:
        return _said("not looked at: no purpose is set", well=True)
    active = pipeline.rulebook.active()
    found = pipeline.answers().drifts(active)
    none = f"none of {len(active)} active rules matches clearly more or less than it did"
    return _said("; ".join(map(told, found)) or none, well=not found)


def told(drift: Drift) -> str:
    """A rule that drifted, in words."""
    return (
        f"{drift.rule}: {drift.now:.2%} of all posts in the last week, {drift.before:.2%} before; "
        "look whether its words still mean what they did"
    )


@contextmanager
def _opened_log(pipeline: Pipeline) -> Generator[Broker]:
    """The log as it is: on a cluster no topic is made."""
    if not _on_cluster(pipeline):
        yield pipeline.broker
        return
    with closing(open_kafka(pipeline.settings, clock=pipeline.clock)) as broker:
        yield broker


def _log(pipeline: Pipeline) -> Said:
    late = pipeline.clock.now() - TEXT_RETENTION_MS - 2 * HOUR_MS
    with _opened_log(pipeline) as broker:
        waiting = {
            topic: sum(end - start for start, end in broker.ends(topic).values())
            for topic in broker.topics()
        }
        overdue = [
            topic
            for topic in (POSTS.name, LABELLED.name, QUARANTINE.name)
            if any(record.appended_at < late for record in _oldest(broker, topic))
        ]
    found = ", ".join(f"{topic}: {records} records" for topic, records in waiting.items())
    if overdue:
        found += f"; {', '.join(overdue)} hold texts over their term: `peil run` or `peil expire`"
    return _said(found, well=not overdue)


def _oldest(broker: Broker, topic: TopicName) -> Iterator[Record]:
    """The first record of each partition."""
    for partition, (start, _) in broker.ends(topic).items():
        yield from broker.read(topic, partition, start=start, limit=1)


def _quarantine(pipeline: Pipeline) -> Said:
    with _opened_log(pipeline) as broker:
        waiting = sum(1 for _ in Quarantine(broker, clock=pipeline.clock).items())
    return _said(f"{waiting} items (`peil quarantine list`)", well=waiting == 0)


def _index(pipeline: Pipeline) -> Said:
    problems = pipeline.store.problems()
    partitions = pipeline.store.partitions()
    posts = sum(partitions.values())
    k = pipeline.settings.privacy.k
    size = f"{text(posts if posts >= k else None, k=k)} posts in {len(partitions)} partitions"
    if _on_cluster(pipeline):
        servers = ", ".join(pipeline.settings.index.elastic.servers)
        return _problems(problems, well=f"Elasticsearch at {servers}, {size}")
    return _said("; ".join([*problems, size]), well=not problems)


def _problems(problems: Sequence[str], *, well: str) -> Said:
    return [("wrong", each) for each in problems] or [("well", well)]


def _dashboard(pipeline: Pipeline) -> Said:
    """What would keep it from starting, by the settings of this process."""
    site = Site.of(pipeline.settings.dashboard)
    load_purposes(pipeline.folder.config)
    load_calendar(pipeline.folder.config)
    load_translations(pipeline.folder.config)
    where = site.link("/")
    if site.certificate is None:
        alone = f"behind the proxy {site.proxy}" if site.proxy else "for this machine alone"
        return _said(f"{where}, {alone}", well=True)
    now, end = to_datetime(pipeline.clock.now()), end_in(Path(site.certificate[0]))
    return [_ending(f"{where}, its certificate", end, now=now, whose="the dashboard")]


def _access(pipeline: Pipeline) -> Said:
    problems = pipeline.access.verify()
    return _said("; ".join(problems) or "the chain is whole", well=not problems)


LOOKS: Mapping[str, Look] = {
    "purpose": _purpose,
    "disk": _disk,
    "database": _database,
    "kafka": _kafka,
    "certificates": _certificates,
    "keys": _keys,
    "register": _register,
    "sources": _sources,
    "sources' files": _source_files,
    "rules": _rules,
    "rules' authors": _authors,
    "log": _log,
    "quarantine": _quarantine,
    "index": _index,
    "drift": _drift,
    "access log": _access,
    "dashboard": _dashboard,
}
SERVERS = ("kafka", "certificates")
"""What only a cluster has."""

NEEDS: Mapping[str, Sequence[str]] = {
    "keys": ("database",),
    "register": ("database",),
    "sources": ("database",),
    "sources' files": ("database",),
    "rules": ("database",),
    "log": ("kafka",),
    "quarantine": ("kafka",),
    "access log": ("database",),
    "drift": ("database", "index"),
}
"""What cannot be looked at without something else."""
