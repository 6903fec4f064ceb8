"""The page Accounts: who may enter and as what, to read. Accounts are changed on the machine."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from dashboard.city import City
from dashboard.entrance import Entrance
from dashboard.entry import Door
from dashboard.pages.asking import TheCity, ThePages, TheSlice
from dashboard.rights import Reader, allow
from dashboard.roles import MATRIX, RIGHTS, Role
from index.values import local_day

router = APIRouter()
LettingIn = Annotated[Reader, Depends(allow("accounts"))]


class ShownAccount(BaseModel):
    """An account as an administrator may see it: never what it read."""

    name: str
    roles: list[Role]
    since: date = Field(description="The day on which it was made.")


@router.get("/accounts", response_class=HTMLResponse, include_in_schema=False)
def page(
    request: Request, city: TheCity, pages: ThePages, door: Door, reader: LettingIn
) -> HTMLResponse:
    """Every account with its roles, what each role may do, and how that is changed."""
    return pages.render(
        request,
        "accounts.html",
        reader=reader,
        here="accounts",
        accounts=_accounts(door, city),
        matrix=MATRIX,
        rights=RIGHTS,
        is_local=door.site.is_local,
    )


@router.get("/api/v1/accounts", tags=["pages"])
def twin(
    city: TheCity, door: Door, _reader: LettingIn, part: TheSlice, response: Response
) -> list[ShownAccount]:
    """Every account that may enter, with its roles."""
    return part.of(_accounts(door, city), response)


def _accounts(door: Entrance, city: City) -> Sequence[ShownAccount]:
    return [
        ShownAccount(
            name=each.name,
            roles=[role for role in Role if role in each.roles],
            since=local_day(each.created, city.timezone),
        )
        for each in door.accounts.everyone()
    ]
