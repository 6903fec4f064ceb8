import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from index.results import Count, Counts
from peil import connect
from peil.demo import QUESTIONS, posts
from peil.overview import overview
from privacy.scrubbing import scrub
from stream.clock import DAY_MS
from stream.testing import START

COMMAND = (sys.executable, "-c", "from peil.command import main; main()")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "city"
    done = subprocess.run(
        [*COMMAND, "demo", str(folder)], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_shipped_posts_are_many_of_many_people_and_hold_nothing_personal() -> None:
    found = list(posts(START, timezone="Europe/Amsterdam"))
    assert len(found) >= 600
    assert len({post["body"] for post in found}) == len(found)
    assert len({post["author"] for post in found}) > 300
    assert Counter(post["lang"] for post in found).most_common(1)[0][0] == "nl"
    assert not [post["body"] for post in found if scrub(post["body"]).counts]
    assert 55 * DAY_MS < START - min(map(moment, found)) < 61 * DAY_MS
    assert max(map(moment, found)) < START


def moment(post: dict[str, str]) -> int:
    from ingest.timestamps import parse_moment  # noqa: PLC0415

    return parse_moment(post["created_at"]) or 0


@pytest.mark.xdist_group("demo")
def test_the_demo_keeps_every_post_and_shows_the_event(demo: tuple[Path, str]) -> None:
    folder, said = demo
    total = len((folder / "demo-posts.ndjson").read_text("utf-8").splitlines())
    assert f"{total} are in the index" in said
    with connect(folder) as connection:
        days = connection.over_time(QUESTIONS[0][1], bin="day")
        assert len([posts for posts in days.cells.values() if posts]) >= 1
        assert connection.count("").posts == total
    for title, _, _ in QUESTIONS:
        assert title in said


@pytest.mark.xdist_group("demo")
def test_most_phenomena_can_be_shown_and_the_event_stands_out(demo: tuple[Path, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "-C", str(demo[0]), "overview", "--json"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    rows = json.loads(done.stdout)["phenomena"]
    shown = [row for row in rows if row["posts"] is not None and row["before"] is not None]
    assert len(shown) >= 0.8 * len(rows)
    largest = sorted(shown, key=lambda row: -row["change"])[:3]
    assert {"vuurwerkoverlast", "spanningen"} <= {row["rule"] for row in largest}


@pytest.mark.xdist_group("demo")
def test_the_folder_of_a_demo_is_not_made_twice(demo: tuple[Path, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", str(demo[0])], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "is a working folder already" in done.stderr


def test_an_overview_of_nothing_shows_nothing() -> None:
    class Nothing:
        def count(self, *_: object, **__: object) -> object:
            return Count(posts=None, k=10)

        def over_time(self, *_: object, **__: object) -> object:
            return Counts(dimensions=("day",), cells={}, total=None, k=10)

        top = over_time

    found = overview(Nothing(), {"a": "A"}, now=START, days=30)  # type: ignore[arg-type]
    assert found.phenomena[0].change is None
    assert found.phenomena[0].tone("negative") is None
