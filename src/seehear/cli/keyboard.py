"""Ctrl-C, heard also where Python drops it: within a callback, or an import that passes over all errors.

The libraries under training import hundreds of modules at its first step; some do so in `try: ... except:`.
"""

from __future__ import annotations

import signal
from types import FrameType

_interrupted = False


def heed() -> None:
    """From now on, for the process. Whoever ignores Ctrl-C, as a shell makes its background jobs do, goes on to."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def check() -> None:
    """Raises KeyboardInterrupt where one was dropped: called as work goes on, which it does not after an interrupt."""
    if _interrupted:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt
