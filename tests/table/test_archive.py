"""Archives of every kind unpack to the same rows; unsafe ones are refused."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seehear.errors import DataError
from seehear.table import archive as archives
from seehear.table.archive import unpack
from seehear.table.layouts import image_sizes
from table_kinds import KINDS, Kind, make, open_data, path_of

FILES = ["top/a/1.png", "top/a/2.png", "top/b/3.png", "__MACOSX/a/._1.png"]


def _tar(path: Path, *members: tuple[str, dict[str, Any]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, fields in members:
            info = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(info, field, value)
            content = b"" if info.type != tarfile.REGTYPE else b"x"
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


class _Member(zipfile.ZipInfo):
    """Also a member without a name, which zipfile itself would not write."""

    def is_dir(self) -> bool:
        return False


def _zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(_Member(name), b"x", zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize("name", ["d.tar", "d.tar.gz", "d.tgz", "d.tar.xz", "d.tar.bz2", "d.ZIP"])
def test_every_kind_of_archive(tmp_path: Path, name: str) -> None:
    kind = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(name.rpartition(".")[2], "w")
    if name == "d.ZIP":
        _zip(tmp_path / name, *FILES)
    else:
        _tar(tmp_path / name, *((member, {}) for member in FILES), mode=kind)
    table = open_data(tmp_path / name)
    assert [(row.key, row.answer) for row in table] == [("a/1.png", "a"), ("a/2.png", "a"), ("b/3.png", "b")]
    paths = [path_of(row, "image") for row in table]
    assert all(path.is_relative_to(tmp_path / "ws") for path in paths)
    assert paths[0].read_bytes() == b"x"


def test_a_table_in_an_archive_may_not_point_out_of_it(tmp_path: Path) -> None:
    make(tmp_path, ["secret.png"])
    rows = f"image,label\n1.png,a\n{tmp_path}/secret.png,b\n../../secret.png,c\n"
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as file:
        file.writestr("t.csv", rows)
        file.writestr("1.png", b"x")
    table = open_data(tmp_path / "d.zip")
    assert len(table) == 1
    assert [problem.what for problem in table.problems] == [
        f"'{tmp_path}/secret.png' points outside the archive",
        "'../../secret.png' points outside the archive",
    ]


@pytest.mark.parametrize("listed", ["../../secret", "list.txt"])
def test_yolo_in_an_archive_looks_at_nothing_outside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    make(tmp_path, ["secret/1.png"])
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as file:
        file.writestr("data.yaml", f"names: [cat]\nval: images\ntrain: {listed}\n")
        file.writestr("list.txt", "../../secret/1.png\nimages/1.png\n")
        file.writestr("images/1.png", b"x")
    looked_at: list[str] = []
    scandir = os.scandir

    def open_and_note(file: str, *args: Any, **kwargs: Any) -> Any:
        looked_at.append(str(file))
        return open(file, *args, **kwargs)  # noqa: PTH123

    def list_and_note(folder: Path) -> Any:
        looked_at.append(str(folder))
        return scandir(folder)

    monkeypatch.setattr(image_sizes, "open", open_and_note, raising=False)
    monkeypatch.setattr(os, "scandir", list_and_note)
    table = open_data(tmp_path / "d.zip", kinds=(*KINDS, Kind("boxes", ("boxes",))))
    assert "points outside the archive" in table.problems[0].what
    assert {row.key for row in table} <= {"images/1.png", "images/1.png#2"}
    assert looked_at and all(Path(place).resolve().is_relative_to(tmp_path / "ws") for place in looked_at)


def test_links_to_members_are_followed(tmp_path: Path) -> None:
    links: list[tuple[str, dict[str, Any]]] = [
        ("a/2.png", {"type": tarfile.LNKTYPE, "linkname": "a/1.png"}),
        ("b/3.png", {"type": tarfile.SYMTYPE, "linkname": "../a/1.png"}),
    ]
    table = open_data(_tar(tmp_path / "d.tar", ("a/1.png", {}), *links))
    assert [row.key for row in table] == ["a/1.png", "a/2.png", "b/3.png"]
    assert not path_of(table[2], "image").is_symlink()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../x.png", {})], "leads outside the archive"),
        ([("a/../../x.png", {})], "leads outside the archive"),
        ([("a/../b/x.png", {})], "a name with '..' in it"),
        ([("/tmp/x.png", {})], "leads outside the archive"),
        ([("C:\\x.png", {})], "leads outside the archive"),
        ([("..\\x.png", {})], "leads outside the archive"),
        ([("a/x.png", {}), ("a/x.png", {})], "this name occurs twice"),
        ([("a/x.png", {}), ("a/./x.png", {})], "this name occurs twice"),
        ([("a", {}), ("a/x.png", {})], "cannot be unpacked"),
        ([("x.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})], "a link to '/etc/passwd'|leads out"),
        ([("x.png", {"type": tarfile.SYMTYPE, "linkname": "../../etc"})], "leads outside the archive"),
        (
            [("x.png", {"type": tarfile.LNKTYPE, "linkname": "gone.png"})],
            "a link to 'gone.png', which is not a file in the archive",
        ),
        ([("x.png", {"type": tarfile.CHRTYPE})], "neither a file nor a folder"),
        ([("x.png", {"type": tarfile.FIFOTYPE})], "neither a file nor a folder"),
    ],
)
def test_hostile_tars_are_refused(tmp_path: Path, members: list[tuple[str, dict[str, object]]], words: str) -> None:
    path = _tar(tmp_path / "d.tar", *members)
    with pytest.raises(DataError, match=words) as caught:
        unpack(path, tmp_path / "deep" / "ws")
    assert str(path) in str(caught.value)
    inside = [file for file in tmp_path.rglob("*") if file.is_file() and file != path]
    assert all(file.is_relative_to(tmp_path / "deep" / "ws") for file in inside)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["../x.png"], "leads outside the archive"),
        (["/x.png"], "leads outside the archive"),
        (["a\\..\\..\\x.png"], "leads outside the archive"),
        (["a/x.png", "a/x.png"], "this name occurs twice"),
    ],
)
def test_hostile_zips_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        unpack(_zip(tmp_path / "d.zip", *names), tmp_path / "ws")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/" + "n" * 300 + ".png", "its name is too long for a file"),
        ("ü" * 130 + "/1.png", "its name is too long for a file"),
        ("a/" * 1500 + "1.png", "its name is too long for a file"),
        ("a/" * 150 + "1.png", "its name is too long for a file"),
        ("", "a file without a name"),
    ],
)
@pytest.mark.parametrize("pack", [_zip, lambda path, *names: _tar(path, *((name, {}) for name in names))])
def test_a_member_with_an_impossible_name_is_reported(
    tmp_path: Path, pack: Callable[..., Path], name: str, words: str
) -> None:
    path = pack(tmp_path / ("d.zip" if pack is _zip else "d.tar"), "a/1.png", name, "b/2.png")
    table = open_data(path)
    assert sorted(row.answer or "" for row in table) == ["a", "b"]
    assert [(problem.where, problem.what) for problem in table.problems] == [(f"{path.name}: {name[:60]!r}", words)]


def test_a_zip_link_out_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("x.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as file:
        file.writestr(link, "../../etc/passwd")
    with pytest.raises(DataError, match="leads outside the archive"):
        unpack(tmp_path / "d.zip", tmp_path / "ws")


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "d.zip", "a/1.png", "a/2.png")
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[second + 42 : second + 46] = bytes(4)  # the offset of the second member: that of the first
    path.write_bytes(content)
    with pytest.raises(DataError, match="its members overlap"):
        unpack(path, tmp_path / "ws")


@pytest.mark.parametrize("name", ["d.zip", "d.tar.xz"])
def test_bombs_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED_BYTES", 1 << 20)
    big = io.BytesIO(bytes(4 << 20))
    if name == "d.zip":
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a/1.png", big.getvalue())
    else:
        with tarfile.open(tmp_path / name, "w:xz") as tar:
            info = tarfile.TarInfo("a/1.png")
            info.size = 4 << 20
            tar.addfile(info, big)
    with pytest.raises(DataError, match="it unpacks to far more than its size suggests"):
        unpack(tmp_path / name, tmp_path / "ws")
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 2)
    with pytest.raises(DataError, match="more than 2 members"):
        unpack(_zip(tmp_path / "many.zip", "1", "2", "3"), tmp_path / "ws")


def test_an_overlong_header_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "d.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a/1.png")
        info.pax_headers = {"comment": "x" * (2 << 20)}
        tar.addfile(info, io.BytesIO())
    with pytest.raises(DataError, match="damaged: a header is too long"):
        unpack(tmp_path / "d.tar", tmp_path / "ws")


def test_a_truncated_tar_is_damaged(tmp_path: Path) -> None:
    path = _tar(tmp_path / "d.tar", *((member, {}) for member in FILES))
    path.write_bytes(path.read_bytes()[: 2 * 1024])
    with pytest.raises(DataError, match="damaged: it is truncated"):
        unpack(path, tmp_path / "ws")


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _nonsense(path: Path) -> None:
    path.write_bytes(b"nonsense" * 100)


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz", "d.tar.xz"])
@pytest.mark.parametrize("damage", [_half, _nonsense])
def test_damaged_archives(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    path = tmp_path / name
    if name == "d.zip":
        _zip(path, *FILES)
    else:
        _tar(path, *((member, {}) for member in FILES), mode=f"w:{name[6:]}")
    damage(path)
    with pytest.raises(DataError, match="damaged") as caught:
        open_data(path)
    assert str(path) in str(caught.value)
