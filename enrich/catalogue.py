"""Which enrichers there are, and the chain that runs when nothing else is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from enrich.chain import Chain
from enrich.contract import Enricher
from enrich.language import Language
from enrich.places import Places
from enrich.settings import EnrichSettings
from enrich.steps import Matches, Tokens
from rules.matcher import Matcher

ENRICHERS: Mapping[str, Callable[[Path, Matcher], Enricher]] = {
    "language": lambda _places, _matcher: Language(),
    "tokens": lambda _places, _matcher: Tokens(),
    "matches": lambda _places, matcher: Matches(matcher),
    "places": lambda places, _matcher: Places(places),
}
"""By name, how each is made: from the file of places and the matcher."""


def default_chain(
    settings: EnrichSettings, *, places: Path, matcher: Matcher
) -> tuple[Chain, Matches]:
    """The chain of all enrichers, and the one in it whose rules are swapped."""
    enrichers = [make(places, matcher) for make in ENRICHERS.values()]
    matches = next(each for each in enrichers if isinstance(each, Matches))
    return Chain(enrichers, sample_share=settings.sample_share), matches
