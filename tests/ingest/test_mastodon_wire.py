"""What mastodon-mock cannot do, against a small server with the same wire."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.completeness.mastodon_server import MastodonServer
from bench.completeness.serving import BLOCK_PAGE
from ingest.catalogue import settings_of
from ingest.contract import Batch, Reference, Standing
from ingest.mastodon.collector import MastodonCollector
from ingest.mastodon.settings import MastodonSettings
from ingest.mastodon.statuses import read, to_post, unwanted
from ingest.several import Lasting, PartsRetry
from ingest.sources import Source
from ingest.web.client import Web
from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, ManualClock
from stream.errors import PeilError, Reject, Retry, Stop
from stream.post import RawPost
from stream.testing import START

PATH = "/api/v1/timelines/tag/fiets"
NEW = "2026-09-21T14:00:00Z"
KEY = "een-echte-sleutel"

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[MastodonServer]:
    with MastodonServer(now=clock.now) as server:
        yield server


def open_web(clock: ManualClock) -> Web:
    return Web(contact="data@example.org", clock=clock, max_bytes=10_000_000, max_seconds=60,
               private_hosts=("127.0.0.1",))  # fmt: skip


class Reader:
    """A source that is polled again and again, with its cursor kept as JSON."""

    def __init__(
        self,
        clock: ManualClock,
        *addresses: str,
        environment: Mapping[str, str] | None = None,
        hours: Mapping[str, int] | None = None,
        web: Web | None = None,
        **more: Any,
    ) -> None:
        self.clock = clock
        self.cursor: dict[str, Any] = {}
        self.error: PeilError | None = None
        self._environment = environment or {}
        self._web = web
        told = {"permission": "a test", "tags": ["fiets"]} | more
        self._settings = MastodonSettings.model_validate(
            {"servers": [{"address": each} | told for each in addresses]} | dict(hours or {})
        )

    @contextmanager
    def collector(self) -> Iterator[MastodonCollector]:
        with nullcontext(self._web) if self._web else open_web(self.clock) as web:
            yield MastodonCollector(
                self._settings, web=web, clock=self.clock, environment=self._environment
            )

    def poll(self, *, batches: int = 1_000_000) -> list[Batch]:
        """What the next run brings; it is killed after so many batches."""
        found: list[Batch] = []
        self.error = None
        with self.collector() as collector:
            try:
                for batch in collector.poll(self.cursor):
                    self.cursor = json.loads(json.dumps(batch.cursor))
                    found.append(batch)
                    if len(found) == batches:
                        break
            except (Retry, Stop) as error:
                self.error = error
        return found

    def posts(self, *, batches: int = 1_000_000) -> list[RawPost]:
        found = [item for batch in self.poll(batches=batches) for item in batch.items]
        return [item for item in found if isinstance(item, RawPost)]

    def recheck(self, references: list[Reference]) -> list[Standing]:
        with self.collector() as collector:
            return list(collector.recheck(references))


def uris(posts: list[RawPost]) -> list[int]:
    return [int(post.native_id.rpartition("/")[2]) for post in posts]


# Who may read


@pytest.mark.parametrize(
    ("access", "message"),
    [
        ({"local": "disabled", "remote": "public"}, "take it out of the source"),
        ({"local": "public", "remote": "disabled"}, "set local = true for it"),
        ({"local": "public", "remote": "authenticated"}, "agree on a token"),
        ({"local": "public", "remote": "followers"}, "to nobody ('followers')"),
    ],
)
def test_a_closed_timeline_is_a_stop_and_is_not_asked(
    server: MastodonServer, clock: ManualClock, access: Any, message: str
) -> None:
    server.publish(1, written=START - HOUR_MS)
    server.access = {"hashtag_feeds": access, "live_feeds": {"local": "public"}}
    reader = Reader(clock, server.url, local=True)
    assert uris(reader.posts()) == [1]  # the local timeline is open
    assert isinstance(reader.error, Stop)
    assert message in str(reader.error)
    assert not any(path.startswith(PATH) for path, _ in server.requests)


def test_a_closed_side_does_not_matter_where_only_the_other_is_read(
    server: MastodonServer, clock: ManualClock
) -> None:
    server.publish(1, written=START - HOUR_MS)
    server.access = {"hashtag_feeds": {"local": "public", "remote": "disabled"}}
    reader = Reader(clock, server.url, tags=[{"tag": "fiets", "local": True}])
    assert uris(reader.posts()) == [1]
    assert reader.error is None
    assert "local=true" in server.requests[1][0]


@pytest.mark.parametrize("kept", ["file", "variable"])
def test_a_token_opens_a_timeline_and_is_shown_nowhere(
    server: MastodonServer, clock: ManualClock, tmp_path: Path, kept: str
) -> None:
    server.publish(1, written=START - HOUR_MS)
    server.access = {"hashtag_feeds": {"local": "authenticated", "remote": "authenticated"}}
    server.token = KEY
    (tmp_path / "token").write_text(f"{KEY}\n")
    if kept == "file":
        reader = Reader(clock, server.url, token_file=str(tmp_path / "token"))
    else:
        named = {"token_variable": "MASTODON_TOKEN_OURS"}
        reader = Reader(clock, server.url, environment={"MASTODON_TOKEN_OURS": KEY}, **named)
    assert uris(reader.posts()) == [1]
    assert {token for _, token in server.requests} == {KEY}
    server.token = KEY[::-1]
    assert [batch for batch in reader.poll() if batch.read] == []
    assert isinstance(reader.error, Stop)
    assert "have it renewed" in str(reader.error)
    assert KEY not in f"{reader.error}{reader.cursor}"


def test_a_token_that_is_missing_costs_its_server_alone(
    server: MastodonServer, clock: ManualClock, tmp_path: Path
) -> None:
    reader = Reader(clock, server.url, token_file=str(tmp_path / "none"))
    reader.poll()
    assert isinstance(reader.error, Stop)
    assert "token_file" in str(reader.error)
    assert server.requests == []


# What is no timeline


def redirecting(path: str) -> Any:
    return 302, {"Location": path}, b""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, BLOCK_PAGE), "a block page or a login wall"),
        ((403, {}, BLOCK_PAGE), "a block page or a login wall"),
        (redirecting("/auth/sign_in"), "a block page or a login wall"),
        ((422, {}, b'{"error": "This method requires an authenticated user"}'), "asks for a login"),
        ((401, {}, b"{}"), "asks for a login"),
        ((404, {}, b'{"error": "Not Found"}'), "status 404 ('Not Found')"),
        ((200, {}, b'{"statuses": []}'), "format has changed"),
        ((200, {}, b'[{"id": "1"}]'), "where to go on (header Link)"),
        (
            (200, {"Link": f'<{PATH}?max_id=1>; rel=next, <{PATH}?max_id=1>; rel="prev"'}, b"[3]"),
            "where to go on (header Link)",
        ),
        ((200, {}, b""), "no JSON, or broke off"),
        ((200, {}, b"[" * 100_000), "no JSON, or broke off"),
    ],
)
def test_what_is_no_timeline_is_an_error_and_costs_that_one(
    site: Any, clock: ManualClock, answer: Any, message: str
) -> None:
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    site.answers["/auth/sign_in"] = (200, {}, b"<html>Log in</html>")
    site.answers[f"{PATH}?limit=40"] = answer
    site.answers["/api/v1/timelines/public?local=true&limit=40"] = (200, {}, b"[]")
    reader = Reader(clock, site.url(""), local=True)
    assert [batch for batch in reader.poll() if batch.items] == []
    assert isinstance(reader.error, (Retry, Stop))
    assert message in str(reader.error)
    # It is empty, which it has to say twice.
    assert len(site.asked("/api/v1/timelines/public?local=true&limit=40")) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, {}, b"nothing here"), "no Mastodon 4.0 or later"),
        ((200, {}, BLOCK_PAGE), "a block page or a login wall"),
        ((200, {}, b'{"title": "x"}'), "missing required field `domain`"),
        ((200, {}, b'{"domain": "x", "configuration": []}'), "format has changed"),
    ],
)
def test_a_server_that_does_not_say_what_it_is_is_not_read(
    site: Any, clock: ManualClock, server: MastodonServer, answer: Any, message: str
) -> None:
    server.publish(1, written=START - HOUR_MS)
    site.answers["/api/v2/instance"] = answer
    reader = Reader(clock, site.url(""), server.url)
    assert uris(reader.posts()) == [1]  # the other server is read
    assert isinstance(reader.error, Stop)
    assert message in str(reader.error)
    assert len(site.requests) == 1


def test_a_server_that_moved_is_not_followed_to_one_without_permission(
    site: Any, clock: ManualClock, server: MastodonServer
) -> None:
    server.publish(1, written=START - HOUR_MS)
    for path in ("/api/v2/instance", f"{PATH}?limit=40"):
        site.answers[path] = redirecting(f"{server.url}{path}")
    reader = Reader(clock, site.url(""))
    assert reader.posts() == []
    assert isinstance(reader.error, Stop)
    assert "which gave no permission" in str(reader.error)


def test_a_server_that_sends_in_a_circle_is_left(site: Any, clock: ManualClock) -> None:
    link = f'<{PATH}?max_id=1>; rel="next", <{PATH}?min_id=1>; rel="prev"'
    page = (200, {"Link": link}, json.dumps([a_status(created_at=NEW)]).encode())
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    site.answers[f"{PATH}?limit=40"] = site.answers[f"{PATH}?max_id=1&limit=40"] = page
    reader = Reader(clock, site.url(""))
    reader.poll()
    assert isinstance(reader.error, Stop)
    assert "sends back to where it was asked" in str(reader.error)


def test_a_server_that_sends_in_a_larger_circle_is_left(site: Any, clock: ManualClock) -> None:
    ways = {"?limit=40": "1", "?max_id=1&limit=40": "2", "?max_id=2&limit=40": "1"}
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    for query, older in ways.items():
        link = f'<{PATH}?max_id={older}>; rel="next", <{PATH}?min_id=9>; rel="prev"'
        body = json.dumps([a_status(id=query, created_at=NEW)]).encode()
        site.answers[f"{PATH}{query}"] = (200, {"Link": link}, body)
    for after, newer in (("9", "8"), ("8", "9")):
        link = f'<{PATH}?min_id={newer}>; rel="prev"'
        body = json.dumps([a_status(id=after, created_at=NEW)]).encode()
        site.answers[f"{PATH}?min_id={after}&limit=40"] = (200, {"Link": link}, body)
    reader = Reader(clock, site.url(""))
    for _ in range(2):  # backward, then forward
        reader.poll(batches=20)
        assert isinstance(reader.error, Stop)
        assert "sends back to where it was asked" in str(reader.error)


@pytest.mark.parametrize("reset", ["2026-01-01T00:05:00.000000Z", "1767225900"])
def test_the_reset_of_a_limit_is_a_date_or_a_number(site: Any, reset: str) -> None:
    clock = ManualClock(1_767_225_600_000)  # 2026-01-01T00:00Z
    headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "3"}
    site.answers["/api/v2/instance"] = (
        200, headers | {"X-RateLimit-Reset": reset}, b'{"domain": "ours.example"}'
    )  # fmt: skip
    reader = Reader(clock, site.url(""))
    reader.poll()
    assert isinstance(reader.error, Retry)
    assert 298 <= (reader.error.after or 0) <= 300
    assert len(site.requests) == 1
    (batch,) = reader.poll()
    assert "may not be asked yet" in batch.warnings[0]
    assert isinstance(reader.error, Retry)
    assert 298 <= (reader.error.after or 0) <= 300


def test_a_server_that_refuses_is_left_alone_until_it_counts_anew(
    site: Any, clock: ManualClock
) -> None:
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    for tag in ("fiets", "step"):
        site.answers[f"/api/v1/timelines/tag/{tag}?limit=40"] = (
            429, {"X-RateLimit-Reset": "2026-09-21T14:18:20.000000Z"}, b'{"error": "Throttled"}'
        )  # fmt: skip
    reader = Reader(clock, site.url(""), tags=["fiets", "step"])
    reader.poll()
    assert isinstance(reader.error, Retry)
    assert 290 <= (reader.error.after or 0) <= 300
    assert [path for path, _ in site.requests] == ["/api/v2/instance", f"{PATH}?limit=40"]


def test_what_a_server_failed_at_is_told_until_it_answers(
    site: Any, server: MastodonServer, clock: ManualClock
) -> None:
    server.publish(1, written=START - HOUR_MS)
    site.answers["/api/v2/instance"] = (429, {"Retry-After": "3600"}, b"{}")
    reader = Reader(clock, site.url(""), server.url)
    for asked, failures in ((True, 1), (False, 1), (False, 1), (False, 1), (True, 2)):
        batches = reader.poll()
        assert any(batch.answered for batch in batches)
        assert isinstance(reader.error, PartsRetry)
        assert "is busy (status 429)" in str(reader.error)
        assert reader.error.lasting == Lasting(failures=failures, since=START, asked=asked)
        assert reader.error.after is None  # the other one may be asked
        clock.advance(HOUR_MS // 4)
    clock.advance(HOUR_MS)
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    site.answers[f"{PATH}?limit=40"] = (200, {}, b"[]")
    reader.poll()
    assert reader.error is None


def test_a_closed_timeline_is_told_while_its_server_is_left_alone(
    site: Any, clock: ManualClock
) -> None:
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    site.answers[f"{PATH}?limit=40"] = (200, {}, BLOCK_PAGE)
    site.answers["/api/v1/timelines/public?local=true&limit=40"] = (200, {}, b"[]")
    reader = Reader(clock, site.url(""), local=True)
    reader.poll()
    site.answers["/api/v2/instance"] = (503, {"Retry-After": "3600"}, b"")
    for _ in range(2):
        reader.poll()
        assert isinstance(reader.error, Stop)
        assert "a block page or a login wall" in str(reader.error)
        assert "is busy (status 503)" in str(reader.error)
        clock.advance(HOUR_MS // 4)


def test_words_beside_a_tag_go_with_every_page(server: MastodonServer, clock: ManualClock) -> None:
    for number in range(60):
        tags = [{"name": "fiets"}, {"name": "werk" if number % 2 else "step"}]
        server.publish(number, written=START - HOUR_MS + number, tags=tags)
    server.publish(60, written=START - HOUR_MS, tags=[{"name": "scooter"}])
    told = [{"tag": "fiets", "any": ["scooter"], "none": ["werk"]}]
    reader = Reader(clock, server.url, tags=told)
    assert sorted(uris(reader.posts())) == [*range(0, 60, 2), 60]
    server.publish(61, written=START, tags=[{"name": "fiets"}, {"name": "werk"}])
    assert reader.posts() == []


# How far, and how late


def test_at_first_a_timeline_is_read_back_as_far_as_is_set(
    server: MastodonServer, clock: ManualClock
) -> None:
    for number in range(200):
        server.publish(number, written=START - number * HOUR_MS)
    reader = Reader(clock, server.url, hours={"first_hours": 50})
    batches = reader.poll()
    posts = [each for batch in batches for each in batch.items if isinstance(each, RawPost)]
    assert sorted(uris(posts)) == [*range(51)]
    assert sum(batch.skipped.get("other_period", 0) for batch in batches) == 69
    assert len([batch for batch in batches if batch.read]) == 3  # of five pages


def test_what_arrives_late_is_found_within_the_hour(
    server: MastodonServer, clock: ManualClock
) -> None:
    server.publish(1, written=START - MINUTE_MS)
    reader = Reader(clock, server.url)
    assert uris(reader.posts()) == [1]
    server.publish(2, written=START - 5 * HOUR_MS, account={"acct": "p@elders.example"})
    assert reader.posts() == []
    clock.advance(HOUR_MS)
    assert 2 in uris(reader.posts())


def test_after_a_pause_the_time_before_it_is_read_again_too(
    server: MastodonServer, clock: ManualClock
) -> None:
    reader = Reader(clock, server.url, hours={"rescan_hours": 6})
    server.publish(1, written=START)
    reader.poll()
    clock.advance(3 * DAY_MS)
    server.publish(2, written=START - 5 * HOUR_MS)
    assert 2 in uris(reader.posts())


def test_a_timeline_that_was_empty_is_read_from_there(
    server: MastodonServer, clock: ManualClock
) -> None:
    reader = Reader(clock, server.url)
    assert reader.posts() == []
    clock.advance(2 * DAY_MS)
    server.publish(1, written=START + HOUR_MS)
    assert uris(reader.posts()) == [1]


def test_the_end_of_a_timeline_is_believed_when_it_is_said_twice(
    site: Any, clock: ManualClock
) -> None:
    link = f'<{PATH}?max_id=1>; rel="next", <{PATH}?min_id=2>; rel="prev"'
    page = (200, {"Link": link}, json.dumps([a_status(created_at=NEW)]).encode())
    nothing = (200, {}, b"[]")
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    answers = {
        f"{PATH}?limit=40": iter([nothing, page]),
        f"{PATH}?max_id=1&limit=40": iter([nothing, nothing]),
    }
    for path, said in answers.items():
        site.answers[path] = lambda _headers, said=said: next(said)
    reader = Reader(clock, site.url(""))
    assert len(reader.posts()) == 1
    assert reader.error is None
    ((_, state),) = reader.cursor["timelines"].items()
    assert state["min_id"] == "2"
    assert [path for path, _ in site.requests[1:]] == [
        f"{PATH}?limit=40", f"{PATH}?limit=40",
        f"{PATH}?max_id=1&limit=40", f"{PATH}?max_id=1&limit=40",
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "answered"), [(200, True), (500, False)])
def test_a_run_says_whether_a_timeline_answered(
    site: Any, clock: ManualClock, *, status: int, answered: bool
) -> None:
    site.answers["/api/v2/instance"] = (200, {}, b'{"domain": "ours.example"}')
    site.answers[f"{PATH}?limit=40"] = (status, {}, b"[]")
    assert Reader(clock, site.url("")).poll()[-1].answered == answered
    site.answers["/api/v2/instance"] = (503, {"Retry-After": "60"}, b"")
    reader = Reader(clock, site.url(""))
    assert [batch.answered for batch in reader.poll() + reader.poll()] == [False, False]


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(1, 90)),
        st.tuples(st.just("late"), st.integers(1, 359)),  # minutes
        st.tuples(st.just("wait"), st.integers(1, 90)),  # minutes
        st.tuples(st.just("poll"), st.integers(1, 4)),  # batches until the kill
        st.tuples(st.just("fail"), st.integers(1, 3)),  # good requests before one that fails
    ),
    max_size=14,
)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_whatever_happens_every_status_comes(steps: list[Step]) -> None:
    clock = ManualClock(START)
    numbers = iter(range(1_000_000))
    good = [1_000_000]

    def failing() -> str | None:
        good[0] -= 1
        return "malformed" if good[0] < 0 else None

    found: set[int] = set()
    with (
        MastodonServer(now=clock.now, failing=failing, limit=1_000_000) as server,
        open_web(clock) as web,
    ):
        reader = Reader(clock, server.url, hours={"rescan_hours": 6}, web=web)
        for step, amount in steps:
            match step:
                case "new":
                    for each in range(amount):
                        server.publish(next(numbers), written=clock.now() - amount + each)
                case "late":
                    server.publish(next(numbers), written=clock.now() - amount * MINUTE_MS)
                case "wait":
                    clock.advance(amount * MINUTE_MS)
                case "poll":
                    found |= set(uris(reader.posts(batches=amount)))
                case _:
                    good[0] = amount
                    found |= set(uris(reader.posts()))
                    good[0] = 1_000_000
        found |= set(uris(reader.posts()))
        clock.advance(HOUR_MS)
        found |= set(uris(reader.posts()))
    assert found == set(range(next(numbers)))


# What a status says


def a_status(**changed: Any) -> dict[str, Any]:
    return {
        "id": "01JQX", "uri": "https://elders.example/users/p/statuses/9", "visibility": "public",
        "account": {"acct": "P@Elders.example", "indexable": True},
        "created_at": "2026-01-01T00:00:00Z", "content": "<p>Een bericht</p>",
    } | changed  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"reblog": {"id": "1"}}, "reblog"),
        ({"visibility": "unlisted"}, "not_public"),
        ({"account": {"acct": "p", "noindex": True}}, "noindex"),
        ({"account": {"acct": "p", "indexable": False}}, "not_indexable"),
        ({"account": {"acct": "p", "limited": True}}, "limited"),
        ({"account": {"acct": "p", "suspended": True}}, "limited"),
        ({"account": {"acct": "p", "discoverable": False, "noindex": None}}, None),
    ],
)
def test_who_wants_to_be_found_by_nobody_is_not_collected(
    changed: dict[str, Any], why: str | None
) -> None:
    assert unwanted(read(a_status(**changed))) == why


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({}, "post"), ({"in_reply_to_id": "1"}, "reply"), ({"quote": {"state": "accepted"}}, "quote")],
)
def test_a_status_is_a_post_a_reply_or_a_quote(changed: dict[str, Any], kind: str) -> None:
    assert to_post(read(a_status(**changed)), domain="ours.example", observed_at=START).kind == kind


def test_no_word_of_a_status_hides_the_rest_of_it() -> None:
    status = a_status(content="<p>Wie de &lt;script&gt; leest: vanavond rellen op het plein</p>",
                      spoiler_text="zet <video> aan")  # fmt: skip
    post = to_post(read(status), domain="ours.example", observed_at=START)
    assert post.text == "zet <video> aan\nWie de <script> leest: vanavond rellen op het plein"


def test_an_edit_is_newer_than_what_another_server_still_shows() -> None:
    edited = read(a_status(edited_at="2026-01-01T02:00:00.5Z", content="<p>Anders</p>"))
    stale = read(a_status())
    new, old = (to_post(each, domain="x", observed_at=START) for each in (edited, stale))
    assert (new.edited_at, old.edited_at) == (1_767_232_800_500, 1_767_225_600_000)


@pytest.mark.parametrize(
    "broken",
    [
        None, 3, [], {}, {"id": "1"}, a_status(id=1), a_status(id=""), a_status(uri=""),
        a_status(account={"acct": ""}), a_status(account=None), a_status(content=3),
        a_status(tags=[{"no": "name"}]), a_status(visibility=None),
    ],
)  # fmt: skip
def test_what_is_no_status_is_rejected_without_its_values(broken: Any) -> None:
    with pytest.raises(Reject) as raised:
        read(broken)
    assert "elders" not in str(raised.value)


def test_a_bad_status_costs_itself(server: MastodonServer, clock: ManualClock) -> None:
    server.publish(1, written=START)
    server.publish(2, written=START, uri=None, content="geheim-van-iemand")
    server.publish(3, written=START, content="kapot \ud83d <p>maar leesbaar")
    batches = Reader(clock, server.url).poll()
    assert sum(batch.read for batch in batches) == 3
    (bad,) = (each for batch in batches for each in batch.rejected)
    assert bad.where.startswith(f"{server.url}{PATH}: status 2")
    assert bad.skeleton["content"] == "str"
    assert "geheim" not in repr(bad)
    assert sum(len(batch.items) for batch in batches) == 2


def test_the_same_status_on_two_servers_is_one(clock: ManualClock) -> None:
    with (
        MastodonServer(now=clock.now) as ours,
        MastodonServer(now=clock.now, domain="other.example") as other,
    ):
        status = ours.publish(1, written=START)
        account = {"acct": "p1@ours.example", "indexable": True}
        other.publish(7, written=START, uri=status["uri"], account=account)
        first, second = Reader(clock, ours.url, other.url).posts()
    assert first.native_id == second.native_id
    assert first.author == second.author == "p1@ours.example"


# Asking again


def test_a_server_that_cannot_be_asked_for_many_is_asked_one_by_one(
    server: MastodonServer, clock: ManualClock
) -> None:
    server.lots = False
    kept = server.publish(1, written=START)["id"]
    address = f"{server.url}/api/v1/statuses"
    references = [Reference("mastodon", each, f"{address}/{each}") for each in (kept, "gone-1")]
    assert Reader(clock, server.url).recheck(references) == ["there", "missing"]


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        ((410, {}, b'{"error": "Gone"}'), "gone"),
        ((404, {}, b'{"error": "Record not found"}'), "missing"),
        ((404, {}, BLOCK_PAGE), "unknown"),
        ((200, {}, BLOCK_PAGE), "unknown"),
        ((401, {}, b'{"error": "This method requires an authenticated user"}'), "unknown"),
        ((500, {}, b""), "unknown"),
        ((200, {}, b'{"id": "1"}'), "there"),
    ],
)
def test_only_the_server_itself_says_that_a_status_is_gone(
    site: Any, clock: ManualClock, answer: Any, standing: Standing
) -> None:
    site.answers["/api/v1/statuses?id%5B%5D=1"] = (200, {}, b"[]")
    site.answers["/api/v1/statuses/1"] = answer
    reference = Reference("mastodon", "x", site.url("/api/v1/statuses/1"))
    assert Reader(clock, site.url("")).recheck([reference]) == [standing]


def lot(ids: Sequence[int]) -> str:
    return "/api/v1/statuses?" + urlencode([("id[]", each) for each in ids])


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        ((429, {"Retry-After": "600"}, b""), "unasked"),
        ((500, {}, b""), "unknown"),  # it may be these that it always fails at
        ((200, {}, BLOCK_PAGE), "unknown"),
    ],
)
def test_a_server_that_fails_is_left_alone_and_the_others_are_asked(
    site: Any, clock: ManualClock, server: MastodonServer, *, answer: Any, first: Standing
) -> None:
    kept = server.publish(1, written=START)["id"]
    site.answers[lot(range(20))] = answer
    references = [
        Reference("mastodon", str(each), site.url(f"/api/v1/statuses/{each}")) for each in range(60)
    ]
    references.append(Reference("mastodon", "x", f"{server.url}/api/v1/statuses/{kept}"))
    standings = Reader(clock, site.url(""), server.url).recheck(references)
    assert standings == [first] * 20 + ["unasked"] * 40 + ["there"]
    assert len(site.requests) == 1


def test_what_a_server_still_allows_counts_over_all_that_is_asked_of_it(
    site: Any, clock: ManualClock
) -> None:
    ids = [str(each) for each in range(40)]
    shown = json.dumps([a_status(id=each) for each in ids[:20]]).encode()
    headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "10"}
    site.answers[lot(range(20))] = (200, headers, shown)
    references = [Reference("mastodon", each, site.url(f"/api/v1/statuses/{each}")) for each in ids]
    with Reader(clock, site.url("")).collector() as collector:
        assert list(collector.recheck(references[:20])) == ["there"] * 20
        assert list(collector.recheck(references[20:])) == ["unasked"] * 20
    assert len(site.requests) == 1


# Settings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"permission": " "}, "permission"),
        ({"permission": None}, "permission"),
        ({"address": "http://ours.example"}, "https://host"),
        ({"address": "https://ours.example/api"}, "https://host"),
        ({"address": "https://p@ours.example"}, "https://host"),
        ({"token": KEY}, "Extra inputs"),
        ({"token_variable": "PEIL_DATABASE__PASSWORD"}, "write MASTODON_TOKEN"),
        ({"tags": []}, "nothing is read there"),
        ({"tags": ["#fiets"]}, "as one word, without #"),
        ({"tags": [{"tag": "fiets", "any": list("abcde")}]}, "at most 4"),
    ],
)
def test_wrong_settings_are_refused(changed: dict[str, Any], message: str) -> None:
    told = {"address": "https://ours.example", "permission": "a letter", "tags": ["fiets"]}
    assert MastodonSettings.model_validate({"servers": [told]}).rescan_hours == 12
    with pytest.raises(pydantic.ValidationError, match=message):
        MastodonSettings.model_validate({"servers": [told | changed]})
    with pytest.raises(pydantic.ValidationError, match="once"):
        MastodonSettings.model_validate({"servers": [told, told]})


def test_the_example_of_the_page_is_a_source() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
    (example,) = (each for each in page.split("```toml\n")[1:] if 'collector = "mastodon"' in each)
    source = Source.model_validate(tomllib.loads(example.partition("```")[0]))
    assert settings_of(source)
