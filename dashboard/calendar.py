"""The calendar of events: what happened on which day, so that a chart explains itself.

Editors keep `config/events.toml`; it is reviewed like a rule. An event is public and names nobody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from dashboard.registers import named, read_register, refuse, wrong_keys, wrong_title

FILE = "events.toml"
KEYS = {"id", "day", "title"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a time axis marks: on a day of the settings' time zone, by its name in each
    language.
    """

    id: str
    day: date
    title: Mapping[str, str]

    def named(self, language: str) -> str:
        """Its name in `language`, else in the first language that has one."""
        return named(self.title, language)


def load_calendar(config: Path) -> Sequence[Event]:
    """The events of `config/events.toml`, earliest first; none without the file. Stop names
    every event that is wrong and what to write.
    """
    path = config / FILE
    if not path.exists():
        return ()
    problems: list[str] = []
    events: dict[str, Event] = {}
    items = read_register(
        path,
        "event",
        problems,
        hint="a day is written as day = 2026-12-31, and must exist",
    )
    for number, item in enumerate(items, 1):
        name = item.get("id")
        if not isinstance(name, str) or not name:
            problems.append(f'event {number}: it has no id; write id = "new-year"')
            continue
        wrong = list(_wrong(item))
        if name in events:
            wrong.append("there is another event of that id; give it its own")
        problems += [f"event {name}: {each}" for each in wrong]
        if not wrong:
            events[name] = Event(id=name, day=item["day"], title=item["title"])
    refuse(path, problems)
    return sorted(events.values(), key=lambda event: (event.day, event.id))


def between(events: Iterable[Event], first: date, last: date) -> Sequence[Event]:
    """The events from `first` (inclusive) to `last` (exclusive)."""
    return [event for event in events if first <= event.day < last]


def _wrong(item: Mapping[str, Any]) -> Iterator[str]:
    yield from wrong_keys(item, KEYS)
    day = item.get("day")
    if isinstance(day, datetime) or not isinstance(day, date):
        shown = "it has no day" if day is None else f"{day} is no day"
        yield f"{shown}; write it without quotes and time, as day = 2026-12-31"
    yield from wrong_title(item.get("title"))
