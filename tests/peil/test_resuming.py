"""A server that wants to be left alone: for how long, what is told meanwhile, and a hand on it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from bench.reach import reach_this_machine
from peil.bulletins import Bulletin, bulletin
from peil.command.application import application
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import DAY_MS, HOUR_MS, ManualClock, SystemClock, to_datetime
from stream.errors import PeilError

NOW = SystemClock().now()
FAR = NOW + 24 * 365 * DAY_MS
INSTANCE = "/api/v2/instance"
PAGE = "/api/v1/timelines/tag/fiets?limit=40"
SPENT = {
    "X-RateLimit-Limit": "300",
    "X-RateLimit-Remaining": "5",
    "X-RateLimit-Reset": "2050-01-01T00:00:00Z",
}
DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
PROFILE = f"/xrpc/app.bsky.actor.getProfile?{urlencode({'actor': DID})}"
SETTINGS = {
    "mastodon": '[[settings.servers]]\naddress = "{url}"\npermission = "p"\ntags = ["fiets"]\n',
    "bluesky": f'[settings]\nappview = "{{url}}"\naccounts = ["{DID}"]\n',
    "feeds": '[settings]\nurls = ["{url}/feed"]\n',
}

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def city(site: Any, tmp_path: Path) -> WorkingFolder:
    folder = WorkingFolder.init(tmp_path / "city")
    for name, settings in SETTINGS.items():
        (folder.config / "sources" / f"{name}.toml").write_text(
            f'id = "{name}"\ntitle = "t"\ncollector = "{name}"\nevery = "30m"\n'
            + settings.format(url=site.url(""))
        )
    reach_this_machine(folder)
    return folder


@pytest.fixture
def pipeline(city: WorkingFolder, clock: ManualClock) -> Iterator[Pipeline]:
    with Pipeline(city, load_settings(city.settings, environ={}), clock=clock) as pipeline:
        for name in SETTINGS:
            pipeline.register.open(
                name, owner="o", purpose="p", basis="b", dpia="d", obtained="x",
                until=to_datetime(NOW + 200 * DAY_MS).date(), organisation=True,
            )  # fmt: skip
        yield pipeline


@pytest.fixture
def run(pipeline: Pipeline) -> Callable[[str], Bulletin]:
    """A run by schedule of the source of that name, and how it does then."""

    def run(name: str) -> Bulletin:
        source = pipeline.sources[name]
        try:
            collector = pipeline.ingestion.collector(source)
            pipeline.ingestion.collect(source, collector, cause="schedule")
        except PeilError:
            pass  # it is in the bulletin
        return bulletin(pipeline, source)

    return run


def resume(city: WorkingFolder, name: str) -> str:
    return CliRunner().invoke(application, ["-C", str(city.root), "sources", "resume", name]).stdout


def test_a_reset_in_years_leaves_the_server_alone_for_a_day_and_is_told_meanwhile(
    site: Any, run: Callable[[str], Bulletin], clock: ManualClock
) -> None:
    site.answers[INSTANCE] = (200, SPENT, b'{"domain": "ours.example"}')
    for _ in range(23):
        found = run("mastodon")
        assert found.state == "failing"
        assert found.failing is not None
        assert "allows 5 of 300 requests" in found.failing.error
        clock.advance(HOUR_MS)
    assert found.trouble is not None
    assert len(site.requests) == 1
    clock.advance(HOUR_MS)
    site.answers |= {INSTANCE: (200, {}, b'{"domain": "ours.example"}'), PAGE: (200, {}, b"[]")}
    assert run("mastodon").state == "waiting"


@pytest.mark.parametrize(
    ("name", "path", "headers", "well"),
    [
        ("mastodon", INSTANCE, SPENT, {INSTANCE: b'{"domain": "ours.example"}', PAGE: b"[]"}),
        ("bluesky", PROFILE, {"ratelimit-limit": "300", "ratelimit-remaining": "0",
                              "ratelimit-reset": str(FAR // 1000)}, {}),
        ("feeds", "/feed", {}, {"/feed": b'<rss version="2.0"><channel/></rss>'}),
    ],
)  # fmt: skip
def test_who_resumes_a_source_has_its_servers_asked_at_once(  # noqa: PLR0917  (fixtures)
    site: Any, city: WorkingFolder, pipeline: Pipeline, run: Callable[[str], Bulletin],
    name: str, path: str, headers: dict[str, str], well: dict[str, bytes],
) -> None:  # fmt: skip
    status = 410 if name == "feeds" else 200
    body = {"mastodon": b'{"domain": "ours.example"}', "bluesky": json.dumps({"did": DID}).encode()}
    site.answers[path] = (status, headers, body.get(name, b""))
    for _ in range(2):
        assert run(name).state == "failing"
    asked = len(site.asked(path))
    assert asked == 1
    before = pipeline.ingestion.memory.cursor(name)
    assert resume(city, name) == f"{name} was not paused; what failed is tried at once.\n"
    after = pipeline.ingestion.memory.cursor(name)
    assert after.keys() == before.keys()
    assert after["failed"] == before["failed"]
    site.answers |= {each: (200, {}, said) for each, said in well.items()}
    found = run(name)
    assert len(site.asked(path)) == asked + 1
    assert found.state == ("waiting" if well else "failing")


def test_a_source_that_never_ran_or_cannot_run_is_resumed_all_the_same(
    city: WorkingFolder, pipeline: Pipeline
) -> None:
    assert resume(city, "mastodon") == "mastodon was not paused.\n"
    pipeline.ingestion.runs.pause("feeds", actor="a", why="w", now=NOW, until=None)
    city.settings.write_text(city.settings.read_text().replace("data@example.org", ""))
    assert resume(city, "feeds") == "feeds goes on.\n"


@pytest.mark.parametrize("name", ["mastodon", "bluesky"])
def test_a_rest_of_years_that_an_older_version_kept_is_not_believed(
    site: Any, pipeline: Pipeline, run: Callable[[str], Bulletin], name: str
) -> None:
    rest = {"mastodon": {site.url(""): FAR}, "bluesky": FAR}[name]
    pipeline.ingestion.memory.advance(name, {"rest": rest}, {}, until=0)
    run(name)
    assert len(site.requests) > 0
