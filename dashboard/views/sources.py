"""How a source is shown: whether it is open, and how its runs went."""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, Field

from dashboard.languages import said

CLOSED = said("it is closed in the register")
OVER = said("its entry in the register is over")
OUTCOMES = (said("running"), said("ended"), said("failed"), said("cut off"))
"""How runs of sources end, as they are kept."""

LEAST = (
    "Of the last run, at least so many: 10, 20, 50, 100 and so on; null: none, or too few to show."
)


class SourceState(BaseModel):
    """A source as every page may show it."""

    source: str
    title: str
    titles: Mapping[str, str] = Field(default={}, exclude=True)
    collector: str
    keeps: str
    schedule: str
    open_until: date | None = Field(description="The register's end; null: closed.")
    next_run: str | None
    last_run: str | None
    read: int | None = Field(description=LEAST)
    appended: int | None = Field(description=LEAST)
    outcome: str
    trouble: str | None = Field(description="What a person should look at, in words.")

    def called(self, language: str) -> "SourceState":
        """The same with its title in `language`, where it has one."""
        return self.model_copy(update={"title": self.titles.get(language, self.title)})
