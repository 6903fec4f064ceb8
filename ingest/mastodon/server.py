"""One server that speaks Mastodon's API: what it is asked, and what its answers mean.

Facts: docs.joinmastodon.org (api/rate-limits, methods/instance, methods/statuses), Mastodon's
`config/initializers/rack_attack.rb` and `app/controllers/concerns/api/rate_limit_headers.rb`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import msgspec

from ingest.contract import Budget
from ingest.web.answers import SAID, json_in
from ingest.web.client import OK, Web
from ingest.web.client import Page as Answer
from ingest.web.limits import Allowance
from stream.clock import Clock
from stream.errors import Retry, Stop

PAGE = 40
"""Statuses a page, the most that a server gives."""

LOT = 20
"""Statuses that are asked about at once, the most that a server takes."""

RESERVE = 10
"""Requests that are left to others behind the same address."""

LOGIN = (401, 403, 422)
MISSING = (404, 410)
NO_SUCH_QUESTION = (404, 405)
LINK = re.compile(r"<([^>]*)>[^<,]*\brel=\"?(\w+)")


class Feed(msgspec.Struct, frozen=True):
    """Who may see posts of the server's own people, and of others: `public`, `authenticated`,
    `disabled`.
    """

    local: str = "public"
    remote: str = "public"


class Access(msgspec.Struct, frozen=True):
    """Who may see which timelines."""

    live_feeds: Feed = Feed()
    hashtag_feeds: Feed = Feed()


class Configuration(msgspec.Struct, frozen=True):
    """What a server says of how it is set up; servers before Mastodon 4.5 do not say `access`."""

    timelines_access: Access | None = None


class Instance(msgspec.Struct, frozen=True):
    """A server by its own words: `domain` is the host of its accounts' names."""

    domain: str
    configuration: Configuration = Configuration()


class Page(msgspec.Struct, frozen=True):
    """A page of a timeline, newest first. `newer` is the `min_id` for what comes after it, which
    a page with items has; `older` the `max_id` for what came before.
    """

    items: Sequence[Any]
    newer: str | None
    older: str | None


class Server:
    """Asks one server. Every call blocks, and raises Retry when the server is busy, cannot be
    reached or nearly refuses, Stop when a person must look: a login wall, a block page, an
    answer of another form. Not shared between threads.
    """

    def __init__(self, address: str, *, token: str, web: Web, clock: Clock) -> None:
        self.address = address
        self._token = token
        self._web = web
        self._allowance = Allowance(address, clock=clock, reserve=RESERVE)

    @property
    def budget(self) -> Budget | None:
        """What the server said last of its limits."""
        return self._allowance.budget

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def instance(self) -> Instance:
        """What the server says of itself."""
        path = "/api/v2/instance"
        answer = self._ask(path)
        if answer.status in MISSING:
            raise Stop(
                f"{self.address} has no {path}: it is no Mastodon 4.0 or later, nor a server with "
                "its API; mend the address of the source"
            )
        try:
            return msgspec.convert(self._json(answer), Instance)
        except msgspec.ValidationError as error:
            raise self._changed(answer, str(error)) from None

    def page(self, path: str, query: Sequence[tuple[str, str]]) -> Page:
        """A page of the timeline at `path`."""
        answer = self._ask(path, (*query, ("limit", str(PAGE))))
        items = self._json(answer)
        if not isinstance(items, list):
            raise self._changed(answer, "no list of statuses")
        links = _links(answer.headers.get("link", ""))
        if items and ("prev", "min_id") not in links:
            raise self._changed(answer, "statuses, and not where to go on (header Link)")
        return Page(items, newer=links.get(("prev", "min_id")), older=links.get(("next", "max_id")))

    def statuses(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Those of up to `LOT` statuses that the server shows, by their id. Empty also where it
        does not know the question, as before Mastodon 4.3.
        """
        answer = self._ask("/api/v1/statuses", [("id[]", each) for each in ids])
        if answer.status in NO_SUCH_QUESTION:
            return {}
        items = self._json(answer)
        if not isinstance(items, list):
            raise self._changed(answer, "no list of statuses")
        return {str(item.get("id")): item for item in items if isinstance(item, dict)}

    def status(self, id: str) -> tuple[int, Any]:  # noqa: A002  (a status's id)
        """The HTTP status for one status, and it, or what is said of it; both in JSON, so that
        no page of something in between says that a status is gone.
        """
        answer = self._ask(f"/api/v1/statuses/{quote(id, safe='')}")
        said = _parsed(answer.body)
        if answer.status in MISSING and isinstance(said, dict):
            return answer.status, said
        return answer.status, self._json(answer)

    def _ask(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        self._allowance.check()
        url = f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = self._web.ask(url, headers=headers)
        if not answer.url.startswith(f"{self.address}/"):
            raise Stop(
                f"{url} is answered by another server ({answer.url}), which gave no permission; "
                "ask its operators, and mend the address of the source"
            )
        self._allowance.note(answer.headers)
        return answer

    def _json(self, answer: Answer) -> Any:
        """What the answer says, when it is a good one."""
        where = f"{answer.url} answers with status {answer.status}"
        if answer.body.lstrip()[:1] == b"<":
            raise Stop(
                f"{where} and a web page instead of data: a block page or a login wall; look at "
                "it in a browser, and ask the server's operators"
            )
        said = _parsed(answer.body)
        if answer.status == OK and said is not None:
            return said
        if answer.status == OK:
            raise Retry(f"{answer.url}: its answer is no JSON, or broke off")
        reason = said.get("error") if isinstance(said, dict) else None
        if isinstance(reason, str):
            where += f" ({reason[:SAID]!r})"
        if answer.status in LOGIN and self._token:
            raise Stop(f"{where}: the token has ended or does not allow this; have it renewed")
        if answer.status in LOGIN:
            raise Stop(
                f"{where}: it asks for a login; agree on a token with the server's operators and "
                "name the file that holds it (token_file), or take it out of the source"
            )
        raise Stop(f"{where}; look at it in a browser, and mend the source")

    def _changed(self, answer: Answer, what: str) -> Stop:
        return Stop(
            f"{answer.url}: {what}; its format has changed, see whether peil has a newer version"
        )


def _parsed(body: bytes) -> Any:
    """The JSON of an answer, None when it is none."""
    try:
        return json_in(body)
    except ValueError:
        return None


def _links(header: str) -> Mapping[tuple[str, str], str]:
    """The parameters of a Link header's addresses, by relation and name. Only those are taken:
    servers leave `any`, `all` and `none` out of the address.
    """
    return {
        (relation, name): values[0]
        for url, relation in LINK.findall(header)
        for name, values in parse_qs(url.partition("?")[2]).items()
    }
