"""What `peil doctor` says of the dashboard, by its settings."""

import errno
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from bench.servers.certificates import Authority
from peil.certificates import Place, end_of
from peil.diagnosis import LOOKS, Finding, diagnose
from peil.folder import WorkingFolder
from peil.looks.saying import Said
from peil.pipeline import Pipeline
from peil.settings import load_settings
from privacy.tables import key_mark
from rules.documents import Book, Example, RuleDocument
from stream.broker import Entry
from stream.clock import ManualClock, SystemClock
from stream.files import create, replace
from stream.topics import RULES

Looked = dict[str, Finding]
BOOK = Book(
    rules={
        "homes": RuleDocument(
            id="homes", title="Homes", purpose="p", category="c", owner="o",
            expires=date(2099, 3, 1), query="woning AND huis",
            match=(Example("een woning en een huis", lang="nl"),),
            no_match=(Example("mooi weer", lang="nl"),),
        )
    },
    lists={},
)  # fmt: skip
PUBLIC = "https://peil.example.org"


@pytest.fixture
def folder(tmp_path: Path) -> WorkingFolder:
    return WorkingFolder.init(tmp_path / "city")


def said(folder: WorkingFolder, section: str = "", *, ago: timedelta = timedelta()) -> Finding:
    """What is said of the dashboard when the file of settings has this section."""
    if section:
        written = folder.settings.read_text("utf-8")
        folder.settings.write_text(f"{written}\n[dashboard]\n{section}\n")
    clock = ManualClock(SystemClock().now() - ago // timedelta(milliseconds=1))
    settings = load_settings(folder.settings, environ={})
    with Pipeline(folder, settings, clock=clock) as pipeline:
        findings = diagnose(pipeline)
    assert len(findings) > 5  # one part that is wrong keeps nobody from looking at the others
    (found,) = [each for each in findings if each.what == "dashboard"]
    return found


def test_a_full_disk_keeps_nothing_else_from_being_looked_at(
    folder: WorkingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Pipeline) -> Said:
        replace(folder.data / "file", b"something")
        return []

    monkeypatch.setitem(cast("dict[str, object]", LOOKS), "keys", full)
    settings = load_settings(folder.settings, environ={})
    with (
        Pipeline(folder, settings, clock=SystemClock()) as pipeline,
        monkeypatch.context() as patch,
    ):
        patch.setattr(os, "fsync", _no_space)
        findings = {each.what: each for each in diagnose(pipeline)}
    assert findings["keys"].state == "wrong"
    assert findings["keys"].detail == (
        f"{folder.data / 'file'}: No space left on device; check its rights and the free space"
    )
    assert findings["disk"].detail.endswith("GB free")
    assert findings["dashboard"].state == "well"


def _no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_dashboard_for_this_machine_is_well(folder: WorkingFolder) -> None:
    found = said(folder)
    assert found.state == "well"
    assert found.detail == "http://127.0.0.1:8300/, for this machine alone"


def test_a_dashboard_that_others_could_read_along_with_is_wrong(folder: WorkingFolder) -> None:
    found = said(folder, 'listen = "0.0.0.0:8300"')
    assert found.state == "wrong"
    assert "where others could read along: set dashboard.certificate_file" in found.detail


def test_a_dashboard_behind_a_proxy_is_named_by_its_address(folder: WorkingFolder) -> None:
    found = said(folder, f'proxy = "10.0.0.2"\naddress = "{PUBLIC}"')
    assert (found.state, found.detail) == ("well", f"{PUBLIC}/, behind the proxy 10.0.0.2")


def test_a_certificate_of_the_dashboard_that_ends_soon_is_told(
    folder: WorkingFolder, tmp_path: Path
) -> None:
    issued = Authority(tmp_path).issue("peil.example.org")
    section = "\n".join(
        (
            'listen = "0.0.0.0:443"',
            f'address = "{PUBLIC}"',
            f'certificate_file = "{issued.certificate}"',
            f'key_file = "{issued.key}"',
        )
    )
    ends = rf"{PUBLIC}/, its certificate ends on [0-9-]+"  # those of tests do in ten days
    found = said(folder, section)
    assert found.state == "warning"
    assert re.fullmatch(f"{ends}: renew it, and start the dashboard again", found.detail)
    found = said(folder, ago=timedelta(days=40))
    assert found.state == "well"
    assert re.fullmatch(ends, found.detail)


def test_a_register_of_purposes_that_cannot_be_read_is_told(folder: WorkingFolder) -> None:
    (folder.config / "purposes.toml").write_text('[[purpose]]\nid = "new-year"\n')
    found = said(folder)
    assert found.state == "wrong"
    assert "purpose new-year: basis is missing" in found.detail


@pytest.mark.parametrize(("host", "port"), [("a..b", 443), ("127.0.0.1", 99_999_999)])
def test_no_certificate_is_shown_at_an_address_that_is_none(host: str, port: int) -> None:
    assert end_of(Place("postgres", host, port)) is None


# What counts, and what lies there, is as it was said to be.


@pytest.fixture
def pipeline(folder: WorkingFolder) -> Iterator[Pipeline]:
    """Of a folder whose rules count; its questions have a purpose."""
    settings = load_settings(folder.settings, environ={"PEIL_PURPOSE": "a test"})
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        yield pipeline


def looked(pipeline: Pipeline) -> Looked:
    return {each.what: each for each in diagnose(pipeline)}


def test_rules_that_are_not_published_as_they_count_are_told(pipeline: Pipeline) -> None:
    assert looked(pipeline)["published rules"].detail.startswith("none yet")
    manifest = pipeline.rulebook.start(BOOK, models={})
    found = looked(pipeline)["published rules"]
    assert found.state == "well"
    assert "generation 1 with 1 rules" in found.detail
    rule, version = next(iter(manifest.rules.items()))
    with pipeline.rulebook.library.turn() as turn:  # as when the log cannot be reached just then
        turn.move(rule, version, "withdrawn", by="anna", note="why", single_author=True)
    found = looked(pipeline)["published rules"]
    assert (found.state, found.detail) == (
        "warning",
        f"{rule}@{version} is published and not active: `peil rules sync` publishes again",
    )
    pipeline.rulebook.publish()
    assert looked(pipeline)["published rules"].state == "well"


def test_a_published_rule_that_cannot_be_read_is_told(pipeline: Pipeline) -> None:
    manifest = pipeline.rulebook.start(BOOK, models={})
    rule, version = next(iter(manifest.rules.items()))
    key = f"rule:{rule}@{version}"
    pipeline.broker.append(RULES.name, [Entry(key, b'{"of": "another program"}')])
    found = looked(pipeline)["published rules"]
    assert found.state == "wrong"
    assert f"topic rules, key {key}: this is nothing that this release" in found.detail


def test_a_look_makes_and_marks_no_key(pipeline: Pipeline) -> None:
    """A key that was put there by mistake would be taken for the right one from then on."""
    pipeline.rulebook.start(BOOK, models={})

    def there() -> tuple[set[str], set[str]]:
        with pipeline.database.connect() as connection:
            marked = {row.name for row in connection.execute(select(key_mark))}
        return marked, {path.name for path in pipeline.folder.keys.iterdir()}

    looked(pipeline)
    assert there() == (set(), set())
    pipeline.keys.post_id("file", "1")
    create(pipeline.folder.keys / "epoch-900.key", bytes(32))
    before = there()
    assert before == ({"id"}, {"id.key", "epoch-900.key"})
    found = looked(pipeline)
    assert (found["keys"].state, found["access log"].state) == ("warning", "well")
    assert "epochs 900; never used before: epoch-900." in found["keys"].detail
    assert "nothing was asked with these keys yet" in found["drift"].detail
    assert there() == before
    (pipeline.folder.keys / "id.key").unlink()
    assert "the key id is gone: restore data/keys" in looked(pipeline)["keys"].detail


def test_drift_is_looked_at_once_questions_were_asked(pipeline: Pipeline) -> None:
    pipeline.rulebook.start(BOOK, models={})
    pipeline.answers()
    assert "active rules matches clearly more or less" in looked(pipeline)["drift"].detail
    assert looked(pipeline)["keys"].state == "well"
