import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, create_engine

import ingest.tables
import privacy.tables
from bench.reach import reach_this_machine
from ingest.admission import Admission
from ingest.contract import Batch
from ingest.intake import Intake
from ingest.memory import Memory
from ingest.runs import Runs
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.tallies import Tallies
from ingest.vault import Vault
from peil.folder import WorkingFolder
from privacy.gate import Gate
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.register import Register
from privacy.settings import PrivacySettings
from stream.clock import DAY_MS, ManualClock, to_datetime
from stream.errors import Stop
from stream.local import LocalBroker
from stream.metrics import NoMetrics
from stream.post import RawPost
from stream.quarantine import Quarantine
from stream.testing import START, bytes_below
from tests.peil.commands import COMMAND, Done, Peil

Held = Callable[..., int]
ITEM = """<item><guid>{n}</guid><title>Bericht {n}</title><link>https://news.example/{n}</link>
<description>Fatbikes scheuren hier elke avond over de stoep, zegt @jan_de_vries{n}</description>
<author>redacteur{n}@news.example</author><pubDate>{date}</pubDate></item>"""


def rss(*numbers: int) -> bytes:
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - 3_600))
    items = "".join(ITEM.format(n=number, date=date) for number in numbers)
    return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


@pytest.fixture
def news(site: Any, folder: Path, peil: Peil) -> Path:
    """A source of one feed, open in the register."""
    path = folder / "config" / "sources" / "city-news.toml"
    path.write_text(
        f'id = "city-news"\ntitle = "News"\ncollector = "feeds"\nevery = "10m"\n'
        f'[settings]\nkind = "post"\nurls = ["{site.url("/feed")}"]\n'
    )
    reach_this_machine(WorkingFolder.open(folder))
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86_400))
    peil("sources", "open", "city-news", "--owner", "team", "--purpose", "trial", "--basis",
         "public task", "--dpia", "D-1", "--obtained", "its feed", "--until", until)  # fmt: skip
    return path


def read(done: Done) -> Mapping[str, int]:
    return {
        row["outcome"].split(" (")[0]: row["items"] for row in json.loads(done.stdout)["outcomes"]
    }


def test_a_feed_is_collected_found_and_seen_again(
    site: Any, folder: Path, peil: Peil, held: Held, news: Path
) -> None:
    site.answers["/feed"] = (200, {"ETag": '"1"'}, rss(*range(15)))
    assert read(peil("sources", "run", "city-news", "--json")) == {"kept": 15}
    assert held("fatbikes source:city-news") == 15
    site.answers["/feed"] = (200, {}, rss(*range(12)))
    peil("--set", "ingest.contact='x'", "sources", "run", "city-news", "--json")
    assert len(site.asked("/feed")) == 1  # ten minutes have not passed
    held = bytes_below(folder / "data")
    assert b"jan_de_vries" not in held
    assert b"redacteur1@" not in held


def test_an_error_page_is_an_error_of_the_source(site: Any, peil: Peil, news: Path) -> None:
    site.answers["/feed"] = (200, {}, b"<html><body>Access denied</body></html>")
    done = peil("sources", "run", "city-news", code=3)
    assert "gave a page that keeps programs out" in done.stderr
    assert "failed" in peil("sources", "list").stdout


def test_without_a_contact_a_feed_is_not_asked(
    site: Any, folder: Path, peil: Peil, news: Path
) -> None:
    done = peil("--set", "ingest.contact=''", "sources", "run", "city-news", code=3)
    assert "ingest.contact" in done.stderr
    assert site.requests == []


def test_settings_of_a_source_are_checked(peil: Peil, news: Path) -> None:
    news.write_text(news.read_text().replace("urls", "url"))
    done = peil("sources", "check", code=1)
    assert "settings.urls: it is missing" in done.stdout
    assert "settings.url: there is no such key; did you mean 'urls'?" in done.stdout
    news.write_text(news.read_text().replace('"feeds"', '"feed"'))
    assert "there are files, feeds" in peil("sources", "check", code=1).stdout


@pytest.mark.kill
def test_a_running_peil_collects_what_is_due_and_indexes_it(
    site: Any, folder: Path, peil: Peil, held: Held, news: Path
) -> None:
    site.answers["/feed"] = (200, {}, rss(*range(15)))
    process = subprocess.Popen(
        [*COMMAND, "-C", str(folder), "run"], env=os.environ, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 240
        while held("fatbikes") != 15:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.2)
        children = [child.name() for child in psutil.Process(process.pid).children()]
        assert len(children) >= 3
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert len(site.asked("/feed")) == 1


class Few:
    """A collector of posts by so many authors."""

    name = "few"
    repeats = False
    live = True
    endless = False

    def __init__(self, clock: ManualClock, authors: int) -> None:
        self._clock = clock
        self._authors = authors

    def poll(self, cursor: Mapping[str, Any]) -> Any:
        turn = cursor.get("turn", 0)
        items = [
            RawPost(
                platform="p",
                native_id=f"{turn}-{number}",
                text="een tekst",
                author=f"a{number % self._authors}",
                observed_at=self._clock.now(),
            )
            for number in range(30)
        ]
        yield Batch(cursor={"turn": turn + 1}, read=30, items=items)


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path / 'd.db'}")
    ingest.tables.metadata.create_all(engine)
    privacy.tables.metadata.create_all(engine)
    return engine


@pytest.mark.parametrize(
    ("authors", "organisation", "stops"), [(9, False, True), (10, False, False), (1, True, False)]
)
def test_a_source_of_few_people_stops_itself_after_thirty_days(
    tmp_path: Path, database: Engine, authors: int, *, organisation: bool, stops: bool
) -> None:
    clock = ManualClock(START)
    register = Register(database, clock=clock)
    register.open(
        "s", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
        until=to_datetime(START + 300 * DAY_MS).date(), organisation=organisation,
    )  # fmt: skip
    broker = LocalBroker(tmp_path / "log", clock=clock)
    keys = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    gate = Gate(
        keys, ledger=Ledger(database), clock=clock, metrics=NoMetrics(), settings=PrivacySettings()
    )
    admission = Admission(
        broker=broker, gate=gate, register=register, memory=Memory(database),
        vault=Vault(database, keys), ledger=Ledger(database),
        quarantine=Quarantine(broker, clock=clock), metrics=NoMetrics(), clock=clock,
        settings=IngestSettings(), k=10, longest_retention_ms=90 * DAY_MS,
    )  # fmt: skip
    intake = Intake(
        admission=admission, register=register, memory=Memory(database), runs=Runs(database),
        tallies=Tallies(database), clock=clock, rng=random.Random(1), settings=IngestSettings(),
        k=10,
    )  # fmt: skip
    source = Source(id="s", title="t", collector="few")
    for _ in range(30):
        assert intake.run(source, Few(clock, authors)).appended == 30
        clock.advance(DAY_MS)
    clock.advance(1)
    if stops:
        with pytest.raises(Stop, match="fewer than 10 people"):
            intake.run(source, Few(clock, authors))
    else:
        assert intake.run(source, Few(clock, authors)).appended == 30
    with database.connect() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM source_author").scalar()
    assert held == min(authors, 10)
    clock.advance(31 * DAY_MS)  # it rested, so its thirty days begin anew
    for count in (3, 500):
        assert intake.run(source, Few(clock, count)).appended == 30
        clock.advance(DAY_MS)
    broker.close()
    database.dispose()
