"""The demo: the real pipeline over fictional posts that ship with peil."""

import json
import os
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ingest.account import Account
from ingest.contract import Batch, Cursor
from ingest.files.collector import FileCollector, FileSettings
from peil.folder import WorkingFolder
from peil.importing import Accounting, Progress, collect
from peil.pipeline import Pipeline
from peil.shipped import shipped_config
from peil.story import NEWS, Composed, Happened, Story, compose, load_phrases, load_story
from stream.clock import to_datetime, to_milliseconds
from stream.events import Gap

DAYS = 30
SEED = 18
PURPOSE = "trying peil out with fictional posts"
DUTCH_PURPOSE = "peil uitproberen met verzonnen berichten"
FORUM_SHARE = 0.6
"""How many of the posts that were written by hand are in the forum."""

MOST_THREADS = 4

QUERY = re.compile(r"query = '''.*?'''", re.DOTALL)

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "What happened in the middle of the last month, and when was it over?",
        "explosie* OR knal* OR vuurwerk* OR firework* OR patlama OR انفجار",
        "day",
    ),
    (
        "In which languages do people say that they are not well?",
        "rule:eenzaamheid OR rule:discriminatie OR rule:mentale-druk",
        "language",
    ),
    ("Who offers help, in their own words?", "rule:steunaanbod lang:nl", ""),
)
"""What an analyst might ask: the question, its query, and what to count by (empty: texts)."""

Item = dict[str, Any]


def make_folder(root: Path) -> WorkingFolder:
    """A working folder for the demo at `root`, with its purpose, its sources and the places of
    its city.
    """
    folder = WorkingFolder.init(root)
    demo = _shipped()
    written = folder.settings.read_text("utf-8")
    threads = min(os.cpu_count() or 1, MOST_THREADS)  # a demo is alone on the machine
    written = written.replace('purpose = ""', f'purpose = "{PURPOSE}"')
    titles = f'[dashboard]\npurpose_titles = {{ nl = "{DUTCH_PURPOSE}" }}\n'
    more = f"[enrich]\nthreads = {threads}\n\n{titles}"
    folder.settings.write_text(f"{written}\n{more}", "utf-8")
    for source in (demo / "sources").glob("*.toml"):
        (folder.config / "sources" / source.name).write_bytes(source.read_bytes())
    with (folder.config / "places.toml").open("a", encoding="utf-8") as places:
        places.write((demo / "places.toml").read_text("utf-8"))
    return folder


def fill(pipeline: Pipeline, *, progress: Progress) -> Accounting:
    """Open the sources in the register and import the demo's posts, dated back from today: those
    from before a rule changed while the rule was as it was then.
    """
    story, config = load_story(_shipped()), pipeline.folder.config
    now, zone = pipeline.clock.now(), ZoneInfo(pipeline.settings.timezone)
    today = to_datetime(now).astimezone(zone).date()
    _open(pipeline, story.sources, until=today + timedelta(days=90))
    (config / "events.toml").write_text(_calendar(story.event, today), "utf-8")
    turn = today - timedelta(days=story.changed.day)
    before: list[Item] = []
    after: list[Item] = []
    for item in posts(now, timezone=pipeline.settings.timezone):
        day = datetime.fromisoformat(item["created_at"]).date()
        (before if day < turn else after).append(item)
    rule = config / "rules" / f"{story.changed.rule}.toml"
    with (
        _as_it_was(rule, story.changed.query),
        Pipeline(pipeline.folder, pipeline.settings, clock=pipeline.clock) as earlier,
    ):
        accounts = _bring(earlier, before, gaps=(), progress=progress)
    gaps = [
        Gap(
            source=each.source,
            start=_midnight(today - timedelta(days=each.days[0]), zone),
            end=_midnight(today - timedelta(days=each.days[1]), zone),
            why=each.why,
        )
        for each in story.missed
    ]
    return _sum([*accounts, *_bring(pipeline, after, gaps=gaps, progress=progress)])


def posts(now: int, *, timezone: str) -> Iterator[Item]:
    """The shipped and the composed posts as exports would hold them, each with its `source`, so
    that the last ones are of yesterday.
    """
    zone, demo = ZoneInfo(timezone), _shipped()
    today = to_datetime(now).astimezone(zone).date()
    story = load_story(demo)
    rng = Random(SEED)  # noqa: S311  (the same posts for everybody)
    for item in _written(demo, story, rng):
        yield _dated(item, today, zone)
    for number, post in enumerate(compose(story, load_phrases(demo), today=today, rng=rng), 1):
        yield _dated(_exported(number, post), today, zone)


