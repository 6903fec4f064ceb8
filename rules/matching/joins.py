"""The joins that match a batch: from the classes of its tokens to (post, rule)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.matching.classes import BITS, NO_WORD, Classes
from rules.matching.rows import Numbers

Keys = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """The tokens of some posts behind one another: the class of each, and its post's number."""

    classes: Numbers
    posts: Numbers


@dataclass(frozen=True, slots=True)
class Found:
    """Rules of which a bit is set, by post and rule in order, and which bits."""

    posts: Numbers
    rules: Numbers
    masks: NDArray[np.uint8]


def bits_set(batch: Batch, classes: Classes, *, rules: int) -> Found:
    """Which bits the tokens of `batch` set, of so many rules."""
    hits = np.flatnonzero(batch.classes).astype(np.int32)
    if not len(hits):
        nothing = np.zeros(0, np.int32)
        return Found(nothing, nothing, nothing.astype(np.uint8))
    found, posts = batch.classes[hits], batch.posts[hits]
    step = rules * BITS
    small = (int(posts[-1]) + 1) * step <= np.iinfo(np.int32).max  # sorted in half the time
    firsts = (batch.posts if small else batch.posts.astype(np.int64)) * step
    targets, places = classes.targets.expand(found)
    keys = [firsts[hits[places]] + targets]
    if len(classes.phrase_target):
        phrases, starts = _phrases(batch, classes, hits)
        keys.append(firsts[starts] + classes.phrase_target[phrases])
    if len(classes.pair_target):
        pairs, ends = _pairs(batch, classes, hits)
        keys.append(firsts[ends] + classes.pair_target[pairs])
    return _grouped(np.concatenate(keys), rules)


def _grouped(keys: Keys, rules: int) -> Found:
    """Keys of posts, rules and bits, by post and rule."""
    keys.sort(kind="stable")  # runs of each token come sorted, which a merge makes use of
    groups = keys // BITS
    starts = _first_of_each(groups)
    bits = np.left_shift(np.uint8(1), (keys % BITS).astype(np.uint8))
    masks = np.bitwise_or.reduceat(bits, starts) if len(starts) else bits
    posts, numbers = np.divmod(groups[starts], rules)
    return Found(posts.astype(np.int32), numbers.astype(np.int32), masks)


def _first_of_each(values: Keys) -> NDArray[np.intp]:
    """Where each value of sorted `values` begins."""
    begins = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _phrases(batch: Batch, classes: Classes, hits: Numbers) -> tuple[Numbers, Numbers]:
    """The phrases in `batch`, and the first token of each: where the rarest word of one stands,
    the others must stand beside it.
    """
    phrases, places = classes.phrases.expand(batch.classes[hits])
    starts = hits[places] - classes.phrase_at[phrases]
    ends = starts + classes.phrase_length[phrases]
    left = np.flatnonzero((starts >= 0) & (ends <= len(batch.classes)))
    left = left[batch.posts[starts[left]] == batch.posts[ends[left] - 1]]
    phrases, starts = phrases[left], starts[left]
    for place in range(classes.phrase_words.shape[1]):
        words = classes.phrase_words[phrases, place]
        # Where a phrase is over any token will do, the last one of the batch included.
        there = np.minimum(starts + place, len(batch.classes) - 1)
        has = (classes.words[batch.classes[there]] == words[:, None]).any(axis=1)
        left = np.flatnonzero(has | (words == NO_WORD))
        phrases, starts = phrases[left], starts[left]
    return phrases, starts


def _pairs(batch: Batch, classes: Classes, hits: Numbers) -> tuple[Numbers, Numbers]:
    """The pairs in `batch`, and the first token of each. Among all places of both sides of a pair
    in order, those of the nearest two stand next to each other.
    """
    sides, places = classes.sides.expand(batch.classes[hits])
    tokens = hits[places]
    apart = int(classes.pair_distance.max()) + 2  # so no pair reaches into the next post
    where = tokens + batch.posts[tokens].astype(np.int64) * apart
    span = int(where[-1]) + apart if len(where) else 1
    spots, side = sides.astype(np.int64) // 2 * span + where, sides % 2
    order = np.argsort(spots)
    spots, side, tokens = spots[order], side[order], tokens[order]
    starts = _first_of_each(spots)
    if not len(starts):
        return sides, tokens
    masks = np.bitwise_or.reduceat(np.left_shift(1, side), starts)
    spots, tokens = spots[starts], tokens[starts]
    pairs = (spots[:-1] // span).astype(np.int32)
    before, after = masks[:-1], masks[1:]
    forwards = (before & 1) & (after >> 1)
    backwards = (before >> 1) & (after & 1) & ~classes.pair_ordered[pairs]
    near = np.diff(spots) <= classes.pair_distance[pairs] + 1
    found = np.flatnonzero(near & ((forwards | backwards) > 0))
    return pairs[found], tokens[found]
