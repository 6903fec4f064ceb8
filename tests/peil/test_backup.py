"""Snapshots of the store end with what is in them (`deploy/elasticsearch/backup.sh`)."""

import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from bench.servers.secured import Secured
from index.elastic.store import ElasticStore
from index.settings import ElasticSettings
from stream.clock import SystemClock

pytestmark = pytest.mark.cluster

SCRIPT = Path(__file__).parents[2] / "deploy" / "elasticsearch" / "backup.sh"
TODAY = datetime.now(UTC).date()


class Backups:
    """The script, on a real server with a prefix and a place of its own."""

    def __init__(self, secured: Secured, folder: Path) -> None:
        server = self._server = secured.elastic
        self.prefix = f"t{secrets.token_hex(4)}"
        self.client = Elasticsearch(
            server.url, basic_auth=(server.user, server.password), ca_certs=str(server.authority)
        )
        self.password = folder / "password"
        self.password.write_text(server.password)
        self._environ = {
            "SERVER": server.url.replace("127.0.0.1", "localhost"),
            "AUTHORITY": str(server.authority),
            "PASSWORD": str(self.password),
            "LOCATION": self.prefix,
            "PREFIX": self.prefix,
        }

    def index(self, days: int) -> str:
        name = f"{self.prefix}-kept-until-{TODAY + timedelta(days)}-v3"
        self.client.indices.create(index=name)
        return name

    def run(self, *, days_ago: int = 0) -> tuple[int, str]:
        today = str(TODAY - timedelta(days_ago))
        done = subprocess.run(
            ["bash", SCRIPT], capture_output=True, text=True, check=False,
            env=os.environ | self._environ | {"TODAY": today},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def taken(self) -> dict[str, list[str]]:
        """What is in each snapshot, by the day on which it must go."""
        found = self.client.snapshot.get(repository=self.prefix, snapshot="*")["snapshots"]
        return {each["snapshot"].partition("-of-")[0]: sorted(each["indices"]) for each in found}

    def looked_at(self) -> tuple[int, Sequence[str]]:
        """What peil says of them."""
        settings = ElasticSettings(
            servers=(self._server.url,),
            prefix=self.prefix,
            user=self._server.user,
            password=SecretStr(self._server.password),
            ca_file=str(self._server.authority),
        )
        with closing(ElasticStore(settings, clock=SystemClock(), timezone="UTC", k=10)) as store:
            return store.snapshots()

    def close(self) -> None:
        self.client.options(ignore_status=404).snapshot.delete(repository=self.prefix, snapshot="*")
        self.client.indices.delete(index=list(self.client.indices.get(index=f"{self.prefix}-*")))
        self.client.close()


@pytest.fixture
def backups(secured: Secured, tmp_path: Path) -> Iterator[Backups]:
    with closing(Backups(secured, tmp_path)) as backups:
        yield backups


def test_a_snapshot_goes_when_the_first_of_its_partitions_is_over_its_term(
    backups: Backups,
) -> None:
    """Also when the script did not run for days, and not before a newer one is there."""
    over, ends, soon, later = (backups.index(days) for days in (-3, 0, 4, 11))
    assert backups.looked_at() == (0, [])
    assert backups.run(days_ago=10) == (0, "")
    assert backups.taken() == {f"until-{TODAY - timedelta(3)}": [over, ends, soon, later]}
    count, (said,) = backups.looked_at()
    assert count == 1
    assert said.startswith(f"snapshot until-{TODAY - timedelta(3)}-of-")
    assert f"in {backups.prefix} holds kept-until-{TODAY - timedelta(3)}, which is over" in said
    assert backups.run() == (0, "")
    assert backups.taken() == {f"until-{TODAY + timedelta(4)}": [soon, later]}
    assert backups.run() == (0, "")
    assert backups.looked_at() == (2, [])


def test_what_was_not_done_is_told(backups: Backups) -> None:
    backups.index(4)
    assert backups.run(days_ago=0)[0] == 0
    backups.client.snapshot.create(
        repository=backups.prefix, snapshot="2026-01-01", wait_for_completion=True
    )
    code, said = backups.run()
    assert code == 1
    assert said == (
        "backup: snapshot 2026-01-01 was taken by hand: delete it when a partition in it is over "
        "its term\n"
    )
    backups.password.write_text("planted-wrong-guess")
    code, said = backups.run()
    assert code == 1
    assert "no whole snapshot was taken" in said
    assert "the snapshots cannot be listed" in said
    assert "planted" not in said
