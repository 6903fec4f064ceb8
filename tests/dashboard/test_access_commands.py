"""`peil users` and `peil access`, as they are typed."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from dashboard.testing import PASSWORD
from peil.command.application import application
from peil.database import open_database
from peil.folder import WorkingFolder
from stream.errors import Stop


class Terminal:
    def __init__(self, folder: Path) -> None:
        self.folder = WorkingFolder.init(folder)

    def __call__(self, *words: str, said: str = "", code: int = 0) -> Result:
        result = CliRunner().invoke(
            application, ["-C", str(self.folder.root), *words], input=said, catch_exceptions=True
        )
        if isinstance(result.exception, Stop):
            raise result.exception
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def peil(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path / "city")
    terminal("users", "add", "jan", "--role", "viewer", "--role", "analyst", said=f"{PASSWORD}\n")
    return terminal


def listed(peil: Terminal, *words: str) -> list[dict[str, object]]:
    return list(json.loads(peil("access", "list", "--json", *words).stdout))


def test_an_account_is_made_changed_and_removed(peil: Terminal) -> None:
    assert re.search(r"jan +analyst, viewer", peil("users", "list").stdout)
    peil("users", "roles", "jan", "--role", "officer")
    assert re.search(r"jan +officer", peil("users", "list").stdout)
    peil("users", "reset", "jan", said="another sentence of words\n")
    peil("users", "remove", "jan")
    assert "There are no accounts" in peil("users", "list").stdout
    entries = listed(peil, "--action", "accounts")
    changes = [json.loads(str(each["words"]))["change"] for each in entries]
    assert changes == ["add", "roles", "reset", "remove"]
    assert "sentence" not in json.dumps(entries)


def test_a_password_is_no_option(peil: Terminal) -> None:
    assert "password" in peil("users", "--help").stdout
    peil("users", "add", "piet", "--role", "viewer", "--password", PASSWORD, code=2)


def test_a_change_that_is_refused_is_no_entry(peil: Terminal) -> None:
    before = len(listed(peil, "--action", "accounts"))
    with pytest.raises(Stop, match="no account piet"):
        peil("users", "reset", "piet", said=f"{PASSWORD}\n")
    with pytest.raises(Stop, match="no account piet"):
        peil("users", "reset", "piet")
    with pytest.raises(Stop, match="no password came in"):
        peil("users", "reset", "jan")
    with pytest.raises(Stop, match="longer than 1,000 characters"):
        peil("users", "reset", "jan", said=f"{PASSWORD * 100}\n")
    assert len(listed(peil, "--action", "accounts")) == before


def test_a_link_is_for_ones_own_machine(peil: Terminal) -> None:
    printed = peil("users", "link").stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8300/enter\?link=[\w-]{43}", printed)
    with pytest.raises(Stop, match="one enters https://peil"):
        peil(
            "--set", "dashboard.proxy=10.0.0.2", "--set", "dashboard.address=https://peil.city.nl",
            "users", "link",
        )  # fmt: skip


def test_a_log_that_is_whole_says_so_and_shows_its_head(peil: Terminal) -> None:
    said = json.loads(peil("access", "verify", "--json").stdout)
    assert said["problems"] == []
    number, _, digest = said["head"].partition(":")
    assert (int(number), len(digest)) == (said["entries"], 64)
    peil("access", "list")
    assert "whole" in peil("access", "verify", "--head", said["head"]).stdout


@pytest.mark.parametrize("head", ["1", "1:abc", "a:" + "0" * 64])
def test_a_head_that_is_none_is_a_wrong_usage(peil: Terminal, head: str) -> None:
    peil("access", "verify", "--head", head, code=2)


def test_what_was_changed_in_the_log_is_told(peil: Terminal) -> None:
    engine = open_database(peil.folder.database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE access SET actor = 'somebody'"))
    engine.dispose()
    assert "entry 1 was changed" in peil("access", "verify", code=1).stdout
    known = f"1:{'0' * 64}"
    assert "noted elsewhere" in peil("access", "verify", "--head", known, code=1).stdout


def test_who_reads_the_log_stands_in_it(peil: Terminal) -> None:
    first, second = listed(peil, "--action", "log"), listed(peil, "--action", "log")
    assert (len(first), len(second)) == (1, 2)
    assert {each["purpose"] for each in second} == {"oversight of the access log"}


def test_entries_are_found_by_day_actor_and_action(peil: Terminal) -> None:
    assert listed(peil, "--until", "2020-01-01") == []
    assert len(listed(peil, "--since", "2020-01-01", "--action", "accounts")) == 1
    assert listed(peil, "--who", "nobody") == []
    peil("access", "list", "--since", "yesterday", code=2)
