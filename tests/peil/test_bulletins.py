"""`peil sources`: the state of each source with what happened, never "0 new posts"."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from bench.reach import reach_this_machine
from index.contract import Question
from index.gaps import missed
from ingest.contract import Reference, Standing
from ingest.feeds.collector import FeedCollector
from ingest.runs import Slot
from ingest.tables import reference
from peil.bulletins import bulletin
from peil.collecting import Collecting
from peil.command.application import application
from peil.command.collecting import until_interrupted
from peil.diagnosis import diagnose
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.broker import Entry
from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, ManualClock, SystemClock, to_datetime
from stream.codec import encode
from stream.errors import PeilError, Retry, Stop
from stream.events import Gap
from stream.topics import POSTS

NOW = SystemClock().now()
ITEM = "<item><guid>{n}</guid><title>Bericht {n}</title><author>a{n}</author></item>"


def rss(*numbers: int) -> bytes:
    items = "".join(ITEM.format(n=number) for number in numbers)
    return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def city(site: Any, tmp_path: Path) -> WorkingFolder:
    folder = WorkingFolder.init(tmp_path / "city")
    (folder.config / "sources" / "news.toml").write_text(
        'id = "news"\ntitle = "News"\ncollector = "feeds"\nevery = "30m"\n'
        f'[settings]\nkind = "post"\nurls = ["{site.url("/feed")}"]\n'
    )
    text = folder.settings.read_text().replace('purpose = ""', 'purpose = "a test"')
    folder.settings.write_text(text)
    reach_this_machine(folder)
    return folder


@pytest.fixture
def pipeline(city: WorkingFolder, clock: ManualClock) -> Iterator[Pipeline]:
    settings = load_settings(city.settings, environ={})
    with Pipeline(city, settings, clock=clock) as pipeline:
        pipeline.register.open(
            "news", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
            until=to_datetime(NOW + 200 * DAY_MS).date(),
        )  # fmt: skip
        yield pipeline


def collect(pipeline: Pipeline) -> None:
    """What is due, until all of it has ended."""
    with Collecting(pipeline) as collecting:
        collecting.turn()
        deadline = time.monotonic() + 20
        while collecting.at_work():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def peil(city: WorkingFolder, *words: str) -> Result:
    return CliRunner().invoke(application, ["-C", str(city.root), *words])


def test_a_source_tells_what_it_gave_and_when_it_goes_on(
    site: Any, city: WorkingFolder, pipeline: Pipeline, clock: ManualClock
) -> None:
    found = bulletin(pipeline, pipeline.sources["news"])
    assert (found.state, found.last_run) == ("never ran", None)
    site.answers["/feed"] = (200, {}, rss(*range(12)))
    collect(pipeline)
    found = bulletin(pipeline, pipeline.sources["news"])
    assert (found.state, found.trouble) == ("waiting", None)
    assert found.last_run is not None
    assert (found.last_run.read, found.last_run.appended) == (12, 12)
    assert found.next_run == to_datetime(NOW + 30 * MINUTE_MS)
    assert found.items == {"looked": 1, "read": 12, "appended": 12}
    clock.advance(HOUR_MS)
    assert bulletin(pipeline, pipeline.sources["news"]).posts_per_hour.now == 0.5


def test_a_feed_that_is_refused_for_ever_is_told_whatever_the_others_say(
    site: Any, city: WorkingFolder, clock: ManualClock
) -> None:
    away = site.url("/away").replace("127.0.0.1", "localhost")
    declared = city.config / "sources" / "news.toml"
    text = declared.read_text().replace("30m", "10m")
    declared.write_text(text.replace('/feed"', f'/feed", "{away}"'))
    text = city.settings.read_text()
    city.settings.write_text(text.replace('["127.0.0.1"]', '["127.0.0.1", "localhost"]'))
    site.answers["/feed"] = lambda _headers: (200, {}, rss(clock.now() // MINUTE_MS))
    site.answers["/away"] = (429, {"Retry-After": "3600"}, b"")
    settings = load_settings(city.settings, environ={})
    found = []
    with Pipeline(city, settings, clock=clock) as pipeline:
        pipeline.register.open(
            "news", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
            until=to_datetime(NOW + 200 * DAY_MS).date(),
        )  # fmt: skip
        for turn in range(13):
            if turn == 11:
                site.answers["/away"] = (200, {}, rss(1))
            collect(pipeline)
            said = bulletin(pipeline, pipeline.sources["news"])
            assert turn < 12 or said.state == "waiting"
            found.append((said.failing and said.failing.failures, said.trouble is not None))
            clock.advance(10 * MINUTE_MS + 1)
    assert found == [(1, False)] * 6 + [(2, True)] * 6 + [(None, False)]
    assert len(site.asked("/away")) == 3
    assert len(site.asked("/feed")) == 13


BLOCKED = b"<html><head><title>Just a moment...</title></head><body>Checking your browser</body>"
LOGIN = b"<html><body><form action='/login'><input name='password'></form></body></html>"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, BLOCKED), "/feed"),
        ((200, {"Content-Type": "text/html"}, LOGIN), "/feed"),
        ((200, {}, b'{"changed": "format"}'), "/feed"),
        ((401, {}, b"key expired"), "401"),
        ((403, {}, BLOCKED), "403"),
        ((404, {}, b""), "404"),
        ((410, {}, b""), "410"),
        ((429, {"Retry-After": "3600"}, b""), "429"),
        ((500, {}, b""), "500"),
        ((200, {}, b""), "/feed"),
    ],
)
def test_what_a_server_refuses_is_the_state_of_the_source(  # noqa: PLR0917  (fixtures)
    site: Any, city: WorkingFolder, pipeline: Pipeline, clock: ManualClock,
    answer: tuple[int, dict[str, str], bytes], said: str,
) -> None:  # fmt: skip
    site.answers["/feed"] = (200, {}, rss(1, 2))
    collect(pipeline)
    site.answers["/feed"] = answer
    clock.advance(HOUR_MS)
    collect(pipeline)
    found = bulletin(pipeline, pipeline.sources["news"])
    assert found.state == "failing"
    assert found.failing is not None
    assert said in found.failing.error
    assert found.next_run is not None
    if answer[0] == 429:
        assert found.next_run >= to_datetime(clock.now() + HOUR_MS)
    shown = peil(city, "sources", "show", "news")
    assert shown.exit_code == 0
    assert said in shown.stdout
    assert "failing" in peil(city, "sources").stdout


def test_doctor_list_and_show_tell_the_same(
    site: Any, city: WorkingFolder, pipeline: Pipeline, clock: ManualClock
) -> None:
    site.answers["/feed"] = (401, {}, b"")
    collect(pipeline)
    listed = json.loads(peil(city, "sources", "list", "--json").stdout)
    alone = json.loads(peil(city, "sources", "show", "news", "--json").stdout)
    assert json.loads(peil(city, "sources", "--json").stdout).keys() == listed.keys()
    (news,) = (each for each in listed["sources"] if each["source"] == "news")
    assert listed["version"] == 1
    assert alone["sources"][0]["failing"] == news["failing"]
    assert news["failing"]["recovery"] == "stop"
    doctor = next(each for each in diagnose(pipeline) if each.what == "sources")
    assert doctor.state == "warning"
    assert news["trouble"] in doctor.detail
    table = peil(city, "sources", "list").stdout
    assert news["trouble"] in table
    assert re.search(r"\d\d:\d\d CES?T", table), "beside moments in UTC each names its zone"


def test_a_source_is_paused_and_resumed_by_hand(city: WorkingFolder, pipeline: Pipeline) -> None:
    assert "paused until `peil" in peil(city, "sources", "pause", "news", "--why", "asked").stdout
    shown = peil(city, "sources", "show", "news").stdout
    assert "paused" in shown
    assert "asked" in shown
    refused = peil(city, "sources", "run", "news")
    assert isinstance(refused.exception, Stop)
    assert "peil sources resume news" in str(refused.exception)
    assert peil(city, "sources", "resume", "news").stdout == "news goes on.\n"
    assert peil(city, "sources", "resume", "news").stdout == "news was not paused.\n"
    day = to_datetime(NOW + 3 * DAY_MS).date().isoformat()
    peil(city, "sources", "pause", "news", "--why", "a\nb \x1b[2J\tc", "--until", day)
    assert pipeline.ingestion.runs.pauses(NOW)["news"].why == "a b [2J c"
    assert pipeline.ingestion.runs.pauses(NOW)["news"].until is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pause", "news", "--why", " "], "--why is empty"),
        (["pause", "news", "--why", "w", "--until", "2020-01-01"], "is over"),
        (["pause", "news", "--why", "w", "--until", "soon"], "not a day"),
        (["pause", "new", "--why", "w"], "there is no source 'new'"),
        (["show", "new"], "there is no source 'new'"),
        (
            ["backfill", "news", "--from", "2026-11-08", "--to", "2026-11-01"],
            "--to 2026-11-01 is the day after",
        ),
        (["backfill", "news", "--from", "2026-11-01", "--to", "2026-11-08"], "cannot bring"),
        (["backfill", "upload", "--from", "2026-11-01", "--to", "2026-11-08"], "not open"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    city: WorkingFolder, pipeline: Pipeline, words: list[str], said: str
) -> None:
    result = peil(city, "sources", *words)
    assert result.exit_code != 0
    told = str(result.exception) if isinstance(result.exception, PeilError) else result.output
    assert said in " ".join(told.replace("│", " ").split())


def test_a_run_by_hand_looks_for_all_that_is_due_and_a_busy_platform_costs_no_collecting(
    site: Any, city: WorkingFolder, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.settings.write_text(
        city.settings.read_text().replace("[ingest]", "[ingest]\nrecheck_batch = 2")
        .replace("private_hosts", "pause_seconds = 0.05\nprivate_hosts")
    )  # fmt: skip
    items = "".join(
        f"<item><guid>{n}</guid><title>Bericht {n}</title><link>{site.url(f'/{n}')}</link>"
        f"<author>a{n}</author></item>"
        for n in range(5)
    )
    site.answers["/feed"] = (
        200, {}, f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()
    )  # fmt: skip
    site.answers |= {f"/{n}": (410, {}, b"") for n in range(5)}
    assert peil(city, "sources", "run", "news").exit_code == 0

    def due() -> int:
        with pipeline.database.begin() as connection:
            return connection.execute(update(reference).values(asked=0)).rowcount

    assert due() == 5
    with monkeypatch.context() as patched:
        patched.setattr(FeedCollector, "recheck", busy)
        ran = peil(city, "sources", "run", "news")
    assert ran.exit_code == 0
    assert "Not all posts were looked for again: the host is busy" in ran.output
    assert due() == 5
    assert peil(city, "sources", "run", "news").exit_code == 0
    assert due() == 0
    assert pipeline.store.count(Question(scope="both")).posts == 0


def busy(_collector: FeedCollector, _references: Sequence[Reference]) -> Iterator[Standing]:
    raise Retry("the host is busy", after=60)


def test_a_gap_is_the_same_for_charts_and_for_the_source(pipeline: Pipeline) -> None:
    gap = Gap("news", NOW - 5 * HOUR_MS, NOW - 2 * HOUR_MS, "the feed turned over")
    other = Gap("other", NOW - HOUR_MS, NOW, "x")
    for each in (gap, other):
        pipeline.broker.append(POSTS.name, [Entry(each.key, encode(each))])
    pipeline.publish_rules()
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    charted = [
        (each.start, each.end, each.why)
        for each in missed(pipeline.database, since=NOW - DAY_MS, until=NOW)
        if each.source == "news"
    ]
    found = bulletin(pipeline, pipeline.sources["news"]).gaps
    assert charted == [(gap.start, gap.end, gap.why)]
    assert [(each.start, each.end, each.why) for each in found] == [
        (to_datetime(gap.start), to_datetime(gap.end), gap.why)
    ]


def test_slots_that_were_missed_are_shown_by_why(
    city: WorkingFolder, pipeline: Pipeline, site: Any, clock: ManualClock
) -> None:
    site.answers["/feed"] = (200, {}, rss(1))
    number = pipeline.ingestion.runs.start(
        "news", NOW - 3 * HOUR_MS, cause="schedule", slot=Slot(NOW - 3 * HOUR_MS)
    )
    pipeline.ingestion.runs.end(number, "news", NOW - 3 * HOUR_MS, outcome="ended")
    collect(pipeline)
    found = bulletin(pipeline, pipeline.sources["news"])
    assert found.slots == {"down": 5}
    assert found.last_run is not None
    assert found.last_run.slot == to_datetime(NOW)
    assert "5 down" in peil(city, "sources", "show", "news").stdout


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As at a terminal: what runs in the background may be told to ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_first_interrupt_ends_after_the_batch_and_the_second_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with until_interrupted() as stopping:
        assert not stopping()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_in_a_block_within_another_ends_the_inner_one_first() -> None:
    with until_interrupted() as leaving:
        with until_interrupted() as ending:
            os.kill(os.getpid(), signal.SIGINT)
            assert ending()
        assert not leaving()
        os.kill(os.getpid(), signal.SIGINT)
        assert leaving()
