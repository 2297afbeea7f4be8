"""Reads the files and fields of a request. Large files are kept on disk until they are answered."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import IO

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from seehear.errors import InputError, UsageError
from seehear.senses.input_file import FileBytes

IN_MEMORY_BYTES = 1 << 20  # as starlette keeps the parts of a form
MOST_FILES = 16
MOST_FIELDS = 200
MOST_FIELD_BYTES = 1 << 20
UNNAMED = "upload"


@dataclass(frozen=True)
class Upload:
    """A file that was sent: its own name, which is only text, and its contents in memory or on disk."""

    name: str
    source: FileBytes | Path
    size: int

    def read_bytes(self) -> bytes:
        """The whole file, in memory."""
        return self.source.read_bytes() if isinstance(self.source, Path) else bytes(self.source)

    def own_error(self, error: InputError) -> InputError:
        """An error with the file's own name instead of that of the file on disk."""
        renamed = error.at(self.name) if error.where == str(self.source) else error
        return renamed if isinstance(renamed, InputError) else error


@dataclass
class Form:
    """The files by their field, and the values of all other fields, with those of the query first."""

    files: dict[str, Upload] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[Form]:
    """A form with files; or a body that is the file, with the fields in the query, and its `name`.

    What was kept on disk is deleted at the end.

    Raises UsageError for a field of the form that has two files.
    """
    form, on_disk = Form(), list[Path]()
    for name, value in request.query_params.multi_items():
        form.values.setdefault(name, []).append(value)
    try:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            await _read_parts(request, form, on_disk)
        else:
            await _read_body(request, form, on_disk)
        yield form
    finally:
        for path in on_disk:
            path.unlink(missing_ok=True)


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body of a request, in memory. Raises HTTPException (413) for one that is larger."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise HTTPException(413, f"the request is larger than {most_bytes:,} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_parts(request: Request, form: Form, on_disk: list[Path]) -> None:
    limits = {"max_files": MOST_FILES, "max_fields": MOST_FIELDS, "max_part_size": MOST_FIELD_BYTES}
    async with request.form(**limits) as parts:
        for name, part in parts.multi_items():
            if isinstance(part, str):
                form.values.setdefault(name, []).append(part)
                continue
            if name in form.files:
                raise UsageError(f"two files as {name!r}", allowed="one request for each")
            form.files[name] = await _keep(part.file, part.filename or UNNAMED, _size(part), on_disk)


async def _read_body(request: Request, form: Form, on_disk: list[Path]) -> None:
    size = 0
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > IN_MEMORY_BYTES:
                await asyncio.to_thread(file.write, chunk)
            else:
                file.write(chunk)
        if size:
            form.files["file"] = await _keep(file, form.values.pop("name", [UNNAMED])[0], size, on_disk)


async def _keep(file: IO[bytes], name: str, size: int, on_disk: list[Path]) -> Upload:
    if size <= IN_MEMORY_BYTES:  # without another thread
        return keep_file(file, name, size, on_disk)
    return await asyncio.to_thread(keep_file, file, name, size, on_disk)


def keep_file(file: IO[bytes], name: str, size: int, on_disk: list[Path]) -> Upload:
    """The contents of a file that will be closed. `on_disk` gets the copy that the caller is to delete, if any."""
    file.seek(0)
    if size <= IN_MEMORY_BYTES:
        held = FileBytes(file.read())
        held.name = name
        return Upload(name, held, size)
    path = _copy(file)
    on_disk.append(path)
    return Upload(name, path, size)


def _copy(file: IO[bytes]) -> Path:
    with NamedTemporaryFile(prefix="seehear-upload-", delete=False) as kept:
        try:
            shutil.copyfileobj(file, kept, 1 << 20)
        except BaseException:
            Path(kept.name).unlink()
            raise
        return Path(kept.name)


def _size(part: UploadFile) -> int:
    return part.size or 0
