"""Reading lips from synthetic videos: location, timing, and errors."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seehear.errors import InputError
from seehear.geometry import TimeStretch
from seehear.media import Excerpt
from seehear.senses.hearing.augment import AugmentHearing
from seehear.senses.hearing.plan import ConvRecurrent, HearingSpec
from seehear.senses.lips import LIPS
from seehear.senses.lips import face as face_detection
from seehear.senses.lips.augment import AugmentLips
from seehear.senses.lips.plan import CELL_S, LipsSpec, plan_lips
from seehear.senses.lips.read import HEIGHT_PX, WIDTH_PX, read
from seehear.senses.model_sizing import SizingInputs
from speaking import RATE_HZ, face, film

SPEC = LipsSpec(
    longest_s=2.0, height=16, width_px=24, stages=(8, 8), width=16, augmentation_strength=0.0, requires_full_input=True
)
SHUT, OPEN = face(0.0), face(1.0)


def darkness(clip: np.ndarray) -> np.ndarray:
    """(T,) darkness of the middle of each frame: an open mouth is darker."""
    return 255 - clip[:, HEIGHT_PX // 4 : -HEIGHT_PX // 4, WIDTH_PX // 3 : -WIDTH_PX // 3].mean((1, 2))


def opens(clip: np.ndarray) -> np.ndarray:
    """(T,) whether the mouth is open, in a clip in which it is open and shut."""
    dark = darkness(clip)
    return dark > (dark.min() + dark.max()) / 2


def test_the_mouth_is_located(tmp_path: Path) -> None:
    clip = read(film(tmp_path / "a.mp4", [SHUT] * 6 + [OPEN] * 4 + [SHUT] * 5))
    assert clip.shape == (15, HEIGHT_PX, WIDTH_PX) and clip.dtype == np.uint8
    assert np.flatnonzero(opens(clip)).tolist() == [6, 7, 8, 9]


def test_a_moving_head_is_tracked(tmp_path: Path) -> None:
    places = np.linspace(0.38, 0.62, 60)
    clip = read(film(tmp_path / "a.mp4", [face(0.5, (x, 0.5), 0.6) for x in places]))
    dark = (clip < clip.mean((1, 2), keepdims=True) - 30)[:, HEIGHT_PX // 3 : -HEIGHT_PX // 4]
    middle = [float(np.flatnonzero(row.any(0)).mean()) for row in dark]
    assert np.ptp(middle) < 0.2 * WIDTH_PX, "the head crossed a quarter of the picture, the mouth stayed in the middle"


@pytest.mark.parametrize(("rate_hz", "pictures"), [(50, 40), (30, 24), (10, 8)])
def test_any_frame_rate_gives_one_frame_per_cell(rate_hz: int, pictures: int, tmp_path: Path) -> None:
    """The mouth opens half way through 0.8 s, whatever the rate."""
    shown = [SHUT] * (pictures // 2) + [OPEN] * (pictures // 2)
    clip = read(film(tmp_path / "a.mp4", shown, rate_hz=rate_hz))
    assert len(clip) == 20
    assert np.flatnonzero(opens(clip))[0] == 10


def test_frames_at_uneven_times_last_until_the_next(tmp_path: Path) -> None:
    clip = read(film(tmp_path / "a.mkv", [SHUT, OPEN, SHUT], shown_at=[0, 5, 8]))
    assert np.flatnonzero(opens(clip)).tolist() == [5, 6, 7]


def test_excerpts_start_and_end_at_their_times(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [SHUT] * 20 + [OPEN] * 10 + [SHUT] * 20)
    clip = read(Excerpt(path, 0.6, 1.6))
    assert len(clip) == 25
    assert np.flatnonzero(opens(clip)).tolist() == list(range(5, 15))


def test_bytes_and_arrays_are_accepted(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [SHUT] * 8)
    assert np.array_equal(read(path.read_bytes()), read(path))
    clip = np.zeros((10, 20, 30), np.uint8)
    assert read(clip) is clip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda p: film(p / "a.mp4", [Image.new("L", (64, 64), 90)] * 8),
            r"a.mp4: no face found in 3 frames .*--senses",
        ),
        (lambda p: film(p / "a.mp4", [Image.new("L", (640, 32), 90)] * 8), r"frames of 640 by 32 px.*Allowed: sides"),
        (
            lambda p: Excerpt(film(p / "a.mp4", [SHUT] * 25), 0.5, 3.0),
            r"the excerpt ends at 3\.00 s, the recording at 1\.",
        ),
        (
            lambda p: Excerpt(film(p / "a.mp4", [SHUT] * 8), 0.0, 90.0),
            r"an excerpt of 90 s.*up to 60 s for lips",
        ),
        (lambda p: film(p / "a.mkv", [SHUT] * 2, rate_hz=1, shown_at=[0, 400]), "a video of more than 60 s"),
        (lambda p: film(p / "a.mp4", [SHUT] * 25).read_bytes()[:-200], "cut short"),
        (lambda p: b"RIFF\x24\0\0\0WAVEfmt ", "not a video but wav"),
        (lambda p: b"", "empty: 0 bytes"),
        (lambda p: np.zeros((5, 5), np.uint8), r"an array of uint8 of shape \(5, 5\).*\(T, H, W\) of uint8"),
        (lambda p: np.zeros((1501, 4, 4), np.uint8), "1501 frames at 25 per second.*1 to 1500"),
    ],
)
def test_error_messages(make, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read(make(tmp_path))


def test_damaged_videos_give_an_error_or_a_clip(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mkv", [SHUT] * 10).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(15):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(40, len(whole), 30)] = random.integers(0, 256, 30)
        try:
            assert read(damaged.tobytes()).shape[1:] == (HEIGHT_PX, WIDTH_PX)
        except InputError as error:
            assert error.where


def test_missing_opencv_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_detection, "find_spec", lambda name: None)
    monkeypatch.setattr(face_detection, "_local", threading.local())
    assert LIPS.missing_dependency == "reading lips needs OpenCV, which is not installed: pip install 'seehear[lips]'"
    with pytest.raises(InputError, match=r"needs OpenCV.*pip install 'seehear\[lips\]'"):
        read(film(tmp_path / "a.mp4", [SHUT] * 4))


def test_face_detection_is_thread_safe() -> None:
    """In a process of its own, because OpenCV must not be imported yet."""
    script = """
