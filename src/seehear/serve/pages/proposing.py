"""Proposals: the version that answers writes down what is said, for somebody to correct. Nothing of it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from seehear.amounts import pluralise
from seehear.errors import UsageError
from seehear.projects import Project
from seehear.projects.columns import AnswerColumn
from seehear.projects.examples import Example
from seehear.runtime.options import PredictOptions
from seehear.serve.answering import LONG_BYTES, Answerer
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.open_projects import find_project, find_served
from seehear.serve.pages.rendering import render, wants_fragment
from seehear.serve.pages.routing import page_router

router = page_router()


def can_propose(project: Project, column: AnswerColumn | None) -> bool:
    """Whether there is a version that writes words."""
    return column is not None and column.kind.decoding is not None and bool(project.versions.served_number())


def is_quick(example: Example) -> bool:
    """Whether a proposal is written as soon as somebody opens the page; for long recordings, only when they ask."""
    return all(file.size_bytes <= LONG_BYTES for file in example.inputs.values())


def describe_precision(noun: str, inputs: str, figures: Mapping[str, Any]) -> str:
    """How often what a version accepted was right, as measured on held-out examples when it was trained."""
    if not figures.get("coverage"):
        return ""
    right = round(100 * (1 - figures["accepted_error"]))
    return f"Of 100 {pluralise(noun)} that it accepted on {inputs} that were put aside, about {right} were right."


@router.get("/p/{slug}/teach/{number}/proposal")
async def propose(request: Request, slug: str, number: int) -> Response:
    """What the version that answers hears. A script gets it alone; others get a page with the field filled in."""
    project = await asyncio.to_thread(find_project, request, slug)
    served = await asyncio.to_thread(find_served, request, project)
    example = await asyncio.to_thread(project.example, number)
    column = await asyncio.to_thread(project.answer_column)
    if column is None or column.kind_name != served.recogniser.recipe.kind or column.kind.decoding is None:
        raise UsageError("the version that answers writes no words", where=project.name)
    answerer: Answerer = request.app.state.answerer
    size = sum(file.size_bytes for file in example.inputs.values())
    prediction = await answerer.answer(served, project.sources(example), PredictOptions(), size=size)
    projects: OpenProjects = request.app.state.projects
    found = projects.version_of(served)
    offset_s = example.span_s[0] if example.span_s else 0.0
    values: dict[str, Any] = {"prediction": prediction, "version": found and found[1], "offset_s": offset_s}
    if wants_fragment(request):
        return render(request, "proposal.html", **values)
    cell = example.answers.get(column.heading, "")
    return await asyncio.to_thread(
        render_chapter, request, "proposal_page.html", project, "teach", example=example, cell=cell, **values
    )
