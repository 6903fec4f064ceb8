"""What a server said of a time that no calendar has costs no view of any source."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner

from dashboard.views.period import Period
from index.tables import gap
from ingest.contract import Budget
from ingest.tables import condition
from peil.bulletins import bulletins
from peil.command.application import application
from peil.diagnosis import diagnose
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, source_states
from stream.clock import DAY_MS, ManualClock, to_datetime
from stream.testing import START

FAR = 9_000_000_000_000_000_000
NEWS = """
id = "{id}"
title = "News"
collector = "feeds"
every = "30m"
[settings]
urls = ["https://{id}.example/feed"]
"""


@pytest.fixture
def city(tmp_path: Path) -> WorkingFolder:
    folder = WorkingFolder.init(tmp_path / "city")
    for name in ("news", "other"):
        (folder.config / "sources" / f"{name}.toml").write_text(NEWS.format(id=name))
    text = folder.settings.read_text().replace('purpose = ""', 'purpose = "a test"')
    folder.settings.write_text(text)
    return folder


@pytest.fixture
def pipeline(city: WorkingFolder) -> Iterator[Pipeline]:
    settings = load_settings(city.settings, environ={})
    with Pipeline(city, settings, clock=ManualClock(START)) as pipeline:
        for name in ("news", "other"):
            pipeline.register.open(
                name, owner="o", purpose="p", basis="b", dpia="d", obtained="x",
                until=to_datetime(START + 200 * DAY_MS).date(),
            )  # fmt: skip
        yield pipeline


@pytest.mark.parametrize("moment", [FAR, -FAR, 253_402_300_799_999, -62_135_596_800_000])
def test_a_moment_that_is_kept_already_spoils_no_view(
    city: WorkingFolder, pipeline: Pipeline, moment: int
) -> None:
    budget = json.dumps({"remaining": 1, "limit": 300, "resets": moment})
    pipeline.ingestion.runs.start("news", START, cause="hand")
    with pipeline.database.begin() as connection:
        connection.execute(
            update(condition).values(
                budget=budget,
                watermark=moment,
                failures=1,
                recovery="retry",
                failed_at=START,
                failing_since=START,
                error="e",
                wait=abs(moment) // 2,
            )
        )
        start, end = min(moment, START - DAY_MS), max(moment, START)
        connection.execute(insert(gap).values(source="news", start=start, end=end, why="w"))
    assert pipeline.ingestion.runs.condition("news").budget == Budget(1, 300, moment)
    found = {each.source: each for each in bulletins(pipeline)}
    assert found["news"].budget is not None
    assert len(found["news"].gaps) == 1
    assert found["news"].gaps[0].end <= to_datetime(START + DAY_MS)
    assert found["news"].next_run is not None
    assert found["news"].next_run <= to_datetime(START + 2 * DAY_MS)
    assert {each.source for each in source_states(pipeline)} == {"news", "other", "upload"}
    assert diagnose(pipeline)
    for words in (["sources"], ["sources", "show", "news"], ["sources", "list", "--json"]):
        shown = CliRunner().invoke(application, ["-C", str(city.root), *words])
        assert shown.exit_code == 0, shown.exception
    last = to_datetime(START).date()
    first = to_datetime(START - 7 * DAY_MS).date()
    period = Period(name="own", since=first, until=last, timezone="Europe/Amsterdam")
    marks = city_of(pipeline).marks(period, language="nl")
    assert [source for *_, source in marks.gaps] == ["news"]
