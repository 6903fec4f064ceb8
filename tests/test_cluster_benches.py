"""What the drivers of kills and outages say, and what they bear."""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import cluster, cluster_kills, outage
from bench.cluster import patiently
from stream.errors import Retry

Look = Callable[[], int]


def looking(answers: list[int | None]) -> Look:
    """Finds these one after the other; None: a server is not whole."""

    def look() -> int:
        found = answers.pop(0)
        if found is None:
            raise Retry("no_shard_available_action_exception")
        return found

    return look


def test_a_server_that_was_killed_a_moment_ago_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster.time, "sleep", lambda _: None)
    assert patiently(looking([None, None, 7])) == 7
    monkeypatch.setattr(cluster, "PATIENCE", -1)
    with pytest.raises(Retry):
        patiently(looking([None]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cluster_kills", "--posts", "-5"), "argument --posts: -5 is less than 1"),
        (("cluster_kills", "--kills", "many"), "argument --kills: invalid number value: 'many'"),
        (("cluster_kills", "--texts", "/nowhere"), "argument --texts: there is no file /nowhere"),
        (("outage", "elastic-down", "--rate", "0"), "argument --rate: 0 is less than 1"),
    ],
)
def test_a_wrong_word_of_the_command_is_told(words: tuple[str, ...], said: str) -> None:
    bench, *rest = words
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{bench}", *rest], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.cluster
@pytest.mark.xdist_group("kills")
@pytest.mark.kill
@pytest.mark.timeout(1500)  # servers start ten times
def test_kills_faults_and_an_outage_lose_double_and_raise_nothing(tmp_path: Path) -> None:
    """Three kills of each, three faults of the network, and some seconds without Elasticsearch."""
    kills = Namespace(posts=6_000, kills=18, seed=7, texts=None, faults=False)
    faults = Namespace(posts=600, kills=3, seed=7, texts=None, faults=True)
    down = Namespace(what="elastic-down", minutes=0.05, rate=20)
    with cluster.cluster(
        tmp_path, proxies=True, optimised=False, settings=cluster_kills.SETTINGS
    ) as city:
        assert cluster_kills.play(city, kills) == 0
        assert cluster_kills.play(city, faults) == 0
        assert outage.play(city, down) == 0


def test_where_no_disk_can_be_mounted_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = tmp_path / "mount"
    mount.write_text("#!/bin/sh\necho mount: must be superuser to use mount >&2\nexit 1\n")
    mount.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    done = subprocess.run(
        [sys.executable, "-m", "bench.outage", "elastic-full"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "no disk of 2g can be mounted here, so none can be filled: mount: must be superuser to use "
        "mount\n"
    )
