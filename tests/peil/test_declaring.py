import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from peil.collecting import collect
from peil.declaring import check_sources
from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import DAY_MS, ManualClock, to_milliseconds
from stream.testing import START
from tests.peil.commands import Peil

UNTIL = "2026-12-01"
AGAIN = "open it again with: peil sources open news"
FILE = """\
id = "news"
title = "News"
collector = "feeds"
every = "30m"
[settings]
urls = ["https://a.example/rss"]
[register]
owner = "team"
purpose = "trial"
basis = "public task"
dpia = "D-1"
obtained = "its feed"
until = 2026-12-01
"""
Write = Callable[[str, str], None]
Pipelines = Callable[[], Pipeline]
Problems = Callable[..., list[tuple[str, int, str, str]]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def city(tmp_path: Path) -> WorkingFolder:
    folder = WorkingFolder.init(tmp_path / "city")
    (folder.config / "sources" / "upload.toml").unlink()
    return folder


@pytest.fixture
def write(city: WorkingFolder) -> Write:
    def put(name: str, text: str) -> None:
        (city.config / "sources" / f"{name}.toml").write_text(text)

    return put


@pytest.fixture
def pipelines(city: WorkingFolder, clock: ManualClock) -> Iterator[Callable[[], Pipeline]]:
    made: list[Pipeline] = []

    def make() -> Pipeline:
        made.append(Pipeline(city, load_settings(city.settings, environ=os.environ), clock=clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def problems(pipelines: Callable[[], Pipeline]) -> Problems:
    def look(**options: Any) -> list[tuple[str, int, str, str]]:
        found = check_sources(pipelines(), **options)
        return [(each.source, each.line, each.severity, each.message) for each in found]

    return look


@pytest.fixture
def opened(pipelines: Callable[[], Pipeline]) -> Callable[[], None]:
    """Opens `news` as its file declares it."""

    def do() -> None:
        pipeline = pipelines()
        described = pipeline.sources["news"]
        declared = described.declared
        assert declared.until is not None
        pipeline.register.open(
            "news", owner=declared.owner, purpose=declared.purpose, basis=declared.basis,
            dpia=declared.dpia, obtained=declared.obtained, until=declared.until,
            officer=declared.officer, platforms=described.platforms,
        )  # fmt: skip

    return do


def test_a_source_that_is_declared_and_opened_so_has_no_problem(
    write: Write, opened: Callable[[], None], problems: Problems
) -> None:
    write("news", FILE)
    assert [said for *_, said in problems()] == [
        "it is not open in the register, so nothing is collected: peil sources open news"
    ]
    opened()
    assert problems() == []


def test_what_is_declared_otherwise_than_opened_is_told(
    write: Write, opened: Callable[[], None], problems: Problems
) -> None:
    write("news", FILE)
    opened()
    changed = FILE.replace('"trial"', '"something else"').replace("2026-12-01", "2027-01-01")
    write("news", changed.replace("[settings]", '[settings]\nplatform = "blog"'))
    assert problems() == [
        ("news", 6, "warning", f"blog is no platform that it was opened for: {AGAIN}"),
        (
            "news",
            10,
            "warning",
            f"register.purpose: declared otherwise than opened (trial): {AGAIN}",
        ),
        (
            "news",
            14,
            "warning",
            f"register.until: declared otherwise than opened ({UNTIL}): {AGAIN}",
        ),
    ]


def test_an_entry_that_ends_is_told_in_time(
    write: Write, opened: Callable[[], None], problems: Problems, clock: ManualClock
) -> None:
    write("news", FILE)
    opened()
    clock.advance(to_milliseconds(datetime(2026, 11, 2, tzinfo=UTC)) - clock.now())
    again = "look at it again and renew it with: peil sources open news"
    said = f"its entry in the register ends on 2026-12-01: {again}"
    assert problems() == [("news", 13, "warning", said)]
    clock.advance(29 * DAY_MS)
    said = f"its entry in the register ended on 2026-12-01: {again}"
    assert ("news", 13, "error", said) in problems()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("2026-12-01", "2020-01-01", (13, "is over")),
        ("2026-12-01", "2036-01-01", (13, "more than a year away")),
        ('"30m"', '"5m"', (4, "ten minutes")),
        ('every = "30m"', 'cron = "* * * * *"', (4, "comes again after 1 minutes")),
        ('every = "30m"', 'cron = "0 99 * * *"', (4, "is no time")),
        ('every = "30m"', 'cron = "0 0 30 2 *"', (4, "never comes")),
        ("urls", "url", (6, "did you mean 'urls'?")),
        ("urls =", 'platform = "TikTok"\nurls =', (6, "never-list")),
        ('"feeds"', '"fedes"', (3, "there is no collector 'fedes'")),
        ('["https://a.example/rss"]', "3", (6, "settings.urls: write a list")),
    ],
)
def test_what_keeps_a_source_from_being_collected_is_told_at_its_line(
    write: Write, problems: Problems, old: str, new: str, expected: tuple[int, str]
) -> None:
    line, said = expected
    write("news", FILE.replace(old, new))
    assert [each for each in problems() if each[1:3] == (line, "error") and said in each[3]]


def test_a_schedule_that_nothing_can_run_on_is_told(write: Write, problems: Problems) -> None:
    write("news", FILE.replace('"feeds"', '"files"').replace("urls = ", "#"))
    assert [each[1:3] for each in problems() if "without a `folder`" in each[3]] == [(4, "error")]


def test_one_wrong_file_does_not_stop_the_others(
    write: Write, opened: Callable[[], None], problems: Problems, pipelines: Pipelines
) -> None:
    write("news", FILE)
    write("broken", 'id = "broken"\ntitle = "open\n')
    write("rare", FILE.replace('"news"', '"rare"').replace('every = "30m"', 'cron = "99 1 * * *"'))
    opened()
    assert list(pipelines().sources) == ["news"]
    assert problems(only="news") == []
    assert {source for source, *_ in problems()} == {"broken", "rare"}


DIGITS = "retention_days = " + "9" * 5_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (FILE.replace("[settings]", f"{DIGITS}\n[settings]").encode(), "digits"),
        (FILE.encode("utf-16"), "no UTF-8"),
        (b"id = [", "no TOML"),
    ],
    ids=["digits", "encoding", "toml"],
)
def test_of_a_file_that_cannot_be_read_no_more_is_said(
    city: WorkingFolder, problems: Problems, wrong: bytes, said: str
) -> None:
    (city.config / "sources" / "wrong.toml").write_bytes(wrong)
    messages = [message for *_, message in problems() if "is not open" not in message]
    assert len(messages) == 1
    assert said in messages[0]