from concurrent.futures import ThreadPoolExecutor
from seehear.senses.lips import face
import numpy as np
dark = np.zeros((90, 90), np.uint8)
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(lambda _: face._detect_face(dark), range(64))) == [None] * 64
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_preprocess_pads_cuts_or_rejects() -> None:
    short, warp = LIPS.preprocess(np.full((3, 64, 96), 7, np.uint8), SPEC)
    assert short.shape == (7, 16, 24) and warp.scale == (1.0,)
    with pytest.raises(InputError, match=r"2\.4 s of video, all of which is needed.*up to 2 s"):
        LIPS.preprocess(np.zeros((60, 64, 96), np.uint8), SPEC)
    assert (
        len(
            LIPS.preprocess(np.zeros((60, 64, 96), np.uint8), SPEC.model_copy(update={"requires_full_input": False}))[0]
        )
        == 50
    )


def test_a_larger_budget_gives_a_larger_network() -> None:
    def planned(gigaflop: float) -> LipsSpec:
        facts = [{"seconds": 3.0, "constant": False}] * 10
        return plan_lips(SizingInputs(facts, [""] * 10, 600, gigaflop, requires_full_input=True))

    small, large = planned(1e4), planned(1e6)
    assert small.step_gigaflop(3.0) < large.step_gigaflop(3.0)
    assert small.augmentation_strength < large.augmentation_strength
    assert small.longest_s == large.longest_s == 60.0


@pytest.mark.parametrize(("speed", "lead_s"), [(1.0, 0.0), (1.15, 0.0), (0.85, 0.08), (1.1, 0.1)])
def test_time_stretch_keeps_lips_and_sound_in_sync(speed: float, lead_s: float) -> None:
    """A flash and a click in one cell stay within one cell of each other."""
    cells, at = 50, 20
    lips = torch.zeros(2, cells, 16, 24)
    lips[:, at] = 200
    per_cell = round(CELL_S * RATE_HZ)
    audio = torch.zeros(2, cells * per_cell)
    audio[:, at * per_cell : (at + 1) * per_cell] = 0.5
    stretch = TimeStretch(torch.tensor([speed, 1.0]), torch.tensor([lead_s, 0.0]))
    hearing = AugmentHearing(
        HearingSpec(
            longest_s=2.0,
            encoder=ConvRecurrent(top_hz=8000, stages=(8, 8, 8), width=16),
            augmentation_strength=0.0,
        )
    )
    torch.manual_seed(3)
    seen, _ = AugmentLips(SPEC)({"lips": lips, "lips_frames": torch.tensor([cells, cells])}, stretch)
    heard, _ = hearing({"audio": audio, "audio_samples": torch.tensor([audio.shape[1]] * 2)}, stretch)
    flash = seen["lips"].mean((2, 3)).argmax(1)
    loud = heard["audio"][:, : heard["audio"].shape[1] // per_cell * per_cell].unflatten(1, (-1, per_cell))
    click = loud.square().mean(2).argmax(1)
    assert (flash - click).abs().max() <= 1
    assert abs(int(flash[0]) - (at / speed + lead_s / CELL_S)) <= 1 and int(flash[1]) == at
    assert (seen["lips_frames"] - heard["audio_samples"] / per_cell).abs().max() <= 1
