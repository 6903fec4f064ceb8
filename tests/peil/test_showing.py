"""What the dashboard shows of the folder itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dashboard.application import create
from ingest.memory import Progress
from ingest.tallies import APPENDED, READ
from peil.command.users import one_time_link
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from rules.life.fresh import FRESH_MS
from rules.life.states import states
from stream.clock import ManualClock
from stream.testing import START


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A folder with one source and a purpose."""
    folder = WorkingFolder.init(tmp_path / "city")
    for path in (folder.config / "sources").iterdir():
        path.unlink()
    (folder.config / "sources" / "forum.toml").write_text(
        'id = "forum"\ntitle = "Forum"\ncollector = "files"\n'
    )
    settings = load_settings(folder.settings, environ={}, overrides=["purpose=a test"])
    with Pipeline(folder, settings, clock=ManualClock(START)) as made:
        yield made


def ran(pipeline: Pipeline, *, read: int, appended: int) -> None:
    """A run of the forum at 14:13 UTC."""
    number = pipeline.ingestion.runs.start("forum", START, cause="hand")
    counts = {READ: read, APPENDED: appended}
    progress = Progress(number=number, now=START, counts=counts)
    pipeline.ingestion.memory.advance("forum", {}, {}, until=START, progress=progress)
    pipeline.ingestion.runs.end(number, "forum", START, outcome="ended")


@pytest.mark.parametrize(
    ("read", "appended", "told", "written"),
    [
        (1, 1, (None, None), ["<10", "<10"]),
        (9, 0, (None, None), ["<10", "<10"]),
        (10, 9, (10, None), ["10+", "<10"]),
        (49, 20, (20, 20), ["20+", "20+"]),
        (1_234, 999, (1_000, 500), ["1,000+", "500+"]),
    ],
)
def test_of_a_run_readers_see_about_how_large_it_was_and_nothing_of_few_posts(
    pipeline: Pipeline,
    read: int,
    appended: int,
    told: tuple[int | None, int | None],
    written: list[str],
) -> None:
    ran(pipeline, read=read, appended=appended)
    app = create(city_of(pipeline), entrance_of(pipeline))
    link = one_time_link(pipeline)
    with TestClient(app, base_url=link.split("/enter")[0]) as browser:
        browser.get(link)
        (state,) = browser.get("/api/v1/sources").json()
        page = browser.get("/sources", headers={"accept-language": "en"}).text
        troubled = browser.get("/api/v1/monitor").json()["troubled"]
    assert (state["read"], state["appended"]) == told
    row = page.split("<tbody>")[1].split("</tbody>")[0].replace("&lt;", "<")
    assert [cell.split("</td>")[0] for cell in row.split('<td class="number">')[1:]] == written
    assert [(each["read"], each["appended"]) for each in troubled] == [told]


def test_a_run_is_said_in_the_citys_hours(pipeline: Pipeline) -> None:
    ran(pipeline, read=1, appended=1)
    (state,) = city_of(pipeline).sources()
    assert state.last_run == "2026-09-21T16:13+02:00"


def test_a_page_of_guidance_that_cannot_be_read_costs_only_itself(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    guidance = pipeline.folder.config / "guidance"
    (guidance / "woningnood.en.md").write_text("no title", "utf-8")
    pages = city_of(pipeline).guidance
    assert pages["woningnood"].pages.keys() == {"nl"}
    assert pages["eenzaamheid"].pages.keys() == {"en", "nl"}
    assert "guidance/woningnood.en.md, line 1, column 1: put a title" in caplog.text


def test_the_page_rules_reads_files_again_while_it_runs(pipeline: Pipeline) -> None:
    city, rules = city_of(pipeline), pipeline.folder.config / "rules"
    _, before = city.files()
    assert "nieuw" not in before
    text = (rules / "woningnood.toml").read_text("utf-8")
    (rules / "nieuw.toml").write_text(text.replace('id = "woningnood"', 'id = "nieuw"'), "utf-8")
    pipeline.rulebook.sync(pipeline.book_in(pipeline.folder.config), as_drafts=True)
    clock = pipeline.clock
    assert isinstance(clock, ManualClock)
    clock.advance(FRESH_MS)
    book, standings = city.files()
    (found,) = (each for each in states(book, standings) if each.rule == "nieuw")
    assert found.state == "draft"
