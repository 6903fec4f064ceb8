"""Words have no complementary suppression: a post has many of them, so they are parts of no sum.

The worst there can be are words of which every post has exactly one, and an attacker who knows
that: then the total less the words that are shown is the one that is hidden.
"""

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import index.tables
from index.answers import Answers
from index.local.store import LocalStore
from index.series import Series
from index.testing import TIMEZONE, fill
from privacy.noise import Noise
from privacy.suppress import K, Thresholds
from rules.tokens import tokenise
from stream.clock import DAY_MS, ManualClock
from stream.metrics import NoMetrics
from stream.post import Post
from stream.testing import START, make_post

SHOWN = {"lantaarn": 70, "stoeptegel": 62}
HIDDEN = "regenpijp"
KEYS = 150
"""So many folders, each with noise of its own."""


class Silence(Noise):
    """No noise at all: what would be without it."""

    def __call__(self, posts: int, record: int, question: str) -> int:
        return 0


class Log:
    """An access log that keeps nothing."""

    def append(
        self, *, actor: str, purpose: str, action: str, payload: str, at_most: int | None = None
    ) -> int:
        return len(actor + purpose + action + payload) + (at_most or 0)


class Street:
    """Posts about a street, each with exactly one word more; of those with the hidden one there
    are `hidden`.
    """

    def __init__(self, folder: Path, *, hidden: int) -> None:
        folder.mkdir()
        clock = ManualClock(START + 7 * DAY_MS)
        self.store = LocalStore(folder / "store", clock=clock, timezone=TIMEZONE, k=K)
        self._clock = clock
        engine = create_engine(f"sqlite:///{folder / 'series.db'}")
        index.tables.metadata.create_all(engine)
        self._series = Series(engine)
        fill(self.store, list(self._posts(hidden)))

    def _posts(self, hidden: int) -> Iterator[Post]:
        texts = [f"straat {word}" for word, posts in SHOWN.items() for _ in range(posts)]
        texts += [f"straat {HIDDEN}"] * hidden
        texts += ["iets heel anders"] * 300
        for number, text in enumerate(texts):
            yield make_post(number, text=text, tokens=tokenise(text), keep="all", created_at=START)

    def what_is_left(self, noise: Noise) -> int:
        """The posts about the street less those of each word that is shown of them."""
        answers = Answers(
            self.store, log=Log(), actor="anna", purpose="a test", series=self._series,
            thresholds=Thresholds(K, lambda _rule: False), timezone=TIMEZONE, lists={}.get,
            metrics=NoMetrics(), clock=self._clock, noise=noise,
            text_reads_a_day=1,
        )  # fmt: skip
        words = {each.word: each.posts for each in answers.typical_terms("straat")}
        assert HIDDEN not in words
        total = answers.count("straat").posts
        assert total is not None
        return total - sum(words[word] for word in SHOWN)


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Street, Street]]:
    """Two that differ by one post with the hidden word."""
    folder = tmp_path_factory.mktemp("words")
    made = (Street(folder / "more", hidden=6), Street(folder / "fewer", hidden=5))
    yield made
    for street in made:
        street.store.close()


def test_without_noise_a_hidden_word_would_be_what_is_left(
    streets: tuple[Street, Street],
) -> None:
    assert [street.what_is_left(Silence(b"")) for street in streets] == [6, 5]


def test_what_is_left_of_a_total_does_not_tell_a_hidden_word(
    streets: tuple[Street, Street],
) -> None:
    keys = [Noise(number.to_bytes(32, "big")) for number in range(KEYS)]
    more, fewer = ([street.what_is_left(noise) for noise in keys] for street in streets)
    exact = statistics.mean(left == 6 for left in more)
    # Three counts each have a spread of 2: by chance that is right one time in nine.
    assert exact <= 0.2
    # Somebody who knows nothing guesses rightly in half which of two has a post more.
    told = statistics.mean((one > other) + (one == other) / 2 for one in more for other in fewer)
    assert told <= 0.65
