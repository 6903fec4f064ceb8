"""The cells of tantivy's aggregations: how many it counts at once, and whether any is missing."""

from collections.abc import Mapping
from typing import Any

MOST = 60_000
"""The most values of one field that are asked for at once; tantivy has at most 65,000 buckets."""


class TooManyBuckets(Exception):
    """An aggregation has more cells than tantivy counts at once: ask for a part of the posts."""


def whole(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An aggregation's answer in which no bucket is missing."""
    if answer.get("sum_other_doc_count") or answer.get("doc_count_error_upper_bound"):
        raise TooManyBuckets
    return answer
