"""Accounts, sessions, purposes and the access log themselves, on each database."""

from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, func, select, text

from dashboard.accounts import Accounts, Identity
from dashboard.purposes import Purposes, load_purposes
from dashboard.roles import APART, MATRIX, Role
from dashboard.sessions import Sessions
from dashboard.tables import account, link, session
from dashboard.testing import PASSWORD
from peil.shipped import shipped_config
from privacy.access import AccessLog
from privacy.keys import KeyRing
from stream.clock import HOUR_MS, ManualClock
from stream.errors import Retry, Stop

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
JAN = Identity(account="jan", way="password")


@pytest.fixture
def accounts(database: Engine, clock: ManualClock) -> Accounts:
    made = Accounts(database, clock=clock, hasher=QUICK)
    made.add("jan", PASSWORD, [Role.VIEWER, Role.ANALYST])
    return made


@pytest.fixture
def sessions(database: Engine, clock: ManualClock) -> Sessions:
    return Sessions(database, clock=clock, idle_minutes=30, hours=12, local=True)


# Accounts


def test_an_account_is_who_knows_its_password(accounts: Accounts) -> None:
    assert accounts.verify("jan", PASSWORD) == JAN
    assert accounts.verify("jan", PASSWORD + "!") is None
    assert accounts.verify("piet", PASSWORD) is None
    assert accounts.verify("jan", "") is None
    (each,) = accounts.everyone()
    assert (each.name, each.roles) == ("jan", {Role.VIEWER, Role.ANALYST})


def test_a_password_is_kept_as_argon2id_at_the_strength_of_today(
    database: Engine, clock: ManualClock
) -> None:
    accounts = Accounts(database, clock=clock)
    accounts.add("jan", PASSWORD, [Role.VIEWER])
    with database.connect() as connection:
        kept = connection.execute(select(account.c.password)).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert accounts.verify("jan", PASSWORD) == JAN


