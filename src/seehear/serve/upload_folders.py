"""Folders of uploads below a project: each under a key that nobody guesses, deleted after a day without a change."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from seehear.folders import delete
from seehear.projects import Project

MOST_AGE_S = 24 * 3600


def make_key() -> str:
    return secrets.token_urlsafe(12)


def find_folder(project: Project, kind: str, key: str) -> Path | None:
    """Where an upload lies, or would lie; None for anything but a key.

    kind   the folder of all such uploads
    """
    return project.place.folder / kind / key if re.fullmatch(r"[A-Za-z0-9_-]{16}", key) else None


def delete_old(project: Project, kind: str) -> None:
    folder = project.place.folder / kind
    for each in folder.iterdir() if folder.is_dir() else ():
        if time.time() - max(path.stat().st_mtime for path in (each, *each.iterdir())) > MOST_AGE_S:
            delete(each)
