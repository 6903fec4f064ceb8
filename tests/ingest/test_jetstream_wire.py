"""Both wires say the same, and nothing that comes over them does harm."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.bluesky.harvest import Harvest
from ingest.bluesky.listening import Listening
from ingest.bluesky.position import Position
from ingest.bluesky.wire import V1, V2, Event, Notice, Wire, read_v1, read_v2
from ingest.contract import Batch, Cursor
from stream.errors import Reject
from stream.post import RawPost
from stream.testing import START
from tests.ingest.jetstream import POSTS, Happening, post, tid

NOW = START * 1000 + 123_456
LATER = START + 3_600_000
LIKE = {"$type": "app.bsky.feed.like", "subject": {"uri": "at://did:plc:y/app.bsky.feed.post/3kx"}}


def commit(operation: str, collection: str, record: dict[str, Any] | None) -> dict[str, Any]:
    body = {"rev": "3kr", "operation": operation, "collection": collection, "rkey": "3kx"}
    return body if record is None else {**body, "record": record, "cid": "bafy"}


bodies = st.one_of(
    st.tuples(st.just("identity"), st.just({"did": "did:plc:x", "seq": 1, "time": "t"})),
    st.tuples(
        st.just("account"), st.booleans().map(lambda active: {"active": active, "did": "did:plc:x"})
    ),
    st.tuples(
        st.just("commit"),
        st.builds(
            commit,
            st.sampled_from(["create", "update", "delete"]),
            st.sampled_from([POSTS, "app.bsky.feed.like", "app.bsky.graph.follow"]),
            st.sampled_from([None, LIKE, post("hallo", at=START)]),
        ),
    ),
)


@given(seq=st.integers(1, 2**50), time=st.integers(10**15, 4 * 10**15), what=bodies)
def test_both_wires_say_the_same(seq: int, time: int, what: tuple[str, dict[str, Any]]) -> None:
    kind, body = what
    happened = Happening(seq, time, "did:plc:x", kind, body)
    first, second = read_v1(happened.v1()), read_v2(happened.v2())
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert (first.seq, second.seq) == (None, seq)
    assert first.time == second.time == time
    assert (first.kind, first.did, first.active) == (second.kind, second.did, second.active)
    assert _plain(first) == _plain(second) == (body if kind == "commit" else None)


def _plain(event: Event) -> dict[str, Any] | None:
    """The commit as it was written."""
    if event.commit is None:
        return None
    written = {name: getattr(event.commit, name)
               for name in ("rev", "operation", "collection", "rkey")}  # fmt: skip
    record = bytes(event.commit.record)
    return {**written, "record": json.loads(record), "cid": "bafy"} if record else written


@pytest.mark.parametrize("read", [read_v1, read_v2])
@given(frame=st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$type", "payload", "did", "time_us", "kind", "commit", "error", "seq"]),
        inner, max_size=6),
    max_leaves=12).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_frame_is_an_event_a_notice_or_rejected(read: Any, frame: bytes) -> None:
    try:
        found = read(frame)
    except Reject:
        return
    assert isinstance(found, Event | Notice)


@pytest.mark.parametrize(
    "payload",
    [
        {"seq": 1, "did": "did:plc:x", "time": "2026-05-25T14:23:29.950123"},
        {"seq": 1, "did": "did:plc:x", "time": "yesterday"},
        {"seq": 1, "did": "did:plc:x"},
        {"did": "did:plc:x", "time": "2026-05-25T14:23:29.950123Z"},
        {"seq": 1, "time": "2026-05-25T14:23:29.950123Z"},
    ],
)
def test_an_event_must_say_which_of_whom_and_when(payload: dict[str, Any]) -> None:
    kind = {"$type": "network.bsky.jetstream.subscribeEvents#identity"}
    with pytest.raises(Reject):
        read_v2(json.dumps({"$type": "message", "payload": kind | payload}).encode())


def test_addresses_ask_each_wire_in_its_own_words() -> None:
    first = V1.address("wss://j.example", collections=[POSTS], cursor=NOW)
    second = V2.address("wss://j.example/", collections=[POSTS], cursor=None)
    size = "maxMessageSizeBytes=1000000"
    assert first == f"wss://j.example/subscribe?{size}&wantedCollections={POSTS}&cursor={NOW}"
    assert second == (
        f"wss://j.example/xrpc/network.bsky.jetstream.subscribeEvents?{size}"
        f"&kinds=commit&kinds=account&kinds=sync&collections={POSTS}"
    )


def at(seconds: float, *, seq: int | None = None) -> Event:
    return Event(kind="account", did="did:plc:x", time=NOW + int(seconds * 1e6), seq=seq)


def position(cursor: Cursor) -> Position:
    return Position.of(cursor, since=None)


def test_a_cursor_is_plain_and_names_no_person() -> None:
    here = position({})
    assert here.cursor() == {}
    here.note(at(0, seq=7), "wss://a.example")
    assert here.cursor() == {"host": "wss://a.example", "time": NOW, "seq": 7}


def test_a_clock_that_was_ahead_is_not_believed() -> None:
    here = position({})
    here.note(at(3_600), "wss://a.example")
    assert here.ask("wss://b.example", V1, now=START) == START * 1000 - 5_000_000
    assert here.join(at(60), source="city") is not None


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 99)), min_size=1))
def test_a_position_never_goes_back(events: list[tuple[int, int]]) -> None:
    here = position({})
    for seconds, seq in events:
        here.note(at(seconds, seq=seq), "wss://a.example")
    assert here.time == NOW + max(seconds for seconds, _ in events) * 1_000_000
    assert here.seq == max(seq for _, seq in events)


def test_numbers_of_one_host_mean_nothing_at_another() -> None:
    here = position({"host": "wss://a.example", "time": NOW, "seq": 90_000})
    assert here.ask("wss://a.example", V2, now=LATER) == 89_500
    assert here.ask("wss://b.example", V2, now=LATER) == NOW - 5_000_000
    assert here.ask("wss://a.example", V1, now=LATER) == NOW - 5_000_000
    here.note(at(-5, seq=3), "wss://b.example")
    assert here.ask("wss://b.example", V2, now=LATER) == 1
    assert here.time == NOW


@pytest.mark.parametrize(("first", "missed"), [(-5.0, False), (0.0, False), (0.001, True)])
def test_a_gap_is_what_the_first_event_does_not_join(*, first: float, missed: bool) -> None:
    here = position({"host": "wss://a.example", "time": NOW})
    here.ask("wss://a.example", V1, now=LATER)
    gap = here.join(at(first), source="city")
    assert (gap is not None) == missed
    assert here.join(at(99), source="city") is None, "only the first one tells"
    if gap is not None:
        assert gap.start == (NOW - 5_000_000) // 1000
        assert gap.end * 1000 >= NOW + 1_000


@pytest.mark.parametrize(("first", "missed"), [(0.0, False), (60.0, False), (60.001, True)])
def test_the_first_run_joins_where_it_was_to_begin(*, first: float, missed: bool) -> None:
    here = Position.of({}, since=NOW)
    assert here.ask("wss://a.example", V1, now=LATER) == NOW
    again = Position.of(here.cursor(), since=NOW + 9)
    assert again.ask("wss://b.example", V2, now=LATER) == NOW  # where it was to begin first
    gap = again.join(at(first), source="city")
    assert (gap is not None) == missed
    if gap is not None:
        assert (gap.start, gap.end) == (NOW // 1000, -(-(NOW + 60_001_000) // 1000))


def test_from_now_on_is_from_the_first_attempt_on() -> None:
    here = position({})
    assert here.ask("wss://a.example", V2, now=START) is None
    assert here.join(at(99), source="city") is None
    assert here.ask("wss://b.example", V2, now=LATER) == START * 1000
    assert here.cursor() == {"since": START * 1000}
    assert here.join(at(99), source="city") is not None


def test_the_same_post_shown_by_two_hosts_is_taken_once() -> None:
    rkey = tid(NOW)
    written = commit("create", POSTS, post("hallo", at=START)) | {"rkey": rkey}
    listening = Listening(position({}), source="city", retention_days=90)
    for host, seq, time in (("wss://a.example", 7, NOW), ("wss://b.example", 9_000, NOW + 5)):
        frame = Happening(seq, time, "did:plc:x", "commit", written).v2()
        assert listening.take(frame, host=host, wire=V2, now=LATER) is None
    batch = listening.batch()
    assert [item.native_id for item in batch.items if isinstance(item, RawPost)] == [
        f"at://did:plc:x/{POSTS}/{rkey}"
    ]
    assert batch.skipped == {"duplicate": 1}
    assert batch.read == 2


BEGUN: Cursor = {"host": "wss://a.example", "time": NOW, "seq": 7}
HOUR_US = 3_600_000_000


def hear(listening: Listening, *times: int, wire: Wire = V1) -> Batch:
    """What events of these times bring at `LATER`, an hour after what was read last."""
    for number, time in enumerate(times):
        written = commit("create", POSTS, post("hallo", at=START)) | {"rkey": tid(NOW + number)}
        happened = Happening(number, time, "did:plc:x", "commit", written)
        frame = happened.v1() if wire is V1 else happened.v2()
        if listening.take(frame, host="wss://a.example", wire=wire, now=LATER):
            listening.take(frame, host="wss://a.example", wire=wire, now=LATER)  # asked once more
    return listening.batch()


def listening_on(wire: Wire) -> Listening:
    here = Listening(position(BEGUN), source="city", retention_days=90)
    here.position.ask("wss://a.example", wire, now=LATER)
    return here


@pytest.mark.parametrize("wire", [V1, V2], ids=["v1", "v2"])
def test_an_event_of_years_ahead_is_of_now_and_leads_nowhere(wire: Wire) -> None:
    listening = listening_on(wire)
    batch = hear(listening, NOW + 24 * 365 * 24 * HOUR_US, wire=wire)
    (item,) = batch.items
    assert item.observed_at == LATER
    assert (batch.gaps, batch.cursor, batch.watermark) == ([], BEGUN, NOW // 1000)
    (warning,) = batch.warnings
    assert "wss://a.example dates what happens more than ten minutes ahead" in warning
    listening.position.ask("wss://a.example", V1, now=LATER)
    # The next one tells what the host does not hold, and how far it was read.
    batch = hear(listening, NOW + HOUR_US // 2)
    assert [gap.end for gap in batch.gaps] == [-(-(NOW + HOUR_US // 2) // 1000)]
    assert batch.cursor["time"] == NOW + HOUR_US // 2


def test_a_clock_that_is_a_little_ahead_is_as_far_as_ours() -> None:
    batch = hear(listening_on(V1), NOW, LATER * 1000 + 60_000_000)
    assert batch.cursor["time"] == LATER * 1000
    assert [item.observed_at for item in batch.items] == [NOW // 1000, LATER]
    assert not batch.warnings


@given(st.lists(st.integers() | st.integers(NOW - HOUR_US, NOW + 3 * HOUR_US), max_size=6))
@example([10**30])
@example([-(10**30)])
@example([0])
def test_no_time_of_a_stream_leads_out_of_the_calendar_or_past_the_present(
    times: list[int],
) -> None:
    batch = hear(listening_on(V1), *times)
    moments = [item.observed_at for item in batch.items if isinstance(item, RawPost)]
    moments += [moment for gap in batch.gaps for moment in (gap.start, gap.end)]
    moments += [int(batch.cursor["time"]) // 1000, batch.watermark or 0]
    assert all(946_684_800_000 <= moment <= LATER for moment in moments)
    assert len(batch.items) + len(batch.rejected) + sum(batch.skipped.values()) == batch.read
    assert len(batch.rejected) == sum(time < 946_684_800_000_000 for time in times)


@pytest.mark.parametrize("seq", [-1, 2**63, 10**30])
def test_a_number_that_no_host_counts_to_is_none(seq: int) -> None:
    frame = Happening(seq, NOW, "did:plc:x", "account", {"active": True}).v2()
    with pytest.raises(Reject):
        read_v2(frame)


def test_what_is_remembered_of_a_stream_has_an_end() -> None:
    harvest = Harvest(retention_days=90)
    for number in range(25_000):
        event = Event("commit", "did:plc:x", NOW, number, read_commit(number))
        harvest.take(event, where="")
        harvest.batch({}, watermark=None)
    assert len(harvest._recent) == 10_000


def read_commit(number: int) -> Any:
    body = commit("delete", POSTS, None) | {"rkey": tid(NOW, number % 1024), "rev": str(number)}
    found = read_v2(Happening(1, NOW, "did:plc:x", "commit", body).v2())
    assert isinstance(found, Event)
    return found.commit
