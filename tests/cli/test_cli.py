"""The command line: exit codes, error messages, and results separate from progress."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import seehear
import tiny
from seehear import api, folders, interrupts
from seehear.amounts import conjugate, format_count, format_duration
from seehear.cli import options, run
from seehear.cli.display import INTERVAL_S, Bars, Display, Lines
from seehear.cli.evaluate import evaluate
from seehear.cli.predict import predict
from seehear.cli.train import plan, train
from seehear.errors import DataError
from seehear.events import Advanced, Finished, Measured, Notice, Started
from seehear.results.summary import summarise_metrics
from seehear.runtime.bundle import write_bundle
from seehear.runtime.options import PredictKeywords
from seehear.runtime.predictor import Predictor
from subprocesses import source_environment


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model of one sense, a model of two, and inputs."""
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("dark.seehear"), tiny.bundle())
    write_bundle(Path("both.seehear"), tiny.bundle("image", "audio"))
    Path("things/deep").mkdir(parents=True)
    for name, brightness in (("a", 0.02), ("b", 0.5), ("deep/c", 0.98)):
        Image.fromarray(tiny.picture(brightness)[..., 0]).save(f"things/{name}.png")
        soundfile.write(f"things/{name}.wav", np.full(8000, 0.9 * brightness), 16_000)
    Path("things/notes.txt").write_text("not for a sense")
    return tmp_path


def _predict(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    code = run(["predict", *arguments, "--json"])
    captured = capsys.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_a_folder_is_predicted_in_order_and_other_files_are_reported(here, capsys):
    code, answers, err = _predict(capsys, "dark.seehear", "things")
    assert code == 0
    assert [each["input"] for each in answers] == ["things/a.png", "things/b.png", "things/deep/c.png"]
    assert [each["answer"]["label"] for each in answers if each["accepted"]] == ["dark", "bright"]
    assert "Skipped 4 files that this model cannot read, such as things/a.wav" in err
    assert err.endswith('3 inputs: 2 answered, 1 "I don\'t know"\n')


def test_files_of_one_name_are_one_example_for_two_senses(here, capsys):
    _, answers, _ = _predict(capsys, "both.seehear", "things", "things/a.wav", "things/b.png")
    used = [(each["input"], "+".join(each["used"])) for each in answers]
    assert used == [
        ("things/a.png + things/a.wav", "image+audio"),
        ("things/b.png + things/b.wav", "image+audio"),
        ("things/deep/c.png + things/deep/c.wav", "image+audio"),
        ("things/a.wav", "audio"),
        ("things/b.png", "image"),
    ]


def test_a_name_that_no_file_can_have_is_an_input_that_fails(here, capsys):
    code, answers, err = _predict(capsys, "dark.seehear", "x" * 300 + ".png", "things/a.png")
    assert (code, [bool(each.get("error")) for each in answers]) == (1, [True, False])
    assert "File name too long" in err


def test_a_withheld_sense_is_not_used(here, capsys):
    _, answers, _ = _predict(capsys, "both.seehear", "things", "--senses", "audio")
    assert {tuple(each["used"]) for each in answers} == {("audio",)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.csv", "image,audio\na.png,a.wav\ndeep/c.png,\n"),
        ("rows.tsv", "\ufeffimage\taudio\na.png\ta.wav\ndeep/c.png\t\n"),
        ("rows.jsonl", '{"image": "a.png", "audio": "a.wav"}\n{"image": "deep/c.png", "audio": null}\n'),
    ],
)
def test_a_table_is_predicted_row_by_row(here, capsys, name, text):
    Path("things", name).write_text(text, encoding="utf-8")
    code, answers, _ = _predict(capsys, "both.seehear", f"things/{name}")
    assert code == 0
    assert [each["used"] for each in answers] == [["image", "audio"], ["image"]]


def test_a_row_without_a_file_fails_by_name(here, capsys):
    Path("rows.csv").write_text('image\nthings/a.png\n""\n')
    code, answers, err = _predict(capsys, "dark.seehear", "rows.csv")
    assert code == 1 and len(answers) == 2
    assert "rows.csv, row 3: names no file under image or video." in err and "Did you mean" not in err


