"""How many of the texts that a rule finds are right, by what people judged."""

from datetime import date

from pydantic import BaseModel, Field

from index.values import local_day
from rules.judging.judgements import Judgements, together


class Precision(BaseModel):
    """What share of the texts of a rule's version is about what the rule is about."""

    share: float
    low: float = Field(description="The lower end of its 95% interval (Wilson's).")
    high: float = Field(description="The upper end.")
    right: int = Field(description="So many of the judged texts are about it.")
    judged: int = Field(description="So many were drawn at random and judged by somebody sure.")
    judged_on: date = Field(description="The day on which one was judged last.")


def precision(
    judgements: Judgements, rule: str, version: str, *, timezone: str
) -> Precision | None:
    """That of a version, in all languages; None while nobody was sure of any of its texts."""
    found = together(judgements.estimates(rule, version, kind="hit"))
    at = judgements.judged_at(rule, version, kind="hit")
    if found.share is None or at is None:
        return None
    low, high = found.interval
    return Precision(
        share=found.share,
        low=low,
        high=high,
        right=found.right,
        judged=found.judged,
        judged_on=local_day(at, timezone),
    )
