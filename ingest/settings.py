"""What can be set about collecting."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _contact(given: str) -> str:
    if not given.isascii() or not given.isprintable():
        raise ValueError(
            "it is sent to servers, so write it in one line, without letters such as ü"
        )
    return given


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
    at_once: int = Field(
        default=4, ge=1, le=64, description="How many sources on a schedule run at once."
    )
    history_days: int = Field(
        default=100,
        ge=60,
        le=1_000,
        description="How long it is remembered how sources did: runs, and counts by the hour.",
    )
    recheck_batch: int = Field(
        default=20,
        ge=1,
        le=1_000,
        description=(
            "How many posts of a source are looked for at once, where its collector does not say."
        ),
    )
    contact: Annotated[str, AfterValidator(_contact)] = Field(
        default="",
        description="A mail address or page that servers are told; without it nothing is fetched.",
    )
    fetch_bytes: int = Field(
        default=10_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="A larger answer of a server is not read.",
    )
    fetch_seconds: float = Field(
        default=60.0, gt=0, le=3_600, description="An answer that takes longer is given up."
    )
    pause_seconds: float = Field(
        default=1.0, ge=0.05, le=60, description="What lies between two requests to one server."
    )
    private_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that may have a private address."
    )
