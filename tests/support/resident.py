"""How much memory this program has used."""

from __future__ import annotations

import resource
from pathlib import Path


def most_resident_kib() -> int:
    """The memory of this program alone: on Linux, `getrusage` includes the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
