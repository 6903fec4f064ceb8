from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
from sqlalchemy import Engine, QueuePool, text, update

from peil.database import open_database
from privacy.access import AccessLog, TooOften
from privacy.contract import Sighting, Terms
from privacy.gate import Gate
from privacy.keys import EPOCH_DAYS, KeyRing
from privacy.ledger import Ledger
from privacy.marks import KeyMarks
from privacy.register import Register
from privacy.settings import PrivacySettings
from privacy.tables import register as entries
from stream.clock import DAY_MS, ManualClock
from stream.codec import encode
from stream.errors import Stop
from stream.events import AuthorDelete, Delete, Upsert
from stream.metrics import NoMetrics
from stream.post import Post, RawAuthorDelete, RawDelete, RawPost
from stream.testing import START, bytes_below, make_post
from stream.version import MAX_REV, of_delete, rev_of

TERMS = Terms(source="trial", keep="matched", retention_days=30, live=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """For tests of the gate: those of the records themselves take `database`, on each engine."""
    made = open_database(tmp_path / "gate.db")
    yield made
    made.dispose()


@pytest.fixture
def keys(tmp_path: Path, clock: ManualClock) -> KeyRing:
    return KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)


@pytest.fixture
def gate(keys: KeyRing, engine: Engine, clock: ManualClock) -> Gate:
    return Gate(
        keys, ledger=Ledger(engine), clock=clock, metrics=NoMetrics(), settings=PrivacySettings()
    )


class Remembered(dict[str, Sighting]):
    def lookup(self, ids: list[str]) -> dict[str, Sighting]:
        return {key: self[key] for key in ids if key in self}


def raw(**changes: object) -> RawPost:
    fields: dict[str, object] = {
        "platform": "p",
        "native_id": "1",
        "text": "een tekst",
        "observed_at": START,
        "author": "jan_jansen",
        "created_at": START - 1000,
    }
    return RawPost(**(fields | changes))


def admitted_post(gate: Gate, item: RawPost) -> Post:
    (event,) = gate.admit([item], terms=TERMS, seen=None).events
    assert isinstance(event, Upsert)
    return event.post


# Gate


def test_nothing_of_the_person_passes_the_gate(gate: Gate) -> None:
    post = admitted_post(
        gate,
        raw(
            text="jan_jansen hier, mail j@example.org of https://social.example/@jan",
            links=("https://www.nos.nl/a/1", "https://jan.bsky.social/x"),
            hashtags=("Woning", "@jan_jansen"),
            reach=57,
            declared_lang="nl-NL",
        ),
    )
    assert "jan" not in repr(post).casefold()
    assert post.domains == ("nos.nl", "social.example")
    assert post.hashtags == ("woning",)
    assert (post.reach, post.declared_lang) == ("medium", "nl")


def test_no_hashtag_is_kept_that_a_text_would_not_keep(
    keys: KeyRing, engine: Engine, clock: ManualClock
) -> None:
    gate = Gate(
        keys, ledger=Ledger(engine), clock=clock, metrics=NoMetrics(),
        settings=PrivacySettings(regions=("DE",)),
    )  # fmt: skip
    tags = ("#Jan_Jansen", "janneke99", "#03012345678", "Woning")
    post = admitted_post(gate, raw(hashtags=tags, handles=("@Janneke99",)))
    assert post.hashtags == ("woning",)


def test_an_authors_pseudonym_is_stable_within_an_epoch_only(gate: Gate) -> None:
    one, two = admitted_post(gate, raw()), admitted_post(gate, raw(native_id="2"))
    later = admitted_post(gate, raw(observed_at=START + EPOCH_DAYS * DAY_MS))
    assert one.author == two.author != later.author
    assert one.id == later.id != two.id


@pytest.mark.parametrize(
    ("created", "flag"),
    [(None, "no_date"), (-62_135_596_800_000, "bad_date"), (253_402_300_799_000, "bad_date")],
)
def test_an_impossible_date_becomes_the_observation(
    gate: Gate, created: int | None, flag: str
) -> None:
    post = admitted_post(gate, raw(created_at=created))
    assert post.created_at == START
    assert flag in post.flags


