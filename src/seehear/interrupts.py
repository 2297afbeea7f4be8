"""Handles Ctrl-C, SIGTERM and SIGHUP: each raises an exception, so that the program cleans up.

Python drops an interrupt within a callback, or within an import that ignores all errors. The libraries that training
uses import hundreds of modules at its first step, some in `try: ... except:`. So the signal is remembered, and
`raise_pending` raises it again.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import suppress
from types import FrameType

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP

_received: int | None = None


class Interrupted(KeyboardInterrupt):
    """Raised by any of SIGNALS; a KeyboardInterrupt, so that what cleans up after Ctrl-C does so for all of them."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.message = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def install_handlers() -> None:
    """Call once. Signals that the process ignores, as under `nohup` or in the background, stay ignored."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _interrupt)


def raise_pending() -> None:
    """Raises Interrupted if a signal came but the work went on."""
    if _received is not None:
        raise Interrupted(_received)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    global _received
    _received = number
    if isolated := sys.modules.get("seehear.senses.isolated_decoding"):
        isolated.kill_busy_workers()  # a thread that waits for a decoder need not wait any longer
    _silence_closed_terminals()
    raise Interrupted(number)


def _silence_closed_terminals() -> None:
    """Discard output to a closed terminal: it must not raise during cleanup."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
