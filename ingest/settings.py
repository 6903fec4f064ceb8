"""What can be set about collecting."""

from pydantic import BaseModel, ConfigDict, Field


class IngestSettings(BaseModel):
    """Section `[ingest]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk: int = Field(
        default=500, ge=1, le=10_000, description="Items that go through the gate at once."
    )
    reject_run: int = Field(
        default=200,
        ge=1,
        description="A source stops after so many bad items in a row: its format changed.",
    )
    seen_days: int = Field(
        default=90, ge=1, le=90, description="How long an item that may come again is remembered."
    )
