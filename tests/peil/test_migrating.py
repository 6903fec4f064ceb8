import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from index.local.store import LocalStore
from index.testing import TIMEZONE, fill
from peil.folder import WorkingFolder
from peil.importing import import_files
from peil.migrating import move_to_cluster, remove_moved
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
