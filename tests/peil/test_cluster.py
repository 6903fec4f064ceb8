"""The whole pipeline on a real Kafka, Elasticsearch and PostgreSQL: what a team starts."""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.servers.server import free_port
from tests.peil.commands import COMMAND, Peil

pytestmark = pytest.mark.timeout(280)


KEPT = "Fatbikes scheuren hier elke avond over de stoep, weer overlast nummer"
OTHER = "Lekker weer vandaag, we gaan met de trein naar zee nummer"
QUESTIONS = (
    ("search", "--count"),
    ("search", "fatbike* NEAR/8 stoep", "--count"),
    ("search", "trein", "--recent", "--count"),
    ("search", "--by", "rule"),
    ("search", "--by", "language"),
    ("series", "voertuigoverlast"),
    ("overview",),
)


@pytest.fixture
def on_cluster(cluster_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (cluster_environ | {"PEIL_STREAM__LEASE_SECONDS": "6"}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def roles(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts roles; all of them end in order."""
    with ExitStack() as stack:

        def start(role: str, *settings: str) -> subprocess.Popen[str]:
            changes = [word for setting in settings for word in ("--set", setting)]
            process = subprocess.Popen(
                [*COMMAND, "-C", str(folder), *changes, "run", "--role", role],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            stack.callback(process.communicate)
            stack.callback(process.send_signal, signal.SIGTERM)
            return process

        yield start


def write(path: Path, count: int, *, first: int = 0) -> str:
    items = [
        {
            "id": str(number),
            "author": f"user_{number}x",
            "body": f"{KEPT if number % 2 else OTHER} {number}",
            "timestamp": f"2026-11-{1 + number % 20:02} 12:00:00",
        }
        for number in range(first, first + count)
    ]
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return str(path)


def posts(peil: Peil, query: str = "") -> int:
    """How many are counted; none while the index of a day is just being made."""
    done = peil("search", query, "--count", "--json", code=None)
    if "busy or not whole" in done.stderr:
        return 0
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]["posts"] or 0


def wait_for(what: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_both_grounds_answer_alike(
    tmp_path: Path,
    peil: Peil,
    folder: Path,
    cluster_environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One folder on one machine; then its settings name a cluster and it moves there."""
    path = write(tmp_path / "posts.ndjson", 60)
    broken = tmp_path / "broken.ndjson"
    broken.write_text('{"no": "shape"}\n' * 3)
    peil("import", path)
    peil("import", str(broken), code=1)
    embedded = [peil(*question, "--json").stdout for question in QUESTIONS]
    for name, value in cluster_environ.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):  # it may be run again
        moved = json.loads(peil("migrate", "embedded-to-cluster", "--json").stdout)
        assert all(each["equal"] for each in moved)
        assert {"what": "quarantine", "items": 3, "equal": True} in moved
        assert sum(each["items"] for each in moved if each["what"].startswith("index")) == 60
    peil("migrate", "embedded-to-cluster", "--remove")
    left = {each.name for each in (folder / "data").iterdir()}
    assert left.isdisjoint({"log", "index", "peil.db"})
    assert [peil(*question, "--json").stdout for question in QUESTIONS] == embedded
    # It is the same city: what was imported is known, and what is erased leaves.
    assert json.loads(peil("import", path, "--json").stdout)["outcomes"] == []
    peil("erase", "--platform", "file", "--author", text="user_1x\n")
    peil("import", write(tmp_path / "more.ndjson", 20, first=60), "--json")
    # What is shown has noise, of 8 at most, and lacks what is less than a block of 10 people.
    assert 30 - 1 + 10 - 18 <= posts(peil) <= 30 - 1 + 10 + 8
    assert "skeleton" in peil("quarantine", "list").stdout
    peil("doctor")


def test_many_roles_share_the_work_and_end_in_order(
    on_cluster: None, peil: Peil, roles: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    ports = [free_port() for _ in range(5)]
    names = ("collect", "enrich", "enrich", "index", "index")
    running = [
        roles(role, f"service.listen=127.0.0.1:{port}")
        for role, port in zip(names, ports, strict=True)
    ]
    wait_for(lambda: all(answers(port, "/ready") for port in ports))
    done = peil("import", write(tmp_path / "posts.ndjson", 400), "--json")
    assert "collected, for the running peil to index" in done.stdout
    wait_for(lambda: posts(peil) >= 200 - 18)  # noise, and less than a block of people
    # An enrichment worker and an index worker die; the others do their work.
    for process in (running[1], running[3]):
        process.kill()
    peil("import", write(tmp_path / "more.ndjson", 400, first=400))
    wait_for(lambda: posts(peil) >= 400 - 18)
    assert b"peil_index_posts_total" in metrics(ports[4])
    for process in (running[0], running[2], running[4]):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def metrics(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read()
