from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.calendar import Event
from dashboard.errors import Refused
from dashboard.figures import bar_rows, beginning, share_rows, stack_rows, timeline_rows
from dashboard.languages import language
from dashboard.sparks import spark
from dashboard.views.explore import Asked
from dashboard.views.period import DAYS, LONGEST_DAYS, Period, period_of
from dashboard.views.shares import bars_of, stack_of
from dashboard.views.timeline import HISTORY_DAYS, Marks, bins_of, finest, marks_of, timeline
from index.gaps import Missed
from index.results import Counts
from index.values import start_of
from rules.errors import QueryError
from rules.parser import parse
from rules.tree import And, Field
from stream.clock import DAY_MS

ZONE = "Europe/Amsterdam"
TODAY = date(2026, 11, 25)  # a Wednesday
DAYS_OF_2026 = st.dates(date(2026, 1, 1), date(2027, 12, 31))


def period(since: date, until: date) -> Period:
    return Period(name="own", since=since, until=until, timezone=ZONE)


def named(name: str = "", since: date | None = None, until: date | None = None) -> Period:
    return period_of(name, since=since, until=until, today=TODAY, timezone=ZONE)


@pytest.mark.parametrize("name", [*DAYS, ""])
def test_a_period_ends_with_yesterday(name: str) -> None:
    found = named(name)
    assert found.until == TODAY
    assert found.days == DAYS.get(name, 28)  # type: ignore[call-overload]  # any name


def test_an_own_period_does_not_reach_into_today() -> None:
    found = named(since=date(2026, 11, 1), until=date(2027, 5, 1))
    assert (found.name, found.since, found.until) == ("own", date(2026, 11, 1), TODAY)
    assert named(since=date(2026, 11, 1)).until == TODAY
    assert named(until=date(2026, 11, 1)).since == date(2026, 10, 4)


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        (TODAY, None, "no day that is over"),
        (date(2026, 11, 3), date(2026, 11, 3), "no day that is over"),
        (date(2026, 11, 3), date(2026, 11, 2), "no day that is over"),
        (TODAY - timedelta(days=LONGEST_DAYS + 1), None, "two years at most"),
    ],
)
def test_what_is_no_period_is_refused(since: date, until: date | None, why: str) -> None:
    with pytest.raises(Refused, match=why):
        named(since=since, until=until)


def test_the_period_before_ends_where_it_begins() -> None:
    found = named("7d")
    assert (found.before.since, found.before.until) == (date(2026, 11, 11), date(2026, 11, 18))
    assert found.before.days == found.days
    assert found.earlier(10).since == found.since - timedelta(days=10)
    assert found.earlier(10).until == found.until


def test_days_begin_and_end_as_in_the_city_when_the_clock_is_put_back() -> None:
    found = period(date(2026, 10, 24), date(2026, 10, 27))  # the 25th has 25 hours
    since, until = found.asked["since"], found.asked["until"]
    assert since is not None
    assert until is not None
    assert until - since == 3 * DAY_MS + 3_600_000


@given(DAYS_OF_2026, st.integers(1, 120), st.sampled_from(["day", "week", "month"]))
def test_the_bins_of_a_period_are_whole_ones_that_end_in_it(
    since: date, days: int, bin_: Any
) -> None:
    found = bins_of(period(since, since + timedelta(days=days)), bin_)
    assert found == sorted(set(found))
    for name in found:
        first = date.fromisoformat(beginning(name))
        if bin_ == "day":
            after = first + timedelta(days=1)
        elif bin_ == "week":
            after = first + timedelta(days=7)
        else:
            after = (first + timedelta(days=32)).replace(day=1)
        assert after <= since + timedelta(days=days), "it is not over"
        assert after > since, "it lies before"
    if bin_ == "day":
        assert len(found) == days


