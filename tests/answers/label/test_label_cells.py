"""Columns of labels: identifiers, measurements, and several labels in one cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from seehear.answers import ANSWERS
from seehear.answers.heading import are_identifiers, means_classes
from seehear.answers.label.cells import listed
from seehear.errors import DataError
from seehear.senses import SENSES
from seehear.table import Table, open_table
from table_kinds import make

LABEL, SCORE = ANSWERS["label"], ANSWERS["score"]
NUMBERS = [str(i % 30) for i in range(120)]

NAMES = [
    *("class_id", "ClassId", "classid", "CLASS-ID", "Class ID", "classId", "species_no", "speciesNo", "label_id"),
    *("target_class", "target_id", "primary_label", "category_code", "class_index", "class_number", "bird_species"),
    *("tag_id", "label_idx", "labelIdx", "true_class", "digit_id", "dog_breed"),
]
MEASURES = [
    *("count", "age", "score", "age_years", "weight", "steering", "class_size", "species_count", "number_of_species"),
    *("n_classes", "num_labels", "body_mass_index", "temperature", "cell_number", "no_of_species", "words_per_minute"),
    *("class_score", "label_weight", "grade", "yield_kg", "Heart Rate"),
]


def _opened(folder: Path, headings: str, rows: Sequence[str], **arguments: str) -> Table:
    pictures = [f"{i}.png" for i in range(len(rows))]
    table = "\n".join([f"image,{headings}", *(f"{name},{row}" for name, row in zip(pictures, rows, strict=True))])
    data = make(make(folder, pictures), {"t.csv": table})
    return open_table(
        data / "t.csv",
        senses_known=tuple(SENSES.values()),
        kinds=tuple(ANSWERS.values()),
        workspace=folder / "ws",
        **arguments,
    )


@pytest.mark.parametrize("heading", NAMES)
def test_numeric_identifiers_are_classes(tmp_path: Path, heading: str) -> None:
    table = _opened(tmp_path / "d", heading, NUMBERS)
    assert (table.kind, table.answer_column) == ("label", heading)
    assert table.notes[-1] == f"answer column: '{heading}' as label (30 classes)"
    assert _opened(tmp_path / "d", heading, NUMBERS, answer=heading).kind == "label"


@pytest.mark.parametrize("heading", MEASURES)
def test_measurements_are_scores(tmp_path: Path, heading: str) -> None:
    assert _opened(tmp_path / "d", heading, NUMBERS, answer=heading).kind == "score"
    assert not means_classes(heading) and not are_identifiers(heading, NUMBERS)


@pytest.mark.parametrize("heading", ["plate_no", "zip_code", "birdId", "room_nr"])
def test_identifiers_of_other_things_are_no_scores(heading: str) -> None:
    assert LABEL.fits(NUMBERS, heading) and not SCORE.fits(NUMBERS, heading)
    broken = [f"{i}.5" for i in range(100)]
    assert SCORE.fits(broken, heading) and not LABEL.fits(broken, heading)


def test_a_unique_identifier_per_row_is_no_score(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"which column is the answer\? Perhaps 'class_id'"):
        _opened(tmp_path / "d", "class_id", [str(i) for i in range(100)])


def test_an_exact_heading_takes_precedence(tmp_path: Path) -> None:
    rows = [f"{i % 30},{'ab'[i % 2]},{i}.5" for i in range(90)]
    assert _opened(tmp_path / "d", "class_id,label,rating", rows).answer_column == "label"
    assert _opened(tmp_path / "d", "class_id,mood,rating", rows).answer_column == "rating"
    table = _opened(tmp_path / "d", "class_id,mood,weight", rows)
    assert table.answer_column == "class_id"


SEVERAL = {
    "commas": ["cat", "dog", "cat, dog", "dog,cat", "owl", "owl"],
    "commas, never alone": ["cat, dog", "dog, owl", "owl, cat", "cat, dog"],
    "blanks": ["cat", "dog", "cat dog", "owl", "owl", "owl cat"],
    "python": ["['cat', 'dog']", "['dog']", "['owl', 'cat']", "['owl']", "[]"],
    "python, quotes of both kinds": ["""["cat's", 'dog']""", """['dog', "cat's"]""", "['owl']", "['owl']"],
    "numpy": ["['cat' 'dog']", "['dog']", "['owl'\n 'cat']", "['owl']"],
    "json": ['["cat", "dog"]', '["cat"]', '["owl"]', '["owl", "dog"]'],
    "semicolons": ["cat;dog", "cat", "dog; owl", "owl"],
    "bars": ["cat|dog", "cat", "dog|owl", "owl"],
    "two words in a name": ["great tit, robin", "robin", "great tit", "wren", "wren, great tit"],
    "numbers": ["16 0", "0", "16", "7 16", "7", "7"],
}
ONE = {
    "inverted names": ["Tit, Great", "Tit, Blue", "Owl, Barn", "Owl, Snowy"],
    "places": ["Paris, France", "Lyon, France", "Rome, Italy", "Pisa, Italy"],
    "two words": ["great tit", "blue tit", "tit", "house wren"],
    "not": ["ok", "not ok", "ok", "not ok"],
    "said twice": ["no", "no no", "yes"],
    "in brackets": ["[unknown]", "[none]", "cat"],
    "a comma in a name": ["salt, fine", "pepper, black", "oil"],
}


@pytest.mark.parametrize("cells", SEVERAL.values(), ids=SEVERAL)
def test_several_labels_in_one_cell(cells: list[str]) -> None:
    spec = LABEL.plan(cells * 2, "label")
    assert spec.several and len(spec.classes) == 3, spec.classes
    read = [LABEL.read(cell, spec) for cell in cells]
    assert {name for answer in read for name in answer.names} == set(spec.classes)
    assert max(len(answer.names) for answer in read) == 2
    assert LABEL.describe(cells, "label") == "any number of 3 classes in one cell"


@pytest.mark.parametrize("cells", ONE.values(), ids=ONE)
def test_a_class_name_may_contain_a_separator(cells: list[str]) -> None:
    spec = LABEL.plan(cells * 2, "label")
    assert not spec.several
    assert set(spec.classes) == set(cells)
    assert LABEL.describe(cells, "label") == f"{len(set(cells))} classes"


def test_tags_need_not_occur_alone() -> None:
    cells = ["clear primary", "haze primary", "clear road primary", "haze road"]
    assert LABEL.plan(cells * 2, "tags").classes == ("clear", "haze", "primary", "road")
    assert not LABEL.plan(cells * 2, "label").several


def test_several_labels_are_reported(tmp_path: Path) -> None:
    rows = ['"cat, dog"', "cat", "dog", "\"['owl']\""] * 5
    assert _opened(tmp_path / "d", "label", rows[:3] * 5).notes[-1] == (
        "answer column: 'label' (any number of 2 classes in one cell)"
    )


@pytest.mark.parametrize("cell", ["[" * 100_000, "['a', " * 20_000, "[__import__('os')]", "['a' + 'b']", "['a'", "a]"])
def test_a_cell_that_is_no_list_gives_none(cell: str) -> None:
    assert listed(cell) is None
