"""Any sequence of changes, undone in the opposite order, gives the state before it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_projects import make_project, write_pictures
from seehear.errors import SeehearError
from seehear.projects import Project, Query

IDS = st.lists(st.integers(1, 4), min_size=1, max_size=3)
CLASSES = st.sampled_from(["knot", "crack", "clear"])
CHANGES = st.one_of(
    st.tuples(st.just("label"), IDS, CLASSES | st.none()),
    st.tuples(st.sampled_from(["remove", "restore"]), IDS),
    st.tuples(st.just("set_part"), IDS, st.sampled_from(["train", "val", ""])),
    st.tuples(st.just("set_group"), IDS, st.sampled_from(["p1", "p2", ""])),
    st.tuples(st.just("add_class"), CLASSES),
    st.tuples(st.just("rename_class"), CLASSES, CLASSES),
    st.tuples(st.just("set_setting"), st.just("keep"), st.booleans() | st.none()),
    st.tuples(st.just("undo")),
)


def state(project: Project) -> Any:
    shown = [project.examples(Query(removed=removed), limit=None) for removed in (False, True)]
    return shown, project.counts(), project.classes(), project.setting("keep")


@pytest.mark.slow  # each step is flushed to the disk
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGES, max_size=8))
def test_undoing_everything_restores_every_state(wanted) -> None:
    with TemporaryDirectory() as folder, make_project(Path(folder) / "home") as project:
        project.add(write_pictures(Path(folder), 4), "knot")
        states, made = [], []
        for name, *arguments in wanted:
            before = state(project)
            try:
                change = getattr(project, name)(*arguments)
            except SeehearError:
                assert state(project) == before  # refused whole
                continue
            if change is None:
                assert state(project) == before
            else:
                states.append(before)
                made.append(change)
        for before, change in zip(reversed(states), reversed(made), strict=True):
            project.undo(change)
            assert state(project) == before
