"""Teach: the examples of a project by kind; adding, moving and removing them, and undoing changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from starlette.datastructures import URL, UploadFile
from starlette.responses import JSONResponse, RedirectResponse, Response

from seehear.answers.class_marks import mark_classes
from seehear.errors import SeehearError, UsageError
from seehear.projects import Project
from seehear.projects.columns import SENSES, AnswerColumn
from seehear.projects.demonstration import find_unseen
from seehear.projects.examples import Example, Query
from seehear.projects.history import Change
from seehear.projects.picture_views import SIDES_PX, find_tile, find_view
from seehear.projects.project import PAGE
from seehear.serve.pages.chapters import next_chapter, render_chapter
from seehear.serve.pages.drawing import show_list
from seehear.serve.pages.fields import Fields, parse_number, read_fields
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.rendering import wants_json
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.static_files import FOREVER_PRIVATE

router = page_router()
SHOWN = 9  # examples of each kind before "Show all"
BLOCK = 1 << 20  # bytes of an upload at a time
CHANGES = 50  # of the history on one page
KEYS = 9  # kinds that have a number key
UNDO_PAGES = re.compile(
    r"teach(/\d{1,18})?|history|settings|versions|train|check", re.ASCII
)  # where a change can be undone


@dataclass(frozen=True)
class Kind:
    """One column of the page. `key` is the number that puts examples into it; "" from the tenth on."""

    name: str
    key: str
    count: int
    examples: Sequence[Example]


@router.get("/p/{slug}")
def open_project(request: Request, slug: str) -> Response:
    """Where the name of a project leads: on to the chapter that is next."""
    project = find_project(request, slug)
    return RedirectResponse(f"{project_address(slug)}/{next_chapter(project)}", 303)


@router.get("/p/{slug}/teach")
def show(
    request: Request, slug: str, kind: str | None = None, unplaced: bool = False, after: int = 0, done: int = 0
) -> Response:
    """All kinds with the first examples of each; or one page of one kind, or of what is in none."""
    project = find_project(request, slug)
    counts = project.counts()
    column = project.answer_column()
    if column is not None and column.kind.regions is not None:
        return show_list(request, project, column, after, done)
    if column is None or not column.has_classes:
        return _list(request, project, column, after, project.change(done))
    narrowed = kind is not None or unplaced
    query = Query(stratum=kind, answered=False if unplaced else None, after=after)
    page = project.examples(query) if narrowed else []
    kinds = [
        Kind(name, str(i) if i <= KEYS else "", count, [] if narrowed else _first(project, name))
        for i, (name, count) in enumerate(counts.classes.items(), 1)
    ]
    return render_chapter(
        request,
        "teach_one.html" if narrowed else "teach.html",
        project,
        "teach",
        counts=counts,
        kinds=kinds,
        kind=kind,
        page=page,
        more=page[-1].id if len(page) == PAGE else None,
        unplaced=[] if narrowed else project.examples(Query(answered=False), limit=SHOWN),
        heading=column.heading,
        senses=project.setting(SENSES, []),
        most=max((kind.count for kind in kinds), default=0),
        done=project.change(done),
        demo=bool(find_unseen(project)),
    )


@router.post("/p/{slug}/teach/label")
async def label(request: Request, slug: str) -> Response:
    """Form fields: example (ids), put (a kind), new (a kind, which wins over `put`), from (the kind that was seen).

    Without a kind, the examples are taken out of theirs. Raises ConflictError if somebody moved one meanwhile.
    """
    fields = await read_fields(request)
    ids = _ids(fields)
    kind = fields.last("new").strip() or fields.last("put")
    project = find_project(request, slug)
    seen = {number: fields.last(f"seen-{number}") or None for number in ids}
    change = await asyncio.to_thread(project.label, ids, kind or None, expected=seen)
    return _back(request, fields, slug, change)


@router.post("/p/{slug}/teach/remove")
async def remove(request: Request, slug: str) -> Response:
    fields = await read_fields(request)
    change = await asyncio.to_thread(find_project(request, slug).remove, _ids(fields))
    return _back(request, fields, slug, change)


@router.post("/p/{slug}/teach/kind")
async def add_kind(request: Request, slug: str) -> Response:
    """Form field: name. A script gets the marks of all kinds."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    change = await asyncio.to_thread(project.add_class, fields.last("name"))
    if wants_json(request):
        marks = mark_classes(await asyncio.to_thread(project.classes))
        return JSONResponse({"classes": [mark._asdict() for mark in marks]})
    return _back(request, fields, slug, change)


