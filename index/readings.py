"""Texts for a reader: few, drawn at random, of many people, and none of what is special."""

from collections.abc import Sequence

import msgspec

from index.contract import Asked, Hit, Question
from index.disclosure import Disclosure
from index.excerpts import excerpts, of_different_authors
from index.inquiry import Inquiry, Within
from index.results import Texts
from index.subject import Subject
from privacy.access import TooOften
from rules.tree import Node, named
from stream.errors import Stop

MAX_TEXTS = 50
ENOUGH = 2
"""Texts are drawn freely from so many times the most that are shown."""

WIDER = 4
"""So many times as many are drawn as are shown, because of an author one is."""


class Readings:
    """The texts that one reader may read, at most `quota` times in 24 hours."""

    def __init__(
        self,
        store: Asked,
        *,
        inquiry: Inquiry,
        disclosure: Disclosure,
        timezone: str,
        quota: int,
    ) -> None:
        self._store = store
        self._inquiry = inquiry
        self._disclosure = disclosure
        self._timezone = timezone
        self._quota = quota

    def texts(
        self, query: str | Subject, *, limit: int, reason: str, turn: int, period: Within
    ) -> Texts:
        """As `Answers.texts`."""
        if self._inquiry.scope != "kept":
            raise Stop(
                "texts that no rule matched are not shown, only counted; ask without --recent"
            )
        typed = self._inquiry.read(query).query
        if self._is_special(query, typed):
            raise Stop(
                "the question is about a rule on a special category of personal data: its posts "
                "are counted and their texts are not shown"
            )
        question = self._asked(query, period, reason=reason)
        k = self._disclosure.k(question)
        posts = self._disclosure.count(self._store, question, k=k)
        readable = msgspec.structs.replace(question, readable=True)
        there = self._disclosure.count(self._store, readable, k=k)
        if posts is None or there is None:
            return Texts(excerpts=(), posts=None, k=k)
        # Who draws again gets the same ones: else he would soon have them all, and the counts that
        # are hidden.
        hits = self._drawn(readable, there, limit=min(limit, MAX_TEXTS), k=k, seed=turn)
        # Around what is asked, and not around what was typed: else words that make no difference
        # would show one piece of a text after the other.
        found = excerpts(hits, question.query, whole=bool(reason), timezone=self._timezone)
        return Texts(excerpts=found, posts=posts, k=k)

    def _is_special(self, query: str | Subject, typed: Node | None) -> bool:
        """Whether a question is that of a rule on a special category, or names one."""
        special = self._disclosure.thresholds.special
        fields = named(typed) if typed is not None else ()
        return (isinstance(query, Subject) and query.special) or any(
            name == "rule" and special(value) for name, value in fields
        )

    def _asked(self, query: str | Subject, period: Within, *, reason: str) -> Question:
        """The question, written in the access log within the quota."""
        try:
            return self._inquiry.asked("texts", query, period, reason=reason, at_most=self._quota)
        except TooOften:
            raise Stop(
                f"you read texts {self._quota} times in the last 24 hours, and that is what "
                "privacy.text_reads_a_day allows; counts can still be asked for"
            ) from None

    def _drawn(
        self, question: Question, posts: int, *, limit: int, k: int, seed: int
    ) -> Sequence[Hit]:
        """At most `limit` of the `posts`, as many as may be shown. More than k only where there are
        enough, by as many people, for the most that can be asked for, whatever is asked for: where
        the number of texts stops to grow with the limit, it would tell how many posts or authors
        there are.
        """
        most = limit if limit <= k else MAX_TEXTS
        found = self._store.sample(question, limit=most * WIDER, seed=seed)
        hits = of_different_authors(found, most)
        enough = posts >= ENOUGH * MAX_TEXTS and len(hits) == MAX_TEXTS
        return hits[: limit if enough else min(limit, k)]
