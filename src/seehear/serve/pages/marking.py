"""Long recordings: stretches are marked on a waveform or in a table, and each is an example of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from starlette.datastructures import URL, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from seehear.errors import UsageError
from seehear.projects import Project
from seehear.projects.columns import AnswerColumn
from seehear.projects.content_store import StoredFile
from seehear.projects.examples import Example
from seehear.projects.recordings import MOST_STRETCHES, Stretch
from seehear.serve.pages.fields import Fields, read_fields
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.playing import can_play
from seehear.serve.pages.proposing import can_propose, is_quick
from seehear.serve.pages.proposing_stretches import can_propose_stretches
from seehear.serve.pages.rendering import wants_json
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.static_files import FOREVER_PRIVATE
from seehear.serve.pages.times import format_clock, parse_clock
from seehear.serve.pages.waveforms import find_peaks

router = page_router()
BLOCK = 1 << 20  # bytes of an upload at a time
SHOWN = 500  # stretches in the table


@dataclass(frozen=True)
class ShownStretch:
    """One row of the table; times as they are shown."""

    id: int
    start: str
    end: str
    lasts_s: float
    cell: str


def describe_recording(project: Project, example: Example, column: AnswerColumn | None) -> dict[str, Any] | None:
    """What the page of a recording needs beside what all examples have; None for an example that is not a recording."""
    sense = find_sounding(example)
    if sense is None:
        return None
    heading = "" if column is None else column.heading
    found = project.recordings.stretches(example.id)
    return {
        "sounding": sense,
        "playable": can_play(example.inputs[sense]),
        "stretches": [_to_row(each, heading) for each in found[:SHOWN]],
        "more_stretches": max(0, len(found) - SHOWN),
        "has_classes": column is not None and column.has_classes,
        "classes": project.classes(),
        "proposes": can_propose(project, column),
        "quick": is_quick(example),
        "can_propose": can_propose_stretches(project, column),
    }


def find_sounding(example: Example) -> str | None:
    """The sense whose file can be heard."""
    return next((sense for sense, file in example.inputs.items() if file.medium == "recording"), None)


@router.get("/p/{slug}/peaks/{number}/{version}")
def peaks(request: Request, slug: str, number: int, version: str) -> Response:
    """The peaks of an example's recording, one byte each. `version` only makes each address its own."""
    project = find_project(request, slug)
    content = find_peaks(project, _sounding_file(project, number))
    headers = {"Cache-Control": FOREVER_PRIVATE}
    return Response(content, headers=headers, media_type="application/octet-stream")


@router.post("/p/{slug}/teach/{number}/stretches")
async def mark(request: Request, slug: str, number: int) -> Response:
    """Form fields: id (a stretch to change; "" for a new one), start and end, seen-start and seen-end (as they were
    shown), answer ("" for none yet), seen (the answer as it was shown)."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    chosen, change = await asyncio.to_thread(_mark, project, number, fields)
    return _back(slug, number, chosen, change)


@router.post("/p/{slug}/teach/{number}/stretches/remove")
async def remove(request: Request, slug: str, number: int) -> Response:
    """Form field: id."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    change = await asyncio.to_thread(project.remove, [_id(fields)])
    return _back(slug, number, None, change)


@router.post("/p/{slug}/teach/recording")
async def add_recording(request: Request, slug: str) -> Response:
    """A recording that was just made. Form fields: file, put (the class of its stretches; "" for none), stretch (any
    number of START-END in seconds; without any, all of it is one example). A script gets the address to go on at."""
    project = find_project(request, slug)
    async with request.form(max_files=1, max_fields=MOST_STRETCHES + 10) as form:
        file, answer = form.get("file"), str(form.get("put", "")) or None
        if not isinstance(file, UploadFile) or not file.filename:
            raise UsageError("no recording", hint="record again, or choose a file")
        stretches = [_parse_stretch(str(each), answer) for each in form.getlist("stretch")]
        blocks, name = iter(partial(file.file.read, BLOCK), b""), file.filename
        if stretches:
            added = await asyncio.to_thread(project.recordings.add, blocks, name, stretches)
        else:
            added = await asyncio.to_thread(project.add_uploads, [(name, blocks)], answer)
    if added.problems:
        raise UsageError(str(added.problems[0]))
    _, change = await asyncio.to_thread(_with_change, project, (*added.ids, *added.known)[0])
    address = str(URL(f"{project_address(slug)}/teach").include_query_params(done=change))
    if wants_json(request):
        return JSONResponse({"address": address, "added": list(added.ids)})
    return RedirectResponse(address, 303)


def _mark(project: Project, number: int, fields: Fields) -> tuple[int | None, int | None]:
    """(the stretch that is there now, the change)."""
    given = Stretch(
        parse_clock(fields.last("start"), "from"),
        parse_clock(fields.last("end"), "to"),
        fields.last("answer").strip() or None,
    )
    if not fields.last("id"):
        added = project.recordings.mark(number, [given])
        return _with_change(project, (*added.ids, *added.known)[0])
    stretch = project.example(_id(fields))
    times = fields.last("start"), fields.last("end")
    if times == (fields.last("seen-start"), fields.last("seen-end")):
        return stretch.id, project.label([stretch.id], given.answer, expected={stretch.id: fields.last("seen") or None})
    return _with_change(project, project.recordings.move(stretch.id, given))


def _with_change(project: Project, number: int) -> tuple[int, int]:
    """(an example, the change that touched it last)."""
    return number, project.history(example=number, limit=1)[0].id


def _to_row(example: Example, heading: str) -> ShownStretch:
    start_s, end_s = example.span_s or (0.0, 0.0)
    cell = example.answers.get(heading, "")
    return ShownStretch(example.id, format_clock(start_s), format_clock(end_s), end_s - start_s, cell)


def _sounding_file(project: Project, number: int) -> StoredFile:
    example = project.example(number)
    sense = find_sounding(example)
    if sense is None:
        raise HTTPException(404, "there is no such recording")
    return example.inputs[sense]


def _parse_stretch(text: str, answer: str | None) -> Stretch:
    start, dash, end = text.partition("-")
    if not dash:
        raise UsageError(f"the stretch {text[:40]!r}", allowed="START-END in seconds, such as 0.5-2.25")
    return Stretch(parse_clock(start, "from"), parse_clock(end, "to"), answer)


def _id(fields: Fields) -> int:
    """Raises UsageError."""
    number = fields.number("id")
    if number is None:
        raise UsageError(f"the stretch {fields.last('id')[:40]!r}", allowed="the number of an example")
    return number


def _back(slug: str, number: int, chosen: int | None, change: int | None) -> Response:
    shown: dict[str, Any] = {"done": change or 0} | ({} if chosen is None else {"chosen": chosen})
    return RedirectResponse(URL(f"{project_address(slug)}/teach/{number}").include_query_params(**shown), 303)
