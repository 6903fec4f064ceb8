"""A few texts, drawn at random: their words in context, never who wrote them or exactly when."""

from pydantic import BaseModel, Field

from dashboard.views.period import Period
from index.answers import Answers
from index.results import Labelled

MOST_DRAWN = 10


class ShownLabel(BaseModel):
    """What a model said of a text. Without a value it was not sure enough, or did not look."""

    of: Labelled
    value: str | None
    confidence: float = Field(description="How sure the model was, 0 to 1, calibrated.")
    model: str
    version: str


class Excerpt(BaseModel):
    """One text: the keyword with what stands beside it, or the whole where a reason was given."""

    day: str
    language: str
    source: str
    left: str
    keyword: str
    right: str
    labels: list[ShownLabel]


class Sample(BaseModel):
    """Texts that were drawn; none when fewer than k people wrote them."""

    posts: int | None = Field(description="How many there are to draw from.")
    k: int
    excerpts: list[Excerpt]
    whole: bool = Field(description="Whether the texts are whole, for a reason that was logged.")


def sample(
    answers: Answers,
    query: str,
    *,
    period: Period,
    reason: str = "",
    limit: int = MOST_DRAWN,
) -> Sample:
    """Draw from the posts of `query`; one read of the reader's quota."""
    found = answers.texts(query, limit=limit, reason=reason, **period.asked)
    return Sample(
        posts=found.posts,
        k=found.k,
        whole=bool(reason.strip()),
        excerpts=[Excerpt.model_validate(each, from_attributes=True) for each in found.excerpts],
    )
