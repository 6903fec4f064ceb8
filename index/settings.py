"""What can be set about the store."""

from pydantic import BaseModel, ConfigDict, Field


class IndexSettings(BaseModel):
    """Section `[index]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_candidates: int = Field(
        default=200_000,
        ge=1_000,
        description='An inexact query with more candidates is answered by "too broad".',
    )
    series_years: int = Field(
        default=5,
        ge=1,
        le=20,
        description="The counts that are kept when texts expire are kept for so long.",
    )
    writer_megabytes: int = Field(
        default=32, ge=15, description="Memory of the writer of one partition."
    )
