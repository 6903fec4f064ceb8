"""Which collectors there are. Others register under the entry point group `peil.collectors`."""

import random
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from ingest.contract import Collector
from ingest.feeds.collector import FeedCollector, FeedSettings
from ingest.files.collector import FileCollector, FileSettings
from ingest.sources import Source
from ingest.web.client import Web
from stream.clock import Clock
from stream.errors import Stop

GROUP = "peil.collectors"


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What collectors that run on a schedule are made from."""

    web: Web
    clock: Clock
    rng: random.Random
    """For what must not happen to all at once, such as coming back to a server."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of collector: the model of its settings, and how one is made for a source.

    `make` is None for one that is only started by hand, with what to collect (files).
    """

    settings: type[BaseModel]
    make: Callable[[Source, Any, Parts], Collector] | None = None


BUILT_IN: Mapping[str, Kind] = {
    FileCollector.name: Kind(settings=FileSettings),
    FeedCollector.name: Kind(
        settings=FeedSettings,
        make=lambda source, settings, parts: FeedCollector(
            settings, source=source.id, web=parts.web, clock=parts.clock
        ),
    ),
}


@cache
def collectors() -> Mapping[str, Kind]:
    """All kinds by name: ours, and those of other installed packages."""
    others = {each.name: each.load() for each in entry_points(group=GROUP)}
    return {**others, **BUILT_IN}


def settings_of(source: Source) -> BaseModel:
    """The source's settings in its collector's model; Stop with all that is wrong with them."""
    try:
        return _kind(source).settings.model_validate(dict(source.settings))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise Stop(f"source {source.id}: its settings are wrong: {problems}") from None


def make_collector(source: Source, parts: Parts) -> Collector:
    """The collector of a source that runs by itself; Stop when it is none of those."""
    kind = _kind(source)
    settings = settings_of(source)
    if kind.make is None:
        raise Stop(
            f"source {source.id}: collector {source.collector!r} does not run by itself; give it "
            "its files with `peil import`"
        )
    return kind.make(source, settings, parts)


def _kind(source: Source) -> Kind:
    known = collectors()
    if source.collector not in known:
        raise Stop(
            f"source {source.id}: there is no collector {source.collector!r}; there are "
            f"{', '.join(known)}"
        )
    return known[source.collector]
