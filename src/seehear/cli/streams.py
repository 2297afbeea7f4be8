"""Configures stdin, stdout and stderr: file names may hold any bytes, and stdout is for results only."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def configure() -> None:
    """Call once, before anything is printed."""
    with suppress(OSError):  # without stdout or stderr
        _reserve_stdout()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may not be valid in the terminal's encoding
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "backslashreplace")


def _reserve_stdout() -> None:
    """Redirect to stderr what libraries such as onnxruntime print to file descriptor 1, bypassing Python."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    descriptor, encoding = sys.stdout.fileno(), sys.stdout.encoding
    own = os.dup(descriptor)
    os.dup2(sys.stderr.fileno(), descriptor)
    sys.stdout = io.TextIOWrapper(os.fdopen(own, "wb", closefd=False), encoding=encoding, line_buffering=os.isatty(own))
