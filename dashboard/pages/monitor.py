"""The page Monitor and its twin."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from dashboard.city import City
from dashboard.pages.asking import Counting, TheCity, ThePages, ThePeriod
from dashboard.rights import Reader
from dashboard.views.monitor import Monitor, monitor
from dashboard.views.period import Period

router = APIRouter()
Measure = Annotated[
    Literal["volume", "share"],
    Query(description="Whether the small charts show counts or shares of all posts."),
]


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
def page(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Counting,
    period: ThePeriod,
    measure: Measure = "volume",
) -> HTMLResponse:
    """What is different from normal, and every phenomenon beside the others."""
    view = _view(city, reader, period, language=reader.language)
    return pages.render(
        request, "monitor.html", reader=reader, here="monitor", view=view, measure=measure
    )


@router.get("/api/v1/monitor", tags=["pages"])
def twin(city: TheCity, reader: Counting, period: ThePeriod) -> Monitor:
    """The page Monitor: every phenomenon with its size, its change and what is normal."""
    return _view(city, reader, period, language=reader.language)


def _view(city: City, reader: Reader, period: Period, *, language: str) -> Monitor:
    answers = city.answers(reader, "monitor", **period.bounds)
    rules, ended = city.rules(language), city.ended
    view = city.snapshot.views(
        ("monitor", period, language, *rules, *ended),
        lambda: monitor(
            answers,
            rules=rules,
            ended=ended,
            period=period,
            marks=city.marks(period, language=language),
            k=city.k,
        ),
    )
    return view.with_sources([each.called(language) for each in city.sources()])
