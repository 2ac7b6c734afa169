"""Live pages: a stream of events says that something changed, and pages load what they show again."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from consignease.dashboard.visit import Route, Visit

LOOK_SECONDS = 0.25
"""How often an open page's stream looks for a commit; it costs one comparison."""
LIFE_LOOKS = 4 * 60 * 10
"""After how many looks a stream ends, so that an ended session is noticed; browsers come again."""
_BEAT = 60


async def stream(visit: Visit) -> Response:
    """Stream ``live`` events, at most four a second."""
    changes = visit.deps.changes

    async def events() -> AsyncIterator[bytes]:
        seen = changes()
        yield b"retry: 1000\nevent: hello\ndata: 1\n\n"
        for look in range(LIFE_LOOKS):
            await asyncio.sleep(LOOK_SECONDS)
            if visit.deps.stopping() or await visit.request.is_disconnected():
                return
            if changes() != seen:
                seen = changes()
                yield b"event: live\ndata: 1\n\n"
            elif look % _BEAT == 0:
                yield b": still here\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


ROUTES = (Route("GET", "/dashboard/live", stream),)
