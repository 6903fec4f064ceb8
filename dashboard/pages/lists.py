"""The pages Rules and Sources: what there is, to read."""

from collections.abc import Iterable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from dashboard.pages.asking import Counting, TheCity, ThePages
from dashboard.views.monitor import SourceState
from dashboard.views.phenomenon import About, about
from rules.documents import RuleDocument

router = APIRouter()


@router.get("/rules", response_class=HTMLResponse, include_in_schema=False)
def rules_page(request: Request, city: TheCity, pages: ThePages, reader: Counting) -> HTMLResponse:
    """Every rule: what it is for, who owns it, when it ends."""
    return pages.render(
        request, "rules.html", reader=reader, here="rules", rules=_rules(city.book.rules.values()),
        today=city.today,
    )  # fmt: skip


@router.get("/sources", response_class=HTMLResponse, include_in_schema=False)
def sources_page(
    request: Request, city: TheCity, pages: ThePages, reader: Counting
) -> HTMLResponse:
    """Every source: whether it is open, when it ran and how that went."""
    return pages.render(
        request, "sources.html", reader=reader, here="sources", sources=city.sources()
    )


@router.get("/api/v1/rules", tags=["pages"])
def rules_twin(city: TheCity, _reader: Counting) -> list[About]:
    """Every rule, with its query."""
    return _rules(city.book.rules.values())


@router.get("/api/v1/sources", tags=["pages"])
def sources_twin(city: TheCity, _reader: Counting) -> list[SourceState]:
    """Every source with its state."""
    return list(city.sources())


def _rules(documents: Iterable[RuleDocument]) -> list[About]:
    return sorted((about(rule) for rule in documents), key=lambda each: each.title.casefold())
