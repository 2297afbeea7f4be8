"""Only marked folders are emptied, and a place that cannot be written to is refused before any work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from learning import digits_table
from seehear import api
from seehear.errors import UsageError
from seehear.files import check_writable, write_atomically
from seehear.folders import MARKER, MARKER_TEXT, claim_folder, delete, empty_folder, remove_folder
from subprocesses import source_environment

KEPT = b"years of work"


def plain(folder: Path) -> Path:
    """A folder that belongs to the user."""
    folder.mkdir()
    (folder / "thesis.txt").write_bytes(KEPT)
    return folder / "thesis.txt"


def link(folder: Path) -> Path:
    kept = plain(folder.with_name("elsewhere"))
    folder.symlink_to(kept.parent)
    return kept


def link_to_marked(folder: Path) -> Path:
    kept = link(folder)
    (kept.parent / MARKER).write_bytes(MARKER_TEXT)
    return kept


def loop(folder: Path) -> Path:
    folder.symlink_to(folder)
    return plain(folder.with_name("elsewhere"))


def file(folder: Path) -> Path:
    folder.write_bytes(KEPT)
    return folder


def linked_mark(folder: Path) -> Path:
    """The marker must be a file, not a link to that of another folder."""
    kept = plain(folder)
    (folder.parent / "mark").write_bytes(MARKER_TEXT)
    (folder / MARKER).symlink_to(folder.parent / "mark")
    return kept


def other_mark(folder: Path) -> Path:
    kept = plain(folder)
    (folder / MARKER).write_bytes(b"something else")
    return kept


def run_without_mark(folder: Path) -> Path:
    kept = plain(folder)
    (folder / "run.json").write_text("{}")
    return kept


NOT_OURS = (plain, link, link_to_marked, loop, file, linked_mark, other_mark, run_without_mark)


@pytest.mark.parametrize("make", NOT_OURS)
def test_folders_without_our_marker_are_never_emptied(make: Callable[[Path], Path], tmp_path: Path) -> None:
    kept = make(tmp_path / "work")
    refusal = (
        r"work: (is a link|is not a folder|holds files that are not from a run of seehear), .*Next: move or delete"
    )
    with pytest.raises(UsageError, match=refusal), claim_folder(tmp_path / "work"):
        pytest.fail("claimed")
    assert kept.read_bytes() == KEPT


@pytest.mark.parametrize("make", NOT_OURS)
@pytest.mark.parametrize("by_cache", [False, True])
def test_training_refuses_such_folders_before_reading_data(
    make: Callable[[Path], Path], by_cache: bool, tmp_path: Path
) -> None:
    kept = make(tmp_path / ("seehear-run" if by_cache else "m.seehear.run"))
    with pytest.raises(UsageError, match="Next: move or delete it yourself"):
        api.train(tmp_path / "no-data", tmp_path / "m.seehear", cache=tmp_path if by_cache else None)
    assert kept.read_bytes() == KEPT


def test_a_marked_folder_is_emptied_but_not_the_targets_of_its_links(tmp_path: Path) -> None:
    kept, work = plain(tmp_path / "mine"), tmp_path / "deep" / "work"
    with claim_folder(work):
        (work / "sub").mkdir()
        (work / "sub" / "old.txt").write_bytes(b"old")
        (work / "folder").symlink_to(kept.parent)
        (work / "file").symlink_to(kept)
    with claim_folder(work):
        empty_folder(work)
        assert [entry.name for entry in work.iterdir()] == [MARKER]
        remove_folder(work)
    assert not work.exists() and kept.read_bytes() == KEPT


@pytest.mark.parametrize("half", [None, b"", MARKER_TEXT[:9]])
def test_a_folder_with_half_a_marker_can_be_claimed(half: bytes | None, tmp_path: Path) -> None:
    if half is not None:
        (tmp_path / MARKER).write_bytes(half)
    with claim_folder(tmp_path):
        assert (tmp_path / MARKER).read_bytes() == MARKER_TEXT


def test_without_a_marker_nothing_is_emptied(tmp_path: Path) -> None:
    kept = plain(tmp_path / "mine")
    for clear in (empty_folder, remove_folder):
        with pytest.raises(UsageError, match="not from a run of seehear"):
            clear(kept.parent)
    assert kept.read_bytes() == KEPT


def test_deleting_a_link_keeps_its_target(tmp_path: Path) -> None:
    kept = plain(tmp_path / "mine")
    (tmp_path / "link").symlink_to(kept.parent)
    delete(tmp_path / "link")
    delete(tmp_path / "nothing")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"] and kept.read_bytes() == KEPT


def looping(folder: Path) -> Path:
    (folder / "m.seehear").symlink_to(folder / "n.seehear")
    (folder / "n.seehear").symlink_to(folder / "m.seehear")
    return folder / "m.seehear"


def into_a_loop(folder: Path) -> Path:
    return looping(folder) / "m.seehear"


def too_long(folder: Path) -> Path:
    return folder / ("m" * 300 + ".seehear")


def below_what_is_too_long(folder: Path) -> Path:
    return folder / ("m" * 300) / "m.seehear"


def with_a_nul(folder: Path) -> Path:
    return folder / "m\0.seehear"


def with_a_surrogate(folder: Path) -> Path:
    return folder / "m\ud800.seehear"


def a_folder(folder: Path) -> Path:
    (folder / "m.seehear").mkdir()
    return folder / "m.seehear"


def a_device(folder: Path) -> Path:
    (folder / "m.seehear").symlink_to("/dev/full")
    return folder / "m.seehear"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "m.seehear")
    return folder / "m.seehear"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file" / "m.seehear"


def nowhere(folder: Path) -> Path:
    return folder / "there" / "is" / "no" / "m.seehear"


def on_a_system_of_the_kernel(_folder: Path) -> Path:
    return Path("/proc/m.seehear")


IMPOSSIBLE = (
    *(looping, into_a_loop, too_long, below_what_is_too_long, with_a_nul, with_a_surrogate),
    *(a_folder, a_device, a_pipe, below_a_file, nowhere, on_a_system_of_the_kernel),
)


@pytest.mark.parametrize("make", IMPOSSIBLE)
def test_a_model_that_cannot_be_written_is_refused_before_training(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    out = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"cannot be written|cannot be replaced|no such folder"):
        api.train(tmp_path / "no-data", out)
    assert sorted(tmp_path.rglob("*")) == before


def a_new_file(folder: Path) -> Path:
    return folder / "m.seehear"


def an_old_file(folder: Path) -> Path:
    (folder / "m.seehear").write_bytes(b"old")
    return folder / "m.seehear"


def a_link_to_what_is_not_there_yet(folder: Path) -> Path:
    (folder / "m.seehear").symlink_to("later.seehear")
    return folder / "m.seehear"


def a_long_name(folder: Path) -> Path:
    return folder / ("ü" * 120 + ".seehear")


@pytest.mark.parametrize("make", [a_new_file, an_old_file, a_link_to_what_is_not_there_yet, a_long_name])
def test_files_that_pass_check_writable_can_be_written(make: Callable[[Path], Path], tmp_path: Path) -> None:
    out = make(tmp_path)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    check_writable(out)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()} == before
    write_atomically(out, b"new")
    assert out.read_bytes() == b"new"


def test_a_work_folder_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["odd", "even"] * 4}, ("image",))
    with pytest.raises(UsageError, match="the work folder cannot be created: File name too long"):
        api.train(data, tmp_path / ("m" * 245 + ".seehear"))


WITHOUT_FCNTL = """
import fcntl, sys, types
from pathlib import Path
lock = lambda descriptor, mode, size: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
sys.modules["msvcrt"] = types.SimpleNamespace(locking=lock, LK_NBLCK=2)
sys.modules["fcntl"], sys.platform = None, "win32"
from seehear import files, folders
from seehear.errors import UsageError

work = Path("work")
with folders.claim_folder(work):
    files.write_atomically(work / "a", b"old")
    (work / ".a.00000000.part").write_bytes(b"left by a killed writer")
    files.write_atomically(work / "a", b"new")
    assert sorted(path.name for path in work.iterdir()) == [folders.MARKER, "a"]
    assert (work / "a").read_bytes() == b"new"
    try:
        with folders.claim_folder(work):
            sys.exit("claimed twice")
    except UsageError as error:
        assert "another process is using it" in str(error)
    folders.remove_folder(work)
with folders.temporary_folder() as folder:
    assert folder.is_dir()
assert not list(Path().iterdir())
"""


def test_files_and_folders_need_no_fcntl(tmp_path: Path) -> None:
    """The code for Windows, with its lock emulated by ours."""
    environment = source_environment(PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FCNTL],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
