"""What the addresses of pages have in common: the reader, the city, the period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Query, Request, Response
from pydantic import BeforeValidator, Field

from dashboard.city import City
from dashboard.errors import NotThere
from dashboard.frame import Pages
from dashboard.rights import Reader, allow
from dashboard.views.period import EARLIEST, Period, period_of
from rules.documents import RuleDocument

T = TypeVar("T")


def city_of(request: Request) -> City:
    """The one city of this application."""
    return cast("City", request.app.state.city)


def pages_of(request: Request) -> Pages:
    """The templates of this application."""
    return cast("Pages", request.app.state.pages)


TheCity = Annotated[City, Depends(city_of)]
ThePages = Annotated[Pages, Depends(pages_of)]
Counting = Annotated[Reader, Depends(allow("counts"))]
Reading = Annotated[Reader, Depends(allow("texts"))]


Reason = Annotated[
    str,
    Field(description="What the texts are for; it is logged.", max_length=300),
]
"""It comes with a POST: an address stands in histories and in logs of proxies."""


def _emptied(given: object) -> object:
    """What a form sends of a field that was emptied is as if it were not there."""
    return None if given == "" else given


Day = Annotated[date | None, BeforeValidator(_emptied)]


def _period(
    city: TheCity,
    period: Annotated[
        str,
        Query(
            description="`7d`, `4w` or `3m`: it ends with yesterday.", max_length=8, examples=["3m"]
        ),
    ] = "4w",
    since: Annotated[
        Day,
        Query(
            description=f"The first day, from {EARLIEST} on; then `period` does not count.",
            examples=["2026-09-01"],
        ),
    ] = None,
    until: Annotated[
        Day, Query(description="The day after the last.", examples=["2026-10-01"])
    ] = None,
) -> Period:
    return period_of(period, since=since, until=until, today=city.today, timezone=city.timezone)


ThePeriod = Annotated[Period, Depends(_period)]

MOST_ITEMS = 500


@dataclass(frozen=True)
class Slice:
    """The part of a list that is asked for."""

    limit: int
    offset: int

    def of(self, items: Sequence[T], answer: Response) -> list[T]:
        """That part of `items`; `answer` says how many there are in all."""
        answer.headers["X-Total-Count"] = str(len(items))
        return list(items[self.offset : self.offset + self.limit])


def _slice(
    limit: Annotated[
        int, Query(description="At most so many items.", ge=1, le=MOST_ITEMS, examples=[20])
    ] = 100,
    offset: Annotated[
        int,
        Query(
            description="So many items are passed over; `X-Total-Count` says how many there are.",
            ge=0,
            le=1_000_000,
            examples=[0],
        ),
    ] = 0,
) -> Slice:
    return Slice(limit, offset)


TheSlice = Annotated[Slice, Depends(_slice)]


def rule_named(city: City, rule: str) -> RuleDocument:
    """The rule of that id; NotThere when there is none."""
    found = city.book.rules.get(rule)
    if found is None:
        raise NotThere(
            "there is no phenomenon %(rule)s; the page Monitor shows all there are", rule=repr(rule)
        )
    return found
