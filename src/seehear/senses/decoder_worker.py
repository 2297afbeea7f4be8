"""The main loop of a worker process: it reads requests from stdin until it is closed.

Before each item it sets resource limits on itself: the operating system kills it when its CPU time is used up, and
refuses more memory.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.decoder_messages import Header, encode_header, read_header
from seehear.senses.input_file import damaged_error, open_source

Item = tuple[float, NDArray[Any] | None]
NOUNS = {"picture": "picture", "sound": "recording", "lips": "video", "video": "video"}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the main process decides
    requests, answers = _take_over_stdio()
    _set_limit("RLIMIT_CORE", 0)
    _write(encode_header({"ready": True}), answers)
    while True:
        request, payload = _read_request(requests)
        _handle(request, payload, answers)


def _take_over_stdio() -> tuple[FileIO, FileIO]:
    """Duplicates of stdin and stdout. The originals now point to the null device, so decoders cannot write to them."""
    requests, answers = FileIO(os.dup(sys.stdin.fileno()), "rb"), FileIO(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return requests, answers


def _read_request(requests: FileIO) -> tuple[Header, bytes]:
    def fill(buffer: memoryview) -> None:
        while buffer:
            read = requests.readinto(buffer)
            if not read:
                sys.exit()  # the main process is gone
            buffer = buffer[read:]

    header, payload_bytes = read_header(fill)
    payload = bytearray(payload_bytes)
    fill(memoryview(payload))
    return header, bytes(payload)


def _handle(request: Header, payload: bytes, answers: FileIO) -> None:
    try:
        _set_limit("RLIMIT_AS", _mapped_bytes() + request["memory_bytes"])
        with open_source(payload or os.fsdecode(request["path"].encode("latin-1"))) as file:
            items = _items(request, file)
            while True:
                _set_limit("RLIMIT_CPU", int(time.process_time()) + 1 + request["limit_s"])
                next_item = next(items, None)
                if next_item is None:
                    break
                _send(next_item, answers)
        _write(encode_header({"end": True}), answers)
    except MemoryError:
        gib = request["memory_bytes"] / (1 << 30)
        _send_error(InputError("decoding it takes too much memory", allowed=f"up to {gib:g} GiB"), answers)
    except InputError as error:
        _send_error(error, answers)
    except Exception as error:  # decoders raise anything at all on damaged bytes
        _send_error(damaged_error(error, NOUNS[request["job"]]), answers)


def _items(request: Header, file: BinaryIO) -> Iterator[Item]:
    path = Path(os.fsdecode(request["path"].encode("latin-1")))
    excerpt = Excerpt(path, *request["span_s"]) if request["span_s"] else None
    match request["job"]:
        case "picture":
            from seehear.senses.sight.read import decode as decode_picture

            yield 0.0, decode_picture(file, excerpt)
        case "sound":
            from seehear.senses.hearing.read import decode as decode_sound

            yield 0.0, decode_sound(file, excerpt)
        case "lips":
            from seehear.senses.lips.read import decode as decode_lips

            yield 0.0, decode_lips(file, excerpt)
        case "video":
            from seehear.senses.video import decode as decode_frames

            yield from decode_frames(file, excerpt, **request["options"])


def _send(next_item: Item, answers: FileIO) -> None:
    at_s, array = next_item
    if array is None:
        _write(encode_header({"at_s": at_s}), answers)
        return
    array = np.ascontiguousarray(array)
    _write(encode_header({"at_s": at_s, "shape": array.shape, "dtype": array.dtype.str[1:]}, array.nbytes), answers)
    _write(array.reshape(-1).view(np.uint8).data, answers)


def _send_error(error: InputError, answers: FileIO) -> None:
    _write(encode_header({"error": {"what": error.what, "allowed": error.allowed, "hint": error.hint}}), answers)


def _write(data: bytes | memoryview, answers: FileIO) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[answers.write(left) :]
    except BrokenPipeError:
        sys.exit()


def _mapped_bytes() -> int:
    """Bytes of memory mapped so far; 0 if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _set_limit(name: str, value: int) -> None:
    """Set a resource limit, on systems that have it."""
    try:
        import resource
    except ImportError:
        return
    if name == "RLIMIT_AS" and not Path("/proc/self/statm").exists():
        return
    with suppress(ValueError, OSError):
        kind = getattr(resource, name)
        _, most = resource.getrlimit(kind)
        resource.setrlimit(kind, (value if most == resource.RLIM_INFINITY else min(value, most), most))
