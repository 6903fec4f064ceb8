import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peil.folder import WorkingFolder
from peil.importing import import_files
from peil.pipeline import Pipeline
from peil.remapping import Remapped, remap
from peil.settings import load_settings
from stream.clock import ManualClock, to_datetime
from stream.errors import Stop
from stream.quarantine import Skeleton
from stream.testing import START
from tests.peil.commands import Peil

COLUMNS = '[settings.columns]\ntext = "bericht"\nid = "nr"\n'
ROWS = [
    {"id": "1", "body": "woningnood in de stad"},
    {"nr": "2", "bericht": "woningnood in de wijk"},
    {"nr": "3", "tekst": "onder een naam die niemand kent"},
    {"nr": "4", "bericht": "woningnood overal"},
]


def ignore(_stage: str, _items: int, _total: int | None) -> None:
    """Nobody watches."""


@pytest.fixture
def city(tmp_path: Path) -> WorkingFolder:
    return WorkingFolder.init(tmp_path / "city")


@pytest.fixture
def pipelines(city: WorkingFolder) -> Iterator[Callable[[], Pipeline]]:
    made: list[Pipeline] = []

    def make() -> Pipeline:
        while made:
            made.pop().close()
        made.append(
            Pipeline(
                city, load_settings(city.settings, environ=os.environ), clock=ManualClock(START)
            )
        )
        return made[-1]

    pipeline = make()
    until = to_datetime(START + 30 * 86_400_000).date()
    pipeline.register.open("upload", owner="o", purpose="p", basis="b", dpia="d", obtained="o",
                           until=until)  # fmt: skip
    yield make
    make().close()


@pytest.fixture
def posts(tmp_path: Path, pipelines: Callable[[], Pipeline]) -> Path:
    """A file of which three items could not be mapped."""
    path = tmp_path / "posts.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    done = import_files(pipelines(), [path], source="upload", again=False, progress=ignore)
    assert (done.account.appended, done.account.rejected) == (1, 3)
    return path


@pytest.fixture
def mended(city: WorkingFolder, posts: Path) -> Path:
    """The same, after the source learned the names of the columns."""
    with (city.config / "sources" / "upload.toml").open("a") as file:
        file.write(COLUMNS)
    return posts


def waiting(pipeline: Pipeline) -> dict[str, str]:
    """What is in quarantine: the number of each item in its file, and why."""
    return {
        item.where.split(":")[1]: item.why
        for _, item in pipeline.quarantine.items()
        if isinstance(item, Skeleton)
    }


def again(pipeline: Pipeline, *paths: Path) -> Remapped:
    return remap(pipeline, pipeline.sources["upload"], paths, progress=ignore)


def test_what_maps_now_leaves_the_quarantine_and_the_rest_has_the_reason_of_today(
    pipelines: Callable[[], Pipeline], mended: Path
) -> None:
    before = waiting(pipelines())["3"]
    result = again(pipelines(), mended)
    assert (result.mapped, result.failed, result.gone) == (2, 1, {})
    assert result.accounting.account.appended == 2
    assert list(waiting(pipelines())) == ["3"]
    assert waiting(pipelines())["3"] != before
    assert again(pipelines(), mended).mapped == 0


def test_nothing_changes_before_the_mapper_does(
    pipelines: Callable[[], Pipeline], posts: Path
) -> None:
    before = waiting(pipelines())
    result = again(pipelines(), posts)
    assert (result.mapped, result.failed) == (0, 3)
    assert waiting(pipelines()) == before


def test_a_file_that_is_not_there_is_told_and_nothing_is_lost(
    pipelines: Callable[[], Pipeline], mended: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.ndjson"
    other.write_text('{"nr": "9", "bericht": "een ander bestand"}\n')
    before = waiting(pipelines())
    result = again(pipelines(), other, tmp_path / "nowhere.ndjson")
    assert list(result.gone.values()) == [3]
    assert "nowhere.ndjson cannot be read" in result.accounting.account.warnings[0]
    assert waiting(pipelines()) == before
    assert again(pipelines(), mended).mapped == 2


def test_without_files_the_folder_is_read_and_links_in_it_are_not(
    pipelines: Callable[[], Pipeline], mended: Path, city: WorkingFolder
) -> None:
    with pytest.raises(Stop, match="watches no folder"):
        again(pipelines())
    inbox = city.root / "inbox"
    inbox.mkdir()
    (inbox / "link.ndjson").symlink_to(mended)
    path = city.config / "sources" / "upload.toml"
    path.write_text(path.read_text().replace(COLUMNS, '[settings]\nfolder = "inbox"\n' + COLUMNS))
    assert list(again(pipelines()).gone.values()) == [3]
    (inbox / "posts.ndjson").write_bytes(mended.read_bytes())
    assert again(pipelines()).mapped == 2


def test_a_kill_before_the_quarantine_is_settled_repeats_nothing(
    pipelines: Callable[[], Pipeline], mended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("peil.remapping._settle", lambda *_: None)
        assert again(pipelines(), mended).accounting.account.appended == 2
    result = again(pipelines(), mended)
    assert (result.mapped, result.accounting.account.appended) == (2, 0)
    assert result.accounting.account.dropped == {"seen": 2}
    assert list(waiting(pipelines())) == ["3"]


def test_a_source_of_no_files_cannot_be_mapped_again(
    pipelines: Callable[[], Pipeline], city: WorkingFolder
) -> None:
    (city.config / "sources" / "news.toml").write_text(
        'id = "news"\ntitle = "n"\ncollector = "feeds"\n[settings]\nurls = ["https://a.example"]\n'
    )
    pipeline = pipelines()
    with pytest.raises(Stop, match="is none of files"):
        remap(pipeline, pipeline.sources["news"], [], progress=ignore)


def test_a_watched_folder_is_collected_and_mapped_again_by_command(
    folder: Path, peil: Peil
) -> None:
    source = folder / "config" / "sources" / "upload.toml"
    source.write_text(source.read_text() + '[settings]\nfolder = "inbox"\n')
    (folder / "inbox").mkdir()
    posts = folder / "inbox" / "posts.ndjson"
    posts.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    posts.with_name("posts.ndjson.done").touch()
    ran = json.loads(peil("sources", "run", "upload", "--json").stdout)
    assert (ran["read"], ran["outcomes"][-1]["items"]) == (4, 3)
    source.write_text(source.read_text() + COLUMNS)
    done = json.loads(peil("sources", "remap", "upload", "--json", code=1).stdout)
    assert (done["mapped"], done["failed"], done["gone"]) == (2, 1, {})
    posts.unlink()
    assert "of a file whose hash begins" in peil("sources", "remap", "upload", code=1).stdout
