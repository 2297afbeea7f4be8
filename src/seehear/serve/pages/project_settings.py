"""The settings of a project: which of its answers are kept for review, for how long, and deleting them."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from fastapi import Request
from starlette.datastructures import URL
from starlette.responses import RedirectResponse, Response

from seehear.errors import SeehearError, UsageError
from seehear.projects import Project
from seehear.projects.kept_answers import MOST_DAYS, NOTHING
from seehear.serve.keeping import Keeper
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.routing import page_router

router = page_router()


@router.get("/p/{slug}/settings")
def show(request: Request, slug: str, done: int = 0, deleted: int | None = None) -> Response:
    """`deleted`: how many kept answers were just deleted."""
    project = find_project(request, slug)
    keeper: Keeper = request.app.state.keeper
    column = project.answer_column()
    return render_chapter(
        request,
        "project_settings.html",
        project,
        "settings",
        keeping=project.review.keeping(),
        kept=project.review.count_kept(),
        waiting=project.review.count_waiting(),
        most_days=MOST_DAYS,
        not_kept=keeper.problem(slug),
        deleted=deleted,
        words=column is not None and column.kind.decoding is not None,
        terms=project.terms.list(),
        done=project.change(done),
    )


@router.post("/p/{slug}/settings/keep")
async def keep(request: Request, slug: str) -> Response:
    """Form fields: what (nothing, unsure or everything) and days. Raises UsageError."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    what = fields.last("what")
    days = None if what == NOTHING else _read_days(fields.last("days"))
    change = await asyncio.to_thread(project.review.keep, days, what)
    keeper: Keeper = request.app.state.keeper
    keeper.read_settings_again(project.slug)
    return _back(slug, done=change or 0)


@router.post("/p/{slug}/settings/delete-kept")
async def delete_kept(request: Request, slug: str) -> Response:
    deleted = await asyncio.to_thread(find_project(request, slug).review.delete_kept)
    return _back(slug, deleted=deleted)


@router.post("/p/{slug}/settings/terms")
async def change_terms(request: Request, slug: str) -> Response:
    """Form fields: add or remove (a term), and page (settings or review, where to go on). The version that answers
    expects the terms from the next request on."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    change = await asyncio.to_thread(_change_terms, project, fields.last("add"), fields.last("remove"))
    with suppress(SeehearError):  # the version that answers may have lost its file: Versions shows it
        await asyncio.to_thread(request.app.state.projects.serve, project)
    if fields.last("page") == "review":
        return RedirectResponse(f"{project_address(slug)}/review", 303)
    return _back(slug, done=change or 0)


def _change_terms(project: Project, add: str, remove: str) -> int | None:
    return project.terms.remove(remove) if remove else project.terms.add(add)


def _read_days(text: str) -> float:
    """Raises UsageError."""
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not math.isfinite(days):
        raise UsageError(f"for {text[:40]!r} days", allowed=f"a number above 0, at most {MOST_DAYS}")
    return days


def _back(slug: str, **shown: int) -> Response:
    return RedirectResponse(URL(f"{project_address(slug)}/settings").include_query_params(**shown), 303)
