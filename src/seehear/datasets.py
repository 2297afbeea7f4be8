"""Opens the data for training or evaluation as tables, with all senses and kinds of answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seehear.answers import ANSWERS
from seehear.errors import SeehearError
from seehear.events import Listener, Notice
from seehear.folders import delete
from seehear.senses import SENSES
from seehear.table import KindLike, RowProblem, Table, describe_part_overlap, find_overlap, open_table
from seehear.table.rows import no_training_part

Location = str | Path  # of a folder, a table or an archive


class TrainingData(NamedTuple):
    """Tables to train on.

    val          held-out examples; None if some of `examples` are to be held out
    unlabelled   a table without answers
    problems     the rows of all tables that cannot be used
    whole        the data with all its parts
    """

    examples: Table
    val: Table | None = None
    unlabelled: Table | None = None
    problems: tuple[RowProblem, ...] = ()
    whole: Table | None = None


def open_training_data(
    data: Location,
    val: Location | None,
    unlabelled: Location | None,
    answer: str | None,
    senses: Sequence[str] | None,
    workspace: Path,
    listen: Listener,
) -> TrainingData:
    """Read the part `train` of the data if it has parts. Held out is `val`, or else the part `val` of the data."""
    table = open_labelled(data, answer, senses, workspace / "unpacked")
    for sentence in (*table.notes, *describe_part_overlap(table)):
        listen(Notice(sentence))
    whole, held_out, dropped = table, None, table.problems
    if val is not None:
        held_out = open_labelled(val, answer or table.kind, table.senses, workspace / "unpacked-val")
        dropped += held_out.problems
    elif "val" in table.parts and "train" in table.parts:
        held_out = table.part("val")
    if "train" in table.parts:
        listen(Notice("training on the part 'train'" + (", validating on 'val'" if held_out is not None else "")))
        table = table.part("train")
    elif table.parts:
        raise no_training_part(table).at(str(data))
    if val is not None and held_out is not None:
        for sentence in find_overlap(table, held_out).describe(repr(str(data)), repr(str(val))):
            listen(Notice(sentence))
    more = None
    if unlabelled is not None:
        more = open_unlabelled(unlabelled, table.senses, workspace / "unpacked-unlabelled")
        dropped += more.problems
    return TrainingData(table, held_out, more, dropped, whole)


def open_labelled(data: Location, answer: str | None, senses: Sequence[str] | None, workspace: Path) -> Table:
    """Open a table with answers. `answer` and `senses` override what would be inferred."""
    return _open(data, tuple(ANSWERS.values()), answer, senses, workspace)


def open_unlabelled(data: Location, senses: Sequence[str], workspace: Path) -> Table:
    """Open a table, and ignore its answers if it has any."""
    try:
        return _open(data, (), None, senses, workspace)
    except SeehearError as error:
        raise error.at(f"unlabelled examples, {error.where}") from None


def _open(
    data: Location, kinds: Sequence[KindLike], answer: str | None, senses: Sequence[str] | None, workspace: Path
) -> Table:
    """Archives are unpacked into the workspace, which is emptied first."""
    delete(workspace)  # what an interrupted run has left
    workspace.mkdir(parents=True)
    known = tuple(SENSES.values())
    return open_table(data, senses_known=known, kinds=kinds, answer=answer, senses=senses, workspace=workspace)
