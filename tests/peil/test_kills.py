import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "kills.py"


@pytest.mark.kill
def test_three_kills_of_each_role_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, BENCH, "--roles", "12", "7"],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'collect': 3, 'enrich': 3, 'index': 3" in done.stdout
