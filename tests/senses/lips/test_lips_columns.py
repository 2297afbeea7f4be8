"""Which senses a video column feeds, by default and with --senses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from learning import SPECS, digits_table
from seehear import api
from seehear.answers import ANSWERS
from seehear.errors import DataError, UsageError
from seehear.inputs import gather
from seehear.runtime.loading import load_example
from seehear.senses import SENSES
from seehear.senses.hearing.plan import HearingSpec
from seehear.senses.lips.plan import LipsSpec
from seehear.table import Table, open_table
from speaking import RATE_HZ, face, film

WORDS = "video,text\n" + "".join(f"{i}.mp4,bin blue at {letter}\n" for i, letter in enumerate("abcdefgh"))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for i in range(8):
        (tmp_path / f"{i}.mp4").write_bytes(b"x")
    (tmp_path / "t.csv").write_text(WORDS)
    return tmp_path / "t.csv"


@dataclass(frozen=True)
class Lacking:
    """A sense whose library is not installed."""

    name: str = "lips"
    noun: str = "speaking mouth"
    media: tuple[str, ...] = ("video",)
    missing_dependency: str = "reading lips needs something: pip install it"

    def read_metadata(self, file: Path) -> dict[str, str]:
        raise AssertionError(file)


def opened(path: Path, senses: tuple[str, ...] | None = None, *, lacking: bool = False) -> Table:
    known = [Lacking() if lacking and name == "lips" else sense for name, sense in SENSES.items()]
    kinds = tuple(ANSWERS.values())
    return open_table(path, senses_known=known, kinds=kinds, senses=senses, workspace=path.parent)


def test_text_uses_audio_and_lips(videos: Path) -> None:
    table = opened(videos)
    assert table.senses == ("audio", "lips")
    assert "column 'video' holds 8 speaking mouths" in table.notes
    assert opened(videos, ("lips",)).senses == ("lips",)
    assert opened(videos, ("audio",)).senses == ("audio",)


def test_other_answers_use_the_usual_senses(videos: Path) -> None:
    videos.write_text(WORDS.replace("text", "label").replace("bin blue at ", "").replace("c\n", "a\n"))
    assert opened(videos).senses == ("image", "audio")


def test_a_sense_with_a_missing_dependency_is_skipped_or_an_error(videos: Path) -> None:
    table = opened(videos, lacking=True)
    assert table.senses == ("audio",)
    assert "lips not used: reading lips needs something: pip install it" in table.notes
    with pytest.raises(UsageError, match="reading lips needs something"):
        opened(videos, ("lips",), lacking=True)


def test_pictures_cannot_give_text(tmp_path: Path) -> None:
    data = digits_table(tmp_path, {"text": ["a b", "b a"] * 8}, ("lips",))
    with pytest.raises(
        UsageError, match=r"text from image is not supported.*text from audio; text from lips; text from audio"
    ):
        api.plan(data, minutes=1, senses=["image"])


def test_videos_without_sound_name_the_flag(tmp_path: Path) -> None:
    data = digits_table(tmp_path, {"text": ["a b", "b a"] * 8}, ("lips",))
    with pytest.raises(DataError, match=r"no audio among 16 examples can be read.*without sound.*--senses lips"):
        api.plan(data, minutes=1)
    assert list(api.plan(data, steps=1, senses=["lips"]).senses) == ["lips"]


def test_a_plan_for_both_senses_uses_heavy_noise_and_equal_widths(tmp_path: Path) -> None:
    data = digits_table(tmp_path, {"text": ["a b", "b a"] * 8}, ("audio", "lips"))
    both, alone = api.plan(data, steps=1), api.plan(data, steps=1, senses=["audio"])
    assert list(both.senses) == ["audio", "lips"]
    noisy, usual, lips = both.senses["audio"], alone.senses["audio"], both.senses["lips"]
    assert isinstance(noisy, HearingSpec) and isinstance(usual, HearingSpec) and isinstance(lips, LipsSpec)
    assert noisy.heavy_noise and not usual.heavy_noise
    assert both.width == max(noisy.cell_width, lips.cell_width)


def test_a_recording_and_a_video_in_one_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("audio,video\na.wav,a.mp4\n")
    found = list(gather([tmp_path / "t.csv"], ("audio", "lips")))
    assert found == [{"audio": tmp_path / "a.wav", "lips": tmp_path / "a.mp4"}]


def test_a_video_feeds_both_senses_and_a_recording_one(tmp_path: Path) -> None:
    sound = (0.3 * np.sin(np.arange(RATE_HZ) / 5)).astype(np.float32)
    path = film(tmp_path / "a.mp4", [face(i % 2) for i in range(25)], sound=sound)
    specs = {name: SPECS[name] for name in ("audio", "lips")}
    both = load_example(path, specs, ("audio", "lips"))
    assert list(both.arrays) == ["audio", "lips"] and both.errors == {}
    assert len(both.arrays["lips"]) == 25
    assert list(load_example(sound, specs, ("audio", "lips")).arrays) == ["audio"]
    assert list(load_example(both.arrays["lips"], specs, ("audio", "lips")).arrays) == ["lips"]
