"""The pages Rules and Sources: what there is, to read."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboard.city import City
from dashboard.pages.asking import Counting, TheCity, ThePages, TheSlice
from dashboard.rights import Reader
from dashboard.views.rules import Listed, listed
from dashboard.views.sources import SourceState

router = APIRouter()


@router.get("/rules", response_class=HTMLResponse, include_in_schema=False)
def rules_page(request: Request, city: TheCity, pages: ThePages, reader: Counting) -> HTMLResponse:
    """Every rule: what it is for, who owns it, when it ends."""
    return pages.render(
        request, "rules.html", reader=reader, here="rules",
        rules=_rules(city, reader),
        shown=city.book.rules,
        today=city.today,
        single_author=city.single_author,
    )  # fmt: skip


@router.get("/sources", response_class=HTMLResponse, include_in_schema=False)
def sources_page(
    request: Request, city: TheCity, pages: ThePages, reader: Counting
) -> HTMLResponse:
    """Every source: whether it is open, when it ran and how that went."""
    return pages.render(
        request,
        "sources.html",
        reader=reader,
        here="sources",
        sources=_sources(city, reader),
        k=city.k,
    )


@router.get("/api/v1/rules", tags=["pages"])
def rules_twin(city: TheCity, reader: Counting, part: TheSlice, response: Response) -> list[Listed]:
    """Every rule, with its query and what became of it."""
    return part.of(_rules(city, reader), response)


@router.get("/api/v1/sources", tags=["pages"])
def sources_twin(
    city: TheCity, reader: Counting, part: TheSlice, response: Response
) -> list[SourceState]:
    """Every source with its state."""
    return part.of(_sources(city, reader), response)


def _sources(city: City, reader: Reader) -> Sequence[SourceState]:
    return [each.called(reader.language) for each in city.sources()]


def _rules(city: City, reader: Reader) -> Sequence[Listed]:
    book, standings = city.files()
    return listed(
        book,
        standings,
        called=lambda rule: city.called(rule, reader.language),
        four_eyes=not city.single_author,
    )
