"""How a source is shown: whether it is open, and how its runs went."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from dashboard.languages import said

ALWAYS = said("always")
"""The schedule of a source that does not end."""

CLOSED = said("it is closed in the register")
OVER = said("its entry in the register is over")
OUTCOMES = (said("running"), said("ended"), said("failed"), said("stopped"), said("cut off"))
"""How runs of sources end, as they are kept."""

State = Literal[
    "running", "waiting", "paused", "closed", "failing", "silent", "never ran", "by hand"
]
"""What a source is up to; `failing` until a run went well, `by hand` where it is on no schedule."""

STATES: Mapping[State, str] = {
    "running": said("running"),
    "waiting": said("waiting for its next run"),
    "paused": said("paused"),
    "closed": said("closed"),
    "failing": said("failing"),
    "silent": said("silent"),
    "never ran": said("not run yet"),
    "by hand": said("runs by hand"),
}
"""The same, as a page says them."""

LEAST = (
    "Of the last run, at least so many: 10, 20, 50, 100 and so on; null: none, or too few to show."
)


class Failure(BaseModel):
    """Why a source fails; the error is in English, for whoever mends it."""

    times: int = Field(description="So many runs in a row.")
    since: str
    error: str


class Hold(BaseModel):
    """Why somebody holds a source up, and until when; null: until it is told to go on."""

    why: str
    until: str | None


class SourceState(BaseModel):
    """A source as every page may show it."""

    source: str
    title: str
    titles: Mapping[str, str] = Field(default={}, exclude=True)
    collector: str
    keeps: str
    schedule: str = Field(description="`30m`, a cron line or `always`; empty: by hand.")
    open_until: date | None = Field(description="The register's end; null: closed.")
    next_run: str | None
    last_run: str | None
    read: int | None = Field(description=LEAST)
    appended: int | None = Field(description=LEAST)
    outcome: str = Field(description="How the last run went.")
    state: State
    failure: Failure | None
    hold: Hold | None
    gaps: int = Field(description="Periods of the last thirty days that it missed.")
    last_gap: str | None = Field(description="When the last of them ended.")
    trouble: str | None = Field(description="What a person should look at, in words.")

    @property
    def state_named(self) -> str:
        """The state as a page says it."""
        return STATES[self.state]

    def called(self, language: str) -> "SourceState":
        """The same with its title in `language`, where it has one."""
        return self.model_copy(update={"title": self.titles.get(language, self.title)})
