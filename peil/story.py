"""What the demo's posts say and when: composed from phrases along the curves of a story.

The same seed gives the same posts. Everything is fictional (`config/demo`).
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

NEWS = "nieuws"
"""The source of articles; the others are of residents."""

EVERYDAY = "everyday"
OPENED, ENDED, CASUAL, EVENING = 0.3, 0.35, 0.15, 0.4
"""How often a post has an opening, an ending, no capital, and comes in the evening."""

NEWSROOMS = 24
SPREAD = 0.6
"""The deviation of a day's number in roots of its rate: a little calmer than chance."""

MARKED = re.compile(r"\{([^{}]*)\}")
TRIES = 200

Days = tuple[int, int]


class Copied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text that many passed on: (day, posts) by day; `before` is what some put before it."""

    about: str
    language: str
    text: str
    before: tuple[str, ...]
    days: tuple[Days, ...]


class Missed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source was not seen from the first of `days` (inclusive) to the second (exclusive)."""

    source: str
    days: Days
    why: str


class Changed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until `day` the rule had another `query`."""

    rule: str
    day: int
    query: str


class Happened(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event for the calendar."""

    id: str
    day: int
    title: Mapping[str, str]


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`story.toml`: every day in it counts back from today."""

    week: tuple[float, ...]
    authors: int
    languages: Mapping[str, float]
    sources: Mapping[str, float]
    curves: Mapping[str, tuple[tuple[float, float], ...]]
    begins: Mapping[str, tuple[int, int]]
    copied: tuple[Copied, ...]
    missed: tuple[Missed, ...]
    changed: Changed
    event: tuple[Happened, ...]

    @property
    def days(self) -> int:
        """How many days before today it begins."""
        return int(max(points[0][0] for points in self.curves.values()))

    def rate(self, about: str, day: int) -> float:
        """How many posts `about` something there are on `day`, on a middling weekday."""
        for (begin, before), (end, after) in itertools.pairwise(self.curves[about]):
            if begin >= day >= end:
                return before + (after - before) * (begin - day) / (begin - end)
        return 0.0

    def sees(self, source: str, day: int) -> bool:
        """Whether `source` was collected on `day`."""
        return not any(
            each.source == source and each.days[0] >= day > each.days[1] for each in self.missed
        )


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`phrases.toml`: texts by what they are about and their language, `news` beside these."""

    slots: Mapping[str, Mapping[str, tuple[str, ...]]]
    openings: Mapping[str, tuple[str, ...]]
    endings: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, Mapping[str, tuple[str, ...]]]


class Composed(NamedTuple):
    """A post of the story. `day` counts back from today, `minute` from midnight."""

    about: str
    day: int
    minute: int
    source: str
    author: str
    language: str
    text: str
    likes: int


def load_story(folder: Path) -> Story:
    """The story in `folder`."""
    return msgspec.toml.decode((folder / "story.toml").read_bytes(), type=Story)


def load_phrases(folder: Path) -> Phrases:
    """The phrases in `folder`."""
    return msgspec.toml.decode((folder / "phrases.toml").read_bytes(), type=Phrases)


def compose(story: Story, phrases: Phrases, *, today: date, rng: Random) -> Iterator[Composed]:
    """The posts of the story, the earliest day first; no two texts are the same but copies."""
    writer = _Writer(story, phrases, rng)
    for day in range(story.days, 0, -1):
        weekday = date.fromordinal(today.toordinal() - day).weekday()
        for about in story.curves:
            rate = story.rate(about, day) * story.week[weekday]
            for _ in range(max(0, round(rng.gauss(rate, SPREAD * math.sqrt(rate))))):
                yield from writer.post(about, day)
        for copied in story.copied:
            yield from writer.copies(copied, day)


