"""Which enrichers there are, and the chain that runs when nothing else is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from enrich.chain import Chain
from enrich.contract import Enricher
from enrich.language import Language
from enrich.meaning import Meaning
from enrich.places import Places
from enrich.settings import EnrichSettings
from enrich.steps import Hashtags, Matches, Tokens
from enrich.words import Words
from rules.matching.matcher import Matcher


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What enrichers are made from. `places` is a file, `models` a folder that is written to."""

    places: Path
    models: Path
    matcher: Matcher
    settings: EnrichSettings


ENRICHERS: Mapping[str, Callable[[Parts], Enricher]] = {
    "language": lambda _: Language(),
    "tokens": lambda _: Tokens(),
    "hashtags": lambda _: Hashtags(),
    "words": lambda _: Words(),
    "matches": lambda parts: Matches(parts.matcher, locate=Places(parts.places)),
    "places": lambda parts: Places(parts.places),
    "meaning": lambda parts: Meaning(parts.models, threads=parts.settings.threads),
}
"""By name, how each is made."""


def default_chain(parts: Parts) -> tuple[Chain, Matches]:
    """The chain of all enrichers, and the one in it whose rules are swapped."""
    enrichers = [make(parts) for make in ENRICHERS.values()]
    matches = next(each for each in enrichers if isinstance(each, Matches))
    return Chain(enrichers, sample_share=parts.settings.sample_share), matches
