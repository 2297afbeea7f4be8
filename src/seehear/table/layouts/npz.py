"""Pictures and labels as arrays in one .npz file, as in MedMNIST, become a folder of PNG files with a table:

    images (N, H, W) or (N, H, W, 1 | 3 | 4), labels (N,) or (N, C)
    x, y                                      the same, under other names
    train_images, train_labels, x_test, ...   a pair for each part

Source: https://numpy.org/doc/stable/reference/generated/numpy.savez.html
"""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.errors import DataError
from seehear.table.parts import parse_part

EXTENSION = ".npz"
_PICTURES = ("x", "image", "images", "img", "imgs", "picture", "pictures", "data")
_LABELS = ("y", "label", "labels", "target", "targets", "class", "classes")
_LARGEST_BYTES = 1 << 32  # unpacked
_MOST_GREY = np.iinfo(np.uint8).max
_ALLOWED = "pictures (N, H, W) or (N, H, W, 1 | 3 | 4) with values of 0 to 255, 0 to 1, or true and false, and N labels"
_HINT = "save images and labels, or train_images and train_labels, with numpy.savez"

Array = NDArray[Any]


class _Pair(NamedTuple):
    part: str
    pictures: str
    labels: str


def is_npz(place: Path) -> bool:
    return place.is_file() and place.suffix.lower() == EXTENSION


def unpack_npz(file: Path, workspace: Path) -> Path:
    """Write the pictures and a metadata.csv to a new folder in workspace. Raises DataError for other content."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{file.stem[:40]}-", dir=workspace))
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > _LARGEST_BYTES:
            raise DataError(f"it unpacks to {size >> 20:,} MiB", allowed=f"up to {_LARGEST_BYTES >> 20:,} MiB")
        with np.load(file, allow_pickle=False) as arrays:
            _write(arrays, folder)
    except DataError as error:
        raise error.at(str(file)) from None
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"not a readable npz: {error}", where=str(file), hint=_HINT) from None
    except NotImplementedError as error:  # zipfile raises it for unsupported compression
        raise DataError(f"not a readable npz: {error}", where=str(file), hint=_HINT) from None
    return folder


def _write(arrays: Any, folder: Path) -> None:
    pairs = list(_pairs(arrays.files))
    if not pairs:
        raise DataError(f"no pictures with labels among {', '.join(arrays.files[:8]) or 'nothing'}", hint=_HINT)
    lines: list[str] = []
    headings, divided = "", any(pair.part for pair in pairs)
    for pair in pairs:
        labels = _label_cells(arrays[pair.labels], pair.labels)
        pictures = _to_uint8(arrays[pair.pictures], pair.pictures)
        if len(labels) != len(pictures):
            raise DataError(f"{len(pictures):,} pictures in {pair.pictures}, {len(labels):,} labels in {pair.labels}")
        width = labels[0].count(",") + 1 if labels else 1
        classes = ["label"] if width == 1 else [str(number) for number in range(width)]
        line_headings = ",".join(["file_name", *classes] + ["split"] * divided)
        if headings and line_headings != headings:
            raise DataError(f"{pair.labels} has a different number of classes from the other parts")
        headings = line_headings
        (folder / (pair.part or "all")).mkdir()
        for number, picture in enumerate(pictures):
            name = f"{pair.part or 'all'}/{number}.png"
            Image.fromarray(picture).save(folder / name, compress_level=1)
            lines.append(f"{name},{labels[number]}" + f",{pair.part}" * divided)
    (folder / "metadata.csv").write_text("\n".join([headings, *lines]) + "\n", encoding="utf-8")


def _pairs(names: list[str]) -> Iterator[_Pair]:
    roles = {name: _parse_name(name) for name in names}
    for pictures, (role, part) in roles.items():
        labels = next((name for name, other in roles.items() if other == ("labels", part)), None)
        if role == "pictures" and labels is not None:
            yield _Pair(part, pictures, labels)


def _parse_name(name: str) -> tuple[str, str]:
    """("pictures", "labels" or "", part) from the name of an array: train_images, x_test, labels."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    part = next((parse_part(word) for word in words if parse_part(word)), "")
    others = [word for word in words if not parse_part(word)]
    role = "pictures" if others and others[0] in _PICTURES else "labels" if others and others[0] in _LABELS else ""
    return (role if len(others) == 1 else ""), part


def _label_cells(array: Array, name: str) -> list[str]:
    """Labels as CSV cells; one-hot labels (N, C) become a column for each class."""
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    flags = array.ndim == 2 and array.dtype.kind in "biuf" and bool(np.isin(array, (0, 1)).all())
    if array.dtype.kind not in "biufU" or not (array.ndim == 1 or flags):
        raise DataError(f"{name} is {array.dtype} {array.shape}", allowed=_ALLOWED)
    if flags:
        return [",".join(map(str, row)) for row in array.astype(np.int64).tolist()]
    return ['"' + str(value).replace('"', '""').replace("\n", " ") + '"' for value in array.tolist()]


def _to_uint8(array: Array, name: str) -> Array:
    """(N, H, W) or (N, H, W, 3 | 4) uint8."""
    refused = DataError(f"{name} is {array.dtype} {array.shape}", allowed=_ALLOWED)
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3, 4):
        array = np.moveaxis(array, 1, 3)  # channels first, as in PyTorch
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3, 4)) or 0 in array.shape:
        raise refused
    array = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(_MOST_GREY)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all() or array.min() < 0 or array.max() > _MOST_GREY:
        raise refused
    if array.dtype.kind == "f" and array.max() <= 1:
        array = array * _MOST_GREY
    pictures: Array = np.rint(array).astype(np.uint8)
    return pictures
