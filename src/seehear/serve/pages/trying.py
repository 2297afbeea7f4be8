"""Try: one file is answered and shown with its answer. It is kept only if the project keeps such answers for review."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from seehear.answers import ANSWERS
from seehear.answers.items import ACCEPT_THRESHOLD, NEVER
from seehear.answers.prediction_sets import EVERY_CLASS
from seehear.media import EXTENSIONS
from seehear.projects import Project
from seehear.projects.demonstration import find_unseen
from seehear.recipe import used_key
from seehear.runtime.acceptance import Acceptance
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.senses import SENSES
from seehear.senses.hearing import HEARING
from seehear.senses.sight import SIGHT
from seehear.serve.keeping import keep_later
from seehear.serve.models import ServedModel
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.demonstrating import add_unseen
from seehear.serve.pages.explaining import keep_tried, why_address
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.previews import SANDBOX, Previews, make_previews
from seehear.serve.pages.rendering import model_address, render, wants_fragment
from seehear.serve.pages.routing import page_router
from seehear.serve.predict import answer_form, uploads_by_sense
from seehear.serve.uploads import Form, read_form

router = page_router()
PAGE = "page"  # where an answer was asked
COVERAGES = (0.9, 0.8)  # of prediction sets: the first that the held-out examples support is asked for


@dataclass(frozen=True)
class ShownAnswer:
    """One answer as the page shows it.

    candidates   what it may be and how sure the model is, most likely first; one alone for kinds without alternatives
    needed       the confidence from which an answer is accepted; None if none ever is, or if parts are accepted
    previews     addresses and media types
    took_ms      from the arrival of the file
    kept         the key of the file as it was sent, if the project may learn from it; "" if not
    coverage     of the prediction set; None if there is none, or if it says nothing about such an input
    why          the address of its explanation; "" if there is none
    """

    prediction: Prediction
    candidates: Sequence[tuple[str, float]]
    needed: float | None
    previews: Sequence[tuple[str, str]]
    took_ms: int
    kept: str = ""
    coverage: float | None = None
    why: str = ""


@router.get("/models/{name}/try")
def show(request: Request, name: str) -> Response:
    return _page(request, request.app.state.models.get(name), None)


@router.post("/models/{name}/try")
async def answer(request: Request, name: str) -> Response:
    """A form with a file, or with one for each sense. A script gets the answer alone."""
    model: ServedModel = request.app.state.models.get(name)
    async with read_form(request) as form:
        shown = await answer_and_show(request, model, form)
        kept = await asyncio.to_thread(keep_tried, request, uploads_by_sense(model, form))
        shown = replace(shown, why=why_address(f"{model_address(name)}/try", kept))
    if wants_fragment(request):
        return render(request, "answer.html", shown=shown, classes=())
    return _page(request, model, shown)


@router.get("/p/{slug}/try")
def show_project(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    served = find_served(request, project) if project.versions.served_number() else None
    return _project_page(request, project, served, None)


@router.post("/p/{slug}/try")
async def answer_project(request: Request, slug: str) -> Response:
    """As for a model; the version that answers is asked."""
    project = find_project(request, slug)
    served = await asyncio.to_thread(find_served, request, project)
    async with read_form(request) as form:
        add_unseen(project, form)
        classes = await asyncio.to_thread(project.classes)
        shown = await answer_and_show(request, served, form, classes)
        inputs = uploads_by_sense(served, form)
        kept = await asyncio.to_thread(keep_tried, request, inputs)
        single = next(iter(kept.values())) if len(form.files) == 1 and kept else ""
        shown = replace(shown, kept=single, why=why_address(f"{project_address(slug)}/try", kept))
        said = replace(shown.prediction, prediction_set=None)
        keep_later(request, served, inputs, PredictOptions(), said, PAGE)
    if wants_fragment(request):
        return render(request, "answer.html", shown=shown, address=project_address(slug), classes=classes)
    return await asyncio.to_thread(_project_page, request, project, served, shown)


@router.post("/p/{slug}/try/teach")
async def teach(request: Request, slug: str) -> Response:
    """Form fields: file (what was tried), put (its kind). It becomes an example."""
    fields = await read_fields(request)
    project, previews = find_project(request, slug), request.app.state.previews
    tried = previews.find(fields.last("file"))
    if tried is None or not tried.name:
        raise HTTPException(404, "this was tried a while ago, and is no longer in memory; try it again")
    kind = fields.last("put")
    added = await asyncio.to_thread(project.add_uploads, [(tried.name, [tried.content])], kind)
    if wants_fragment(request):
        return render(request, "taught.html", address=project_address(slug), kind=kind, added=added)
    return RedirectResponse(f"{project_address(slug)}/teach", 303)


@router.get("/shown/{key}")
async def preview(request: Request, key: str) -> Response:
    previews: Previews = request.app.state.previews
    found = previews.find(key)
    if found is None or found.name:
        raise HTTPException(404, "this was shown a while ago, and is no longer in memory")
    headers = {"Content-Security-Policy": SANDBOX, "Cache-Control": "private, max-age=3600"}
    return Response(found.content, headers=headers, media_type=found.media_type)


async def answer_and_show(request: Request, model: ServedModel, form: Form, classes: Sequence[str] = ()) -> ShownAnswer:
    """`classes` of the project give the colours of what is drawn. Raises UsageError, BusyError."""
    return await add_previews(request, model, form, await answer_alone(request, model, form), classes)


async def answer_alone(request: Request, model: ServedModel, form: Form) -> ShownAnswer:
    """Without a picture of what was asked. Raises UsageError, BusyError."""
    began_s = time.perf_counter()
    options = PredictOptions(coverage=choose_coverage(model))
    answered = await answer_form(request.app.state.answerer, model, form, options)
    shown = describe_answer(model, answered, round(1000 * (time.perf_counter() - began_s)))
    told = answered.prediction_set is not None and not answered.unfamiliar
    return replace(shown, coverage=options.coverage if told else None)


async def add_previews(
    request: Request, model: ServedModel, form: Form, shown: ShownAnswer, classes: Sequence[str]
) -> ShownAnswer:
    inputs = uploads_by_sense(model, form)
    made = await asyncio.to_thread(make_previews, inputs, shown.prediction.answer, classes)
    previews: Previews = request.app.state.previews
    return replace(shown, previews=[(f"/shown/{previews.keep(each)}", each.media_type) for each in made])


def describe_answer(model: ServedModel, prediction: Prediction, took_ms: int) -> ShownAnswer:
    return ShownAnswer(prediction, _candidates(prediction), _needed(model, prediction), (), took_ms)


def choose_coverage(model: ServedModel) -> float | None:
    """The coverage of the prediction sets to show; None if the model promises none."""
    recipe = model.recogniser.recipe
    curve = recipe.coverage.get(used_key(recipe.senses), {}).get(EVERY_CLASS)
    return next((each for each in COVERAGES if curve and curve.least_threshold(each) is not None), None)


def accepted_extensions(model: ServedModel) -> str:
    """For the attribute `accept` of a field for files."""
    return ",".join(f".{extension}" for medium in model.media for extension in EXTENSIONS[medium])


def _page(request: Request, model: ServedModel, shown: ShownAnswer | None) -> Response:
    return render(request, "try.html", model=model, shown=shown, classes=(), **_describe(model))


def _project_page(
    request: Request, project: Project, served: ServedModel | None, shown: ShownAnswer | None
) -> Response:
    values: dict[str, Any] = {} if served is None else _describe(served)
    projects: OpenProjects = request.app.state.projects
    _, version = (served and projects.version_of(served)) or ("", None)
    classes = project.classes()
    values["keeping"] = project.review.keeping()
    values["unseen"] = [path.name for path in find_unseen(project)]
    return render_chapter(
        request, "try_version.html", project, "try", version=version, shown=shown, classes=classes, **values
    )


def _describe(model: ServedModel) -> dict[str, Any]:
    senses = model.recogniser.recipe.senses
    nouns = [SENSES[sense].noun for sense in senses]
    live = HEARING.name in senses or SIGHT.name in senses
    return {"nouns": nouns, "accept": accepted_extensions(model), "live": live}


def _candidates(prediction: Prediction) -> list[tuple[str, float]]:
    if prediction.answer is None:
        return []
    others = [(_text(other), confidence) for other, confidence in prediction.alternatives]
    return [(str(prediction.answer), prediction.confidence), *others]


def _text(alternative: Any) -> str:
    return ", ".join(alternative) or "none of these" if isinstance(alternative, list) else str(alternative)


def _needed(model: ServedModel, prediction: Prediction) -> float | None:
    recipe = model.recogniser.recipe
    kind = ANSWERS[recipe.kind]
    if kind.items is not None or not prediction.used:
        return None
    threshold = Acceptance(recipe, kind).calibration(prediction.used, None)[ACCEPT_THRESHOLD]
    return None if threshold >= NEVER else threshold
