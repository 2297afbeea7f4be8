"""The layouts people keep examples in: one module per family, and the one tuple that lists their readers in order.

A reader looks at a place (a file or a folder) and gives what it found there, or None where it is not its layout.
Adding a layout is one module with such a function and one entry in READERS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seehear.errors import DataError
from seehear.table.layouts.class_folders import class_folders
from seehear.table.layouts.coco import coco
from seehear.table.layouts.common_voice import common_voice
from seehear.table.layouts.create_ml import create_ml
from seehear.table.layouts.cvat import cvat
from seehear.table.layouts.found import Found
from seehear.table.layouts.kaldi import kaldi
from seehear.table.layouts.label_studio import label_studio
from seehear.table.layouts.labelled_recordings import labelled_recordings
from seehear.table.layouts.labelme import labelme
from seehear.table.layouts.ljspeech import ljspeech
from seehear.table.layouts.masks_beside import masks_beside
from seehear.table.layouts.nemo import nemo
from seehear.table.layouts.pascal_voc import pascal_voc
from seehear.table.layouts.picture_masks import picture_masks
from seehear.table.layouts.sound_corpora import sound_corpora
from seehear.table.layouts.table_files import table_file, tables_in_folder
from seehear.table.layouts.transcripts import transcripts
from seehear.table.layouts.via import via
from seehear.table.layouts.webdataset import webdataset
from seehear.table.layouts.yolo import yolo

# The explicit before the implied: what a corpus alone has, then tables of any kind, then what the files' names tell.
READERS: tuple[Callable[[Path], Found | None], ...] = (
    *(kaldi, common_voice, ljspeech, nemo, sound_corpora),
    *(pascal_voc, coco, create_ml, cvat, label_studio, via, labelme, yolo, picture_masks),
    *(webdataset, labelled_recordings),
    *(table_file, tables_in_folder),
    *(transcripts, masks_beside, class_folders),
)


def read_layout(place: Path) -> Found:
    """What is at a place, by the first reader that knows its layout. Raises DataError if none does."""
    for reader in READERS:
        if (found := reader(place)) is not None:
            _check_not_empty(found)
            return found
    raise DataError(
        "no layout that can be read",
        allowed="a folder of class folders, a csv, tsv, jsonl or parquet table that names pictures or recordings, "
        "annotations as of Pascal VOC, COCO, YOLO, labelme, VGG Image Annotator, CreateML, CVAT or Label Studio, "
        "images/ beside masks/, recordings beside their texts, subtitles or labels (Audacity, Praat, ELAN, Raven), "
        "or a corpus as of Kaldi, NeMo, Common Voice, LJSpeech, UrbanSound8K or ESC-50",
        hint="make examples.csv with the headings image,label (or audio,label) beside the files",
    )


def _check_not_empty(found: Found) -> None:
    if not len(found.cells):
        first = f"; the first problem: {found.problems[0]}" if found.problems else ""
        raise DataError(f"no example in it can be used{first}")


__all__ = ["READERS", "Found", "read_layout"]
