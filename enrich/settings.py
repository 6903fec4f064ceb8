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
    backlog: int = Field(
        default=1_000,
        ge=0,
        description="When more posts wait than this, labels that take a model are shed.",
    )
    affordable: int = Field(
        default=10,
        ge=0,
        description="How many posts of a batch get such labels while they are shed.",
    )
    threads: int = Field(
        default=1, ge=1, description="Threads of the transformer in each enrichment process."
    )
    models: str = Field(
        default="",
        description="Where models that were built are kept; empty: `data/models` of the working "
        "folder.",
    )
