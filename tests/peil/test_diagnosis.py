"""What `peil doctor` says of the dashboard, by its settings."""

import errno
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from bench.servers.certificates import Authority
from peil.certificates import Place, end_of
from peil.diagnosis import LOOKS, Finding, Said, diagnose
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import ManualClock, SystemClock
from stream.files import replace

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
