"""`seehear project`: what the page does, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import tiny
from made_projects import make_project, write_pictures
from seehear.api import Recogniser
from seehear.cli import run
from seehear.projects import similar
from seehear.projects.similar import VersionEncoder
from serving import sound_file


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


def test_more_like_an_example_is_found_and_put_into_a_class(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = VersionEncoder(Recogniser(tiny.bundle("image")), "1" * 64)
    monkeypatch.setattr(similar, "load_encoder", lambda _project: encoder)
    paths = []
    for brightness in (0.9, 0.1, 0.5, 0.95):
        paths.append(home / f"{brightness}.png")
        Image.fromarray(tiny.picture(brightness)[:, :, 0]).save(paths[-1])
    _run(capsys, "add", "boards", "0.9.png", "--as", "bright")
    _run(capsys, "add", "boards", *(path.name for path in paths[1:]))
    code, out, _ = _run(capsys, "similar", "boards", "1", "--json")
    assert [json.loads(line)["found"] for line in out.splitlines()] == ["4", "3", "2"]
    assert _run(capsys, "similar", "boards", "1", "--yes", "4", "--no", "3", "--top", "1")[1].endswith("  2  0.1.png\n")
    assert (
        "put 1 similar example into 'bright'"
        in _run(capsys, "similar", "boards", "1", "--yes", "4", "--as", "bright")[1]
    )
    code, out, _ = _run(capsys, "similar", "boards", "0.9.png", "--box", "0,0,4,4", "--among", "0.5.png")
    assert (code, out.split()[1:]) == (0, [":0.5.png"])
    for wrong in (
        ("--box", "1,2"),
        ("--span", "1,2"),
        ("--as", "bright"),
        ("--yes", "nonsense"),
        ("--among", "nowhere"),
    ):
        code, _, err = _run(capsys, "similar", "boards", "1", *wrong)
        assert code and "Traceback" not in err


def test_the_demo_project_is_made_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "project train demo-pictures --minutes 1" in _run(capsys, "demo")[1]
    assert json.loads(_run(capsys, "demo", "--json")[1])["slug"] == "demo-pictures"
    assert json.loads(_run(capsys, "show", "demo-pictures", "--json")[1])["examples"] == 240


def test_stretches_of_a_recording_are_marked(home: Path, capsys) -> None:
    (home / "pond.wav").write_bytes(sound_file(0.5, seconds=4))
    assert _run(capsys, "add", "boards", "pond.wav")[0] == 0
    code, out, _ = _run(capsys, "mark", "boards", "1", "0.5-1", "2-3.25", "--as", "wren")
    assert (code, out) == (0, "Added 2 examples to boards\n")
    code, out, _ = _run(capsys, "show", "boards", "--class", "wren", "--json")
    assert [json.loads(line)["span_s"] for line in out.splitlines()] == [[0.5, 1.0], [2.0, 3.25]]
    code, _, err = _run(capsys, "mark", "boards", "1", "2-9")
    assert code != 0
    assert "the excerpt ends at 9.00 s, the recording at 4.00 s" in err
    code, _, err = _run(capsys, "mark", "boards", "1", "now")
    assert "the stretch 'now'. Allowed: START-END in seconds" in err
