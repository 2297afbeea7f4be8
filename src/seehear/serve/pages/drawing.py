"""Teach, where answers are regions of a picture: the page on which they are drawn, and proposals of the version that
answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import Request
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from seehear.amounts import format_count
from seehear.answers.class_marks import ClassMark, mark_classes
from seehear.answers.regions import Drawing, DrawnRegions, Region
from seehear.errors import InputError, UsageError
from seehear.projects import Project
from seehear.projects.columns import SENSES, AnswerColumn
from seehear.projects.examples import Example, Query
from seehear.projects.picture_views import TILE_PX, find_size
from seehear.projects.project import PAGE
from seehear.runtime.options import PredictOptions
from seehear.serve.answering import Answerer
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import Fields, read_fields
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.picture_strip import find_at, find_strip
from seehear.serve.pages.proposing import describe_precision
from seehear.serve.pages.region_forms import read_drawing
from seehear.serve.pages.rendering import wants_json
from seehear.serve.pages.routing import page_router

router = page_router()
EVERYTHING_ELSE = "background"  # the class of what is in no region, unless people say otherwise
EMPTY_ROWS = 3  # of the table in which regions can be given as numbers


class Proposals(NamedTuple):
    """What a version proposes for one picture.

    words   how often such proposals were right, and what it doubts
    """

    regions: Sequence[Region] = ()
    words: str = ""


def show_list(request: Request, project: Project, column: AnswerColumn, after: int, done: int) -> Response:
    """All pictures, a page at a time, each with what is drawn on it."""
    page = project.examples(Query(after=after))
    first = project.examples(Query(answered=False), limit=1) or page[:1]
    return render_chapter(
        request,
        "teach_pictures.html",
        project,
        "teach",
        counts=project.counts(),
        page=page,
        more=page[-1].id if len(page) == PAGE else None,
        first=first[0].id if first else None,
        regions=column.kind.regions,
        said={each.id: describe_cell(column, each.answers.get(column.heading)) for each in page},
        kinds=[],
        senses=project.setting(SENSES, []),
        done=project.change(done),
    )


def show_drawing(
    request: Request, project: Project, column: AnswerColumn, example: Example, proposed: Proposals, done: int
) -> Response:
    """One picture, with what is drawn on it, and what is proposed."""
    kind = _regions_of(column)
    cell = example.answers.get(column.heading, "")
    size = find_size(project, example)
    drawn = kind.read(cell) if cell else draw_nothing(kind)
    names = _class_names(project, [*drawn.regions, *proposed.regions])
    marks = {mark.name: mark for mark in mark_classes(names)}
    wanted = {name: request.query_params.get(name, "") for name in ("only", "propose")}
    strip = find_strip(project, example.id, unanswered=wanted["only"] == "unanswered")
    return render_chapter(
        request,
        "drawing.html",
        project,
        "teach",
        example=example,
        counts=project.counts(),
        kind=kind,
        drawn=drawn,
        proposed=proposed,
        cell=cell,
        size=size,
        marks=marks,
        no_mark=ClassMark("", "?", "#54606b", "#ffffff"),
        rows=[*drawn.regions, *proposed.regions, *[Region("", ())] * EMPTY_ROWS],
        backgrounds=list(dict.fromkeys(filter(None, (drawn.background, EVERYTHING_ELSE, *marks)))),
        strip=strip,
        said={each.id: describe_cell(column, each.answers.get(column.heading)) for each in strip.shown},
        wanted=wanted,
        served=project.versions.served(),
        data=json.dumps(_to_script(kind, size, marks.values(), drawn, proposed)),
        changes=project.history(example=example.id, limit=20),
        done=project.change(done),
    )


@router.post("/p/{slug}/teach/{number}/regions")
async def save(request: Request, slug: str, number: int) -> Response:
    """Form fields: those of `read_drawing`, or `unanswered` to take the answer away; seen (the cell that was shown),
    next (the picture to go on to), only and propose (as in the address). A script gets the address to go on to.

    Raises ConflictError if somebody has drawn on the picture meanwhile.
    """
    fields = await read_fields(request)
    project = find_project(request, slug)
    change = await asyncio.to_thread(_save, project, number, fields)
    following = fields.number("next")
    kept = {name: fields.last(name) for name in ("only", "propose") if fields.last(name)}
    page = f"/{following}" if following else ""
    address = URL(f"{project_address(slug)}/teach{page}").include_query_params(**kept, done=change or 0)
    if wants_json(request):
        return JSONResponse({"address": str(address), "change": change})
    return RedirectResponse(address, 303)


@router.get("/p/{slug}/teach/{number}/proposals")
async def show_proposals(request: Request, slug: str, number: int) -> Response:
    """What the version that answers would draw, and the marks of all classes, as JSON."""
    project = find_project(request, slug)
    example = await asyncio.to_thread(project.example, number)
    column = await asyncio.to_thread(_column_of, project)
    proposed = await propose(request, project, column, example)
    marks = mark_classes(await asyncio.to_thread(_class_names, project, proposed.regions))
    return JSONResponse(
        {
            "regions": [_region_to_script(region) for region in proposed.regions],
            "words": proposed.words,
            "classes": [mark._asdict() for mark in marks],
        }
    )


@router.get("/p/{slug}/jump")
def jump(request: Request, slug: str, position: int, only: str = "") -> Response:
    """To the picture at a position."""
    number = find_at(find_project(request, slug), position, unanswered=only == "unanswered")
    page = URL(f"{project_address(slug)}/teach{f'/{number}' if number else ''}")
    return RedirectResponse(page.include_query_params(only=only) if only else page, 303)


async def propose(request: Request, project: Project, column: AnswerColumn, example: Example) -> Proposals:
    """What the version that answers finds in a picture. Raises UsageError if there is none, InputError for a picture
    that cannot be read, BusyError."""
    served = await asyncio.to_thread(find_served, request, project)
    version = await asyncio.to_thread(project.versions.served)
    answerer: Answerer = request.app.state.answerer
    cell = example.answers.get(column.heading)
    background = _regions_of(column).read(cell).background if cell else EVERYTHING_ELSE
    (sense, file), *_ = example.inputs.items()
    source = project.sources(example)[sense]
    prediction = await answerer.answer(served, source, PredictOptions(), size=file.size_bytes)
    if prediction.answer is None:
        raise InputError(prediction.error or "no answer", where=example.name)
    regions = [each for each in _regions_of(column).predicted(prediction.answer) if each.label != background]
    doubts = "" if prediction.accepted else f"About this picture it is unsure: {prediction.reason}."
    measured = describe_precision(column.kind.item, "pictures", {} if version is None else version.figures)
    return Proposals(regions, " ".join(filter(None, (measured, doubts))))


def draw_nothing(kind: DrawnRegions[Any]) -> Drawing:
    """What is drawn on a picture in which nothing is, or at which nobody has looked."""
    return Drawing(background=EVERYTHING_ELSE if kind.has_background else None)


def describe_cell(column: AnswerColumn, cell: str | None) -> str:
    """What is drawn on a picture, in a few words; "" if it was not looked at."""
    if not cell:
        return ""
    kind = _regions_of(column)
    number = len(kind.read(cell).regions)
    return format_count(number, kind.noun) if number else "nothing in it"


def _save(project: Project, number: int, fields: Fields) -> int | None:
    column = _column_of(project)
    kind, seen = _regions_of(column), fields.last("seen")
    if fields.last("unanswered"):
        cell = None
    else:
        size = find_size(project, project.example(number))
        if size is None:
            raise UsageError("this picture cannot be read, so nothing can be drawn on it")
        cell = kind.write(read_drawing(fields, kind), size[::-1], seen)
    return project.label([number], cell, expected={number: seen or None})


def _column_of(project: Project) -> AnswerColumn:
    column = project.answer_column()
    if column is None:
        raise HTTPException(404, "the project has no kind of answer yet")
    return column


def _regions_of(column: AnswerColumn) -> DrawnRegions[Any]:
    if column.kind.regions is None:
        raise HTTPException(404, "nothing is drawn in this project")
    return column.kind.regions


def _class_names(project: Project, regions: Sequence[Region]) -> list[str]:
    """The classes of the project, in their order, and those that only these regions have."""
    return list(dict.fromkeys([*project.classes(), *(each.label for each in regions if each.label is not None)]))


def _to_script(
    kind: DrawnRegions[Any], size: tuple[int, int] | None, marks: Any, drawn: Drawing, proposed: Proposals
) -> dict[str, Any]:
    return {
        "size": size,
        "tilePx": TILE_PX,
        "noun": kind.noun,
        "twoCorners": kind.has_two_corners,
        "classes": [mark._asdict() for mark in marks],
        "background": drawn.background,
        "regions": [_region_to_script(region) for region in drawn.regions],
        "proposals": [_region_to_script(region) for region in proposed.regions],
    }


def _region_to_script(region: Region) -> dict[str, Any]:
    return {**vars(region), "marks": dict(region.marks)}
