"""Videos frame by frame: times, answers, drawing, errors and memory."""

from __future__ import annotations

import csv
import gc
import json
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import squares
import tiny
from malformed_corpus import filmed, held_upright, seed
from seehear import api
from seehear.answers.boxes import Box, Boxes
from seehear.cli import run
from seehear.errors import InputError, UsageError
from seehear.media import Excerpt
from seehear.runtime.batching import prefetch
from seehear.runtime.bundle import write_bundle
from seehear.runtime.video import AHEAD, BATCH
from seehear.senses.video import VideoWriter, is_video, read_frames
from speaking import film

MOST_PIXELS = 10_000_000
RATE_HZ = 25


def crossing(pictures: int) -> list[list[squares.At]]:
    """Two moving squares; a third appears after ten frames and is hidden for five."""
    first: list[list[squares.At]] = [[(4 + i, 6), (50 - i, 28)] for i in range(pictures)]
    return [shown + ([(8 + i, 50)] if i >= 10 and not 20 <= i < 25 else []) for i, shown in enumerate(first)]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    return film(folder / "street.mp4", [squares.picture(shown) for shown in crossing(40)])


@pytest.fixture(scope="module")
def model() -> api.Recogniser:
    return api.Recogniser(squares.bundle())


def times(source: Any, every_s: float | None = None) -> list[float]:
    return [at_s for at_s, _ in read_frames(source, MOST_PIXELS, every_s)]


def test_frames_have_times(street: Path) -> None:
    assert times(street) == pytest.approx([i / RATE_HZ for i in range(40)])
    assert times(street.read_bytes()) == times(street)
    (first, *_) = read_frames(street, MOST_PIXELS)
    assert first[1].shape == (64, 64, 3) and first[1].dtype == np.uint8


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv", "avi", "ts"])
def test_containers_give_all_frames_in_order(kind: str) -> None:
    shown = list(read_frames(seed(kind), MOST_PIXELS))
    within_s = 0.041 if kind == "avi" else 0.002  # avi tells when to decode, not when to show
    assert [at_s for at_s, _ in shown] == pytest.approx([i / 25 for i in range(25)], abs=within_s)
    np.testing.assert_allclose([pixels.mean() for _, pixels in shown], np.arange(25) * 10, atol=15)


def test_every_s(street: Path) -> None:
    assert times(street, 0.4) == pytest.approx([0, 0.4, 0.8, 1.2])
    assert times(street, 0.5) == pytest.approx([0, 0.52, 1.0, 1.52])  # the first from then on
    assert times(street, 0.001) == times(street)
    assert times(street, 1000) == [0]


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    ticks = [0, 1, 5, 6, 20]
    uneven = film(tmp_path / "a.mkv", [squares.picture([])] * 5, shown_at=ticks)
    assert times(uneven) == pytest.approx([tick / RATE_HZ for tick in ticks], abs=0.001)
    assert times(uneven, 0.2) == pytest.approx([0, 0.2, 0.8], abs=0.001)


def test_an_excerpt_gives_its_frames(street: Path) -> None:
    assert times(Excerpt(street, 0.4, 0.6)) == pytest.approx([0.4, 0.44, 0.48, 0.52, 0.56])
    with pytest.raises(InputError, match=r"the excerpt ends at 9\.00 s, the recording at"):
        times(Excerpt(street, 8.0, 9.0))


def test_an_excerpt_beyond_the_end_gives_frames_then_an_error(street: Path) -> None:
    whole = times(street)
    shown: list[float] = []
    with pytest.raises(InputError, match=r"the excerpt ends at 9\.00 s, the recording at"):
        shown += (at_s for at_s, _ in read_frames(Excerpt(street, 0.4, 9.0), MOST_PIXELS))
    assert shown == pytest.approx([at_s for at_s in whole if at_s >= 0.4])
    until_s = whole[-1] + 0.04
    assert times(Excerpt(street, 0.4, until_s + 0.05))[-1] == whole[-1], "times are rounded"


def test_rotation_is_applied() -> None:
    turned = held_upright(filmed("mp4", None, "mpeg4"))
    assert {pixels.shape for _, pixels in read_frames(turned, MOST_PIXELS)} == {(64, 48, 3)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: seed("m4a"), "a recording without a picture. Next: use it as audio."),
        (lambda _: seed("png"), "not a video but png. Allowed: an mp4, mov, mkv"),
        (lambda _: b"", "empty: 0 bytes."),
        (lambda data: data[:-200], r"cut short: 200 bytes are missing|damaged: the video cannot be decoded"),
        (lambda data: data[: data.index(b"mdat") + 4] + bytes(len(data)), "damaged: "),
        (lambda _: "no.mp4", "no.mp4: there is no such file. Next: check the path"),
    ],
)
def test_errors_name_the_reason(make, words: str, street: Path) -> None:
    with pytest.raises(InputError, match=words):
        times(make(street.read_bytes()))