def test_a_table_may_name_excerpts_of_recordings(here, capsys):
    quiet_then_loud = np.repeat([0.05, 0.9], 8_000)
    soundfile.write("talk.wav", quiet_then_loud, 16_000)
    Path("rows.csv").write_text("audio,start,end\ntalk.wav,0,0.5\ntalk.wav,0.5,1\ntalk.wav,1,2\n")
    code, answers, err = _predict(capsys, "both.seehear", "rows.csv")
    assert (code, [each["input"] for each in answers[:2]]) == (
        1,
        ["talk.wav [0.00 s to 0.50 s]", "talk.wav [0.50 s to 1.00 s]"],
    )
    assert [each["answer"]["label"] for each in answers[:2]] == ["dark", "bright"]
    assert "talk.wav [1.00 s to 2.00 s]: the excerpt ends at 2.00 s, the recording at 1.00 s." in err
    assert "Did you mean" not in err


def test_a_table_that_names_no_files_is_wrong_usage(here, capsys):
    Path("rows.csv").write_text("colour\nred\n")
    assert run(["predict", "dark.seehear", "rows.csv"]) == 2
    assert "rows.csv: no column names pictures or recordings: 'colour'. Next: call" in capsys.readouterr().err
    Path("rows.csv").write_text("")
    assert run(["predict", "dark.seehear", "rows.csv"]) == 2
    assert "rows.csv: the table is empty. Next: begin with a line of headings such as" in capsys.readouterr().err


def test_spaces_and_capitals_in_headings_do_not_matter(here, capsys):
    Path("rows.csv").write_text("Image, audio \nthings/a.png , things\\a.wav\n")
    Path("rows.jsonl").write_text('{"image ": " things/a.png", "Audio": "things/a.wav"}\n')
    code, answers, _ = _predict(capsys, "both.seehear", "rows.csv", "rows.jsonl")
    assert (code, [each["used"] for each in answers]) == (0, [["image", "audio"]] * 2)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("rows.jsonl", '{"image": "things/a.png"}\n\n[1]\n{"image": "things/b.png"}\n', "not a JSON object"),
        ("rows.jsonl", '{"image": "things/a.png"}\n\n{"x": 1}\n{"image": "things/b.png"}', "names no file under image"),
        ("rows.csv", "image\nthings/a.png\nx,y\n\nthings/b.png\n", "2 cells under 1 headings"),
        ("rows.csv", 'image\nthings/a.png\n"x" y\n\nthings/b.png\n', "the quotes are wrong"),
        ("rows.csv", 'image\nthings/a.png\n\nthings/b.png\n"x\n', "the quotes are wrong"),
    ],
)
def test_a_bad_row_fails_by_its_number_and_the_others_are_answered(here, capsys, name, text, why):
    Path(name).write_text(text)
    code, answers, err = _predict(capsys, "dark.seehear", name)
    number = 1 + next(i for i, line in enumerate(text.split("\n")) if line in ("[1]", '{"x": 1}', "x,y", '"x" y', '"x'))
    assert code == 1 and f"{name}, row {number}: {why}" in err and "Did you mean" not in err
    assert {each["input"]: each["answer"] and each["answer"]["label"] for each in answers} == {
        "things/a.png": "dark",
        "things/b.png": "bright",
        f"{name}, row {number}": None,
    }


def test_the_video_column_serves_a_row_without_a_picture(here, capsys):
    Path("rows.csv").write_text("image,video\n,things/a.png\n")
    assert _predict(capsys, "dark.seehear", "rows.csv")[0] == 0


def test_linked_folders_are_followed_without_loops(here, capsys):
    Path("linked").mkdir()
    Path("linked/elsewhere").symlink_to(here / "things/deep")
    Path("linked/circle").symlink_to(here / "linked")
    _, answers, _ = _predict(capsys, "dark.seehear", "linked")
    assert [each["input"] for each in answers] == ["linked/elsewhere/c.png"]


