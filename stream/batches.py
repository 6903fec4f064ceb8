"""Many things, some at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`items` in their order, at most `size` at a time; none of the lists is empty."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