def test_the_same_seen_again_is_dropped_and_an_edit_is_newer(gate: Gate) -> None:
    seen = Remembered()
    first = gate.admit([raw(), raw()], terms=TERMS, seen=seen)
    assert len(first.events) == 1
    assert first.dropped == {"seen": 1}
    seen.update(first.sightings)
    edited = gate.admit([raw(text="anders", observed_at=START + 5000)], terms=TERMS, seen=seen)
    (event,) = edited.events
    assert isinstance(event, Upsert)
    assert event.post.first_observed == START
    assert rev_of(event.post.version) > START
    assert event.post.keep_until == START + 30 * DAY_MS


def test_a_delete_is_newer_than_its_post_and_stays(gate: Gate, engine: Engine) -> None:
    seen = Remembered()
    seen.update(gate.admit([raw()], terms=TERMS, seen=seen).sightings)
    gone = RawDelete(platform="p", native_id="1", observed_at=START + 1)
    result = gate.admit([gone], terms=TERMS, seen=seen)
    (event,) = result.events
    assert isinstance(event, Delete)
    assert event.version == of_delete(START + 1)
    Ledger(engine).add_posts({event.id: event.version}, until=START + 90 * DAY_MS)
    assert gate.admit([raw()], terms=TERMS, seen=seen).dropped == {"deleted": 1}


def test_an_erased_authors_late_posts_do_not_come_in(
    gate: Gate, keys: KeyRing, engine: Engine
) -> None:
    Ledger(engine).add_authors(keys.authors("p", "jan_jansen"), until=START + DAY_MS)
    result = gate.admit([raw(), raw(native_id="2", author="other")], terms=TERMS, seen=None)
    assert result.dropped == {"erased": 1}
    assert len(result.events) == 1


def test_beside_a_version_that_is_erased_a_newer_one_comes_in(
    gate: Gate, keys: KeyRing, engine: Engine
) -> None:
    Ledger(engine).add_authors(
        keys.authors("p", "jan_jansen"), up_to_rev=START + 10, until=START + DAY_MS
    )
    items = [raw(edited_at=START), raw(text="anders", edited_at=START + 20)]
    result = gate.admit(items, terms=TERMS, seen=Remembered())
    assert result.dropped == {"erased": 1}
    (event,) = result.events
    assert isinstance(event, Upsert)
    assert event.post.text == "anders"
    (sighting,) = result.sightings.values()
    assert sighting.rev == rev_of(event.post.version)


def test_what_left_with_its_author_comes_back_with_them(
    gate: Gate, keys: KeyRing, engine: Engine, clock: ManualClock
) -> None:
    seen = Remembered(gate.admit([raw()], terms=TERMS, seen=Remembered()).sightings)
    left = START + DAY_MS
    Ledger(engine).add_authors(
        keys.authors("p", "jan_jansen"), up_to_rev=left, until=START + 90 * DAY_MS
    )
    clock.advance(2 * DAY_MS)
    again = [raw(observed_at=clock.now()), raw(observed_at=clock.now())]
    result = gate.admit(again, terms=TERMS, seen=seen)
    (event,) = result.events
    assert isinstance(event, Upsert)
    assert rev_of(event.post.version) > left
    assert event.post.keep_until == START + TERMS.retention_days * DAY_MS  # as before
    assert result.dropped == {"seen": 1}
    seen.update(result.sightings)
    assert gate.admit(again, terms=TERMS, seen=seen).dropped == {"seen": 2}


@pytest.mark.parametrize(
    ("up_to", "days", "edited"),
    [
        (START - 1, 2, None),  # it left before this post was there
        (MAX_REV, 2, None),  # erased for good
        (START + DAY_MS, 31, None),  # longer ago than the source keeps posts
        (START + DAY_MS, 2, START),  # a version of before it left
    ],
)
def test_what_did_not_leave_or_may_not_come_back_stays_as_it_is(
    gate: Gate, keys: KeyRing, engine: Engine, clock: ManualClock,
    *, up_to: int, days: int, edited: int | None,
) -> None:  # fmt: skip
    seen = Remembered(gate.admit([raw()], terms=TERMS, seen=Remembered()).sightings)
    Ledger(engine).add_authors(
        keys.authors("p", "jan_jansen"), up_to_rev=up_to, until=START + 90 * DAY_MS
    )
    clock.advance(days * DAY_MS)
    again = raw(observed_at=clock.now(), edited_at=edited)
    assert gate.admit([again], terms=TERMS, seen=seen).dropped == {"seen": 1}


