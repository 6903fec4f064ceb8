"""What every application of the dashboard is held to, whatever its pages: who may ask what, and
that nothing changes without a page of ours. Suites that ship, as for other contracts.
"""

from collections.abc import Collection, Iterator
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import msgspec
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from dashboard.navigation import HOME, MENU
from dashboard.refusals import API, ENTER, ENTERED, OPEN, PURPOSE
from dashboard.rights import Allow
from dashboard.roles import MATRIX, Right, Role
from dashboard.security import SAFE

Need = Right | Literal["open", "entered"]
DOCUMENT = "/api/v1/openapi.json"
STATIC = "/static"
SCHEME = "session."
PASSWORD = "four words make one"  # noqa: S105  (of accounts in tests)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A route and a method, and what it needs. With `endless` its answer does not end."""

    method: str
    path: str
    need: Need
    endless: bool = False

    @property
    def address(self) -> str:
        """An address of the route: its parameters have a value that there is not."""
        parts = ["x" if part.startswith("{") else part for part in self.path.split("/")]
        return "/".join(parts)


class Comer(Protocol):
    """How a suite gets readers."""

    def __call__(self, role: Role | None, *, purposed: bool = True) -> TestClient:
        """A browser that is in as `role`, with or without a purpose, and whose header
        `X-CSRF-Token` is right; with None one that is not in.
        """
        ...


def operations(app: FastAPI) -> Iterator[Operation]:
    """Everything that `app` answers to, the pages too; a route that does not say what it needs is
    an AssertionError.
    """
    document = app.openapi()
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path or ""
        if isinstance(route, Mount):
            assert route.path == STATIC, f"{route.path} is mounted past all rights"
            continue
        if path == DOCUMENT:
            continue
        assert isinstance(route, APIRoute), f"{path} has no dependencies"
        found = list(_allows(route.dependant))
        for method in sorted(context.methods or ()):
            need: Need
            if path in OPEN:
                need = "open"
            elif path in ENTERED:
                need = "entered"
            else:
                assert len(found) == 1, f"{method} {path} does not say what right it needs"
                need = found[0].right
            described = document["paths"].get(path, {}).get(method.lower())
            if described is not None:
                assert _documented(described) == need, f"{method} {path} is documented otherwise"
            endless = bool(found) and found[0].background
            yield Operation(method=method, path=path, need=need, endless=endless)


def assert_matrix(
    app: FastAPI,
    client: Comer,
    *,
    without: Collection[str] = (),
) -> int:
    """Hold every role against every route and method; returns how many were tried.

    Paths in `without` are not tried by who may: they do something for good.
    """
    tried = 0
    nobody = client(None)
    purposeless = client(Role.VIEWER, purposed=False)
    for operation in operations(app):
        if operation.need == "open":
            continue
        answer = _ask(nobody, operation)
        _assert_led(answer, operation, door=ENTER, status=401)
        tried += 1
        if operation.need != "entered":
            _assert_led(_ask(purposeless, operation), operation, door=PURPOSE, status=403)
            tried += 1
    for role in Role:
        reader = client(role)
        for operation in operations(app):
            if operation.need in ("open", "entered") or operation.path in without:
                continue
            allowed = operation.need in MATRIX[role]
            if allowed and operation.endless:
                continue
            answer = _ask(reader, operation)
            where = f"{role} {operation.method} {operation.path}: {answer.status_code}"
            if allowed:
                assert answer.status_code not in (401, 403, 405), where
                assert not answer.headers.get("location", "").startswith((ENTER, PURPOSE)), where
            elif operation.path == HOME and answer.status_code == 303:
                assert answer.headers["location"] in _menu(role), where
            else:
                assert answer.status_code == 403, where
            tried += 1
    return tried


def assert_nothing_changes_without_token(app: FastAPI, client: Comer) -> int:
    """Every route that changes something refuses a request that no page of ours sent; returns how
    many routes that are.
    """
    tried = 0
    for operation in operations(app):
        if operation.method in SAFE:
            continue
        reader = client(Role.ANALYST)
        right = reader.headers.pop("x-csrf-token")
        other = client(Role.ANALYST).headers["x-csrf-token"]
        here = str(reader.base_url)
        for headers in (
            {},
            {"x-csrf-token": ""},
            {"x-csrf-token": other},
            {"x-csrf-token": right, "origin": "https://evil.example"},
            {"x-csrf-token": right, "origin": "null"},
            {"x-csrf-token": right, "origin": here, "sec-fetch-site": "cross-site"},
            {"x-csrf-token": right, "origin": here, "sec-fetch-site": "same-site"},
        ):
            answer = _ask(reader, operation, headers=headers)
            where = f"{operation.method} {operation.path} {headers}"
            assert answer.status_code == 403, f"{where}: {answer.status_code}"
        tried += 1
    return tried


def _ask(client: TestClient, operation: Operation, *, headers: dict[str, str] | None = None) -> Any:
    body: dict[str, Any] = {}
    if operation.method not in SAFE:
        body = {"json": {}} if operation.path.startswith(API) else {"data": {}}
    return client.request(
        operation.method, operation.address, headers=headers, follow_redirects=False, **body
    )


def _assert_led(answer: Any, operation: Operation, *, door: str, status: int) -> None:
    where = f"{operation.method} {operation.path}: {answer.status_code}"
    if operation.path.startswith(API):
        assert answer.status_code == status, where
    else:
        assert answer.status_code == 303, where
        assert urlsplit(answer.headers["location"]).path == door, where


def _menu(role: Role) -> set[str]:
    """The pages that `role` may see."""
    return {address for _, address, _, right in MENU if right in MATRIX[role]}


def _allows(dependant: Dependant) -> Iterator[Allow]:
    if isinstance(dependant.call, Allow):
        yield dependant.call
    for each in dependant.dependencies:
        yield from _allows(each)


def _documented(operation: dict[str, Any]) -> str | None:
    names = [name for each in operation.get("security", ()) for name in each]
    return names[0].removeprefix(SCHEME) if len(names) == 1 else None
