"""What the drivers of kills and outages say, and what they bear."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from bench import cluster
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
