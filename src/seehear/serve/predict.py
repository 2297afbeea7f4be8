"""`POST /predict`: one file, answered with the object that `seehear predict --json` prints."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.responses import Response

from seehear.errors import InputError, UsageError
from seehear.escaping import to_json_line
from seehear.media import medium_of
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.senses import SENSES
from seehear.serve.answering import Answerer
from seehear.serve.keeping import keep_later
from seehear.serve.models import ModelRegistry, ServedModel
from seehear.serve.refusals import describe_problems
from seehear.serve.uploads import Form, Upload, read_form

router = APIRouter()
ONLY_FILE = "file"
API = "api"  # where an answer was asked


class PredictFields(BaseModel):
    """What a caller may ask for beside the file."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="The name of a model. May be left out if only one is served.")
    senses: list[str] | None = Field(None, description="Use only these senses, such as image,audio.")
    wrong_at_most: float | None = Field(
        None, description="Accept answers as long as at most this share of them is wrong, such as 0.02."
    )
    coverage: float | None = Field(
        None, description="Also give a prediction set, which contains the truth with at least this share, such as 0.9."
    )
    each_class: bool = Field(False, description="Let the coverage hold for each class.")
    each_group: str | None = Field(
        None, description="Let the coverage hold in each group of this column of the training data."
    )
    hotwords: list[str] | None = Field(None, description="Words to expect in a transcript; once each, or one a line.")
    tiles: bool = Field(False, description="Cut a large picture into overlapping tiles.")
    language: str | None = Field(None, description="The spoken language, such as de.")
    translate: bool = Field(False, description="Translate into English.")

    @field_validator("senses", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("hotwords", mode="before")
    @classmethod
    def _split_lines(cls, value: Any) -> Any:
        lines = value.splitlines() if isinstance(value, str) else value
        return [line.strip() for each in lines for line in each.splitlines() if line.strip()]

    def options(self) -> PredictOptions:
        """Raises UsageError for a value that is not allowed."""
        return PredictOptions(**self.model_dump(exclude={"model"}))


FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [ONLY_FILE],
                    "properties": {
                        ONLY_FILE: {
                            "type": "string",
                            "format": "binary",
                            "description": "A picture, a recording or a video. For a model with several senses, one "
                            "file for each may be sent in fields called after them: image, audio.",
                        },
                        **PredictFields.model_json_schema()["properties"],
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("/predict", openapi_extra=FORM_SCHEMA, summary="Answer one file")
async def predict(request: Request) -> Response:
    """The answer, its confidence, and whether it is accepted, as `seehear predict --json` prints it.

    422 with the same object, and its `error`, for a file that cannot be read. 503 with `Retry-After` if too many
    requests are waiting.
    """
    state = request.app.state
    registry: ModelRegistry = state.models
    answerer: Answerer = state.answerer
    async with read_form(request) as form:
        fields = read_fields(form.values)
        model, options = registry.get(fields.model), fields.options()
        prediction = await answer_form(answerer, model, form, options)
        keep_later(request, model, uploads_by_sense(model, form), options, prediction, API)
    line = to_json_line(prediction.to_json())
    headers = {"Seehear-Model": f"{model.name.encode('ascii', 'replace').decode()}/{model.version}"}
    return Response(line, 422 if prediction.answer is None else 200, headers, "application/json")


def read_fields(values: Mapping[str, list[str]]) -> PredictFields:
    """Raises UsageError for a field that is not known, or a value that is not allowed."""
    single = {name: given if name == "hotwords" else given[-1] for name, given in values.items()}
    try:
        return PredictFields.model_validate(single)
    except ValidationError as error:
        allowed = ", ".join((ONLY_FILE, *PredictFields.model_fields))
        raise UsageError(describe_problems(error.errors()), allowed=allowed) from None


async def answer_form(answerer: Answerer, model: ServedModel, form: Form, options: PredictOptions) -> Prediction:
    """The answer to the files of a form: one, or one for each sense. Raises UsageError, BusyError."""
    senses = tuple(model.recogniser.recipe.senses)
    if set(form.files) == {ONLY_FILE}:
        return await answer_upload(answerer, model, form.files[ONLY_FILE], options)
    if not form.files or not set(form.files) <= set(senses):
        fields = ", ".join((ONLY_FILE, *senses))
        raise UsageError(f"files as {', '.join(form.files)}" if form.files else "no file", allowed=fields)
    uploads = list(form.files.values())
    example = {sense: upload.source for sense, upload in form.files.items()}
    prediction = await answerer.answer(model, example, options, size=sum(upload.size for upload in uploads))
    return _rename(prediction, *uploads)


def uploads_by_sense(model: ServedModel, form: Form) -> dict[str, Upload]:
    """A single file is for each sense that reads such files."""
    inputs = {}
    for field, upload in form.files.items():
        for sense in model.recogniser.recipe.senses:
            if field == sense or (field not in SENSES and medium_of(upload.name) in ("", *SENSES[sense].media)):
                inputs[sense] = upload
    return inputs


async def answer_upload(
    answerer: Answerer, model: ServedModel, upload: Upload, options: PredictOptions | None = None
) -> Prediction:
    """The answer to one file, under its own name. Raises UsageError, BusyError."""
    return _rename(await answerer.answer(model, upload.source, options, size=upload.size), upload)


async def answer_upload_progressively(
    answerer: Answerer, model: ServedModel, upload: Upload, options: PredictOptions
) -> AsyncGenerator[Prediction, None]:
    """The answers to one file while it is transcribed, under its own name. Raises UsageError, BusyError."""
    async with aclosing(answerer.answer_progressively(model, upload.source, options, size=upload.size)) as answers:
        async for prediction in answers:
            yield _rename(prediction, upload)


def _rename(prediction: Prediction, *uploads: Upload) -> Prediction:
    """The prediction with the files' own names instead of those of the files on disk."""
    errors = list(prediction.errors)
    for upload in uploads:
        errors = [upload.own_error(each) if isinstance(each, InputError) else each for each in errors]
    source = ExampleSource(" + ".join(dict.fromkeys(upload.name for upload in uploads)))
    return replace(prediction, source=source, errors=tuple(errors))