def test_a_folder_that_can_not_be_opened_fails_by_name(here, capsys, monkeypatch):
    opened = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", path)
        return opened(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, answers, err = _predict(capsys, "dark.seehear", "things")
    assert (code, len(answers)) == (1, 3) and "things/deep: cannot be opened. Next: check the folder's" in err


def test_names_come_from_stdin_without_blank_lines(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("things/a.png\n\n  \nthings/deep\r\n"))
    _, answers, _ = _predict(capsys, "dark.seehear", "-")
    assert [each["input"] for each in answers] == ["things/a.png", "things/deep/c.png"]


def test_a_failed_input_is_named_and_the_others_are_answered(here, capsys):
    Path("things/broken.png").write_text("no picture")
    code, answers, err = _predict(capsys, "dark.seehear", "things/broken.png", "things/aa.png", "things/a.png")
    assert code == 1
    assert [each["answer"] for each in answers] == [None, None, {"label": "dark"}]
    assert "things/broken.png: not a picture but text." in err
    assert "things/aa.png: there is no such file." in err and "Did you mean things/a.png?" in err
    assert '3 inputs: 1 answered, 0 "I don\'t know", 2 could not be read' in err


def test_lines_align_and_doubt_is_said(here, capsys):
    Path("things/broken.png").write_text("no picture")
    assert run(["predict", "dark.seehear", "things/deep/c.png", "things/b.png", "things/broken.png"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("things/deep/c.png  bright (")
    assert lines[1].startswith("things/b.png       I don't know; perhaps bright (51 % sure): for at most 5 % wrong")
    assert lines[2] == "things/broken.png  unreadable"


def test_a_name_cannot_control_the_terminal(here, capsys):
    Path("things/a.png").rename("things/\x1b[31mred.png")
    run(["predict", "dark.seehear", "things"])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err and r"things/\x1b[31mred.png" in captured.out
    run(["show", "things/\x1b[31mred.png"])
    for view in (Lines(), Bars()):
        view.update(Notice("\x1b[31mred.png: empty\r"))
        view.close()
    err = capsys.readouterr().err
    assert "\x1b[31m" not in err and err.count(r"\x1b[31mred.png: ") == 3 and err.count(r"empty\r") == 2


def test_results_are_also_written_to_files(here, capsys):
    _, answers, err = _predict(capsys, "dark.seehear", "things", "--out", "results/today")
    lines = Path("results/today/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == answers
    with Path("results/today/predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["answer"] for row in rows] == ["dark", "bright", "bright"]
    assert [row["accepted"] for row in rows] == ["yes", "no", "yes"]
    assert "written to results/today" in err


def test_wrong_at_most_decides_what_is_accepted(here, capsys):
    Path("few").mkdir()
    Image.fromarray(tiny.picture(0.54)[..., 0]).save("few/x.png")
    lenient, strict = (
        _predict(capsys, "dark.seehear", "few", "--wrong-at-most", share)[1][0]["accepted"] for share in ("5 %", "0.02")
    )
    assert lenient and not strict


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02), (" 0.5% ", 0.005)])
def test_a_share_is_parsed_as_people_write_it(text, value):
    assert options.parse_share(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["predict", "drak.seehear", "x"],
            2,
            "drak.seehear: there is no such file or folder. Did you mean dark.seehear?",
        ),
        (["predict", "dark.seehear"], 2, "Missing argument 'INPUT'."),
        (["predict", "dark.seehear", "things", "--senses", "smell"], 2, "senses smell. Allowed: image."),
        (["predict", "dark.seehear", "empty"], 2, "no inputs. Next: name files, or folders that contain some."),
        (["predict", "dark.seehear", "things", "--wrong-at-most", "2"], 2, "'2' is not a share between 0% and 100%."),
        (["predict", "dark.seehear", "things", "--jason"], 2, "No such option: --jason. Did you mean --json?"),
        (["predcit"], 2, "No such command 'predcit'. Did you mean 'predict'"),
        (["train", "things", "-o", "x.onnx"], 2, "-o x.onnx: the name of a model file ends in .seehear."),
        (
            ["train", "things", "-o", "empty.seehear"],
            2,
            "empty.seehear: is not a regular file, so it cannot be replaced.",
        ),
        (["train", "things", "-o", "no/x.seehear"], 2, "no: there is no such folder. Next: mkdir -p no."),
        (["train", "thing", "-o", "x.seehear"], 2, "thing: there is no such file or folder. Did you mean things?"),
        (
            ["show", "things/a.png"],
            3,
            "things/a.png: not a seehear model file. Next: name a file that `seehear train` wrote.",
        ),
        (
            ["predict", "things/a.png", "dark.seehear"],
            2,
            "things/a.png: not a seehear model file. Next: name the model first: dark.seehear things/a.png.",
        ),
        (["evaluate", "things", "dark.seehear"], 2, "name the model first: dark.seehear things."),
        (["predict", "dark.seehear", "things", "--out", "things/a.png"], 3, "things/a.png: File exists"),
        (["plan", "things", "--seed", "-1"], 2, "--seed -1. Allowed: 0 to 4294967295."),
        (["demo", "--seed", "-1"], 2, "--seed -1. Allowed: 0 to 4294967295."),
        (
            ["demo", "--out", "things"],
            2,
            "things: the folder contains other files. Next: choose another folder with --out.",
        ),
    ],
)
def test_errors_say_what_is_wrong_in_one_line(here, capsys, arguments, code, words):
    Path("empty").mkdir()
    Path("empty.seehear").mkdir()
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("seehear: ") and words in line


