"""The only door to the store for a reader: suppressed, coarsened, written in the access log."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, Protocol, TypedDict, Unpack

import msgspec

from index.conditions import conditions
from index.contract import Asked, Bin, Cell, Dimension, Hit, Question, Scope, Table, TooBroad
from index.results import (
    Comparison,
    Completion,
    Count,
    Counts,
    Excerpt,
    Facets,
    Labelled,
    ShownLabel,
    Texts,
    TypicalTerm,
)  # fmt: skip
from index.series import Series
from index.simplest import axis, settled, with_dates
from index.typical import STANDS_OUT, score
from index.values import MULTIPLE, bins_between, local_day, start_of, values_of
from privacy.access import TooOften
from privacy.noise import Noise
from privacy.suppress import (
    Size,
    Thresholds,
    about,
    coarsest_needed,
    may_show_texts,
    shown,
    suppress,
)  # fmt: skip
from rules.evaluator import evaluate
from rules.explain import in_context
from rules.folding import fold
from rules.lists import Lists
from rules.parser import parse
from rules.tree import And, Node, Term, named
from stream.clock import Clock
from stream.errors import Stop
from stream.metrics import Metrics
from stream.post import Label, Post

MAX_TEXTS = 50
ENOUGH = 2
"""Texts are drawn freely from so many times as many."""

WIDER = 4
"""So many times as many are drawn as are shown, because of an author one is."""

BINS: tuple[Bin, ...] = ("day", "week", "month")
CONTEXT = 40
MAX_BINS = 10_000
MAX_VALUES = 50_000
RULES: tuple[Dimension, ...] = ("rule", "rule_version")
LongBin = Literal["week", "month"]


class Within(TypedDict, total=False):
    """The time of a question as in `Question`: Unix milliseconds, open where nothing is said."""

    since: int | None
    until: int | None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two questions that are compared; times as in `Question`."""

    query: str = ""
    since: int | None = None
    until: int | None = None


class Log(Protocol):
    """Where a question is written down before it is answered."""

    def append(
        self,
        *,
        actor: str,
        purpose: str,
        action: str,
        payload: str,
        at_most: int | None = None,
    ) -> int:
        """Durable on return; an error means that nothing may be answered. TooOften, and nothing
        written, when `actor` did this `at_most` times in the last 24 hours already.
        """
        ...


