import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from peil import connect
from peil.command.application import application
from peil.supervisor import LONGEST_WAIT, STOPPED, Role
from stream.clock import HOUR_MS, ManualClock
from stream.testing import START, bytes_below
from tests.peil.commands import COMMAND, Done, Peil

Held = Callable[..., int]


def item(number: int, body: str, **changes: object) -> dict[str, object]:
    return {
        "id": str(number),
        "author": f"user_{number}x",
        "body": body,
        "timestamp": f"2026-11-{1 + number % 20:02} 12:00:00",
    } | changes


def write(path: Path, items: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(each) + "\n" for each in items))
    return str(path)


def posts(count: int, *, one_in: int = 2) -> list[dict[str, object]]:
    """So many, of which one in so many is kept: only those are labelled, which takes longest."""
    kept = "Fatbikes scheuren hier elke avond over de stoep, weer overlast nummer"
    other = "Lekker weer vandaag, we gaan met de trein naar zee nummer"
    return [item(n, f"{kept if n % one_in == 1 else other} {n}") for n in range(count)]


def outcomes(done: Done) -> dict[str, int]:
    answer = json.loads(done.stdout)
    found = {row["outcome"].split(" (")[0]: row["items"] for row in answer["outcomes"]}
    assert sum(found.values()) == answer["read"]
    return found


def about(number: int) -> object:
    """A number that is shown: noise, and at most the last nine authors are not counted yet."""
    return pytest.approx(number - 4, abs=14)


def count(peil: Peil, query: str = "") -> object:
    return json.loads(peil("search", query, "--count", "--json").stdout)[0]["posts"]


def test_the_command_says_which_peil_it_is() -> None:
    told = CliRunner().invoke(application, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"peil {metadata.version('peil')}\n")


def test_a_file_becomes_answers_and_every_item_is_accounted_for(
    peil_process: Peil, tmp_path: Path
) -> None:
    path = write(tmp_path / "posts.ndjson", [*posts(60), {"no": "shape"}])
    assert outcomes(peil_process("import", path, "--json")) == {
        "kept": 30,
        "recent": 30,
        "quarantined before the gate": 1,
    }
    assert count(peil_process) == about(30)
    assert count(peil_process, "fatbike* NEAR/8 stoep") == about(30)
    assert count(peil_process, "trein") is None
    texts = json.loads(peil_process("search", "overlast", "--limit", "5", "--json").stdout)
    assert len(texts) == 5
    assert {"author", "id"}.isdisjoint(texts[0])
    by_rule = json.loads(peil_process("search", "--by", "rule", "--json").stdout)
    assert by_rule == [{"rule": "voertuigoverlast", "posts": about(30)}]
    assert "skeleton" in peil_process("quarantine", "list").stdout
    peil_process("doctor")


@pytest.mark.parametrize(
    "words", [("search",), ("rules", "explain"), ("rules", "backtest", "--query"), ("rules", "try")]
)
def test_a_query_that_is_no_utf8_is_a_mistake_with_its_place(
    peil: Peil, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = write(tmp_path / "posts.ndjson", posts(2))
    more = [path] if words[-1] == "try" else ["een tekst"] if words[-1] == "explain" else []
    done = peil(*words, os.fsdecode(b"fat\xff"), *more, code=2)
    assert r"line 1, column 4: UTF-8 text instead of '\udcff'" in done.stderr


def test_python_asks_the_same_questions(peil: Peil, folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "posts.ndjson", posts(60))
    peil("import", path)
    with connect(folder) as connection:
        assert connection.count("overlast").posts == about(30)
        frame = connection.over_time("overlast", bin="month").to_pandas()
        assert frame.to_dict("records") == [{"month": "2026-11", "posts": about(30)}]
        assert list(connection.top(by="source").cells.values()) == [about(30)]
        assert connection.count("trein").posts is None
        days = [date(2026, 11, day) for day in (2, 10)]
        some = connection.count("overlast", since=days[0], until=days[1]).posts
        assert some in (None, about(12))
        assert len(connection.search("overlast", limit=3).excerpts) == 3
        assert connection.typical_terms("overlast") == []  # every kept post is about it


def test_a_full_disk_stops_the_import_and_the_next_one_finishes_it(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "posts.ndjson", posts(1000, one_in=20))
    limited = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 800; exec "$@"', "sh",
         *COMMAND, "-C", str(folder), "import", path],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert limited.returncode != 0
    assert "cannot be" in limited.stderr or "free space" in limited.stderr
    peil("import", path)
    assert held() == 50


