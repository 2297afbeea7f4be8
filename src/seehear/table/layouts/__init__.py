"""The layouts people keep examples in: one module per family, and the one tuple that lists their readers in order.

A reader looks at a place (a file or a folder) and gives what it found there, or None where it is not its layout.
Adding a layout is one module with such a function and one entry in READERS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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

# The explicit before the implied: what a corpus alone has, then tables of any kind, then what the files' names tell.
READERS: tuple[Callable[[Path], RawTable | None], ...] = (
    *(read_kaldi, read_common_voice, read_ljspeech, read_nemo, read_sound_corpora),
    *(
        read_pascal_voc,
        read_coco,
        read_create_ml,
        read_cvat,
        read_label_studio,
        read_via,
        read_labelme,
        read_yolo,
        read_mask_folders,
    ),
    *(read_webdataset, read_labelled_recordings),
    *(read_table_file, read_table_folder),
    *(read_transcripts, read_mask_files, read_class_folders),
)


def read_layout(place: Path) -> RawTable:
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


def _check_not_empty(found: RawTable) -> None:
    if not len(found.cells):
        first = f"; the first problem: {found.problems[0]}" if found.problems else ""
        raise DataError(f"no example in it can be used{first}")


__all__ = ["READERS", "RawTable", "read_layout"]