def test_a_hash_of_yesterday_becomes_one_of_today(
    accounts: Accounts, database: Engine, clock: ManualClock
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    assert Accounts(database, clock=clock, hasher=stronger).verify("jan", PASSWORD) == JAN
    with database.connect() as connection:
        kept = connection.execute(select(account.c.password)).scalar_one()
    assert "t=2" in kept
    assert accounts.verify("jan", PASSWORD) == JAN


def test_the_same_letters_are_the_same_password(accounts: Accounts) -> None:
    accounts.reset("jan", "caf\u00e9s in vier woorden")
    assert accounts.verify("jan", "cafe\u0301s in vier woorden") == JAN


@pytest.mark.parametrize(
    "password", ["", "short", "fourteen chars", "a" * 40, "ababababababababab", "jan jan jan four"]
)
def test_a_password_that_is_guessed_easily_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(Stop, match="words"):
        accounts.reset("jan", password)
    assert accounts.verify("jan", PASSWORD) == JAN


@pytest.mark.parametrize(
    "name", ["", "Jan", "jan de vries", "(unknown)", "a\r\nb", "-jan", "jan/..", "j" * 65, "jané"]
)
def test_a_name_that_could_be_taken_for_something_else_is_refused(
    accounts: Accounts, name: str
) -> None:
    with pytest.raises(Stop, match="cannot be a name"):
        accounts.add(name, PASSWORD, [Role.VIEWER])


def test_a_removed_account_enters_no_more_and_its_name_is_not_given_again(
    accounts: Accounts,
) -> None:
    accounts.remove("jan")
    assert accounts.verify("jan", PASSWORD) is None
    assert accounts.everyone() == []
    with pytest.raises(Stop, match="was there before"):
        accounts.add("jan", PASSWORD, [Role.VIEWER])
    for change in (lambda: accounts.reset("jan", PASSWORD), lambda: accounts.remove("jan")):
        with pytest.raises(Stop, match="no account jan"):
            change()


def test_a_name_is_given_once(accounts: Accounts) -> None:
    with pytest.raises(Stop, match="is there"):
        accounts.add("jan", PASSWORD, [Role.VIEWER])


@pytest.mark.parametrize("apart", APART)
def test_roles_that_look_after_each_other_are_two_accounts(
    accounts: Accounts, apart: frozenset[Role]
) -> None:
    with pytest.raises(Stop, match="looks after the other"):
        accounts.set_roles("jan", apart)
    with pytest.raises(Stop, match="name a role"):
        accounts.set_roles("jan", [])


def test_a_role_of_another_release_gives_nothing(accounts: Accounts, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE account SET roles = 'viewer omnipotent'"))
    (each,) = accounts.everyone()
    assert each.roles == {Role.VIEWER}


def test_every_role_gives_something() -> None:
    assert set(MATRIX) == set(Role)
    assert all(MATRIX.values())


def test_who_waits_too_long_for_a_turn_is_sent_away(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.accounts.LONGEST_TURN", 0.01)
    with accounts._hashing(), accounts._hashing(), pytest.raises(Retry, match="log in"):
        accounts.verify("jan", PASSWORD)
    assert accounts.verify("jan", PASSWORD) == JAN


# Sessions


def count(database: Engine, table: Any) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.usefixtures("accounts")
def test_a_session_knows_its_account_roles_and_purpose(sessions: Sessions) -> None:
    token = sessions.begin(JAN)
    assert sessions.find("something else") is None
    fresh = sessions.choose(token, "new-year")
    assert fresh is not None
    assert sessions.find(token) is None
    found = sessions.find(fresh)
    assert found is not None
    assert (found.account, found.purpose) == ("jan", "new-year")
    assert found.roles == {Role.VIEWER, Role.ANALYST}


@pytest.mark.usefixtures("accounts")
def test_a_session_that_is_over_cannot_go_on(sessions: Sessions, clock: ManualClock) -> None:
    token = sessions.begin(JAN)
    clock.advance(HOUR_MS)
    assert sessions.choose(token, "new-year") is None


@pytest.mark.usefixtures("accounts")
def test_sessions_and_links_past_their_time_are_swept(
    sessions: Sessions, clock: ManualClock, database: Engine
) -> None:
    for _ in range(3):
        sessions.begin(JAN)
        sessions.offer("jan")
    clock.advance(HOUR_MS)
    sessions.begin(JAN)
    sessions.offer("jan")
    assert (count(database, session), count(database, link)) == (1, 1)


def test_a_session_of_ones_own_machine_is_none_where_others_can_come(
    sessions: Sessions, database: Engine, clock: ManualClock
) -> None:
    token = sessions.begin(Identity(account="os-user", way="link"))
    assert sessions.find(token) is not None
    shared = Sessions(database, clock=clock, idle_minutes=30, hours=12, local=False)
    assert shared.find(token) is None


def test_a_link_lets_in_once(sessions: Sessions, clock: ManualClock) -> None:
    secret = sessions.offer("os-user")
    assert sessions.redeem("something else") is None
    assert sessions.redeem(secret) == Identity(account="os-user", way="link")
    assert sessions.redeem(secret) is None


# Purposes


def test_the_shipped_register_is_read_and_holds_an_example_only() -> None:
    assert load_purposes(shipped_config()) == []


EXAMPLE = """
[[purpose]]
id = "new-year-2026"
title = { nl = "Rust rond oud en nieuw", en = "Calm around New Year" }
basis = "public task"
owner = "head of prevention"
until = 2027-02-01
"""


def test_a_register_is_read(tmp_path: Path) -> None:
    (tmp_path / "purposes.toml").write_text(EXAMPLE)
    (purpose,) = load_purposes(tmp_path)
    assert (purpose.id, purpose.named("en")) == ("new-year-2026", "Calm around New Year")


def test_the_example_of_the_shipped_register_holds(tmp_path: Path) -> None:
    written = (shipped_config() / "purposes.toml").read_text()
    _, _, example = written.partition("#\n# [[purpose]]")
    lines = ["[[purpose]]", *(line.removeprefix("# ") for line in example.splitlines())]
    (tmp_path / "purposes.toml").write_text("\n".join(lines))
    assert [each.id for each in load_purposes(tmp_path)] == ["new-year-2026"]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("until = 2027-02-01", 'until = "2027-02-01"', "without quotes"),
        ("until = 2027-02-01", "", "as until = 2027-01-01"),
        ('basis = "public task"', 'basis = " "', "basis is missing"),
        ('owner = "head of prevention"', "", "owner is missing"),
        ('id = "new-year-2026"', 'id = "New Year"', "purpose 1: write its id"),
        ('nl = "Rust rond oud en nieuw"', 'nl = ""', "a title is empty"),
        ("nl =", "fr =", "title has fr"),
        ("[[purpose]]", "[[purposes]]", "no such table"),
        ("[[purpose]]", "[purpose]", "begin each purpose"),
        ("until =", "end = 1\nuntil =", "no such key: end"),
        ("until = 2027-02-01", "until = 2027-02-31", "cannot be read"),
        ("until = 2027-02-01", f"until = {'9' * 5_000}", "cannot be read: a number has thousands"),
    ],
)
def test_a_register_that_is_wrong_says_where(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    assert was in EXAMPLE
    (tmp_path / "purposes.toml").write_text(EXAMPLE.replace(was, becomes))
    with pytest.raises(Stop, match=said):
        load_purposes(tmp_path)


def test_two_purposes_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "purposes.toml").write_text(EXAMPLE + EXAMPLE)
    with pytest.raises(Stop, match="another purpose of that id"):
        load_purposes(tmp_path)


def test_the_purpose_of_the_folder_is_logged_as_the_command_line_does(clock: ManualClock) -> None:
    own = "prevention: nuisance"
    purposes = Purposes((), folder=own, clock=clock, timezone="Europe/Amsterdam")
    (found,) = purposes.open()
    assert (found.id, found.named("nl")) == (own, own)
    assert Purposes((), folder=" ", clock=clock, timezone="Europe/Amsterdam").open() == []


# The access log


@pytest.fixture
def log(database: Engine, tmp_path: Path, clock: ManualClock) -> AccessLog:
    keys = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    made = AccessLog(database, keys=keys, folder=tmp_path / "keys", clock=clock)
    for number in range(4):
        made.append(actor="a", purpose="p", action="count", payload=f"words {number}")
    return made


def test_an_entry_that_was_noted_elsewhere_finds_a_chain_that_was_written_anew(
    log: AccessLog, database: Engine, tmp_path: Path
) -> None:
    number, digest = log.head()
    assert log.verify(known={number: digest}) == []
    # Who may write database and anchor cuts the last entry off, and the anchor with it.
    with database.begin() as connection:
        connection.execute(text("DELETE FROM access WHERE number = 4"))
    shorter = log.head()
    (tmp_path / "keys" / "access.head").write_text(f"{shorter[0]} {shorter[1]}\n")
    assert log.verify() == []
    assert "noted elsewhere" in log.verify(known={number: digest})[0]


def test_a_log_that_was_emptied_with_its_anchor_is_missed(
    log: AccessLog, database: Engine, tmp_path: Path
) -> None:
    with database.begin() as connection:
        connection.execute(text("DELETE FROM access"))
    (tmp_path / "keys" / "access.head").unlink()
    assert "anchor" in log.verify()[0]
