"""Any file gives a signal or an InputError that names it: no crash, no hang, no output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import malformed_corpus
import seehear
import table_kinds
from seehear.errors import SeehearError
from table_kinds import make, open_data

KINDS = (*table_kinds.KINDS, table_kinds.Kind("text", ("text", "words")))

HUNG_S = 60  # far beyond what the whole sample takes, on a slow machine too
MOST_RESIDENT_KIB = 1_500_000


def read_in_a_process(first: int, last: int, every: int, patience_s: float) -> tuple[list[str], int]:
    """The outcome of each file and the peak memory. Fails with the name of a file that crashes or hangs."""
    environment = {**os.environ, "PYTHONPATH": str(Path(seehear.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, malformed_corpus.__file__, str(first), str(last), str(every)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=patience_s, check=False)
    except subprocess.TimeoutExpired as expired:
        pytest.fail(f"hung at {(expired.stdout or b'').splitlines()[-1:]}")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended with {done.returncode} at {lines[-1:]}: {done.stderr}"
    assert done.stderr == ""
    said = [json.loads(line) for line in lines]
    return [line["outcome"] for line in said if "outcome" in line], said[-1]["resident_kib"]


def test_a_sample_of_malformed_files() -> None:
    outcomes, resident_kib = read_in_a_process(0, malformed_corpus.COUNT, 7, HUNG_S)
    assert len(outcomes) > malformed_corpus.COUNT / 7
    assert sum(words != "read" for words in outcomes) > len(outcomes) / 2
    assert resident_kib < MOST_RESIDENT_KIB


@pytest.mark.slow
def test_all_malformed_files() -> None:
    outcomes, resident_kib = read_in_a_process(0, malformed_corpus.COUNT, 1, 10 * HUNG_S)
    assert len(outcomes) > malformed_corpus.COUNT
    assert resident_kib < MOST_RESIDENT_KIB


@pytest.mark.parametrize("count", [48, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", malformed_corpus.LABEL_FILES)
def test_damaged_label_files(tmp_path: Path, name: str, count: int) -> None:
    whole = malformed_corpus.LABEL_FILES[name]
    data = make(tmp_path / "d", {"a.wav": "x", name: whole, "b.wav": "x", name.replace("a", "b", 1): whole})
    assert len(open_data(data, kinds=KINDS)) >= 2
    read = 0
    for damaged in malformed_corpus.damaged_labels(name, count):
        (data / name).write_bytes(damaged)
        try:
            table = open_data(data, kinds=KINDS)
        except SeehearError:
            continue
        read += 1
        for row in table:
            span = row.inputs["audio"]
            assert row.answer and (isinstance(span, Path) or 0 <= span.start_s < span.end_s)
    assert read > count / 4


def test_the_corpus_is_complete() -> None:
    names = [name for name, _, _ in malformed_corpus.malformed()]
    assert len(names) == malformed_corpus.COUNT == len(set(names))
    assert all(any(name.endswith(f".{seed}") for name in names) for seed in malformed_corpus.SEEDS)
