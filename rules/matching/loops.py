"""What the joins do, as plain loops over the tokens of one post: cheaper for a post or two."""

from collections.abc import Sequence

from rules.matching.classes import Classes


def candidates_of(numbers: Sequence[int], classes: Classes, tables: Sequence[int]) -> Sequence[int]:
    """The rules, in order, whose table lets a post pass whose tokens are of these classes."""
    found: set[int] = set()
    masks: dict[int, int] = {}
    few, get = classes.few, masks.get
    last: dict[int, int] = {}
    for place, number in enumerate(numbers):
        if not number:
            continue
        here = few[number]
        found.update(here.decided)
        for rule, bit in here.targets:
            masks[rule] = get(rule, 0) | bit
        for phrase in here.phrases:
            start = place - phrase.at
            there = numbers[start : start + len(phrase.words)] if start >= 0 else ()
            if len(there) == len(phrase.words) and all(
                word in few[each].words for word, each in zip(phrase.words, there, strict=True)
            ):
                masks[phrase.rule] = get(phrase.rule, 0) | phrase.bit
        for side in here.sides:
            before = last.get(side.other)
            if before is not None and place - before <= side.reach:
                masks[side.rule] = get(side.rule, 0) | side.bit
        # Only now: one token cannot be both sides of a pair.
        for side in here.sides:
            last[side.mine] = place
    found.update(rule for rule, mask in masks.items() if tables[rule] >> mask & 1)
    return sorted(found)
