"""Texts that were drawn, as a reader sees them: keyword in context, day and labels."""

from collections.abc import Mapping, Sequence

from index.contract import Hit
from index.results import Excerpt, Labelled, ShownLabel
from index.values import values_of
from rules.evaluator import evaluate
from rules.explain import in_context
from rules.tree import Node
from stream.post import Label, Post

CONTEXT = 40
"""Characters on each side of a keyword."""

BEGINNING = 8
"""Tokens that are shown of a text in which nothing was looked for."""


def excerpts(
    hits: Sequence[Hit], asked: Node | None, *, whole: bool, timezone: str
) -> tuple[Excerpt, ...]:
    """The hits in their order, around what `asked` looks for, with the whole text on request."""
    return tuple(
        _excerpt(row, hit, asked, whole=whole, timezone=timezone) for row, hit in enumerate(hits, 1)
    )


def of_different_authors(hits: Sequence[Hit], limit: int) -> Sequence[Hit]:
    """The first `limit` hits, of each author one."""
    return list({hit.post.author: hit for hit in reversed(hits)}.values())[::-1][:limit]


def _excerpt(row: int, hit: Hit, asked: Node | None, *, whole: bool, timezone: str) -> Excerpt:
    post = hit.post
    width = len(post.text) if whole else CONTEXT
    span = _keyword(hit, asked, timezone=timezone)
    words = in_context(post, span, width=width) if post.tokens else None
    return Excerpt(
        row=row,
        day=values_of(post, "day", timezone=timezone)[0],
        language=values_of(post, "language", timezone=timezone)[0],
        source=post.source,
        left=words.left if words else "",
        keyword=words.keyword if words else "",
        right=words.right if words else "",
        labels=_labels(post),
    )


def _keyword(hit: Hit, asked: Node | None, *, timezone: str) -> tuple[int, int]:
    """The token span to show a text around: the query's, else a rule's, else its beginning."""
    found = evaluate(asked, hit.post, timezone=timezone).spans if asked else ()
    matched = [span for match in hit.post.matches for span in match.spans]
    beginning = (0, min(BEGINNING, len(hit.post.tokens)))
    return next(iter([*found, *hit.spans, *matched]), beginning)


def _labels(post: Post) -> tuple[ShownLabel, ...]:
    labels: Mapping[Labelled, Label | None] = {
        "language": post.lang, "topic": post.topic, "sentiment": post.sentiment
    }  # fmt: skip
    return tuple(
        ShownLabel(
            of=name,
            value=label.value,
            confidence=round(label.confidence, 2),
            model=label.model,
            version=label.version,
        )
        for name, label in labels.items()
        if label is not None
    )