def _written(demo: Path, story: Story, rng: Random) -> Iterator[Item]:
    """The posts that were written one by one, by people of the forum and of the neighbourhood."""
    with (demo / "posts.ndjson").open(encoding="utf-8") as file:
        for line in file:
            item: Item = json.loads(line)
            forum = rng.random() < FORUM_SHARE and story.sees("stadsforum", item["days_ago"])
            yield {**item, "source": "stadsforum" if forum else "buurtplein"}


def _exported(number: int, post: Composed) -> Item:
    return {
        "id": f"story-{number:05d}",
        "days_ago": post.day,
        "time": f"{post.minute // 60:02d}:{post.minute % 60:02d}",
        "author": post.author,
        "like_count": post.likes,
        "declared": post.language,
        "kind": "article" if post.source == NEWS else "post",
        "source": post.source,
        "body": post.text,
    }


def _dated(item: Item, today: date, zone: ZoneInfo) -> Item:
    day = today - timedelta(days=item.pop("days_ago"))
    moment = datetime.fromisoformat(f"{day.isoformat()}T{item.pop('time')}")
    item["created_at"] = moment.replace(tzinfo=zone).isoformat()
    item["lang"] = item.pop("declared")
    return item


class _Interrupted:
    """A collector of files that tells of a time in which there was nothing to collect."""

    name: ClassVar[str] = FileCollector.name
    Settings: ClassVar[type[BaseModel]] = FileSettings
    repeats: ClassVar[bool] = FileCollector.repeats
    live: ClassVar[bool] = FileCollector.live
    endless: ClassVar[bool] = FileCollector.endless

    def __init__(self, files: FileCollector, gaps: Sequence[Gap]) -> None:
        self._files = files
        self._gaps = gaps

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        yield Batch(cursor=cursor, gaps=self._gaps)
        yield from self._files.poll(cursor)


def _bring(
    pipeline: Pipeline, items: Sequence[Item], *, gaps: Sequence[Gap], progress: Progress
) -> list[Accounting]:
    """Import `items` into the sources that they name."""
    pipeline.publish_rules()
    accounts: list[Accounting] = []
    by_source: dict[str, list[Item]] = {}
    for item in items:
        by_source.setdefault(item.pop("source"), []).append(item)
    for source, some in by_source.items():
        described = pipeline.sources[source]
        path = pipeline.folder.root / "demo-posts" / f"{source}-until-{some[-1]['id']}.ndjson"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in some)
        files = FileCollector(
            FileSettings.model_validate(dict(described.settings)),
            paths=[path],
            clock=pipeline.clock,
            progress=lambda items: progress("read", items, None),
        )
        collector = _Interrupted(files, [gap for gap in gaps if gap.source == source])
        accounts.append(collect(pipeline, described, collector, progress=progress))
    return accounts


@contextmanager
def _as_it_was(rule: Path, query: str) -> Generator[None]:
    """While the block runs, the rule's file holds an earlier `query`, and none of the examples
    that came with the later one.
    """
    current = rule.read_text("utf-8")
    earlier, _, _ = current.partition("\n[[")
    rule.write_text(QUERY.sub(lambda _: f"query = '''{query}'''", earlier), "utf-8")
    try:
        yield
    finally:
        rule.write_text(current, "utf-8")


def _open(pipeline: Pipeline, sources: Iterable[str], *, until: date) -> None:
    for source in sources:
        pipeline.register.open(
            source,
            owner="whoever tries peil",
            purpose=PURPOSE,
            basis="none is needed: no post is real",
            dpia="none is needed: no person is real",
            obtained="written for peil",
            until=until,
            organisation=source == NEWS,
        )


def _calendar(events: Iterable[Happened], today: date) -> str:
    lines = ["# The events of the demo's city, which does not exist."]
    for each in events:
        titles = ", ".join(f"{name} = {json.dumps(words)}" for name, words in each.title.items())
        lines += [
            "",
            "[[event]]",
            f"id = {json.dumps(each.id)}",
            f"day = {today - timedelta(days=each.day)}",
            f"title = {{ {titles} }}",
        ]
    return "\n".join(lines) + "\n"


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_milliseconds(datetime(day.year, day.month, day.day, tzinfo=zone))


def _sum(accounts: Sequence[Accounting]) -> Accounting:
    """What became of the items of all imports together."""
    total = Account()
    for each in accounts:
        total.read += each.account.read
        total.appended += each.account.appended
        total.rejected += each.account.rejected
        total.gaps += each.account.gaps
        total.dropped += each.account.dropped
        total.skipped += each.account.skipped
        total.ids += each.account.ids
    return Accounting(
        total,
        drained=all(each.drained for each in accounts),
        kept=sum(each.kept for each in accounts),
        recent=sum(each.recent for each in accounts),
        superseded=sum(each.superseded for each in accounts),
        elsewhere=sum(each.elsewhere for each in accounts),
    )


def _shipped() -> Path:
    return shipped_config() / "demo"
