"""What a rule would have caught: tried on everything of the last days, and on what was kept.

Each part is one question, made the simplest as every question is, and what stands beside its
count are cells of tables of it: by value, by branch, by whether another rule matches too. A cell
has the threshold and the noise of a cell. A difference (posts gained, posts lost, posts that only
one branch finds) is a question of its own, made the simplest too: at least k people must have
written it, and what fewer than k decide in it is left out.
"""

from collections.abc import Iterator, Sequence

import msgspec

from index.branches import Branch, branches, exclusions, same
from index.breakdowns import MAX_VALUES, Asking, Breakdowns
from index.contract import Asked, Dimension, Question, Scope
from index.disclosure import Disclosure
from index.inquiry import Inquiry, Within
from index.simplest import MOST_OPERANDS, is_empty, simplest
from index.subject import Subject
from index.trial import (
    Backtest,
    Change,
    Earned,
    Overlap,
    Part,
    Period,
    Suggestions,
    TakenOut,
)  # fmt: skip
from index.wording import Wording, lacking
from privacy.suppress import SPECIAL_K
from rules.tree import And, Node, Not
from stream.clock import DAY_MS
from stream.partitions import RECENT_TERM_MS

BY: tuple[Dimension, ...] = ("language", "source")
SCOPES: dict[Period, Scope] = {"recent": "both", "kept": "kept"}
MOST_BRANCHES = 200
MOST_OF_TWO = 3 * MOST_OPERANDS
"""A query that is made of two may have more words and operators."""

MOST_VALUES = 50


