"""One example of a project: what it looks or sounds like, its answer, and who changed what."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.errors import SeehearError
from seehear.projects import Project
from seehear.projects.columns import AnswerColumn
from seehear.projects.examples import Example, Query
from seehear.serve.answering import BusyError
from seehear.serve.pages import drawing, proposing_stretches
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.drawing import Proposals
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.marking import describe_recording
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.playing import play
from seehear.serve.pages.proposing_stretches import NOTHING_HEARD, Heard
from seehear.serve.pages.routing import page_router
from seehear.serve.refusals import refuse_error

router = page_router()


class Unsaved(NamedTuple):
    """What a person typed, and why it could not be saved."""

    typed: str
    error: SeehearError


class Beside(NamedTuple):
    """What a page shows beside an example.

    done     the id of the last change; 0 for none
    chosen   the id of the stretch that was just marked; 0 for none
    """

    done: int = 0
    chosen: int = 0
    heard: Heard = NOTHING_HEARD
    unsaved: Unsaved | None = None


@router.get("/p/{slug}/teach/{number}")
async def show(
    request: Request, slug: str, number: int, done: int = 0, chosen: int = 0, propose: bool = False
) -> Response:
    """chosen: the stretch of a recording that was just marked. propose: also what the version that answers would draw
    on a picture, or hears in a recording."""
    project = find_project(request, slug)
    example = await asyncio.to_thread(project.example, number)
    column = await asyncio.to_thread(project.answer_column)
    if column is None or column.kind.regions is None:
        heard = await proposing_stretches.propose(request, project, column, example) if propose else NOTHING_HEARD
        return await asyncio.to_thread(_show, request, project, column, example, Beside(done, chosen, heard))
    proposed = Proposals()
    if propose:
        try:
            proposed = await drawing.propose(request, project, column, example)
        except (SeehearError, BusyError) as error:
            proposed = Proposals(words=f"Nothing could be proposed: {error}")
    return await asyncio.to_thread(drawing.show_drawing, request, project, column, example, proposed, done)


def _show(
    request: Request,
    project: Project,
    column: AnswerColumn | None,
    example: Example,
    beside: Beside,
) -> Response:
    unsaved, done = beside.unsaved, project.change(beside.done)
    heading = "" if column is None else column.heading
    cell = example.answers.get(heading, "")
    following = project.examples(Query(after=example.id, answered=False), limit=1)
    recording = describe_recording(project, example, column)
    return render_chapter(
        request,
        "example.html" if recording is None else "recording.html",
        project,
        "teach",
        example=example,
        cell=cell,
        typed=unsaved.typed if unsaved else cell,
        error=unsaved.error if unsaved else None,
        words=column is not None and column.kind.decoding is not None,
        writable=column is not None and column.kind.spatial is None,
        following=following[0].id if following else None,
        changes=project.history(example=example.id, limit=20),
        **({"done": done} if recording is None else {"marked": done, **recording}),
        chosen=beside.chosen or example.id,
        heard=beside.heard,
    )


@router.post("/p/{slug}/teach/{number}")
async def answer(request: Request, slug: str, number: int) -> Response:
    """Form fields: answer (empty: none), seen (what it was), next (where to go on). What cannot be saved stays in its
    field, with the reason."""
    fields = await read_fields(request)
    given, seen = fields.last("answer").strip(), fields.last("seen")
    project = find_project(request, slug)
    try:
        change = await asyncio.to_thread(project.label, [number], given or None, expected={number: seen or None})
    except SeehearError as error:
        column = await asyncio.to_thread(project.answer_column)
        example = await asyncio.to_thread(project.example, number)
        beside = Beside(unsaved=Unsaved(given, error))
        page = await asyncio.to_thread(_show, request, project, column, example, beside)
        page.status_code = refuse_error(request.url.path, error).status_code
        return page
    return RedirectResponse(f"{project_address(slug)}/teach/{fields.number('next') or number}?done={change or 0}", 303)


@router.get("/p/{slug}/files/{number}/{sense}")
def file(request: Request, slug: str, number: int, sense: str) -> Response:
    """A recording of an example."""
    project = find_project(request, slug)
    return play(project, project.example(number).inputs.get(sense))
