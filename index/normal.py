"""What is normal for a phenomenon on a day: a range learned from the same weekdays before it.

Counts of posts vary more than chance alone would have it (people answer each other), so the
variance is a multiple of the mean: a quasi-Poisson model (McCullagh and Nelder, Generalized
Linear Models, 1989, section 6.2). On the scale of square roots such counts have nearly the same
spread whatever their size (Anscombe, Biometrika 35, 1948), so the range is made there.

Everything here is computed from counts that may be shown, so it tells nothing that they do not.
"""

import math
from collections.abc import Sequence
from statistics import median

import msgspec

WEEKS = 8
"""So many weeks before a day say what is normal on it."""

ENOUGH = 3
"""With fewer weeks of history than this nothing is called normal: it is still being learned."""

Z = 1.959964
"""95% of a normal distribution lies within so many standard deviations."""

BEFOREHAND = 2.0
"""The dispersion that is thought likely before anything was seen, and …"""

BEFOREHAND_WEIGHT = 4
"""… as how many counts that belief weighs: three weeks, of which two were strange, do not say that
everything is usual.
"""

SPREAD = 0.25
"""The variance of the square root of a Poisson count."""


class Normal(msgspec.Struct, frozen=True):
    """The count that was to be expected and the range in which 95 of 100 would lie."""

    expected: float
    low: float
    high: float


class Change(msgspec.Struct, frozen=True):
    """How many times as much as before: the ratio and its 95% interval."""

    ratio: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        """Whether the interval leaves out "as much as before"."""
        return self.low > 1 or self.high < 1


def normal_range(counts: Sequence[int | None], *, season: int, k: int) -> Sequence[Normal | None]:
    """For each of `counts`, equally long bins in order, what was normal there: by the bins
    `season`, `2 * season`, … before it (7 for days; 1 for weeks). None while that is learned.

    A hidden count (None) is taken as half of `k`: it is known to lie below it.
    """
    values = [k / 2 if count is None else float(count) for count in counts]
    expected = [_expected(values, place, season) for place in range(len(values))]
    scale = _dispersion(values, expected)
    return [
        None if mean is None else _range(mean, scale[place]) for place, mean in enumerate(expected)
    ]


def deviation(count: int, normal: Normal) -> float:
    """How far `count` lies outside of what is normal: 1 is the edge of the range, 0 the middle,
    negative below it.
    """
    root, middle = math.sqrt(count), math.sqrt(normal.expected)
    edge = math.sqrt(normal.high) if root >= middle else math.sqrt(normal.low)
    width = abs(edge - middle)
    return (root - middle) / width if width else 0.0


def change(now: int | None, before: int | None, *, dispersion: float = 1.0) -> Change | None:
    """`now` against `before`, two periods of the same length; None when one is hidden."""
    if not now or not before:
        return None
    ratio = now / before
    error = Z * math.sqrt(dispersion * (1 / now + 1 / before))
    return Change(ratio, ratio * math.exp(-error), ratio * math.exp(error))


def dispersion_of(counts: Sequence[int | None], *, season: int, k: int) -> float:
    """How many times the variance of these counts is that of chance alone, at least 1."""
    values = [k / 2 if count is None else float(count) for count in counts]
    expected = [_expected(values, place, season) for place in range(len(values))]
    found = _dispersion(values, expected)
    return found[-1] if found else BEFOREHAND


def _expected(values: Sequence[float], place: int, season: int) -> float | None:
    before = values[max(0, place - WEEKS * season) : place]
    like = before[::-1][season - 1 :: season]
    return median(like) if len(like) >= ENOUGH else None


def _dispersion(values: Sequence[float], expected: Sequence[float | None]) -> Sequence[float]:
    """At each place the dispersion that was seen before it: a median, so that what was unusual
    once does not make everything usual afterwards, drawn on a scale of logarithms towards what is
    likely beforehand, the more the less was seen.
    """
    squares: list[float] = []
    found: list[float] = []
    for value, mean in zip(values, expected, strict=True):
        found.append(_likely(squares[-WEEKS * 7 :]))
        if mean is not None:
            squares.append((math.sqrt(value) - math.sqrt(mean)) ** 2 / SPREAD)
    return found


def _likely(squares: Sequence[float]) -> float:
    if not squares:
        return BEFOREHAND
    # The median of a squared standard normal variable is 0.455.
    seen = max(1.0, median(squares) / 0.455)
    weights = BEFOREHAND_WEIGHT, len(squares)
    both = weights[0] * math.log(BEFOREHAND) + weights[1] * math.log(seen)
    return math.exp(both / sum(weights))


def _range(mean: float, dispersion: float) -> Normal:
    width = Z * math.sqrt(SPREAD * dispersion)
    middle = math.sqrt(mean)
    return Normal(mean, max(0.0, middle - width) ** 2, (middle + width) ** 2)
