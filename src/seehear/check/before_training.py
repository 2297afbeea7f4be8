"""Says what is wrong with the data before training, when it is cheapest to fix."""

from __future__ import annotations

from seehear.check.checks import run_checks
from seehear.check.examined import examine_table
from seehear.datasets import TrainingData
from seehear.events import Listener, Notice
from seehear.senses import SENSES

MOST_SENTENCES = 5


def report_findings(data: TrainingData, listen: Listener) -> None:
    """Tell the listener the most serious findings in all parts of the data.

    Senses without an examiner are skipped: training reads their inputs anyway.
    """
    table = data.whole or data.examples
    senses = [name for name in table.senses if SENSES[name].examiner is not None]
    for sentence in run_checks(examine_table(table, senses, listen)).summarise(MOST_SENTENCES):
        listen(Notice(f"check: {sentence}"))