def test_who_objected_stays_away_when_the_pseudonym_changes(
    gate: Gate, keys: KeyRing, engine: Engine, clock: ManualClock
) -> None:
    Ledger(engine).object(keys.objection("p", "jan_jansen"), since=START)
    clock.advance(3 * EPOCH_DAYS * DAY_MS)
    items = [raw(observed_at=clock.now()), raw(native_id="2", author="other"), raw(author=None)]
    result = gate.admit(items, terms=TERMS, seen=None)
    assert result.dropped == {"erased": 1}
    assert len(result.events) == 2


def test_an_edit_of_what_was_seen_without_a_time_is_newer(gate: Gate) -> None:
    seen = Remembered(gate.admit([raw()], terms=TERMS, seen=Remembered()).sightings)
    edit = raw(text="anders", edited_at=START - 500, observed_at=START + DAY_MS)
    result = gate.admit([edit], terms=TERMS, seen=seen)
    (event,) = result.events
    assert isinstance(event, Upsert)
    assert rev_of(event.post.version) == START + 1
    seen.update(result.sightings)
    third = raw(text="derde", edited_at=START - 400, observed_at=START + DAY_MS)
    result = gate.admit([third], terms=TERMS, seen=seen)
    assert len(result.events) == 1
    seen.update(result.sightings)
    undated = raw(text="zonder tijd", observed_at=START + DAY_MS)
    seen.update(gate.admit([undated], terms=TERMS, seen=seen).sightings)
    older = raw(text="nog anders", edited_at=START - 900, observed_at=START + DAY_MS)
    assert gate.admit([older], terms=TERMS, seen=seen).dropped == {"older": 1}


@pytest.mark.parametrize("known", [True, False])
def test_only_a_newer_edit_brings_a_deleted_post_back(
    gate: Gate, engine: Engine, *, known: bool
) -> None:
    """Also when it was never seen, or is seen by another source, or in the same batch."""
    seen = Remembered()
    if known:
        seen.update(gate.admit([raw()], terms=TERMS, seen=seen).sightings)
    gone = RawDelete(platform="p", native_id="1", observed_at=START + 1)
    later = raw(text="anders", observed_at=START + DAY_MS)
    result = gate.admit([gone, later], terms=TERMS, seen=seen)
    assert result.dropped == {"deleted": 1}
    (event,) = result.events
    assert isinstance(event, Delete)
    Ledger(engine).add_posts({event.id: event.version}, until=START + 90 * DAY_MS)
    assert gate.admit([later], terms=TERMS, seen=None).dropped == {"deleted": 1}
    edit = raw(edited_at=START + 2, observed_at=START + DAY_MS)
    (back,) = gate.admit([edit], terms=TERMS, seen=seen).events
    assert isinstance(back, Upsert)
    assert back.post.version > event.version


def test_a_platform_of_the_never_list_needs_the_officer(gate: Gate) -> None:
    item = raw(platform="TikTok")
    assert gate.admit([item], terms=TERMS, seen=None).dropped == {"needs_officer": 1}
    approved = msgspec.structs.replace(TERMS, approved=True)
    assert len(gate.admit([item], terms=approved, seen=None).events) == 1


def test_a_platform_is_a_short_name_and_a_surrogate_costs_no_batch(gate: Gate) -> None:
    items = [
        raw(platform="\ud800"),
        raw(platform="x" * 41),
        raw(native_id="\ud83d", hashtags=("a\ud800b",), declared_lang="\udfff", author="\ud800"),
    ]
    result = gate.admit(items, terms=TERMS, seen=None)
    assert [number for number, _ in result.rejected] == [0, 1]
    (event,) = result.events
    assert encode(event)


def test_a_tag_or_a_list_of_links_without_end_costs_itself(gate: Gate) -> None:
    links = tuple(f"https://host{number}.example/" for number in range(999))
    post = admitted_post(gate, raw(hashtags=("x" * 5_000_000, "woning"), links=links))
    assert post.hashtags == ("woning",)
    assert len(post.domains) == 50


def test_an_author_delete_names_every_live_epoch(gate: Gate, clock: ManualClock) -> None:
    before = admitted_post(gate, raw())
    clock.advance(EPOCH_DAYS * DAY_MS)
    item = RawAuthorDelete(platform="p", author="jan_jansen", observed_at=clock.now())
    (event,) = gate.admit([item], terms=TERMS, seen=None).events
    assert isinstance(event, AuthorDelete)
    assert before.author in event.authors
    assert len(event.authors) == 2


def test_a_live_source_drops_what_is_too_old(gate: Gate) -> None:
    live = Terms(source="trial", keep="matched", retention_days=30, live=True)
    old = raw(created_at=START - 31 * DAY_MS)
    assert gate.admit([old], terms=live, seen=None).dropped == {"too_old": 1}


# Keys


def test_keys_are_for_their_owner_alone(keys: KeyRing, tmp_path: Path, clock: ManualClock) -> None:
    keys.post_id("p", "1")
    path = tmp_path / "keys" / "id.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Stop, match="chmod 600"):
        KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90).post_id("p", "1")


def test_an_epochs_key_is_destroyed_after_the_longest_retention(
    keys: KeyRing, tmp_path: Path
) -> None:
    keys.author("p", "jan", at=START)
    (path,) = (tmp_path / "keys").glob("epoch-*.key")
    secret = path.read_bytes()
    assert keys.destroy_expired(START + 90 * DAY_MS) == 0
    assert keys.destroy_expired(START + 181 * DAY_MS) == 1
    assert not path.exists()
    assert secret not in bytes_below(tmp_path / "keys")


def test_processes_that_see_a_key_at_once_do_not_disturb_each_other(
    keys: KeyRing, database: Engine
) -> None:
    keys.post_id("p", "1")
    with ThreadPoolExecutor(8) as pool:
        checks = [pool.submit(KeyMarks(database).check, keys, now=START) for _ in range(64)]
    assert [check.result() for check in checks] == [None] * 64


@pytest.mark.parametrize("before", [True, False])
def test_a_key_that_another_process_makes_during_a_check_is_not_missed(
    keys: KeyRing, database: Engine, tmp_path: Path, clock: ManualClock, *, before: bool
) -> None:
    marks = KeyMarks(database)
    other = KeyRing(
        tmp_path / "keys",
        clock=clock,
        longest_retention_days=90,
        on_new=lambda ring: marks.check(ring, now=START),
    )

    class Meanwhile(KeyRing):
        """The other process makes a key just before, or just after, its names are listed."""

        def names(self) -> tuple[str, ...]:
            if before:
                other.objection("p", "jan")
            names = super().names()
            other.objection("p", "jan")
            return names

    keys.post_id("p", "1")
    mine = Meanwhile(tmp_path / "keys", clock=clock, longest_retention_days=90)
    for _ in range(2):
        marks.check(mine, now=START)


def test_a_key_that_is_being_destroyed_is_not_taken_for_another_one(
    keys: KeyRing, database: Engine, tmp_path: Path, clock: ManualClock
) -> None:
    keys.author("p", "jan", at=START)
    marks = KeyMarks(database)
    marks.check(keys, now=START)
    (path,) = (tmp_path / "keys").glob("epoch-*.key")
    path.write_bytes(b"\0" * 32)  # overwritten, and not yet removed
    later = START + 181 * DAY_MS
    fresh = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    for _ in range(2):
        marks.check(fresh, now=later)
    path.unlink()
    marks.check(KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90), now=later)
    assert not path.exists()


