"""Atomic writes and the model file: it is read as written, and the same bundle gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny
from seehear.errors import BundleError, SeehearError
from seehear.files import write_atomically
from seehear.runtime.bundle import LIMITS, read_bundle, write_bundle


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "m.seehear", tiny.bundle())
    return tmp_path / "m.seehear"


def test_a_bundle_is_read_as_written(written: Path) -> None:
    assert read_bundle(written) == tiny.bundle()


def test_the_same_bundle_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again.seehear", read_bundle(written))
    assert (tmp_path / "again.seehear").read_bytes() == written.read_bytes()


def test_any_zip_program_can_open_it(written: Path) -> None:
    with zipfile.ZipFile(written) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(LIMITS)
        assert archive.read("model.onnx") == tiny.model()


def test_a_card_cannot_move_the_cursor_of_a_terminal(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.seehear", replace(tiny.bundle(), card="a\x1b[2Jb\tc\né"))
    assert read_bundle(tmp_path / "m.seehear").card == "a\N{REPLACEMENT CHARACTER}[2Jb\tc\né"


@pytest.mark.parametrize("change", [{"model": b"not a graph"}, {"weights": b""}, {"card": "x" * (1 << 21)}])
def test_a_bundle_that_could_not_be_read_is_not_written(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"m\.seehear"):
        write_bundle(tmp_path / "m.seehear", replace(tiny.bundle(), **change))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none.seehear: cannot be read: No such file or directory"):
        read_bundle(tmp_path / "none.seehear")


def test_a_pipe_or_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(BundleError, match="not a regular file"):
            read_bundle(path)


def test_atomic_writes_replace_the_file_and_leave_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    write_atomically(path, b"old")
    write_atomically(path, (part for part in (b"ne", b"w")))
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_halfway_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    write_atomically(path, b"old")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, broken())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_permissions_are_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.bin"
    link.symlink_to(tmp_path / "real" / "f.bin")
    write_atomically(link, b"new")
    (tmp_path / "plain").write_bytes(b"")
    assert link.is_symlink()
    assert (tmp_path / "real" / "f.bin").read_bytes() == b"new"
    assert link.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_leftovers_of_killed_writers_are_deleted_and_living_writers_left_alone(tmp_path: Path) -> None:
    killed = """
import os, signal, sys
from pathlib import Path
from seehear.files import write_atomically
def chunks():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), chunks())
"""
    path = tmp_path / "f.bin"
    write_atomically(path, b"old")
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False, env=dict(os.environ, PYTHONPATH="src"))
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2, "the kill leaves a part, hidden, beside the old file"

    def slow() -> Iterator[bytes]:
        yield b"slow"
        write_atomically(path, b"quick")
        yield b"ly"

    write_atomically(path, slow())
    assert path.read_bytes() == b"slowly"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["nowhere/f.bin", ".", "/dev/null"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SeehearError, match=r"cannot be written|not a regular file"):
        write_atomically(tmp_path / name, b"x")
