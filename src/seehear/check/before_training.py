"""Says what is wrong with data that is about to be trained on, when it is cheapest to mend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seehear.check.checks import ask_checks
from seehear.check.examined import examine_table
from seehear.datasets import Location, TrainingData, open_training_data
from seehear.events import Listener, Notice
from seehear.senses import SENSES
from seehear.table import Table

MOST_SENTENCES = 5


def open_checked(
    data: Location,
    val: Location | None,
    unlabelled: Location | None,
    answer: str | None,
    senses: Sequence[str] | None,
    workspace: Path,
    listen: Listener,
) -> TrainingData:
    """Open data as `open_training_data` does, and tell the listener what is wrong with it, in all its parts."""
    given = open_training_data(data, val, unlabelled, answer, senses, workspace, listen)
    report_findings(given.whole or given.examples, listen)
    return given


def report_findings(table: Table, listen: Listener) -> None:
    """The gravest findings. Senses without an examiner are left to training, which reads their inputs anyway."""
    senses = [name for name in table.senses if SENSES[name].examiner is not None]
    for sentence in ask_checks(examine_table(table, senses, listen)).summarise(MOST_SENTENCES):
        listen(Notice(f"check: {sentence}"))
