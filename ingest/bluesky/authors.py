"""Collector `bluesky`: what named public organisations write, by the feeds of their accounts."""

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingest.bluesky.appview import DOWN, LOT, Account, AppView, Refused
from ingest.bluesky.feed import Period, pages, part
from ingest.bluesky.records import PLATFORM, POSTS
from ingest.contract import Batch, Cursor, Reference, Standing
from ingest.several import Parts
from ingest.web.addresses import checked_address
from ingest.web.client import Web
from ingest.web.limits import rests
from stream.clock import DAY_MS, HOUR_MS, Clock
from stream.errors import Retry, Stop
from stream.post import RawAuthorDelete, RawPost

DID = re.compile(r"did:(plc:[a-z2-7]{24}|web:[a-z0-9.-]+)")
HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SERVER = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(127\.0\.0\.1|localhost)(:\d{1,5})?")
POST = re.compile(rf"at://did:[a-z]+:[\w.:%-]+/{re.escape(POSTS)}/[\w.:~-]+")

OPTED_OUT = "OptedOut"
GONE = {
    "AccountDeactivated": "it was deactivated",
    "AccountTakedown": "it was taken down",
    OPTED_OUT: "it is shown to people who logged in only",
}
"""Why nothing of an account may be held any more: by the interface's word, or ours."""


def _account(name: str) -> str:
    if not DID.fullmatch(name) and not HANDLE.fullmatch(name):
        raise ValueError(f"{name!r} is no account; write did:plc:… or its handle, without @")
    return name


def _server(address: str) -> str:
    if not SERVER.fullmatch(address):
        raise ValueError("write the address of a server as https://host, without a path")
    return checked_address(address)


