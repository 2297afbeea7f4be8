"""stdin, stdout and stderr of a command: names need not be text, and results are alone on stdout."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def prepare() -> None:
    """For the process, before anything is printed."""
    with suppress(OSError):  # where there is no stdout or no stderr
        _keep_stdout_for_results()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names need not be text in the terminal's encoding
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "backslashreplace")


def _keep_stdout_for_results() -> None:
    """What libraries print past Python, onnxruntime among them, goes to stderr: they know stdout by its number."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    descriptor, encoding = sys.stdout.fileno(), sys.stdout.encoding
    own = os.dup(descriptor)
    os.dup2(sys.stderr.fileno(), descriptor)
    sys.stdout = io.TextIOWrapper(os.fdopen(own, "wb"), encoding=encoding, line_buffering=os.isatty(own))
