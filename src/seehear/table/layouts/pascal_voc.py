"""Pascal VOC: an XML file for each picture, Annotations/NAME.xml for JPEGImages/NAME.jpg, or beside it:

    <annotation><filename>a.jpg</filename><size><width>640</width><height>480</height></size>
        <object><name>cat</name><difficult>0</difficult>
            <bndbox><xmin>12</xmin><ymin>40</ymin><xmax>211</xmax><ymax>131</ymax></bndbox></object></annotation>

Pixels are counted from 1, and a box includes its last one: 1, 1, 640, 480 is a whole picture. ImageSets/ may list
parts; SegmentationClass/ may hold masks.
Source: Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge" (2010)
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
_PICTURES = ("JPEGImages", "images", "Images", "imgs", "")  # "": beside the annotations
_MASKS = ("SegmentationClass", "SegmentationClassPNG")
_LISTS = ("ImageSets/Main", "ImageSets/Segmentation")
_BEGINNING = re.compile(rb"(<\?xml[^>]*+>\s*+)?(<!--(?>.*?-->)\s*+)*+<annotation\b", re.DOTALL)
_LARGEST_BYTES = 16 << 20  # some ten thousand boxes
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass
class _Pictures:
    """The columns so far, and what could not become an example."""

    image: list[str] = field(default_factory=list)
    mask: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    annotations: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)
    at_zero: int = 0
    unlisted: int = 0


@dataclass(frozen=True)
class _Folder:
    """The files of one part: annotations, and by stem the pictures, masks and listed parts."""

    annotations: list[str]
    pictures: dict[str, list[str]]
    masks: dict[str, str]
    parts: dict[str, str]


def read_pascal_voc(place: Path) -> RawTable | None:
    """Read a folder of such files, or one with such folders for its parts; None for others."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    images = _Pictures()
    for prefix, part in find_part_folders(place, notes):
        if folder := _folder(place, prefix):
            for name in folder.annotations:
                _read(place, name, folder, part, images)
            _report_missing(folder, images)
    if not images.image and not images.problems:
        return None
    sizes = partial(reconcile_sizes, place, images.image, images.size_px)
    return RawTable(
        place,
        make_text_table({"image": images.image, "mask": images.mask}),
        part=pa.chunked_array([pa.array(images.part, pa.large_string())]),
        problems=tuple(images.problems),
        notes=(*notes, *_describe(images)),
        lazy_answers=make_lazy_answers(images.annotations, sizes, ()),
        missing_answer="it has no annotation",
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
    """The part of each stem in ImageSets/; {} without lists. A stem in both train and val counts as train."""
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


def _read(place: Path, name: str, folder: _Folder, part: str, images: _Pictures) -> None:
    """One file becomes a row, or a problem."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    if folder.parts and stem not in folder.parts:
        images.unlisted += 1
        return
    try:
        root = _parsed(place / name, name)
    except DataError as error:
        images.problems.append(RowProblem.of(error, name))
        return
    file_name = (root.findtext("filename") or "").strip()
    matching = folder.pictures.get(stem, []) or folder.pictures.get(file_name.rpartition(".")[0], [])
    picture = next((each for each in matching if each.endswith(f"/{file_name}")), next(iter(matching), None))
    if picture is None:
        images.problems.append(
            RowProblem(name, f"no picture {file_name or stem!r}", "put it beside, or into JPEGImages")
        )
        return
    row = len(images.image)
    images.image.append(picture)
    images.mask.append(folder.masks.get(stem))
    images.part.append(folder.parts.get(stem, part))
    images.size_px.append(parse_size_px(root.findtext("size/width"), root.findtext("size/height")))
    for number, object_element in enumerate(root.iter("object"), 1):
        corners = [parse_number(object_element.findtext(f"bndbox/{corner}")) for corner in _CORNERS]
        images.at_zero += 0 in corners[:2]
        xyxy = [max(corner - 1, 0) if corner >= 0 else corner for corner in corners[:2]] + corners[2:]
        difficult = (object_element.findtext("difficult") or "0").strip() == "1"
        label = (object_element.findtext("name") or "").strip()
        images.annotations.add(row, label, xyxy, f"{name} object {number}", difficult=difficult)


def _parsed(file: Path, name: str) -> ElementTree.Element:
    """The root element. Raises DataError if the file is not an annotation, or unsafe."""
    root = read_xml(file, name, _LARGEST_BYTES)
    if root.tag != "annotation":
        raise DataError(f"not an annotation but <{root.tag[:40]}>", where=name)
    return root


def _report_missing(folder: _Folder, images: _Pictures) -> None:
    """Report pictures without an annotation, and listed names without a file."""
    annotated = {name.rpartition("/")[2].rpartition(".")[0] for name in folder.annotations}
    used = set(images.image)
    for stem, names in folder.pictures.items():
        if stem not in annotated and not used & set(names) and (not folder.parts or stem in folder.parts):
            hint = "an annotation without an object says that there is none in it"
            images.problems.append(RowProblem(names[0], "no annotation with this name", hint))
    unmatched = (stem for stem in folder.parts if stem not in annotated and stem not in folder.pictures)
    images.problems += (
        RowProblem(f"ImageSets: {stem}", "neither an annotation nor a picture with this name") for stem in unmatched
    )


def _describe(images: _Pictures) -> Iterator[str]:
    masks = sum(mask is not None for mask in images.mask)
    also = f"; {masks:,} with a mask" if masks else ""
    boxes, pictures = format_count(len(images.annotations.label), "box"), format_count(len(images.image), "picture")
    yield f"Pascal VOC: {boxes} in {pictures}{also}"
    if images.at_zero:
        yield f"{format_count(images.at_zero, 'box')} starting at pixel 0, where Pascal VOC counts from 1: read as 1"
    if images.unlisted:
        yield f"not used: {format_count(images.unlisted, 'annotation')} on no list in ImageSets"
