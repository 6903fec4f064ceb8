"""Searches that a reader keeps: with a title, a note and an end."""

from datetime import date
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Path, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from dashboard.city import City
from dashboard.errors import NotThere, Refused
from dashboard.naming import Unknown, misnamed
from dashboard.pages.asking import Counting, TheCity, TheSlice
from dashboard.pages.writing import ADDRESSED, TheQueries
from dashboard.queries import MOST_NOTE, MOST_QUERY, MOST_TITLE, Queries, Saved
from dashboard.rights import Reader
from index.values import local_day, start_of

router = APIRouter()

TheId = Annotated[
    str,
    Path(
        description="The id of the saved search, as the list has it.",
        max_length=40,
        examples=["Jw3nVd0rXq1s"],
    ),
]


class Search(BaseModel):
    """A search to keep."""

    title: str = Field(max_length=MOST_TITLE)
    query: str = Field(
        default="",
        description="Its address on the page Explore: what stands after the `?`.",
        max_length=MOST_QUERY,
    )
    note: str = Field(default="", description="What it is for. Name nobody.", max_length=MOST_NOTE)
    until: date = Field(description="The day on which it ends; a day to come.")


class SavedSearch(Search):
    """A search that its reader keeps."""

    id: str
    created: date


@router.post("/saved", include_in_schema=False)
def save(
    city: TheCity,
    reader: Counting,
    queries: TheQueries,
    search: Annotated[Search, Form()],
) -> Response:
    """Save a search and go back to it."""
    _save(city, queries, reader, search)
    address = f"/explore?{search.query}" if search.query else "/explore"
    return RedirectResponse(address, status_code=303)


@router.post("/saved/{id}/remove", include_in_schema=False)
def remove(reader: Counting, queries: TheQueries, id: TheId) -> Response:  # noqa: A002  (what it is)
    """Forget a saved search."""
    _remove(queries, reader, id)
    return RedirectResponse("/explore", status_code=303)


@router.get("/api/v1/saved", tags=["explore"])
def list_twin(
    city: TheCity, reader: Counting, queries: TheQueries, part: TheSlice, response: Response
) -> list[SavedSearch]:
    """Your saved searches, the newest first; those of others are not seen."""
    return part.of([_shown(city, each) for each in queries.saved(reader.account)], response)


@router.post("/api/v1/saved", tags=["explore"], status_code=201)
def save_twin(city: TheCity, reader: Counting, queries: TheQueries, search: Search) -> SavedSearch:
    """Save a search with a note and an end."""
    return _found(city, queries, reader, _save(city, queries, reader, search))


@router.get("/api/v1/saved/{id}", tags=["explore"])
def read_twin(
    city: TheCity,
    reader: Counting,
    queries: TheQueries,
    id: TheId,  # noqa: A002  (what it is)
) -> SavedSearch:
    """One of your saved searches."""
    return _found(city, queries, reader, id)


@router.delete("/api/v1/saved/{id}", tags=["explore"], status_code=204)
def remove_twin(reader: Counting, queries: TheQueries, id: TheId) -> None:  # noqa: A002  (the same)
    """Forget one of your saved searches."""
    _remove(queries, reader, id)


def _save(city: City, queries: Queries, reader: Reader, search: Search) -> str:
    if search.until <= city.today:
        raise Refused("%(day)s is over: a saved search ends on a day to come", day=search.until)
    names = [name for name, _ in parse_qsl(search.query, keep_blank_values=True)]
    if unknown := misnamed(names, ADDRESSED):
        raise Unknown(unknown)
    return queries.save(
        reader.account,
        title=search.title,
        query=search.query,
        note=search.note,
        until=start_of(search.until, city.timezone),
    )


def _found(city: City, queries: Queries, reader: Reader, id: str) -> SavedSearch:  # noqa: A002  (the same)
    for each in queries.saved(reader.account):
        if each.id == id:
            return _shown(city, each)
    raise NotThere("there is no such saved search of yours")


def _remove(queries: Queries, reader: Reader, id: str) -> None:  # noqa: A002  (the same)
    if not queries.remove(reader.account, id):
        raise NotThere("there is no such saved search of yours")


def _shown(city: City, saved: Saved) -> SavedSearch:
    return SavedSearch(
        id=saved.id,
        title=saved.title,
        query=saved.query,
        note=saved.note,
        until=local_day(saved.until, city.timezone),
        created=local_day(saved.created, city.timezone),
    )