SITES = ("here", "there", "\x1b[31mred")


@pytest.fixture
def table(here) -> Path:
    """Bright pictures that women called bright, and men dark. The name of one site controls terminals."""
    Image.fromarray(tiny.picture(0.98)[..., 0]).save("bright.png")
    rows = [f"bright.png,{label},{sex},{site}" for label, sex in (("bright", "f"), ("dark", "m")) for site in SITES]
    Path("rows.csv").write_text("\n".join(["image,label,sex,site", *rows * 3]))
    return Path("rows.csv")


def test_evaluate_reports_differences_between_groups(table, capsys):
    assert run(["evaluate", "dark.seehear", str(table), "--report", "report"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("18 examples from 3 sites: 50 % (29 to 71) of the answers are wrong\n")
    sexes = out[out.index("by sex, the worst first") :].splitlines()
    assert [line.split()[:3] for line in sexes[2:4]] == [["m", "9", "0"], ["f", "9", "1"]]
    assert "worst group: m, accuracy 0 (0 to 0.299)" in sexes[4]
    assert any("more answers are wrong for m, 100 %, than for the others, 0 %: p = 0.0" in line for line in sexes)
    assert "\x1b" not in out and r"\x1b[31mred" in out
    assert "more answers are wrong for m" in Path("report/index.html").read_text()


def test_evaluate_names_an_unreadable_input_once(here, capsys):
    Path("void.png").touch()
    Path("rows.csv").write_text("image,label\nthings/a.png,dark\nvoid.png,bright\n")
    assert run(["evaluate", "dark.seehear", "rows.csv"]) == 1
    err = capsys.readouterr().err
    assert "Left out 1:\n  void.png: empty: 0 bytes. Next: check the program that wrote it" in err
    assert err.count("void.png") == 1


def test_evaluate_says_why_it_accepts_nothing(here, capsys):
    write_bundle(Path("few.seehear"), tiny.bundle(results={"image": {"n": 12}}))
    Path("rows.csv").write_text("image,label\nthings/a.png,dark\nthings/b.png,bright\n")
    assert run(["evaluate", "few.seehear", "rows.csv", "--wrong-at-most", "0.5%"]) == 0
    out = capsys.readouterr().out
    assert "accepts none of the answers: 12 held-out examples guarantee at most 1 % wrong, not 0.5 %" in out


def test_metrics_are_summarised_in_one_line():
    assert summarise_metrics({"wrong": 0.0, "coverage": 0.171, "accepted_error": 0.021}, "") == (
        "0 % wrong; accepts 17 % of the answers, 2.1 % of them wrong"
    )
    assert summarise_metrics({"wrong": None, "coverage": 0.0, "accepted_error": None}, "") == (
        "unknown wrong; accepts none of the answers"
    )
    assert summarise_metrics({"wrong": 0.5, "coverage": 0.7, "accepted_error": 0.1}, "box") == (
        "50 % wrong; accepts 70 % of the boxes, 10 % of them wrong"
    )


def test_a_report_that_cannot_be_written_is_refused_before_the_work(table, capsys, monkeypatch):
    monkeypatch.setattr(Predictor, "predict", lambda *_, **__: pytest.fail("the model was run"))
    Path("report").touch()
    assert run(["evaluate", "dark.seehear", str(table), "--report", "report"]) == 3
    assert "report: File exists" in capsys.readouterr().err


def test_groups_are_in_the_json_of_evaluate(table, capsys):
    assert run(["evaluate", "dark.seehear", str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    groups = found["groups"]
    assert found["speed"]["examples_per_s"] > 0
    assert found["speed"]["real_time_factor"] is None, "pictures have no length"
    assert {column: list(found) for column, found in groups.items()} == {"sex": ["m", "f"], "site": [*SITES]}
    assert groups["sex"]["m"]["metrics"] == {"accuracy": 0, "wrong": 1, "coverage": 1, "accepted_error": 1}


def test_without_arguments_the_help_is_printed(capsys):
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_show_prints_the_card_or_the_recipe(here, capsys):
    assert run(["show", "dark.seehear"]) == 0
    assert capsys.readouterr().out == tiny.bundle().card + "\n"
    assert run(["show", "dark.seehear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "label"


def test_show_prints_the_card_of_a_pretrained_transcriber(here, capsys, monkeypatch):
    monkeypatch.setattr("seehear.learn.transcriber.read_bundle", lambda place: tiny.bundle())
    assert run(["show", "whisper-base"]) == 0
    assert capsys.readouterr().out == tiny.bundle().card + "\n"
    assert run(["show", "efficientnet-lite0"]) == 2
    assert "cannot be used without training" in capsys.readouterr().err


def _flags(command: Any) -> set[str]:
    names = set(inspect.signature(command).parameters) - {"json", "model", "inputs", "listen", "self"}
    return names - {"options"} | set(PredictKeywords.__annotations__) if "options" in names else names


EXPLAINING = {"explain", "of", "examples"}  # predict --explain is Recogniser.explain
ON_RAY = {"on", "workers", "parts", "resume"}  # which writes files


def test_every_flag_is_a_keyword_in_python_and_the_other_way_round():
    assert _flags(train) == _flags(api.train)
    assert _flags(plan) == _flags(api.plan)
    assert _flags(evaluate) == _flags(api.Recogniser.evaluate)
    assert _flags(predict) == _flags(api.Recogniser.predict) | {"out", "live", "every", "log"} | EXPLAINING | ON_RAY


class FakeModel:
    """Stands in for api.train and its result, and records the keywords."""

    def __init__(self, problems: tuple[Any, ...] = ()) -> None:
        self.problems = problems
        shares = {"accuracy": 0.916, "wrong": 0.084, "coverage": 0.75, "accepted_error": 0.021}
        self.recipe = tiny.recipe(results={"image": {"n": 1200, "metrics": shares}})

    def __call__(self, data: Path, out: Path, **keywords: Any) -> FakeModel:
        self.data, self.keywords = data, keywords
        keywords["listen"](Notice("column 'label' is the answer"))
        out.write_bytes(bytes(2_000_000))
        return self


def test_only_flags_that_were_given_are_passed_on(here, capsys, monkeypatch):
    model = FakeModel()
    monkeypatch.setattr(api, "train", model)
    assert (
        run(["train", "things", "-o", "new.seehear", "--minutes", "2", "--senses", "image, audio", "--seed", "0"]) == 0
    )
    del model.keywords["listen"]
    assert model.keywords == {"resume": False, "minutes": 2.0, "senses": ["image", "audio"], "seed": 0}
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith(
        "column 'label' is the answer\n"
        "With image, on 1,200 held-out examples: accuracy 0.916; "
        "8.4 % wrong; accepts 75 % of the answers, 2.1 % of them wrong.\n"
        "\nSaved new.seehear (2.0 MB). Next:\n"
    )
    assert "predict new.seehear FILE" in captured.err


def test_skipped_rows_are_named_and_change_the_exit_code(here, capsys, monkeypatch):
    from seehear.table import RowProblem

    monkeypatch.setattr(api, "train", FakeModel(tuple(RowProblem(f"{i}.png", "empty", "remove it") for i in range(30))))
    assert run(["train", "things", "-o", "new.seehear"]) == 1
    err = capsys.readouterr().err
    assert "Left out 30:\n  0.png: empty. remove it\n" in err and "  and 10 more\n" in err


def test_plan_names_skipped_rows_like_train(here, capsys):
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(noise).save(f"things/{number}.png")
    rows = [f"things/{number}.png,{number % 2},{'ab'[number // 2 % 2]}" for number in range(5)]
    for name in ("rows", "held"):
        Path(f"{name}.csv").write_text("\n".join(["image,label,site", *rows]))
    assert run(["plan", "rows.csv", "--minutes", "1", "--val", "held.csv", "--fair", "site", "--robust"]) == 1
    captured = capsys.readouterr()
    assert "Left out 2:\n  rows.csv row 6: no file 'things/4.png'\n  held.csv row 6: no file" in captured.err
    assert 'kind = "label"' in captured.out
    assert 'fair = "site"' in captured.out and "robust = true" in captured.out
    assert run(["plan", "rows.csv", "--each-class"]) == 2


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (
            DataError("one class only", where="things", hint="add another"),
            3,
            "things: one class only. Next: add another.",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ZeroDivisionError("by zero"),
            3,
            "unexpected ZeroDivisionError: by zero. Next: set SEEHEAR_DEBUG=1 to see the traceback",
        ),
        (OSError(28, "No space left on device", "new.seehear"), 3, "new.seehear: No space left on device"),
    ],
)
def test_errors_print_no_traceback(here, capsys, monkeypatch, raised, code, line):
    def train(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(api, "train", train)
    monkeypatch.delenv("SEEHEAR_DEBUG", raising=False)
    assert run(["train", "things", "-o", "new.seehear"]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"seehear: {line}") and err.count("\n") == 1


def test_debug_shows_the_traceback(here, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "read_model", fail)
    monkeypatch.setenv("SEEHEAR_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["show", "dark.seehear"])


@pytest.mark.parametrize("foreground", [True, False], ids=["in the foreground", "in the background"])
def test_a_dropped_interrupt_is_raised_again(monkeypatch, foreground):
    monkeypatch.setattr(interrupts, "_received", None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler if foreground else signal.SIG_IGN)
    try:
        interrupts.install_handlers()
        handler: Any = signal.getsignal(signal.SIGINT)
        with suppress(KeyboardInterrupt, TypeError):  # as careless code does; SIG_IGN cannot be called
            handler(signal.SIGINT, None)
    finally:
        signal.signal(signal.SIGINT, before)
    with Display() as display:
        display(Started("learning", 60, "s"))
        with pytest.raises(KeyboardInterrupt) if foreground else nullcontext():
            display(Advanced("learning", 1))
        display(Notice("The work is kept"))


WAITING = """
import sys, time
from seehear import api, cli, folders

def plan(*_, **__):
    with folders.temporary_folder() as folder:
        print(folder, flush=True)
        time.sleep(60)

api.plan = plan
sys.argv[1:] = ["plan", "."]
cli.main()
"""


def _reset_signals() -> None:
    """As in the foreground. A process in the background or under nohup ignores some signals, and so do its children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _start_waiting(tmp_path: Path) -> tuple[subprocess.Popen[str], Path]:
    """A running command, and the folder that it unpacks to."""
    environment = source_environment(TMPDIR=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_reset_signals,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGINT, 130, "seehear: interrupted\n"),
        (signal.SIGTERM, 143, "seehear: ended by SIGTERM\n"),
        (signal.SIGHUP, 129, "seehear: ended by SIGHUP\n"),
    ],
)
def test_a_terminated_command_leaves_no_temporary_folder(tmp_path, number, code, words):
    process, folder = _start_waiting(tmp_path)
    assert folder.parent == tmp_path and folder.is_dir()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, words)
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_folder_of_a_killed_command_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, left = _start_waiting(tmp_path)
    killed.kill()
    killed.communicate()
    living, folder_in_use = _start_waiting(tmp_path)
    (tmp_path / "seehear-of-somebody").mkdir()
    assert not left.exists(), "the other command removed it"
    with folders.temporary_folder() as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder_in_use.name, folder.name, "seehear-of-somebody"}
    living.kill()
    living.communicate()
    with folders.temporary_folder() as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, "seehear-of-somebody"}


def test_a_log_shows_progress_now_and_then(capsys):
    now_s = 0.0
    lines = Lines(clock=lambda: now_s)
    lines.update(Started("learning", 60, "s"))
    for second in range(1, 61):
        now_s = float(second)
        lines.update(Advanced("learning", second, f"loss {1 / second:.2f}"))
    lines.update(Finished("learning", "60 steps"))
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 60 // INTERVAL_S
    assert err[0] == "learning: 10 of 60 s, loss 0.10"


def test_how_good_it_is_so_far_is_shown_with_the_progress(capsys):
    now_s = 0.0
    lines = Lines(clock=lambda: now_s)
    for view in (lines, Bars()):
        view.update(Started("learning", 60, "s"))
        view.update(Measured("learning", 5, "accuracy", 0.8125, True, 48))
        now_s = INTERVAL_S
        view.update(Advanced("learning", 10, "loss 0.10"))
        view.update(Finished("learning", "60 steps"))
        view.close()
    assert "learning: 10 of 60 s, loss 0.10, accuracy 0.812 on 48 held-out examples" in capsys.readouterr().err


def test_on_a_terminal_a_line_replaces_the_bar_and_results_go_to_stdout(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Display() as display:
        display(Started("reading", 3, "examples"))
        display(Advanced("reading", 2))
        print("an answer")
        display(Finished("reading", "3 examples"))
        display.say("Saved it")
    captured = capsys.readouterr()
    _, bars, after = captured.err.partition("reading: 3 examples in less than 0.1 seconds")
    assert captured.out == "an answer\n" and "an answer" not in captured.err
    assert bars and "Saved it" in after and "━" not in after


def test_counts_have_singular_and_plural():
    texts = [format_count(n, noun) for noun in ("box", "study", "child") for n in (1, 2)]
    assert texts == ["1 box", "2 boxes", "1 study", "2 studies", "1 child", "2 children"]
    assert (format_count(0, "example"), format_count(1200, "class")) == ("0 examples", "1,200 classes")
    verbs = [conjugate(verb, n) for verb in ("is", "was", "has", "repeats") for n in (1, 2)]
    assert verbs == ["is", "are", "was", "were", "has", "have", "repeats", "repeat"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "less than 0.1 seconds"),
        (1, "1 second"),
        (2.34, "2.3 seconds"),
        (60, "60 seconds"),
        (868.926, "14.5 minutes"),
        (300, "5 minutes"),
        (86_400, "24 hours"),
        (7_200_000, "2,000 hours"),
    ],
)
def test_durations_are_readable(seconds, words):
    assert format_duration(seconds) == words


def _program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = source_environment(NO_COLOR="1")
    command = [sys.executable, "-m", "seehear", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, **options)


def test_the_version_is_printed():
    assert _program("--version").stdout == f"seehear {seehear.__version__}\n"


def test_a_closed_pipe_prints_no_error_and_names_may_hold_any_bytes(here):
    name = os.fsdecode(b"things/\xff.png")
    Path("things/a.png").rename(name)
    command = f"ls things/*.png | {sys.executable} -m seehear predict dark.seehear - --json | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env=source_environment(LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr and "Broken" not in done.stderr
    assert json.loads(done.stdout)["input"].startswith("things/")
