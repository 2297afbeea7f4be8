"""Uploads of a project that go on where they were cut off: tus 1.0.0, with creation, checksum and termination.

    POST  /p/SLUG/uploads        Upload-Length, Upload-Metadata          -> 201 and the address of the upload
    PATCH /p/SLUG/uploads/KEY    Upload-Offset, then bytes               -> 204 and the offset so far
    HEAD  /p/SLUG/uploads/KEY                                            -> the offset from which to go on
    GET   /p/SLUG/uploads/KEY                                            -> what became of it, as JSON

What was answered is on the disk. A file whose last byte has come is added at once, under the `filename` and with the
answer `put` of the metadata; or it lies in an import, with `arriving` and `path`. See https://tus.io/protocols/resumable-upload.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from seehear.errors import SeehearError
from seehear.files import write_atomically
from seehear.folders import delete
from seehear.projects import Project
from seehear.serve.pages.arriving import place_file
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.refusals import refuse, refuse_error
from seehear.serve.settings import ServeSettings
from seehear.serve.upload_folders import delete_old, find_folder, make_key

router = APIRouter(prefix="/p/{slug}/uploads", tags=["Uploads that can be resumed"])
VERSION = "1.0.0"
FOLDER, DATA, ABOUT, RESULT = "uploads", "data", "about.json", "result.json"
BLOCK = 1 << 20
CHECKSUMS = ("sha256", "sha1")
CHECKSUM_MISMATCH = 460
MOST_METADATA = 8192  # characters


@dataclass(eq=False)
class _Writing:
    """Who writes to one upload. A client that comes back may find its old connection still open: the newest goes on."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 0


class ResumableUploads:
    """The uploads that requests are about now, by the folder of each."""

    def __init__(self) -> None:
        self._writing: WeakValueDictionary[Path, _Writing] = WeakValueDictionary()

    def writing(self, folder: Path) -> _Writing:
        """One for all requests; it is gone when the last of them lets go of it."""
        return self._writing.setdefault(folder, _Writing())


@router.options("", summary="What can be uploaded")
async def options(request: Request) -> Response:
    settings: ServeSettings = request.app.state.settings
    headers = {
        "Allow": "OPTIONS, POST",
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,checksum,termination",
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        "Tus-Max-Size": str(settings.max_upload_bytes),
    }
    return _answer(204, headers)


@router.post("", summary="Create an upload")
async def create(request: Request, slug: str) -> Response:
    _check_version(request)
    project, settings = find_project(request, slug), request.app.state.settings
    length = _read_number(request, "upload-length")
    if length > settings.max_upload_bytes:
        raise HTTPException(413, f"larger than {settings.max_upload_bytes:,} bytes; --max-upload sets the limit")
    about = {"length": length, "metadata": _read_metadata(request)}
    await asyncio.to_thread(delete_old, project, FOLDER)
    key = make_key()
    await asyncio.to_thread(_make, project.place.folder / FOLDER / key, about)
    return _answer(201, {"Location": f"{project_address(slug)}/uploads/{key}"})


@router.get("/{key}", summary="How far an upload is, and what became of it")
async def show(request: Request, slug: str, key: str) -> Response:
    """`added` and `known` count examples, `problems` says what was left out, and `error` why nothing could be added."""
    folder = _find(find_project(request, slug), key)
    writing = _uploads(request).writing(folder)
    async with writing.lock:
        writing.generation += 1
        offset, about = _offset(folder), _read_about(folder)
        if offset < about["length"]:
            await asyncio.to_thread(_flush, folder)
        result = await _finish(request, slug, folder) if offset == about["length"] else {}
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(about["length"]), "Cache-Control": "no-store"}
    return _answer(200, headers, {"offset": offset, **result})


@router.patch("/{key}", summary="Resume an upload")
async def append(request: Request, slug: str, key: str) -> Response:
    _check_version(request)
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise HTTPException(415, "the type must be application/offset+octet-stream")
    folder = _find(find_project(request, slug), key)
    given, length = _read_number(request, "upload-offset"), _read_about(folder)["length"]
    checksum = _read_checksum(request)
    writing = _uploads(request).writing(folder)
    async with writing.lock:
        writing.generation += 1
        mine, offset = writing.generation, _offset(folder)
    if given != offset:
        raise HTTPException(409, f"{offset:,} bytes have arrived, not {given:,}", {"Upload-Offset": str(offset)})
    offset = await _receive(request, folder, writing, mine, length, checksum)
    if offset == length:
        async with writing.lock:
            result = await _finish(request, slug, folder)
        if "error" in result:
            return refuse(request.url.path, 422, result["error"], {"Tus-Resumable": VERSION})
    return _answer(204, {"Upload-Offset": str(offset)})


@router.delete("/{key}", summary="Delete an upload")
async def terminate(request: Request, slug: str, key: str) -> Response:
    _check_version(request)
    folder = _find(find_project(request, slug), key)
    writing = _uploads(request).writing(folder)
    async with writing.lock:
        await asyncio.to_thread(delete, folder)
    return _answer(204, {})


