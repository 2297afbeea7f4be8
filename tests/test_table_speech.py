"""Stretches of recordings, and the layouts in which people keep recordings with what is said in them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.inputs import gather
from seehear.media import Excerpt
from seehear.table import Problem, Row, Table, split
from table_kinds import KINDS, Kind, make, opened

SPEECH = (*KINDS, Kind("text", ("text", "transcript", "transcription", "sentence", "normalized_text")))


def heard(data: Path) -> Table:
    return opened(data, kinds=SPEECH)


CUT = "audio,start,end,label\na.wav,0,1.5,x\na.wav,1.5,3,y\nb.wav,,,x\n"


def test_rows_may_be_stretches_of_recordings(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": CUT, "a.wav": "x", "b.wav": "x"})
    table = opened(data)
    assert list(table) == [
        Row("a.wav [0.00 s to 1.50 s]", {"audio": Excerpt(data / "a.wav", 0, 1.5)}, "x", {"recording": "a.wav"}, ""),
        Row("a.wav [1.50 s to 3.00 s]", {"audio": Excerpt(data / "a.wav", 1.5, 3)}, "y", {"recording": "a.wav"}, ""),
        Row("b.wav", {"audio": data / "b.wav"}, "x", {"recording": "b.wav"}, ""),
    ]
    assert table.take([1])[0] == table[1]
    assert "an example is the stretch of its file from 'start' to 'end'" in table.said
    assert str(table[1].inputs["audio"]) == f"{data / 'a.wav'} [1.50 s to 3.00 s]"


@pytest.mark.parametrize(
    ("headings", "cells", "expected"),
    [
        ("start_s,end_s", "1,2.5", (1, 2.5)),
        ("Start,End", "1,2.5", (1, 2.5)),
        ("offset,duration", "1,1.5", (1, 2.5)),
        ("start,duration_s", "1,1.5", (1, 2.5)),
        ("offset,duration", ",1.5", None),
        ("duration,site", "1.5,north", None),
        ("start,site", "1.5,north", None),
    ],
)
def test_headings_of_stretches(tmp_path: Path, headings: str, cells: str, expected: tuple[float, float] | None) -> None:
    table = f"audio,{headings},label\na.wav,{cells},x\n"
    data = make(tmp_path / "d", {"t.csv": table, "a.wav": "x"})
    whole = data / "a.wav"
    wanted = whole if expected is None else Excerpt(whole, *expected)
    assert opened(data)[0].inputs == {"audio": wanted}
    assert list(gather([data / "t.csv"], ["audio"])) == [{"audio": wanted}]


def test_a_picture_has_no_stretches(tmp_path: Path) -> None:
    rows = "image,audio,start,end,label\n1.png,a.wav,1,2,x\n"
    data = make(tmp_path / "d", {"t.csv": rows, "1.png": "x", "a.wav": "x"})
    inputs = {"image": data / "1.png", "audio": Excerpt(data / "a.wav", 1, 2)}
    assert opened(data)[0].inputs == inputs
    assert list(gather([data / "t.csv"], ["image", "audio"])) == [inputs]
    make(data, {"t.csv": "image,start,end,label\n1.png,monday,friday,x\n"})
    assert opened(data)[0] == Row("1.png", {"image": data / "1.png"}, "x", {"start": "monday", "end": "friday"}, "")


def test_a_video_is_cut_for_both_senses(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": "video,start,end,label\na.mp4,1,2,x\n", "a.mp4": "x"})
    excerpt = Excerpt(data / "a.mp4", 1, 2)
    assert opened(data)[0].inputs == {"image": excerpt, "audio": excerpt}
    assert list(gather([data / "t.csv"], ["image", "audio"])) == [{"image": excerpt, "audio": excerpt}]


def test_bad_stretches_are_named(tmp_path: Path) -> None:
    spans = ["1,2", "2,1", "1,1", "-1,2", "one,2", "nan,2", "0,inf", "1,", ",2", "00:01,00:02"]
    rows = "".join(f"a.wav,{span},x\n" for span in spans)
    data = make(tmp_path / "d", {"t.csv": f"audio,start,end,label\n{rows}", "a.wav": "x"})
    table, seconds = opened(data), "write both in seconds, such as 12.5"
    assert len(table) == 1
    assert table.problems == (
        Problem("t.csv row 3", "start '2' and end '1': it ends at 1 s, not after 2 s"),
        Problem("t.csv row 4", "start '1' and end '1': it ends at 1 s, not after 1 s"),
        Problem("t.csv row 5", "start '-1' and end '2': it starts before the recording"),
        Problem("t.csv row 6", "start 'one' and end '2' are no stretch", seconds),
        Problem("t.csv row 7", "start 'nan' and end '2' are no stretch", seconds),
        Problem("t.csv row 8", "start '0' and end 'inf' are no stretch", seconds),
        Problem("t.csv row 9", "start '1' and end '' are no stretch", seconds),
        Problem("t.csv row 10", "start '' and end '2' are no stretch", seconds),
        Problem("t.csv row 11", "start '00:01' and end '00:02' are no stretch", seconds),
    )
    asked = [next(iter(example.values())) for example in gather([data / "t.csv"], ["audio"])]  # type: ignore[union-attr]
    assert len(asked) == len(spans) and all(isinstance(each, Excerpt) for each in asked)


def test_the_stretches_of_one_recording_stay_together_in_a_split(tmp_path: Path) -> None:
    rows = "".join(f"{name}.wav,{i},{i + 1},{'xy'[i % 2]}\n" for name in "abcdefgh" for i in range(4))
    data = make(
        tmp_path / "d", {"t.csv": "audio,start,end,label\n" + rows} | {f"{name}.wav": "x" for name in "abcdefgh"}
    )
    table = opened(data)
    parts = split(table, 0.25, seed=0, stratum=str)
    learned, held_out = (
        {row.metadata["recording"] for row in table.take(side)} for side in (parts.train, parts.held_out)
    )
    assert not learned & held_out
    assert parts.said == f"held out 2 of 8 recordings ({', '.join(sorted(held_out))}): 8 of 32 examples"


SPANS = st.tuples(st.integers(0, 10_000_000), st.integers(1, 10_000_000))


@settings(max_examples=20, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=6))
def test_spans_written_are_spans_read_and_keys_differ(
    tmp_path_factory: pytest.TempPathFactory, spans_ms: list[tuple[int, int]]
) -> None:
    rows = "".join(f"a.wav,{start / 1000},{length / 1000},x\n" for start, length in spans_ms)
    data = make(tmp_path_factory.mktemp("d"), {"t.csv": f"audio,offset,duration,label\n{rows}", "a.wav": "x"})
    table = opened(data)
    assert len({row.key for row in table}) == len(table) == len(spans_ms)
    for row, (start, length) in zip(table, spans_ms, strict=True):
        excerpt = row.inputs["audio"]
        assert isinstance(excerpt, Excerpt)
        assert math.isclose(excerpt.start_s, start / 1000) and math.isclose(excerpt.end_s, (start + length) / 1000)
    assert [example["audio"] for example in gather([data / "t.csv"], ["audio"])] == [  # type: ignore[index]
        row.inputs["audio"] for row in table
    ]
