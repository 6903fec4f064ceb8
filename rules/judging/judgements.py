"""How good a rule is, by texts that were drawn at random and that people judged.

What is kept of a text is its language and what was said of it, under a random name of the sample
and a number: neither the text nor its post can be found again by it. Verdicts belong to a version
of a rule, so they stay while its query does.
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec
from sqlalchemy import Engine, delete, func, insert, select, update

from rules.judging.tables import judgement
from stream.clock import DAY_MS, Clock
from stream.database import alone
from stream.errors import Stop

Kind = Literal["hit", "near miss"]
"""A hit was found by the rule; a near miss by a query that is a little looser, and not by it."""

Verdict = Literal["right", "wrong", "unsure"]
"""`right`: it is what the rule is about. Whoever cannot tell is unsure, and not counted."""

KINDS: tuple[Kind, ...] = get_args(Kind)

NAME_BYTES = 5
FORGOTTEN_MS = 90 * DAY_MS
"""What nobody judged in so long is forgotten: the text is gone by then."""

Z = 1.959963984540054
"""The quantile of the normal distribution for an interval of 95%."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One text of a sample; without a verdict nobody has judged it yet."""

    sample: str
    row: int
    rule: str
    version: str
    kind: Kind
    language: str
    verdict: Verdict | None = None


class Estimate(msgspec.Struct, frozen=True):
    """How many texts were judged, and a share with the interval of 95% that it lies in."""

    right: int = 0
    wrong: int = 0
    unsure: int = 0

    @property
    def judged(self) -> int:
        """Those that somebody was sure of."""
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        """The share that is right; None where nothing was judged."""
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with a probability of 95%."""
        return wilson(self.right, self.judged)


class Judgements:
    """The verdicts in the operational database."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def draw(
        self, *, rule: str, version: str, kind: Kind, languages: Sequence[str]
    ) -> tuple[Judgement, ...]:
        """A new sample of texts in these languages, to be judged; its rows count from 1."""
        # With a letter first: what looks like a number (`4120583e12`) a spreadsheet writes anew.
        name, now = f"s{secrets.token_hex(NAME_BYTES)}", self._clock.now()
        drawn = tuple(
            Judgement(
                sample=name, row=row, rule=rule, version=version, kind=kind, language=language
            )
            for row, language in enumerate(languages, 1)
        )
        waiting = judgement.c.verdict.is_(None)
        with self._engine.begin() as connection:
            connection.execute(
                delete(judgement).where(waiting, judgement.c.drawn < now - FORGOTTEN_MS)
            )
            if drawn:
                rows = [msgspec.to_builtins(each) | {"drawn": now} for each in drawn]
                connection.execute(insert(judgement), rows)
        return drawn

    def judge(self, verdicts: Mapping[tuple[str, int], Verdict], *, by: str) -> None:
        """Write down what was said of texts, by sample and row; a verdict that was there is
        replaced. Stop, and nothing written, when a sample does not have such a row.
        """
        now = self._clock.now()
        with alone(self._engine, "judgements") as connection:
            for (sample, row), verdict in verdicts.items():
                here = (judgement.c.sample == sample) & (judgement.c.row == row)
                values = {"verdict": verdict, "actor": by, "at": now}
                if not connection.execute(update(judgement).where(here).values(values)).rowcount:
                    raise Stop(
                        f"there is no row {row} of a sample {sample!r}; take the file as "
                        "`peil rules sample --out` wrote it and change the column verdict alone"
                    )

    def estimates(self, rule: str, version: str, *, kind: Kind) -> Mapping[str, Estimate]:
        """By language what was judged of a version."""
        counts: dict[str, dict[str, int]] = {}
        table = judgement.c
        chosen = select(table.language, table.verdict, func.count()).where(
            table.rule == rule,
            table.version == version,
            table.kind == kind,
            table.verdict.is_not(None),
        )
        with self._engine.connect() as connection:
            for language, verdict, texts in connection.execute(
                chosen.group_by(table.language, table.verdict).order_by(table.language)
            ):
                counts.setdefault(language, {})[verdict] = int(texts)
        return {language: Estimate(**some) for language, some in counts.items()}

    def judged_at(self, rule: str, version: str, *, kind: Kind) -> int | None:
        """When something of a version was judged last (Unix ms); None: nothing was."""
        table = judgement.c
        chosen = select(func.max(table.at)).where(
            table.rule == rule, table.version == version, table.kind == kind
        )
        with self._engine.connect() as connection:
            return connection.execute(chosen).scalar()

    def versions(self, rule: str) -> Sequence[str]:
        """The versions of which something was judged, the one judged last first."""
        table = judgement.c
        chosen = (
            select(table.version)
            .where(table.rule == rule, table.verdict.is_not(None))
            .group_by(table.version)
            .order_by(func.max(table.at).desc(), table.version)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(chosen).scalars())


def together(estimates: Mapping[str, Estimate]) -> Estimate:
    """What was judged in all languages."""
    return Estimate(
        right=sum(each.right for each in estimates.values()),
        wrong=sum(each.wrong for each in estimates.values()),
        unsure=sum(each.unsure for each in estimates.values()),
    )


def wilson(right: int, judged: int) -> tuple[float, float]:
    """The score interval of a share at 95%: E. B. Wilson, "Probable inference, the law of
    succession, and statistical inference", JASA 22 (1927), 209-212, solved for the share. It is
    right also for few texts and for shares near 0 and 1. Nothing judged: 0 to 1.
    """
    if not judged:
        return 0.0, 1.0
    share, squared = right / judged, Z**2
    middle = (share + squared / (2 * judged)) / (1 + squared / judged)
    half = (
        Z
        * math.sqrt(share * (1 - share) / judged + squared / (4 * judged**2))
        / (1 + squared / judged)
    )
    # At the ends the two are equal, but for what a float cannot hold.
    return middle - half if right else 0.0, middle + half if right < judged else 1.0