async def _receive(
    request: Request, folder: Path, writing: _Writing, mine: int, length: int, checksum: tuple[str, bytes] | None
) -> int:
    """The offset after the body of a request. What arrived stays if the rest does not, unless it has a checksum."""
    start = offset = _offset(folder)
    digest = hashlib.new(checksum[0]) if checksum else None
    held = bytearray()

    async def write() -> None:
        nonlocal offset
        async with writing.lock:
            if writing.generation != mine:
                raise HTTPException(409, "another connection goes on with this upload")
            await asyncio.to_thread(_write, folder, bytes(held), offset)
        offset += len(held)
        held.clear()

    try:
        async for chunk in request.stream():
            if offset + len(held) + len(chunk) > length:
                raise HTTPException(413, f"more than the {length:,} bytes that were announced")
            held += chunk
            if digest:
                digest.update(chunk)
            if len(held) >= BLOCK:
                await write()
        await write()
        await asyncio.to_thread(_flush, folder)
        if digest and checksum and digest.digest() != checksum[1]:
            raise HTTPException(CHECKSUM_MISMATCH, f"these bytes have another {checksum[0]}")
    except (ClientDisconnect, HTTPException):
        if digest and writing.generation == mine:
            await asyncio.to_thread(os.truncate, folder / DATA, start)
        elif held and writing.generation == mine:
            await write()
        raise
    return offset


async def _finish(request: Request, slug: str, folder: Path) -> dict[str, Any]:
    """What became of a whole file. It is added if it was not yet, such as when the server had to stop before."""
    if (kept := _read_json(folder / RESULT)) is not None:
        return kept
    project, metadata = find_project(request, slug), _read_about(folder)["metadata"]
    try:
        result = await asyncio.to_thread(_add, project, folder / DATA, metadata)
    except SeehearError as error:
        result = {"error": str(error), "status": refuse_error(request.url.path, error).status_code}
    await asyncio.to_thread(write_atomically, folder / RESULT, json.dumps(result).encode())
    (folder / DATA).unlink(missing_ok=True)
    return result


def _add(project: Project, data: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Adding a file again adds nothing: a project has each content once."""
    name = metadata.get("filename", "upload")
    if "arriving" in metadata:
        place_file(project, metadata["arriving"], metadata.get("path", name), data)
        return {"added": 0, "known": 0, "problems": []}
    added = project.add_uploads([(name, _read_blocks(data))], metadata.get("put") or None)
    return {"added": len(added.ids), "known": len(added.known), "problems": [str(each) for each in added.problems]}


def _read_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _make(folder: Path, about: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / DATA).touch()
    write_atomically(folder / ABOUT, json.dumps(about).encode())


def _write(folder: Path, block: bytes, offset: int) -> None:
    with (folder / DATA).open("r+b") as file:
        file.seek(offset)
        file.write(block)


def _flush(folder: Path) -> None:
    """Flush what was written to the disk, before the client is told that it arrived."""
    with (folder / DATA).open("r+b") as file:
        os.fsync(file.fileno())


def _offset(folder: Path) -> int:
    """How many bytes have arrived."""
    if (folder / RESULT).exists():
        return int(_read_about(folder)["length"])
    return (folder / DATA).stat().st_size


def _find(project: Project, key: str) -> Path:
    folder = find_folder(project, FOLDER, key)
    if folder is None or not (folder / ABOUT).is_file():
        raise HTTPException(404, "there is no such upload; it may have been deleted after a day")
    return folder


def _read_about(folder: Path) -> dict[str, Any]:
    return _read_json(folder / ABOUT) or {}


def _read_json(path: Path) -> dict[str, Any] | None:
    """What this module wrote; None if it did not."""
    if not path.exists():
        return None
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def _uploads(request: Request) -> ResumableUploads:
    uploads: ResumableUploads = request.app.state.resumable_uploads
    return uploads


def _check_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise HTTPException(412, f"Tus-Resumable must be {VERSION}", {"Tus-Version": VERSION})


def _read_number(request: Request, name: str) -> int:
    value = request.headers.get(name, "")
    if not re.fullmatch("[0-9]{1,18}", value):
        raise HTTPException(400, f"the header {name.title()} must be a number of bytes")
    return int(value)


def _read_checksum(request: Request) -> tuple[str, bytes] | None:
    given = request.headers.get("upload-checksum")
    if given is None:
        return None
    name, _, value = given.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if name not in CHECKSUMS or not digest:
        raise HTTPException(400, f"Upload-Checksum must be one of {', '.join(CHECKSUMS)} and a hash in base64")
    return name, digest


def _read_metadata(request: Request) -> dict[str, str]:
    """`filename bXkucG5n, put b3ds` -> {"filename": "my.png", "put": "owl"}."""
    given = request.headers.get("upload-metadata", "")
    if len(given) > MOST_METADATA:
        raise HTTPException(400, f"Upload-Metadata is longer than {MOST_METADATA:,} characters")
    pairs = (each.split() for each in given.split(",") if each.strip())
    try:
        return {pair[0]: base64.b64decode(pair[1] if len(pair) > 1 else "", validate=True).decode() for pair in pairs}
    except (binascii.Error, ValueError):
        raise HTTPException(400, "the values of Upload-Metadata must be base64 of UTF-8") from None


def _answer(status: int, headers: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    media_type = None if body is None else "application/json"
    return Response(content, status, {"Tus-Resumable": VERSION, **headers}, media_type)
