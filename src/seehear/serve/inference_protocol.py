"""The Open Inference Protocol (KServe, version 2) over REST, with its extension for binary data.

Each sense of a model is an input of its name. Its elements are files (BYTES; in JSON, in base64), or the tensor is one
decoded input, or a batch of them: pictures (H, W, C) or (N, H, W, C) of UINT8, sounds (T) or (N, T) of floats, with
the parameter `rate_hz`. See https://github.com/kserve/open-inference-protocol.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

import seehear
from seehear.errors import UsageError
from seehear.escaping import to_json_line
from seehear.runtime.prediction import Prediction
from seehear.senses import SENSES
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.input_file import FileBytes
from seehear.serve.answering import Answerer
from seehear.serve.keeping import keep_later
from seehear.serve.models import ModelRegistry, ServedModel, UnknownModelError
from seehear.serve.predict import API, PredictFields, read_fields
from seehear.serve.refusals import describe_problems
from seehear.serve.uploads import Upload, read_body
from seehear.strict_json import from_json

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
MOST_BODY_BYTES = 64 << 20
MOST_EXAMPLES = 256  # in one request
TOGETHER = 8  # of these that wait at once
HEADER_LENGTH = "inference-header-content-length"
FILE, TRUTH = "BYTES", "BOOL"
DATATYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
AXES = {"picture": 3, "recording": 1}  # of one decoded input
OUTPUTS = {"prediction": FILE, "answer": FILE, "confidence": "FP64", "accepted": TRUTH}


class _Tensor(BaseModel):
    name: str
    shape: list[Annotated[int, Field(ge=0)]] = Field(max_length=5)
    datatype: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[Any] | None = None


class _Wanted(BaseModel):
    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class _InferRequest(BaseModel):
    id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: list[_Tensor] = Field(min_length=1, max_length=8)
    outputs: list[_Wanted] = Field(default_factory=list)


@router.get("", summary="The server")
async def server_metadata() -> dict[str, Any]:
    return {"name": "seehear", "version": seehear.__version__, "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Whether the server is running")
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Whether requests are answered now")
async def ready() -> dict[str, bool]:
    return {"live": True, "ready": True}


@router.get("/models/{name}", summary="The inputs and outputs of a model")
@router.get("/models/{name}/versions/{version}", include_in_schema=False)
async def model_metadata(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    model = _find(request, name, version)
    return {
        "name": name,
        "versions": [str(model.version)],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": sense, "datatype": FILE, "shape": [-1]} for sense in model.recogniser.recipe.senses],
        "outputs": [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in OUTPUTS.items()],
    }


@router.get("/models/{name}/ready", summary="Whether a model is served")
@router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
async def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    _find(request, name, version)
    return {"name": name, "ready": True}


@router.post("/models/{name}/infer", summary="Answer one or several inputs")
@router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
async def infer(request: Request, name: str, version: str | None = None) -> Response:
    """The outputs, each with one element for each input: `prediction`, the object of `/predict` as JSON; `answer`, as
    text; `confidence`; `accepted`. The request's parameters are the options of `/predict`."""
    model = _find(request, name, version)
    answerer: Answerer = request.app.state.answerer
    body = await read_body(request, MOST_BODY_BYTES)
    asked, examples = await asyncio.to_thread(_read, body, request.headers.get(HEADER_LENGTH), model)
    options = _read_options(asked.parameters).options()
    answers: list[Prediction] = []
    for start in range(0, len(examples), TOGETHER):
        some = examples[start : start + TOGETHER]
        answers += await asyncio.gather(*(answerer.answer(model, each, options) for each in some))
    for example, prediction in zip(examples, answers, strict=True):
        files = {sense: Upload(each.name, each, len(each)) for sense, each in example.items() if _is_file(each)}
        if len(files) == len(example):  # arrays are no files to learn from
            keep_later(request, model, files, options, prediction, API)
    return _respond(asked, name, model, answers)


def _is_file(source: Any) -> bool:
    return isinstance(source, FileBytes)


def _find(request: Request, name: str, version: str | None) -> ServedModel:
    """Raises UnknownModelError, also for a version that is not served now."""
    models: ModelRegistry = request.app.state.models
    model = models.get(name)
    if version not in (None, str(model.version)):
        raise UnknownModelError(f"version {version!r} of {name} is not served", allowed=str(model.version))
    return model


def _read_options(parameters: Mapping[str, Any]) -> PredictFields:
    given = {key: value for key, value in parameters.items() if key in PredictFields.model_fields and key != "model"}
    return read_fields({key: [str(value)] for key, value in given.items()})


