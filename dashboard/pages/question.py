"""What an address of Explore asks: the words behind an id, filters, a period."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query

from dashboard.errors import NotThere, Refused
from dashboard.pages.asking import ThePeriod
from dashboard.pages.writing import TheQueries
from dashboard.queries import Queries
from dashboard.views.explore import Asked
from index.contract import Dimension

MOST_VALUES = 20

QueryId = Annotated[
    str,
    Query(
        description="The id of the words of a query, as `POST /api/v1/queries` gives it.",
        max_length=40,
        examples=["c2Vl_oO9"],
    ),
]


@dataclass(frozen=True)
class Filters:
    """What an address says beside the period."""

    q: str
    values: dict[Dimension, list[str]]
    with_: str


def _values(*examples: str) -> Any:
    return Query(description="Only these values.", max_length=MOST_VALUES, examples=[[*examples]])


def _filters(
    q: QueryId = "",
    language: Annotated[list[str], _values("nl", "ar")] = [],  # noqa: B006  (FastAPI copies it)
    sentiment: Annotated[list[str], _values("negative")] = [],  # noqa: B006  (the same)
    source: Annotated[list[str], _values("city-news")] = [],  # noqa: B006  (the same)
    rule: Annotated[list[str], _values("woningnood")] = [],  # noqa: B006  (the same)
    kind: Annotated[list[str], _values("post")] = [],  # noqa: B006  (the same)
    with_: Annotated[
        str,
        Query(
            alias="with",
            description="What to compare with: `before`, or the id of other words.",
            max_length=40,
            examples=["before"],
        ),
    ] = "",
) -> Filters:
    values: dict[Dimension, list[str]] = {
        "language": language,
        "sentiment": sentiment,
        "source": source,
        "rule": rule,
        "kind": kind,
    }
    for name, given in values.items():
        for value in given:
            if not value or any(not (sign.isalnum() or sign in "-_") for sign in value):
                raise Refused(
                    "%(filter)s is no value to filter by: click one on the page",
                    filter=f"{name}={value!r}",
                )
    return Filters(q, values, with_)


TheFilters = Annotated[Filters, Depends(_filters)]


def _asked(queries: TheQueries, filters: TheFilters, period: ThePeriod) -> Asked:
    return Asked(words=words_of(queries, filters.q), filters=filters.values, period=period)


TheQuestion = Annotated[Asked, Depends(_asked)]


def words_of(queries: Queries, id: str) -> str:  # noqa: A002  (that is what it is)
    """The words behind an id; NotThere when there are none."""
    if not id:
        return ""
    words = queries.words(id)
    if words is None:
        raise NotThere(
            "there is no query %(id)s; it may have been removed. Write it again", id=repr(id)
        )
    return words
