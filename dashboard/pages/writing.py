"""What a reader writes: the words of queries, which go behind ids."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from dashboard.pages.asking import Counting, TheCity
from dashboard.queries import Queries
from dashboard.suggesting import Checked, Suggestions, check, suggest
from dashboard.views.explore import FIELDS

router = APIRouter()
ADDRESSED = {"q", "period", "since", "until", "tab", "with", *FIELDS}
"""What an address of the page says."""


def _queries(city: TheCity) -> Queries:
    return Queries(city.database, clock=city.clock)


TheQueries = Annotated[Queries, Depends(_queries)]


@router.post("/queries", include_in_schema=False)
def write(
    reader: Counting,
    queries: TheQueries,
    words: Annotated[str, Form(max_length=20_000)] = "",
    rest: Annotated[str, Form(max_length=2_000)] = "",
    since: Annotated[str, Form(max_length=10)] = "",
    until: Annotated[str, Form(max_length=10)] = "",
    role: Annotated[Literal["q", "with"], Form()] = "q",
) -> Response:
    """Keep the words of a query and lead to its address; `rest` is what else stood in it."""
    stays = ADDRESSED - {role, "since", "until"}
    found = [(name, value) for name, value in parse_qsl(rest) if name in stays]
    if words.strip():
        found.append((role, queries.keep(words.strip(), account=reader.account)))
    found += [(name, value) for name, value in (("since", since), ("until", until)) if value]
    return RedirectResponse(f"/explore?{urlencode(found)}".rstrip("?"), status_code=303)


class Words(BaseModel):
    """What is being typed."""

    words: str = Field(max_length=20_000, examples=["fatbike* NEAR/3 overlast lang:nl"])


class Written(BaseModel):
    """The id of words, for the parameter `q`."""

    id: str


@router.post("/api/v1/queries", tags=["explore"])
def write_twin(reader: Counting, queries: TheQueries, given: Words) -> Written:
    """Keep the words of a query; their id stands in addresses in their place."""
    return Written(id=queries.keep(given.words, account=reader.account))


@router.post("/api/v1/check", tags=["explore"])
def check_twin(city: TheCity, reader: Counting, given: Words) -> Checked:
    """What is wrong with the words of a query, each mistake with its place."""
    return check(given.words, city.known, language=reader.language)


@router.get("/api/v1/complete", tags=["explore"])
def complete(
    city: TheCity,
    reader: Counting,
    prefix: Annotated[
        str, Query(description="How the word begins.", max_length=60, examples=["fatb"])
    ] = "",
) -> Suggestions:
    """What may be written here: words that at least k people used, lists, fields, operators."""
    answers = city.answering(reader)
    return suggest(answers, city.book, prefix)
