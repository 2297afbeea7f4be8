"""What an entry of the audit log costs, and what it would cost to flush each one to the disk.

python -m benchmarks.audit_log
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.audit import AuditLog, segments, verify

FACTS = {
    "model": "a" * 64,
    "inputs": ["b" * 64],
    "answer": "bright",
    "answer_sha256": "c" * 64,
    "confidence": 0.93,
    "accepted": True,
    "reason": "",
}
ENTRIES, FLUSHED = 20_000, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="not used")
    parser.parse_args()
    before = pace()
    with TemporaryDirectory(dir=Path.cwd()) as folder:  # not in memory, where /tmp may be
        log = AuditLog(Path(folder, "answers.jsonl"))
        cpu_s = time.process_time()
        took_s = [_time(lambda: log.append("answer", FACTS)) for _ in range(ENTRIES)]
        cpu_s = time.process_time() - cpu_s
        log.close()
        verify_s = _time(lambda: verify(log.path))
        segments.SYNC_EVERY_S = 0.0
        flushed_s = [_time(lambda: log.append("answer", FACTS)) for _ in range(FLUSHED)]
        log.close()
    figures = [
        Figure("an entry, median", 1e6 * median(took_s), "µs"),
        Figure("an entry, processor time", 1e6 * cpu_s / ENTRIES, "µs"),
        Figure("an entry with a flush to the disk, median", 1e6 * median(flushed_s), "µs"),
        Figure("verifying an entry", 1e6 * verify_s / ENTRIES, "µs"),
    ]
    note = f"{ENTRIES:,} entries of one process; of entries that are flushed one by one, {FLUSHED:,}"
    record("audit-log", note, figures, before=before, after=pace())


def _time(run: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    run()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main()
