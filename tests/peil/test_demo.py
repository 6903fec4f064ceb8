import json
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from bench.tutorial import replay, shapes
from dashboard.calendar import load_calendar
from index.results import Count, Counts
from peil import connect
from peil.demo import QUESTIONS, SEED, posts
from peil.overview import overview
from peil.story import EVERYDAY, NEWS, Composed, compose, load_phrases, load_story
from privacy.scrubbing import scrub
from rules.documents import Example, activate, example_post
from rules.evaluator import evaluate
from rules.files import load_book
from stream.clock import to_datetime
from stream.testing import START

COMMAND = (sys.executable, "-c", "from peil.command import main; main()")
CONFIG = Path(__file__).parents[2] / "config"
STORY = load_story(CONFIG / "demo")
pytestmark = pytest.mark.timeout(600)
"""Every post is labelled, which takes a minute of two cores that do nothing else."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "city"
    done = subprocess.run(
        [*COMMAND, "demo", str(folder), "--no-dashboard"],
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder.parent / "told").write_text(done.stderr)
    return folder, done.stdout


@pytest.fixture(scope="module")
def shipped() -> list[dict[str, str]]:
    return list(posts(START, timezone="Europe/Amsterdam"))


@pytest.fixture(scope="module")
def composed() -> list[Composed]:
    rng = random.Random(SEED)
    return list(compose(STORY, load_phrases(CONFIG / "demo"), today=date(2026, 11, 25), rng=rng))


def day_of(post: dict[str, str]) -> int:
    """How many days before today."""
    today = to_datetime(START).astimezone(ZoneInfo("Europe/Amsterdam")).date()
    return (today - date.fromisoformat(post["created_at"][:10])).days


def is_copy(text: str) -> bool:
    return any(each.text in text for each in STORY.copied)


def test_the_posts_are_many_of_many_people_and_hold_nothing_personal(
    shipped: list[dict[str, str]],
) -> None:
    assert len(shipped) > 5_500
    texts = [post["body"] for post in shipped if not is_copy(post["body"])]
    assert len(set(texts)) == len(texts)
    assert len({post["id"] for post in shipped}) == len(shipped)
    assert len({post["author"] for post in shipped}) > 800
    languages = Counter(post["lang"] for post in shipped)
    assert languages.most_common(1)[0][0] == "nl"
    assert min(languages[each] for each in ("en", "tr", "ar")) > 500
    assert not [post["body"] for post in shipped if scrub(post["body"]).counts]
    assert (max(map(day_of, shipped)), min(map(day_of, shipped))) == (85, 1)


def test_the_same_day_gives_the_same_posts(shipped: list[dict[str, str]]) -> None:
    assert list(posts(START, timezone="Europe/Amsterdam")) == shipped


def test_what_is_composed_is_found_by_its_rule_and_everyday_talk_by_none(
    composed: list[Composed],
) -> None:
    book = load_book(CONFIG)
    trees = {name: activate(rule, book.lookup()).tree for name, rule in book.rules.items()}
    assert set(STORY.curves) == {*trees, EVERYDAY}
    for each in composed:
        post = structs.replace(
            example_post(Example(each.text, lang=each.language)),
            kind="article" if each.source == NEWS else "post",
        )
        if each.about == EVERYDAY:
            found = [name for name, tree in trees.items() if evaluate(tree, post).matched]
            assert not found, each.text
        else:
            assert evaluate(trees[each.about], post).matched, each.text


def test_one_text_is_passed_on_by_many_people(composed: list[Composed]) -> None:
    copies = [post for post in composed if is_copy(post.text)]
    assert len({post.author for post in copies}) > 60
    assert len(copies) > 0.5 * len(
        [post for post in composed if post.about == copies[0].about and post.day == copies[0].day]
    )


def test_nothing_is_known_of_the_incident_before_it_happened(composed: list[Composed]) -> None:
    about, (day, minute) = next(iter(STORY.begins.items()))
    told = [post.minute for post in composed if (post.about, post.day) == (about, day)]
    assert len(told) > 10
    assert min(told) >= minute


@pytest.mark.xdist_group("demo")
def test_the_demo_keeps_every_post_and_shows_the_event(demo: tuple[Path, str]) -> None:
    folder, said = demo
    files = list((folder / "demo-posts").glob("*.ndjson"))
    total = sum(len(path.read_text("utf-8").splitlines()) for path in files)
    assert f"{total} are in the index" in said
    with connect(folder) as connection:
        days = connection.over_time(QUESTIONS[0][1], bin="day")
        assert len([posts for posts in days.cells.values() if posts]) >= 5
        assert connection.count("").posts == pytest.approx(total, rel=0.05)
    for title, _, _ in QUESTIONS:
        assert title in said


@pytest.mark.xdist_group("demo")
def test_the_steady_phenomenon_is_shown_day_by_day(demo: tuple[Path, str]) -> None:
    with connect(demo[0]) as connection:
        days = connection.over_time("rule:woningnood", bin="day")
    shown = [posts for posts in days.cells.values() if posts]
    assert len(shown) > 0.8 * STORY.days


@pytest.mark.xdist_group("demo")
def test_what_was_not_seen_is_a_gap_and_has_no_posts(
    demo: tuple[Path, str], shipped: list[dict[str, str]]
) -> None:
    (missed,) = STORY.missed
    begin, end = missed.days
    assert not [p for p in shipped if p["source"] == missed.source and begin >= day_of(p) > end]
    with closing(sqlite3.connect(demo[0] / "data" / "peil.db")) as database:
        ((source, hours),) = database.execute('SELECT source, ("end" - start) / 3600000 FROM gap')
    assert source == missed.source
    assert 24 * (begin - end) - 1 <= hours <= 24 * (begin - end) + 1


@pytest.mark.xdist_group("demo")
def test_a_rule_changed_once_and_is_now_as_it_ships(demo: tuple[Path, str]) -> None:
    with connect(demo[0]) as connection:
        versions = connection.top(f"rule:{STORY.changed.rule}", by="rule_version", limit=100)
    changed = [key for (key,) in versions.cells if key.startswith(f"{STORY.changed.rule}@")]
    assert len(changed) == 2
    for rule in (CONFIG / "rules").glob("*.toml"):
        assert (demo[0] / "config" / "rules" / rule.name).read_text("utf-8") == rule.read_text(
            "utf-8"
        )


@pytest.mark.xdist_group("demo")
def test_the_calendar_tells_the_story(demo: tuple[Path, str]) -> None:
    events = load_calendar(demo[0] / "config")
    assert {event.id for event in events} == {event.id for event in STORY.event}
    election, incident = (
        next(e.day for e in events if e.id == i) for i in ("election", "incident")
    )
    assert (incident - election).days == 39 - 18


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
    assert f"`peil -C {demo[0]} run --role dashboard` shows its dashboard" in done.stderr


@pytest.mark.xdist_group("demo")
def test_a_demo_says_what_it_does_where_there_is_no_terminal(demo: tuple[Path, str]) -> None:
    told = (demo[0].parent / "told").read_text()
    assert told.startswith("Making a city of fictional posts")
    assert len(re.findall(r"^So far [0-9,]+ read", told, re.MULTILINE)) >= 2


def test_a_demo_that_could_not_show_its_dashboard_is_not_begun(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"dashboard.listen=127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [*COMMAND, "--set", listen, "demo", str(tmp_path / "city")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert "cannot listen" in done.stderr
    assert not (tmp_path / "city").exists()


def test_an_overview_of_nothing_shows_nothing() -> None:
    class Nothing:
        def count(self, *_: object, **__: object) -> object:
            return Count(posts=None, k=10)

        def over_time(self, *_: object, **__: object) -> object:
            return Counts(dimensions=("day",), cells={}, total=None, k=10)

        top = over_time

    found = overview(Nothing(), {"a": "A"}, now=START, days=30)  # type: ignore[arg-type]  # answers nothing
    assert found.phenomena[0].change is None
    assert found.phenomena[0].tone("negative") is None


@pytest.mark.xdist_group("demo")
def test_the_first_hour_of_a_rules_author_goes_as_it_is_written(
    demo: tuple[Path, str], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(demo[0], tmp_path / "city"))
    page = (CONFIG.parent / "docs" / "rules.md").read_text("utf-8")
    assert shapes(replay(page, folder)) == shapes(page)
