"""Words that are typical of one set of posts against another.

The log-odds ratio with an informative Dirichlet prior, as a z-score: Monroe, Colaresi and
Quinn, "Fightin' Words", Political Analysis 16 (2008), equations 15, 16, 20 and 22. A word counts
once a post, so the odds are of posts with the word against posts without it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, pairwise

from index.contract import Term
from index.document import record_of
from index.tally import Tally, author_of
from privacy.noise import VARIANCE
from privacy.suppress import MOST_A_DAY
from stream.post import Post

PRIOR = 0.1
"""The weight of the prior: a tenth of the counts of both sets together."""

MIN_LETTERS = 3
STANDS_OUT = 2.0
"""A word with a lower score may as well be there by chance, or by the noise of its counts."""


def terms(
    inside: Iterable[Post],
    outside: Iterable[Post],
    *,
    k: int,
    least: int,
    day_of: Callable[[Post], Hashable],
    pairs: bool = False,
) -> Sequence[Term]:
    """The words that at least `least` authors used in `inside`, in their order, with their counts
    in both; with `pairs` also two words beside each other. `day_of` tells apart the days of an
    author on each of which so many posts count.
    """
    here, there = (_count(posts, k, day_of, pairs=pairs) for posts in (inside, outside))
    found = ((word, here.cell((word,))) for (word,) in sorted(here.keys()))
    return [Term(word, cell, there.cell((word,))) for word, cell in found if cell.authors >= least]


def score(here: int, all_here: int, there: int, all_there: int) -> float:
    """How far a word stands out that `here` of `all_here` posts have, and `there` of `all_there`
    others. Made of counts that are shown, so it tells no more than they do; their noise is in the
    spread that the score is measured in.
    """
    prior, whole = PRIOR * (here + there), PRIOR * (all_here + all_there)
    odds: list[float] = []
    spread = 0.0
    for some, posts in ((here, all_here), (there, all_there)):
        having = some + prior
        lacking = max(1.0, posts + whole - having)  # by noise it can be none, or fewer
        odds.append(math.log(having / lacking))
        spread += sum(1 / each + VARIANCE / each**2 for each in (having, lacking))
    return (odds[0] - odds[1]) / math.sqrt(spread)


def _count(
    posts: Iterable[Post], k: int, day_of: Callable[[Post], Hashable], *, pairs: bool
) -> Tally:
    tally = Tally(k)
    written: dict[Hashable, list[tuple[str, ...]]] = defaultdict(list)
    often: dict[Hashable, Counter[str]] = {}
    once: dict[str, str] = {}  # one text for each word: as many are held as there are words
    for post in posts:
        found = _words(post)
        if pairs:
            found |= _pairs(post)
        words = tuple(once.setdefault(word, word) for word in found)
        author, record, day = author_of(post.author), record_of(post.id), day_of(post)
        before = written[day]
        if len(before) < MOST_A_DAY:
            before.append(words)
            counted = set(words)
        else:
            earlier = often.get(day) or often.setdefault(day, Counter(chain.from_iterable(before)))
            counted = {word for word in words if earlier[word] < MOST_A_DAY}
            earlier.update(words)
        for word in words:
            tally.add((word,), int(word in counted), [author], record=record)
    return tally


def _words(post: Post) -> set[str]:
    return {
        form
        for token in post.tokens
        for form in token.forms[:1]
        if len(form) >= MIN_LETTERS and not form.isdigit()
    }


def _pairs(post: Post) -> set[str]:
    """Two words that follow one another in a sentence, of which one at least is a word."""
    return {
        f"{one.forms[0]} {other.forms[0]}"
        for one, other in pairwise(post.tokens)
        if one.forms and other.forms and one.sentence == other.sentence
        if one.forms[0].isalpha() and other.forms[0].isalpha()
        if max(len(one.forms[0]), len(other.forms[0])) >= MIN_LETTERS
    }
