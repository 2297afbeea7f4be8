"""The chapters of a project: the steps of working on it, in order."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response

from seehear.projects import Project
from seehear.serve.pages.open_projects import project_address
from seehear.serve.pages.rendering import render

CHAPTERS = {"teach": "Teach", "train": "Train", "try": "Try", "versions": "Versions"}


class Chapter(NamedTuple):
    number: int
    key: str
    title: str
    address: str
    current: bool
    waiting: int = 0


def render_chapter(request: Request, template: str, project: Project, current: str, **values: Any) -> Response:
    """A page of a project, with its chapters above it."""
    address = project_address(project.slug)
    chapters = [
        Chapter(number, key, title, f"{address}/{key}", key == current)
        for number, (key, title) in enumerate(CHAPTERS.items(), 1)
    ]
    number = next((each.number for each in chapters if each.current), 0)
    shown: dict[str, Any] = {"project": project, "address": address, "chapters": chapters, "chapter_number": number}
    return render(request, template, **{**shown, "done": None, **values})
