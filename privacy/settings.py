"""What can be set about privacy. The limits themselves cannot be switched off."""

from pydantic import BaseModel, ConfigDict, Field


class PrivacySettings(BaseModel):
    """Section `[privacy]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(
        default=10,
        ge=10,
        description="A count over fewer distinct authors or posts is shown as `<k`.",
    )
    text_reads_a_day: int = Field(
        default=50,
        ge=1,
        le=500,
        description="So often a person may read texts in 24 hours; counts have no quota.",
    )
    longest_retention_days: int = Field(
        default=90, ge=1, le=90, description="No source may keep its posts longer than this."
    )
    regions: tuple[str, ...] = Field(
        default=("NL", "BE", "TR", "MA", "DE", "GB"),
        description="Countries whose phone numbers are recognised without their prefix.",
    )
    access_log_days: int = Field(
        default=1095,
        ge=30,
        description="After so many days the words of a query in the access log become unreadable; "
        "who, when and why stay. Words behind an address of the dashboard are forgotten then.",
    )