def test_importing_again_adds_nothing_and_edits_and_deletes_arrive(
    peil: Peil, held: Held, tmp_path: Path
) -> None:
    first = posts(40)
    path = write(tmp_path / "posts.ndjson", first)
    peil("import", path)
    assert outcomes(peil("import", path, "--json")) == {}
    assert outcomes(peil("import", "--again", path, "--json")) == {"dropped: seen": 40}
    changed = [
        item(1, "Nu een heel andere tekst over scooters die racen op de stoep"),
        item(3, "weg", deleted=True),
    ]
    assert outcomes(peil("import", write(tmp_path / "b.ndjson", changed), "--json")) == {
        "kept": 1,
        "deletes": 1,
    }
    assert held() == 19
    # The old file once more: its deleted post stays away, its edited one is as the file says.
    assert outcomes(peil("import", "--again", path, "--json")) == {
        "dropped: seen": 38,
        "dropped: deleted": 1,
        "kept": 1,
    }
    # Replaying the whole log from its earliest offset brings nothing back.
    for topic in ("posts", "labelled"):
        _forget_offsets(tmp_path / "city" / "data" / "log" / f"{topic}.db")
    peil("run", "--once")
    assert held() == 19


def _forget_offsets(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM committed")
    connection.close()


def test_an_erased_author_is_gone_from_every_file_and_stays_away(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    items = posts(40)
    items[1] = item(1, "Fatbikes op de stoep, overlast zegt zeldzaamwoord", author="zeldzame_gast")
    path = write(tmp_path / "posts.ndjson", items)
    peil("import", path)
    assert b"zeldzaamwoord" in bytes_below(folder / "data" / "log")
    peil("erase", "--platform", "file", "--author", text="zeldzame_gast\n")
    assert b"zeldzaamwoord" not in bytes_below(folder / "data")
    assert held() == 19
    late = [item(99, "Fatbikes op de stoep, nog meer overlast", author="zeldzame_gast")]
    assert outcomes(peil("import", write(tmp_path / "late.ndjson", late), "--json")) == {
        "dropped: erased": 1
    }


def test_an_erased_or_deleted_post_is_gone_from_every_file(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    items = posts(40)
    items[1] = item(1, "Fatbikes op de stoep, overlast zegt zeldzaamwoord")
    items[3] = item(3, "Fatbikes op de stoep, overlast zegt vreemdwoord")
    peil("import", write(tmp_path / "posts.ndjson", items))
    peil("erase", "--platform", "file", "--post", text="1\n")
    assert b"zeldzaamwoord" not in bytes_below(folder / "data")
    assert b"vreemdwoord" in bytes_below(folder / "data" / "log")
    peil("import", write(tmp_path / "gone.ndjson", [item(3, "", deleted=True)]))
    peil("expire")
    assert b"vreemdwoord" not in bytes_below(folder / "data")
    assert held() == 18


def test_nothing_personal_lies_in_any_file_or_output(
    peil_process: Peil, folder: Path, tmp_path: Path
) -> None:
    planted = [
        json.loads(line)
        for line in (Path(__file__).parents[1] / "privacy" / "planted.ndjson")
        .read_text("utf-8")
        .splitlines()
    ]
    items = [
        item(n, "Fatbikes op de stoep, overlast. " + each["text"], author=f"geheime_auteur_{n}")
        for n, each in enumerate(planted)
    ]
    # What is wrong with an item must not bring its values into quarantine either.
    items.append({"zonder": "vorm", "van": "geheime_auteur_x"})
    done = peil_process("--verbose", "import", write(tmp_path / "posts.ndjson", items), "--json")
    texts = peil_process("search", "overlast", "--limit", "50", "--json").stdout
    held = bytes_below(folder / "data")
    shown = (done.stdout + done.stderr + texts).encode()
    assert b"geheime_auteur" not in held + shown
    for each in planted:
        secret = each["secret"].encode()
        if len(secret) > 6:
            assert secret not in held, each
            assert secret not in shown, each


def test_a_closed_source_and_wrong_words_are_clear_errors(
    peil: Peil, folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "posts.ndjson", posts(3))
    peil("sources", "close", "upload")
    assert "peil sources open upload" in peil("import", path, code=3).stderr
    assert "there is no source 'x'" in peil("import", path, "--source", "x", code=3).stderr
    assert "never at persons" in peil("search", "from:jan", code=2).stderr
    assert "did you mean 'batch'" in peil("--set", "stream.bach=5", "doctor", code=3).stderr
    assert "no purpose" in peil("--set", "purpose=", "search", "--count", code=3).stderr
    (folder / "config" / "peil.toml").write_text("purpose = [")
    assert "not valid TOML" in peil("doctor", code=3).stderr


def test_a_question_that_is_too_broad_says_what_to_do(peil: Peil, tmp_path: Path) -> None:
    items = [item(n, "Fatbikes op de stoep, overlast") for n in range(1_100)]
    peil("import", write(tmp_path / "posts.ndjson", items))
    three = '"fatbikes stoep overlast"~5'
    broad = peil("--set", "index.max_candidates=1000", "search", three, "--count", code=1)
    assert "narrow the period" in broad.stderr


def test_rules_are_listed_tested_and_explained(peil: Peil) -> None:
    assert "woningnood" in peil("rules", "list").stdout
    assert "0 fail" in peil("rules", "test").stdout
    peil("rules", "check")
    explained = peil("rules", "explain", "geen NEAR/3 woning", "al jaren geen dure woning").stdout
    assert "[geen dure woning]" in explained
    peil("rules", "explain", "woningnood", "lekker weer", code=1)
    peil("sources", "list")
    peil("sources", "check")
    peil("expire")


@pytest.mark.kill
@pytest.mark.parametrize("place", ["log/posts.db-wal", "log/labelled.db-wal", "index"])
def test_a_killed_import_loses_and_doubles_nothing(
    peil: Peil, held: Held, folder: Path, tmp_path: Path, place: str
) -> None:
    """Killed while it collects, enriches and indexes: at its third write of a batch there."""
    path = write(tmp_path / "posts.ndjson", posts(1000, one_in=20))
    process = subprocess.Popen(
        [*COMMAND, "-C", str(folder), "--set", "stream.batch=50", "import", path],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_writes(folder / "data" / place, number=3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    peil("import", path)
    assert held() == 50
    assert held("overlast") == 50


def wait_for_writes(place: Path, *, number: int) -> None:
    """Until that file, or what stands below that folder, was written to so many times."""
    deadline, seen = time.monotonic() + 100, {0}
    while len(seen) <= number:
        assert time.monotonic() < deadline
        size = 0
        with suppress(FileNotFoundError):  # a file that went just now
            for each in (place, *place.rglob("*")):
                size += each.stat().st_size
        seen.add(size)
        time.sleep(0.002)


@pytest.mark.kill
def test_running_roles_survive_a_kill_and_drain_on_sigterm(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    running = subprocess.Popen(
        [*COMMAND, "-C", str(folder), "--set", "stream.lease_seconds=2",
         "--set", "enrich.backlog=0", "--set", "enrich.affordable=0", "run"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        path = write(tmp_path / "posts.ndjson", posts(2000))
        deadline = time.monotonic() + 100
        while not (folder / "data" / "locks" / "index.lock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)
        assert "collected" in peil("import", path).stdout
        killed = 0
        while killed < 3 or held() != 1000:
            assert time.monotonic() < deadline
            roles = [each for each in psutil.Process(running.pid).children() if is_role(each)]
            if killed < 3 and roles:
                roles[killed % len(roles)].kill()
                killed += 1
            time.sleep(0.3)
        assert held() == 1000
    finally:
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors.decode()


def is_role(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it was killed a moment ago
        return False


def stopped(_role: str) -> int:
    return STOPPED


@pytest.mark.parametrize("spared", [True, False])
def test_a_spared_role_that_a_person_must_mend_is_tried_again_and_ends_no_other(
    *, spared: bool
) -> None:
    clock = ManualClock(START)
    role = Role("dashboard", stopped, clock=clock, spared=spared)
    for _ in range(2 if spared else 1):
        assert role.watch() is None
        assert role.alive
        while role.alive:
            time.sleep(0.05)
        assert role.watch() == (None if spared else STOPPED)
        assert not role.alive
        clock.sleep(LONGEST_WAIT)


def test_a_role_is_started_again_in_time_when_the_clock_is_set_back() -> None:
    clock = ManualClock(START)
    role = Role("collect", stopped, clock=clock, spared=True)
    for by in (-HOUR_MS, HOUR_MS):
        assert role.watch() is None
        assert role.alive
        while role.alive:
            time.sleep(0.05)
        assert role.watch() is None
        clock.set(clock.now() + by)
        assert role.watch() is None
        assert not role.alive
        clock.sleep(LONGEST_WAIT)


def test_a_dashboard_whose_port_is_taken_says_how_to_start_and_shows_no_link(
    peil_process: Peil, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = peil_process(
            "--set", f"dashboard.listen=127.0.0.1:{port}", "run", "--role", "dashboard", code=3
        )
    assert done.stdout == ""
    assert done.stderr.count("cannot listen") == 1
    assert f"peil --set dashboard.listen=127.0.0.1:{port + 1}" in done.stderr
    assert not (folder / "data" / "locks" / "index.lock").exists()
    assert (
        "the port lies between"
        in peil_process(
            "--set", "dashboard.listen=127.0.0.1:99999", "run", "--role", "dashboard", code=3
        ).stderr
    )


@pytest.mark.kill
def test_the_other_roles_run_on_until_the_dashboard_has_its_port(
    peil: Peil, folder: Path, tmp_path: Path
) -> None:
    peil("rules", "check")  # the folder is there
    said = tmp_path / "said"
    taken = socket.create_server(("127.0.0.1", 0))
    listen = f"dashboard.listen=127.0.0.1:{taken.getsockname()[1]}"
    with said.open("wb") as out:
        running = subprocess.Popen(
            [*COMMAND, "-C", str(folder), "--set", listen, "run"], stdout=out, stderr=out
        )
    deadline = time.monotonic() + 100
    try:
        while "it is tried again" not in said.read_text():
            assert running.poll() is None, said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "enter?link=" not in said.read_text()
        taken.close()
        while "enter?link=" not in said.read_text():
            assert running.poll() is None, said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        taken.close()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0


@pytest.mark.kill
@pytest.mark.parametrize("wait", [0.0, 0.3, 4.0])
def test_ctrl_c_ends_a_run_without_a_traceback(peil: Peil, folder: Path, wait: float) -> None:
    """Also while its processes start."""
    running = subprocess.Popen(
        [*COMMAND, "-C", str(folder), "run"], stderr=subprocess.PIPE, start_new_session=True
    )
    while not psutil.Process(running.pid).children():
        assert running.poll() is None
        time.sleep(0.01)
    time.sleep(wait)
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert b"Traceback" not in errors
    assert running.returncode == 0


def test_what_no_rule_matched_is_counted_on_request_and_its_texts_are_not_shown(
    tmp_path: Path, peil: Peil
) -> None:
    peil("import", write(tmp_path / "posts.ndjson", posts(60)))
    assert peil("search", "trein", "--count").stdout.strip() == "<10"
    both = [
        int(peil("search", query, "--count", "--recent").stdout)
        for query in ("trein", "fatbikes OR trein")
    ]
    assert both == [about(30), about(60)]
    assert "only counted" in peil("search", "trein", "--recent", code=2).stderr


def test_a_restored_index_does_not_bring_back_what_was_erased(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    peil("import", write(tmp_path / "posts.ndjson", posts(40)))
    index = folder / "data" / "index"
    shutil.copytree(index, tmp_path / "backup")
    peil("erase", "--platform", "file", "--author", text="user_1x\n")
    peil("erase", "--platform", "file", "--post", text="3\n")
    assert held() == 18
    shutil.rmtree(index)
    shutil.copytree(tmp_path / "backup", index)
    assert held() == 20
    assert "Took out 2 posts" in peil("expire", "--restored").stdout
    assert held() == 18
    assert "Took out 0 posts" in peil("expire", "--restored").stdout
