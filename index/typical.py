"""Words that are typical of one set of posts against another.

The log-odds ratio with an informative Dirichlet prior, as a z-score: Monroe, Colaresi and
Quinn, "Fightin' Words", Political Analysis 16 (2008), equations 15, 16, 20 and 22.
"""

import math
from collections.abc import Iterable, Sequence

from index.contract import Cell, Term
from index.document import record_of
from index.tally import Tally, author_of
from stream.post import Post

PRIOR = 0.1
"""The weight of the prior: a tenth of the counts of both sets together."""

MIN_LETTERS = 3


def typical(
    inside: Iterable[Post], outside: Iterable[Post], *, k: int, limit: int
) -> Sequence[Term]:
    """The `limit` words that stand out most in `inside`; a word counts once a post."""
    here, here_words = _count(inside, k)
    there, there_words = _count(outside, k)
    words = here_words | there_words
    posts_here = sum(here.cell((word,)).posts for word in words) or 1
    posts_there = sum(there.cell((word,)).posts for word in words) or 1
    if len(words) == 1:
        return []  # a word that is all there is stands out against nothing
    terms: list[Term] = []
    for word in here_words:
        one, other = here.cell((word,)), there.cell((word,))
        score = _score(one, other, posts_here, posts_there)
        terms.append(Term(word, one, other, score))
    return sorted(terms, key=lambda term: (-term.score, term.word))[:limit]


def _count(posts: Iterable[Post], k: int) -> tuple[Tally, set[str]]:
    tally, words = Tally(k), set[str]()
    for post in posts:
        forms = {token.forms[0] for token in post.tokens if token.forms}
        for form in forms:
            if len(form) >= MIN_LETTERS and not form.isdigit():
                words.add(form)
                tally.add((form,), 1, [author_of(post.author)], record=record_of(post.id))
    return tally, words


def _score(one: Cell, other: Cell, all_here: int, all_there: int) -> float:
    prior = PRIOR * (one.posts + other.posts)
    whole = PRIOR * (all_here + all_there)
    here, there = one.posts + prior, other.posts + prior
    odds_here = math.log(here / (all_here + whole - here))
    odds_there = math.log(there / (all_there + whole - there))
    return (odds_here - odds_there) / math.sqrt(1 / here + 1 / there)
