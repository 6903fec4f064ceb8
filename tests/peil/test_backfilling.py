"""What a rule finds among the posts of the last days when it is active: nothing lost or doubled."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from index.contract import Question
from peil.backends import SERVICE
from peil.backfilling import backfill
from peil.folder import WorkingFolder
from peil.housekeeping import keep_house
from peil.importing import import_files
from peil.pipeline import Pipeline
from peil.settings import Settings
from rules.parser import parse
from stream.broker import Entry
from stream.clock import DAY_MS, HOUR_MS, ManualClock, to_datetime
from stream.codec import decode, encode
from stream.errors import Stop
from stream.events import Upsert
from stream.post import Post
from stream.scan import scan
from stream.testing import START
from stream.topics import POSTS
from stream.version import MAX_REV, of_delete, pack, rev_of
from tests.peil.commands import COMMAND, Peil

Held = Callable[..., int]
Open = Callable[[], Pipeline]

A_DAY = 12
RULE = """
id = "speeltuin"
title = "Playgrounds"
purpose = "How large is the conversation about playgrounds"
category = "living"
owner = "team prevention"
expires = {expires}
query = "schommel* OR glijbaan"

[[match]]
text = "De schommels zijn weg"

[[no_match]]
text = "We gaan met de trein"
"""


def items(first: int, count: int, *, at: int) -> list[dict[str, object]]:
    """Posts about playgrounds, and as many that are not."""
    when = to_datetime(at).strftime("%Y-%m-%d %H:%M:%S")
    texts = ("De schommel bij ons is kapot en niemand maakt hem", "Lekker met de trein naar zee")
    return [
        {"id": str(n), "author": f"user_{n}x", "body": f"{texts[n % 2]} {n}", "timestamp": when}
        for n in range(first, first + 2 * count)
    ]


def write(path: Path, found: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in found))
    return path


def add_rule(config: Path, *, now: int) -> None:
    expires = to_datetime(now + 300 * DAY_MS).date().isoformat()
    (config / "rules" / "speeltuin.toml").write_text(RULE.format(expires=expires))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def open_city(tmp_path: Path, clock: ManualClock) -> Open:
    """Opens the pipeline over one folder, as another process would."""
    folder = WorkingFolder.init(tmp_path / "city")
    settings = Settings.model_validate(
        {
            "purpose": "a test",
            "rules": {"single_author": True},
            "enrich": {"models": os.environ["PEIL_ENRICH__MODELS"]},
        }
    )

    def make() -> Pipeline:
        return Pipeline(folder, settings, clock=clock)

    with make() as pipeline:
        pipeline.register.open(
            "upload", owner="o", purpose="p", basis="b", dpia="d", obtained="x",
            until=to_datetime(START).date() + timedelta(days=300),
        )  # fmt: skip
    return make


@pytest.fixture
def city(open_city: Open, clock: ManualClock, tmp_path: Path) -> Open:
    """The same with posts of two days that no rule matched, and then a rule that would have."""
    for day in range(2):
        path = write(tmp_path / f"{day}.ndjson", items(100 * day, A_DAY, at=clock.now()))
        with open_city() as pipeline:
            import_files(pipeline, [path], source="upload", again=False, progress=silent)
        clock.advance(DAY_MS)
    add_rule(tmp_path / "city" / "config", now=clock.now())
    with open_city() as pipeline:
        pipeline.publish_rules()
    return open_city


def silent(_stage: str, _items: int, _total: int | None) -> None:
    pass


def work_off(pipeline: Pipeline) -> None:
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()


def stored(pipeline: Pipeline) -> tuple[list[Post], list[Post]]:
    """What is in `kept`, and in `recent`, however often."""
    pipeline.store.reload()
    posts = [
        (name.kind, post)
        for name in pipeline.store.partitions()
        for post in pipeline.store.posts(name)
    ]
    return [p for kind, p in posts if kind == "kept"], [p for kind, p in posts if kind == "recent"]


def appended(pipeline: Pipeline) -> int:
    return sum(1 for _ in scan(pipeline.broker, POSTS.name))


def check_promoted(pipeline: Pipeline, *, count: int = 2 * A_DAY) -> None:
    kept, recent = stored(pipeline)
    assert len({post.id for post in kept}) == len(kept) == count
    assert all("schommel" in post.text for post in kept)
    assert {match.rule for post in kept for match in post.matches} == {"speeltuin"}
    assert not {post.id for post in kept} & {post.id for post in recent}
    assert len(recent) == 2 * A_DAY
    assert pipeline.store.count(Question(query=parse("schommel").tree)).posts == count


def test_what_the_rule_finds_is_kept_with_the_labels_of_kept_posts(city: Open) -> None:
    with city() as pipeline:
        before = {post.id: post for post in stored(pipeline)[1]}
        result = backfill(pipeline, "speeltuin", progress=silent)
        assert (result.rule.partition("@")[0], result.posts) == ("speeltuin", 20)
        work_off(pipeline)
        check_promoted(pipeline)
        for post in stored(pipeline)[0]:
            was = before[post.id]
            assert _left_out(was) is not was.sampled
            assert not _left_out(post)
            assert (post.first_observed, post.keep_until) == (was.first_observed, was.keep_until)
        *_, entry = pipeline.access.entries()
        assert entry.action == "backfill"
        assert result.rule in (entry.payload or "")
        before_again = appended(pipeline)
        assert backfill(pipeline, "speeltuin", progress=silent).posts is None
        assert appended(pipeline) == before_again


def _left_out(post: Post) -> bool:
    return post.topic is not None and post.topic.abstained == "not_selected"


def test_a_kill_anywhere_is_mended_by_doing_it_again(city: Open) -> None:
    def killed(_stage: str, _items: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with city() as pipeline:
        start = appended(pipeline)
        with pytest.raises(KeyboardInterrupt):
            backfill(pipeline, "speeltuin", progress=killed)
        assert appended(pipeline) - start == A_DAY
    with city() as pipeline:  # the first ones are enriched and not indexed
        pipeline.enrich_worker().drain()
    with city() as pipeline:
        backfill(pipeline, "speeltuin", progress=silent)
        assert appended(pipeline) - start == 3 * A_DAY
    with city() as pipeline:
        work_off(pipeline)
        check_promoted(pipeline)


def test_a_rule_that_asks_for_a_place_finds_it_as_among_new_posts(
    open_city: Open, clock: ManualClock, tmp_path: Path
) -> None:
    some = items(0, A_DAY, at=clock.now())
    for each in some[:A_DAY]:
        each["body"] = f"{each['body']} in Tilburg"
    with open_city() as pipeline:
        path = write(tmp_path / "posts.ndjson", some)
        import_files(pipeline, [path], source="upload", again=False, progress=silent)
    clock.advance(DAY_MS)
    add_rule(tmp_path / "city" / "config", now=clock.now())
    path = tmp_path / "city" / "config" / "rules" / "speeltuin.toml"
    rule = path.read_text().replace('"schommel* OR glijbaan"', '"schommel* place:tilburg"')
    path.write_text(rule.replace("De schommels zijn weg", "De schommels in Tilburg zijn weg"))
    with open_city() as pipeline:
        pipeline.publish_rules()
        backfill(pipeline, "speeltuin", progress=silent)
        work_off(pipeline)
        kept, _ = stored(pipeline)
        assert len(kept) == A_DAY // 2
        assert all("Tilburg" in post.text for post in kept)


def test_what_was_erased_or_edited_meanwhile_does_not_come_back(city: Open) -> None:
    with city() as pipeline:
        _, recent = stored(pipeline)
        found = [post for post in recent if "schommel" in post.text]
        early, late, edited = found[:3]
        until = START + 100 * DAY_MS
        pipeline.ledger.add_posts({early.id: of_delete(MAX_REV)}, until=until)
        start = appended(pipeline)
        backfill(pipeline, "speeltuin", progress=silent)
        assert appended(pipeline) - start == 2 * A_DAY - 1
        pipeline.ledger.add_posts({late.id: of_delete(MAX_REV)}, until=until)
        newer = Upsert(
            msgspec.structs.replace(
                edited.unlabelled(), text="niets meer", version=pack(START + 3 * DAY_MS, 0)
            )
        )
        pipeline.broker.append(POSTS.name, [Entry(newer.key, encode(newer))])
        work_off(pipeline)
        kept, recent = stored(pipeline)
        assert {post.id for post in kept} == {post.id for post in found[3:]}
        # What matches nothing now came too late to be kept with its words: it counts without them.
        (stands,) = (post for post in recent if post.id == edited.id)
        assert (stands.text, rev_of(stands.version)) == ("", START + 3 * DAY_MS)


def test_what_is_appended_is_as_the_gate_made_it(city: Open) -> None:
    with city() as pipeline:
        backfill(pipeline, "speeltuin", progress=silent)
        records: dict[str, list[Post]] = {}
        for record in scan(pipeline.broker, POSTS.name):
            event = decode(record.value or b"")
            if isinstance(event, Upsert):
                gated = msgspec.structs.replace(event.post, version=rev_of(event.post.version))
                records.setdefault(event.key, []).append(gated)
        twice = [found for found in records.values() if len(found) > 1]
        assert len(twice) == 2 * A_DAY
        assert all(first == second for first, second in twice)


def test_posts_whose_time_is_over_are_not_brought_back(city: Open, clock: ManualClock) -> None:
    with city() as pipeline:
        clock.advance(4 * DAY_MS)
        keep_house(pipeline)
        backfill(pipeline, "speeltuin", progress=silent)
        work_off(pipeline)
        assert stored(pipeline) == ([], [])


@pytest.mark.parametrize("rule", ["speeltuinen", "", "no such"])
def test_a_rule_that_is_not_active_finds_nothing(city: Open, rule: str) -> None:
    with city() as pipeline:
        before = appended(pipeline)
        with pytest.raises(Stop, match="is not active"):
            backfill(pipeline, rule, progress=silent)
        assert appended(pipeline) == before


def test_so_few_are_as_if_there_were_none(
    open_city: Open, clock: ManualClock, tmp_path: Path
) -> None:
    path = write(tmp_path / "few.ndjson", items(0, 9, at=clock.now()))
    with open_city() as pipeline:
        import_files(pipeline, [path], source="upload", again=False, progress=silent)
    add_rule(tmp_path / "city" / "config", now=clock.now())
    with open_city() as pipeline:
        pipeline.publish_rules()
        result = backfill(pipeline, "speeltuin", progress=silent)
        assert (result.posts, result.k) == (None, 10)
        work_off(pipeline)
        assert len(stored(pipeline)[0]) == 9


def test_the_command_keeps_what_it_finds(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    now = int(time.time() * 1000)
    path = write(tmp_path / "posts.ndjson", items(0, 40, at=now - HOUR_MS))
    peil("import", str(path))
    assert held() == 0
    assert "is not active" in peil("rules", "backfill", "speeltuin", code=3).stderr
    add_rule(folder / "config", now=now)
    said = peil("rules", "backfill", "speeltuin").stdout
    assert "finds about 20 posts more" in said or "finds about 50 posts more" in said
    assert held("schommel") == 40
    again = json.loads(peil("rules", "backfill", "speeltuin", "--json").stdout)
    assert (again["posts"], again["k"], again["done"]) == (None, 10, True)
    assert "beside" in peil("rules", "shadowed", "speeltuin", code=3).stderr


@pytest.mark.kill
def test_beside_a_run_that_is_up_the_run_does_the_rest(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    now = int(time.time() * 1000)
    path = write(tmp_path / "posts.ndjson", items(0, 40, at=now - HOUR_MS))
    peil("import", str(path))
    add_rule(folder / "config", now=now)
    peil("rules", "sync")
    running = subprocess.Popen([*COMMAND, "-C", str(folder), "run"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 100
        while not WorkingFolder.open(folder).is_held(SERVICE):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        said = peil("rules", "backfill", "speeltuin").stdout
        assert "the running peil takes them in" in said
        while held("schommel") < 40:
            assert time.monotonic() < deadline
            time.sleep(1)
    finally:
        running.terminate()
        running.wait(timeout=60)
    assert held() == held("schommel") == 40
