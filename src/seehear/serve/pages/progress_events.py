"""Progress as server-sent events, for a page that is open."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse


def send_progress(parts: AsyncIterator[str]) -> Response:
    """`progress` with a part of a page whenever it changes, and `done` at the end."""
    return StreamingResponse(_to_events(parts), media_type="text/event-stream")


async def _to_events(parts: AsyncIterator[str]) -> AsyncIterator[str]:
    before = ""
    async for part in parts:
        if part != before:
            before = part
            yield "event: progress\n" + "".join(f"data: {line}\n" for line in part.splitlines()) + "\n"
    yield "event: done\ndata: \n\n"
