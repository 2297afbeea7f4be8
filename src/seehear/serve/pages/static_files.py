"""The style sheets and scripts of the pages. Their addresses contain a hash, so browsers may cache them for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOREVER = "public, max-age=31536000, immutable"
FOREVER_PRIVATE = "private, max-age=31536000, immutable"  # of what belongs to a project
TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "json": "application/json",
}


@dataclass(frozen=True)
class StaticFiles:
    """All files by their path below `static/`, and a hash of all of them."""

    files: Mapping[str, bytes]
    version: str

    def address(self, path: str) -> str:
        """Raises KeyError for a file that does not exist."""
        self.files[path]
        return f"/static/{self.version}/{path}"


@cache
def read_static_files() -> StaticFiles:
    files = dict(sorted(_walk(resources.files(__package__) / "static", "")))
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return StaticFiles(files, digest.hexdigest()[:12])


def vendored() -> list[dict[str, Any]]:
    """The vendored libraries: name, version, licence, source, and files with their SHA-256."""
    entries: list[dict[str, Any]] = json.loads(read_static_files().files["vendor/manifest.json"])
    return entries


async def serve_static(request: Request) -> Response:
    static = read_static_files()
    content = static.files.get(request.path_params["path"])
    if content is None or request.path_params["version"] != static.version:
        raise HTTPException(404, "there is no such file")
    kind = TYPES[request.path_params["path"].rpartition(".")[2]]
    return Response(content, headers={"Cache-Control": FOREVER}, media_type=f"{kind}; charset=utf-8")


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in folder.iterdir():
        path = f"{prefix}{each.name}"
        found += _walk(each, f"{path}/") if each.is_dir() else [(path, each.read_bytes())]
    return found
