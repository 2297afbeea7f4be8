"""Comparing two handmade models on a folder: one answers rightly, one the opposite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import seehear
import tiny
from seehear.api import Recogniser
from seehear.cli import run
from seehear.errors import DataError, UsageError, WorseError
from seehear.events import Event, Notice
from seehear.measure import comparison
from seehear.paired_evaluation import check_comparable
from seehear.runtime.bundle import write_bundle

ANSWER = {"several": False, "counts": (10, 10)}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "choose_resamples", lambda _scored: 20)


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    """The first confuses bright and dark, the second does not."""
    confused = tiny.bundle(answer={"classes": tiny.CLASSES[::-1], **ANSWER})
    for name, bundle in (("confused", confused), ("right", tiny.bundle())):
        write_bundle(tmp_path / f"{name}.seehear", bundle)
    return tmp_path / "confused.seehear", tmp_path / "right.seehear"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return draw_pictures(tmp_path / "data", 8)


def draw_pictures(folder: Path, each: int) -> Path:
    for name, brightness in (("dark", 0.1), ("bright", 0.8)):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(tiny.picture(brightness + number / 100)[:, :, 0]).save(folder / name / f"{number}.png")
    return folder


def test_the_better_model_is_found(models: tuple[Path, Path], data: Path) -> None:
    events: list[Event] = []
    found = seehear.compare(*models, data, listen=events.append)
    assert (found.verdict, found.n, found.names) == ("better", 16, (str(models[0]), str(models[1])))
    assert found.difference.value == 1 and len(found.flips) == 16
    assert any("--trained-on" in event.text for event in events if isinstance(event, Notice))
    assert seehear.compare(*models[::-1], data).verdict == "worse"


def test_recognisers_in_memory_are_compared_without_names(models: tuple[Path, Path], data: Path) -> None:
    one = seehear.load(models[1])
    found = seehear.compare(one, one, data)
    assert str(found).startswith("the second is not distinguishable from the first\n")


def test_examples_that_a_model_learned_from_do_not_count(models: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    (learned := tmp_path / "learned").mkdir()
    shutil.copy(data / "dark" / "3.png", learned / "under-another-name.png")
    found = seehear.compare(*models, data, trained_on=[learned])
    assert found.n == 15
    assert found.left_out == ("Left out: 1 example with a file that a model learned from.",)
    with pytest.raises(DataError, match=r"nothing to compare on. Next: Left out: 16 examples with a file"):
        seehear.compare(*models, data, trained_on=[data])


def test_of_data_in_parts_the_part_that_was_trained_on_does_not_count(
    models: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    data.rename(tmp_path / "parts" / "train")
    test = draw_pictures(tmp_path / "parts" / "test", 9)
    assert (test / "dark" / "8.png").exists()
    assert seehear.compare(*models, tmp_path / "parts").n == 2


def test_examples_with_an_answer_that_one_model_does_not_know_are_left_out(tmp_path: Path, data: Path) -> None:
    write_bundle(tmp_path / "old.seehear", tiny.bundle())
    write_bundle(tmp_path / "new.seehear", tiny.bundle(answer={"classes": ("dark", "dazzling"), **ANSWER}))
    (data / "bright").rename(data / "dazzling")
    found = seehear.compare(tmp_path / "old.seehear", tmp_path / "new.seehear", data)
    assert found.n == 8 and "8 examples whose answer one of the models does not know" in str(found)


def test_models_with_other_kinds_of_answers_are_refused() -> None:
    score = tiny.recipe(kind="score", answer={"mean": 0, "spread": 1, "low": -1, "high": 1, "tolerance": 1})
    models: Any = [SimpleNamespace(recipe=recipe) for recipe in (tiny.recipe(), score)]
    with pytest.raises(UsageError, match=r"cannot be compared: a answers with label, b with score"):
        check_comparable(models, ("a", "b"))


def test_a_loss_is_tolerated_or_not_and_the_exit_code_says_so(
    models: tuple[Path, Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse, better = map(str, models)
    assert run(["compare", better, worse, str(data), "--tolerate", "1%", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["tolerance"]["verdict"] == "worse"
    (data / "bright" / "torn.png").write_bytes(b"\x89PNG\r\n")  # what is left out does not decide
    assert run(["compare", worse, better, str(data), "--tolerate", "0%"]) == 0
    assert "tolerable: 0 of accuracy may be lost, and the loss is at most" in capsys.readouterr().out
    for wrong in ("-1%", "100%", "much"):
        assert run(["compare", worse, better, str(data), "--tolerate", wrong]) == 2
        assert "is not a share" in capsys.readouterr().err
    with pytest.raises(UsageError, match="cannot tolerate 1"):
        seehear.compare(*models, data, tolerate=1.0)


def test_equal_models_are_tolerated_if_there_are_enough_examples(models: tuple[Path, Path], data: Path) -> None:
    verdicts = [seehear.compare(models[1], models[1], data, tolerate=share).loss for share in (0.2, 0.01)]
    assert [each and each.verdict for each in verdicts] == ["tolerable", "undecided"]


def test_a_model_that_is_worse_is_refused(models: tuple[Path, Path], data: Path) -> None:
    found = seehear.compare(*models[::-1], data, tolerate=0.01)
    with pytest.raises(WorseError, match=r"confused.seehear is worse than tolerated: 0.01 of accuracy may"):
        found.refuse_worse()
    seehear.compare(*models, data, tolerate=0.01).refuse_worse()
    seehear.compare(*models[::-1], data).refuse_worse()  # without a tolerance, nothing is refused


def test_add_writes_no_model_that_is_worse(
    models: tuple[Path, Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Adding classes is replaced by loading one of the two models."""
    worse, better = models
    out = tmp_path / "out.seehear"

    def add(before: Path, after: Path, *flags: str) -> int:
        monkeypatch.setattr(Recogniser, "add", lambda _self, _data, listen: seehear.load(after, listen=listen))
        return run(["add", str(before), str(data), "-o", str(out), *flags])

    assert add(better, worse, "--check", str(data)) == 1
    assert not out.exists() and "the second is worse than tolerated: 0 of accuracy" in capsys.readouterr().err
    assert add(worse, better, "--check", str(data), "--tolerate", "1%") == 0 and out.exists()
    assert add(better, worse, "--tolerate", "1%") == 2
    assert "--tolerate without examples to compare on. Next: name some with --check" in capsys.readouterr().err


