"""A project: examples and answers, who changed what, and undoing it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import seehear
from made_projects import make_project, write_pictures
from seehear.errors import ConflictError, DataError, SeehearError, UsageError
from seehear.projects import Project, Query


@pytest.fixture
def project(tmp_path: Path, database: str | None):
    with make_project(tmp_path / "home", database) as made:
        yield made


def test_what_was_added_is_there_when_it_is_opened_again(project: Project, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 3)
    ids = project.add(paths, "knot").ids
    with seehear.Project.open("Boards", home=tmp_path / "home") as again:
        examples = again.examples()
    assert [each.id for each in examples] == list(ids)
    assert [each.name for each in examples] == [path.name for path in paths]
    assert [each.answers for each in examples] == [{"label": "knot"}] * 3
    assert {each.added_by for each in examples} == {"anna"}
    assert project.path(examples[0].inputs["image"]).read_bytes() == paths[0].read_bytes()


def test_the_same_content_is_stored_once_and_is_one_example(project: Project, tmp_path: Path) -> None:
    first, second = write_pictures(tmp_path, 2)
    second.write_bytes(first.read_bytes())
    added = project.add([first, second], "knot")
    again = project.add([second], "crack")
    assert len(added.ids) == 1
    assert again.known == [added.ids[0]]
    assert not again.ids
    [problem] = again.problems
    assert problem.where == "00001.png"
    assert f"already here as example {added.ids[0]}, with the label 'knot', not 'crack'" in problem.what
    assert len([path for path in project.place.files.rglob("*") if path.is_file()]) == 1


def test_files_that_cannot_be_read_are_named_and_the_others_added(project: Project, tmp_path: Path) -> None:
    [good] = write_pictures(tmp_path, 1)
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    added = project.add([tmp_path / "none.png", tmp_path / "empty.png", tmp_path / "notes.txt", good])
    assert len(added.ids) == 1
    assert {Path(problem.where).name for problem in added.problems} == {"none.png", "empty.png", "notes.txt"}
    assert not list(project.place.files.glob("staging-*"))


def test_only_files_that_nothing_uses_are_deleted(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 2), "knot").ids
    project.remove(ids[1:])
    left = project.place.files / "ab" / f"{'0' * 62}.png"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"of a process that was killed")
    assert project.delete_unused_files() == 1
    assert not left.exists()
    project.undo()
    assert all(project.path(each.inputs["image"]).exists() for each in project.examples())


def test_pages_follow_each_other_and_queries_narrow_them(project: Project, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 7)
    project.add(paths[:3], "knot")
    project.add(paths[3:5], "crack", part="val")
    project.add(paths[5:])
    first = project.examples(limit=4)
    second = project.examples(Query(after=first[-1].id), limit=4)
    assert [each.name for each in (*first, *second)] == [path.name for path in paths]
    assert len(project.find(Query(stratum="knot"))) == 3
    assert len(project.find(Query(answered=False))) == 2
    assert len(project.find(Query(part="val"))) == 2
    assert len(project.find(Query(search="00006"))) == 1
    assert len(project.find(Query(search="CRAC"))) == 2
    counts = project.counts()
    assert (counts.examples, counts.answered) == (7, 5)
    assert counts.classes == {"knot": 3, "crack": 2}
    assert counts.parts == {"": 5, "val": 2}


def test_a_change_is_refused_if_somebody_changed_it_meanwhile(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 2), "knot").ids
    project.as_person("ben").label(ids[:1], "crack")
    with pytest.raises(ConflictError, match=r"ben put 1 example into 'crack', .*; it is 'crack' now, not 'knot'"):
        project.label(ids, "clear", expected=dict.fromkeys(ids, "knot"))
    assert [each.answers["label"] for each in project.examples()] == ["crack", "knot"]
    assert project.label(ids, "clear", expected={ids[0]: "crack", ids[1]: "knot"}) is not None


def test_undo_goes_back_and_forth(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 3), "knot").ids
    change = project.label(ids[:2], "crack")
    project.remove(ids[2:])
    assert project.counts().classes == {"knot": 0, "crack": 2}
    project.undo()
    undoing = project.undo()
    assert project.counts().classes == {"knot": 3}
    assert [(each.what, each.undone) for each in project.history(limit=2)] == [
        ("undid: put 2 examples into 'crack'", False),
        ("undid: removed 1 example", False),
    ]
    project.undo(undoing)
    assert project.counts().classes == {"knot": 1, "crack": 2}
    assert project.history(limit=1)[0].what == "did again: put 2 examples into 'crack'"
    assert [each.what for each in project.history(example=ids[0])][-1] == "added 3 examples to 'knot'"
    assert not next(each for each in project.history() if each.id == change).undone


def test_undo_says_why_it_cannot(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 1), "knot").ids
    change = project.label(ids, "crack")
    project.as_person("ben").label(ids, "clear")
    with pytest.raises(ConflictError, match="ben put 1 example into 'clear'"):
        project.undo(change)
    with pytest.raises(UsageError, match="there is no change 99"):
        project.undo(99)
    with pytest.raises(UsageError, match="'cleo' has no change to undo"):
        project.as_person("cleo").undo()
    undone = project.history(limit=1)[0].id
    project.undo(undone)
    with pytest.raises(UsageError, match=f"change {undone} is undone already"):
        project.undo(undone)


def test_classes_keep_their_order_and_can_be_renamed_and_joined(project: Project, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 3)
    project.add_class("clear")
    project.add(paths[:2], "knot")
    project.add(paths[2:], "a knot")
    assert project.classes() == ["clear", "knot", "a knot"]
    project.rename_class("clear", "no fault")
    project.rename_class("a knot", "knot")
    assert project.counts().classes == {"no fault": 0, "knot": 3}
    project.undo()
    project.undo()
    assert project.counts().classes == {"clear": 0, "knot": 2, "a knot": 1}
    with pytest.raises(UsageError, match="there is no class 'bark'"):
        project.rename_class("bark", "knot")
    with pytest.raises(UsageError, match="'knot' is there already"):
        project.add_class("knot")


def test_nothing_that_was_not_different_is_a_change(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 1), "knot").ids
    before = len(project.history())
    assert project.label(ids, "knot") is None
    assert project.add(write_pictures(tmp_path, 1), "knot").known == ids
    assert project.set_setting("keep", None) is None
    assert len(project.history()) == before


@pytest.mark.parametrize("answer", ["", "  ", "a\0b", "\ud800", "x" * 201])
def test_an_answer_that_cannot_be_stored_is_refused(project: Project, tmp_path: Path, answer: str) -> None:
    ids = project.add(write_pictures(tmp_path, 1)).ids
    with pytest.raises(UsageError):
        project.label(ids, answer)
    with pytest.raises(UsageError):
        project.add_class(answer)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("label", "knot", None),
        ("text", "two words", None),
        ("score", "2.5", "two"),
        ("boxes", '[{"label": "cell", "xyxy": [0, 0, 4, 4]}]', "[4]"),
        ("mask", '{"size": [4, 4], "outlines": [{"label": "road", "rle": [0, 16]}]}', "mask.png"),
    ],
)
def test_answers_are_cells_of_the_kind_of_the_project(tmp_path: Path, kind: str, right: str, wrong: str | None) -> None:
    with Project.create("New", answer=kind, home=tmp_path) as project:
        ids = project.add(write_pictures(tmp_path, 1)).ids
        project.label(ids, right)
        if wrong is not None:
            with pytest.raises(UsageError):
                project.label(ids, wrong)
        assert list(project.example(ids[0]).answers.values()) == [right]


def test_unknown_examples_parts_and_people_are_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="there is no example 7"):
        project.label([7], "knot")
    with pytest.raises(UsageError, match="there is no example 7"):
        project.example(7)
    with pytest.raises(UsageError, match="no part 'valid'"):
        project.set_part([], "valid")
    with pytest.raises(UsageError, match="not a name for a person"):
        project.as_person(" ")


def test_the_list_names_what_cannot_be_opened_and_shows_the_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_project(home).close()
    for name, content in {"broken": b"no database", "odd": b""}.items():
        (home / name).mkdir()
        (home / name / "project.json").write_bytes((home / "boards" / "project.json").read_bytes())
        (home / name / "project.db").write_bytes(content or (home / "boards" / "project.db").read_bytes())
    (home / "odd" / "project.json").write_text("{}")
    (home / "other").mkdir()
    found = {entry.slug: entry.problem for entry in Project.list(home)}
    assert found.keys() == {"boards", "broken", "odd"}
    assert found["boards"] == ""
    assert "its database is damaged" in found["broken"]
    assert "broken/project.db" in found["broken"]
    assert "is damaged" in found["odd"]
    with pytest.raises(DataError, match="its database is damaged"):
        Project.open("broken", home=home)
    with pytest.raises(UsageError, match=r"there is no project 'bords'.*boards"):
        Project.open("bords", home=home)


def test_a_newer_project_is_refused(project: Project, tmp_path: Path) -> None:
    project.close()
    with project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DataError, match=r"made by a newer version of seehear \(schema 9999\)"):
        Project.open("boards", home=tmp_path / "home")
    described = json.loads((project.place.folder / "project.json").read_text())
    (project.place.folder / "project.json").write_text(json.dumps(described | {"format": 2}))
    with pytest.raises(DataError, match="made by a newer version of seehear"):
        Project.open("boards", home=tmp_path / "home")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "boards"}, "there is a project 'boards' already"),
        ({"name": "  "}, "not a name for a project"),
        ({"name": "…"}, "at least one letter, digit or symbol"),
        ({"name": "nul"}, "not a name for a project"),
        ({"name": "../up", "answer": "labl"}, "no kind of answer 'labl'"),
        ({"name": "new", "senses": ["smell"]}, "no sense 'smell'"),
        ({"name": "new", "database": "sqlite:///x.db"}, "not the URL of a database that works"),
        ({"name": "new", "database": "postgresql+psycopg://anna:secret@db/team"}, "the URL has a password"),
    ],
)
def test_a_project_that_cannot_be_made_is_refused(project: Project, tmp_path: Path, arguments, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Project.create(**arguments, home=tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["boards"]


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SeehearError, match="no project can be made here"):
        Project.create("Boards", home=tmp_path / "file")


def test_what_an_undo_takes_away_is_told_if_it_is_much(project: Project, tmp_path: Path) -> None:
    (first,) = project.history()
    project.add(write_pictures(tmp_path, 49), "knot")
    assert project.describe_undo() == ""
    many = project.add(write_pictures(tmp_path, 60, first=100))
    assert project.describe_undo() == "60 examples"
    project.label(many.ids, "crack")
    assert project.describe_undo() == "60 answers"
    assert project.describe_undo(first.id) == "the kind of answer, on which 109 answers depend"


def test_a_project_can_be_named_by_a_picture_alone(tmp_path: Path) -> None:
    with Project.create("\N{BIRD}", home=tmp_path) as made:
        assert made.slug == "bird"
    with Project.open("\N{BIRD}", home=tmp_path) as opened:
        assert opened.name == "\N{BIRD}"
