"""Pascal VOC: Annotations/NAME.xml beside JPEGImages/NAME.jpg, or each xml beside its picture; parts in ImageSets/.

Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge" (2010). Pixels are counted from 1 and a box has
its last one within it: 1, 1, 640, 480 is a whole picture of 640 x 480.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, list_visible
from seehear.table.encoding import read_lines
from seehear.table.layouts.annotation_files import parse_number, parse_size_px, read_beginning, read_xml
from seehear.table.layouts.box_cells import Annotations
from seehear.table.layouts.image_sizes import reconcile_sizes
from seehear.table.layouts.outline_cells import make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part
from seehear.table.rows import RowProblem

_ANNOTATIONS = ("Annotations", "annotations", "xmls")
_PICTURES = ("JPEGImages", "images", "Images", "imgs", "")  # the last: beside the annotations
_MASKS = ("SegmentationClass", "SegmentationClassPNG")
_LISTS = ("ImageSets/Main", "ImageSets/Segmentation")
_BEGINNING = re.compile(rb"(<\?xml[^>]*+>\s*+)?(<!--(?>.*?-->)\s*+)*+<annotation\b", re.DOTALL)
_LARGEST_BYTES = 16 << 20  # some ten thousand boxes
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass
class _Pictures:
    """Columns as they grow, and what could not be an example."""

    image: list[str] = field(default_factory=list)
    mask: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    things: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)
    at_zero: int = 0
    unlisted: int = 0


@dataclass(frozen=True)
class _Folder:
    """What lies in one part: the annotations, and by stem the pictures and masks; `listed` gives parts by stem."""

    annotations: list[str]
    pictures: dict[str, list[str]]
    masks: dict[str, str]
    listed: dict[str, str]


def read_pascal_voc(place: Path) -> RawTable | None:
    """A folder of such annotations, or one with such folders for its parts; None for any other."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    found = _Pictures()
    for prefix, part in find_part_folders(place, notes):
        if folder := _folder(place, prefix):
            for name in folder.annotations:
                _read(place, name, folder, part, found)
            _missing(folder, found)
    if not found.image and not found.problems:
        return None
    sizes = partial(reconcile_sizes, place, found.image, found.size_px)
    return RawTable(
        place,
        make_text_table({"image": found.image, "mask": found.mask}),
        part=pa.chunked_array([pa.array(found.part, pa.large_string())]),
        problems=tuple(found.problems),
        notes=(*notes, *_sentences(found)),
        lazy_answers=make_lazy_answers(found.things, sizes, ()),
        missing_answer="nothing is drawn for it",
    )


def _folder(place: Path, prefix: str) -> _Folder | None:
    folders = list_visible(place / prefix)[0]
    inner = next((f"{name}/" for name in _ANNOTATIONS if name in folders), "")
    annotations = [
        prefix + inner + name for name in list_visible(place / prefix / inner)[1] if name.lower().endswith(".xml")
    ]
    if not any(_is_annotation(place / name) for name in annotations):
        return None
    pictures: dict[str, list[str]] = {}
    for folder in dict.fromkeys([*(f"{name}/" for name in _PICTURES if name in folders), "", inner]):
        for name in list_visible(place / prefix / folder)[1]:
            if medium_of(name) == "picture" and is_valid_text(name):
                pictures.setdefault(name.rpartition(".")[0], []).append(prefix + folder + name)
    masks = {
        name.rpartition(".")[0]: f"{prefix}{folder}/{name}"
        for folder in reversed(_MASKS)
        if folder in folders
        for name in list_visible(place / prefix / folder)[1]
    }
    return _Folder(annotations, pictures, masks, _lists(place, prefix))


def _is_annotation(file: Path) -> bool:
    return _BEGINNING.match(read_beginning(file)) is not None


def _lists(place: Path, prefix: str) -> dict[str, str]:
    """The part of each stem that a list names; {} where there are no lists. What is both train and val is train."""
    parts: dict[str, str] = {}
    for folder in _LISTS:
        lists = list_visible(place / prefix / folder)[1] if (place / prefix / folder).is_dir() else []
        named = {name: parse_part(name.removesuffix(".txt")) for name in lists if name.endswith(".txt")}
        if "trainval.txt" in named and "train" not in named.values():
            named["trainval.txt"] = "train"
        for name, part in named.items():
            for line in read_lines(place / prefix / folder / name, f"{prefix}{folder}/{name}") if part else []:
                if stem := line.strip().removesuffix(".jpg"):
                    parts.setdefault(stem, part)
    return parts


def _read(place: Path, name: str, folder: _Folder, part: str, found: _Pictures) -> None:
    """One annotation becomes one row, or a problem."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    if folder.listed and stem not in folder.listed:
        found.unlisted += 1
        return
    try:
        root = _parsed(place / name, name)
    except DataError as error:
        found.problems.append(RowProblem.of(error, name))
        return
    told = (root.findtext("filename") or "").strip()
    candidates = folder.pictures.get(stem, []) or folder.pictures.get(told.rpartition(".")[0], [])
    picture = next((each for each in candidates if each.endswith(f"/{told}")), next(iter(candidates), None))
    if picture is None:
        found.problems.append(RowProblem(name, f"no picture {told or stem!r}", "put it beside, or into JPEGImages"))
        return
    row = len(found.image)
    found.image.append(picture)
    found.mask.append(folder.masks.get(stem))
    found.part.append(folder.listed.get(stem, part))
    found.size_px.append(parse_size_px(root.findtext("size/width"), root.findtext("size/height")))
    for number, thing in enumerate(root.iter("object"), 1):
        corners = [parse_number(thing.findtext(f"bndbox/{corner}")) for corner in _CORNERS]
        found.at_zero += 0 in corners[:2]
        xyxy = [max(corner - 1, 0) if corner >= 0 else corner for corner in corners[:2]] + corners[2:]
        hard = (thing.findtext("difficult") or "0").strip() == "1"
        label = (thing.findtext("name") or "").strip()
        found.things.add(row, label, xyxy, f"{name} object {number}", hard=hard)


def _parsed(file: Path, name: str) -> ElementTree.Element:
    root = read_xml(file, name, _LARGEST_BYTES)
    if root.tag != "annotation":
        raise DataError(f"not an annotation but <{root.tag[:40]}>", where=name)
    return root


def _missing(folder: _Folder, found: _Pictures) -> None:
    """Pictures that nobody drew on, and names on lists that lead nowhere."""
    drawn = {name.rpartition("/")[2].rpartition(".")[0] for name in folder.annotations}
    used = set(found.image)
    for stem, names in folder.pictures.items():
        if stem not in drawn and not used & set(names) and (not folder.listed or stem in folder.listed):
            hint = "an annotation without an object says that there is none in it"
            found.problems.append(RowProblem(names[0], "no annotation of this name", hint))
    lost = (stem for stem in folder.listed if stem not in drawn and stem not in folder.pictures)
    found.problems += (
        RowProblem(f"ImageSets: {stem}", "neither an annotation nor a picture of this name") for stem in lost
    )


def _sentences(found: _Pictures) -> Iterator[str]:
    masks = sum(mask is not None for mask in found.mask)
    also = f"; {masks:,} with a mask" if masks else ""
    boxes, pictures = format_count(len(found.things.label), "box"), format_count(len(found.image), "picture")
    yield f"Pascal VOC: {boxes} in {pictures}{also}"
    if found.at_zero:
        yield f"{format_count(found.at_zero, 'box')} starting at pixel 0, where Pascal VOC counts from 1: read as 1"
    if found.unlisted:
        yield f"not used: {format_count(found.unlisted, 'annotation')} on no list in ImageSets"