class Answers:
    """What one reader may ask, for one purpose. Every question is logged before it is answered.

    With `scope="both"` counts also hold what no rule matched and is not gone yet: what a rule
    would have caught. Texts of those are never shown, nor of what a rule on a special category
    of personal data matched; a question about such a rule has a higher threshold.
    """

    def __init__(
        self,
        store: Asked,
        *,
        log: Log,
        actor: str,
        purpose: str,
        thresholds: Thresholds,
        series: Series,
        timezone: str,
        metrics: Metrics,
        lists: Lists,
        rng: random.Random,
        clock: Clock,
        noise: Noise,
        text_reads_a_day: int,
        scope: Scope = "kept",
    ) -> None:
        if not purpose.strip():
            raise Stop(
                "no purpose is set: write in config/peil.toml what you look for and why, "
                'for example purpose = "prevention: nuisance around New Year"'
            )
        self._store = store
        self._log = log
        self._actor = actor
        self._purpose = purpose
        self._thresholds = thresholds
        self._series = series
        self._timezone = timezone
        self._metrics = metrics
        self._lists = lists
        self._rng = rng
        self._clock = clock
        self._noise = noise
        self._text_reads_a_day = text_reads_a_day
        self._scope: Scope = scope

    def question(
        self, query: str = "", *, since: int | None = None, until: int | None = None
    ) -> Question:
        """The question in `query` (empty: all posts); QueryError with all its mistakes."""
        tree = parse(query, lists=self._lists, use="search").tree if query.strip() else None
        return Question(query=tree, since=since, until=until, scope=self._scope)

    def count(self, query: str = "", **period: Unpack[Within]) -> Count:
        """How many posts match."""
        question = self._asked("count", query, period)
        k = self._k(question)
        return Count(posts=self._posts(question, self._store.count(question), k=k), k=k)

    def over_time(
        self,
        query: str = "",
        *,
        bin: Bin | None = None,
        by: Dimension | None = None,
        **period: Unpack[Within],
    ) -> Counts:
        """Counts per bin, every bin of the time in which anything at all may be shown. Without
        `bin` the finest of day, week and month in which most of it can be shown.

        With `by` also per value of that dimension (`cells` by bin and value): every value of
        which anything may be shown, in every bin.
        """
        question = self._asked("over_time" if by is None else f"over_time:{by}", query, period)
        k = self._k(question)
        name, table = coarsest_needed(
            BINS if bin is None else (bin,),
            lambda each: self._store.count_over_time(question, bin=each, by=by),
            lambda each: [_size(cell) for cell in each.cells.values()],
            k=k,
        )
        bins = bins_between([*self._axis(name, period), *_visible(table, k=k)], name)
        if len(bins) > MAX_BINS:
            raise TooBroad(f"{len(bins)} bins by {name} are too many: narrow the period")
        keys: list[tuple[str, ...]] = [(each,) for each in bins]
        if by is not None:
            k_of = self._k_of_rules if by in RULES else lambda _key: k
            values = sorted(
                {
                    key[1]
                    for key, cell in table.cells.items()
                    if shown(_size(cell), k=max(k, k_of(key))) is not None
                }
            )
            keys = [(each, value) for each in bins for value in values]
        cells: dict[tuple[str, ...], Cell] = {key: Cell(0, 0) for key in keys}
        cells |= table.cells
        result = self._suppressed(question, table, cells, k=k, keep_hidden=True)
        return msgspec.structs.replace(result, cells={key: result.cells[key] for key in keys})

    def long_series(self, rule: str = "", *, bin: LongBin = "week") -> Counts:
        """Counts of a rule's posts (empty: of all posts, matched or not) since counting began,
        by week or month: what is in the index and, for what is gone, what was counted then.
        """
        query = f"rule:{rule}" if rule else ""
        question = self._asked("long_series", query, {}, scope="kept" if rule else "both")
        gone = self._series.phenomenon(rule, bin=bin) if rule else self._series.volumes(bin=bin)
        k = self._k(question)
        table = self._store.count_over_time(question, bin=bin)
        here = self._suppressed(question, table, table.cells, k=k, keep_hidden=True).cells
        cells: dict[tuple[str, ...], int | None] = {
            (each,): _sum(here.get((each,)), gone.get(each))
            for each in bins_between([*gone, *_visible(table, k=k)], bin)
        }
        total = _sum(*cells.values())
        return Counts(dimensions=(bin,), cells=cells, total=total, k=k)

    def top(
        self, query: str = "", *, by: Dimension, limit: int = 50, **period: Unpack[Within]
    ) -> Counts:
        """The largest counts per value of `by`."""
        return self._top(self._asked(f"top:{by}", query, period), by, limit)

    def facets(
        self, query: str = "", *, by: Sequence[Dimension], limit: int = 20, **period: Unpack[Within]
    ) -> Facets:
        """The count of a question and its largest counts per value of each of `by`: one question
        in the access log.
        """
        question = self._asked(f"facets:{','.join(by)}", query, period)
        k = self._k(question)
        return Facets(
            count=Count(posts=self._posts(question, self._store.count(question), k=k), k=k),
            by={each: self._top(question, each, limit) for each in by},
        )

    def compare(self, first: Side, second: Side, *, by: Dimension, limit: int = 20) -> Comparison:
        """Two queries, or two periods of one, side by side over the values of `by`: one question
        in the access log, with both in it.
        """
        sides = [
            self._typed(each.query, since=each.since, until=each.until) for each in (first, second)
        ]
        self._written(f"compare:{by}", {"first": first, "second": second, "scope": self._scope})
        one, other = (self._top(self._settled(side), by, MAX_VALUES) for side in sides)
        largest = sorted(
            {*one.cells, *other.cells},
            key=lambda key: (-max(one.cells.get(key) or 0, other.cells.get(key) or 0), key),
        )
        return Comparison(first=_only(one, largest[:limit]), second=_only(other, largest[:limit]))

    def complete(self, prefix: str, *, limit: int = 10) -> Sequence[Completion]:
        """Frequent words that begin with `prefix` and that at least k authors used, the most
        frequent first. It is help with typing and no question: nothing is logged of it.
        """
        stem, k = fold(prefix.strip()), self._thresholds.k
        if not stem:
            return []
        until = start_of(self._today(), self._timezone)
        words = self._store.words(stem, limit=limit, least=k, until=until)
        return [
            Completion(word=word, posts=about(posts)) for word, posts in words.items() if posts >= k
        ]

    def _axis(self, name: Bin, period: Within) -> Sequence[str]:
        """The first and the last bin of a table by time. All posts decide: where a question's own
        bins begin and end would tell that something small is there.
        """
        whole = Question()
        days = self._store.blocks(whole, least=self._thresholds.k)
        asked = msgspec.structs.replace(whole, since=period.get("since"), until=period.get("until"))
        return axis(asked, days, name, today=self._today(), timezone=self._timezone)

    def _top(self, question: Question, by: Dimension, limit: int) -> Counts:
        # All values first: what is cut off would otherwise seem to be what is hidden.
        table = self._store.top(question, by=by, limit=MAX_VALUES)
        k = self._k(question)
        result = self._suppressed(question, table, table.cells, k=k, keep_hidden=False)
        largest = sorted(result.cells.items(), key=lambda item: (-(item[1] or 0), item[0]))
        return Counts(
            dimensions=result.dimensions, cells=dict(largest[:limit]), total=result.total, k=k
        )

    def typical_terms(
        self, query: str, *, limit: int = 20, **period: Unpack[Within]
    ) -> Sequence[TypicalTerm]:
        """Words that stand out in the matching posts against all of the period: which, and how
        far, is made of counts that may be shown.
        """
        question = self._asked("typical_terms", query, period)
        against = Question(since=question.since, until=question.until, scope=self._scope)
        k, found = self._k(question), list[TypicalTerm]()
        whole, everything = (
            self._posts(each, self._store.count(each), k=k) for each in (question, against)
        )
        if whole is None or everything is None:
            return []
        for term in self._store.terms(question, against=against, least=k):
            word = Term(term.word)
            of_word = msgspec.structs.replace(question, query=_and(question.query, word))
            here = self._posts(of_word, term.inside, k=k)
            there = self._posts(msgspec.structs.replace(against, query=word), term.outside, k=k)
            if here is None or there is None:
                continue
            stands_out = round(score(here, whole, there, everything), 1)
            if stands_out >= STANDS_OUT:
                found.append(TypicalTerm(word=term.word, posts=here, score=stands_out))
        return sorted(found, key=lambda each: (-each.score, each.word))[:limit]

    def texts(
        self, query: str = "", *, limit: int = 10, reason: str = "", **period: Unpack[Within]
    ) -> Texts:
        """At most 50 texts drawn at random, keyword in context, when k authors wrote them, and
        no more than k where that would be nearly all. With a `reason`, which is logged, the
        context is the whole text. Stop above the quota.
        """
        if self._scope != "kept":
            raise Stop(
                "texts that no rule matched are not shown, only counted; ask without --recent"
            )
        reason, quota = reason.strip(), self._text_reads_a_day
        try:
            question = self._asked("texts", query, period, reason=reason, at_most=quota)
        except TooOften:
            raise Stop(
                f"you read texts {quota} times in the last 24 hours, and that is what "
                "privacy.text_reads_a_day allows; counts can still be asked for"
            ) from None
        whole = self._store.count(question)
        question = msgspec.structs.replace(question, readable=True)
        size = _size(self._store.count(question))
        k = self._k(question)
        if k != self._thresholds.k:
            raise Stop(
                "the question is about a rule on a special category of personal data: its posts "
                "are counted and their texts are not shown"
            )
        if not may_show_texts(size, k=k):
            return Texts(excerpts=(), posts=None, k=k)
        seed = self._rng.getrandbits(32)
        drawn = min(limit, MAX_TEXTS)
        if size.posts < ENOUGH * drawn:  # how many there are to read is not to be counted
            drawn = min(drawn, k)
        hits = _of_different_authors(
            self._store.sample(question, limit=drawn * WIDER, seed=seed), drawn
        )
        excerpts: list[Excerpt] = []
        typed = self.question(query).query
        for row, hit in enumerate(hits, 1):
            span = self._keyword(hit, typed)
            width = len(hit.post.text) if reason else CONTEXT
            words = in_context(hit.post, span, width=width) if hit.post.tokens else None
            excerpts.append(
                Excerpt(
                    row=row,
                    day=self._value(hit.post, "day"),
                    language=self._value(hit.post, "language"),
                    source=hit.post.source,
                    left=words.left if words else "",
                    keyword=words.keyword if words else "",
                    right=words.right if words else "",
                    labels=_labels(hit.post),
                )
            )
        posts = self._posts(msgspec.structs.replace(question, readable=False), whole, k=k)
        return Texts(excerpts=tuple(excerpts), posts=posts, k=k)

    def _keyword(self, hit: Hit, typed: Node | None) -> tuple[int, int]:
        """The token span to show a text around: the query's as it was typed, else a rule's, else
        its beginning.
        """
        found = evaluate(typed, hit.post, timezone=self._timezone).spans if typed else ()
        matched = [span for match in hit.post.matches for span in match.spans]
        return next(iter([*found, *hit.spans, *matched]), (0, min(8, len(hit.post.tokens))))

    def _value(self, post: Post, dimension: Dimension) -> str:
        """The one value that `post` counts under, so that a text and the counts agree."""
        return values_of(post, dimension, timezone=self._timezone)[0]

    def _k(self, question: Question) -> int:
        """The threshold of a question: that of the most sensitive rule that it names."""
        fields = named(question.query) if question.query is not None else ()
        rules = [value for name, value in fields if name == "rule"]
        return max(map(self._thresholds.of_rule, rules), default=self._thresholds.k)

    def _asked(
        self,
        action: str,
        query: str,
        period: Within,
        *,
        scope: Scope | None = None,
        reason: str = "",
        at_most: int | None = None,
    ) -> Question:
        question = msgspec.structs.replace(
            self._typed(query, since=period.get("since"), until=period.get("until")),
            scope=scope or self._scope,
        )
        said = {"query": query, "scope": question.scope, **period}
        if reason:
            said["reason"] = reason
        self._written(action, said, at_most=at_most)
        return self._settled(question)

    def _typed(self, query: str, *, since: int | None, until: int | None) -> Question:
        question = self.question(query, since=since, until=until)
        return with_dates(question, query, timezone=self._timezone)

    def _settled(self, question: Question) -> Question:
        """What is asked of the store: whole days that are over, and nothing in it that makes a
        difference of fewer than k authors.
        """
        return settled(
            question,
            self._store,
            least=self._k(question),
            today=self._today(),
            timezone=self._timezone,
        )

    def _today(self) -> date:
        return local_day(self._clock.now(), self._timezone)

    def _posts(self, question: Question, cell: Cell, *, k: int) -> int | None:
        """What may be shown of the count of a whole question."""
        size = _size(cell)
        return shown(size, k=k, noise=self._noise_of(question, ())((), size))

    def _noise_of(
        self, question: Question, dimensions: Sequence[Dimension]
    ) -> Callable[[tuple[str, ...], Size], int]:
        """The noise of the cells of a table."""

        def noise(key: tuple[str, ...], size: Size) -> int:
            asked = conditions(question, dimensions, key, timezone=self._timezone)
            return self._noise(size.posts, size.record, asked)

        return noise

    def _written(self, action: str, said: Mapping[str, Any], *, at_most: int | None = None) -> None:
        """Put a question into the access log; nothing may be answered before."""
        self._log.append(
            actor=self._actor,
            purpose=self._purpose,
            action=action,
            payload=msgspec.json.encode(said).decode(),
            at_most=at_most,
        )
        self._metrics.count("peil_answers_total", question=action.split(":", maxsplit=1)[0])

    def _suppressed(
        self,
        question: Question,
        table: Table,
        cells: Mapping[tuple[str, ...], Cell],
        *,
        k: int,
        keep_hidden: bool,
    ) -> Counts:
        result = suppress(
            {key: _size(cell) for key, cell in sorted(cells.items())},
            _size(table.total),
            additive=[each not in MULTIPLE for each in table.dimensions],
            k=k,
            k_of=self._k_of_rules if table.dimensions[-1] in RULES else None,
            noise=self._noise_of(question, table.dimensions),
        )
        self._metrics.count("peil_answers_hidden_cells_total", result.hidden)
        kept = {
            key: posts for key, posts in result.cells.items() if keep_hidden or posts is not None
        }
        return Counts(dimensions=table.dimensions, cells=kept, total=result.total, k=k)

    def _k_of_rules(self, key: tuple[str, ...]) -> int:
        return self._thresholds.of_rule(key[-1].partition("@")[0])


def _sum(*counts: int | None) -> int | None:
    """What may be shown of several counts together; None when that is none of them."""
    shown_ones = [count for count in counts if count is not None]
    return sum(shown_ones) if shown_ones else None


def _only(counts: Counts, keys: Sequence[tuple[str, ...]]) -> Counts:
    cells = {key: counts.cells[key] for key in keys if key in counts.cells}
    return msgspec.structs.replace(counts, cells=cells)


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


def _size(cell: Cell) -> Size:
    return Size(cell.posts, cell.authors, cell.record)


def _and(tree: Node | None, other: Node) -> Node:
    return other if tree is None else And((tree, other))


def _of_different_authors(hits: Sequence[Hit], limit: int) -> Sequence[Hit]:
    """The first `limit` hits, of each author one."""
    return list({hit.post.author: hit for hit in reversed(hits)}.values())[::-1][:limit]


def _visible(table: Table, *, k: int) -> list[str]:
    """The values of the first dimension whose cells may be shown."""
    return [key[0] for key, cell in table.cells.items() if shown(_size(cell), k=k) is not None]
