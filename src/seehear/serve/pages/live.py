"""Try live: the camera, one picture after another, and the microphone over a WebSocket. Nothing of it is kept.

The browser sends {"rate_hz": …, "hotwords": […]} first, then 16-bit PCM in binary messages, and at last {"end": true}.
It gets {"html": …, "final": …} for each answer, {"problem": …} for an error, and {"files": …} after the last words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from seehear.answers import ANSWERS
from seehear.errors import SeehearError, UsageError
from seehear.runtime.options import PredictOptions
from seehear.senses.hearing import HEARING
from seehear.senses.sight import SIGHT
from seehear.serve.answering import Answerer, BusyError
from seehear.serve.live_session import PcmDecoder, admit
from seehear.serve.models import ServedModel
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.live_sound import Hearing, WindowHearing, WordHearing
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.rendering import model_address, render
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.trying import add_previews, answer_alone
from seehear.serve.refusals import describe_problems
from seehear.serve.uploads import read_form

router = page_router()
IDLE_S = 60.0  # without sound
MOST_HOTWORDS = 1000


class Beginning(BaseModel):
    """The first message of a browser that listens."""

    model_config = ConfigDict(extra="forbid")

    rate_hz: int = Field(ge=8_000, le=192_000)
    hotwords: list[str] = Field(default_factory=list, max_length=MOST_HOTWORDS)


@router.get("/models/{name}/try/live")
def show(request: Request, name: str) -> Response:
    model: ServedModel = request.app.state.models.get(name)
    return render(request, "live_model.html", model=model, **_describe(model, f"{model_address(name)}/try"))


@router.get("/p/{slug}/try/live")
def show_project(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    if not project.versions.served_number():
        return render_chapter(request, "try_version.html", project, "try", version=None, unseen=[])
    served = find_served(request, project)
    values = _describe(served, f"{project_address(slug)}/try")
    return render_chapter(request, "live.html", project, "try", **values)


@router.post("/models/{name}/try/live")
async def look(request: Request, name: str) -> Response:
    """A form with one picture of the camera. Only the answer is sent back."""
    return await _look(request, request.app.state.models.get(name))


@router.post("/p/{slug}/try/live")
async def look_project(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    served = await asyncio.to_thread(find_served, request, project)
    return await _look(request, served, await asyncio.to_thread(project.classes))


@router.websocket("/models/{name}/try/live/sound")
async def listen(socket: WebSocket, name: str) -> None:
    await _listen(socket, lambda: socket.app.state.models.get(name))


@router.websocket("/p/{slug}/try/live/sound")
async def listen_project(socket: WebSocket, slug: str) -> None:
    projects: OpenProjects = socket.app.state.projects

    def find() -> ServedModel:
        served = projects.serve(projects.get(slug))
        if served is None:
            raise UsageError("there is no version yet", where=slug, hint="train one first")
        return served

    await _listen(socket, find)


def _describe(model: ServedModel, address: str) -> dict[str, Any]:
    recipe = model.recogniser.recipe
    return {
        "try_address": address,
        "hears": HEARING.name in recipe.senses,
        "sees": SIGHT.name in recipe.senses,
        "words": ANSWERS[recipe.kind].decoding is not None,
    }


async def _look(request: Request, model: ServedModel, classes: Sequence[str] = ()) -> Response:
    drawn = ANSWERS[model.recogniser.recipe.kind].spatial is not None
    async with read_form(request) as form:
        shown = await answer_alone(request, model, form)
        if drawn:
            shown = await add_previews(request, model, form, shown, classes)
    return render(request, "answer.html", shown=shown, classes=())


async def _listen(socket: WebSocket, find: Callable[[], ServedModel]) -> None:
    async with admit(socket) as admitted:
        if not admitted:
            return
        try:
            await _answer(socket, await asyncio.to_thread(find))
        except (SeehearError, BusyError, ValidationError, ValueError) as error:
            what = describe_problems(error.errors()) if isinstance(error, ValidationError) else str(error)
            await socket.send_json({"problem": what})
        except WebSocketDisconnect:
            return
        await socket.close()


async def _answer(socket: WebSocket, model: ServedModel) -> None:
    """Until the browser says that it is the end, or goes."""
    beginning = await _receive_beginning(socket)
    hearing = _begin(socket, model, beginning)
    telling = asyncio.create_task(_tell(socket, hearing))
    receiving = asyncio.create_task(_receive(socket, hearing, PcmDecoder(beginning.rate_hz)))
    try:
        await asyncio.wait((telling, receiving), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            receiving.result()
            await hearing.end()
        await telling
        if files := hearing.files():
            await socket.send_json({"files": files})
    finally:
        receiving.cancel()
        telling.cancel()
        hearing.close()


def _begin(socket: WebSocket, model: ServedModel, beginning: Beginning) -> Hearing:
    """Raises UsageError for a model that does not hear."""
    recipe = model.recogniser.recipe
    if HEARING.name not in recipe.senses:
        raise UsageError(f"{model.name} does not hear")
    hotwords = [word.strip() for word in beginning.hotwords if word.strip()]
    if ANSWERS[recipe.kind].decoding is not None:
        return WordHearing(model, hotwords)
    if hotwords:
        raise UsageError("words to expect", where=model.name, allowed="for models that write words")
    answerer: Answerer = socket.app.state.answerer
    return WindowHearing(model, answerer, PredictOptions(senses=(HEARING.name,)))


async def _receive_beginning(socket: WebSocket) -> Beginning:
    """Raises UsageError, ValidationError, WebSocketDisconnect."""
    try:
        async with asyncio.timeout(IDLE_S):
            given = await socket.receive_json()
    except TimeoutError:
        raise UsageError("no message came") from None
    except (KeyError, TypeError, ValueError, RecursionError):  # bytes, no JSON, or JSON that is nested too deeply
        raise UsageError("the first message is not JSON", allowed='{"rate_hz": 48000, "hotwords": []}') from None
    return Beginning.model_validate(given)


async def _receive(socket: WebSocket, hearing: Hearing, decoder: PcmDecoder) -> None:
    """Until a message without sound, which is the end, or none for a while."""
    while (message := await _next_message(socket)) is not None and (sound := message.get("bytes")):
        await hearing.feed(decoder.decode(sound))


async def _next_message(socket: WebSocket) -> Mapping[str, Any] | None:
    """None if nothing comes for a while. Raises WebSocketDisconnect."""
    try:
        async with asyncio.timeout(IDLE_S):
            message = await socket.receive()
    except TimeoutError:
        return None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    return message


async def _tell(socket: WebSocket, hearing: Hearing) -> None:
    async for html, final in hearing.answers():
        await socket.send_json({"html": html, "final": final})
