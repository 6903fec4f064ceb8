import os
import stat
import threading
from pathlib import Path

import pytest

from stream.files import create, replace


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "below" / "file"
    for data in (b"one", b"two"):
        replace(path, data)
        assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert create(path, b"first")
    assert not create(path, b"second")
    assert path.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_of_many_who_create_a_file_one_wins(tmp_path: Path) -> None:
    path, won = tmp_path / "file", list[bytes]()

    def make(data: bytes) -> None:
        if create(path, data):
            won.append(data)

    threads = [threading.Thread(target=make, args=(bytes([each]),)) for each in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [path.read_bytes()]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_fault_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    replace(path, b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    match call:
        case "fsync":
            monkeypatch.setattr(os, "fsync", fail)
        case "replace":
            monkeypatch.setattr(Path, "replace", fail)
        case _:
            monkeypatch.setattr(os, "fdopen", fail)
    with pytest.raises(OSError, match="No space") as caught:
        replace(path, b"new")
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
