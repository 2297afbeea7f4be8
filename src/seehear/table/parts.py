"""The parts of a dataset (train, val, test) and the names people give them."""

from __future__ import annotations

import re

_NAMES = {
    "train": ("train", "training", "trainset", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "valset"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "testset"),
}
_PARTS = {name: part for part, names in _NAMES.items() for name in names}

HEADINGS = ("part", "split", "subset", "partition", "set")
_FLAG_HEADINGS = {  # columns that flag the examples of one part
    **dict.fromkeys(("is_valid", "is_val", "is_validation"), "val"),
    "is_test": "test",
}
_FLAGS = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}


def parse_part(name: str) -> str:
    """train, val or test for any of their names; "" for any other word."""
    return _PARTS.get(name.strip().lower(), "")


def find_part_in_name(name: str) -> str:
    """The part that a word within a name gives: train-clean-100, dev_other, test_manifest."""
    return next(filter(None, map(parse_part, re.split(r"[-_. ]", name))), "")


def is_part_heading(heading: str) -> bool:
    """Whether a heading, normalised, may head a column of parts."""
    return heading in HEADINGS or heading in _FLAG_HEADINGS


def parse_part_cell(heading: str, cell: str) -> str:
    """The part that a cell gives under a heading such as `split` or `is_valid`; "" if none."""
    part = _FLAG_HEADINGS.get(heading)
    if part is None:
        return parse_part(cell)
    flag = _FLAGS.get(cell.strip().lower())
    return "" if flag is None else part if flag else "train"