def test_damaged_videos_give_an_error() -> None:
    whole = seed("mkv")
    random = np.random.default_rng(0)
    for _ in range(15):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(40, len(whole), 30)] = random.integers(0, 256, 30)
        try:
            said = times(damaged.tobytes())
        except InputError as error:
            assert error.where
        else:
            assert said and (np.diff(said) > 0).all()


def test_videos_are_recognised_by_content(street: Path, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(street.read_bytes())
    (tmp_path / "a.mp4").write_bytes(seed("png"))
    assert is_video(tmp_path / "film") and is_video(street.read_bytes())
    assert not is_video(tmp_path / "a.mp4") and not is_video(tmp_path / "none.mp4") and not is_video(np.zeros((9, 9)))


class TestReel:
    def written(self, path: Path, shown: Sequence[tuple[float, Image.Image]]) -> Path:
        with VideoWriter(path) as reel:
            for time_s, picture in shown:
                reel.add(picture, time_s)
        return path

    def test_round_trip(self, tmp_path: Path) -> None:
        when = [0.0, 0.04, 0.5, 0.51, 3.0]
        levels = [40, 80, 120, 160, 200]
        shown = [(at_s, Image.new("RGB", (63, 48), (n, n, n))) for at_s, n in zip(when, levels, strict=True)]
        read = list(read_frames(self.written(tmp_path / "a.mp4", shown), MOST_PIXELS))
        assert [at_s for at_s, _ in read] == pytest.approx(when, abs=1e-4)
        np.testing.assert_allclose([pixels.mean() for _, pixels in read], levels, atol=4)
        assert read[0][1].shape == (48, 62, 3), "sides are even"

    def test_frames_of_another_size_are_scaled(self, tmp_path: Path) -> None:
        shown = [(0.0, Image.new("RGB", (64, 48))), (1.0, Image.new("L", (30, 90)))]
        read = list(read_frames(self.written(tmp_path / "a.mp4", shown), MOST_PIXELS))
        assert [pixels.shape for _, pixels in read] == [(48, 64, 3)] * 2

    def test_no_file_before_the_first_frame(self, tmp_path: Path) -> None:
        self.written(tmp_path / "a.mp4", [])
        assert not (tmp_path / "a.mp4").exists()

    def test_mpeg_4_is_the_fallback(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("seehear.senses.video.CODECS", ("no such codec", "mpeg4"))
        path = self.written(tmp_path / "a.mp4", [(i / 25, Image.new("RGB", (64, 48))) for i in range(5)])
        with av.open(str(path)) as read:
            assert read.streams.video[0].codec_context.name == "mpeg4"
        assert len(times(path)) == 5

    def test_an_interrupted_video_is_playable(self, tmp_path: Path) -> None:
        """All that was written so far lies on the disk, as it would if the writer were killed."""
        with VideoWriter(tmp_path / "a.mp4") as reel:
            for i in range(200):
                reel.add(Image.effect_noise((64, 48), i), i / 25)
            (tmp_path / "b.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
        assert len(times(tmp_path / "a.mp4")) == 200
        read = times(tmp_path / "b.mp4")
        assert read == pytest.approx([i / 25 for i in range(len(read))], abs=1e-4)
        assert 100 <= len(read) < 200


class TestAhead:
    def test_read_ahead_keeps_order_and_is_bounded(self) -> None:
        made: list[int] = []
        makers: set[int] = set()

        def items() -> Generator[int, None, None]:
            for i in range(20):
                made.append(i)
                makers.add(threading.get_ident())
                yield i

        for i in prefetch(items(), 3):
            assert i == i and len(made) <= i + 5
        assert made == list(range(20)) and makers.isdisjoint({threading.get_ident()}) and len(makers) == 1

    def test_errors_keep_their_place_and_closing_stops(self) -> None:
        closed = []

        def items() -> Generator[int, None, None]:
            try:
                yield 1
                raise ZeroDivisionError
            finally:
                closed.append(True)

        running = prefetch(items(), 4)
        assert next(running) == 1
        with pytest.raises(ZeroDivisionError):
            next(running)
        early = prefetch((i for i in range(10**9)), 2)
        next(early)
        early.close()
        assert closed and not [t for t in threading.enumerate() if t.name.startswith("seehear-ahead")]


def test_every_frame_is_answered_and_tracks_keep_their_ids(model: api.Recogniser, street: Path) -> None:
    watched = model.watch(street)
    answers = list(watched)
    assert [each.time_s for each in answers] == pytest.approx([i / RATE_HZ for i in range(40)])
    assert {each.input for each in answers} == {str(street)}
    for shown, prediction in zip(crossing(40), answers, strict=True):
        found = sorted(box.xyxy[:2] for box in squares.boxes_of(prediction))
        np.testing.assert_allclose(found, sorted(shown), atol=1)
    ways: dict[Any, set[Any]] = {}
    for prediction in answers:
        for box in squares.boxes_of(prediction):
            ways.setdefault(box.track, set()).add(round(box.xyxy[1] / 22))
    assert {track: len(rows) for track, rows in ways.items()} == {1: 1, 2: 1, 3: 1}
    assert watched.tracker.to_json() == {"square": 3}
    assert watched.frames == 40
    assert watched.until_s == pytest.approx(39 / RATE_HZ)
    assert str(answers[5]).startswith(f"{street} at 0.20 s: 2 square (")
    assert answers[5].to_json()["time_s"] == 0.2 and answers[5].to_json()["answer"]["boxes"][0]["track"] in (1, 2)


def test_the_frame_belongs_to_its_answer(model: api.Recogniser, street: Path) -> None:
    watched = model.watch(street, every_s=0.2)
    with pytest.raises(UsageError, match="no frame of the video was answered yet"):
        _ = watched.frame
    for prediction in watched:
        box = squares.boxes_of(prediction)[0]
        x, y = (round(corner + squares.SQUARE_PX / 2) for corner in box.xyxy[:2])
        assert np.asarray(watched.frame)[y, x, 0] > 200


def test_memory_is_bounded(model: api.Recogniser, tmp_path: Path, monkeypatch) -> None:
    """Only a few frames are in memory at once."""
    alive: list[int] = []

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive.pop()

    def endless(*_: Any) -> Iterator[tuple[float, np.ndarray]]:
        blank = np.zeros((64, 64, 3), np.uint8)
        for i in range(10**9):
            alive.append(i)
            yield i / 25, blank.view(Counted)

    monkeypatch.setattr("seehear.runtime.video.read_frames", endless)
    watching = iter(model.watch(b"whatever"))
    most = 0
    for _ in range(8 * BATCH):
        next(watching)
        most = max(most, len(alive))
    watching.close()
    gc.collect()
    assert most <= 3 * (AHEAD + 3) * BATCH, "each is counted thrice: as it came, as it was asked, as it was read"
    assert not [t for t in threading.enumerate() if t.name.startswith("seehear-")]


def test_only_spatial_answers_run_per_frame(model: api.Recogniser, street: Path) -> None:
    with pytest.raises(UsageError, match=r"answers with 'label'\. Allowed: boxes or mask\. Next: `predict` answers"):
        api.Recogniser(tiny.bundle()).watch(street)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="Allowed: a number of seconds more than 0"):
            model.watch(street, every_s=wrong)
    with pytest.raises(UsageError, match="senses smell"):
        model.watch(street, senses=["smell"])


def test_a_truncated_video_is_answered_up_to_its_end(model: api.Recogniser, tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mkv", [squares.picture(shown) for shown in crossing(40)]).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    *answers, last = model.watch(tmp_path / "cut.mkv")
    assert 10 <= len(answers) < 40 and all(squares.boxes_of(each) for each in answers)
    assert last.answer is None and last.time_s is None
    assert last.error.startswith(f"{tmp_path / 'cut.mkv'}: cut short: ")


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_bundle(Path("squares.seehear"), squares.bundle())
        Path("in").mkdir()
        Path("in/street.mp4").write_bytes(street.read_bytes())
        squares.picture([(3, 4)]).save("in/a.png")

    def test_videos_among_pictures(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["predict", "squares.seehear", "in", "--every", "0.4", "--json"]) == 0
        said = capsys.readouterr()
        answers = [json.loads(line) for line in said.out.splitlines()]
        assert [(each["input"], each.get("time_s")) for each in answers] == [
            ("in/a.png", None),
            ("in/street.mp4", 0.0),
            ("in/street.mp4", 0.4),
            ("in/street.mp4", 0.8),
            ("in/street.mp4", 1.2),
        ]
        assert "track" not in answers[0]["answer"]["boxes"][0]
        assert "in/street.mp4: 4 frames up to 1.2 s; total: " in said.err
        assert '5 inputs: 5 answered, 0 "I don\'t know"' in said.err

    def test_videos_in_a_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("rows.csv").write_text("video,start,end\nin/street.mp4,0.2,0.3\nin/street.mp4,,\n")
        assert run(["predict", "squares.seehear", "rows.csv", "--out", "seen"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3 + 40 and lines[0].startswith("in/street.mp4 [0.20 s to 0.30 s] at 0.20 s  2 square (")
        assert sorted(path.name for path in Path("seen/in").iterdir()) == [
            *("street-2.csv", "street-2.json", "street-2.mp4", "street.csv", "street.json", "street.mp4")
        ]

    def test_video_outputs(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["predict", "squares.seehear", "in", "--out", "seen"]) == 0
        assert "in/street.mp4: 40 frames up to 1.6 s; total: 3 square\n" in capsys.readouterr().err
        drawn = list(read_frames("seen/street.mp4", MOST_PIXELS))
        assert [at_s for at_s, _ in drawn] == pytest.approx([i / RATE_HZ for i in range(40)], abs=1e-4)
        plain = [pixels for _, pixels in read_frames("in/street.mp4", MOST_PIXELS)]
        coloured = [int(np.ptp(pixels, axis=2).max()) for pixels in (drawn[20][1], plain[20])]
        assert coloured[0] > 60 > coloured[1], "boxes are drawn in colour"
        with Path("seen/street.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == sum(map(len, crossing(40)))
        assert {row["track"] for row in rows} == {"1", "2", "3"} and rows[-1]["time_s"] == "1.560"
        assert json.loads(Path("seen/street.json").read_text()) == {
            "input": "in/street.mp4",
            "pictures": 40,
            "until_s": 1.56,
            "total": {"square": 3},
        }
        with Path("seen/predictions.csv").open(newline="") as file:
            kept = list(csv.DictReader(file))
        assert [row["time_s"] for row in kept[:3]] == ["", "0.000", "0.040"]
        assert sorted(path.name for path in Path("seen").glob("a.*")) == ["a.csv", "a.json", "a.overlay.jpg"]
        with Image.open("seen/a.overlay.jpg") as picture:
            assert picture.size == drawn[0][1].shape[:2] == (512, 512), "enlarged, so that names find room"
            assert np.ptp(np.asarray(picture), axis=2).max() > 60, "its boxes are in colour"

    def test_the_input_is_not_overwritten(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = Path("in/street.mp4").read_bytes()
        assert run(["predict", "squares.seehear", "in/street.mp4", "--out", "in"]) == 2
        assert Path("in/street.mp4").read_bytes() == before
        assert "in/street.mp4: the file exists already, beside its input." in capsys.readouterr().err

    def test_an_unreadable_video_leaves_no_files(self, capsys) -> None:
        Path("in/street.mp4").write_bytes(Path("in/street.mp4").read_bytes()[:3000])
        assert run(["predict", "squares.seehear", "in", "--out", "seen"]) == 1
        said = capsys.readouterr()
        assert "in/street.mp4: " in said.err and "Traceback" not in said.err and "1 could not be read" in said.err
        assert not list(Path("seen").glob("street.*"))

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["dark.seehear", "in", "--every", "1"], "answers with 'label'. Allowed: boxes or mask."),
            (
                ["squares.seehear", "in", "--every", "0"],
                "a frame every 0 s. Allowed: a number of seconds more than 0.",
            ),
            (["squares.seehear", "in/street.mp4", "--every", "1", "--live"], "--live with in/street.mp4 --every."),
        ],
    )
    def test_invalid_options_are_rejected(self, arguments: list[str], words: str, capsys) -> None:
        write_bundle(Path("dark.seehear"), tiny.bundle())
        assert run(["predict", *arguments]) == 2
        assert words in capsys.readouterr().err

    def test_other_answers_use_the_middle_frame(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_bundle(Path("dark.seehear"), tiny.bundle(ood_threshold={}))
        assert run(["predict", "dark.seehear", "in/street.mp4", "--json"]) == 0
        (answer,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert answer["answer"] == {"label": "dark"} and "time_s" not in answer


def test_tracks_are_drawn() -> None:
    there = Box("square", (10.0, 40.0, 90.0, 80.0))
    plain, numbered = (
        np.asarray(Boxes((each,)).draw_on(Image.new("RGB", (200, 100))))
        for each in (there, Box(**{**vars(there), "track": 7}))
    )
    assert (plain != numbered).any()
