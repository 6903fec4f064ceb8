"""The page of one phenomenon, its parts that are asked for apart, and their twins."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from dashboard.city import City
from dashboard.pages.asking import Counting, Reading, TheCity, ThePages, ThePeriod, rule_named
from dashboard.rights import Reader
from dashboard.views.period import Period
from dashboard.views.phenomenon import Phenomenon, ShownTerm, phenomenon, terms
from dashboard.views.precision import precision
from dashboard.views.texts import Sample, sample

router = APIRouter()
TheRule = Annotated[str, Path(description="The rule's id.", max_length=80, examples=["woningnood"])]
With = Annotated[
    str,
    Query(
        alias="with",
        description="Another phenomenon to compare with.",
        max_length=80,
        examples=["eenzaamheid"],
    ),
]


@router.get("/phenomena/{rule}", response_class=HTMLResponse, include_in_schema=False)
def page(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Counting,
    rule: TheRule,
    period: ThePeriod,
    with_: With = "",
) -> HTMLResponse:
    """One phenomenon: how large, since when, in which tone and words, and what one can do."""
    language = reader.language
    view = _view(city, reader, rule, period, with_=with_, language=language)
    guidance = city.guidance.get(rule)
    return pages.render(
        request,
        "phenomenon.html",
        reader=reader,
        here="monitor",
        view=view,
        guidance=guidance.page(language) if guidance else None,
        others=[each for each in city.rules(language).values() if each.id != rule],
    )


@router.get("/phenomena/{rule}/terms", response_class=HTMLResponse, include_in_schema=False)
def terms_part(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Counting,
    rule: TheRule,
    period: ThePeriod,
) -> HTMLResponse:
    """The words that are typical of it."""
    found = _terms(city, reader, rule, period)
    return pages.render(
        request, "phenomenon-terms.html", reader=reader, here="monitor", terms=found, k=city.k,
        about=city.called(rule_named(city, rule), reader.language), period=period,
    )  # fmt: skip


@router.get("/phenomena/{rule}/texts", response_class=HTMLResponse, include_in_schema=False)
def texts_part(
    request: Request,
    city: TheCity,
    pages: ThePages,
    reader: Reading,
    rule: TheRule,
    period: ThePeriod,
) -> HTMLResponse:
    """A few of its texts, drawn at random, keyword in context."""
    found = _texts(city, reader, rule, period)
    return pages.render(
        request, "phenomenon-texts.html", reader=reader, here="monitor", sample=found,
        about=city.called(rule_named(city, rule), reader.language), period=period,
    )  # fmt: skip


@router.get("/api/v1/phenomena/{rule}", tags=["pages"])
def twin(
    city: TheCity,
    reader: Counting,
    rule: TheRule,
    period: ThePeriod,
    with_: With = "",
) -> Phenomenon:
    """One phenomenon: its line with what is normal, tones, languages, sources, places."""
    return _view(city, reader, rule, period, with_=with_, language=reader.language)


@router.get("/api/v1/phenomena/{rule}/terms", tags=["pages"])
def terms_twin(
    city: TheCity, reader: Counting, rule: TheRule, period: ThePeriod
) -> list[ShownTerm]:
    """Words that stand out in its posts against the rest of the period."""
    return _terms(city, reader, rule, period)


@router.get("/api/v1/phenomena/{rule}/texts", tags=["pages"])
def texts_twin(city: TheCity, reader: Reading, rule: TheRule, period: ThePeriod) -> Sample:
    """At most ten of its texts, drawn at random. Each call is a read, which is logged and has a
    quota.
    """
    return _texts(city, reader, rule, period)


def _view(
    city: City, reader: Reader, rule: str, period: Period, *, with_: str, language: str
) -> Phenomenon:
    document = city.called(rule_named(city, rule), language)
    other = city.called(rule_named(city, with_), language) if with_ else None
    answers = city.answers(
        reader, "phenomenon", rule=rule, compared_with=with_, **period.bounds
    )  # fmt: skip
    ended = city.ended.get(rule)
    view = city.snapshot.views(
        ("phenomenon", rule, with_, period, language, ended),
        lambda: phenomenon(
            answers,
            document,
            period=period,
            marks=city.marks(period, language=language),
            with_=other,
            ended=ended,
        ),
    )
    # People judge while the posts stay the same.
    judged = precision(
        city.judgements, rule, city.shown().versions.get(rule, ""), timezone=city.timezone
    )
    return view.model_copy(update={"precision": judged})


def _terms(city: City, reader: Reader, rule: str, period: Period) -> list[ShownTerm]:
    query = f"rule:{rule_named(city, rule).id}"
    answers = city.answers(reader, "typical_terms", query=query, **period.bounds)
    return terms(answers, query, period=period)


def _texts(city: City, reader: Reader, rule: str, period: Period) -> Sample:
    query = f"rule:{rule_named(city, rule).id}"
    return sample(city.reading(reader), query, period=period)
