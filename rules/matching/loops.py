"""What the joins do, as plain loops over the tokens of one post: cheaper for a few posts."""

from collections.abc import Iterator, Sequence

import numpy as np

from rules.matching.classes import MASKS, Classes, Few, Neighbours, numbers_in
from rules.matching.plan import MAX_BITS
from rules.matching.rows import Numbers


def candidates_of(numbers: Sequence[int], classes: Classes, tables: Sequence[int]) -> Numbers:
    """The rules, in order, whose table lets a post pass whose tokens are of these classes."""
    few = classes.few
    tokens = [few[number] for number in numbers]
    found = [*tokens, *_phrases(tokens)]
    both = set(numbers_in([each.lefts for each in found])).intersection(
        numbers_in([each.rights for each in found])
    )
    rules = {each for each in both if each < len(tables)}
    if len(rules) < len(both):
        found += _pairs(tokens, both - rules, classes.neighbours, first=len(tables))
    masks: dict[int, int] = {}
    for target in numbers_in([each.targets for each in found]):
        rule = target >> MAX_BITS
        masks[rule] = masks.get(rule, 0) | target & (MASKS - 1)
    rules.update([rule for rule, mask in masks.items() if tables[rule] >> mask & 1])
    rules.update(numbers_in([each.decided for each in found]))
    every = np.fromiter(rules, np.int32, len(rules))
    every.sort()  # numpy is quicker at this
    return every


def _phrases(tokens: Sequence[Few]) -> Iterator[Few]:
    """What hangs on the phrases among `tokens`."""
    for place, each in enumerate(tokens):
        for phrase in each.phrases:
            for step, word in phrase.others:
                there = place + step
                if not 0 <= there < len(tokens) or word not in tokens[there].words:
                    break
            else:
                yield phrase.few


def _pairs(
    tokens: Sequence[Few], pairs: set[int], sides: Sequence[Neighbours], *, first: int
) -> Iterator[Few]:
    """What hangs on those of `pairs`, numbered from `first` on, of which the sides are near."""
    left, right = dict[int, int](), dict[int, int]()
    for place, each in enumerate(tokens):
        lefts = pairs.intersection(numbers_in([each.lefts]))
        rights = pairs.intersection(numbers_in([each.rights]))
        if not lefts and not rights:
            continue
        for pair in lefts & right.keys():
            if place - right[pair] <= sides[pair - first].before:
                yield sides[pair - first].few
        for pair in rights & left.keys():
            if place - left[pair] <= sides[pair - first].after:
                yield sides[pair - first].few
        # Only now: one token cannot be both sides of a pair.
        left.update(dict.fromkeys(lefts, place))
        right.update(dict.fromkeys(rights, place))