def test_a_key_that_is_lost_or_replaced_is_noticed(
    keys: KeyRing, database: Engine, tmp_path: Path, clock: ManualClock
) -> None:
    keys.post_id("p", "1")
    keys.author("p", "jan", at=START)
    marks = KeyMarks(database)
    for _ in range(2):
        marks.check(keys, now=START)
    path = tmp_path / "keys" / "id.key"
    secret = path.read_bytes()
    path.unlink()
    fresh = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    with pytest.raises(Stop, match="id is gone"):
        marks.check(fresh, now=START)
    fresh.post_id("p", "1")
    with pytest.raises(Stop, match="id is another one"):
        marks.check(fresh, now=START)
    path.write_bytes(secret)
    fresh = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    marks.check(fresh, now=START)
    assert fresh.destroy_expired(START + 181 * DAY_MS) == 1
    marks.check(fresh, now=START + 181 * DAY_MS)


# Ledger


def test_the_ledger_blocks_up_to_a_version_and_forgets_in_time(database: Engine) -> None:
    ledger = Ledger(database)
    post = make_post(1)
    ledger.add_posts({post.id: post.version - 1}, until=START + 5)
    assert ledger.blocked([post]) == frozenset()
    ledger.add_posts({post.id: post.version}, until=START + 5)
    ledger.add_posts({post.id: 1}, until=START + 9)
    assert ledger.blocked([post]) == {post.id}
    ledger.add_posts({post.id: post.version}, until=START + 1)
    assert ledger.expire(START + 4) == 0
    assert ledger.expire(START + 5) == 1
    assert ledger.blocked([post]) == frozenset()


# Register

FULL = {"owner": "o", "purpose": "p", "basis": "b", "dpia": "d", "obtained": "x"}


def test_a_source_runs_only_while_its_entry_is_open(database: Engine, clock: ManualClock) -> None:
    register = Register(database, clock=clock)
    with pytest.raises(Stop, match="peil sources open upload"):
        register.entry("upload")
    until = date(2026, 12, 1)
    register.open("upload", **FULL, until=until)
    assert register.entry("upload").purpose == "p"
    clock.advance(200 * DAY_MS)
    with pytest.raises(Stop, match="ended on 2026-12-01"):
        register.entry("upload")
    assert register.close("upload")
    assert not register.close("upload")


def test_an_entry_says_who_opened_it_and_for_which_platforms(
    database: Engine, clock: ManualClock
) -> None:
    register = Register(database, clock=clock)
    until = date(2026, 12, 1)
    register.open("s", **FULL, until=until, platforms=("forum", "blog"), opened_by="ana")
    entry = register.entry("s")
    assert (entry.platforms, entry.opened_by) == (("forum", "blog"), "ana")
    with database.begin() as connection:  # as an older peil left it
        connection.execute(update(entries).values(platforms=None, opened_by=None))
    assert register.entry("s").platforms is None


def test_the_privacy_officer_is_somebody_else_than_the_owner(
    database: Engine, clock: ManualClock
) -> None:
    register = Register(database, clock=clock)
    told = {**FULL, "owner": "Ana"}
    until = date(2026, 12, 1)
    with pytest.raises(Stop, match="--officer is the owner"):
        register.open("s", **told, until=until, platforms=("x",), officer=" ana")
    assert register.open("s", **told, until=until, platforms=("x",), officer="Bo").officer == "Bo"


def test_everything_that_is_missing_is_told_at_once(database: Engine, clock: ManualClock) -> None:
    with pytest.raises(Stop) as caught:
        Register(database, clock=clock).open(
            "s", owner="", purpose=" ", basis="", dpia="", obtained="", until=date(2020, 1, 1),
            platforms=("TikTok",),
        )  # fmt: skip
    for word in ("--owner", "--purpose", "--basis", "--dpia", "--obtained", "--until", "--officer"):
        assert word in str(caught.value)


# Access log


@pytest.fixture
def log(database: Engine, keys: KeyRing, tmp_path: Path, clock: ManualClock) -> AccessLog:
    made = AccessLog(database, keys=keys, folder=tmp_path / "keys", clock=clock)
    for number in range(4):
        made.append(actor="a", purpose="p", action="count", payload=f"secret words {number}")
    return made


