"""The three parts of a data set, and what people call them."""

from __future__ import annotations

import re

_NAMES = {
    "train": ("train", "training", "trainset", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "valset"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "testset"),
}
_PARTS = {name: part for part, names in _NAMES.items() for name in names}

HEADINGS = ("part", "split", "subset", "partition", "set")


def part_of(name: str) -> str:
    """train, val or test for any of their names; "" for any other word."""
    return _PARTS.get(name.strip().lower(), "")


def part_of_subset(name: str) -> str:
    """The part that one word of a name tells: train-clean-100, dev_other, test_manifest."""
    return next(filter(None, map(part_of, re.split(r"[-_. ]", name))), "")
