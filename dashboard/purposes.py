"""The register of purposes: what readers may look for, on which ground, until when.

`config/purposes.toml` is reviewed like a rule. Whoever enters chooses one; it stands beside
everything that is read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from dashboard.registers import (
    LANGUAGES,
    named,
    read_register,
    refuse,
    wrong_keys,
    wrong_title,
)  # fmt: skip
from index.values import local_day
from stream.clock import Clock

FILE = "purposes.toml"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
STATED = ("basis", "owner")
KEYS = {"id", "title", "until", *STATED}


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose. `id` is what stands in the access log; `until` is the first day on which it
    cannot be chosen any more, None for that of the working folder.
    """

    id: str
    title: Mapping[str, str]
    basis: str = ""
    owner: str = ""
    until: date | None = None

    def named(self, language: str) -> str:
        """Its title in `language`, else in the first language that has one."""
        return named(self.title, language)


class Purposes:
    """What may be chosen now: the register's entries that have not ended, and the purpose of the
    working folder when it has one.
    """

    def __init__(
        self,
        register: Sequence[Purpose],
        *,
        folder: str,
        clock: Clock,
        timezone: str,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """`titles` say by language what pages call the purpose of the `folder`."""
        own = folder.strip()
        # The command line writes it in the access log as it stands, so its id is its text.
        mine = (
            [Purpose(id=own, title={**dict.fromkeys(LANGUAGES, own), **(titles or {})})]
            if own
            else []
        )
        self._all = {each.id: each for each in (*mine, *register)}
        self._clock = clock
        self._timezone = timezone

    def open(self) -> Sequence[Purpose]:
        """What may be chosen today."""
        return [each for each in self._all.values() if self._is_open(each)]

    def get(self, name: str) -> Purpose | None:
        """The purpose of that id, while it may be chosen."""
        found = self._all.get(name)
        return found if found is not None and self._is_open(found) else None

    def _is_open(self, purpose: Purpose) -> bool:
        today = local_day(self._clock.now(), self._timezone)
        return purpose.until is None or today < purpose.until


def load_purposes(config: Path) -> Sequence[Purpose]:
    """The register in `config/purposes.toml`; empty without the file. Stop names every entry that
    is wrong and what to write.
    """
    path = config / FILE
    if not path.exists():
        return ()
    problems: list[str] = []
    purposes: dict[str, Purpose] = {}
    items = read_register(path, "purpose", problems, hint="mend that line")
    for number, item in enumerate(items, 1):
        name = item.get("id")
        if not isinstance(name, str) or not ID.fullmatch(name):
            problems.append(f'purpose {number}: write its id in small letters, as id = "new-year"')
            continue
        wrong = list(_wrong(item))
        if name in purposes:
            wrong.append("there is another purpose of that id; give it its own")
        problems += [f"purpose {name}: {each}" for each in wrong]
        if not wrong:
            purposes[name] = Purpose(**item)
    refuse(path, problems)
    return list(purposes.values())


def _wrong(item: Mapping[str, Any]) -> Iterator[str]:
    yield from wrong_keys(item, KEYS)
    for key in STATED:
        stated = item.get(key)
        if not isinstance(stated, str) or not stated.strip():
            yield f"{key} is missing; a purpose without it may not be read for"
    until = item.get("until")
    if isinstance(until, datetime) or not isinstance(until, date):
        yield "write the first day on which it has ended, without quotes, as until = 2027-01-01"
    yield from wrong_title(item.get("title"))
