"""What docs/privacy.md promises, over the whole pipeline and every file that it writes."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from index.contract import Question
from peil.database import METADATA
from peil.folder import WorkingFolder
from peil.housekeeping import keep_house
from peil.importing import import_files
from peil.pipeline import Pipeline
from peil.settings import Settings
from privacy.noise import COINS
from stream.broker import Entry
from stream.clock import DAY_MS, HOUR_MS, ManualClock, to_datetime
from stream.codec import decode, encode
from stream.errors import Stop
from stream.events import Delete, Upsert
from stream.scan import scan
from stream.testing import START, bytes_below
from stream.topics import LABELLED, POSTS, TOPICS
from stream.version import of_delete

TESTS = Path(__file__).parents[1]
PLANTED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "privacy" / "planted.ndjson")
    .read_text("utf-8")
    .splitlines()
]
MARK = "Fatbikes scheuren hier elke avond over de stoep bij de kwekerij"
SHORTEST = 6
"""A shorter secret turns up by chance among hexadecimal ids."""


NUMBER = re.compile(r"\b(?:[0-9a-f]{16,}|1[78]\d{11})\b")
"""Ids, hashes and moments (Unix ms), in which a short secret of digits turns up by chance."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(params=["embedded", pytest.param("cluster", marks=pytest.mark.cluster)])
def pipeline(
    tmp_path: Path, clock: ManualClock, request: pytest.FixtureRequest
) -> Iterator[Pipeline]:
    """On one machine, and on a cluster: what is promised holds on both."""
    folder = WorkingFolder.init(tmp_path / "city")
    whole = folder.config / "sources" / "whole.toml"
    whole.write_text('id = "whole"\ntitle = "t"\ncollector = "files"\nkeep = "all"\n')
    settings = Settings.model_validate(
        {
            "purpose": "a test",
            "rules": {"single_author": True},
            "enrich": {"models": str(Path(__file__).parents[2] / ".cache/models")},
            **(request.getfixturevalue("cluster") if request.param == "cluster" else {}),
        }
    )
    with Pipeline(folder, settings, clock=clock) as pipeline:
        for source in ("upload", "whole"):
            pipeline.register.open(
                source, owner="o", purpose="p", basis="b", dpia="d", obtained="x",
                until=to_datetime(START).date() + timedelta(days=300),
            )  # fmt: skip
        yield pipeline


embedded = pytest.mark.parametrize("pipeline", ["embedded"], indirect=True)
"""For what the clock of a test cannot hurry on a cluster: tests/stream/test_kafka.py shows it."""


def bring(pipeline: Pipeline, tmp_path: Path, items: list[dict[str, Any]], source: str) -> None:
    path = tmp_path / f"{source}.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    import_files(pipeline, [path], source=source, again=False, progress=lambda *_: None)
    pipeline.metrics.write(pipeline.folder.metrics / "test.prom")


def values(post: object) -> str:
    """Everything that a stored post says, ids and pseudonyms aside."""
    found = msgspec.to_builtins(post)
    for name in ("id", "author", "version"):
        found.pop(name, None)
    return json.dumps(found, ensure_ascii=False)


def stored(pipeline: Pipeline) -> list[str]:
    pipeline.store.reload()
    hits = pipeline.store.search(Question(scope="both"), limit=10_000)
    return [values(hit.post) for hit in hits]


def logged(pipeline: Pipeline) -> list[str]:
    found: list[str] = []
    for topic in TOPICS:
        for record in scan(pipeline.broker, topic.name):
            if topic.name in ("posts", "labelled") and record.value:
                event = decode(record.value)
                found.append(values(event.post) if isinstance(event, Upsert) else repr(event))
            else:
                found.append((record.value or b"").decode("utf-8", "replace"))
    return found


