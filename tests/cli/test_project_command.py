"""`seehear project`: what the page does, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_projects import make_project, write_pictures
from seehear.cli import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_project(tmp_path / "seehear-projects").close()
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["project", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_project_is_filled_corrected_and_undone(home: Path, capsys) -> None:
    write_pictures(home / "boards" / "knot", 3)
    write_pictures(home / "boards" / "crack", 2, first=10)
    code, out, _ = _run(capsys, "add", "boards", "boards", "--inspect")
    assert code == 0
    assert "5 examples of image, answer 'label'" in out
    assert _run(capsys, "add", "boards", "boards")[:2] == (0, "Added 5 examples to boards\n")
    assert _run(capsys, "add", "boards", "boards/knot/00000.png", "--as", "knot")[1].endswith(
        "Added 0 examples to boards; 1 was already there\n"
    )
    code, out, _ = _run(capsys, "label", "boards", "clear", "1", "2", "--who", "ben")
    assert "ben: put 2 examples into 'clear'" in out
    code, out, _ = _run(capsys, "show", "boards", "--json")
    assert json.loads(out)["classes"] == {"crack": 0, "knot": 3, "clear": 2}
    code, out, _ = _run(capsys, "show", "boards", "--class", "clear")
    assert [line.split()[0] for line in out.splitlines()] == ["1", "2"]
    code, out, _ = _run(capsys, "undo", "boards", "--who", "ben", "--json")
    assert json.loads(out)["what"] == "undid: put 2 examples into 'clear'"
    code, out, _ = _run(capsys, "log", "boards")
    assert [line.split(": ", 1)[1] for line in out.splitlines()][:2] == [
        "undid: put 2 examples into 'clear'",
        "put 2 examples into 'clear' (undone)",
    ]
    assert "removed 1 example" in _run(capsys, "remove", "boards", "5")[1]
    assert "boards" in _run(capsys, "list")[1]


def test_a_new_project_says_where_it_is(home: Path, capsys) -> None:
    code, out, err = _run(capsys, "new", "Pond birds", "--answer", "label", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["slug"] == "pond-birds"
    assert (home / "seehear-projects" / "pond-birds" / "project.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "bords"], "there is no project 'bords'. Allowed: boards."),
        (["add", "boards", "nothing.zip"], "nothing.zip: there is no such file or folder."),
        (["label", "boards", "knot", "9"], "there is no example 9."),
        (["undo", "boards", "9"], "there is no change 9."),
        (["new", "boards"], "there is a project 'boards' already."),
    ],
)
def test_wrong_usage_is_one_line(home: Path, capsys, arguments: list[str], message: str) -> None:
    code, out, err = _run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_what_was_left_out_is_named_and_gives_code_1(home: Path, capsys) -> None:
    [picture] = write_pictures(home, 1)
    (home / "empty.png").touch()
    code, out, err = _run(capsys, "add", "boards", "empty.png", str(picture))
    assert code == 1
    assert "Added 1 example" in out
    assert "empty.png: the file is empty" in err
