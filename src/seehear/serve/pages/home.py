"""Home, help, licences and settings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.errors import SeehearError, UsageError
from seehear.projects import ProjectEntry
from seehear.projects.examples import Counts, Example
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.open_projects import project_address
from seehear.serve.pages.rendering import KEYS_COOKIE, THEME_COOKIE, THEMES, render, to_sentence
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.static_files import serve_static, vendored

router = page_router()
router.add_route("/static/{version}/{path:path}", serve_static)
PICTURES = 4  # of each project
ONE_YEAR_S = 365 * 24 * 3600


class ProjectLine(NamedTuple):
    """One project in the list.

    version    the one that answers
    waiting    answers to review
    problem    why it cannot be opened; then there are no counts and no pictures
    """

    entry: ProjectEntry
    address: str
    counts: Counts | None = None
    pictures: Sequence[Example] = ()
    version: int | None = None
    learning: bool = False
    waiting: int = 0
    problem: str = ""


class KeepingLine(NamedTuple):
    """What one project keeps, in words, and how many answers it has kept."""

    name: str
    address: str
    what: str
    kept: int


@router.get("/")
def home(request: Request) -> Response:
    projects: OpenProjects = request.app.state.projects
    lines = [_describe(projects, entry) for entry in projects.list()]
    slugs = {line.entry.slug for line in lines}
    models = request.app.state.models.list()
    can_learn = find_spec("torch") is not None
    return render(
        request, "home.html", models=models, projects=lines, slugs=slugs, home=projects.home, can_learn=can_learn
    )


@router.get("/help/keys")
def keys(request: Request) -> Response:
    return render(request, "keys.html")


@router.get("/licences")
def licences(request: Request) -> Response:
    return render(request, "licences.html", packages=vendored())


@router.get("/settings")
def settings(request: Request) -> Response:
    projects: OpenProjects = request.app.state.projects
    kept = [_describe_keeping(projects, entry) for entry in projects.list() if not entry.problem]
    return render(request, "settings.html", settings=request.app.state.settings, kept=kept)


@router.post("/settings/looks")
async def change_looks(request: Request) -> Response:
    """The form fields theme (light, dark or empty) and keys (on or off) become cookies. Raises UsageError."""
    fields = await read_fields(request)
    theme, keys = fields.last("theme"), fields.last("keys")
    if theme not in ("", *THEMES) or keys not in ("on", "off"):
        raise UsageError(f"the theme {theme!r} with keys {keys!r}", allowed="light, dark or nothing; on or off")
    response = RedirectResponse("/settings#looks", 303)
    for cookie, value in ((THEME_COOKIE, theme), (KEYS_COOKIE, keys)):
        response.set_cookie(cookie, value, max_age=ONE_YEAR_S, httponly=True, samesite="strict")
    return response


def _describe_keeping(projects: OpenProjects, entry: ProjectEntry) -> KeepingLine:
    address = f"{project_address(entry.slug)}/settings"
    try:
        review = projects.get(entry.slug).review
        return KeepingLine(entry.name, address, to_sentence(str(review.keeping())), review.count_kept())
    except SeehearError as error:
        return KeepingLine(entry.name, address, str(error), 0)


def _describe(projects: OpenProjects, entry: ProjectEntry) -> ProjectLine:
    address = project_address(entry.slug)
    if entry.problem:
        return ProjectLine(entry, address, problem=entry.problem)
    try:
        project = projects.get(entry.slug)
        return ProjectLine(
            entry,
            address,
            counts=project.counts(),
            pictures=project.examples(limit=PICTURES),
            version=project.versions.served_number(),
            learning=bool(project.jobs.unfinished()),
            waiting=project.review.count_waiting(),
        )
    except SeehearError as error:
        return ProjectLine(entry, address, problem=str(error))
