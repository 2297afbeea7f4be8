"""Similar inputs by the embedding of a handmade model: pictures of similar brightness have a high cosine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from seehear import api
from seehear.cli import run
from seehear.errors import BundleError, InputError, UsageError
from seehear.events import Event, Finished
from seehear.runtime.bundle import write_bundle

BRIGHTNESS = {"a": 0.9, "b": 0.5, "c": 0.8, "d": 0.1}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_bundle(path := tmp_path / "m.seehear", tiny.bundle())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (folder := tmp_path / "pictures").mkdir()
    for name, brightness in BRIGHTNESS.items():
        Image.fromarray(tiny.picture(brightness)[:, :, 0]).save(folder / f"{name}.png")
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n")
    return folder


def test_the_most_similar_come_first_and_unreadable_inputs_last(model: Path, folder: Path) -> None:
    events: list[Event] = []
    found = api.load(model).similar(tiny.picture(0.8), folder, top=3, listen=events.append)
    assert [Path(each.input).stem for each in found] == ["c", "a", "b", "torn"]
    assert found[0].similarity == pytest.approx(1, abs=1e-6)
    assert found[3].similarity is None and "torn.png" in found[3].error
    assert Finished("comparing", "5 inputs") in events


def test_the_query_itself_is_left_out(model: Path, folder: Path) -> None:
    found = api.load(model).similar(folder / "c.png", folder)
    assert [Path(each.input).stem for each in found] == ["a", "b", "d", "torn"]


def test_inputs_in_memory_are_compared(model: Path) -> None:
    found = api.load(model).similar(tiny.picture(1.0), [tiny.picture(0.2), tiny.picture(0.9)])
    assert found[0].similarity == pytest.approx(0.9, abs=0.01)


def test_a_query_that_cannot_be_read_is_an_error(model: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"torn.png: "):
        api.load(model).similar(folder / "torn.png", folder)
    with pytest.raises(UsageError, match=r"top is 0. Allowed: 1 or more"):
        api.load(model).similar(folder / "a.png", folder, top=0)


def test_a_query_whose_embedding_is_not_finite_is_an_error(model: Path) -> None:
    with pytest.raises(BundleError, match="not finite"):
        api.load(model).similar(np.zeros((8, 8, 1), np.uint8), [tiny.picture(0.2)])


def test_similar_on_the_command_line(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["similar", str(model), str(folder / "c.png"), str(folder), "--top", "1"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f" 0.981  {folder / 'a.png'}\n"
    assert "torn.png" in printed.err
    (folder / "torn.png").unlink()
    assert run(["similar", str(model), str(folder / "c.png"), str(folder), "--json"]) == 0
    assert capsys.readouterr().out.count('"similarity"') == 3
    (folder / "empty").mkdir()
    assert run(["similar", str(model), str(folder / "c.png"), str(folder / "empty")]) == 2
    assert "nothing to compare with" in capsys.readouterr().err