@pytest.mark.parametrize(
    ("days", "weeks", "months", "chosen"),
    [
        (14, 0, 0, "day"),
        (13, 2, 0, "week"),
        (13, 1, 1, "month"),
        (13, 1, 0, "day"),
        (1, 1, 0, "week"),
        (0, 0, 0, "month"),
    ],
)
def test_a_line_is_in_the_finest_bins_that_show_half_of_it_else_in_those_that_show_most(
    days: int, weeks: int, months: int, chosen: str
) -> None:
    shown = {"day": days, "week": weeks, "month": months}

    def counted(each: Any) -> Counts:
        names = bins_of(CITY, each)
        cells = {(name,): 10 if place < shown[each] else None for place, name in enumerate(names)}
        return Counts(dimensions=(each,), cells=cells, total=None, k=10)

    assert finest(CITY, ("day", "week", "month"), counted)[0] == chosen


@pytest.mark.parametrize("last", [date(2026, 11, 29), date(2026, 11, 30)])
def test_bins_of_which_none_is_over_are_not_asked_for(last: date) -> None:
    asked: list[Any] = []

    def counted(each: Any) -> Counts:
        asked.append(each)
        return Counts(dimensions=(each,), cells={}, total=None, k=10)

    four_weeks = period(last - timedelta(days=28), last)
    assert finest(four_weeks, ("day", "week", "month"), counted)[0] == "week"
    assert asked == ["day", "week"]


HISTORY = [TODAY - timedelta(days=each) for each in range(28 + HISTORY_DAYS, 0, -1)]
CITY = named("4w")


def counts(**changed: int | None) -> dict[str, int | None]:
    """30 posts each day of the last twelve weeks, but where it is said."""
    return {each.isoformat(): 30 for each in HISTORY} | {
        name.replace("_", "-").removeprefix("d-"): value for name, value in changed.items()
    }


def test_a_line_has_every_day_and_what_is_normal_on_it() -> None:
    line = timeline(counts(), period=CITY, bin="day", k=10)
    assert [point.time for point in line.points] == [
        (CITY.since + timedelta(days=each)).isoformat() for each in range(28)
    ]
    assert {point.posts for point in line.points} == {30}
    assert {point.expected for point in line.points} == {30.0}
    assert line.deviation == 0
    assert line.times == 1
    assert line.visible
    assert not line.learning


def test_a_hidden_day_is_none_and_not_zero() -> None:
    line = timeline(counts(d_2026_11_20=None), period=CITY, bin="day", k=10)
    hidden = next(point for point in line.points if point.time == "2026-11-20")
    assert hidden.posts is None
    assert hidden.share is None
    assert hidden.expected == 30.0
    assert timeline({}, period=CITY, bin="day", k=10).visible is False


def test_nothing_is_normal_before_it_was_learned() -> None:
    since = CITY.since.isoformat()
    short = {name: posts for name, posts in counts().items() if name >= since}
    line = timeline(short, period=CITY, bin="day", k=10)
    assert [point.expected is None for point in line.points] == [True] * 21 + [False] * 7
    assert timeline({}, period=CITY, bin="day", k=10).learning
    assert timeline({}, period=CITY, bin="day", k=10).deviation is None
    assert timeline({}, period=CITY, bin="day", k=10).times is None


def test_a_week_with_twice_as_many_stands_out() -> None:
    week = {f"d_2026_11_{day}": 60 for day in range(18, 25)}
    line = timeline(counts(**week), period=CITY, bin="day", k=10)
    assert line.deviation is not None
    assert line.deviation > 1
    assert line.times == pytest.approx(2)
    assert len(line.recent) == 7


def test_shares_are_of_all_posts_that_may_be_shown() -> None:
    whole = counts() | {"2026-11-20": 120, "2026-11-21": None, "2026-11-22": 0}
    line = timeline(counts(), period=CITY, bin="day", k=10, whole=whole)
    share = {point.time: point.share for point in line.points}
    assert share["2026-11-20"] == 0.25
    assert share["2026-11-21"] is None
    assert share["2026-11-22"] is None


def marks() -> Marks:
    events = [Event(id="e", day=date(2026, 11, 10), title={"nl": "Feest", "en": "Feast"})]
    start = start_of(date(2026, 11, 12), ZONE)
    gaps = [Missed(source="forum", start=start, end=start + 2 * DAY_MS, why="away")]
    return marks_of(events, gaps, language="nl", timezone=ZONE)


