import os
from pathlib import Path

import pytest

from enrich.catalogue import ENRICHERS, Parts
from enrich.contract import Enricher
from enrich.settings import EnrichSettings
from enrich.testing import EnricherContract
from rules.documents import activate
from rules.files import load_book
from rules.matching.matcher import Matcher

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def parts() -> Parts:
    book = load_book(CONFIG)
    rules = [activate(rule, book.lookup()) for rule in book.rules.values()]
    return Parts(
        places=CONFIG / "places.toml",
        models=Path(os.environ["PEIL_ENRICH__MODELS"]),
        matcher=Matcher(rules, timezone="Europe/Amsterdam"),
        settings=EnrichSettings(),
    )


@pytest.mark.parametrize("name", ENRICHERS)
class TestEnrichers(EnricherContract):
    @pytest.fixture
    def enricher(self, name: str, parts: Parts) -> Enricher:
        return ENRICHERS[name](parts)
