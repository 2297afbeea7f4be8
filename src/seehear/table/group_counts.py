"""How many speakers, patients or sites figures come from, and whether they were learned from, too."""

from __future__ import annotations

from seehear.amounts import format_count
from seehear.table.groups import RECORDING, is_group, plural, singular
from seehear.table.rows import Table

FEW = 5  # people or places below which results on others may well differ


def describe_groups_seen(learned: Table, held_out: Table) -> str:
    """A sentence: how many examples were held out, and from how many values of each column of people or places."""
    examples = format_count(len(held_out), "example")
    columns = [name for name in held_out.metadata if is_group(name) and name != RECORDING]
    told = [notes for name in columns if (notes := _of_column(name, learned, held_out))]
    if not told:
        return (
            f"{examples} held out; no column says whose they are (speaker, patient, site), so the same people and "
            "places may have been learned from: expect worse results on others"
        )
    return f"{examples} held out, of {'; of '.join(told)}"


def count_groups(held_out: Table) -> str:
    """From how many people and places the examples of a table come that was not learned from."""
    columns = [name for name in held_out.metadata if is_group(name) and name != RECORDING]
    values = {name: len(_values(held_out, name)) for name in columns}
    return ", ".join(f"{number:,} {singular(name) if number == 1 else plural(name)}" for name, number in values.items())


def _of_column(name: str, learned: Table, held_out: Table) -> str:
    """ "" where the column says nothing of these examples."""
    own = _values(held_out, name)
    if not own:
        return ""
    before = _values(learned, name) if name in learned.metadata else set()
    number = f"{len(own):,} {singular(name) if len(own) == 1 else plural(name)}"
    if own <= before:
        return f"{number}, the same as in training: expect worse results on others"
    met = len(own & before)
    new = f"{number}, {met:,} of them learned from too" if met else f"{number} not learned from"
    return new + (": results on others may differ" if len(own) < FEW else "")


def _values(table: Table, name: str) -> set[str]:
    return set(filter(None, table.metadata_column(name)))