def test_the_report_shows_what_changed(models: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    (data / "bright" / "0.png").rename(data / "bright" / "<b>0.png")
    found = seehear.compare(*models, data, tolerate=0.01, report=tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == len(found.flips) == 16
    assert "<b>0.png" not in page and "&lt;b&gt;0.png: dark → bright, which is right" in page
    assert "16 answers became right, 0 became wrong" in page and "tolerable: 0.01 of accuracy may be lost" in page
    assert "http" not in page.replace("http-equiv", "") and "{{" not in page


def test_time_and_size_are_compared(models: tuple[Path, Path], data: Path) -> None:
    found = seehear.compare(*models, data)
    assert found.costs is not None
    assert all(0 < cost.latency_s < 5 for cost in found.costs)
    assert [cost.size_bytes for cost in found.costs] == [tiny.bundle().size_bytes] * 2
    assert {"latency_s", "size_bytes"} <= found.to_json()["models"][1].keys()
    assert "one answer takes" in str(found)


def test_classes_that_changed_are_listed(models: tuple[Path, Path], data: Path) -> None:
    found = seehear.compare(*models, data)
    assert [(each.column, each.value, each.n, each.gained, each.lost) for each in found.changes] == [
        ("label", "bright", 8, 8, 0),
        ("label", "dark", 8, 8, 0),
    ]
    assert "  label bright: better (+100.0 % of 8; 8 became right, 0 wrong), significant: p = 0." in str(found)


def test_compare_on_the_command_line(models: tuple[Path, Path], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = map(str, models)
    assert run(["compare", one, other, str(data), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "better" and printed["p_value"] < 0.001
    (data / "bright" / "torn.png").write_bytes(b"\x89PNG\r\n")
    assert run(["compare", one, other, str(data)]) == 1
    printed_text = capsys.readouterr()
    assert printed_text.out.startswith(f"{other} is better than {one}\n16 examples")
    assert "torn.png" in printed_text.err
    assert run(["compare", one, str(data), other]) == 2
    assert "name the model first" in capsys.readouterr().err
