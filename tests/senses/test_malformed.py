"""Any file gives a signal or an InputError that names it: no crash, no hang, no output."""

from __future__ import annotations

from pathlib import Path

import pytest

import malformed_corpus
import table_kinds
from seehear.errors import SeehearError
from subprocesses import run_corpus
from table_kinds import make, open_data

KINDS = (*table_kinds.KINDS, table_kinds.Kind("text", ("text", "words")))

HUNG_S = 60  # far beyond what the whole sample takes, on a slow machine too
MOST_RESIDENT_KIB = 1_500_000


def read_corpus(every: int, timeout_s: float) -> tuple[list[str], int]:
    """The outcome of every so many of the files, and the peak memory in KiB."""
    return run_corpus(malformed_corpus.__file__, "0", str(malformed_corpus.COUNT), str(every), timeout_s=timeout_s)


def test_a_sample_of_malformed_files() -> None:
    outcomes, resident_kib = read_corpus(7, HUNG_S)
    assert len(outcomes) > malformed_corpus.COUNT / 7
    assert sum(words != "read" for words in outcomes) > len(outcomes) / 2
    assert resident_kib < MOST_RESIDENT_KIB


@pytest.mark.slow
def test_all_malformed_files() -> None:
    outcomes, resident_kib = read_corpus(1, 10 * HUNG_S)
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
