"""One input as an open file, wherever it comes from, and the name by which errors speak of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from seehear.errors import InputError


def name_of(source: Any) -> str:
    """How errors and results name a source: its path, or what kind of thing it is."""
    if isinstance(source, (str, Path)):
        return str(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"{len(source)} bytes"
    return str(getattr(source, "filename", "") or f"a {type(source).__name__}")


@contextmanager
def opened(source: Any) -> Iterator[BinaryIO]:
    """A path or the bytes of a file, open for reading at its start. Raises InputError, without `where`."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        if len(source) == 0:
            raise InputError("empty: 0 bytes", hint="find out why nothing was written")
        yield BytesIO(source)
    elif isinstance(source, (str, Path)):
        with os.fdopen(_descriptor(source), "rb") as file:
            yield file
    else:
        raise InputError(
            f"a {type(source).__name__} can not be read", allowed="a path, the bytes of a file, or a decoded array"
        )


def _descriptor(path: str | Path) -> int:
    """Not blocking, so that a pipe without a writer is refused instead of waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise InputError("there is no such file", hint="check the path; a relative one starts at its table") from None
    except IsADirectoryError:
        raise InputError("a folder, not a file") from None
    except PermissionError:
        raise InputError("this user may not read it", hint="check the file's permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"can not be opened: {error}") from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise InputError("a folder, not a file", hint="name the files in it")
    if stat.S_ISREG(status.st_mode):
        raise InputError("empty: 0 bytes", hint="find out why nothing was written")
    raise InputError("a pipe or a device, not a file", hint="save it to a file, or pass its bytes")
