import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.files.collector import FileCollector, FileSettings
from ingest.files.folder import due_for_removal, known_in
from ingest.testing import check_collector
from stream.clock import DAY_MS, MINUTE_MS, ManualClock
from stream.errors import Stop
from stream.testing import START

PLANTED = "geheim-van-iemand"
REST = START - 2 * MINUTE_MS


def lines(*numbers: int) -> bytes:
    return b"".join(
        json.dumps({"id": str(n), "author": "a", "body": f"tekst {n}"}).encode() + b"\n"
        for n in numbers
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def put(inbox: Path) -> Callable[..., Path]:
    def write(name: str, data: bytes, *, changed: int = REST) -> Path:
        path = inbox / name
        path.write_bytes(data)
        os.utime(path, ns=(changed * 1_000_000, changed * 1_000_000))
        return path

    return write


def watch(inbox: Path, clock: ManualClock | None = None) -> FileCollector:
    return FileCollector(FileSettings(), folder=inbox, clock=clock or ManualClock(START))


def visit(
    inbox: Path, cursor: Any = None, *, clock: ManualClock | None = None
) -> tuple[list[str], list[str], Any]:
    """The ids of what a visit brings, its warnings, and the cursor after it."""
    cursor = cursor or {}
    ids: list[str] = []
    warnings: list[str] = []
    for batch in watch(inbox, clock).poll(cursor):
        ids += [item.native_id for item in batch.items]  # type: ignore[union-attr]
        warnings += batch.warnings
        cursor = json.loads(json.dumps(batch.cursor))
    return ids, warnings, cursor


def test_what_lies_there_is_read_once_the_oldest_first(inbox: Path, put: Any) -> None:
    put("a.ndjson", lines(3), changed=REST)
    put("b.ndjson", lines(2), changed=REST - 1)
    put("c.csv", b"id,body\n1,tekst\n", changed=REST - 2)
    ids, warnings, cursor = visit(inbox)
    assert (ids, warnings) == (["1", "2", "3"], [])
    assert visit(inbox, cursor)[0] == []
    put("d.ndjson", lines(4))
    assert visit(inbox, cursor)[0] == ["4"]
    assert sorted(each.name for each in inbox.iterdir()) == [
        "a.ndjson", "b.ndjson", "c.csv", "d.ndjson"
    ]  # fmt: skip


def test_a_file_that_is_still_written_waits_until_it_rests(inbox: Path, put: Any) -> None:
    clock = ManualClock(START)
    put("a.ndjson", lines(1)[:-5], changed=START)
    ids, warnings, cursor = visit(inbox, clock=clock)
    assert ids == []
    assert warnings == ["a.ndjson is still being written: it waits until it rests"]
    put("a.ndjson", lines(1, 2), changed=START + 30_000)
    clock.advance(60_000)
    assert visit(inbox, cursor, clock=clock)[0] == []
    clock.advance(30_000)
    assert visit(inbox, cursor, clock=clock)[0] == ["1", "2"]


def test_a_marker_says_that_a_file_is_complete(inbox: Path, put: Any) -> None:
    put("a.ndjson", lines(1), changed=START)
    put("a.ndjson.done", b"", changed=START)
    put("b.ndjson.done", b"", changed=START)
    assert visit(inbox)[0] == ["1"]


@pytest.mark.parametrize("name", ["a.ndjson.part", "a.csv.crdownload", ".a.ndjson", "a.tmp"])
def test_what_is_to_be_renamed_in_the_end_is_no_file_yet(inbox: Path, put: Any, name: str) -> None:
    path = put(name, lines(1))
    ids, warnings, cursor = visit(inbox)
    assert (ids, warnings) == ([], [])
    path.rename(inbox / "a.ndjson")
    assert visit(inbox, cursor)[0] == ["1"]


def test_a_copy_and_a_new_name_are_the_same_file(inbox: Path, put: Any) -> None:
    path = put("a.ndjson", lines(1))
    cursor = visit(inbox)[2]
    put("b.ndjson", lines(1))
    path.rename(inbox / "c.ndjson")
    ids, _, cursor = visit(inbox, cursor)
    assert ids == []
    assert set(known_in(cursor)) == {"b.ndjson", "c.ndjson"}


def test_what_was_taken_away_is_known_for_as_long_as_its_posts_can_be_held(
    inbox: Path, put: Any
) -> None:
    clock, cursor = ManualClock(START), None
    put("stays.ndjson", lines(1))
    path = put("a.ndjson", lines(2))
    cursor = visit(inbox, cursor, clock=clock)[2]
    clock.advance(200 * DAY_MS)
    path.rename(inbox / "b.ndjson")
    ids, _, cursor = visit(inbox, cursor, clock=clock)
    assert ids == []
    (inbox / "b.ndjson").unlink()
    cursor = visit(inbox, cursor, clock=clock)[2]
    clock.advance(89 * DAY_MS)
    cursor = visit(inbox, cursor, clock=clock)[2]
    assert len(cursor["files"]) == 2
    clock.advance(2 * DAY_MS)
    cursor = visit(inbox, cursor, clock=clock)[2]
    assert len(cursor["files"]) == 1
    put("a.ndjson", lines(2))
    assert visit(inbox, cursor, clock=clock)[0] == ["2"]


def test_a_cursor_of_an_older_version_is_understood(inbox: Path, put: Any) -> None:
    put("a.ndjson", lines(1))
    cursor = visit(inbox)[2]
    cursor["files"] = {key: items for key, (items, _) in cursor["files"].items()}
    ids, _, cursor = visit(inbox, cursor)
    assert ids == []
    assert [last for _, last in cursor["files"].values()] == [START]


def test_a_file_that_grew_is_read_anew(inbox: Path, put: Any) -> None:
    put("a.ndjson", lines(1))
    cursor = visit(inbox)[2]
    put("a.ndjson", lines(1, 2), changed=REST + 1)
    assert visit(inbox, cursor)[0] == ["1", "2"]


def test_a_file_that_grows_while_it_is_read_is_read_anew_once_it_rests(
    inbox: Path, put: Any
) -> None:
    path = put("a.ndjson", lines(*range(1_200)) + lines(1_200)[:-9])
    put("b.ndjson", lines(5_000), changed=REST + 1)
    batches = []
    for batch in watch(inbox).poll({}):
        batches.append(batch)
        if len(batch.items) == 500 and len(batches) < 3:
            with path.open("ab") as file:
                file.write(lines(1_200)[-9:])
    assert not [rejected for batch in batches for rejected in batch.rejected]
    assert [item.native_id for item in batches[-1].items] == ["5000"]  # type: ignore[union-attr]
    assert "changed while it was read" in "".join(w for batch in batches for w in batch.warnings)
    clock = ManualClock(int(path.stat().st_mtime * 1000) + MINUTE_MS + 1)
    assert visit(inbox, batches[-1].cursor, clock=clock)[0] == [str(n) for n in range(1_201)]


def test_what_is_no_export_costs_itself_and_is_told(inbox: Path, put: Any, tmp_path: Path) -> None:
    put("a.ndjson", lines(1))
    put("empty.ndjson", b"")
    with zipfile.ZipFile(inbox / "b.zip", "w") as archive:
        archive.writestr("../../outside.ndjson", lines(2))
    secret = tmp_path / "secret.ndjson"
    secret.write_bytes(lines(3))
    (inbox / "link.ndjson").symlink_to(secret)
    os.mkfifo(inbox / "pipe.ndjson")
    (inbox / "deeper").mkdir()
    put("z.ndjson", lines(4))
    found: list[str] = []
    batches = watch(inbox, ManualClock(START + 10**12)).poll({})
    with pytest.raises(Stop) as caught:
        found.extend(item.native_id for batch in batches for item in batch.items)  # type: ignore[union-attr]
    assert found == ["1", "4"]
    for said in ("5 of 7 files", "is empty", "ZIP archive", "is a link", "pipe.ndjson is no file",
                 "deeper is no file"):  # fmt: skip
        assert said in str(caught.value)
    assert not (tmp_path / "outside.ndjson").exists()


@pytest.mark.parametrize("name", [b"caf\xe9.ndjson", b"a\x1b[2J.ndjson", b"a\nb.ndjson"])
def test_a_name_that_cannot_be_shown_is_told_and_costs_its_file(
    inbox: Path, put: Any, name: bytes
) -> None:
    put("b.ndjson", lines(1))
    put(os.fsdecode(name), lines(2))
    ids, (warning,), cursor = visit(inbox)
    assert ids == ["1"]
    assert "rename the file" in warning
    assert warning.isprintable()
    assert set(known_in(cursor)) == {"b.ndjson"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="make it"):
        visit(tmp_path / "nowhere")


def test_a_file_that_stays_too_long_is_due_for_removal(inbox: Path, put: Any) -> None:
    path = put("a.ndjson", lines(1), changed=REST - 400 * DAY_MS)
    cursor = visit(inbox)[2]
    clock = ManualClock(START + 5 * DAY_MS)
    cursor = visit(inbox, cursor, clock=clock)[2]

    def due(days: int) -> tuple[str, ...]:
        return due_for_removal(inbox, cursor, days=days, now=clock.now())

    assert due(6) == ()
    assert due(5) == ("a.ndjson",)
    put("a.ndjson", lines(1, 2))
    cursor = visit(inbox, cursor, clock=clock)[2]
    assert due(5) == ()
    path.unlink()
    assert due(0) == ()
    assert known_in(visit(inbox, cursor)[2]) == {}


def test_a_watched_folder_keeps_the_contract(inbox: Path, put: Any) -> None:
    bad = json.dumps({"nothing": PLANTED}).encode() + b"\n" + f'["{PLANTED}"]\n'.encode()
    put("a.ndjson", bad + lines(*range(1_100)))
    put("b.ndjson", lines(*range(1_100, 1_203)) + bad, changed=REST + 1)
    check_collector(lambda: watch(inbox), items=1_203, secret=PLANTED)
