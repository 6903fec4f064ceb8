"""Several processes at the records of one PostgreSQL, as on the machines of a cluster."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from peil.database import open_database
from privacy.access import AccessLog
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.tables import key_mark
from stream.clock import ManualClock
from stream.testing import START

pytestmark = pytest.mark.cluster

BEGINNING = """
import sys
from pathlib import Path
from peil.database import open_database
from privacy.access import AccessLog
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.marks import KeyMarks
from stream.clock import ManualClock
from stream.errors import Stop
from stream.testing import START
url, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
engine = open_database(url)
keys = KeyRing(folder, clock=ManualClock(START), longest_retention_days=90)
print("ready", flush=True)
sys.stdin.readline()
"""
APPEND = """
log = AccessLog(engine, keys=keys, folder=folder, clock=ManualClock(START))
for turn in range(40):
    log.append(actor=f"a{number}", purpose="p", action="count", payload=f"words {turn}")
"""
ERASE = """
ledger = Ledger(engine)
ids = [f"post-{i}" for i in range(200)]
for turn in range(20):
    ledger.add_posts({id: 2 * turn + number for id in ids[:: 1 - 2 * number]}, until=START)
    ledger.add_authors([f"author-{turn}"], up_to_rev=number, until=START)
"""
CHECK = """
keys.post_id("p", "1")
try:
    KeyMarks(engine).check(keys, now=START)
except Stop as error:
    print(error)
"""


def at_once(program: str, url: str, *folders: Path) -> list[str]:
    """What the program printed in each folder: a process a folder, begun at the same moment."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BEGINNING + program, url, str(folder), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number, folder in enumerate(folders)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return said


def test_the_access_log_that_several_write_is_one_chain(postgres_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    at_once(APPEND, postgres_url, folder, folder)
    clock = ManualClock(START)
    engine = open_database(postgres_url)
    keys = KeyRing(folder, clock=clock, longest_retention_days=90)
    log = AccessLog(engine, keys=keys, folder=folder, clock=clock)
    entries = list(log.entries())
    assert log.verify() == []
    assert [entry.number for entry in entries] == list(range(1, 81))
    for actor in ("a0", "a1"):
        words = [entry.payload for entry in entries if entry.actor == actor]
        assert words == [f"words {turn}" for turn in range(40)]
    engine.dispose()


def test_what_several_erase_at_once_is_erased_up_to_the_newest(
    postgres_url: str, tmp_path: Path
) -> None:
    at_once(ERASE, postgres_url, tmp_path / "one", tmp_path / "two")
    engine = open_database(postgres_url)
    ledger = Ledger(engine)
    assert dict(ledger.posts()) == {f"post-{i}": 39 for i in range(200)}
    assert dict(ledger.authors()) == {f"author-{turn}": 1 for turn in range(20)}
    engine.dispose()


def test_of_machines_that_made_keys_of_their_own_one_goes_on(
    postgres_url: str, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    said = at_once(CHECK, postgres_url, *folders)
    assert sorted("another one" in each for each in said) == [False, True]
    winner = folders[said.index("")]
    keys = KeyRing(winner, clock=ManualClock(START), longest_retention_days=90)
    engine = open_database(postgres_url)
    with engine.connect() as connection:
        marks = {row.name: row.mark for row in connection.execute(select(key_mark))}
    engine.dispose()
    assert marks == {"id": keys.mark("id")}
