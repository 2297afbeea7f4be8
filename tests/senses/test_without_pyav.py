"""Without PyAV, libsndfile and Pillow read their formats, and errors for the others name the extra."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

import tiny
from malformed_corpus import SEEDS, seed
from seehear.cli import run
from seehear.errors import InputError
from seehear.runtime.bundle import write_bundle
from seehear.senses import SENSES

READS = [(sense, name) for name, (senses, _) in SEEDS.items() for sense in senses]
NEEDS_LIBAV = {"mp3", "m4a", "sound.webm", "mp4", "webm", "mkv", "avi", "ts", "aac", "wma", "flv", "mpg"}


@pytest.fixture
def no_libav(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SEEDS:
        seed(name)  # some are made with PyAV
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.parametrize(("sense", "name"), READS)
def test_only_formats_that_need_libav_require_it(no_libav: None, tmp_path: Path, sense: str, name: str) -> None:
    path = tmp_path / f"a.{name}"
    path.write_bytes(seed(name))
    if name not in NEEDS_LIBAV:
        assert SENSES[sense].read(path).size
        return
    with pytest.raises(InputError) as caught:
        SENSES[sense].read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: this ")
    assert "needs PyAV, which is not installed. Allowed: without it: pictures, and wav, flac, " in said
    assert said.endswith("Next: pip install 'seehear[media]'.")


def test_sight_and_hearing_give_the_same_error_for_a_video(no_libav: None) -> None:
    words = set()
    for sense in SENSES.values():
        with pytest.raises(InputError, match="this mp4 needs PyAV") as caught:
            sense.read(seed("mp4"))
        words.add(str(caught.value))
    assert len(words) == 1


def test_a_folder_is_answered_except_for_its_video(no_libav: None, tmp_path, capsys) -> None:
    write_bundle(tmp_path / "dark.seehear", tiny.bundle())
    things = tmp_path / "things"
    things.mkdir()
    for name in ("a", "c"):
        Image.fromarray(tiny.picture(0.02)[..., 0]).save(things / f"{name}.png")
    (things / "b.mp4").write_bytes(seed("mp4"))
    assert run(["predict", str(tmp_path / "dark.seehear"), str(things), "--json"]) == 1
    said = capsys.readouterr()
    dark = {"label": "dark"}
    assert [json.loads(line)["answer"] for line in said.out.splitlines()] == [dark, None, dark]
    assert f"{things / 'b.mp4'}: this mp4 needs PyAV, which is not installed." in said.err
    assert "pip install 'seehear[media]'" in said.err
