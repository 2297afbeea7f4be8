"""The layouts in which people keep examples: a module for each, and LAYOUTS, which lists their readers in order.

A reader gets a file or a folder and returns its table, or None if it holds another layout. To add one, write a module
with such a function and give it a line in LAYOUTS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from seehear.errors import DataError
from seehear.table.layouts.class_folders import read_class_folders
from seehear.table.layouts.coco import read_coco
from seehear.table.layouts.common_voice import read_common_voice
from seehear.table.layouts.create_ml import read_create_ml
from seehear.table.layouts.cvat import read_cvat
from seehear.table.layouts.kaldi import read_kaldi
from seehear.table.layouts.label_studio import read_label_studio
from seehear.table.layouts.labelled_recordings import read_labelled_recordings
from seehear.table.layouts.labelme import read_labelme
from seehear.table.layouts.ljspeech import read_ljspeech
from seehear.table.layouts.mask_files import read_mask_files
from seehear.table.layouts.mask_folders import read_mask_folders
from seehear.table.layouts.nemo import read_nemo
from seehear.table.layouts.pascal_voc import read_pascal_voc
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.sound_corpora import read_sound_corpora
from seehear.table.layouts.table_files import read_table_file, read_table_folder
from seehear.table.layouts.transcripts import read_transcripts
from seehear.table.layouts.via import read_via
from seehear.table.layouts.webdataset import read_webdataset
from seehear.table.layouts.yolo import read_yolo


class Layout(NamedTuple):
    """One way to keep examples on disk: its reader, and how messages name it ("" where another name covers it)."""

    read: Callable[[Path], RawTable | None]
    name: str = ""


# Order matters: first what only one corpus or tool writes, then tables of any kind, then what file names imply.
LAYOUTS = (
    Layout(read_kaldi, "a Kaldi data folder"),
    Layout(read_common_voice, "Common Voice"),
    Layout(read_ljspeech, "LJSpeech"),
    Layout(read_nemo, "a NeMo manifest"),
    Layout(read_sound_corpora, "UrbanSound8K or ESC-50"),
    Layout(read_pascal_voc, "Pascal VOC"),
    Layout(read_coco, "COCO"),
    Layout(read_create_ml, "CreateML"),
    Layout(read_cvat, "CVAT"),
    Layout(read_label_studio, "Label Studio"),
    Layout(read_via, "VGG Image Annotator"),
    Layout(read_labelme, "labelme"),
    Layout(read_yolo, "YOLO"),
    Layout(read_mask_folders, "images/ beside masks/"),
    Layout(read_webdataset, "WebDataset"),
    Layout(read_labelled_recordings, "recordings beside labels from Audacity, Praat, ELAN, Raven or BirdNET"),
    Layout(read_table_file, "a csv, tsv, xlsx, ods, jsonl or parquet table that names pictures or recordings"),
    Layout(read_table_folder),
    Layout(read_transcripts, "recordings beside transcripts or subtitles"),
    Layout(read_mask_files),
    Layout(read_class_folders, "a folder for each class"),
)


def read_layout(place: Path) -> RawTable:
    """Read a file or folder with the first reader that recognises it. Raises DataError if none does."""
    for layout in LAYOUTS:
        if (table := layout.read(place)) is not None:
            _check_not_empty(table)
            return table
    raise DataError(
        "this is no layout that seehear reads",
        allowed="; ".join(layout.name for layout in reversed(LAYOUTS) if layout.name),
        hint="make examples.csv with the headings image,label (or audio,label) beside the files",
    )


def _check_not_empty(table: RawTable) -> None:
    if not len(table.cells):
        first = f"; the first problem: {table.problems[0]}" if table.problems else ""
        raise DataError(f"no example in it can be used{first}")


__all__ = ["LAYOUTS", "Layout", "RawTable", "read_layout"]
