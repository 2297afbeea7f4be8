"""The defined starts, and those whose packages are installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seehear.errors import UsageError
from seehear.starts import STARTS, Start, find_start, load_file, load_tensors
from seehear.starts.packages import is_installed
from subprocesses import source_environment

EVERY = pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
LARGE = 50_000_000  # bytes


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no start 'resnet'. Allowed: efficientnet-lite0, .*whisper-base"):
        find_start("resnet")


@EVERY
def test_a_definition_is_complete(start: Start) -> None:
    assert start.notice == start.notice.strip()
    for text in (start.licence, start.trained_on, start.limits, start.compared):
        assert text == text.strip() and not text.endswith(".")
    assert len(start.digest) == 64
    assert start.package is not None
    assert start.files.keys() == start.package.files.keys()
    assert all(start.package.files[name].sha256 == sha256 for name, sha256 in start.files.items())


def test_the_notice_of_whisper_names_openai() -> None:
    assert all("Copyright (c) 2022 OpenAI" in start.notice for start in STARTS.values() if start.sense == "audio")


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(start, id=name, marks=[pytest.mark.slow] if start.size > LARGE else [])
        for name, start in STARTS.items()
    ],
)
def test_the_installed_package_gives_the_tensors_of_the_digest(start: Start) -> None:
    if not is_installed(start):
        pytest.skip(start.install)
    tensors = load_tensors(start)  # which compares the digest
    assert all(array.dtype == "float32" for array in tensors.values())
    again = load_tensors(start)  # from the cache
    assert all((tensors[name] == again[name]).all() for name in tensors)
    for name in start.files:
        assert load_file(start, name).startswith(b"{")


def test_no_code_of_a_package_is_run() -> None:
    program = """
import sys
from seehear.starts import STARTS, load_file, is_available
for start in STARTS.values():
    is_available(start)
    for name in start.files:
        if is_available(start):
            load_file(start, name)
files = [part for start in STARTS.values() for part in start.package.parts]
assert not {file.path.split("/")[0] for file in files} & sys.modules.keys()
"""
    environment = source_environment()
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