def test_an_untouched_log_verifies_and_reads_back(log: AccessLog) -> None:
    assert log.verify() == []
    assert [entry.payload for entry in log.entries()] == [f"secret words {n}" for n in range(4)]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE access SET actor = 'b' WHERE number = 2",
        "DELETE FROM access WHERE number = 2",
        "DELETE FROM access WHERE number = 4",
        "DELETE FROM access",
        "UPDATE access SET number = CASE number WHEN 2 THEN -3 ELSE number END",
        (
            "UPDATE access SET payload = (SELECT payload FROM access WHERE number = 1) "
            "WHERE number = 3"
        ),
    ],
)
def test_tampering_is_found(log: AccessLog, database: Engine, tampering: str) -> None:
    with database.begin() as connection:
        connection.execute(text(tampering))
    assert log.verify()


@pytest.mark.parametrize("damaged", [b"", b"4", b"four 0123", b"\xff 0123"])
def test_a_damaged_anchor_is_told_and_stops_what_would_be_logged(
    log: AccessLog, tmp_path: Path, damaged: bytes
) -> None:
    anchor = tmp_path / "keys" / "access.head"
    whole = anchor.read_bytes()
    anchor.write_bytes(damaged)
    (problem,) = log.verify()
    assert f"{anchor} is damaged" in problem
    with pytest.raises(Stop, match=r"access\.head is damaged.* remove the file"):
        log.append(actor="a", purpose="p", action="count", payload="w")
    anchor.write_bytes(whole)
    assert log.verify() == []
    assert len(list(log.entries())) == 4
    anchor.unlink()  # the other way out
    log.append(actor="a", purpose="p", action="count", payload="w")
    assert log.verify() == []


def test_of_what_has_a_quota_no_more_is_written_also_when_many_ask_at_once(log: AccessLog) -> None:
    at_once = Barrier(20)

    def written(actor: str) -> bool:
        at_once.wait()
        try:
            log.append(actor=actor, purpose="p", action="texts", payload="w", at_most=3)
        except TooOften:
            return False
        return True

    before = len(list(log.entries()))
    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(written, ["bart", "dirk"] * 10))
    assert sum(done) == 6
    assert len(list(log.entries())) == before + 6
    assert log.verify() == []


def test_a_quota_is_of_one_person_and_one_action_in_24_hours(
    log: AccessLog, clock: ManualClock
) -> None:
    def write(actor: str = "bart", action: str = "texts") -> None:
        log.append(actor=actor, purpose="p", action=action, payload="w", at_most=1)

    write()
    write(actor="dirk")
    write(action="count")
    with pytest.raises(TooOften, match="bart: texts 1 times"):
        write()
    clock.advance(DAY_MS)
    write()


def test_the_words_of_a_query_lie_nowhere_in_the_open(log: AccessLog, tmp_path: Path) -> None:
    assert list(log.entries())
    assert b"secret words" not in bytes_below(tmp_path)


def test_shredded_words_are_gone_and_the_chain_is_whole(log: AccessLog, clock: ManualClock) -> None:
    clock.advance(100 * DAY_MS)
    assert log.shred(now=clock.now(), days=30) == 1
    assert {entry.payload for entry in log.entries()} == {None}
    assert log.verify() == []


def test_nothing_stays_open_while_the_ledger_is_gone_through(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends what rests for a minute, and taking out of an index takes hours."""
    monkeypatch.setattr("privacy.ledger.ROWS_AT_ONCE", 3)
    ledger = Ledger(database)
    posts = {f"{n:032x}": n for n in range(7)}
    authors = [f"230-{n:032x}" for n in range(6)]
    ledger.add_posts(posts, until=START)
    ledger.add_authors(authors, up_to_rev=8, until=START)
    pool = database.pool
    assert isinstance(pool, QueuePool)
    found = {}
    for key, version in ledger.posts():
        assert pool.checkedout() == 0
        found[key] = version
    assert found == posts
    assert list(ledger.authors()) == [(author, 8) for author in authors]