def test_two_sources_that_read_the_same_are_told(write: Write, problems: Problems) -> None:
    write("news", FILE)
    write("again", FILE.replace('"news"', '"again"'))
    told = [each[:3] for each in problems() if "is read by config/sources/again.toml" in each[3]]
    assert told == [("news", 5, "warning")]


def test_what_a_source_names_twice_is_told(
    write: Write, problems: Problems, opened: Callable[[], None]
) -> None:
    write("news", FILE.replace('/rss"', '/rss", "https://a.example/rss"'))
    opened()
    assert problems() == [
        ("news", 5, "warning", "https://a.example/rss is named 2 times: leave it out but once")
    ]


def test_files_that_are_over_their_term_are_told(
    write: Write, opened: Callable[[], None], problems: Problems, pipelines: Pipelines
) -> None:
    clock, inbox = pipelines().clock, pipelines().folder.root / "inbox"
    assert isinstance(clock, ManualClock)
    inbox.mkdir()
    (inbox / "a.ndjson").write_text('{"id": "1", "body": "tekst"}\n')
    (inbox / "a.ndjson.done").touch()
    text = FILE.replace('"feeds"', '"files"').replace('urls = ["https://a.example/rss"]', "")
    write("news", text.replace("[settings]", '[settings]\nfolder = "inbox"\nremove_after_days = 7'))
    opened()
    with pipelines() as pipeline:
        source = pipeline.sources["news"]
        assert (
            pipeline.ingestion.intake.run(source, pipeline.ingestion.collector(source)).appended
            == 1
        )
    assert problems() == []
    clock.advance(7 * DAY_MS)
    ((_, line, severity, said),) = problems()
    assert (line, severity) == (6, "warning")
    assert "1 files in inbox are due for removal" in said
    (inbox / "a.ndjson").unlink()
    assert problems() == []