def test_events_gaps_and_changes_stand_at_their_day() -> None:
    line = timeline(
        counts(), period=CITY, bin="day", k=10, marks=marks(), changes={"2026-11-15": "r@2"}
    )
    assert [point.time for point in line.points if point.gaps] == ["2026-11-12", "2026-11-13"]
    assert [(point.time, point.events) for point in line.points if point.events] == [
        ("2026-11-10", ["Feest"])
    ]
    assert [(each.time, each.changes) for each in line.points if each.changes] == [
        ("2026-11-15", ["r@2"])
    ]


def test_by_week_they_stand_at_their_week() -> None:
    weeks = dict.fromkeys(bins_of(CITY.earlier(HISTORY_DAYS), "week"), 100)
    line = timeline(weeks, period=CITY, bin="week", k=10, marks=marks())
    assert [point.time for point in line.points if point.gaps] == ["2026-W46"]
    assert [point.time for point in line.points if point.events] == ["2026-W46"]


def table(*dimensions: Any, total: int | None, **cells: int | None) -> Counts:
    found = {tuple(name.split("__")): posts for name, posts in cells.items()}
    return Counts(dimensions=dimensions, cells=found, total=total, k=10)


def test_bars_are_the_largest_first_and_leave_out_what_is_hidden() -> None:
    bars = bars_of(table("language", total=200, nl=100, tr=20, en=80, ar=None))
    assert [(bar.value, bar.posts, bar.share) for bar in bars.bars] == [
        ("nl", 100, 0.5),
        ("en", 80, 0.4),
        ("tr", 20, 0.1),
    ]
    assert bars.rest is None, "noise, or very few"
    assert bars_of(table("language", total=300, nl=100, tr=20, en=80, ar=None)).rest == 100
    assert bars_of(table("hashtag", total=300, wonen=100)).rest is None, "a post can have several"
    assert bars_of(table("language", total=95, nl=100)).bars[0].share == 1
    hidden = bars_of(table("language", total=None, nl=100))
    assert [bar.share for bar in hidden.bars] == [None]


def test_a_stack_has_what_is_too_small_to_be_told_apart() -> None:
    cells = {
        ("2026-11-23", "negative"): 30,
        ("2026-11-23", "positive"): 10,
        ("2026-11-23", "neutral"): None,
    }
    found = Counts(dimensions=("day", "sentiment"), cells=cells, total=60, k=10)
    names = ("negative", "neutral", "positive")
    short = period(date(2026, 11, 23), TODAY)
    totals = {"2026-11-23": 60, "2026-11-24": None}
    stack = stack_of(found, names=names, totals=totals, period=short, bin="day")
    assert stack.names == [*names, "hidden"]
    assert [stack.values[name] for name in stack.names] == [
        [30, None],
        [None, None],
        [10, None],
        [20, None],
    ]
    assert stack.visible
    assert stack.told == pytest.approx(40 / 60)
    # With noise a whole may be smaller than its parts, or a little larger.
    for total in (38, 40, 49):
        noisy = stack_of(found, names=names, totals={"2026-11-23": total}, period=short, bin="day")
        assert noisy.values["hidden"] == [None, None]
        assert noisy.told == 1
    empty = Counts(dimensions=("day", "sentiment"), cells={}, total=None, k=10)
    assert not stack_of(empty, names=names, totals=totals, period=short, bin="day").visible
    named_so = {name: name for name in stack.names}
    columns, rows = stack_rows(stack, language("nl"), named_so)
    assert columns[1]["role"] == "tone:negative"
    assert [cell.get("hidden") for cell in rows[0]["cells"]] == [None, None, True, None, None]


