"""Model files with random damage to the archive or the graphs: each is refused with a reason, or loads and predicts."""

from __future__ import annotations

import pytest

import hostile_graphs
from subprocesses import run_corpus

FILES = 4_000  # which take some 15 s
HUNG_S = 120
MOST_RESIDENT_KIB = 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_no_damaged_model_file_hangs_crashes_or_takes_a_gigabyte(seed: int) -> None:
    said, resident_kib = run_corpus(hostile_graphs.__file__, str(FILES), str(seed), timeout_s=HUNG_S)
    assert len(said) == FILES
    assert FILES / 10 < said.count("accepted") < FILES / 2, "so that both paths are tried"
    assert resident_kib < MOST_RESIDENT_KIB
