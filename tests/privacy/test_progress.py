"""Long attacks can be cut off, and say how far they are."""

import os
import signal

import pytest

from bench.progress import Progress


def test_a_run_that_is_cut_off_ends_after_the_item_at_hand() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Progress() as progress:
        done = []
        for item in progress.over(range(10), "items"):
            if item == 3:
                os.kill(os.getpid(), signal.SIGINT)
            done.append(item)
        assert done == [0, 1, 2, 3]
        assert progress.is_cut_off
        assert list(progress.over(range(10), "others")) == []
    assert signal.getsignal(signal.SIGINT) is before


def test_it_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(every=0) as progress:
        assert list(progress.over("abc", "letters")) == ["a", "b", "c"]
    said = capsys.readouterr()
    assert "letters: 2 of 3" in said.err
    assert said.out == ""
