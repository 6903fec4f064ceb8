"""Which collectors there are. Others register under the entry point group `peil.collectors`."""

import os
import random
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from ingest.bluesky.authors import AuthorCollector, AuthorSettings
from ingest.bluesky.stream import JetstreamCollector, JetstreamSettings
from ingest.contract import Collector
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.files.collector import FileCollector, FileSettings
from ingest.mastodon.collector import MastodonCollector
from ingest.mastodon.settings import MastodonSettings
from ingest.mastodon.timelines import timelines
from ingest.problems import mistakes
from ingest.sources import Source
from ingest.web.client import Web
from stream.clock import Clock
from stream.errors import Stop

GROUP = "peil.collectors"


class Supplies(msgspec.Struct, frozen=True, kw_only=True):
    """What collectors that run on a schedule are made from."""

    open_web: Callable[[], Web]
    clock: Clock
    rng: random.Random
    """For what must not happen to all at once, such as coming back to a server."""

    root: Path = Path()
    """What paths in settings start from: the working folder."""

    @property
    def web(self) -> Web:
        """The way to the web. Stop when nobody said whom a server's operator can reach: what
        never asks one does without.
        """
        return self.open_web()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of collector: the model of its settings, and how one is made for a source.

    `make` is None for one that is only started by hand, with what to collect (files). An `endless`
    one (`Collector.endless`) runs as long as `peil run` does, on no schedule.
    """

    settings: type[BaseModel]
    make: Callable[[Source, Any, Supplies], Collector] | None = None
    endless: bool = False
    reads: Callable[[Any], Collection[str]] = lambda _settings: ()
    """What a source with these settings reads, such as addresses: two that read the same are told
    to `peil sources check`.
    """


def _watch(source: Source, settings: FileSettings, supplies: Supplies) -> FileCollector:
    if not settings.folder:
        raise Stop(
            f"source {source.id}: collector 'files' does not run by itself without a `folder` in "
            "[settings]; give it its files with `peil import`"
        )
    return FileCollector(settings, folder=supplies.root / settings.folder, clock=supplies.clock)


BUILT_IN: Mapping[str, Kind] = {
    FileCollector.name: Kind(
        settings=FileSettings,
        make=_watch,
        reads=lambda settings: (settings.folder,) if settings.folder else (),
    ),
    FeedCollector.name: Kind(
        settings=FeedSettings,
        make=lambda source, settings, supplies: FeedCollector(
            settings, source=source.id, web=supplies.web, clock=supplies.clock
        ),
        reads=lambda settings: settings.urls,
    ),
    MastodonCollector.name: Kind(
        settings=MastodonSettings,
        make=lambda _source, settings, supplies: MastodonCollector(
            settings,
            web=supplies.web,
            clock=supplies.clock,
            environment=os.environ,
            root=supplies.root,
        ),
        reads=lambda settings: [
            timeline.address for server in settings.servers for timeline in timelines(server)
        ],
    ),
    AuthorCollector.name: Kind(
        settings=AuthorSettings,
        make=lambda _source, settings, supplies: AuthorCollector(
            settings, web=supplies.web, clock=supplies.clock
        ),
        reads=lambda settings: settings.accounts,
    ),
    JetstreamCollector.name: Kind(
        settings=JetstreamSettings,
        make=lambda source, settings, supplies: JetstreamCollector(
            settings,
            source=source.id,
            retention_days=source.retention_days,
            web=supplies.web,
            clock=supplies.clock,
            rng=supplies.rng,
        ),
        reads=lambda _settings: ("the whole network",),
        endless=JetstreamCollector.endless,
    ),
}


@cache
def registered() -> Mapping[str, EntryPoint]:
    """The collectors of other installed packages, by name, before they are loaded."""
    return {each.name: each for each in entry_points(group=GROUP)}


def kind_of(collector: str) -> Kind:
    """The kind of that name: ours, or of another installed package, which is loaded only when a
    source asks for it. Stop when there is none, or it cannot be loaded.
    """
    if collector in BUILT_IN:
        return BUILT_IN[collector]
    entry = registered().get(collector)
    if entry is None:
        there = ", ".join([*BUILT_IN, *registered()])
        raise Stop(f"there is no collector {collector!r}; there are {there}")
    package = entry.dist.name if entry.dist else entry.value
    try:
        kind = entry.load()
    except Exception as error:
        raise Stop(
            f"collector {collector!r} of package {package} cannot be loaded: {error}; mend or "
            "uninstall the package"
        ) from error
    if not isinstance(kind, Kind):
        raise Stop(f"collector {collector!r} of package {package} is no ingest.catalogue.Kind")
    return kind


def settings_of(source: Source) -> BaseModel:
    """The source's settings in its collector's model; Stop with all that is wrong with them."""
    model = _kind(source).settings
    try:
        return model.model_validate(dict(source.settings))
    except ValidationError as error:
        problems = "; ".join(said for _, said in mistakes(error, model, under=("settings",)))
        raise Stop(
            f"source {source.id}: {problems}; `peil sources check {source.id}` says where"
        ) from None


def is_endless(source: Source) -> bool:
    """Whether the source runs by itself for good. One whose collector is unknown does not run."""
    try:
        return _kind(source).endless
    except Stop:
        return False


def make_collector(source: Source, supplies: Supplies) -> Collector:
    """The collector of a source that runs by itself; Stop when it is none of those."""
    kind = _kind(source)
    settings = settings_of(source)
    if kind.make is None:
        raise Stop(
            f"source {source.id}: collector {source.collector!r} does not run by itself; give it "
            "its files with `peil import`"
        )
    return kind.make(source, settings, supplies)


def _kind(source: Source) -> Kind:
    try:
        return kind_of(source.collector)
    except Stop as error:
        raise Stop(f"source {source.id}: {error}") from error
