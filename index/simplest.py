"""What a question is before it is counted: the simplest one from which it differs by fewer than
k authors.

Noise hides a small difference between two counts, but not that there is one. So two questions
that somebody writes to differ in one post must be one question. Each operand of a query must
make a difference of at least k authors to its answer, or it is left out: a word rarer than k
authors is as if it did not exist, also where it stands beside others or in a NOT. A distance, a
slop, a prefix, a lemma likewise becomes the simplest that matches the same but for fewer than k
authors. (The low-effect detection of Diffix, Francis et al., "Diffix: High-Utility Database
Anonymization", 2017, taken further: the whole query is an operand too.) And a period begins and
ends where at least k authors are between one end and the next: so two periods differ in as many.

Where either of two operands makes no difference beside the other, one of them goes and the other
stays. Which one, must not be up to who writes: operands are tried in one order, and so is the
question that comes out. A bracket is tried before what stands in it: word by word it would become
another one, step by step further from what was asked. What is negated is tried first: of `huis NOT
laan` the NOT goes where it can, and `huis` alone only where fewer than k authors wrote nothing of
both. Then it must: else `huis NOT laan` and `de NOT laan` would be two questions that differ in a
few posts.

Keyword lists are left as they are: nobody changes them for one question.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import msgspec

from index.contract import Asked, Bin, Question, TooBroad
from index.order import in_order
from index.steps import Operand, steps
from index.values import bin_name, hours_to, start_of
from rules.errors import Problem, QueryError
from rules.tree import And, Dates, Node, size, walk

MOST_OPERANDS = 100

Differ = Callable[[Question, Question], bool]
"""Whether two questions differ by at least k authors."""

DAY = timedelta(days=1)


def simplest(question: Question, differ: Differ, *, most: int = MOST_OPERANDS) -> Question:
    """The question that is asked in place of `question`. TooBroad when it has more than `most`
    words and operators.
    """
    if question.query is not None and size(question.query) > most:
        raise TooBroad(
            f"a question has at most {most} words and operators: put the words into a "
            "keyword list, or the question into a rule"
        )
    question, place = _in_order(question), 0
    stay = set[Operand]()  # those that are known to make a difference
    while True:
        simpler = list(steps(question.query))
        for number in (*range(place, len(simpler)), *range(min(place, len(simpler)))):
            query, operand = simpler[number]
            other = msgspec.structs.replace(question, query=query)
            if operand not in stay and not differ(question, other):
                # Without one operand of an AND or OR, the others make no less of a difference.
                stay = {each for each in stay if operand is not None and each[0] == operand[0]}
                question, place = other, number
                break
            if operand is not None:
                stay.add(operand)
        else:
            return _in_order(question)


def _in_order(question: Question) -> Question:
    if question.query is None:
        return question
    return msgspec.structs.replace(question, query=in_order(question.query))


def with_dates(question: Question, text: str, *, timezone: str) -> Question:
    """`question` (written as `text`) with its `date:` in the period. QueryError for one that is
    not a condition of the whole.
    """
    tree = question.query
    if tree is None:
        return question
    parts = tree.children if isinstance(tree, And) else (tree,)
    since, until = question.since, question.until
    for part in parts:
        if isinstance(part, Dates):
            first, end = (start_of(day, timezone) for day in (part.first, part.end))
            since = first if since is None else max(since, first)
            until = end if until is None else min(until, end)
    if problems := misplaced_dates(tree, text):
        raise QueryError(text, problems)
    rest = tuple(part for part in parts if not isinstance(part, Dates))
    query = And(rest, at=tree.at) if len(rest) > 1 else next(iter(rest), None)
    return msgspec.structs.replace(question, query=query, since=since, until=until)


def misplaced_dates(tree: Node, text: str) -> Sequence[Problem]:
    """Each `date:` in `tree` (written as `text`) that is not a condition of the whole."""
    parts = tree.children if isinstance(tree, And) else (tree,)
    rest = (part for part in parts if not isinstance(part, Dates))
    return [
        _misplaced(text, dates) for part in rest for dates in walk(part) if isinstance(dates, Dates)
    ]


def settled(
    question: Question, store: Asked, *, least: int, today: date, timezone: str
) -> Question:
    """What is asked of `store` in place of `question`: the simplest, in whole days that are over,
    from the end of a block of `least` authors to another.

    It is made simpler in the blocks of all posts first, which are the same for whatever is asked:
    else one post could decide that the period of what was typed has no block at all.
    """

    def differ(first: Question, second: Question) -> bool:
        return store.differ(first, second, least=least)

    def within(blocks_of: Question) -> Question:
        asked = msgspec.structs.replace(blocks_of, since=question.since, until=question.until)
        days = store.blocks(blocks_of, least=least)
        return _within(asked, days, today=today, timezone=timezone)

    def simpler(asked: Question, query: Node | None) -> Node | None:
        if is_empty(asked):
            return query  # there is nothing to compare in
        return simplest(msgspec.structs.replace(asked, query=query), differ).query

    every = msgspec.structs.replace(question, query=None, since=None, until=None)
    query = simpler(within(every), _in_order(question).query)
    while True:
        asked = within(msgspec.structs.replace(every, query=query))
        before, query = query, simpler(asked, query)
        if query == before:
            return asked


def is_empty(question: Question) -> bool:
    """Whether a settled question has no days."""
    return question.until in (question.since, 0)


def _within(question: Question, days: Sequence[date], *, today: date, timezone: str) -> Question:
    """`question` with a period that begins and ends at the end of one of `days`, before `today`:
    both ends at the last such that is not later than what was asked for.
    """
    ends = [start_of(day + DAY, timezone) for day in days if day < today]
    since, until = question.since, question.until
    before = [end for end in ends if since is not None and end <= since]
    last = [end for end in ends if until is None or end <= until]
    return msgspec.structs.replace(
        question, since=before[-1] if before else None, until=last[-1] if last else 0
    )


def axis(
    question: Question, days: Sequence[date], name: Bin, *, today: date, timezone: str
) -> Sequence[str]:
    """The first and the last bin of `name` in the period of `question`, when `days` are the ends
    of the blocks of all posts; nothing when none of them is in it.
    """
    since, until = question.since, question.until
    within = [
        day
        for day in days
        if day < today
        and (since is None or start_of(day, timezone) >= since)
        and (until is None or start_of(day, timezone) < until)
    ]
    if not within:
        return []
    last = 23 if name == "hour" else 0
    return [
        bin_name(hours_to(within[0]), name),
        bin_name(hours_to(within[-1]) + last, name),
    ]


def _misplaced(text: str, dates: Dates) -> Problem:
    line = text.count("\n", 0, dates.at.start) + 1
    column = dates.at.start - (text.rfind("\n", 0, dates.at.start) + 1) + 1
    written = text[dates.at.start : dates.at.end]
    hint = "Put it beside the whole query, or choose the period."
    return Problem(line, column, written, "date: as a condition of the whole question", hint)
