"""Unpack tar and zip archives from untrusted sources: nothing outside the folder, nothing without bound."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from seehear.errors import DataError
from seehear.table.directories import list_visible
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
_BLOCK = 1 << 20
_MOST_MEMBERS = 2_000_000
_MOST_HEADER_BYTES = 1 << 20
# Silence and flat drawings compress about 100 times, a zip bomb 1,000 times.
_MOST_GROWTH = 200
_ALWAYS_ALLOWED_BYTES = 1 << 30
_LONGEST_LINK = 4096
_LONGEST_NAME_BYTES = 255  # of a file, on all common file systems
_LONGEST_PATH_BYTES = 2048  # below the folder that it is unpacked to
_DEEPEST = 100  # folders in each other
_NAME_SHOWN = 60


def is_archive(place: Path) -> bool:
    return place.is_file() and place.name.lower().endswith((".zip", *_TAR))


class Unpacked(NamedTuple):
    """The folder that an archive was unpacked to, and the members that cannot be written under their name."""

    folder: Path
    problems: tuple[RowProblem, ...]


def unpack(archive: Path, workspace: Path) -> Unpacked:
    """Unpack into a new folder below workspace. Raises DataError for an archive that is damaged or unsafe."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=archive.name.partition(".")[0][:40] + "-", dir=workspace))
    writer = _Writer(archive, folder)
    try:
        (_extract_zip if archive.suffix.lower() == ".zip" else _extract_tar)(archive, writer)
        writer.write_links()
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"damaged: {error}", where=str(archive), hint="copy or download it again") from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile raises these for methods and passwords it lacks
        raise DataError(str(error), where=str(archive), hint="unpack it yourself and point at the folder") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be unpacked: {error}", where=str(archive)) from None
    return Unpacked(folder, tuple(writer.problems))


def is_shards(place: Path) -> bool:
    """Whether a folder holds only archives, such as the shards of a WebDataset."""
    if not place.is_dir():
        return False
    folders, files = list_visible(place)
    return bool(files) and not folders and all(is_archive(place / file) for file in files)


