import subprocess
import sys
from pathlib import Path

import pytest

from bench.completeness.__main__ import WORLDS

ROOT = Path(__file__).parents[2]


@pytest.mark.kill
@pytest.mark.parametrize("world", WORLDS)
def test_killed_in_a_failing_world_a_collector_brings_every_item_or_a_gap(world: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.completeness", world, "--items", "200", "--kills", "3",
         "--speed", "240"],
        cwd=ROOT, capture_output=True, text=True, timeout=290, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, back from the dead 0, twice 0" in done.stdout
