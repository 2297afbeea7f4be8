"""Ctrl-C, and the signals by which a system or a closed terminal ends a program: each ends the work cleanly.

Ctrl-C is heard also where Python drops it: within a callback, or an import that passes over all errors. The libraries
under training import hundreds of modules at its first step; some do so in `try: ... except:`.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import suppress
from types import FrameType

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not known everywhere

_received: int | None = None


class Interrupted(KeyboardInterrupt):
    """By which signal: what cleans up after Ctrl-C cleans up after all of them."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.told = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def install_handlers() -> None:
    """From now on, for the process. Signals that it ignores, as under `nohup` and in a shell's background, stay so."""
    for name in ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _interrupt)


def raise_pending() -> None:
    """Raises Interrupted where one was dropped: called as work goes on, which it does not after an interrupt."""
    if _received is not None:
        raise Interrupted(_received)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    global _received
    _received = number
    if isolated := sys.modules.get("seehear.senses.isolated_decoding"):
        isolated.kill_busy_workers()  # whoever waits for a decoder need not wait any longer
    _let_go_of_closed_terminals()
    raise Interrupted(number)


def _let_go_of_closed_terminals() -> None:
    """Where a terminal was closed, words go nowhere: they must not raise while the work is put away."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
