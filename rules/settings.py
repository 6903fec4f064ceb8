"""What can be set about the life of rules."""

from pydantic import BaseModel, ConfigDict, Field


class RulesSettings(BaseModel):
    """Section `[rules]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    single_author: bool = Field(
        default=False,
        description="Whether one person alone answers for the rules: files that have no error "
        "count at once, and nobody else looks at them first. Set it in the file: nothing else can.",
    )
