"""Downloads: counts for everybody who may see them, texts for analysts with a reason."""

import random
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from dashboard.city import City
from dashboard.errors import Refused
from dashboard.exporting import MEDIA, Format, Mark, marked, written
from dashboard.pages.asking import Counting, Reading, Reason, TheCity
from dashboard.pages.question import TheQuestion
from dashboard.rights import Reader
from dashboard.views.explore import FACETS, Asked
from dashboard.views.period import Period
from index.answers import MAX_TEXTS, Answers
from index.values import day_after, first_day

if TYPE_CHECKING:
    from index.contract import Bin, Dimension

router = APIRouter()
KEPT_DAYS = 90
"""A file is to be deleted after so many days: texts live no longer here either."""

FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {
            media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()
        },
    }
}
"""What an export answers, for the document."""

By = Literal["day", "week", "month", "language", "sentiment", "source", "rule", "kind", "place"]
AsFormat = Annotated[Format, Query(alias="format", description="The format of the file.")]


@router.get("/export/counts", include_in_schema=False, response_class=Response)
@router.get("/api/v1/export/counts", tags=["export"], response_class=Response, responses=FILE)
def counts(
    city: TheCity,
    reader: Counting,
    asked: TheQuestion,
    by: Annotated[By, Query(description="What to count by.")] = "day",
    form: AsFormat = "csv",
) -> Response:
    """Counts as a file. A count that may not be shown is empty. `since` and `until` are the days
    that a row counts, without the last: of a week that the period cuts they are fewer than seven.
    """
    mark = _mark(city, asked, reader)
    answers = city.answers(
        reader, "export:counts", export=mark.id, query=asked.query, by=by, format=form,
        **asked.period.bounds,
    )  # fmt: skip
    return _file(_counts(answers, asked, by), form, mark, name=f"peil-{by}")


class Wanted(BaseModel):
    """What a file of texts is for, and how it is to be written."""

    reason: Reason
    format: Format = Field(default="csv", description="The format of the file.")


@router.post("/export/texts", include_in_schema=False, response_class=Response)
def texts(
    city: TheCity, reader: Reading, asked: TheQuestion, wanted: Annotated[Wanted, Form()]
) -> Response:
    """At most 50 whole texts drawn at random, for a reason, as a file."""
    return _texts(city, reader, asked, wanted)


@router.post("/api/v1/export/texts", tags=["export"], response_class=Response, responses=FILE)
def texts_twin(city: TheCity, reader: Reading, asked: TheQuestion, wanted: Wanted) -> Response:
    """At most 50 whole texts drawn at random, for a reason, as a file. It is a read of texts,
    which is logged and has a quota.
    """
    return _texts(city, reader, asked, wanted)


def _texts(city: City, reader: Reader, asked: Asked, wanted: Wanted) -> Response:
    reason, form = wanted.reason, wanted.format
    if not reason.strip():
        raise Refused("say what the texts are for: it is logged with the export")
    mark = _mark(city, asked, reader)
    found = city.reading(reader).texts(
        asked.query, limit=MAX_TEXTS, reason=f"export {mark.id}: {reason.strip()}",
        **asked.period.asked,
    )  # fmt: skip
    # Only now is it a download: there may have been nothing left of the quota.
    city.access.append(
        actor=reader.account,
        purpose=reader.purpose,
        action="export:texts",
        payload=f"{mark.id} {form}: {asked.query}",
    )
    rows = [
        {
            "day": each.day,
            "language": each.language,
            "source": each.source,
            "text": f"{each.left}{each.keyword}{each.right}",
        }
        for each in found.excerpts
    ]
    return _file(rows, form, mark, name="peil-texts")


def _counts(answers: Answers, asked: Asked, by: By) -> list[dict[str, Any]]:
    period = asked.period
    bins: dict[str, Bin] = {"day": "day", "week": "week", "month": "month"}
    if by in bins:
        found = answers.over_time(asked.query, bin=bins[by], **period.asked)
    else:
        dimension: Dimension = next(each for each in FACETS if each == by)
        found = answers.top(asked.query, by=dimension, limit=1_000, **period.asked)
    return [
        {
            by: key[0],
            **_days(key[0], bins.get(by), period),
            "posts": posts,
            "fewer_than": None if posts is not None else found.k,
        }
        for key, posts in found.cells.items()
    ]


def _days(name: str, bin_: "Bin | None", period: Period) -> dict[str, str]:
    """Which days of `period` a row counts: those in its bin, or all of them."""
    since, until = period.since, period.until
    if bin_ is not None:
        since, until = max(since, first_day(name)), min(until, day_after(name))
    return {"since": since.isoformat(), "until": until.isoformat()}


def _mark(city: City, asked: Asked, reader: Reader) -> Mark:
    name = secrets.token_hex(6)
    until = city.today + timedelta(days=KEPT_DAYS)
    period = asked.period
    about = "\n".join(
        (
            f"peil export {name}",
            f"purpose: {reader.purpose}",
            f"period: {period.since} up to {period.until} ({period.timezone})",
            f"made on {city.today}; to be deleted after {until}",
            "Counts below the threshold are not shown; texts were drawn at random.",
        )
    )
    return Mark(id=name, until=until, about=about)


def _file(rows: Sequence[Mapping[str, Any]], form: Format, mark: Mark, *, name: str) -> Response:
    rng = random.Random(mark.id)  # noqa: S311  (which numbers rows get is no secret)
    return Response(
        written(marked(rows, mark, rng=rng), form, mark),
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}-{mark.id}.{form}"'},
    )
