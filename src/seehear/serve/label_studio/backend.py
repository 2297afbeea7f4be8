"""`/label-studio` is the address to enter in Label Studio as an ML backend; `/label-studio/NAME` names a model.

See https://labelstud.io/guide/ml_create.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from seehear.errors import InputError, UsageError
from seehear.escaping import escape_unprintable
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.senses.sight.read import read_size
from seehear.serve.answering import Answerer
from seehear.serve.label_studio.labeling_config import read_config
from seehear.serve.label_studio.regions import Match, Size, match_config, to_results
from seehear.serve.label_studio.task_files import TaskFiles
from seehear.serve.models import ModelRegistry, ServedModel
from seehear.serve.predict import answer_form
from seehear.serve.refusals import describe_problems
from seehear.serve.uploads import Form, Upload, read_body

router = APIRouter(prefix="/label-studio", tags=["Label Studio"])
LOG = logging.getLogger(__name__)
MOST_TASKS = 1000  # in one request
MOST_BODY_BYTES = 64 << 20  # with files as data: URIs
DIGITS = 8  # of the hash that tells versions apart
PICTURE = "picture"


class _Setup(BaseModel):
    label_config: str = Field("", alias="schema")


class _Task(BaseModel):
    id: int | str | None = None
    data: dict[str, Any]


class _Tasks(BaseModel):
    tasks: list[_Task] = Field(min_length=1, max_length=MOST_TASKS)
    label_config: str


class _Event(BaseModel):
    action: str = ""


_TASK = {"type": "object", "properties": {"id": {"type": "integer"}, "data": {"type": "object"}}}
_TASKS = {"tasks": {"type": "array", "items": _TASK}, "label_config": {"type": "string"}}
TASKS_SCHEMA = {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": _TASKS}}}}}


@router.get("", include_in_schema=False)
@router.get("/health", summary="Whether a model answers")
@router.get("/{model}/health", include_in_schema=False)
async def health(request: Request, model: str | None = None) -> dict[str, str]:
    return {"status": "UP", "model_class": _find(request, model).name}


@router.post("/setup", summary="Check the labeling config of a project")
@router.post("/{model}/setup", include_in_schema=False)
async def setup(request: Request, asked: _Setup, model: str | None = None) -> dict[str, str]:
    served = _find(request, model)
    if asked.label_config:
        await asyncio.to_thread(_match, asked.label_config, served)
    return {"model_version": model_version(served)}


@router.get("/versions", summary="The version that answers")
@router.get("/{model}/versions", include_in_schema=False)
async def versions(request: Request, model: str | None = None) -> dict[str, list[str]]:
    return {"versions": [model_version(_find(request, model))]}


@router.post("/predict", openapi_extra=TASKS_SCHEMA, summary="Answer tasks with pre-annotations")
@router.post("/{model}/predict", include_in_schema=False)
async def predict(request: Request, model: str | None = None) -> dict[str, Any]:
    """One result for each task, in order. A task that cannot be answered has an `error` and no `result`, which Label
    Studio logs and asks for again."""
    served = _find(request, model)
    asked = await asyncio.to_thread(_read_tasks, await read_body(request, MOST_BODY_BYTES))
    match = await asyncio.to_thread(_match, asked.label_config, served)
    version = {"model_version": model_version(served)}
    return {"results": [await _answer(request, served, match, task) | version for task in asked.tasks], **version}


@router.post("/webhook", summary="Events of a project")
@router.post("/{model}/webhook", include_in_schema=False)
async def webhook(request: Request, event: _Event, model: str | None = None) -> dict[str, Any]:
    """Nothing is learned from events: a model changes when somebody has trained and compared it."""
    _find(request, model)
    if event.action == "START_TRAINING":
        raise UsageError("training is not started from Label Studio", hint="export as JSON, and train on the file")
    return {}


def model_version(model: ServedModel) -> str:
    """The name of what answers. Another model under the same name has another one, also after a restart."""
    digest = hashlib.sha256(model.recogniser.recipe.model_dump_json().encode()).hexdigest()
    return f"{model.name}-{digest[:DIGITS]}"


def _find(request: Request, name: str | None) -> ServedModel:
    models: ModelRegistry = request.app.state.models
    return models.get(name)


def _read_tasks(body: bytes) -> _Tasks:
    """Raises UsageError."""
    try:
        return _Tasks.model_validate_json(body)
    except ValidationError as error:
        raise UsageError(describe_problems(error.errors())) from None


def _match(label_config: str, model: ServedModel) -> Match:
    """Raises UsageError for a config that does not fit, and logs it, as Label Studio shows no more than the status."""
    try:
        return match_config(read_config(label_config), model.recogniser.recipe)
    except UsageError as error:
        LOG.warning("Refused Label Studio's request: %s", escape_unprintable(str(error)))
        raise


async def _answer(request: Request, model: ServedModel, match: Match, task: _Task) -> dict[str, Any]:
    """The result for one task. Raises BusyError."""
    answerer: Answerer = request.app.state.answerer
    files: TaskFiles = request.app.state.task_files
    on_disk: list[Path] = []
    try:
        uploads = await asyncio.to_thread(_open, files, match, task, on_disk)
        prediction = await answer_form(answerer, model, Form(uploads), PredictOptions())
        if prediction.answer is None:
            return {"error": prediction.error}
        results = await asyncio.to_thread(_to_results, prediction, match, uploads)
        return {"result": results, "score": prediction.confidence}
    except InputError as error:
        return {"error": str(error)}
    finally:
        for path in on_disk:
            path.unlink(missing_ok=True)


def _open(files: TaskFiles, match: Match, task: _Task, on_disk: list[Path]) -> dict[str, Upload]:
    return {sense: files.open(task.data.get(tag.field), task.id, on_disk) for sense, tag in match.files.items()}


def _to_results(prediction: Prediction, match: Match, uploads: Mapping[str, Upload]) -> list[dict[str, Any]]:
    """None unless the answer is accepted."""
    if prediction.answer is None or not prediction.accepted:
        return []
    return to_results(prediction.answer, match, _picture_size(match, uploads))


def _picture_size(match: Match, uploads: Mapping[str, Upload]) -> Size:
    """The size of the picture that the answer is about; (0, 0) if it is not about a picture."""
    for sense, tag in match.files.items():
        if tag is match.about and tag.medium == PICTURE:
            return read_size(uploads[sense].source)
    return 0, 0
