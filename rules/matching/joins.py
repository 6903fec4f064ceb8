"""The joins that match a batch: from the classes of its tokens to (post, rule)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.matching.classes import MASKS, NO_WORD, Classes
from rules.matching.plan import MAX_BITS
from rules.matching.rows import Numbers, Places

Keys = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """The tokens of some posts behind one another: the class of each, and its post's number."""

    classes: Numbers
    posts: Numbers


def most_posts(rules: int) -> int:
    """So many posts at once, so that (post, rule, mask) fits into 32 bits."""
    return np.iinfo(np.int32).max // (max(rules, 1) * MASKS)


def candidates_in(
    batch: Batch, classes: Classes, tables: NDArray[np.uint64]
) -> tuple[Numbers, Numbers]:
    """Posts and rules, in order, whose table lets them pass."""
    hits = np.flatnonzero(batch.classes)
    found, posts = batch.classes.take(hits), batch.posts.take(hits)
    firsts = posts * len(tables)
    decided, each = classes.decided.expand(found)
    decided += firsts.repeat(each)
    firsts *= MASKS
    keys, each = classes.targets.expand(found)
    keys += firsts.repeat(each)
    more = [keys]
    if len(classes.phrase_target):
        phrases, starts = _phrases(batch, classes, hits, found)
        more.append(batch.posts[starts] * (len(tables) * MASKS) + classes.phrase_target[phrases])
    if len(classes.pair_target):
        pairs, ends = _pairs(classes, hits, found, posts)
        more.append(batch.posts[ends] * (len(tables) * MASKS) + classes.pair_target[pairs])
    holding = _holding(np.concatenate(more), tables)
    keys = np.concatenate((decided, holding))
    keys.sort()
    keys = keys[_begins(keys)]
    of_posts = keys // len(tables) if len(keys) else keys
    return of_posts, keys - of_posts * len(tables)


def _holding(keys: Numbers, tables: NDArray[np.uint64]) -> Numbers:
    """Posts and rules whose table lets pass the bits that `keys` set."""
    keys.sort()
    groups = keys >> MAX_BITS
    starts = np.flatnonzero(_begins(groups))
    if not len(starts):
        return groups
    masks = np.bitwise_or.reduceat(keys & (MASKS - 1), starts).astype(np.uint64)
    groups = groups[starts]
    return groups[np.flatnonzero(tables.take(groups % len(tables)) >> masks & 1)]


def _begins(values: Keys) -> NDArray[np.bool_]:
    """Where each value of sorted `values` begins."""
    begins = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    return begins


def _phrases(
    batch: Batch, classes: Classes, hits: Places, found: Numbers
) -> tuple[Numbers, Places]:
    """The phrases in `batch`, and a token of each: beside its rarest word the others must stand."""
    phrases, each = classes.phrases.expand(found)
    places = hits.repeat(each)
    for words, steps in zip(classes.phrase_words, classes.phrase_steps, strict=True):
        wanted = words.take(phrases)
        # Outside of the batch any token will do: what reaches there is none, see below.
        beside = batch.classes.take(places + steps.take(phrases), mode="clip")
        has = (classes.words[:, beside] == wanted).any(axis=0)
        left = np.flatnonzero(has | (wanted == NO_WORD))
        phrases, places = phrases[left], places[left]
    starts = places - classes.phrase_at[phrases]
    ends = starts + classes.phrase_length[phrases]
    left = np.flatnonzero((starts >= 0) & (ends <= len(batch.classes)))
    left = left[batch.posts[starts[left]] == batch.posts[ends[left] - 1]]
    return phrases[left], places[left]


def _pairs(
    classes: Classes, hits: Places, found: Numbers, posts: Numbers
) -> tuple[Numbers, Places]:
    """The pairs in a batch, and a token of each. Among all places of both sides of a pair in
    order, those of the nearest two stand next to each other.
    """
    sides, each = classes.sides.expand(found)
    apart = classes.reach + 1  # so no pair reaches into the next post
    where = hits + posts * np.int64(apart)
    span = int(where[-1]) + apart if len(where) else 1
    spots = (sides >> 1) * np.int64(span) + where.repeat(each)
    spots = spots * 2 + (sides & 1)
    spots.sort()
    side = (spots & 1) + 1
    spots >>= 1
    starts = np.flatnonzero(_begins(spots))
    if not len(starts):
        return sides, starts
    masks, spots = np.bitwise_or.reduceat(side, starts), spots[starts]
    steps = np.diff(spots)
    close = np.flatnonzero(steps <= classes.reach)
    pairs = spots[close] // span
    before, after = masks[close], masks[close + 1]
    forwards = before & 1 & after >> 1
    backwards = before >> 1 & after & 1 & ~classes.pair_ordered[pairs]
    near = steps[close] <= classes.pair_distance[pairs] + 1
    left = near & (forwards | backwards > 0)
    tokens = hits[np.searchsorted(where, spots[close[left]] % span)]
    return pairs[left].astype(np.int32), tokens
