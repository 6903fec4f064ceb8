"""What every collector must do. A new one runs `check_collector` over a world of its own."""

import json
from collections.abc import Callable, Generator, Sequence

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
    for item in found:
        assert item.platform == item.platform.casefold(), "rules know no capitals in platforms"
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
    """From every cursor a new run brings the rest: nothing is lost and nothing comes again, but
    the last that a stream showed, which it may show anew.
    """
    items = [[_identity(item) for item in batch.items] for batch in batches]
    everything = [identity for each in items for identity in each]
    for number, batch in enumerate(batches, 1):
        cursor = json.loads(json.dumps(batch.cursor))
        rest, _ = _poll(make(), cursor)
        brought = [_identity(item) for each in rest for item in each.items]
        expected = [identity for later in items[number:] for identity in later]
        if make().endless and len(brought) > len(expected):
            expected = everything[-len(brought) :]
        assert brought == expected


def _poll(collector: Collector, cursor: Cursor) -> tuple[list[Batch], Exception | None]:
    """All batches, and the error that ended them; of an endless one those until it brings
    nothing twice in a row.
    """
    batches: list[Batch] = []
    polled = collector.poll(cursor)
    try:
        for batch in polled:
            batches.append(batch)
            if collector.endless and len(batches) > 1 and batches[-2].read == batch.read == 0:
                break
    except (Retry, Stop) as error:
        return batches, error
    finally:
        if isinstance(polled, Generator):
            polled.close()
    return batches, None


def _identity(item: RawItem) -> tuple[str, str]:
    if isinstance(item, RawAuthorDelete):
        return item.platform, item.author
    return item.platform, item.native_id
