"""Recordings of a project as they were added, for the player of a browser."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from seehear.projects import Project
from seehear.projects.content_store import StoredFile
from seehear.serve.pages.previews import SANDBOX, SOUND_TYPES


def can_play(file: StoredFile) -> bool:
    return _media_type(file) is not None


def play(project: Project, file: StoredFile | None) -> Response:
    """Parts of it may be asked for. Raises HTTPException for no file, or one that browsers do not play."""
    media_type = None if file is None else _media_type(file)
    if file is None or media_type is None:
        raise HTTPException(404, "there is no such recording")
    headers = {"Content-Security-Policy": SANDBOX, "Cache-Control": "private, max-age=3600"}
    return FileResponse(project.path(file), media_type=media_type, headers=headers)


def _media_type(file: StoredFile) -> str | None:
    return SOUND_TYPES.get(file.suffix.lstrip("."))
