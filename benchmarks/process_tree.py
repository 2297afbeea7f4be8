"""What a program and all processes that it started use, as the kernel counts it (Linux only)."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
EVERY_S = 0.5


class Process(NamedTuple):
    """A process: its name as Ray sets it, its seconds of processor time, and its resident memory."""

    number: int
    name: str
    processor_s: float
    resident_mb: float


def find_descendants(ancestor: int) -> list[Process]:
    """The process of this number, and all that descend from it."""
    parents, found = {}, {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError):  # it has ended
                values = (folder / "stat").read_text().rpartition(")")[2].split()
                number, name = int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parents[number] = int(values[1])
                found[number] = Process(
                    number, name, TICKS_S * (int(values[11]) + int(values[12])), PAGE_MB * int(values[21])
                )

    def descends(number: int) -> bool:
        while number in parents and number != ancestor:
            number = parents[number]
        return number == ancestor

    return [process for number, process in found.items() if descends(number)]


@dataclass
class Watch:
    """Looks at a program and its processes every EVERY_S, until it has ended.

    seen   for each look, the processes
    """

    program: int
    seen: list[list[Process]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.wait(EVERY_S):
            self.seen.append(find_descendants(self.program))

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    @property
    def processor_s(self) -> float:
        """Of all processes together."""
        spent: dict[int, float] = {}
        for processes in self.seen:
            spent |= {process.number: process.processor_s for process in processes}
        return sum(spent.values())

    def memory_mb(self, name: str) -> list[float]:
        """For each look, the memory of the largest process with this name; looks without one are left out."""
        sizes = [[each.resident_mb for each in processes if name in each.name] for processes in self.seen]
        return [max(each) for each in sizes if each]