class Asides(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted beside the days: while somebody types, less."""

    by: tuple[Dimension, ...] = BY
    overlap: bool = True
    branches: bool = True


ALL_ASIDES = Asides()
IN_BRIEF = Asides(by=("language",), overlap=False, branches=False)


class Backtests:
    """Tries queries for one reader, as `Answers` does: each is in the access log before anything
    is counted. Texts are read by `Answers.texts` alone.
    """

    def __init__(
        self, store: Asked, inquiry: Inquiry, disclosure: Disclosure, *, timezone: str
    ) -> None:
        self._store = store
        self._inquiry = inquiry
        self._disclosure = disclosure
        self._wording = Wording(store, disclosure)
        self._breakdowns = Breakdowns(store, disclosure, timezone=timezone)

    def run(
        self, subject: Subject, *, against: Subject | None, period: Within, asides: Asides
    ) -> Backtest:
        """What `subject` would have caught, and how that differs from `against`."""
        said = {"query": subject.query, "rule": subject.name or subject.rule, **period}
        if against is not None:
            said |= {"against": against.query, "against_rule": against.name or against.rule}
        self._inquiry.write("backtest", said)
        recent, kept = (self._part(each, subject, against, period, asides) for each in SCOPES)
        return Backtest(query=subject.query, recent=recent, kept=kept)

    def suggest(self, subject: Subject, *, period: Within, limit: int) -> Suggestions:
        """What `subject` might look for as well."""
        self._inquiry.write(
            "suggest", {"query": subject.query, "rule": subject.name or subject.rule, **period}
        )
        recent = self._suggested("recent", subject, period, limit)
        return recent if recent.terms else self._suggested("kept", subject, period, limit)

    def _suggested(self, name: Period, subject: Subject, period: Within, limit: int) -> Suggestions:
        question = self.question(subject, name, period)
        k = self._k(question, subject)
        found = self._wording.typical(
            question, k=k, limit=limit, pairs=True, wanted=lacking(subject.tree)
        )
        return Suggestions(period=name, terms=tuple(found), k=k)

    def question(self, subject: Subject, name: Period, period: Within) -> Question:
        """The settled question of one part of a backtest of `subject`."""
        asked = Question(
            query=subject.tree,
            since=period.get("since"),
            until=period.get("until"),
            scope=SCOPES[name],
            seen_since=whole_since(self._inquiry.now) if name == "recent" else None,
        )
        asked = self._inquiry.dated(asked, subject.query)
        return self._inquiry.settled(asked, least=self._k(asked, subject))

    def _k(self, question: Question, *subjects: Subject) -> int:
        """The threshold of a question about these: that of the most sensitive rule among them."""
        k = self._disclosure.k(question)
        return max(k, SPECIAL_K) if any(each.special for each in subjects) else k

    def _part(
        self,
        name: Period,
        subject: Subject,
        against: Subject | None,
        period: Within,
        asides: Asides,
    ) -> Part:
        question = self.question(subject, name, period)
        k = self._k(question, subject)
        everything = msgspec.structs.replace(question, query=None)
        asking = Asking(period.get("since"), period.get("until"), self._inquiry.today)
        written = list(branches(subject.tree)) if asides.branches else []
        return Part(
            period=name,
            posts=self._count(question, k=k),
            everything=self._count(everything, k=self._disclosure.k(everything)),
            k=k,
            days=self._breakdowns.over_time(question, asking, k=k),
            by={each: self._breakdowns.top(question, each, MOST_VALUES, k=k) for each in asides.by},
            overlap=self._overlap(question, subject, k=k) if asides.overlap else (),
            change=None
            if against is None
            else self._change(question, subject, against, name, period),
            earned=tuple(self._earned(question, written[:MOST_BRANCHES], k=k)),
            taken_out=tuple(self._taken_out(question, subject, k=k)) if asides.branches else (),
            branches_left_out=max(0, len(written) - MOST_BRANCHES),
        )

    def _count(self, question: Question, *, k: int) -> int | None:
        return self._disclosure.count(self._store, question, k=k)

    def _overlap(self, question: Question, subject: Subject, *, k: int) -> tuple[Overlap, ...]:
        """The other rules that matched what `question` finds, and all that they matched then."""
        everything = msgspec.structs.replace(question, query=None)
        both, of_rule = (
            self._breakdowns.top(each, "rule", MAX_VALUES, k=k).cells
            for each in (question, everything)
        )
        return tuple(
            Overlap(rule=key[0], both=posts, of_rule=of_rule.get(key))
            for key, posts in both.items()
            if posts is not None and key[0] != subject.rule
        )

    def _change(
        self, question: Question, subject: Subject, against: Subject, name: Period, period: Within
    ) -> Change:
        """What would be gained and lost, in the days of `question`, or in those of the other one
        when nothing can be said of the first.
        """
        other = self.question(against, name, period)
        k = max(self._k(question, subject), self._k(other, against))
        days = other if is_empty(question) else question
        new, old = (
            msgspec.structs.replace(days, query=each.query, scope=days.scope)
            for each in (question, other)
        )
        return Change(
            against=against.name or against.query,
            before=self._count(old, k=k),
            gained=None if is_empty(question) else self._beyond(new, old.query, k=k),
            lost=None if is_empty(other) else self._beyond(old, new.query, k=k),
        )

    def _beyond(self, one: Question, other: Node | None, *, k: int) -> int | None:
        """The posts of `one` that `other` does not find: all of them, where fewer than k people
        are between.
        """
        if other is None:
            return None
        tree = Not(other) if one.query is None else And((one.query, Not(other)))
        if self._store.differ(one, msgspec.structs.replace(one, query=tree), least=k):
            one = msgspec.structs.replace(one, query=self._simplest(one, tree, k=k))
        return self._count(one, k=k)

    def _earned(self, question: Question, typed: Sequence[Branch], *, k: int) -> Iterator[Earned]:
        """What each branch earned. One that is not in `question` any more makes no difference of
        k people, so nothing would be lost without it, or is all that is left of it: what it finds
        is then asked for itself.
        """
        there = [] if question.query is None else list(branches(question.query))
        for each in typed:
            found = same(each, there)
            alone: Node | None
            rest: Node | None
            if found is not None:
                alone, rest = found.alone, found.rest
            else:
                alone = self._simplest(question, each.alone, k=k)
                rest = self._simplest(question, each.rest, k=k) if alone == question.query else None
            yield Earned(
                text=each.text,
                of=each.of,
                posts=self._nearly(question, alone, k=k),
                only=None
                if alone is None or rest is None
                else self._beyond(msgspec.structs.replace(question, query=alone), rest, k=k),
            )

    def _simplest(self, question: Question, tree: Node, *, k: int) -> Node | None:
        """What is asked in place of `tree`, in the days of `question`."""

        def differ(first: Question, second: Question) -> bool:
            return self._store.differ(first, second, least=k)

        asked = msgspec.structs.replace(question, query=tree)
        return simplest(asked, differ, most=MOST_OF_TWO).query

    def _nearly(self, question: Question, tree: Node | None, *, k: int) -> int | None:
        """The count of what `tree` finds of `question`: that of all of it, where fewer than k
        people are between.
        """
        some = msgspec.structs.replace(question, query=tree)
        return self._count(some if self._store.differ(question, some, least=k) else question, k=k)

    def _taken_out(self, question: Question, subject: Subject, *, k: int) -> Iterator[TakenOut]:
        there = {
            each.text: each.taken
            for each in (exclusions(question.query) if question.query is not None else ())
        }
        for each in exclusions(subject.tree):
            taken = there.get(each.text)
            if taken is not None:
                taken = self._simplest(question, taken, k=k)
            asked = msgspec.structs.replace(question, query=taken)
            yield TakenOut(text=each.text, posts=None if taken is None else self._count(asked, k=k))


def whole_since(now: int) -> int:
    """Since when nothing that was observed is gone yet, in Unix milliseconds: what no rule matches
    goes at the start of a UTC day, 72 hours old at most.
    """
    return now - now % DAY_MS + DAY_MS - RECENT_TERM_MS