class _Writer:
    """Draws what a post is made of."""

    def __init__(self, story: Story, phrases: Phrases, rng: Random) -> None:
        self._story = story
        self._phrases = phrases
        self._rng = rng
        self._written: set[str] = set()

    def post(self, about: str, day: int) -> Iterator[Composed]:
        """A post; none when its source was not collected that day, or has nothing about it."""
        source = self._drawn(self._story.sources)
        texts = self._phrases.texts[about]
        shares = self._story.languages
        if source == NEWS:
            language, key = "nl", "news"
        else:
            language = key = self._drawn({name: shares[name] for name in shares if name in texts})
        if key not in texts or not self._story.sees(source, day):
            return
        text = self._text(texts[key], language, plain=source == NEWS)
        if text is not None:
            yield self._signed(about, day, source, language, text)

    def copies(self, copied: Copied, day: int) -> Iterator[Composed]:
        """The copies of one text on `day`, each by somebody else."""
        residents = {name: share for name, share in self._story.sources.items() if name != NEWS}
        posts = dict(copied.days).get(day, 0)
        authors = self._rng.sample(range(self._story.authors), posts)
        for author in authors:
            text = self._rng.choice(copied.before) + copied.text
            source = self._drawn(residents)
            if self._story.sees(source, day):
                post = self._signed(copied.about, day, source, copied.language, text)
                yield post._replace(author=_resident(author))

    def _signed(self, about: str, day: int, source: str, language: str, text: str) -> Composed:
        rng = self._rng
        if source == NEWS:
            author = f"redactie_{rng.randrange(NEWSROOMS):02d}"
        else:
            author = _resident(rng.randrange(self._story.authors))
        likes = int(rng.expovariate(0.3)) if rng.random() < EVENING else 0
        return Composed(about, day, self._minute(about, day), source, author, language, text, likes)

    def _minute(self, about: str, day: int) -> int:
        first, minute = self._story.begins.get(about, (0, 0))
        if first == day:
            return self._rng.randrange(minute, 24 * 60)
        if self._rng.random() < EVENING:
            return self._rng.randrange(18 * 60, 23 * 60)
        return self._rng.randrange(7 * 60, 24 * 60)

    def _text(self, texts: Sequence[str], language: str, *, plain: bool) -> str | None:
        """A text that was not written yet; None when it is hard to find one."""
        for _ in range(TRIES):
            text = self._dressed(self._filled(self._rng.choice(texts), language), language, plain)
            if text not in self._written:
                self._written.add(text)
                return text
        return None

    def _dressed(self, text: str, language: str, plain: bool) -> str:  # noqa: FBT001  (private)
        rng = self._rng
        text = text[0].upper() + text[1:]
        if plain:
            return text
        if rng.random() < OPENED:
            opening = rng.choice(self._phrases.openings[language])
            goes_on = opening[-1] not in ".:?!"
            names = self._phrases.slots[language]["place"]
            if goes_on and not text.startswith((*names, "Ik ", "I ", "#")):
                text = text[0].lower() + text[1:]
            text = f"{opening} {text}"
        elif rng.random() < CASUAL:
            text = text[0].lower() + text[1:]
        if rng.random() < ENDED:
            ending = self._filled(rng.choice(self._phrases.endings[language]), language)
            stop = "" if text[-1] in ".?!؟" or not ending[0].isalpha() else "."
            text = f"{text}{stop} {ending}"
        return text

    def _filled(self, text: str, language: str) -> str:
        """The text with each {choice} made, those within a choice too."""
        slots = self._phrases.slots[language]

        def choose(match: re.Match[str]) -> str:
            choices: Sequence[str] = slots.get(match[1]) or match[1].split("|")
            return self._rng.choice(choices)

        while MARKED.search(text):
            text = MARKED.sub(choose, text)
        return text

    def _drawn(self, shares: Mapping[str, float]) -> str:
        return self._rng.choices(list(shares), list(shares.values()))[0]


def _resident(number: int) -> str:
    return f"bewoner_{number:03d}"
