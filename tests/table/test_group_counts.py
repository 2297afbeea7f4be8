"""How many people and places a figure comes from, and whether training has seen them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_split import _table

from learning import ANSWER_CELLS, digits_table, open_all_kinds, recipe_for
from seehear.events import ignore_events
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.data.split import DataSplit, load_split
from seehear.learn.data.statistics import FEWEST, describe_groups, measure_inputs, to_ranges
from seehear.table import Table
from seehear.table.group_counts import count_groups, describe_groups_seen


def table(**metadata: Sequence[str | None]) -> Table:
    return _table(None, **metadata)


@pytest.mark.parametrize(
    ("learned", "judging", "sentence"),
    [
        (
            {"speaker": ["a", "b", "c"]},
            {"speaker": ["d", "d"]},
            "2 examples held out, from 1 speaker not seen in training: results on new ones may differ",
        ),
        (
            {"speaker": ["a", "b", "c", "d"]},
            {"speaker": ["a", "b", "c", "d"]},
            "4 examples held out, from 4 speakers, all seen in training: expect worse results on new ones",
        ),
        (
            {"patient_id": ["1", "2"]},
            {"patient_id": ["2", "3", "4", "5", "6", "7"]},
            "6 examples held out, from 6 patients, 1 of them seen in training too",
        ),
        (
            {"patient": ["1", "2"], "site": ["x", "x"]},
            {"patient": ["3", "4"], "site": ["x", "x"]},
            "2 examples held out, from 2 patients not seen in training: results on new ones may differ; "
            "from 1 site, all seen in training: expect worse results on new ones",
        ),
        (
            {"age": ["1"], "recording": ["r"]},
            {"age": ["1"], "recording": ["q"]},
            "1 example held out; no column names a speaker, patient or site, so training may have seen the same "
            "people and places: expect worse results on new ones",
        ),
        (
            {"age": ["1"]},
            {"speaker": [str(i) for i in range(6)]},
            "6 examples held out, from 6 speakers not seen in training",
        ),
        (
            {"speaker": ["a"]},
            {"speaker": ["", ""]},
            "2 examples held out; no column names a speaker, patient or site, so training may have seen the same "
            "people and places: expect worse results on new ones",
        ),
    ],
)
def test_group_counts_and_overlap_with_training(
    learned: dict[str, list[str]], judging: dict[str, list[str]], sentence: str
) -> None:
    assert describe_groups_seen(table(**learned), table(**judging)) == sentence


def test_count_groups() -> None:
    assert (
        count_groups(table(speaker=["a", "b", "a"], site=["x", "x", "x"], age=["1", "2", "3"])) == "2 speakers, 1 site"
    )
    assert count_groups(table(age=["1", "2"])) == ""


@pytest.fixture
def split(tmp_path: Path) -> DataSplit:
    """Examples of four people, of whom one is held out."""
    cells = [("odd", "even")[i % 2] for i in range(2 * FEWEST)]
    path = digits_table(tmp_path / "data", {"label": cells}, ("image",))
    rows = list(csv.DictReader(path.open()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "speaker"])
        writer.writeheader()
        writer.writerows(row | {"speaker": f"person {i // 2 % 4}"} for i, row in enumerate(rows))
    table = open_all_kinds(path, workspace=tmp_path, senses=("image",))
    return load_split(table, None, recipe_for("label", ("image",)), tmp_path / "run", ignore_events)


def test_input_statistics_and_groups_are_on_the_model_card(split: DataSplit) -> None:
    measured = measure_inputs(split)
    ranges = to_ranges(measured)
    assert all(list(own) == sorted(own) for values in measured.values() for own in values.values())
    assert ranges.keys() == {"image"}
    low, high = ranges["image"]["brightness"]
    assert 0 < low < high < 255
    said = describe_groups(split)
    assert said.endswith("held out, from 1 speaker not seen in training: results on new ones may differ")
    recipe = split.train.recipe.model_copy(update={"input_statistics": ranges, "groups_seen": said})
    page = render_model_card(recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 1})}))
    assert f"Measured on {said}." in page
    assert f"brightness {low:.3g} to {high:.3g}" in page
    again = type(recipe).from_json(recipe.to_json())
    assert (again.input_statistics, again.groups_seen) == (ranges, said)


def test_few_examples_give_no_input_statistics(split: DataSplit) -> None:
    few = DataSplit(split.train, split.train_rows[: FEWEST - 1], split.val, split.val_rows)
    assert measure_inputs(few) == {}
    assert len(ANSWER_CELLS["label"]) < FEWEST
