import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from index.elastic.store import ElasticStore
from index.local.store import LocalStore
from index.testing import TIMEZONE, fill
from peil import migrating
from peil.folder import WorkingFolder
from peil.importing import import_files
from peil.migrating import MOVED, move_to_cluster, remove_moved
from peil.pipeline import Pipeline
from peil.settings import Settings
from stream.clock import SystemClock, to_datetime
from stream.errors import Stop
from stream.testing import make_post

pytestmark = pytest.mark.cluster

Open = Callable[..., Pipeline]


@pytest.fixture
def folder(tmp_path: Path) -> WorkingFolder:
    """A city on one machine with some posts."""
    folder = WorkingFolder.init(tmp_path / "city")
    with Pipeline(folder, Settings(purpose="a test"), clock=SystemClock()) as pipeline:
        pipeline.register.open(
            "upload", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
            until=to_datetime(pipeline.clock.now()).date() + timedelta(days=30),
        )  # fmt: skip
        bring(pipeline, "a")
    return folder


@pytest.fixture
def target(cluster: dict[str, Any]) -> Settings:
    return Settings.model_validate({"purpose": "a test", **cluster})


def bring(pipeline: Pipeline, name: str) -> None:
    path = pipeline.folder.root.parent / f"{name}.ndjson"
    now = to_datetime(pipeline.clock.now()).strftime("%Y-%m-%d %H:%M:%S")
    items = [
        {"id": f"{name}{n}", "author": f"a{n}", "body": f"Lekker weer {n}", "timestamp": now}
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    import_files(pipeline, [path], source="upload", again=False, progress=lambda *_: None)


def move(folder: WorkingFolder, settings: Settings) -> bool:
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        return all(each.equal for each in move_to_cluster(pipeline, progress=lambda *_: None))


def remove(folder: WorkingFolder, settings: Settings) -> None:
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        remove_moved(pipeline)


def test_nothing_is_removed_that_was_not_moved(folder: WorkingFolder, target: Settings) -> None:
    with pytest.raises(Stop, match="nothing was moved"):
        remove(folder, target)
    assert move(folder, target)
    elsewhere = target.model_copy(
        update={"index": target.index.model_copy(update={"elastic": target.index.elastic
                                                          .model_copy(update={"prefix": "other"})})}
    )  # fmt: skip
    with pytest.raises(Stop, match="another cluster"):
        remove(folder, elsewhere)
    with Pipeline(folder, Settings(purpose="a test"), clock=SystemClock()) as pipeline:
        bring(pipeline, "later")
    with pytest.raises(Stop, match="used on one machine after the move"):
        remove(folder, target)
    assert folder.index.exists()
    assert folder.database.exists()


def test_a_folder_in_use_is_neither_moved_nor_removed(
    folder: WorkingFolder, target: Settings
) -> None:
    assert move(folder, target)
    with folder.hold("collect"):
        for do in (move, remove):
            with pytest.raises(Stop, match="still runs"):
                do(folder, target)


def test_another_city_is_left_alone(
    folder: WorkingFolder, target: Settings, tmp_path: Path
) -> None:
    """The index of the cluster is another city's, under the same prefix."""
    post = make_post(7, first_observed=SystemClock().now(), keep_until=SystemClock().now() + 10**10)
    with Pipeline(folder, target, clock=SystemClock()) as pipeline:
        pipeline.store.upgrade()
        fill(pipeline.store, [post])
    with pytest.raises(Stop, match="not of this folder"):
        move(folder, target)
    with Pipeline(folder, target, clock=SystemClock()) as pipeline:
        assert sum(pipeline.store.partitions().values()) == 1
    local = LocalStore(folder.index, clock=SystemClock(), timezone=TIMEZONE, k=10)
    assert sum(local.partitions().values()) == 20
    local.close()


def test_other_keys_stop_what_was_moved(folder: WorkingFolder, target: Settings) -> None:
    assert move(folder, target)
    shutil.rmtree(folder.keys)
    with (
        Pipeline(folder, target, clock=SystemClock()) as pipeline,
        pytest.raises(Stop, match=r"the key .* is gone"),
    ):
        pipeline.ingestion.intake  # noqa: B018  (it opens the keys)


# What is ended in the middle.


class Killed(BaseException):
    """Ends a process where a test wants it to."""


@pytest.mark.parametrize("flushes", [1, 2, 3])
def test_a_copy_of_the_index_that_was_cut_off_goes_on(
    folder: WorkingFolder, target: Settings, monkeypatch: pytest.MonkeyPatch, flushes: int
) -> None:
    """After some of a partition's posts are there, and while others are on their way."""
    monkeypatch.setattr(migrating, "BATCH", 7)
    real, calls = ElasticStore.flush, 0

    def killed(self: ElasticStore) -> None:
        nonlocal calls
        calls += 1
        if calls == flushes:
            raise Killed
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(ElasticStore, "flush", killed)
        with pytest.raises(Killed):
            move(folder, target)
    with pytest.raises(Stop, match="nothing was moved and verified"):
        remove(folder, target)
    assert move(folder, target)
    with Pipeline(folder, target, clock=SystemClock()) as pipeline:
        assert sum(pipeline.store.partitions().values()) == 20


STEPS = ("rmtree log", "rmtree index", "unlink peil.db", f"unlink {MOVED}")


@pytest.mark.parametrize("step", STEPS)
def test_a_removal_that_was_cut_off_goes_on(
    folder: WorkingFolder, target: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Right after each step; nothing of the folder's own stays past its term."""
    assert move(folder, target)
    cut_off(folder, target, monkeypatch, step)
    if step != STEPS[-1]:
        with pytest.raises(Stop, match=r"its removal was begun.*--remove"):
            move(folder, target)
        remove(folder, target)
    left = {each.name for each in folder.data.iterdir()}
    assert left.isdisjoint({"log", "index", "peil.db", MOVED})
    with pytest.raises(Stop, match="nothing of one machine is here"):
        remove(folder, target)


def cut_off(
    folder: WorkingFolder, target: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Begin to remove, and end after this step."""
    rmtree, unlink = shutil.rmtree, Path.unlink

    def removed(path: Path) -> None:
        rmtree(path)
        if step == f"rmtree {path.name}":
            raise Killed

    def unlinked(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if step == f"unlink {path.name}":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(migrating.shutil, "rmtree", removed)
        patch.setattr(Path, "unlink", unlinked)
        with pytest.raises(Killed):
            remove(folder, target)


def test_what_was_used_after_half_a_removal_is_not_deleted(
    folder: WorkingFolder, target: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert move(folder, target)
    cut_off(folder, target, monkeypatch, "rmtree log")
    with Pipeline(folder, Settings(purpose="a test"), clock=SystemClock()) as pipeline:
        bring(pipeline, "later")
    with pytest.raises(Stop, match="used on one machine after the move"):
        remove(folder, target)
    assert folder.index.exists()


@pytest.mark.parametrize("held", [b"", b"\xff\xff", b'{"tables": 1}', b"{}", b"[]", b"null"])
def test_a_mark_that_cannot_be_read_is_told(
    folder: WorkingFolder, target: Settings, held: bytes
) -> None:
    path = folder.data / MOVED
    path.write_bytes(held)
    for do in (remove, move):
        with pytest.raises(Stop, match=f"{path} cannot be read .* delete it, and move again"):
            do(folder, target)
    assert folder.database.exists()
    path.unlink()
    assert move(folder, target)
