"""Open any kind of input as a file, and name it in errors."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from seehear.errors import InputError
from seehear.media import Excerpt

END_TOLERANCE_S = 0.1  # how far an excerpt may reach beyond the end: times are rounded, and codecs cut
SMALL_BYTES = 1 << 20
MOST_HELD_BYTES = 1 << 30  # largest file object, which is read into memory
Bytes = bytes | bytearray | memoryview  # the contents of a file


class FileBytes(bytes):
    """The contents of a file object, with its name."""

    name: str


def is_file_object(source: Any) -> TypeGuard[BinaryIO]:
    """Whether it has a `read` method: an open file, a BytesIO, an HTTP response."""
    return callable(getattr(source, "read", None))


def read_file_object(file: BinaryIO) -> FileBytes:
    """All bytes of a file object, from its start if it is seekable.

    Raises InputError if it is opened as text, closed, unreadable, or larger than MOST_HELD_BYTES.
    """
    name = source_name(file)
    try:
        if callable(getattr(file, "seekable", None)) and file.seekable():
            file.seek(0)
        data = file.read(MOST_HELD_BYTES + 1)
    except Exception as error:  # a file object may be anything at all
        raise InputError(f"cannot be read: {str(error) or type(error).__name__}", where=name) from None
    if not isinstance(data, bytes):
        raise InputError(
            f"it returns {type(data).__name__}", where=name, allowed="bytes", hint='open the file with mode "rb"'
        )
    if len(data) > MOST_HELD_BYTES:
        raise InputError(f"more than {MOST_HELD_BYTES >> 20:,} MiB", where=name, hint="pass the path of the file")
    held = FileBytes(data)
    held.name = name
    return held


def source_name(source: Any) -> str:
    """The name of a source in errors and results: its path with the excerpt, or its type."""
    if isinstance(source, InputError):
        return source.where
    if isinstance(source, (str, Path, Excerpt)):
        return str(source)
    if isinstance(source, FileBytes):
        return source.name
    if isinstance(source, Bytes):
        return f"{len(source)} bytes"
    return str(getattr(source, "filename", "") or _title(source) or f"a {type(source).__name__}")


def _title(source: Any) -> str:
    """The name of a file object; "" if it is a file descriptor number."""
    name = getattr(source, "name", "") if is_file_object(source) else ""
    return name if isinstance(name, str) else ""


@contextmanager
def name_errors(source: Any, noun: str) -> Iterator[None]:
    """Turn any exception of a decoder into an InputError that names the source: a damaged `noun`."""
    try:
        yield
    except InputError as error:
        raise error.at(source_name(source)) from None
    except Exception as error:  # decoders raise anything at all on damaged bytes
        raise damaged_error(error, noun).at(source_name(source)) from error


def damaged_error(error: Exception, noun: str) -> InputError:
    """The InputError for an exception raised by a decoder."""
    reason = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    reason = str(reason or type(error).__name__).removeprefix("Error : ").rstrip(".")
    return InputError(f"damaged: the {noun} cannot be decoded ({reason})", hint="copy or export it again")


@contextmanager
def open_source(source: Any) -> Iterator[BinaryIO]:
    """Open a path, the file of an excerpt, the bytes of a file, or a file object, at its start.

    A small file becomes a BytesIO: one read instead of many. Raises InputError, without `where`; a source that is an
    InputError is raised itself.
    """
    if isinstance(source, InputError):
        raise source
    if is_file_object(source):
        source = read_file_object(source)
    if isinstance(source, Bytes):
        if len(source) == 0:
            raise _empty_error()
        yield BytesIO(source)
    elif isinstance(source, (str, Path, Excerpt)):
        descriptor = _open_descriptor(_path(source))
        try:
            yield _open_file(descriptor)
        finally:
            os.close(descriptor)
    else:
        raise InputError(
            f"a {type(source).__name__} cannot be read",
            allowed="a path, a file object, the bytes of a file, or a decoded array",
        )


def beyond_end_error(excerpt: Excerpt, length_s: float) -> InputError:
    """The InputError for an excerpt that ends after its recording or video."""
    return InputError(
        f"the excerpt ends at {excerpt.end_s:.2f} s, the recording at {length_s:.2f} s",
        hint="correct its times: are they in seconds, and for this file?",
    )


def _path(source: str | Path | Excerpt) -> str | Path:
    if not isinstance(source, Excerpt):
        return source
    if not 0 <= source.start_s < source.end_s < math.inf:
        raise InputError(
            f"an excerpt from {source.start_s:g} s to {source.end_s:g} s",
            allowed="seconds from 0 on, with the end after the start",
        )
    return source.path


def _empty_error() -> InputError:
    return InputError("empty: 0 bytes", hint="check the program that wrote it")


def _open_descriptor(path: str | Path) -> int:
    """Open without blocking, so that a pipe without a writer is rejected at once."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise InputError(
            "there is no such file", hint="check the path; in a table, it is relative to the table"
        ) from None
    except IsADirectoryError:
        raise _folder_error() from None
    except PermissionError:
        raise InputError("permission denied", hint="check the file's permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be opened: {error}") from None


def _open_file(descriptor: int) -> BinaryIO:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise _folder_error()
    if not stat.S_ISREG(status.st_mode):
        raise InputError("a pipe or a device, not a file", hint="save it to a file, or pass its bytes")
    if status.st_size == 0:
        raise _empty_error()
    if status.st_size <= SMALL_BYTES:
        return BytesIO(os.read(descriptor, status.st_size))
    return os.fdopen(descriptor, "rb", closefd=False)


def _folder_error() -> InputError:
    return InputError("a folder, not a file", hint="name the files in it")
