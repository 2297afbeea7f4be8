"""How many speakers, patients or sites a figure comes from, and how many of them training has seen."""

from __future__ import annotations

from seehear.amounts import format_count
from seehear.table.groups import RECORDING, is_group, plural, singular
from seehear.table.rows import Table

FEW = 5  # people or places; with fewer, results on new ones may well differ


def describe_groups_seen(learned: Table, held_out: Table) -> str:
    """A sentence: how many examples were held out, and from how many values of each group column."""
    examples = format_count(len(held_out), "example")
    columns = [name for name in held_out.metadata if is_group(name) and name != RECORDING]
    counts = [notes for name in columns if (notes := _describe_column(name, learned, held_out))]
    if not counts:
        return (
            f"{examples} held out; no column names a speaker, patient or site, so training may have seen the same "
            "people and places: expect worse results on new ones"
        )
    return f"{examples} held out, from {'; from '.join(counts)}"


def count_groups(held_out: Table) -> str:
    """How many people and places a held-out table comes from: "5 patients, 2 sites"."""
    columns = [name for name in held_out.metadata if is_group(name) and name != RECORDING]
    values = {name: len(_values(held_out, name)) for name in columns}
    return ", ".join(f"{number:,} {singular(name) if number == 1 else plural(name)}" for name, number in values.items())


def _describe_column(name: str, learned: Table, held_out: Table) -> str:
    """ "" if the column is empty for these examples."""
    values = _values(held_out, name)
    if not values:
        return ""
    trained = _values(learned, name) if name in learned.metadata else set()
    number = f"{len(values):,} {singular(name) if len(values) == 1 else plural(name)}"
    if values <= trained:
        return f"{number}, all seen in training: expect worse results on new ones"
    shared = len(values & trained)
    new = f"{number}, {shared:,} of them seen in training too" if shared else f"{number} not seen in training"
    return new + (": results on new ones may differ" if len(values) < FEW else "")


def _values(table: Table, name: str) -> set[str]:
    return set(filter(None, table.metadata_column(name)))
