"""The page on collectors is built as a stranger would build it, and collects."""

import importlib
import inspect
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.reach import reach_this_machine
from ingest import catalogue
from ingest.web.client import Web
from peil.declaring import check_sources
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import ManualClock
from stream.codec import decode
from stream.errors import Stop
from stream.events import Delete, Upsert
from stream.scan import scan
from stream.testing import START
from stream.topics import POSTS

PAGE = (Path(__file__).parents[1] / "docs" / "collectors.md").read_text("utf-8")
BLOCKS = {
    name: text for _, name, text in re.findall(r"```(\w+) (\S+)\n(.*?)\n```", PAGE, re.DOTALL)
}
SHOWN = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's package, installed."""
    place = tmp_path / "site-packages"
    project = tomllib.loads(BLOCKS["pyproject.toml"])["project"]
    metadata = place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    entries = project["entry-points"]["peil.collectors"]
    lines = "".join(f"{name} = {place}\n" for name, place in entries.items())
    (metadata / "entry_points.txt").write_text(f"[peil.collectors]\n{lines}")
    for name in ("noticeboard.py", "test_noticeboard.py"):
        (place / name).write_text(BLOCKS[name])
    monkeypatch.syspath_prepend(str(place))
    catalogue.registered.cache_clear()
    yield place
    catalogue.registered.cache_clear()
    for name in ("noticeboard", "test_noticeboard"):
        sys.modules.pop(name, None)


@pytest.fixture
def city(tmp_path: Path, site: Any) -> WorkingFolder:
    """A working folder with the page's source."""
    folder = WorkingFolder.init(tmp_path / "city")
    reach_this_machine(folder)
    text = BLOCKS["buurtprikbord.toml"].replace("https://prikbord.example", site.url(""))
    (folder.config / "sources" / "buurtprikbord.toml").write_text(text)
    return folder


@pytest.mark.usefixtures("package")
def test_the_pages_contract_test_passes(site: Any, web: Web) -> None:
    importlib.import_module("test_noticeboard").test_the_contract(site, web)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "name",
    [
        "a_value_that_nobody_foresaw_costs_its_notice",
        "a_server_that_sends_in_a_circle_is_left",
        "a_token_that_cannot_be_sent_back_is_an_error",
        "a_server_that_always_has_more_is_read_on_in_the_next_run",
    ],
)
def test_the_pages_tests_of_a_bad_server_pass(
    site: Any, web: Web, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    test = getattr(importlib.import_module("test_noticeboard"), f"test_{name}")
    given = {"site": site, "web": web, "monkeypatch": monkeypatch}
    test(**{each: given[each] for each in inspect.signature(test).parameters})


@pytest.mark.usefixtures("package")
def test_the_pages_collector_brings_posts_into_the_log(site: Any, city: WorkingFolder) -> None:
    (shown,) = map(json.loads, SHOWN)
    notice = shown["notices"][0]
    removed = {**notice, "id": "16", "removed": True}
    page = {**shown, "notices": [notice, removed, {"id": 3}]}
    site.answers["/notices.json"] = (200, {}, json.dumps(page).encode())
    site.answers["/notices.json?from=18"] = (200, {}, b'{"next": "18", "notices": []}')
    settings = load_settings(city.settings, environ=os.environ)
    with Pipeline(city, settings, clock=ManualClock(START)) as pipeline:
        source = pipeline.sources["buurtprikbord"]
        declared = source.declared
        assert declared.until is not None
        pipeline.register.open(
            source.id, owner=declared.owner, purpose=declared.purpose, basis=declared.basis,
            dpia=declared.dpia, obtained=declared.obtained, until=declared.until,
        )  # fmt: skip
        account = pipeline.ingestion.collect(source, pipeline.ingestion.collector(source))
        assert (account.read, account.appended, account.deletes, account.rejected) == (3, 1, 1, 1)
        events = [decode(record.value or b"") for record in scan(pipeline.broker, POSTS.name)]
        (post,) = [each.post for each in events if isinstance(each, Upsert)]
        assert post.text == "Fatbikes\nZe rijden elke avond over de stoep"
        assert post.platform == "noticeboard"
        assert "buur-9" not in repr(post)
        assert sum(isinstance(each, Delete) for each in events) == 1
        site.answers["/notices.json?from=18"] = (200, {}, b"<html>who are you?</html>")
        with pytest.raises(Stop, match="did its format change"):
            pipeline.ingestion.collect(source, pipeline.ingestion.collector(source))


@pytest.mark.usefixtures("package")
def test_the_pages_source_is_held_against_the_pages_settings(city: WorkingFolder) -> None:
    path = city.config / "sources" / "buurtprikbord.toml"
    path.write_text(path.read_text().replace("address", "adress"))
    settings = load_settings(city.settings, environ=os.environ)
    with Pipeline(city, settings, clock=ManualClock(START)) as pipeline:
        found = check_sources(pipeline, only="buurtprikbord")
    assert [(each.line, each.message) for each in found if each.message.startswith("settings")] == [
        (6, "settings.address: it is missing"),
        (7, "settings.adress: there is no such key; did you mean 'address'?"),
    ]


def test_a_package_that_cannot_be_loaded_costs_its_own_sources(
    package: Path, city: WorkingFolder
) -> None:
    (package / "noticeboard.py").write_text("raise RuntimeError('made for another peil')\n")
    settings = load_settings(city.settings, environ=os.environ)
    with Pipeline(city, settings, clock=ManualClock(START)) as pipeline:
        assert set(pipeline.sources) == {"buurtprikbord", "upload"}
        (found,) = [
            each for each in check_sources(pipeline, only="buurtprikbord") if each.line == 3
        ]
        with pytest.raises(Stop, match="made for another peil"):
            pipeline.ingestion.collector(pipeline.sources["buurtprikbord"])
    assert "of package peil-noticeboard cannot be loaded" in found.message
