"""The calendar of events: what happened on which day, so that a chart explains itself.

Editors keep `config/events.toml`; it is reviewed like a rule. An event is public and names nobody.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from stream.errors import Stop

FILE = "events.toml"
KEYS = {"id", "day", "title"}
LANGUAGES = ("nl", "en")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a time axis marks: on a day of the settings' time zone, by its name in each
    language.
    """

    id: str
    day: date
    title: Mapping[str, str]

    def named(self, language: str) -> str:
        """Its name in `language`, else in the first language that has one."""
        return self.title.get(language) or next(
            self.title[each] for each in LANGUAGES if each in self.title
        )


def load_calendar(config: Path) -> Sequence[Event]:
    """The events of `config/events.toml`, earliest first; none without the file. Stop names
    every event that is wrong and what to write.
    """
    path = config / FILE
    if not path.exists():
        return ()
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Stop(
            f"{path} cannot be read: {error}; a day is written as day = 2026-12-31, and must exist"
        ) from error
    problems = [f"there is no such table: [{name}]" for name in written if name != "event"]
    events: dict[str, Event] = {}
    for number, item in enumerate(_items(written.get("event", []), problems), 1):
        name = item.get("id")
        if not isinstance(name, str) or not name:
            problems.append(f'event {number}: it has no id; write id = "new-year"')
            continue
        wrong = _wrong(item)
        if name in events:
            wrong.append("there is another event of that id; give it its own")
        problems += [f"event {name}: {each}" for each in wrong]
        if not wrong:
            events[name] = Event(id=name, day=item["day"], title=item["title"])
    if problems:
        raise Stop(f"{path} is wrong:\n" + "\n".join(f"  {line}" for line in problems))
    return sorted(events.values(), key=lambda event: (event.day, event.id))


def between(events: Iterable[Event], first: date, last: date) -> Sequence[Event]:
    """The events from `first` (inclusive) to `last` (exclusive)."""
    return [event for event in events if first <= event.day < last]


def _items(found: Any, problems: list[str]) -> Sequence[Mapping[str, Any]]:
    if isinstance(found, list) and all(isinstance(item, dict) for item in found):
        return found
    problems.append("begin each event with a line [[event]]")
    return ()


def _wrong(item: Mapping[str, Any]) -> list[str]:
    wrong = [f"there is no such key: {key}" for key in sorted(item.keys() - KEYS)]
    day, title = item.get("day"), item.get("title")
    if isinstance(day, datetime) or not isinstance(day, date):
        shown = "it has no day" if day is None else f"{day} is no day"
        wrong.append(f"{shown}; write it without quotes and time, as day = 2026-12-31")
    languages = " and ".join(LANGUAGES)
    if not isinstance(title, dict) or not title:
        wrong.append('it has no title; write title = { nl = "Oud en nieuw", en = "New Year" }')
    elif unknown := sorted(title.keys() - set(LANGUAGES)):
        wrong.append(f"title has {', '.join(unknown)}; the languages are {languages}")
    elif not all(isinstance(each, str) and each.strip() for each in title.values()):
        wrong.append("a title is empty; write it, or leave its language out")
    return wrong
