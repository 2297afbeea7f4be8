"""`/v1/audio/transcriptions`, `/v1/audio/translations` and `/v1/models`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from seehear.answers import ANSWERS
from seehear.answers.text import Text
from seehear.errors import InputError, UsageError
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.senses.hearing import HEARING
from seehear.serve.keeping import keep_later
from seehear.serve.models import ModelRegistry, ServedModel
from seehear.serve.openai_audio.shapes import to_error, to_model, to_transcription, to_usage, to_verbose
from seehear.serve.predict import API, answer_upload, answer_upload_progressively
from seehear.serve.refusals import SHAPES
from seehear.serve.uploads import Form, read_form

router = APIRouter(prefix="/v1", tags=["OpenAI audio"])
SHAPES["/v1/"] = to_error
SUBTITLES = ("srt", "vtt")
FORMATS = ("json", "text", *SUBTITLES, "verbose_json")
GRANULARITIES = ("word", "segment")
UNSUPPORTED = ("known_speaker_names", "known_speaker_references")
FORM = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "model"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string"},
                        "language": {"type": "string"},
                        "response_format": {"type": "string", "enum": list(FORMATS)},
                        "keywords[]": {"type": "array", "items": {"type": "string"}},
                        "timestamp_granularities[]": {"type": "array", "items": {"enum": list(GRANULARITIES)}},
                        "stream": {"type": "boolean"},
                    },
                }
            }
        }
    }
}


@dataclass(frozen=True)
class _Asked:
    """What a request asks for. `words`: the times of words."""

    model: ServedModel
    options: PredictOptions
    format: str
    words: bool
    stream: bool

    @property
    def task(self) -> str:
        return "translate" if self.options.translate else "transcribe"


@router.get("/models", summary="The models that are served")
async def list_models(request: Request) -> dict[str, Any]:
    models: ModelRegistry = request.app.state.models
    named = {served.name: served for served in models.list()}
    named |= {alias: models.get(alias) for alias in models.aliases}
    return {"object": "list", "data": [to_model(served, name) for name, served in named.items()]}


@router.get("/models/{name:path}", summary="One model")
async def get_model(request: Request, name: str) -> dict[str, Any]:
    models: ModelRegistry = request.app.state.models
    return to_model(models.get(name), name)


@router.post("/audio/transcriptions", openapi_extra=FORM, summary="Transcribe a recording")
async def transcribe(request: Request) -> Response:
    """As OpenAI's, with `keywords` as hotwords. `prompt`, `temperature` and `chunking_strategy` have no effect."""
    return await _answer(request, translate=False)


@router.post("/audio/translations", openapi_extra=FORM, summary="Translate a recording into English")
async def translate(request: Request) -> Response:
    return await _answer(request, translate=True)


async def _answer(request: Request, *, translate: bool) -> Response:
    async with AsyncExitStack() as opened:
        form = await opened.enter_async_context(read_form(request))
        asked = await _read(request.app.state.models, form, translate)
        if "file" not in form.files:
            raise UsageError("no file", allowed="a recording, as `file`")
        about = request.app.state.answerer, asked.model, form.files["file"], asked.options

        def keep(prediction: Prediction) -> Prediction:
            keep_later(request, asked.model, {HEARING.name: form.files["file"]}, asked.options, prediction, API)
            return prediction

        if not asked.stream:
            prediction = keep(await answer_upload(*about))
            return _respond(asked, prediction, _require_text(prediction))
        answers = await opened.enter_async_context(aclosing(answer_upload_progressively(*about)))
        first = await anext(answers)
        _require_text(first)  # while the status can still say what is wrong
        return _EventStream(_stream(first, answers, keep), opened.pop_all())


def _respond(asked: _Asked, prediction: Prediction, text: Text) -> Response:
    """Raises UsageError for subtitles of words without times."""
    if asked.format == "json":
        return JSONResponse(to_transcription(prediction, text))
    if asked.format == "verbose_json":
        language = "en" if asked.options.translate else asked.options.language or ""
        return JSONResponse(to_verbose(prediction, text, task=asked.task, language=language, words=asked.words))
    if asked.format in SUBTITLES:
        files = text.files()
        if asked.format not in files:
            raise UsageError(
                f"{asked.format} from a model that does not know when words are said", allowed="json, text"
            )
        return PlainTextResponse(files[asked.format].decode())
    return PlainTextResponse(f"{text}\n")


class _EventStream(StreamingResponse):
    """Server-sent events. What was opened for them is closed when they end, or when the client goes."""

    def __init__(self, events: AsyncIterator[str], opened: AsyncExitStack) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened:
            await super().__call__(scope, receive, send)


async def _stream(
    prediction: Prediction, following: AsyncIterator[Prediction], keep: Callable[[Prediction], object]
) -> AsyncIterator[str]:
    """An event for each word, window by window; then one for all of it, which is kept."""
    told = 0
    while isinstance(prediction.answer, Text):
        for word in prediction.answer.words[told:]:
            yield _to_event({"type": "transcript.text.delta", "delta": word.text if told == 0 else f" {word.text}"})
            told += 1
        more = await anext(following, None)
        if more is None:
            keep(prediction)
            done = to_transcription(prediction, prediction.answer)
            yield _to_event({"type": "transcript.text.done", **done, "usage": to_usage(prediction.duration_s)})
            return
        prediction = more
    yield _to_event(to_error(500, prediction.error))  # a window that failed; the status is sent already


def _to_event(event: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


async def _read(models: ModelRegistry, form: Form, translate: bool) -> _Asked:
    """Raises UsageError for what is missing, unknown or not supported."""
    given = {name.removesuffix("[]"): values for name, values in form.values.items()}
    single = {name: values[-1] for name, values in given.items()}
    if "model" not in single:
        raise UsageError("no model", allowed="the name of one, as `model`")
    if wrong := [name for name in UNSUPPORTED if name in given]:
        raise UsageError(f"{wrong[0]}: speakers are not separated", hint="leave it out")
    shape = single.get("response_format", "json")
    if shape not in FORMATS:
        raise UsageError(f"response_format {shape!r}", allowed=", ".join(FORMATS))
    wanted = given.get("timestamp_granularities", [])
    if not set(wanted) <= set(GRANULARITIES):
        raise UsageError(f"timestamp_granularities {', '.join(wanted)}", allowed=", ".join(GRANULARITIES))
    language = single.get("language") or (given["languages"][0] if len(given.get("languages", [])) == 1 else None)
    options = PredictOptions(
        hotwords=given.get("keywords"), language=None if translate else language, translate=translate
    )
    model = await asyncio.to_thread(models.get_or_load, single["model"])
    return _Asked(check_transcribes(model), options, shape, "word" in wanted, single.get("stream") == "true")


def check_transcribes(model: ServedModel) -> ServedModel:
    """The model. Raises UsageError for one that does not hear, or does not answer with words."""
    recipe = model.recogniser.recipe
    if HEARING.name not in recipe.senses or ANSWERS[recipe.kind].decoding is None:
        raise UsageError(f"{model.name} does not transcribe speech", hint="ask it at /predict, or name another model")
    return model


def _require_text(prediction: Prediction) -> Text:
    """Raises InputError for a recording that cannot be read."""
    if not isinstance(prediction.answer, Text):
        raise next(iter(prediction.errors), InputError("it could not be answered", where=prediction.input))
    return prediction.answer
