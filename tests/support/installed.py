"""Installs a package with weights where Python finds packages. Importing it fails the test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from seehear.starts import STARTS, Start
from seehear.starts.definition import Package, PackagedFile
from seehear.starts.digest import compute_digest, to_precision
from start_files import make_whisper, to_ctranslate2, write_ctranslate2

TOKENIZER = b'{"model": {"vocab": {"a": 0}}}'


def install_package(site: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write the files as an installed distribution would have them."""
    folder, information = site / name, site / f"{name}-1.0.dist-info"
    for each in (folder, information):
        each.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('the package was imported')")
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    for path, content in files.items():
        (folder / path).write_bytes(content)


def install_whisper(site: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A small whisper-base of random numbers, in two packages, as the real one is. It is the only start."""
    content = write_ctranslate2(to_ctranslate2(make_whisper()))
    half = len(content) // 2
    install_package(site, "whisper_part1", {"model.bin.part1": content[:half], "tokenizer.json": TOKENIZER})
    install_package(site, "whisper_part2", {"model.bin.part2": content[half:]})
    monkeypatch.syspath_prepend(str(site))
    start = define_whisper(site)
    for name in reversed(list(STARTS)):  # they come back the other way round, so in their old order
        monkeypatch.delitem(STARTS, name)
    monkeypatch.setitem(STARTS, start.name, start)
    return start


def define_whisper(site: Path) -> Start:
    """The definition of what `install_whisper` wrote."""
    tensors = to_precision(make_whisper(), "float16")
    tokenizer = _define(site, "whisper_part1/tokenizer.json")
    parts = _define(site, "whisper_part1/model.bin.part1"), _define(site, "whisper_part2/model.bin.part2")
    return replace(
        STARTS["whisper-base"],
        size=sum(array.nbytes for array in tensors.values()),
        digest=compute_digest(tensors),
        package=Package(parts, {"tokenizer.json": tokenizer}),
        files={"tokenizer.json": tokenizer.sha256},
    )


def _define(site: Path, path: str) -> PackagedFile:
    content = (site / path).read_bytes()
    return PackagedFile(path.split("/")[0], path, len(content), hashlib.sha256(content).hexdigest())
