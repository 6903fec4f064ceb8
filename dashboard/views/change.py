"""Whether something is more than before, and more than usual."""

import math
from typing import Literal

from pydantic import BaseModel, Field

from dashboard.views.timeline import Timeline
from index.normal import Change

Level = Literal["learning", "hidden", "usual", "higher", "lower"]


class Ratio(BaseModel):
    """How many times as much as in the period before, with its 95% interval."""

    ratio: float
    low: float
    high: float
    real: bool = Field(description="Whether the interval leaves out `as much as before`.")

    @property
    def prominence(self) -> float:
        """1 when one end of the interval is "as much as before", more beyond it."""
        width = math.log(self.high / self.ratio)
        return abs(math.log(self.ratio)) / width if width else 0.0


def ratio_of(found: Change | None) -> Ratio | None:
    """`found` as a page shows it."""
    return None if found is None else Ratio.model_validate(found, from_attributes=True)


def level_of(line: Timeline) -> Level:
    """The last days of `line` against what is normal."""
    deviation = line.deviation
    if deviation is None:
        visible = any(point.posts is not None for point in line.recent)
        return "learning" if visible else "hidden"
    if abs(deviation) <= 1:
        return "usual"
    return "higher" if deviation > 0 else "lower"