def database(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [
            repr(row)
            for metadata in METADATA
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        ]


@pytest.mark.parametrize("source", ["upload", "whole"])
def test_no_planted_secret_is_in_any_stored_value(
    pipeline: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    items = [
        {
            "id": f"p{number}",
            "author": f"writer_{number}x",
            "body": f"{each['text']} {number}",
            "tags": ["Plein", f"#Writer_{number}x"],
        }
        for number, each in enumerate(PLANTED)
    ]
    items.append({"id": "bad", "author": "writer_badx", "nothing": "secret_in_a_bad_item"})
    bring(pipeline, tmp_path, items, source)
    texts = stored(pipeline)
    assert len(texts) == len(PLANTED)
    assert all("plein" in each for each in texts)
    places = {
        "store": texts,
        "log": logged(pipeline),
        "database": database(pipeline.database),
        "metrics": [(pipeline.folder.metrics / "test.prom").read_text("utf-8")],
        "program log": [caplog.text],
    }
    places["database"] = [NUMBER.sub("", value) for value in places["database"]]
    planted = [each["secret"] for each in PLANTED if len(each["secret"]) >= SHORTEST]
    planted += [*(f"writer_{number}x" for number in range(len(PLANTED))), "secret_in_a_bad_item"]
    for name, held in places.items():
        whole = "\n".join(held).casefold()
        assert whole or name == "program log"
        assert [secret for secret in planted if secret.casefold() in whole] == [], name
    everything = bytes_below(pipeline.folder.data)
    assert [secret for secret in planted if secret.encode() in everything] == []


@embedded
@pytest.mark.parametrize("topic", [POSTS.name, LABELLED.name])
def test_a_delete_that_was_not_read_yet_reaches_the_index_and_every_file(
    pipeline: Pipeline, tmp_path: Path, clock: ManualClock, topic: str
) -> None:
    """Housekeeping comes between the ledger, which knows it, and the index, which does not."""
    bring(pipeline, tmp_path, [{"id": "1", "author": "a", "body": f"{MARK} zeldzaam"}], "whole")
    assert len(stored(pipeline)) == 1
    clock.advance(1000)
    key = pipeline.keys.post_id("file", "1")
    event = Delete(key, of_delete(clock.now()), "whole")
    pipeline.ledger.add_posts({key: event.version}, until=clock.now() + DAY_MS)
    pipeline.broker.append(topic, [Entry(key, encode(event))])
    keep_house(pipeline)
    pipeline.enrich_worker().drain()
    pipeline.index_worker().drain()
    assert stored(pipeline) == []
    assert b"zeldzaam" not in bytes_below(pipeline.folder.data)


@embedded
def test_no_text_outlives_its_time_in_any_file(
    pipeline: Pipeline, tmp_path: Path, clock: ManualClock
) -> None:
    plain = "De bakker op de hoek verkoopt weer lekker brood"
    items = [
        {"id": str(n), "author": f"a{n}", "body": f"{MARK if n % 2 else plain} {n}"}
        for n in range(40)
    ]
    bring(pipeline, tmp_path, items, "upload")
    assert len(stored(pipeline)) == 40
    clock.advance(72 * HOUR_MS)
    keep_house(pipeline)
    left = stored(pipeline)
    assert len(left) == 20
    assert all(MARK in each for each in left)
    assert logged_texts(pipeline) == []
    everything = bytes_below(pipeline.folder.data)
    assert plain.encode() not in everything
    assert not list(pipeline.folder.index.rglob("recent-*"))
    clock.advance(90 * DAY_MS)
    keep_house(pipeline)
    assert stored(pipeline) == []
    assert MARK.encode() not in bytes_below(pipeline.folder.data)
    assert not list(pipeline.folder.index.rglob("kept-*"))


def logged_texts(pipeline: Pipeline) -> list[str]:
    return [
        each for topic in ("posts", "labelled", "quarantine")
        for record in scan(pipeline.broker, topic) if record.value
        for each in [record.value.decode("utf-8", "replace")] if "text" in each
    ]  # fmt: skip


def test_the_counts_stay_when_the_texts_go(
    pipeline: Pipeline, tmp_path: Path, clock: ManualClock
) -> None:
    plain = "De bakker op de hoek verkoopt weer lekker brood"
    items = [
        {"id": str(n), "author": f"a{n}", "body": f"{MARK if n % 3 else plain} {n}"}
        for n in range(60)
    ]
    bring(pipeline, tmp_path, items, "upload")
    answers = pipeline.answers()

    def totals() -> list[int | None]:
        return [answers.long_series(rule).total for rule in ("voertuigoverlast", "")]

    for _ in range(2):  # keeping house twice counts nothing twice
        clock.advance(72 * HOUR_MS)
        keep_house(pipeline)
        assert totals() == [pytest.approx(40, abs=COINS), pytest.approx(60, abs=COINS)]
    clock.advance(90 * DAY_MS)
    keep_house(pipeline)
    assert stored(pipeline) == []
    assert totals() == [40, 60]  # what is kept is of k people at least and has no noise
    clock.advance(6 * 365 * DAY_MS)
    keep_house(pipeline)
    assert answers.long_series().total is None


def test_a_special_category_is_counted_from_25_people_and_never_read(
    pipeline: Pipeline, tmp_path: Path, clock: ManualClock
) -> None:
    rule = pipeline.folder.config / "rules" / "voertuigoverlast.toml"
    rule.write_text(
        rule.read_text("utf-8").replace(
            "special_category = false",
            'special_category = true\nground = "9(2)(g)"\napproved_by = "privacy officer"',
        ),
        "utf-8",
    )
    items = [{"id": str(n), "author": f"a{n}", "body": f"{MARK} {n}"} for n in range(24)]
    bring(pipeline, tmp_path, items, "upload")
    clock.advance(DAY_MS)
    answers = pipeline.answers()
    assert answers.count("rule:voertuigoverlast").posts is None
    assert answers.count("fatbikes NOT rule:voertuigoverlast").k == 25
    assert answers.top(by="rule").cells == {}
    with pytest.raises(Stop, match="special category"):
        answers.texts("rule:voertuigoverlast")
    assert answers.texts("fatbikes").excerpts == ()
    more = [{"id": str(n), "author": f"a{n}", "body": f"{MARK} {n}"} for n in range(24, 40)]
    bring(pipeline, tmp_path, more, "upload")
    clock.advance(DAY_MS)
    assert answers.count("rule:voertuigoverlast").posts == pytest.approx(40, abs=COINS)
    assert list(answers.top(by="rule").cells) == [("voertuigoverlast",)]
    clock.advance(30 * DAY_MS)
    keep_house(pipeline)
    assert stored(pipeline) == []
