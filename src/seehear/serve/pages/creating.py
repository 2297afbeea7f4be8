"""A new project: its name, its kind of answer and its senses."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.errors import UsageError
from seehear.projects import Project, begin_from_model
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.open_projects import find_person, project_address
from seehear.serve.pages.rendering import render
from seehear.serve.pages.routing import page_router

router = page_router()


@router.get("/new")
def show(request: Request, answer: str = "", senses: str = "", model: str = "") -> Response:
    return render(request, "new.html", answer=answer, senses=senses, model=model, name=model, error=None)


@router.post("/new")
async def create(request: Request) -> Response:
    """Form fields: name; answer (a kind) and senses (with commas), or model, a served one to begin from."""
    fields = await read_fields(request)
    name, answer, senses, model = map(fields.last, ("name", "answer", "senses", "model"))
    projects: OpenProjects = request.app.state.projects
    person = find_person(request) or None
    wanted = [sense for sense in senses.split(",") if sense]
    make = partial(Project.create, name, answer=answer or None, senses=wanted or None, home=projects.home, who=person)
    if model:
        served = request.app.state.models.get(model)
        make = partial(begin_from_model, name, served.path, home=projects.home, who=person)
    try:
        project = await asyncio.to_thread(make)
    except UsageError as error:
        values = {"answer": answer, "senses": senses, "model": model, "name": name}
        return render(request, "new.html", 400, **values, error=error)
    slug = project.slug
    project.close()
    return RedirectResponse(f"{project_address(slug)}/teach", 303)
