"""`predict --out`: every answer has its files, named after its input, inside the folder."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from seehear import api
from seehear.answers.text import Text, Word
from seehear.cli import run
from seehear.errors import InputError
from seehear.results.writer import OutputNames
from seehear.runtime.loading import source_of
from seehear.runtime.prediction import Prediction


class NameReader:
    """A recogniser that answers with the name of the file."""

    recipe = tiny.recipe("image", "audio")

    def predict(self, inputs: Iterable[Any], **_: Any) -> Iterator[Prediction]:
        for each in inputs:
            source = source_of(each)
            words = (Word(Path(source.name).stem, 0.0, 0.5),)
            yield (
                Prediction.failed(source, InputError("broken"))
                if "broken" in source.name
                else Prediction(source, Text(words), 0.9, True)
            )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "load", lambda _, listen: NameReader())
    Path("m.seehear").touch()
    for name in (
        "rec/1.wav",
        "rec/monday/1.wav",
        "rec/monday/2.mp3",
        "rec/monday/2.wav",
        "rec/broken.wav",
        "more/1.wav",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def list_files(folder: str, extension: str = "srt") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob(f"*.{extension}"))


def test_files_keep_the_subfolders_of_their_inputs(here):
    assert run(["predict", "m.seehear", "rec", "--out", "out"]) == 1
    assert list_files("out") == ["1.srt", "monday/1.srt", "monday/2-2.srt", "monday/2.srt"]
    assert list_files("out", "txt") == ["1.txt", "monday/1.txt", "monday/2-2.txt", "monday/2.txt"]
    assert Path("out/monday/1.vtt").read_text() == "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\n1\n"


def test_inputs_of_several_folders_get_different_names(here):
    assert run(["predict", "m.seehear", "rec/1.wav", "more", str(here / "rec/monday/1.wav"), "--out", "out"]) == 0
    assert list_files("out") == ["1-2.srt", "1-3.srt", "1.srt"]


def test_rows_of_a_table_keep_their_subfolders_but_stay_inside_the_folder(here):
    Path("rec/rows.csv").write_text("image,audio\n,monday/1.wav\n,../more/1.wav\n1.png,1.wav\n")
    assert run(["predict", "m.seehear", "rec/rows.csv", "--out", "deep/out"]) == 0
    assert list_files(".") == ["deep/out/1-2.srt", "deep/out/1.srt", "deep/out/monday/1.srt"]


def test_folders_from_stdin_count_too(here, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("rec/monday\n"))
    run(["predict", "m.seehear", "-", "--out", "out"])
    assert list_files("out") == ["1.srt", "2-2.srt", "2.srt"]


def test_a_file_beside_its_input_is_not_replaced(here, capsys):
    Path("rec/1.txt").write_text("as it was typed")
    assert run(["predict", "m.seehear", "rec/1.wav", "--out", "rec"]) == 2
    assert Path("rec/1.txt").read_text() == "as it was typed"
    err = capsys.readouterr().err
    assert "rec/1.txt: the file exists already, beside its input. Next: choose another folder with --out." in err


@pytest.mark.parametrize(("name", "text"), [("csv", "audio\n1.wav\n"), ("jsonl", '{"audio": "1.wav"}\n')])
def test_a_table_of_the_user_with_the_name_of_the_predictions_is_not_replaced(here, capsys, name, text):
    table = Path(f"rec/predictions.{name}")
    table.write_text(text)
    before = sorted(here.rglob("*"))
    assert run(["predict", "m.seehear", str(table), "--out", "rec"]) == 2
    assert table.read_text() == text and sorted(here.rglob("*")) == before
    err = capsys.readouterr().err
    assert (
        f"{table}: the file exists already, and no earlier run wrote it. Next: choose another folder with --out." in err
    )


def test_an_earlier_run_is_replaced(here):
    for _ in range(2):
        assert run(["predict", "m.seehear", "more", "--out", "out"]) == 0
    assert list_files("out") == ["1.srt"]


def test_output_of_an_earlier_run_is_not_an_input(here):
    for _ in range(2):
        Path("rec/out").mkdir(exist_ok=True)
        Path("rec/out/1.overlay.wav").touch()
        assert run(["predict", "m.seehear", "rec/monday", "rec", "--out", "rec/out"]) == 1
        assert not list(Path("rec/out").rglob("*.overlay.srt"))


def test_without_out_no_files_are_written(here):
    before = sorted(here.rglob("*"))
    assert run(["predict", "m.seehear", "more"]) == 0
    assert sorted(here.rglob("*")) == before


PARTS = st.sampled_from(["a", "A", "a-2", "b", "..", ".", ".a", "predictions", "a.b"])


@given(
    st.lists(st.tuples(st.lists(PARTS, max_size=3), st.sampled_from(["a.wav", "a.b.mp3", "A.wav", ".wav", "a-2.wav"])))
)
def test_names_are_unique_and_stay_inside(inputs):
    names = OutputNames()
    list(names.remember_folders(["a", "b/x.csv", "..", "/"]))
    assigned = [names.assign(Path(*folders, name)) for folders, name in inputs]
    assert len({str(name).casefold() for name in assigned}) == len(inputs)
    assert not [name for name in assigned if name.is_absolute() or ".." in name.parts or name == Path("predictions")]


def test_a_long_name_leaves_room_for_a_number_and_an_extension(here, monkeypatch):
    stem = "ü" * 125
    for folder in ("long", "longer"):
        Path(folder).mkdir()
        (Path(folder) / f"{stem}.wav").touch()
    assert run(["predict", "m.seehear", f"long/{stem}.wav", f"longer/{stem}.wav", "--out", "out"]) == 0
    assert list_files("out") == ["ü" * 110 + "-2.srt", "ü" * 110 + ".srt"]