def unpack_shards(place: Path, workspace: Path) -> Unpacked:
    """Unpack all archives of a folder into one, with a folder for each part in their names: train-000000.tar."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{place.name[:40]}-", dir=workspace))
    problems: list[RowProblem] = []
    for name in list_visible(place)[1]:
        part = find_part_in_name(name)
        problems += unpack(place / name, folder / part if part else folder).problems
    return Unpacked(folder, tuple(problems))


class _Writer:
    """Write members below one folder, each name once, within limits of number, size and depth."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive, self._folder = archive, folder
        allowed = max(_ALWAYS_ALLOWED_BYTES, _MOST_GROWTH * archive.stat().st_size)
        self._bytes_left = min(allowed, shutil.disk_usage(folder).free)
        self._members = 0
        self._written: set[str] = set()
        self._links: dict[str, str] = {}
        self._folders: set[str] = set()
        self.problems: list[RowProblem] = []

    def make_error(self, what: str, member: str = "") -> DataError:
        where = f"{self._archive}: {member!r}" if member else str(self._archive)
        return DataError(what, where=where, hint="unpack it yourself if you trust it, and point at the folder")

    def count_member(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise self.make_error(f"more than {_MOST_MEMBERS:,} members")

    def check_name(self, member: str) -> bool:
        """Whether a file system accepts the name; if not, record a problem."""
        whole = os.fsencode(member.replace("\\", "/"))
        names = whole.split(b"/")
        short = len(whole) <= _LONGEST_PATH_BYTES and max(map(len, names)) <= _LONGEST_NAME_BYTES
        if member and short and len(names) <= _DEEPEST:
            return True
        what = "its name is too long for a file" if member else "a file without a name"
        self.problems.append(RowProblem(f"{self._archive.name}: {member[:_NAME_SHOWN]!r}", what))
        return False

    def write(self, member: str, content: IO[bytes]) -> None:
        name = self._claim_name(member)
        self._make_parent(name)
        with (self._folder / name).open("xb") as file:
            while block := content.read(_BLOCK):
                self._bytes_left -= len(block)
                if self._bytes_left < 0:
                    raise self.make_error(
                        "it unpacks to far more than its size suggests, or than the disk holds", member
                    )
                file.write(block)

    def add_link(self, member: str, target: str) -> None:
        """Remember a link to another member. `write_links` makes it a hard link, once its target is written."""
        self._links[self._claim_name(member)] = self._check_inside(target, member)

    def write_links(self) -> None:
        for name, target in self._links.items():
            if target in self._written - self._links.keys():
                self._make_parent(name)
                os.link(self._folder / target, self._folder / name)
            else:
                raise self.make_error(f"a link to {target!r}, which is not a file in the archive", name)

    def _make_parent(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent not in self._folders:
            (self._folder / parent).mkdir(parents=True, exist_ok=True)
            self._folders.add(parent)

    def _claim_name(self, member: str) -> str:
        name = self._check_inside(member, member)
        if name in self._written:
            raise self.make_error("this name occurs twice", member)
        self._written.add(name)
        return name

    def _check_inside(self, path: str, member: str) -> str:
        path = path.replace("\\", "/")
        normal = os.path.normpath(path)
        if path.startswith("/") or path[1:2] == ":" or "\0" in path or normal.split("/")[0] in ("..", "."):
            raise self.make_error(f"{path!r} leads outside the archive", member)
        if ".." in PurePosixPath(member.replace("\\", "/")).parts:
            raise self.make_error("a name with '..' in it", member)
        return normal


class _Header(tarfile.TarInfo):
    """A tar header. tarfile takes a damaged one for the end of the archive, and reads long names into memory whole."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> _Header:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf and not any(buf):  # zeros mark the end
                raise
            raise tarfile.ReadError(f"it is truncated, or a header is wrong ({error})") from None
        if header.type in (b"x", b"g", b"X", b"L", b"K") and header.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError("a header is too long")
        return header


def _extract_tar(archive: Path, writer: _Writer) -> None:
    with tarfile.open(archive, "r|*", tarinfo=_Header) as tar:
        for member in tar:
            writer.count_member()
            if not member.isdir() and not writer.check_name(member.name):
                continue
            if member.isreg() and (content := tar.extractfile(member)):
                writer.write(member.name, content)
            elif member.islnk():
                writer.add_link(member.name, member.linkname)
            elif member.issym():
                writer.add_link(member.name, str(PurePosixPath(member.name).parent / member.linkname))
            elif not member.isdir():
                raise writer.make_error("neither a file nor a folder", member.name)


def _extract_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as file:
        _check_no_overlap(file, writer)
        for member in file.infolist():
            writer.count_member()
            mode = member.external_attr >> 16
            if not writer.check_name(member.filename) or member.is_dir():
                continue
            with file.open(member) as content:
                if stat.S_ISLNK(mode):
                    target = content.read(_LONGEST_LINK).decode("utf-8", "replace")
                    writer.add_link(member.filename, str(PurePosixPath(member.filename).parent / target))
                elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                    writer.write(member.filename, content)
                else:
                    raise writer.make_error("neither a file nor a folder", member.filename)


def _check_no_overlap(file: zipfile.ZipFile, writer: _Writer) -> None:
    """Refuse members that share bytes: a small zip could grow without limit (Fifield 2019, "A better zip bomb")."""
    members = sorted(file.infolist(), key=lambda member: member.header_offset)
    ends = [member.header_offset + _SHORTEST_HEADER + member.compress_size for member in members]
    for end, after in zip(ends, members[1:], strict=False):
        if end > after.header_offset:
            raise writer.make_error("its members overlap", after.filename)


_SHORTEST_HEADER = 30  # bytes of a member's local header without its name: APPNOTE.TXT 4.3.7
