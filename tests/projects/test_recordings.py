"""Stretches of recordings: marking, moving and refusing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_projects import make_project
from seehear.errors import ConflictError, InputError, UsageError
from seehear.projects import Project
from seehear.projects.recordings import Stretch
from seehear.projects.training_data import choose_parts
from serving import picture_file, sound_file


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "projects")


@pytest.fixture
def pond(project: Project) -> int:
    """A recording of four seconds."""
    return project.add_uploads([("pond.wav", [sound_file(0.5, seconds=4)])]).ids[0]


def spans(project: Project, number: int) -> list[tuple[tuple[float, float] | None, str]]:
    return [(each.span_s, each.answers.get("label", "")) for each in project.recordings.stretches(number)]


def test_stretches_become_examples_in_the_order_of_their_times(project: Project, pond: int) -> None:
    project.set_group([pond], "tuesday")
    added = project.recordings.mark(pond, [Stretch(2, 3, "robin"), Stretch(0.5, 1, "wren"), Stretch(3, 4)])
    assert spans(project, pond) == [((0.5, 1.0), "wren"), ((2.0, 3.0), "robin"), ((3.0, 4.0), "")]
    assert spans(project, added.ids[0]) == spans(project, pond)
    assert {project.example(number).group for number in added.ids} == {"tuesday"}
    assert "added 3 examples of pond.wav" in project.history(limit=1)[0].what
    project.undo()
    assert spans(project, pond) == []


def test_stretches_of_other_recordings_are_not_listed(project: Project, pond: int) -> None:
    other = project.add_uploads([("other.wav", [sound_file(0.2, seconds=4)])]).ids[0]
    project.recordings.mark(other, [Stretch(1, 2, "wren")])
    assert spans(project, pond) == []


def test_moving_is_one_change_that_can_be_undone(project: Project, pond: int) -> None:
    (first,) = project.recordings.mark(pond, [Stretch(1, 2, "wren")]).ids
    moved = project.recordings.move(first, Stretch(1.25, 2.5, "wren"))
    assert spans(project, moved) == [((1.25, 2.5), "wren")]
    assert "instead of [1.00 s to 2.00 s]" in project.history(limit=1)[0].what
    back = project.recordings.move(moved, Stretch(1, 2, "robin"))
    assert back == first
    assert spans(project, pond) == [((1.0, 2.0), "robin")]
    project.undo()
    assert spans(project, pond) == [((1.25, 2.5), "wren")]


def test_a_stretch_that_somebody_removed_is_not_moved(project: Project, pond: int) -> None:
    (first,) = project.recordings.mark(pond, [Stretch(1, 2, "wren")]).ids
    project.as_person("bert").remove([first])
    with pytest.raises(ConflictError, match="bert removed 1 example"):
        project.recordings.move(first, Stretch(1, 3, "wren"))
    assert spans(project, pond) == []


def test_the_same_stretch_with_another_answer_is_refused(project: Project, pond: int) -> None:
    project.recordings.mark(pond, [Stretch(1, 2, "wren")])
    other = project.recordings.mark(pond, [Stretch(2, 3, "robin")]).ids[0]
    with pytest.raises(UsageError, match="already here"):
        project.recordings.move(other, Stretch(1, 2, "robin"))
    assert len(spans(project, pond)) == 2


@pytest.mark.parametrize("span", ((2, 1), (1, 1), (-1, 1), (0, float("nan")), (0, float("inf")), (1, 1.01)))
def test_times_that_are_none_are_refused(project: Project, pond: int, span: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"pond\.wav"):
        project.recordings.mark(pond, [Stretch(0, 1, "wren"), Stretch(*span, "wren")])
    assert spans(project, pond) == []


def test_a_stretch_beyond_the_end_is_refused(project: Project, pond: int) -> None:
    with pytest.raises(InputError, match=r"pond\.wav.*ends at 9\.00 s, the recording at 4\.00 s"):
        project.recordings.mark(pond, [Stretch(1, 9, "wren")])


def test_a_picture_has_no_stretches(project: Project) -> None:
    number = project.add_uploads([("a.png", [picture_file()])]).ids[0]
    with pytest.raises(UsageError, match="no recording"):
        project.recordings.mark(number, [Stretch(0, 1)])
    with pytest.raises(UsageError, match=r"'b\.png' is not a recording"):
        project.recordings.add([picture_file()], "b.png", [Stretch(0, 1)])
    with pytest.raises(UsageError, match="whole recording"):
        project.recordings.move(project.add_uploads([("c.wav", [sound_file()])]).ids[0], Stretch(0, 0.2))


def test_a_new_recording_is_added_with_its_stretches_or_not_at_all(project: Project) -> None:
    content = sound_file(0.5, seconds=2)
    with pytest.raises(InputError, match=r"new\.wav.*ends at 3\.00 s"):
        project.recordings.add([content], "new.wav", [Stretch(0, 1, "wren"), Stretch(1, 3, "wren")])
    assert project.counts().examples == 0
    added = project.recordings.add([content], "new.wav", [Stretch(0, 1, "wren"), Stretch(1, 2, "wren")])
    assert spans(project, added.ids[0]) == [((0.0, 1.0), "wren"), ((1.0, 2.0), "wren")]
    assert project.counts().examples == 2


def test_stretches_of_one_recording_are_held_out_together(project: Project) -> None:
    for number in range(8):
        content = sound_file(0.1 + number / 10, seconds=4)
        kind = "wren" if number % 2 else "robin"
        stretches = [Stretch(second, second + 1, kind) for second in range(4)]
        project.recordings.add([content], f"{number}.wav", stretches)
    parts = choose_parts(project, {})
    assert set(parts.values()) == {"train", "val"}
    by_file: dict[str, set[str]] = {}
    for number, part in parts.items():
        by_file.setdefault(project.example(number).inputs["audio"].sha256, set()).add(part)
    assert all(len(each) == 1 for each in by_file.values())
