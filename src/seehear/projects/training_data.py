"""The examples of a training: which of them are held out, and the table that `seehear.train` reads.

What was held out once stays so: all versions are measured on examples that none of them learned from.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.errors import DataError
from seehear.folders import temporary_folder
from seehear.projects.content_store import StoredFile
from seehear.projects.examples import Example, Query

if TYPE_CHECKING:
    from seehear.events import Listener
    from seehear.planning.options import TrainOptions
    from seehear.projects.project import Project
    from seehear.recipe import Recipe
    from seehear.table import Table

ID, GROUP, PART = "example", "subject", "split"  # headings, beside those of files, the answer and other columns
TRAIN, VAL = "train", "val"
MOST_HELD_OUT = 0.5  # of the examples that are undecided
_COLUMNS = {"picture": "image", "recording": "audio", "video": "video"}  # headings by medium
_SPAN = ("start_s", "end_s")


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a training would do: from how many examples it would learn, how many would be held out, and its recipe."""

    learned: int
    held_out: int
    recipe: Recipe


def plan_training(project: Project, options: Mapping[str, Any], listen: Listener) -> TrainingPlan:
    """Plan a training without starting it, with keywords of `seehear.plan`. Nothing is written.

    Raises DataError for examples that cannot be trained on.
    """
    from seehear import api

    parts = choose_parts(project, options)
    examples = read_training_examples(project)
    with temporary_folder() as folder:
        write_table(project, examples, parts, folder / "examples.csv")
        recipe = api.plan(folder / "examples.csv", **options, **table_options(project), listen=listen)
    held_out = sum(parts.get(each.id, each.part) == VAL for each in examples)
    return TrainingPlan(len(examples) - held_out, held_out, recipe)


def read_training_examples(project: Project) -> Sequence[Example]:
    """The examples with an answer, but for the part test. Raises DataError if there are none."""
    chosen = [each for each in project.examples(Query(answered=True), limit=None) if each.part != "test"]
    if not chosen:
        hint = "add examples of each class; 20 of each are a good beginning"
        raise DataError("there is nothing to learn from yet", where=project.slug, hint=hint)
    return chosen


def choose_parts(project: Project, options: Mapping[str, Any]) -> dict[int, str]:
    """The part, train or val, of each example with an answer whose part is undecided.

    So many join the held-out examples that they are the usual share of all, of each class, or what the options
    promise needs. Examples of one group, such as a patient, or of one file stay on one side. If all are in the part
    train, some of them are held out.

    options   keywords of `seehear.train`
    """
    examples = [each for each in project.examples(Query(answered=True), limit=None) if each.part != "test"]
    undecided = [each for each in examples if not each.part]
    if not undecided and not any(each.part == VAL for each in examples):
        undecided = examples
    open_ids = {each.id for each in undecided}
    decided = [each for each in examples if each.id not in open_ids]
    followed = _follow(undecided, decided)
    return followed | _hold_out(project, [e for e in undecided if e.id not in followed], examples, options)


def write_table(
    project: Project,
    examples: Sequence[Example],
    parts: Mapping[int, str],
    path: Path,
    locate: Callable[[StoredFile], str] | None = None,
) -> None:
    """Write a csv file with the examples, their answers and parts.

    parts   by id, where it differs from the example's own
    locate  how the table names a file, relative to itself; by default where it lies in the project
    """

    def in_project(file: StoredFile) -> str:
        return os.path.relpath(project.path(file).resolve(), path.parent.resolve())

    headings: dict[str, None] = {}
    group_heading = project.setting("group") or GROUP  # that of the table that the examples came from
    rows = []
    for each in examples:
        files = {_COLUMNS[file.medium]: (locate or in_project)(file) for file in each.inputs.values()}
        span = {} if each.span_s is None else dict(zip(_SPAN, map(repr, each.span_s), strict=True))
        group = {group_heading: each.group} if each.group else {}
        part = {PART: parts.get(each.id, each.part)}
        rows.append({**each.metadata, **files, **span, **each.answers, **group, **part, ID: str(each.id)})
        headings |= dict.fromkeys(rows[-1])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(headings))
        writer.writeheader()
        writer.writerows(rows)


def open_table(project: Project, table: Path, workspace: Path) -> Table:
    """Open what `write_table` wrote, with its answers."""
    from seehear.datasets import open_labelled

    return open_labelled(table, **table_options(project), workspace=workspace)


def table_options(project: Project) -> dict[str, Any]:
    """The keywords `answer` and `senses` for a project's table."""
    column = project.answer_column()
    if column is None:
        raise DataError("there is nothing to learn from yet", where=project.slug, hint="add examples with answers")
    return {"answer": f"{column.kind_name}:{column.heading}", "senses": project.setting("senses") or None}


def read_parts(table: Path) -> dict[int, str]:
    """The part of each example in a table that `write_table` wrote, by id."""
    with table.open(newline="", encoding="utf-8") as file:
        return {int(row[ID]): row[PART] for row in csv.DictReader(file)}


def _follow(undecided: Sequence[Example], decided: Sequence[Example]) -> dict[int, str]:
    """The parts of examples whose group or file is in a part already."""
    known: dict[str, str] = {}
    for each in decided:
        known |= dict.fromkeys(_ties(each), each.part)
    found = {each.id: [known[tie] for tie in _ties(each) if tie in known] for each in undecided}
    return {number: VAL if VAL in parts else TRAIN for number, parts in found.items() if parts}


def _ties(example: Example) -> list[str]:
    """What examples have in common that must be on one side of a split."""
    files = [file.sha256 for file in example.inputs.values()]
    return [*files, f"group {example.group}"] if example.group else files


def read_options(options: Mapping[str, Any]) -> TrainOptions:
    """From keywords of `seehear.train`. Raises UsageError."""
    from seehear.planning.options import make_options

    return make_options(**{name: value for name, value in options.items() if name != "device"})


def _hold_out(
    project: Project, undecided: Sequence[Example], every: Sequence[Example], options: Mapping[str, Any]
) -> dict[int, str]:
    from seehear.planning.plan import choose_held_out_share
    from seehear.table import split

    column = project.answer_column()
    if column is None or not undecided:
        return {}
    cells = [each.answers[column.heading] for each in every]
    chosen = read_options(options)
    wanted = round(choose_held_out_share(cells, column.kind, chosen.wrong_at_most, chosen.promise) * len(every))
    share = min(MOST_HELD_OUT, (wanted - sum(each.part == VAL for each in every)) / len(undecided))
    if share <= 0:
        return dict.fromkeys((each.id for each in undecided), TRAIN)
    with temporary_folder() as folder:
        write_table(project, undecided, dict.fromkeys((each.id for each in undecided), ""), folder / "undecided.csv")
        table = open_table(project, folder / "undecided.csv", folder / "unpacked")
        ids = [int(number) for number in table.metadata_column(ID)]
        found = split(table, share, seed=0, stratum=column.kind.stratum)
    parts = dict.fromkeys((each.id for each in undecided), TRAIN)
    return parts | {ids[row]: VAL for row in found.held_out}
