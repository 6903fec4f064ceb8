"""What can be set about enrichment."""

from pydantic import BaseModel, ConfigDict, Field


class EnrichSettings(BaseModel):
    """Section `[enrich]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The share of unmatched posts that is labelled as well, chosen by their id.",
    )