def test_whoever_collects_says_which_files_are_wrong(
    write: Write, pipelines: Pipelines, caplog: pytest.LogCaptureFixture
) -> None:
    write("broken", 'id = "broken')
    pipeline = pipelines()
    collect(pipeline, Pulse(clock=pipeline.clock), lambda: True)
    assert "config/sources/broken.toml:1:13: error: it is no TOML" in caplog.text


# The commands.


def test_open_takes_what_the_file_declares_and_asks_for_what_lacks(
    folder: Path, peil: Peil
) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 60 * 86_400))
    (folder / "config" / "sources" / "inbox.toml").write_text(
        'id = "inbox"\ntitle = "Inbox"\ncollector = "files"\n[register]\nowner = "team"\n'
        f'purpose = "trial"\nbasis = "public task"\nuntil = {day}\n'
    )
    done = peil("sources", "open", "inbox", "--basis", "consent", text="D-9\n4CAT\n")
    assert f"inbox is open until {day}" in done.stdout
    found = json.loads(peil("sources", "check", "inbox", "--json", code=1).stdout)["problems"]
    assert [(each["line"], each["severity"]) for each in found] == [(7, "warning")]
    assert "(consent)" in found[0]["message"]
    peil("sources", "open", "inbox", "--dpia", "D-9", "--obtained", "4CAT")
    assert "sound and open" in peil("sources", "check", "inbox").stdout
    assert "there are inbox, upload" in peil("sources", "check", "nope", code=3).stderr


def test_open_and_import_say_what_is_wrong_with_settings_as_check_does(
    folder: Path, peil: Peil, tmp_path: Path
) -> None:
    file = folder / "config" / "sources" / "upload.toml"
    text = file.read_text()
    file.write_text(f"{text}\n[settings.column]\ntext = 'a'\n")
    line = text.count("\n") + 2
    said = (
        f"config/sources/upload.toml:{line}:1: error: settings.column: there is no such key; did "
        "you mean 'columns'?"
    )
    assert said in peil("sources", "check", code=1).stdout
    assert said in peil("sources", "open", "upload", code=3).stderr
    (tmp_path / "a.ndjson").write_text("{}\n")
    told = peil("import", str(tmp_path / "a.ndjson"), code=3).stderr
    assert "settings.column: there is no such key; did you mean 'columns'?" in told
    assert "`peil sources check upload` says where" in told
    file.write_text("id = 'upload")
    assert "upload.toml:1:13: error" in peil("import", str(tmp_path / "a.ndjson"), code=3).stderr


def test_a_wrong_file_stops_no_command_of_another_source(
    folder: Path, peil: Peil, tmp_path: Path
) -> None:
    (folder / "config" / "sources" / "broken.toml").write_text('id = "broken')
    posts = tmp_path / "a.ndjson"
    posts.write_text('{"id": "1", "body": "woningnood"}\n')
    assert "broken" not in peil("import", str(posts)).stderr
    assert "config/sources/broken.toml:1:" in peil("sources", "check", code=1).stdout
    assert "config/sources/broken.toml:1:" in peil("sources", "list").stdout
    assert "it is no TOML" in peil("sources", "open", "broken", code=3).stderr
