"""The chapters of a project: the steps of working on it, in order."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response

from seehear.projects import Project
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.open_projects import project_address
from seehear.serve.pages.rendering import render

CHAPTERS = {
    "teach": "Teach",
    "train": "Train",
    "try": "Try",
    "review": "Review",
    "versions": "Versions",
    "model": "Model",
}


def next_chapter(project: Project) -> str:
    """Where the name of a project leads: to what is to be done next."""
    if project.jobs.unfinished():
        return "train"
    if project.versions.served_number() is None:
        return "teach"
    return "review" if project.review.count_waiting() else "try"


class Chapter(NamedTuple):
    number: int
    key: str
    title: str
    address: str
    current: bool
    waiting: int = 0


def render_chapter(request: Request, template: str, project: Project, current: str, **values: Any) -> Response:
    """A page of a project, with its chapters above it. It reads the database: not for the event loop."""
    address = project_address(project.slug)
    waiting = {"review": project.review.count_waiting()}
    chapters = [
        Chapter(number, key, title, f"{address}/{key}", key == current, waiting.get(key, 0))
        for number, (key, title) in enumerate(CHAPTERS.items(), 1)
    ]
    number = next((each.number for each in chapters if each.current), 0)
    projects: OpenProjects = request.app.state.projects
    others = [(each.name, project_address(each.slug)) for each in projects.list() if each.slug != project.slug]
    shown: dict[str, Any] = {
        "project": project,
        "others": others,
        "address": address,
        "chapters": chapters,
        "chapter_number": number,
    }
    return render(request, template, **{**shown, "done": None, **values})