@router.post("/p/{slug}/teach/files")
async def add_files(request: Request, slug: str) -> Response:
    """Form fields: file (any number), put (the kind they belong to; "" for none). All of them are one change."""
    project = find_project(request, slug)
    async with request.form(max_files=1000, max_fields=100) as form:
        kind = str(form.get("put", "")) or None
        sent = [each for each in form.getlist("file") if isinstance(each, UploadFile) and each.filename]
        if not sent:
            raise UsageError("no file", hint="choose some, or drop them on the page")
        uploads = [(each.filename or "", iter(partial(each.file.read, BLOCK), b"")) for each in sent]
        result = await asyncio.to_thread(project.add_uploads, uploads, kind)
    added, known, problems = len(result.ids), len(result.known), [str(each) for each in result.problems]
    if wants_json(request):
        return JSONResponse({"added": added, "known": known, "problems": problems})
    return await asyncio.to_thread(
        render_chapter, request, "added.html", project, "teach", added=added, known=known, problems=problems, kind=kind
    )


@router.post("/p/{slug}/undo")
async def undo(request: Request, slug: str) -> Response:
    """Form fields: change, and sure if much may be taken away: without it, a page asks.

    Raises ConflictError if somebody changed the same since.
    """
    fields = await read_fields(request)
    number = fields.number("change")
    if number is None:
        raise UsageError(f"the change {fields.last('change')[:100]!r}", allowed="the number of a change")
    project = find_project(request, slug)
    if not fields.last("sure") and (lost := await asyncio.to_thread(project.describe_undo, number)):
        view = {name: fields.last(name) for name in ("page", "view-kind", "view-unplaced")}
        seen = await asyncio.to_thread(project.change, number)
        return await asyncio.to_thread(
            render_chapter, request, "undo.html", project, "teach", change=seen, lost=lost, view=view
        )
    change = await asyncio.to_thread(project.undo, number)
    with suppress(SeehearError):  # the version that it promotes may have lost its file: Versions shows it
        await asyncio.to_thread(request.app.state.projects.serve, project)
    return _back(request, fields, slug, change)


@router.get("/p/{slug}/history")
def history(request: Request, slug: str, before: int | None = None, done: int = 0) -> Response:
    project = find_project(request, slug)
    changes = project.history(before=before, limit=CHANGES + 1)
    shown = {"changes": changes[:CHANGES], "older": len(changes) > CHANGES, "before": before}
    return render_chapter(request, "history.html", project, "history", done=project.change(done), **shown)


@router.get("/p/{slug}/pictures/{number}/{version}/{size}.jpg")
def picture(request: Request, slug: str, number: int, version: str, size: str) -> Response:
    """`version` only makes the address of each picture its own."""
    if size not in SIDES_PX:
        raise UsageError(f"the size {size!r}", allowed=", ".join(SIDES_PX))
    project = find_project(request, slug)
    content = find_view(project, project.example(number), size)
    return Response(content, headers={"Cache-Control": FOREVER_PRIVATE}, media_type="image/jpeg")


@router.get("/p/{slug}/tiles/{number}/{version}/{column}-{row}.jpg")
def tile(request: Request, slug: str, number: int, version: str, column: int, row: int) -> Response:
    """Part of a large picture in full detail. `version` only makes the address of each picture its own."""
    project = find_project(request, slug)
    content = find_tile(project, project.example(number), column, row)
    return Response(content, headers={"Cache-Control": FOREVER_PRIVATE}, media_type="image/jpeg")


def _list(request: Request, project: Project, column: AnswerColumn | None, after: int, done: Change | None) -> Response:
    page = project.examples(Query(after=after))
    return render_chapter(
        request,
        "teach_list.html",
        project,
        "teach",
        counts=project.counts(),
        page=page,
        more=page[-1].id if len(page) == PAGE else None,
        column=column,
        words=column is not None and column.kind.decoding is not None,
        kinds=[],
        senses=project.setting(SENSES, []),
        done=done,
    )


def _first(project: Project, kind: str) -> Sequence[Example]:
    return project.examples(Query(stratum=kind), limit=SHOWN)


def _ids(fields: Fields) -> list[int]:
    """Raises UsageError if none is chosen."""
    given = [parse_number(each) for each in fields.all("example")]
    numbers = [number for number in given if number is not None]
    if not given or len(numbers) < len(given):
        raise UsageError("no example is chosen", hint="choose some, then say what they are")
    return numbers


def _back(request: Request, fields: Fields, slug: str, change: int | None) -> Response:
    """Redirect to the page that the form was on, which says what was done and offers to undo it."""
    page = fields.last("page") if UNDO_PAGES.fullmatch(fields.last("page")) else "teach"
    given = {name: fields.last(f"view-{name}") for name in ("kind", "unplaced")}
    view: dict[str, Any] = {name: value for name, value in given.items() if value}
    if change is not None:
        view["done"] = change
    return RedirectResponse(URL(f"{project_address(slug)}/{page}").include_query_params(**view), 303)