class AuthorSettings(BaseModel):
    """`[settings]` of a source of organisations' accounts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: tuple[Annotated[str, AfterValidator(_account)], ...] = Field(
        min_length=1,
        description="Accounts of public organisations, each as did:plc:… or by its handle.",
    )
    appview: Annotated[str, AfterValidator(_server)] = Field(
        default="https://public.api.bsky.app",
        description="The server of the public interface: https://host.",
    )
    first_days: int = Field(
        default=7, ge=1, le=90, description="How far back an account is read at first."
    )
    overlap_hours: int = Field(
        default=48,
        ge=1,
        le=720,
        description="How far back it is read again each time, for edits and for posts that carry "
        "an older date.",
    )


class AuthorCollector:
    """Reads each account's feed from its newest item back to when it was read before, and some
    hours more. The state of an account in the cursor: its `did`, when it was `read`, the `walk`
    through its feed that is under way, why it seems to be `gone`, and whether what was collected of
    it is `deleted` for that. `rest` is until when the server wants to be left alone; what an
    account `failed` at stays until it answers.

    An account that fails costs that account. A server that says how long it wants to be left
    alone, or fails for some accounts in a row, is left alone.
    """

    name: ClassVar[str] = "bluesky"
    Settings: ClassVar[type[BaseModel]] = AuthorSettings
    repeats: ClassVar[bool] = True
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = False
    organisations: ClassVar[bool] = True
    lot: ClassVar[int] = LOT

    def __init__(self, settings: AuthorSettings, *, web: Web, clock: Clock) -> None:
        self._settings = settings
        self._view = AppView(settings.appview, web=web, clock=clock)
        self._clock = clock

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        return self._visit(cursor, period=None)

    def backfill(self, start: int, end: int, cursor: Cursor) -> Iterator[Batch]:
        return self._visit(cursor, period=Period(start, end))

    def woken(self, cursor: Cursor) -> Cursor:
        return {**cursor, "rest": 0}

    def reference(self, post: RawPost) -> Reference | None:
        known = POST.fullmatch(post.native_id)
        return Reference(post.platform, post.native_id) if known else None

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        return self._view.standings([each.native_id for each in references])

    def _visit(self, cursor: Cursor, *, period: Period | None) -> Iterator[Batch]:
        """All accounts: what is new of each, or what is of a period and was not read yet."""
        held, rest = cursor.get("accounts", {}), cursor.get("rest", 0)
        parts = Parts(self._settings.accounts, cursor.get("failed", {}), clock=self._clock)
        if rests(rest, now=self._clock.now()):
            wait = rest - self._clock.now()
            parts.check(self._failed(parts), after=wait / 1000)
            raise Retry(f"{self._settings.appview} may not be asked yet", after=wait / 1000)
        states = {name: copy.deepcopy(held.get(name, {})) for name in self._settings.accounts}
        failed = in_a_row = 0
        for name, state in states.items():
            if period is not None and "read" in state:
                continue
            try:
                for batch in self._read(name, state, period):
                    yield _at(batch, states, parts)
                in_a_row = 0
                parts.answered(name)
            except Stop as error:
                failed += 1
                parts.failed(name, Stop(f"{name}: {error}"))
            except Retry as error:
                failed += 1
                parts.failed(name, Retry(f"{name}: {error}", after=error.after))
                in_a_row += 1
                rest = self._clock.now() + int((error.after or 0) * 1000)
                if error.after or in_a_row == DOWN:
                    break
            except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one account only)
                failed += 1
                parts.failed(name, error)
        read = [state.get("read", 0) for state in states.values() if "gone" not in state]
        watermark = None if period else min(read, default=0) or None
        last = Batch(cursor={}, watermark=watermark, budget=self._view.budget, answered=not failed)
        yield _at(last, states, parts, rest=rest)
        # One server has them all: what it asks for holds for each.
        wait = max(0, rest - self._clock.now()) / 1000
        parts.check(self._failed(parts), after=wait or None)

    def _failed(self, parts: Parts) -> str:
        return f"{len(parts)} of {len(self._settings.accounts)} accounts failed"

    def _read(self, name: str, state: dict[str, Any], period: Period | None) -> Iterator[Batch]:
        """One account, in batches without a cursor; each leaves `state` as it is then."""
        account, now = self._look_up(name, state), self._clock.now()
        if isinstance(account, str):
            yield from self._lose(account, state)
            raise Stop(
                f"{GONE[account]}, and what was collected of it is deleted; take it out of the "
                "source"
            )
        state.pop("gone", None)
        if state.pop("deleted", False):
            days = self._settings.first_days
            warning = f"{name} is shown again: its last {days} days are read, what is older not"
            yield Batch(cursor={}, warnings=[warning])
        walk = state.setdefault("walk", {"began": now, "since": self._since(state, now=now)})
        wanted = period or Period(walk["since"])
        for page in pages(self._view, account, walk):
            found = part(page, did=account.did, period=wanted, now=self._clock.now())
            if found.last:
                state["read"] = state.pop("walk")["began"]
            yield found.batch
            if found.last:
                return

    def _lose(self, why: str, state: dict[str, Any]) -> Iterator[Batch]:
        """Delete what was collected of an account, once. That it left is believed when it is said
        at two visits, as of a post; what its people say themselves, at the first.
        """
        if "did" not in state or state.get("deleted"):
            return
        doubtful = why != OPTED_OUT and "gone" not in state
        state["gone"] = why
        if doubtful:
            raise Stop(
                f"{GONE[why]}; when it still is at the next visit, what was collected of it is "
                "deleted"
            )
        did, now = state["did"], self._clock.now()
        state.clear()
        state.update(did=did, gone=why, deleted=True)
        item = RawAuthorDelete(platform=PLATFORM, author=did, observed_at=now)
        yield Batch(cursor={}, read=1, items=[item])

    def _look_up(self, name: str, state: dict[str, Any]) -> Account | str:
        """The account, or why nothing of it may be held (`GONE`)."""
        try:
            account = self._view.account(name)
        except Refused as error:
            if error.error not in GONE:
                raise
            if DID.fullmatch(name):
                state.setdefault("did", name)
            return error.error
        if not DID.fullmatch(account.did):
            raise Stop("what answers names no account; check `appview`, or leave it out")
        if state.setdefault("did", account.did) != account.did:
            raise Stop(
                "it is another account now, under the same handle; see whose it is, and write the "
                "did of the right one"
            )
        return OPTED_OUT if account.opted_out else account

    def _since(self, state: dict[str, Any], *, now: int) -> int:
        """From when on an account is to be read (Unix ms)."""
        if "read" not in state:
            return now - self._settings.first_days * DAY_MS
        return int(state["read"]) - self._settings.overlap_hours * HOUR_MS


def _at(batch: Batch, states: dict[str, dict[str, Any]], parts: Parts, *, rest: int = 0) -> Batch:
    """A batch with the cursor as it is now: what comes later does not change it."""
    cursor = {"accounts": copy.deepcopy(states), "rest": rest, "failed": parts.held()}
    return msgspec.structs.replace(batch, cursor=cursor)
