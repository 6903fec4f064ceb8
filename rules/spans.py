"""All spans of a NEAR in a post at once, also where they are too many to be made one by one.

In a text that repeats two words and ends no sentence every place of the one makes a span with
every place of the other: of a few thousand words, millions. A NEAR around them needs them all: the
longer of two reaches nearer to what comes after it. So spans are not made; asked is where those end
that begin at any of some positions.

A set of positions is a whole number here, of which bit `p` is set for position `p`: what is said
of one position then costs little more said of all.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from operator import or_

import msgspec

Span = tuple[int, int]
"""Token positions: the first, and the one after the last."""

Places = int
"""A set of positions."""

FEW = 4
"""Of so many places each is asked where spans end that begin there."""

REMEMBERED = 500
"""Answers that are remembered of a NEAR within another."""


class Spans(msgspec.Struct, frozen=True, gc=False):
    """The spans of a node in a post. Outside of `starts` none begins; `ends` are the places where
    those end that begin at any of the places that it is given.
    """

    starts: Places
    ends: Callable[[Places], Places]

    def __bool__(self) -> bool:
        return bool(self.ends(self.starts))

    def __iter__(self) -> Iterator[Span]:
        """Each span once, in order, made when it is asked for."""
        waiting = [self.starts]
        while waiting:
            starts = waiting.pop()
            if starts.bit_count() <= FEW:
                for start in _each(starts):
                    for end in _each(self.ends(1 << start)):
                        yield start, end
            elif self.ends(starts):  # a half where none begins is not looked at closer
                middle = (_lowest(starts) + starts.bit_length()) // 2
                later = starts >> middle << middle
                waiting += [later, starts ^ later]


def listed(spans: Iterable[Span]) -> Spans:
    """These spans."""
    by_length: dict[int, Places] = {}
    begins = 0
    for start, end in spans:
        place = 1 << start
        begins |= place
        by_length[end - start] = by_length.get(end - start, 0) | place

    def ends(starts: Places) -> Places:
        found = 0
        for length, places in by_length.items():
            found |= (starts & places) << length
        return found

    if len(by_length) == 1:  # words: the most frequent by far
        ((length, places),) = by_length.items()
        return Spans(begins, lambda starts: (starts & places) << length)
    return Spans(begins, ends)


def either(several: Sequence[Spans]) -> Spans:
    """The spans of all of `several`."""

    def ends(starts: Places) -> Places:
        return reduce(or_, (each.ends(starts) for each in several), 0)

    return Spans(reduce(or_, (each.starts for each in several), 0), ends)


def remembering(spans: Spans) -> Spans:
    """The same spans, for a NEAR around them: each asks twice, so that within several they would
    be asked the same thing many times.
    """
    return Spans(spans.starts, lru_cache(REMEMBERED)(spans.ends))


def near(left: Spans, right: Spans, distance: int, *, ordered: bool) -> Spans:
    """From one of `left` to one of `right` with at most `distance` tokens between, and the other
    way round unless `ordered`.
    """

    def ends(starts: Places) -> Places:
        found = right.ends(_onward(left.ends(starts), distance))
        if not ordered:
            found |= left.ends(_onward(right.ends(starts), distance))
        return found

    return _both(left, right, ends)


def together(left: Spans, right: Spans, sentences: Sequence[int]) -> Spans:
    """From one of `left` to one of `right`, or the other way round, within a sentence. `sentences`
    says of each position where its sentence ends.
    """

    def within(first: Spans, second: Spans, starts: Places, end: int) -> Places:
        up_to_end = (2 << end) - 1
        found = first.ends(starts) & up_to_end
        if not found:
            return 0
        rest = (1 << end) - (1 << _lowest(found))  # from where the nearest of the first ones ends
        return second.ends(rest) & up_to_end

    def ends(starts: Places) -> Places:
        found = 0
        starts &= left.starts | right.starts  # a NEAR around it also asks beyond the text
        while starts:
            end = sentences[_lowest(starts)]
            here = starts & ((1 << end) - 1)
            found |= within(left, right, here, end) | within(right, left, here, end)
            starts ^= here
        return found

    return _both(left, right, ends)


def _both(left: Spans, right: Spans, ends: Callable[[Places], Places]) -> Spans:
    """What begins with either and needs both."""
    return Spans(left.starts | right.starts if left.starts and right.starts else 0, ends)


def _onward(ends: Places, distance: int) -> Places:
    """From each of `ends` that position and so many more."""
    reach = 1
    while ends and reach <= distance:
        step = min(reach, distance + 1 - reach)
        ends |= ends << step
        reach += step
    return ends


def _lowest(places: Places) -> int:
    return (places & -places).bit_length() - 1


def _each(places: Places) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest
