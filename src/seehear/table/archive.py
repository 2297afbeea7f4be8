"""Unpacking a tar or zip that a stranger may have made: nothing outside the folder, nothing without bound."""

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
# Recordings of silence and flat drawings shrink about a hundredfold, a bomb thousandfold.
_MOST_GROWTH = 200
_ALWAYS_ALLOWED_BYTES = 1 << 30
_LONGEST_LINK = 4096
_LONGEST_NAME_BYTES = 255  # of a file, on all common disks
_LONGEST_PATH_BYTES = 2048  # below the folder that it is unpacked to
_DEEPEST = 100  # folders in each other
_NAME_SHOWN = 60


def is_archive(place: Path) -> bool:
    return place.is_file() and place.name.lower().endswith((".zip", *_TAR))


class Unpacked(NamedTuple):
    """The folder that the files of an archive were written to, and those that no file can be called like."""

    folder: Path
    problems: tuple[RowProblem, ...]


def unpack(archive: Path, workspace: Path) -> Unpacked:
    """Below a new folder in workspace. Raises DataError for an archive that is refused."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=archive.name.partition(".")[0][:40] + "-", dir=workspace))
    writer = _Writer(archive, folder)
    try:
        (_unzip if archive.suffix.lower() == ".zip" else _untar)(archive, writer)
        writer.link_all()
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"damaged: {error}", where=str(archive), hint="copy or download it again") from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile's words for methods and passwords it lacks
        raise DataError(str(error), where=str(archive), hint="unpack it yourself and point at the folder") from None
    except (OSError, ValueError) as error:
        raise DataError(f"can not be unpacked: {error}", where=str(archive)) from None
    return Unpacked(folder, tuple(writer.problems))


def is_shards(place: Path) -> bool:
    """Whether a folder holds archives and nothing else."""
    if not place.is_dir():
        return False
    folders, files = list_visible(place)
    return bool(files) and not folders and all(is_archive(place / file) for file in files)


def unpack_shards(place: Path, workspace: Path) -> Unpacked:
    """A folder in workspace with all their files, in folders for the parts that their names tell: train-000000.tar."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{place.name[:40]}-", dir=workspace))
    problems: list[RowProblem] = []
    for name in list_visible(place)[1]:
        part = find_part_in_name(name)
        problems += unpack(place / name, folder / part if part else folder).problems
    return Unpacked(folder, tuple(problems))


class _Writer:
    """Writes members below one folder, each name once, within bounds."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive, self._folder = archive, folder
        allowed = max(_ALWAYS_ALLOWED_BYTES, _MOST_GROWTH * archive.stat().st_size)
        self._bytes_left = min(allowed, shutil.disk_usage(folder).free)
        self._members = 0
        self._written: set[str] = set()
        self._links: dict[str, str] = {}
        self._folders: set[str] = set()
        self.problems: list[RowProblem] = []

    def refuse(self, what: str, member: str = "") -> DataError:
        where = f"{self._archive}: {member!r}" if member else str(self._archive)
        return DataError(what, where=where, hint="unpack it yourself if you trust it, and point at the folder")

    def count(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise self.refuse(f"more than {_MOST_MEMBERS:,} members")

    def can_name(self, member: str) -> bool:
        """Whether a file can be called so; else it is a problem."""
        whole = os.fsencode(member.replace("\\", "/"))
        names = whole.split(b"/")
        short = len(whole) <= _LONGEST_PATH_BYTES and max(map(len, names)) <= _LONGEST_NAME_BYTES
        if member and short and len(names) <= _DEEPEST:
            return True
        what = "its name is too long for a file" if member else "a file without a name"
        self.problems.append(RowProblem(f"{self._archive.name}: {member[:_NAME_SHOWN]!r}", what))
        return False

    def write(self, member: str, content: IO[bytes]) -> None:
        name = self._new(member)
        self._make_parent(name)
        with (self._folder / name).open("xb") as file:
            while block := content.read(_BLOCK):
                self._bytes_left -= len(block)
                if self._bytes_left < 0:
                    raise self.refuse("it unpacks to more than it should, or than the disk holds", member)
                file.write(block)

    def link(self, member: str, target: str) -> None:
        """A link to another member; what it leads to must lie in the archive. Made at the end, as a hard link."""
        self._links[self._new(member)] = self._inside(target, member)

    def link_all(self) -> None:
        for name, target in self._links.items():
            if target in self._written - self._links.keys():
                self._make_parent(name)
                os.link(self._folder / target, self._folder / name)
            else:
                raise self.refuse(f"a link to {target!r}, which is no file in it", name)

    def _make_parent(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent not in self._folders:
            (self._folder / parent).mkdir(parents=True, exist_ok=True)
            self._folders.add(parent)

    def _new(self, member: str) -> str:
        name = self._inside(member, member)
        if name in self._written:
            raise self.refuse("this name occurs twice", member)
        self._written.add(name)
        return name

    def _inside(self, path: str, member: str) -> str:
        path = path.replace("\\", "/")
        normal = os.path.normpath(path)
        if path.startswith("/") or path[1:2] == ":" or "\0" in path or normal.split("/")[0] in ("..", "."):
            raise self.refuse(f"{path!r} leads out of the archive", member)
        if ".." in PurePosixPath(member.replace("\\", "/")).parts:
            raise self.refuse("a name with '..' in it", member)
        return normal


class _Header(tarfile.TarInfo):
    """A header in a tar. tarfile takes a damaged one for the archive's end, and reads long names whole into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> _Header:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf and not any(buf):  # zeros: the proper end
                raise
            raise tarfile.ReadError(f"it ends within, or a header is wrong ({error})") from None
        if header.type in (b"x", b"g", b"X", b"L", b"K") and header.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError("a header of absurd length")
        return header


def _untar(archive: Path, writer: _Writer) -> None:
    with tarfile.open(archive, "r|*", tarinfo=_Header) as tar:
        for member in tar:
            writer.count()
            if not member.isdir() and not writer.can_name(member.name):
                continue
            if member.isreg() and (content := tar.extractfile(member)):
                writer.write(member.name, content)
            elif member.islnk():
                writer.link(member.name, member.linkname)
            elif member.issym():
                writer.link(member.name, str(PurePosixPath(member.name).parent / member.linkname))
            elif not member.isdir():
                raise writer.refuse("neither a file nor a folder", member.name)


def _unzip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as file:
        _check_no_overlap(file, writer)
        for member in file.infolist():
            writer.count()
            mode = member.external_attr >> 16
            if not writer.can_name(member.filename) or member.is_dir():
                continue
            with file.open(member) as content:
                if stat.S_ISLNK(mode):
                    target = content.read(_LONGEST_LINK).decode("utf-8", "replace")
                    writer.link(member.filename, str(PurePosixPath(member.filename).parent / target))
                elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                    writer.write(member.filename, content)
                else:
                    raise writer.refuse("neither a file nor a folder", member.filename)


def _check_no_overlap(file: zipfile.ZipFile, writer: _Writer) -> None:
    """Members that share bytes are how a small zip grows without end (Fifield 2019, "A better zip bomb")."""
    members = sorted(file.infolist(), key=lambda member: member.header_offset)
    ends = [member.header_offset + _SHORTEST_HEADER + member.compress_size for member in members]
    for end, after in zip(ends, members[1:], strict=False):
        if end > after.header_offset:
            raise writer.refuse("its members overlap", after.filename)


_SHORTEST_HEADER = 30  # bytes of a member's local header without its name: APPNOTE.TXT 4.3.7
