"""The page Explore: words, filters, period; counts first, then what was asked of them."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from dashboard.city import City
from dashboard.errors import Refused
from dashboard.frame import Pages
from dashboard.languages import language as spoken
from dashboard.mistakes import question_in
from dashboard.pages.asking import (
    Counting,
    Reading,
    Reason,
    TheCity,
    ThePages,
)
from dashboard.pages.question import Filters, TheFilters, TheQuestion, words_of
from dashboard.pages.writing import TheQueries
from dashboard.queries import Queries
from dashboard.rights import REFRESH, Reader
from dashboard.suggesting import Checked, check
from dashboard.views.explore import (
    FIELDS,
    Asked,
    Compared,
    Explore,
    Tab,
    compare,
    explore,
    typical,
)
from dashboard.views.phenomenon import ShownTerm
from dashboard.views.texts import Sample, sample
from index.contract import TooBroad
from index.values import local_day
from rules.errors import QueryError
from stream.errors import Stop

router = APIRouter()
SAVED_DAYS = 90
"""A saved search ends after so many days, unless its reader says otherwise."""


@router.get("/explore", response_class=HTMLResponse, include_in_schema=False)
def page(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Counting,
    queries: TheQueries,
    filters: TheFilters,
    asked: TheQuestion,
    tab: Annotated[Tab, Query()] = "table",
) -> HTMLResponse:
    """A question and its answer. What is wrong with its words stands under them."""
    return _page(request, city, pages, reader, queries, filters, asked, tab=tab)


@router.post("/explore", response_class=HTMLResponse, include_in_schema=False)
def whole_texts(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Reading,
    queries: TheQueries,
    filters: TheFilters,
    asked: TheQuestion,
    reason: Annotated[Reason, Form()],
    tab: Annotated[Literal["texts"], Query()] = "texts",
) -> HTMLResponse:
    """The same page with whole texts, for a reason."""
    return _page(request, city, pages, reader, queries, filters, asked, tab=tab, reason=reason)


def _page(
    request: Request,
    city: City,
    pages: Pages,
    reader: Reader,
    queries: Queries,
    filters: Filters,
    asked: Asked,
    *,
    tab: Tab,
    reason: str = "",
) -> HTMLResponse:
    translate = spoken(reader.language).gettext
    checked = _checked(city, reader, asked)
    other = _other(queries, filters, asked) if tab == "compare" else None
    mistakes = _checked(city, reader, other).errors if other else []
    view = found = None
    refusal = ""
    if not checked.errors:
        try:
            view = _view(city, reader, asked)
        except (QueryError, TooBroad) as error:  # a filter by what there is not, or too many words
            refusal = question_in(error, translate)
    if view and not mistakes and REFRESH not in request.headers:
        try:
            found = _tab(city, reader, asked, other, tab=tab, reason=reason)
        except (QueryError, Stop, TooBroad) as error:  # no texts, but the counts stand
            refusal = question_in(error, translate)
    return pages.render(
        request,
        "explore.html",
        reader=reader,
        here="explore",
        status=200 if view else 400,
        asked=asked,
        filters=filters,
        checked=checked,
        view=view,
        tab=tab,
        found=found,
        other=other,
        mistakes=mistakes,
        refusal=refusal,
        saved=queries.saved(reader.account),
        fields=FIELDS,
        rules={rule.id: rule.title for rule in city.rules(reader.language).values()},
        ends=city.today + timedelta(days=SAVED_DAYS),
        ending=lambda until: local_day(until, city.timezone),
    )


def _checked(city: City, reader: Reader, asked: Asked) -> Checked:
    """What is to be said of the words of `asked`."""
    checked = check(asked.words, city.known, language=reader.language)
    if checked.errors:
        whole = check(asked.query, city.known, language=reader.language)
        if not whole.errors:
            return whole  # words that only say what is not wanted, beside filters
    return checked


def _other(queries: Queries, filters: Filters, asked: Asked) -> Asked | None:
    """What `asked` is compared with; None where nothing was chosen."""
    if filters.with_ == "before":
        return asked.model_copy(update={"period": asked.period.before})
    if filters.with_:
        return asked.model_copy(update={"words": words_of(queries, filters.with_)})
    return None


def _tab(
    city: City,
    reader: Reader,
    asked: Asked,
    other: Asked | None,
    *,
    tab: Tab,
    reason: str,
) -> Sample | list[ShownTerm] | Compared | None:
    if tab in {"context", "texts"}:
        if not reader.may("texts") or (tab == "texts" and not reason.strip()):
            return None
        return sample(
            city.reading(reader), asked.query, period=asked.period,
            reason=reason if tab == "texts" else "",
        )  # fmt: skip
    if tab == "terms":
        return _terms(city, reader, asked)
    if tab == "compare" and other:
        return _compare(city, reader, asked, other)
    return None


@router.get("/api/v1/explore", tags=["explore"])
def twin(city: TheCity, reader: Counting, asked: TheQuestion) -> Explore:
    """A question's size, its line in time and its facets."""
    return _view(city, reader, asked)


@router.get("/api/v1/explore/terms", tags=["explore"])
def terms_twin(city: TheCity, reader: Counting, asked: TheQuestion) -> list[ShownTerm]:
    """Words that stand out in the answer against the rest of the period."""
    return _terms(city, reader, asked)


@router.get("/api/v1/explore/texts", tags=["explore"])
def texts_twin(
    city: TheCity,
    reader: Reading,
    asked: TheQuestion,
) -> Sample:
    """At most ten texts drawn at random, keyword in context. Each call is a read, which is logged
    and has a quota.
    """
    return sample(city.reading(reader), asked.query, period=asked.period)


class Because(BaseModel):
    """Why whole texts are needed."""

    reason: Reason


@router.post("/api/v1/explore/texts", tags=["explore"])
def whole_texts_twin(
    city: TheCity, reader: Reading, asked: TheQuestion, because: Because
) -> Sample:
    """At most ten texts drawn at random, whole, for a reason."""
    if not because.reason.strip():
        raise Refused("say what the texts are for: it is logged with them")
    return sample(city.reading(reader), asked.query, period=asked.period, reason=because.reason)


@router.get("/api/v1/explore/compare", tags=["explore"])
def compare_twin(
    city: TheCity,
    reader: Counting,
    queries: TheQueries,
    filters: TheFilters,
    asked: TheQuestion,
) -> Compared:
    """Two queries, or one in two periods, side by side."""
    other = _other(queries, filters, asked)
    if other is None:
        raise Refused("say what to compare with: with=before, or with=<id of other words>")
    return _compare(city, reader, asked, other)


def _view(city: City, reader: Reader, asked: Asked) -> Explore:
    language = reader.language
    answers = city.answers(reader, "explore", query=asked.query, **asked.period.bounds)
    return city.snapshot.views(
        ("explore", asked.model_dump_json(), language),
        lambda: explore(answers, asked, marks=city.marks(asked.period, language=language)),
    )


def _terms(city: City, reader: Reader, asked: Asked) -> list[ShownTerm]:
    answers = city.answers(reader, "typical_terms", query=asked.query, **asked.period.bounds)
    return typical(answers, asked)


def _compare(city: City, reader: Reader, asked: Asked, other: Asked) -> Compared:
    answers = city.answers(
        reader, "compare", query=asked.query, with_query=other.query, **asked.period.bounds,
        with_since=other.period.since,
    )  # fmt: skip
    return compare(answers, asked, other, marks=city.marks(asked.period, language=reader.language))
