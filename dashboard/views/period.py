"""The period that a page is about: whole days that are over."""

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dashboard.errors import Refused
from index.answers import Within
from index.values import start_of

Named = Literal["7d", "4w", "3m", "own"]
DAYS: dict[Named, int] = {"7d": 7, "4w": 28, "3m": 91}
LONGEST_DAYS = 731
EARLIEST = date(2000, 1, 1)
"""No page is about earlier days: of what people say online there is little from before, and what
is compared with lies earlier still.
"""


class WrongPeriod(Refused):
    """The days asked for are no period; the message says why."""


class Period(BaseModel):
    """From `since` up to and without `until`; both are days of the city's time zone."""

    model_config = ConfigDict(frozen=True)

    name: Named = Field(description="Which of the fixed periods, or `own`.")
    since: date = Field(description="The first day.")
    until: date = Field(description="The day after the last.")
    timezone: str = Field(description="Where days begin and end.")

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @property
    def parameters(self) -> dict[str, str]:
        """What an address says to lead back to it."""
        if self.name != "own":
            return {"period": self.name}
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    @property
    def bounds(self) -> dict[str, date]:
        """Its days, as the access log has them."""
        return {"since": self.since, "until": self.until}

    @property
    def before(self) -> "Period":
        """The period of the same length that ends where this one begins."""
        return self.model_copy(
            update={"name": "own", "since": self.since - (self.until - self.since),
                    "until": self.since}
        )  # fmt: skip

    def earlier(self, days: int) -> "Period":
        """The same, begun so many days earlier."""
        return self.model_copy(update={"name": "own", "since": self.since - timedelta(days=days)})

    @property
    def start_ms(self) -> int:
        return start_of(self.since, self.timezone)

    @property
    def end_ms(self) -> int:
        return start_of(self.until, self.timezone)

    @property
    def asked(self) -> Within:
        """The bounds of a question about it."""
        return {"since": self.start_ms, "until": self.end_ms}


def period_of(
    name: str, *, since: date | None, until: date | None, today: date, timezone: str
) -> Period:
    """The period that an address names. It ends with yesterday at the latest: a day that is not
    over would change while somebody looks, and the change of one post must not be seen.

    Without days it is the one called `name`, and four weeks without a name; with a last day alone
    it has four weeks, where so many are there to be asked for. WrongPeriod when the days are none
    that can be asked for, or there is no such name.
    """
    if since is not None or until is not None:
        if (early := min(each for each in (since, until) if each is not None)) < EARLIEST:
            raise WrongPeriod(
                "%(day)s is too early: ask for days from %(first)s up to and including %(last)s",
                day=early,
                first=EARLIEST,
                last=today - timedelta(days=1),
            )
        last = min(until or today, today)
        first = since or max(EARLIEST, last - timedelta(days=DAYS["4w"]))
        if first >= last:
            raise WrongPeriod(
                "from %(first)s up to %(last)s there is no day that is over: choose an earlier "
                "first day",
                first=first,
                last=last,
            )
        if (last - first).days > LONGEST_DAYS:
            raise WrongPeriod(
                "%(days)s days are too long: two years at most", days=(last - first).days
            )
        return Period(name="own", since=first, until=last, timezone=timezone)
    fixed: dict[str, Named] = {each: each for each in DAYS}
    chosen = fixed.get(name or "4w")
    if chosen is None:
        raise WrongPeriod(
            "there is no period %(name)s: take %(names)s, or give a first and a last day",
            name=repr(name),
            names=", ".join(DAYS),
        )
    return Period(
        name=chosen, since=today - timedelta(days=DAYS[chosen]), until=today, timezone=timezone
    )
