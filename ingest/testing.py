"""What every collector must do. A new one runs `check_collector` over a world of its own."""

import json
from collections.abc import Callable, Sequence

import pydantic
import pytest

from ingest.contract import Batch, Collector, Cursor, RawItem
from stream.errors import Retry, Stop
from stream.post import RawAuthorDelete


def check_collector(make: Callable[[], Collector], *, items: int, secret: str) -> None:
    """Assert what `ingest.contract` promises.

    `make` builds a new collector of the same world each time; the world has `items` good items,
    and may have bad ones, of which `secret` is a value.
    """
    _check_settings(make())
    batches, _ = _poll(make(), {})
    found = [item for batch in batches for item in batch.items]
    assert len(found) == items
    assert len({_identity(item) for item in found}) == items
    for batch in batches:
        assert batch.read == len(batch.items) + len(batch.rejected) + sum(batch.skipped.values())
        for rejected in batch.rejected:
            assert secret not in repr(rejected), "a rejected item leaves no value of its own"
            assert rejected.where
            assert rejected.why
    _check_cursors(make, batches)


def _check_settings(collector: Collector) -> None:
    assert collector.name.isidentifier()
    assert isinstance(collector.repeats, bool)
    assert isinstance(collector.live, bool)
    assert isinstance(collector.endless, bool)
    with pytest.raises(pydantic.ValidationError, match="there_is_no_such_key"):
        collector.Settings.model_validate({"there_is_no_such_key": 1})


def _check_cursors(make: Callable[[], Collector], batches: Sequence[Batch]) -> None:
    """From every cursor a new run brings the rest: nothing is lost and nothing comes again."""
    items = [[_identity(item) for item in batch.items] for batch in batches]
    for number, batch in enumerate(batches, 1):
        cursor = json.loads(json.dumps(batch.cursor))
        rest, _ = _poll(make(), cursor)
        expected = [identity for later in items[number:] for identity in later]
        assert [_identity(item) for each in rest for item in each.items] == expected


def _poll(collector: Collector, cursor: Cursor) -> tuple[list[Batch], Exception | None]:
    """All batches, and the error that ended them."""
    batches: list[Batch] = []
    try:
        for batch in collector.poll(cursor):
            batches.append(batch)  # noqa: PERF402  (what came before an error counts)
    except (Retry, Stop) as error:
        return batches, error
    return batches, None


def _identity(item: RawItem) -> tuple[str, str]:
    if isinstance(item, RawAuthorDelete):
        return item.platform, item.author
    return item.platform, item.native_id
