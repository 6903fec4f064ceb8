"""The long series: what was counted of partitions that are gone. Everything here may be shown."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import Engine, Table, delete, func, insert, select

from index.contract import Bin, RolledUp
from index.rollups import rule_of
from index.tables import phenomenon, shadowed, volume
from index.values import bin_name, first_day, hours_to
from stream.database import alone
from stream.partitions import Partition

THURSDAY = timedelta(days=3)


class Series:
    """The counts of dropped partitions in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, partition: Partition, counts: RolledUp) -> None:
        """Keep the counts of `partition`, in place of what was kept of it before: so doing it
        again after a kill changes nothing.
        """
        volumes = [
            {"partition": partition.name, "period": period, "source": source,
             "language": language, "posts": cell.posts}
            for (period, source, language), cell in counts.volumes.items()
        ]  # fmt: skip
        phenomena = [
            {"partition": partition.name, "period": key[0], "rule_version": key[1],
             "language": key[2], "sentiment": key[3], "rule": rule_of(key),
             "posts": cell.posts, "authors": cell.authors}
            for key, cell in counts.phenomena.items()
        ]  # fmt: skip
        shadows = [
            {"partition": partition.name, "period": key[0], "rule_version": key[1],
             "rule": rule_of(key), "posts": cell.posts}
            for key, cell in counts.shadows.items()
        ]  # fmt: skip
        kept = ((volume, volumes), (phenomenon, phenomena), (shadowed, shadows))
        with alone(self._engine, "series") as connection:
            for table, rows in kept:
                connection.execute(delete(table).where(table.c.partition == partition.name))
                if rows:
                    connection.execute(insert(table), rows)

    def volumes(self, *, bin: Bin) -> Mapping[str, int]:
        """Posts of everything by day, week or month; by day those of which the day is known."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(volume.c.period, func.sum(volume.c.posts)).group_by(volume.c.period)
            )
            return _binned({period: int(posts) for period, posts in rows}, bin)

    def phenomenon(self, rule: str, *, bin: Bin) -> Mapping[str, int]:
        """Posts of one rule, in all its versions, by week or month."""
        table = phenomenon.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table.period, func.sum(table.posts))
                .where(table.rule == rule)
                .group_by(table.period)
            )
            return _binned({period: int(posts) for period, posts in rows}, bin)

    def versions(self, rule: str, *, bin: Bin) -> Mapping[str, Mapping[str, int]]:
        """Posts of each version of one rule (`rule@version`) while it was active, by day, week or
        month; by day those of which the day is known.
        """
        return self._by_version(phenomenon, rule, bin)

    def shadows(self, rule: str, *, bin: Bin) -> Mapping[str, Mapping[str, int]]:
        """The same while it was counted and not shown, of days with enough posts."""
        return self._by_version(shadowed, rule, bin)

    def parts(self, name: str) -> Mapping[str, int]:
        """Of the posts that no rule matched and the version `name` (`rule@version`) did: by day, of
        how many partitions something was kept.
        """
        statement = (
            select(shadowed.c.period, func.count())
            .where(shadowed.c.rule_version == name, shadowed.c.partition.like("recent-%"))
            .group_by(shadowed.c.period)
        )
        with self._engine.connect() as connection:
            return {day: int(parts) for day, parts in connection.execute(statement)}

    def _by_version(self, table: Table, rule: str, bin: Bin) -> Mapping[str, Mapping[str, int]]:
        statement = (
            select(table.c.rule_version, table.c.period, func.sum(table.c.posts))
            .where(table.c.rule == rule)
            .group_by(table.c.rule_version, table.c.period)
        )
        found: dict[str, dict[str, int]] = defaultdict(dict)
        with self._engine.connect() as connection:
            for name, period, posts in connection.execute(statement):
                found[name][period] = int(posts)
        return {name: _binned(periods, bin) for name, periods in sorted(found.items())}

    def forget(self, before: date) -> int:
        """Drop the counts of periods before that day; returns how many."""
        day, week = before.isoformat(), bin_name(hours_to(before), "week")
        removed = 0
        with self._engine.begin() as connection:
            for table in (volume, phenomenon, shadowed):
                weekly = table.c.period.like("%W%")
                for limit, kind in ((day, ~weekly), (week, weekly)):
                    statement = delete(table).where(kind, table.c.period < limit)
                    removed += connection.execute(statement).rowcount
        return removed


def _binned(periods: Mapping[str, int], bin: Bin) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for period, posts in periods.items():
        if bin == "day" and "W" in period:
            continue
        counts[bin_name(hours_to(_day(period)), bin)] += posts
    return dict(sorted(counts.items()))


def _day(period: str) -> date:
    """The day of an hour or day; a week counts where its Thursday lies, as ISO 8601 has it."""
    return first_day(period) + (THURSDAY if "W" in period else timedelta())
