"""The demo: the real pipeline over fictional posts that ship with peil."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from peil.folder import WorkingFolder
from peil.importing import Accounting, Progress, import_files
from peil.pipeline import Pipeline
from peil.shipped import shipped_config
from stream.clock import to_datetime

SOURCE = "demo"
DAYS = 30
PURPOSE = "trying peil out with fictional posts"

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


def make_folder(root: Path) -> WorkingFolder:
    """A working folder for the demo at `root`, with its purpose and its source."""
    folder = WorkingFolder.init(root)
    written = folder.settings.read_text("utf-8")
    folder.settings.write_text(written.replace('purpose = ""', f'purpose = "{PURPOSE}"'), "utf-8")
    described = (shipped_config() / "demo" / "demo.toml").read_text("utf-8")
    (folder.config / "sources" / f"{SOURCE}.toml").write_text(described, "utf-8")
    return folder


def fill(pipeline: Pipeline, *, progress: Progress) -> Accounting:
    """Open the source in the register and import the demo's posts, dated back from today."""
    today = to_datetime(pipeline.clock.now()).date()
    pipeline.register.open(
        SOURCE,
        owner="whoever tries peil",
        purpose=PURPOSE,
        basis="none is needed: no post is real",
        dpia="none is needed: no person is real",
        obtained="written for peil",
        until=today + timedelta(days=90),
    )
    path = pipeline.folder.root / "demo-posts.ndjson"
    with path.open("w", encoding="utf-8") as file:
        for item in posts(pipeline.clock.now(), timezone=pipeline.settings.timezone):
            file.write(json.dumps(item, ensure_ascii=False) + "\n")
    return import_files(pipeline, [path], source=SOURCE, again=False, progress=progress)


def posts(now: int, *, timezone: str) -> Iterator[dict[str, Any]]:
    """The shipped posts as an export would hold them, so that the last ones are of yesterday."""
    today = to_datetime(now).astimezone(ZoneInfo(timezone)).date()
    with (shipped_config() / "demo" / "posts.ndjson").open(encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            day = today - timedelta(days=item.pop("days_ago"))
            moment = datetime.fromisoformat(f"{day.isoformat()}T{item.pop('time')}")
            item["created_at"] = moment.replace(tzinfo=ZoneInfo(timezone)).isoformat()
            item["lang"] = item.pop("declared")
            yield item
