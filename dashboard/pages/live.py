"""Server-sent events: an open page hears that newer data is there."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from dashboard.city import City
from dashboard.pages.asking import TheCity
from dashboard.rights import Reader, allow
from stream.clock import to_datetime

router = APIRouter()

LOOK_SECONDS = 1.0
BEAT_SECONDS = 15
LONGEST_SECONDS = 300
"""Then the browser comes again, and its session is looked at again."""


STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events, until the page goes.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
"""What is answered, for the document."""


@router.get("/api/v1/live", tags=["pages"], response_class=StreamingResponse, responses=STREAM)
async def live(
    request: Request,
    city: TheCity,
    _reader: Annotated[Reader, Depends(allow("counts", background=True))],
    seen: Annotated[
        int | None, Query(description="The snapshot that the page shows already.", examples=[1])
    ] = None,
) -> StreamingResponse:
    """An event `newer` each time that there is more to see than before (text/event-stream)."""
    return StreamingResponse(
        _events(request, city, city.snapshot.number if seen is None else seen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(request: Request, city: City, seen: int) -> AsyncIterator[str]:
    yield "retry: 5000\n\n"
    for turn in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        if await request.is_disconnected():
            return
        number = city.snapshot.number
        if number != seen:
            seen = number
            until = to_datetime(city.snapshot.taken_at).isoformat(timespec="seconds")
            yield f"id: {number}\nevent: newer\ndata: {json.dumps({'until': until})}\n\n"
        elif turn % BEAT_SECONDS == 0:
            yield ": here\n\n"
        await asyncio.sleep(LOOK_SECONDS)
