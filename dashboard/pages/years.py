"""The page of a phenomenon since counting began, and its twin."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from dashboard.city import City
from dashboard.pages.asking import Counting, TheCity, ThePages, rule_named
from dashboard.pages.phenomenon import TheRule
from dashboard.rights import Reader
from dashboard.views.years import By, Years, period_of_all, years

router = APIRouter()
ByBin = Annotated[By, Query(description="Whether it is counted by week or by month.")]


@router.get("/phenomena/{rule}/years", response_class=HTMLResponse, include_in_schema=False)
def page(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Counting,
    rule: TheRule,
    by: ByBin = "week",
) -> HTMLResponse:
    """One phenomenon for as long as it is counted, also where the texts are long gone."""
    return pages.render(
        request, "years.html", reader=reader, here="monitor", view=_view(city, reader, rule, by)
    )


@router.get("/api/v1/phenomena/{rule}/years", tags=["pages"])
def twin(city: TheCity, reader: Counting, rule: TheRule, by: ByBin = "week") -> Years:
    """One phenomenon by week or month since counting began, also where the texts are long gone."""
    return _view(city, reader, rule, by)


def _view(city: City, reader: Reader, rule: str, by: By) -> Years:
    document = city.called(rule_named(city, rule), reader.language)
    found = city.answers(reader, "long_series", rule=rule, by=by).long_series(rule, bin=by)
    period = period_of_all(found, today=city.today, timezone=city.timezone)
    marks = city.marks(period, language=reader.language)
    return years(found, document, by=by, today=city.today, marks=marks)