def _read(body: bytes, header_bytes: str | None, model: ServedModel) -> tuple[_InferRequest, list[Mapping[str, Any]]]:
    """The request, and its examples: by sense, a file or a decoded input. Raises UsageError."""
    length = int(header_bytes) if header_bytes and re.fullmatch("[0-9]{1,18}", header_bytes) else len(body)
    try:
        asked = _InferRequest.model_validate(from_json(body[:length]))
    except ValidationError as error:
        raise UsageError(describe_problems(error.errors())) from None
    except ValueError as error:
        raise UsageError(f"not JSON: {error}") from None
    if unknown := [each.name for each in asked.outputs if each.name not in OUTPUTS]:
        raise UsageError(f"the output {unknown[0]!r}", allowed=", ".join(OUTPUTS))
    senses = tuple(model.recogniser.recipe.senses)
    values: dict[str, list[Any]] = {}
    position = length
    for tensor in asked.inputs:
        if tensor.name not in senses or tensor.name in values:
            raise UsageError(f"the input {tensor.name!r}", allowed=f"each of {', '.join(senses)} at most once")
        binary = tensor.parameters.get("binary_data_size")
        blob = None
        if binary is not None:
            if not isinstance(binary, int) or not 0 <= binary <= len(body) - position:
                raise UsageError(f"binary_data_size {binary!r}", where=tensor.name, allowed="the bytes that follow")
            blob, position = body[position : position + binary], position + binary
        values[tensor.name] = list(_read_tensor(tensor, blob))
    counts = {len(each) for each in values.values()}
    if len(counts) != 1 or not 1 <= max(counts) <= MOST_EXAMPLES:
        raise UsageError("inputs of different numbers, or too many", allowed=f"1 to {MOST_EXAMPLES} of each sense")
    rows = zip(*values.values(), strict=True)
    return asked, [dict(zip(values, row, strict=True)) for row in rows]


def _read_tensor(tensor: _Tensor, blob: bytes | None) -> Iterator[Any]:
    """The inputs in a tensor. Raises UsageError."""
    if tensor.datatype == FILE:
        yield from _read_files(tensor, blob)
        return
    if tensor.datatype not in DATATYPES:
        raise UsageError(f"the datatype {tensor.datatype!r}", where=tensor.name, allowed=", ".join((FILE, *DATATYPES)))
    array = _read_array(tensor, blob)
    axes = next((AXES[medium] for medium in SENSES[tensor.name].media if medium in AXES), None)
    if axes is None or array.ndim not in (axes, axes + 1):
        allowed = f"{axes} or {axes + 1} axes" if axes else f"files, as {FILE}"
        raise UsageError(f"an array of the shape {tuple(array.shape)}", where=tensor.name, allowed=allowed)
    rate_hz = tensor.parameters.get("rate_hz", RATE_HZ)
    for each in array if array.ndim == axes + 1 else [array]:
        yield (each, rate_hz) if axes == 1 else each


def _read_array(tensor: _Tensor, blob: bytes | None) -> NDArray[Any]:
    dtype = np.dtype(DATATYPES[tensor.datatype])
    try:
        array = np.asarray(tensor.data, dtype) if blob is None else np.frombuffer(blob, dtype)
        return array.reshape(tensor.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"the data do not fit: {error}", where=tensor.name) from None


def _read_files(tensor: _Tensor, blob: bytes | None) -> Iterator[FileBytes]:
    if blob is None:
        try:
            contents = [base64.b64decode(each, validate=True) for each in _flatten(tensor.data or [])]
        except (binascii.Error, TypeError, ValueError):
            raise UsageError("not base64", where=tensor.name, allowed="files in base64, or binary data") from None
    else:
        contents = list(_split_blob(blob, tensor.name))
    if len(contents) != math.prod(tensor.shape):
        raise UsageError(f"{len(contents)} elements for the shape {tensor.shape}", where=tensor.name)
    for number, content in enumerate(contents):
        held = FileBytes(content)
        held.name = f"{tensor.name} {number}"
        yield held


def _flatten(data: Sequence[Any]) -> Iterator[Any]:
    for each in data:
        yield from each if isinstance(each, list) else [each]


def _split_blob(blob: bytes, name: str) -> Iterator[bytes]:
    """Elements of BYTES: each is its length, in four bytes, and its content."""
    position = 0
    while position < len(blob):
        start = position + 4
        end = start + int.from_bytes(blob[position:start], "little")
        if start > len(blob) or end > len(blob):
            raise UsageError("the binary data are cut off", where=name)
        yield blob[start:end]
        position = end


def _respond(asked: _InferRequest, name: str, model: ServedModel, answers: Sequence[Prediction]) -> Response:
    columns: dict[str, list[Any]] = {
        "prediction": [to_json_line(each.to_json()) for each in answers],
        "answer": ["" if each.answer is None else str(each.answer) for each in answers],
        "confidence": [each.confidence for each in answers],
        "accepted": [each.accepted for each in answers],
    }
    default = bool(asked.parameters.get("binary_data_output", False))
    wanted = asked.outputs or [_Wanted(name=output) for output in OUTPUTS]
    outputs, blobs = list[dict[str, Any]](), b""
    for each in wanted:
        output: dict[str, Any] = {"name": each.name, "datatype": OUTPUTS[each.name], "shape": [len(answers)]}
        if each.parameters.get("binary_data", default):
            blob = _to_blob(OUTPUTS[each.name], columns[each.name])
            outputs.append(output | {"parameters": {"binary_data_size": len(blob)}})
            blobs += blob
        else:
            outputs.append(output | {"data": columns[each.name]})
    body = {"model_name": name, "model_version": str(model.version), "id": asked.id, "outputs": outputs}
    header = json.dumps(body).encode()
    if not blobs:
        return Response(header, media_type="application/json")
    return Response(header + blobs, headers={HEADER_LENGTH: str(len(header))}, media_type="application/octet-stream")


def _to_blob(datatype: str, column: Sequence[Any]) -> bytes:
    if datatype != FILE:
        return np.asarray(column, DATATYPES[datatype]).tobytes()
    return b"".join(struct.pack("<I", len(text)) + text for text in (each.encode() for each in column))
