"""What can be set about the log and its workers."""

from pydantic import BaseModel, ConfigDict, Field


class StreamSettings(BaseModel):
    """Section `[stream]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(
        default=500, ge=1, le=10_000, description="Records that a worker takes at once."
    )
    lease_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A worker that does not poll for so long loses its partitions to the others.",
    )
    record_bytes: int = Field(
        default=4_000_000, ge=1_000, description="A record above this size is refused."
    )
    quarantine_share: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="A worker stops when more than this share of its last 1,000 records had to "
        "be quarantined.",
    )
    quarantine_run: int = Field(
        default=100,
        ge=1,
        description="A worker stops after so many bad records without a good one.",
    )
