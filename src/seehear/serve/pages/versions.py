"""Versions: each training is one; two are compared on the same examples, and one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.errors import WorseError
from seehear.projects.versions import Version
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.hundred import Hundred, find_hundred
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.quality import describe_quality, quality_of_figures
from seehear.serve.pages.routing import page_router

router = page_router()


@router.get("/p/{slug}/versions")
def show(request: Request, slug: str, done: int = 0) -> Response:
    project = find_project(request, slug)
    found = project.versions.list()
    return render_chapter(
        request,
        "versions.html",
        project,
        "versions",
        versions=[(version, hundred_of(version), quality_of_figures(version.figures)) for version in found],
        pair=_usual_pair(found),
        done=project.change(done),
    )


@router.get("/p/{slug}/versions/compare")
def compare(request: Request, slug: str, first: int, second: int) -> Response:
    """Both versions answer the same examples, which takes a while with many."""
    project = find_project(request, slug)
    versions = project.versions.get(first), project.versions.get(second)
    compared = project.versions.compare(first, second)
    hundreds = [find_hundred({"metrics": metrics.values}) for metrics in compared.metrics]
    metric = compared.headline.metric
    return render_chapter(
        request,
        "compare.html",
        project,
        "versions",
        versions=versions,
        compared=compared,
        hundreds=hundreds,
        qualities=[
            describe_quality(metric, metrics.values[metric], metrics.intervals[metric]) for metrics in compared.metrics
        ],
    )


@router.post("/p/{slug}/versions/promote")
async def promote(request: Request, slug: str) -> Response:
    """Form fields: version, and sure if it may be worse: otherwise the comparison is shown instead of promoting one
    that is. It answers from the next request on."""
    fields = await read_fields(request)
    number = fields.number("version") or 0
    project = find_project(request, slug)
    sure = bool(fields.last("sure"))
    try:
        change = await asyncio.to_thread(partial(project.versions.promote, number, although_worse=sure))
    except WorseError:
        served = project.versions.served_number()
        address = f"{project_address(slug)}/versions/compare?first={served}&second={number}"
        return RedirectResponse(address, 303)
    await asyncio.to_thread(request.app.state.projects.serve, project)
    return _to_versions(slug, change)


@router.post("/p/{slug}/versions/roll-back")
async def roll_back(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    done = await asyncio.to_thread(project.versions.roll_back)
    await asyncio.to_thread(request.app.state.projects.serve, project)
    return _to_versions(slug, done.change)


def hundred_of(version: Version) -> Hundred | None:
    return find_hundred({"metrics": version.figures})


def _usual_pair(found: Sequence[Version]) -> tuple[int, int] | None:
    """The version that answers, and the newest other one."""
    served = next((each for each in found if each.served), None)
    other = next((each for each in found if not each.served), None)
    return (served.number, other.number) if served and other else None


def _to_versions(slug: str, change: int | None) -> Response:
    return RedirectResponse(f"{project_address(slug)}/versions?done={change or 0}", 303)
