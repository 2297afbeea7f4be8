"""Uploads of folders, archives and tables: first show what was understood, then add all of it or nothing.

Uploaded files stay in a folder of their own below the project until somebody decides.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from seehear.errors import DataError, SeehearError, UsageError
from seehear.folders import delete
from seehear.projects import Project
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.rendering import wants_json
from seehear.serve.pages.routing import page_router
from seehear.serve.upload_folders import delete_old, find_folder, make_key

router = page_router()
FOLDER = "arriving"
MOST_PATH_LETTERS, MOST_DEPTH = 1000, 20
BLOCK = 1 << 20


@router.post("/p/{slug}/arriving")
async def begin(request: Request, slug: str) -> Response:
    """Make a place for files. A script gets its address.

    Form fields: file, an archive or a table, if that is all; look_for, if it is to be searched for more like something.
    """
    project = find_project(request, slug)
    await asyncio.to_thread(delete_old, project, FOLDER)
    key = make_key()
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if isinstance(file, UploadFile) and file.filename:
            await asyncio.to_thread(_write, file, _place(project, key), file.filename)
        look_for = str(form.get("look_for", ""))
    if look_for:
        return RedirectResponse(f"{project_address(slug)}/teach/similar?{look_for}&among={key}", 303)
    address = f"{project_address(slug)}/arriving/{key}"
    if wants_json(request):
        return JSONResponse({"address": address})
    return RedirectResponse(address, 303)


@router.post("/p/{slug}/arriving/{key}/file")
async def receive(request: Request, slug: str, key: str) -> Response:
    """Form fields: file, and path, where it lay in the folder that was dropped."""
    place = _place(find_project(request, slug), key)
    async with request.form(max_files=1, max_fields=10) as form:
        file, path = form.get("file"), str(form.get("path", ""))
        if not isinstance(file, UploadFile):
            raise UsageError("no file", allowed="a form with file and path")
        await asyncio.to_thread(_write, file, place, path or file.filename or "")
    return JSONResponse({})


@router.get("/p/{slug}/arriving/{key}")
def show(request: Request, slug: str, key: str) -> Response:
    """What was understood. Nothing of it is in the project yet."""
    project = find_project(request, slug)
    place = _place(project, key)
    problem, found = "", None
    try:
        found = project.inspect(_data(place))
    except SeehearError as error:
        problem = str(error)
    return render_chapter(request, "arriving.html", project, "teach", found=found, problem=problem, key=key)


@router.post("/p/{slug}/arriving/{key}")
async def import_data(request: Request, slug: str, key: str) -> Response:
    project = find_project(request, slug)
    place = _place(project, key)
    try:
        added = await asyncio.to_thread(lambda: project.import_data(_data(place)))
    except DataError as error:  # what was sent is at fault, and none of it was added
        raise HTTPException(422, str(error)) from None
    await asyncio.to_thread(delete, place)
    return await asyncio.to_thread(
        render_chapter,
        request,
        "added.html",
        project,
        "teach",
        added=len(added.ids),
        known=len(added.known),
        problems=[str(each) for each in added.problems],
    )


@router.post("/p/{slug}/arriving/{key}/discard")
async def discard(request: Request, slug: str, key: str) -> Response:
    project = find_project(request, slug)
    await asyncio.to_thread(delete, _place(project, key))
    return RedirectResponse(f"{project_address(slug)}/teach", 303)


def find_arrived(project: Project, key: str) -> Path:
    """The one folder or file that was sent, or the folder of all that was. Raises HTTPException if it is gone."""
    return _data(_place(project, key))


def safe_path(path: str) -> PurePosixPath:
    """Where a file lies below its folder. Raises UsageError for a path that leads out of it, or that is none."""
    parts = [part for part in re.split(r"[\\/]+", path) if part not in ("", ".")]
    wrong = not parts or ".." in parts or len(path) > MOST_PATH_LETTERS or len(parts) > MOST_DEPTH
    if wrong or any("\0" in part or ":" in part or len(part.encode()) > 255 for part in parts):
        raise UsageError(f"the path {path[:100]!r}", allowed="a path below the folder that was dropped")
    return PurePosixPath(*parts)


def _place(project: Project, key: str) -> Path:
    place = find_folder(project, FOLDER, key)
    if place is None:
        raise HTTPException(404, "nothing arrives under this address")
    return place


def _data(place: Path) -> Path:
    """What to add: the one folder, archive or table that was sent, or all files. Raises HTTPException for none."""
    if not place.is_dir():
        raise HTTPException(404, "this was added already, or deleted after a day; send it again")
    inside = list(place.iterdir())
    return inside[0] if len(inside) == 1 else place


def place_file(project: Project, key: str, path: str, file: Path) -> None:
    """Put a file that has been uploaded where it lay in what was dropped. The file itself stays.

    Raises HTTPException for an invalid key, and errors as `_placing`.
    """
    with _placing(_place(project, key), path) as target:
        target.unlink(missing_ok=True)
        try:
            os.link(file, target)
        except OSError:  # a disk without links
            shutil.copyfile(file, target)


def _write(file: UploadFile, place: Path, path: str) -> None:
    with _placing(place, path) as target, target.open("wb") as written:
        shutil.copyfileobj(file.file, written, BLOCK)


@contextmanager
def _placing(place: Path, path: str) -> Iterator[Path]:
    """Where to write a file. Raises UsageError for an unusable path, SeehearError if the file cannot be written."""
    target = place / safe_path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise UsageError(f"the path {path[:100]!r} names a file and a folder", hint="send each path once") from None
    except OSError as error:
        what = f"{path[:100]!r} cannot be written: {error.strerror}"
        raise SeehearError(what, hint="make room, or check the permissions of the project's folder") from error
