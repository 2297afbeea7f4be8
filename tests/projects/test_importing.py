"""Taking in data in the layouts that training reads."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from made_projects import make_project, write_pictures
from seehear.answers import ANSWERS
from seehear.errors import DataError, UsageError
from seehear.events import Advanced, Event, Finished, Skipped, Started
from seehear.projects import Project, Query


@pytest.fixture
def project(tmp_path: Path, database: str | None):
    with make_project(tmp_path / "home", database) as made:
        yield made


@pytest.fixture
def undecided(tmp_path: Path):
    """A project that is about nothing yet."""
    with Project.create("New", home=tmp_path / "home") as made:
        yield made


def make_folders(folder: Path, **counts: int) -> Path:
    for first, (name, count) in enumerate(counts.items()):
        write_pictures(folder / name, count, first=1000 * first)
    return folder


def test_folders_become_classes_after_they_were_inspected(undecided: Project, tmp_path: Path) -> None:
    data = make_folders(tmp_path / "boards", knot=3, crack=2)
    (data / "notes.md").touch()
    seen = undecided.inspect(data)
    assert (seen.examples, seen.classes, seen.senses) == (5, {"knot": 3, "crack": 2}, ("image",))
    assert seen.column is not None
    assert seen.column.kind_name in ANSWERS
    assert not undecided.counts().examples
    events: list[Event] = []
    added = undecided.import_data(data, listen=events.append)
    assert len(added.ids) == 5
    assert undecided.counts().classes == {"crack": 2, "knot": 3}
    assert undecided.answer_column() == seen.column
    assert undecided.history(limit=1)[0].what == "added 5 examples from boards"
    assert [type(event) for event in events if not isinstance(event, Advanced | Skipped)] == [Started, Finished]
    undecided.undo()
    assert undecided.counts().examples == 0
    assert undecided.answer_column() is None
    assert undecided.classes() == []


def test_what_is_taken_in_again_is_known(project: Project, tmp_path: Path) -> None:
    data = make_folders(tmp_path / "boards", knot=2, crack=2)
    first = project.import_data(data)
    write_pictures(data / "knot", 1, first=7)
    again = project.import_data(data)
    assert sorted(again.known) == sorted(first.ids)
    assert len(again.ids) == 1


def test_parts_groups_and_other_columns_are_kept(undecided: Project, tmp_path: Path) -> None:
    write_pictures(tmp_path, 4)
    lines = ["image,label,split,patient,site_note"]
    lines += [
        f"{i:05}.png,{'knot' if i % 2 else 'crack'},{'val' if i > 1 else 'train'},p{i // 2},north" for i in range(4)
    ]
    (tmp_path / "table.csv").write_text("\n".join([*lines, "none.png,knot,train,p9,south"]))
    added = undecided.import_data(tmp_path / "table.csv")
    assert len(added.ids) == 4
    assert [problem.where for problem in added.problems] == ["table.csv row 6"]
    last = undecided.examples()[-1]
    assert (last.part, last.group, last.metadata) == ("val", "p1", {"site_note": "north"})
    assert undecided.setting("group") == "patient"
    assert undecided.counts().parts == {"train": 2, "val": 2}


def test_segments_of_one_recording_share_its_file(undecided: Project, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "dawn.wav", np.zeros(3 * 16000), 16000)
    (tmp_path / "table.csv").write_text("audio,start,end,label\ndawn.wav,0,1.5,wren\ndawn.wav,2,3,robin\n")
    undecided.import_data(tmp_path / "table.csv")
    examples = undecided.examples()
    assert [each.span_s for each in examples] == [(0.0, 1.5), (2.0, 3.0)]
    assert len({each.inputs["audio"].sha256 for each in examples}) == 1
    assert not any(each.metadata for each in examples)


def test_masks_become_cells_that_name_no_file(undecided: Project, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(2):
        pixels = np.zeros((8, 6), np.uint8)
        pixels[number : number + 3, 1:4] = 1
        Image.fromarray(pixels).save(tmp_path / "masks" / f"{number}.png")
        Image.fromarray(np.full((8, 6, 3), 90 + number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "masks" / "classes.txt").write_text("ground\nroad\n")
    undecided.import_data(tmp_path)
    column = undecided.answer_column()
    assert column is not None
    cells = [each.answers[column.heading] for each in undecided.examples()]
    spec = column.kind.plan(cells, column.heading)
    assert spec.classes == ("ground", "road")
    assert [column.kind.read(cell, spec).areas["road"] for cell in cells] == [9, 9]


def test_a_mask_with_a_class_that_cannot_be_named_is_left_out_alone(undecided: Project, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(3):
        pixels = np.zeros((8, 6), np.uint8)
        pixels[:3] = 1 + number // 2
        Image.fromarray(pixels).save(tmp_path / "masks" / f"{number}.png")
        Image.fromarray(np.full((8, 6, 3), 90 + number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "masks" / "classes.txt").write_text("ground\nroad\n\u2800\n")
    added = undecided.import_data(tmp_path)
    assert len(added.ids) == 2
    (problem,) = added.problems
    assert problem.what == "a name that cannot be seen: '\\u2800'"


def test_pictures_without_answers_can_join_a_project_of_labels(project: Project, tmp_path: Path) -> None:
    write_pictures(tmp_path / "more", 3)
    project.import_data(tmp_path / "more")
    assert len(project.find(Query(answered=False))) == 3


def test_answers_of_another_kind_are_refused(project: Project, tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    boxes = json.dumps([{"label": "cell", "xyxy": [0, 0, 4, 4]}])
    rows = [{"image": f"{i:05}.png", "boxes": boxes} for i in range(2)]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for act in (project.inspect, project.import_data):
        with pytest.raises(UsageError):
            act(tmp_path / "table.jsonl")
    assert project.counts().examples == 0


def test_an_archive_is_taken_in_whole_or_not_at_all(project: Project, tmp_path: Path) -> None:
    data = make_folders(tmp_path / "boards", knot=3, crack=3)
    packed = tmp_path / "boards.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(data.rglob("*.png")):
            archive.write(path, path.relative_to(data))
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-200])
    with pytest.raises(DataError, match=r"boards\.zip: damaged"):
        project.import_data(packed)
    assert project.counts().examples == 0
    packed.write_bytes(whole)

    def interrupt(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.import_data(packed, listen=interrupt)
    assert project.counts().examples == 0
    assert not list(project.place.files.iterdir())
    assert len(project.import_data(packed).ids) == 6


def test_what_cannot_be_read_is_named_and_the_rest_goes_in(undecided: Project, tmp_path: Path) -> None:
    data = make_folders(tmp_path / "boards", knot=3, crack=3)
    (data / "knot" / "text.png").write_text("this is no picture")
    cut = (data / "crack" / "01000.png").read_bytes()
    (data / "crack" / "01000.png").write_bytes(cut[:-40])
    soundfile.write(data / "crack" / "note.wav", np.zeros(1600), 16000)
    added = undecided.import_data(data, senses=["image"])
    assert len(added.ids) == 5
    said = {problem.where: problem.what for problem in added.problems}
    assert said["knot/text.png"] == "not a picture but text"
    assert said["crack/01000.png"].startswith("damaged: the picture cannot be decoded")


def test_an_archive_of_empty_files_is_told_by_their_names_and_decides_nothing(
    undecided: Project, tmp_path: Path
) -> None:
    packed = tmp_path / "boards.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(300):
            archive.writestr(f"{'knot' if number % 2 else 'crack'}/{number:03}.png", b"")
    added = undecided.import_data(packed)
    assert (added.ids, added.known) == ([], ())
    assert [problem.where for problem in added.problems[:3]] == ["crack/000.png", "crack/002.png", "crack/004.png"]
    assert {problem.what for problem in added.problems} == {"the file is empty"}
    assert len(added.problems) == 300
    assert undecided.answer_column() is None
    assert not any("added" in change.what for change in undecided.history())


def test_parts_of_a_recording_that_reach_beyond_its_end_are_left_out(undecided: Project, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "dawn.wav", np.zeros(2 * 16000), 16000)
    (tmp_path / "table.csv").write_text("audio,start,end,label\ndawn.wav,0,1.5,wren\ndawn.wav,2,30,robin\n")
    added = undecided.import_data(tmp_path / "table.csv")
    assert len(added.ids) == 1
    assert "the excerpt ends at 30.00 s, the recording at 2.00 s" in added.problems[0].what


def test_folders_whose_name_cannot_be_seen_are_no_classes(undecided: Project, tmp_path: Path) -> None:
    data = make_folders(tmp_path / "boards", **{" ": 2, "\u2800": 2, " knot ": 2, "crack": 2})
    added = undecided.import_data(data)
    assert undecided.counts().classes == {"crack": 2, "knot": 2}
    assert undecided.counts().examples == undecided.counts().answered == len(added.ids) == 4
    assert {problem.what for problem in added.problems} == {
        "an empty answer",
        "a name that cannot be seen: '\\u2800'",
    }


def test_a_row_with_a_region_whose_class_cannot_be_seen_is_left_out(undecided: Project, tmp_path: Path) -> None:
    write_pictures(tmp_path / "cells", 4)
    names = ["cell", "dot", "\u3164", "cell"]
    boxes = [json.dumps([{"label": name, "xyxy": [1, 1, 4, 4]}]) for name in names]
    with (tmp_path / "cells" / "boxes.csv").open("w", newline="", encoding="utf-8") as file:
        rows = zip(sorted(path.name for path in (tmp_path / "cells").glob("*.png")), boxes, strict=True)
        csv.writer(file).writerows([("image", "boxes"), *rows])
    added = undecided.import_data(tmp_path / "cells" / "boxes.csv", answer="boxes")
    assert len(added.ids) == 3
    assert {problem.what for problem in added.problems} == {"a name that cannot be seen: '\\u3164'"}
    assert undecided.classes() == ["cell", "dot"]