def test_the_table_under_a_chart_has_what_the_chart_needs() -> None:
    hidden = counts(d_2026_11_20=None)
    line = timeline(hidden, period=CITY, bin="day", k=10, marks=marks(), whole=counts())
    columns, rows = timeline_rows(line, language("en"), before=True)
    assert [column["role"] for column in columns] == ["time", "value", "low", "high", "before"]
    by_day = {row["cells"][0]["time"]: row for row in rows}
    assert by_day["2026-11-20"]["cells"][1] == {"text": "", "hidden": True}
    assert by_day["2026-11-19"]["cells"][1] == {"text": "30", "value": 30}
    assert by_day["2026-11-12"]["gap"]
    assert by_day["2026-11-10"]["event"] == "Feest"
    shares, rows = share_rows(line, language("en"))
    assert [column["role"] for column in shares] == ["time", "share"]
    assert rows[0]["cells"][1] == {"text": "100%", "value": 1.0}


def test_two_lines_are_compared_without_a_band() -> None:
    line = timeline(counts(), period=CITY, bin="day", k=10)
    columns, rows = timeline_rows(
        line, language("nl"), compared=line, name="Wonen", other="Verkeer"
    )
    assert [column["label"] for column in columns] == ["Tijd", "Wonen", "Verkeer"]
    assert [column["role"] for column in columns] == ["time", "value", "compare"]
    assert all(len(row["cells"]) == 3 for row in rows)


def test_values_are_named_in_the_readers_language() -> None:
    bars = bars_of(table("language", total=None, **{"nl": 100, "?": 50}))
    _, rows = bar_rows(bars, language("nl"), "Taal", language=True)
    assert [row["cells"][0]["text"] for row in rows] == ["Nederlands", "niet bekend"]
    assert [row["cells"][2].get("hidden") for row in rows] == [True, True]
    rules = bars_of(table("rule", total=100, wonen=100))
    _, rows = bar_rows(rules, language("nl"), "Regel", names={"wonen": "Te weinig huizen"})
    assert rows[0]["cells"][0]["text"] == "Te weinig huizen"


def test_a_small_chart_breaks_where_a_day_is_hidden_and_escapes_its_title() -> None:
    line = timeline(counts(d_2026_11_14=None), period=CITY, bin="day", k=10, marks=marks())
    drawn = spark(line, '"><script>alert(1)</script>')
    assert "<script" not in drawn
    assert "&#34;&gt;&lt;script" in drawn
    assert drawn.count('class="spark-line"') == 2
    assert drawn.count('class="spark-hidden"') == 1
    assert drawn.count('class="spark-gap"') == 2
    assert drawn.count('class="spark-event"') == 1
    assert "nan" not in drawn
    assert "style=" not in drawn
    assert "spark-band" not in spark(line, "as a share", share=True)
    assert 'class="spark"' in spark(timeline({}, period=CITY, bin="day", k=10), "empty")


@pytest.mark.parametrize(
    ("words", "filters", "query"),
    [
        ("", {}, ""),
        ("fatbike", {}, "fatbike"),
        ("", {"language": ["nl", "tr"]}, "lang:nl,tr"),
        ("fatbike OR scooter", {"language": ["nl"]}, "(fatbike OR scooter) lang:nl"),
        ("a -- why", {"rule": ["r"], "kind": []}, "(a -- why\n) rule:r"),
    ],
)
def test_words_and_filters_are_one_query(
    words: str, filters: dict[Any, list[str]], query: str
) -> None:
    asked = Asked(words=words, filters=filters, period=CITY)
    assert asked.query == query
    if query:
        parse(query, use="search")


PIECES = ("fatbike", "scooter", "(", ")", "OR", "AND", "NOT", "EXCLUDE", "NEAR/3", "2 OF", ",",
          '"', "“", "~1", "--", "\n", "lang:en", "lang:", 'case:"', "$", "-")  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join))
@example("fatbike) OR (scooter")
@example("fatbike -- ) OR (scooter")
@example('"fatbike)" OR "(scooter"')
@example("2 OF (fatbike, scooter")
@example("NOT fatbike")
def test_whatever_the_words_are_a_filter_beside_them_holds(words: str) -> None:
    asked = Asked(words=words, filters={"language": ["nl"]}, period=CITY)
    try:
        tree = parse(asked.query).tree
    except QueryError:
        return  # nothing is answered
    held = tree.children if isinstance(tree, And) else (tree,)
    assert Field("lang", ("nl",)) in held
