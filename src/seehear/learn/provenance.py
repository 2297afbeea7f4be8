"""Where a model comes from: its training data, and the time and energy of its training if the system reports them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from seehear.datasets import TrainingData
from seehear.files import hash_file
from seehear.media import find_span, path_of
from seehear.recipe import Provenance
from seehear.table import Table

RAPL = Path("/sys/class/powercap")  # Running Average Power Limit: counters of energy in Intel's and AMD's processors
STATES_KEPT = 16  # hashes of files: excerpts of one recording follow each other


class EffortMeter:
    """Measures processor time, and energy if there are counters that may be read, from its making on."""

    def __init__(self) -> None:
        self._processor_s, self._counters_uj = _processor_s(), _read_counters()

    def stop(self) -> tuple[float, float | None]:
        """Seconds of processor time of this process and those it has ended, and joules of all processors; None if no
        counter may be read, or one of them has begun again.

        The joules include other programs, the seconds do not.
        """
        now = _read_counters()
        spent_uj = [now[name] - before for name, before in self._counters_uj.items() if name in now]
        known = bool(spent_uj) and min(spent_uj) >= 0
        return round(_processor_s() - self._processor_s, 1), round(sum(spent_uj) / 1e6, 1) if known else None


def describe_origin(data: TrainingData, effort: EffortMeter | None) -> Provenance:
    """What a model learned from, and its effort, unless that was not measured from beginning to end."""
    tables = [each for each in (data.examples, data.val, data.unlabelled) if each is not None]
    processor_s, energy_j = (None, None) if effort is None else effort.stop()
    return Provenance(
        examples=sum(map(len, tables)),
        data_sha256=hash_data(tables),
        processor_s=processor_s,
        energy_j=energy_j,
    )


def hash_data(tables: list[Table]) -> str:
    """A SHA-256 of the contents of all files, with their spans and answers; names and order do not matter."""
    rows = sorted(row for table in tables for row in _hash_rows(table))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _hash_rows(table: Table) -> Iterator[str]:
    hash_once = lru_cache(maxsize=STATES_KEPT)(_hash_file)
    for row in table:
        digest = hashlib.sha256(f"{row.answer}\0".encode())
        for name, source in sorted(row.inputs.items()):
            digest.update(f"{name}\0{find_span([source]) or ''}\0{hash_once(path_of(source))}\0".encode())
        yield digest.hexdigest()


def _hash_file(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError:
        return ""  # the training leaves it out, and says so


def _processor_s() -> float:
    try:
        import resource
    except ImportError:  # on Windows
        import time

        return time.process_time()
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _read_counters() -> dict[str, int]:
    """Microjoules by counter of a whole processor; {} if there are none that may be read."""
    found = {}
    with suppress(OSError):
        for path in RAPL.glob("*-rapl:[0-9]"):
            with suppress(OSError, ValueError):
                found[path.name] = int((path / "energy_uj").read_text())
    return found
