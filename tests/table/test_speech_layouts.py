"""Segments of recordings, and layouts of recordings with transcripts."""

from __future__ import annotations

import html
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.errors import DataError
from seehear.inputs import gather
from seehear.media import Excerpt
from seehear.table import Row, RowProblem, Table, split
from seehear.table.subtitles import Cue, parse_subtitles
from table_kinds import KINDS, Kind, make, open_data

SPEECH = (*KINDS, Kind("text", ("text", "transcript", "transcription", "sentence", "normalized_text")))


def open_speech(data: Path) -> Table:
    return open_data(data, kinds=SPEECH)


CUT = "audio,start,end,label\na.wav,0,1.5,x\na.wav,1.5,3,y\nb.wav,,,x\n"


def test_rows_may_be_segments_of_recordings(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": CUT, "a.wav": "x", "b.wav": "x"})
    table = open_data(data)
    assert list(table) == [
        Row("a.wav [0.00 s to 1.50 s]", {"audio": Excerpt(data / "a.wav", 0, 1.5)}, "x", {"recording": "a.wav"}, ""),
        Row("a.wav [1.50 s to 3.00 s]", {"audio": Excerpt(data / "a.wav", 1.5, 3)}, "y", {"recording": "a.wav"}, ""),
        Row("b.wav", {"audio": data / "b.wav"}, "x", {"recording": "b.wav"}, ""),
    ]
    assert table.take([1])[0] == table[1]
    assert "each row is a segment of its file, from 'start' to 'end'" in table.notes
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
def test_headings_of_spans(tmp_path: Path, headings: str, cells: str, expected: tuple[float, float] | None) -> None:
    table = f"audio,{headings},label\na.wav,{cells},x\n"
    data = make(tmp_path / "d", {"t.csv": table, "a.wav": "x"})
    whole = data / "a.wav"
    wanted = whole if expected is None else Excerpt(whole, *expected)
    assert open_data(data)[0].inputs == {"audio": wanted}
    assert list(gather([data / "t.csv"], ["audio"])) == [{"audio": wanted}]


def test_a_picture_has_no_span(tmp_path: Path) -> None:
    rows = "image,audio,start,end,label\n1.png,a.wav,1,2,x\n"
    data = make(tmp_path / "d", {"t.csv": rows, "1.png": "x", "a.wav": "x"})
    inputs = {"image": data / "1.png", "audio": Excerpt(data / "a.wav", 1, 2)}
    assert open_data(data)[0].inputs == inputs
    assert list(gather([data / "t.csv"], ["image", "audio"])) == [inputs]
    make(data, {"t.csv": "image,start,end,label\n1.png,monday,friday,x\n"})
    assert open_data(data)[0] == Row("1.png", {"image": data / "1.png"}, "x", {"start": "monday", "end": "friday"}, "")


def test_a_video_is_cut_for_both_senses(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": "video,start,end,label\na.mp4,1,2,x\n", "a.mp4": "x"})
    excerpt = Excerpt(data / "a.mp4", 1, 2)
    assert open_data(data)[0].inputs == {"image": excerpt, "audio": excerpt}
    assert list(gather([data / "t.csv"], ["image", "audio"])) == [{"image": excerpt, "audio": excerpt}]


def test_invalid_spans_are_reported(tmp_path: Path) -> None:
    spans = ["1,2", "2,1", "1,1", "-1,2", "one,2", "nan,2", "0,inf", "1,", ",2", "00:01,00:02"]
    rows = "".join(f"a.wav,{span},x\n" for span in spans)
    data = make(tmp_path / "d", {"t.csv": f"audio,start,end,label\n{rows}", "a.wav": "x"})
    table, seconds = open_data(data), "write both in seconds, such as 12.5"
    assert len(table) == 1
    assert table.problems == (
        RowProblem("t.csv row 3", "start '2' and end '1': it ends at 1 s, not after 2 s"),
        RowProblem("t.csv row 4", "start '1' and end '1': it ends at 1 s, not after 1 s"),
        RowProblem("t.csv row 5", "start '-1' and end '2': it starts before the recording"),
        RowProblem("t.csv row 6", "start 'one' and end '2' are not a start and an end", seconds),
        RowProblem("t.csv row 7", "start 'nan' and end '2' are not a start and an end", seconds),
        RowProblem("t.csv row 8", "start '0' and end 'inf' are not a start and an end", seconds),
        RowProblem("t.csv row 9", "start '1' and end '' are not a start and an end", seconds),
        RowProblem("t.csv row 10", "start '' and end '2' are not a start and an end", seconds),
        RowProblem("t.csv row 11", "start '00:01' and end '00:02' are not a start and an end", seconds),
    )
    asked = [next(iter(example.values())) for example in gather([data / "t.csv"], ["audio"])]  # type: ignore[union-attr]
    assert len(asked) == len(spans) and all(isinstance(each, Excerpt) for each in asked)


def test_segments_of_one_recording_stay_together_in_a_split(tmp_path: Path) -> None:
    rows = "".join(f"{name}.wav,{i},{i + 1},{'xy'[i % 2]}\n" for name in "abcdefgh" for i in range(4))
    data = make(
        tmp_path / "d", {"t.csv": "audio,start,end,label\n" + rows} | {f"{name}.wav": name for name in "abcdefgh"}
    )
    table = open_data(data)
    parts = split(table, 0.25, seed=0, stratum=str)
    learned, held_out = (
        {row.metadata["recording"] for row in table.take(side)} for side in (parts.train, parts.held_out)
    )
    assert not learned & held_out
    assert parts.notes == f"held out 2 of 8 recordings ({', '.join(sorted(held_out))}): 8 of 32 examples"


SPANS = st.tuples(st.integers(0, 10_000_000), st.integers(1, 10_000_000))


@settings(max_examples=20)
@given(st.lists(SPANS, min_size=1, max_size=6))
def test_spans_round_trip_and_keys_differ(
    tmp_path_factory: pytest.TempPathFactory, spans_ms: list[tuple[int, int]]
) -> None:
    rows = "".join(f"a.wav,{start / 1000},{length / 1000},x\n" for start, length in spans_ms)
    data = make(tmp_path_factory.mktemp("d"), {"t.csv": f"audio,offset,duration,label\n{rows}", "a.wav": "x"})
    table = open_data(data)
    assert len({row.key for row in table}) == len(table) == len(spans_ms)
    for row, (start, length) in zip(table, spans_ms, strict=True):
        excerpt = row.inputs["audio"]
        assert isinstance(excerpt, Excerpt)
        assert math.isclose(excerpt.start_s, start / 1000) and math.isclose(excerpt.end_s, (start + length) / 1000)
    assert [example["audio"] for example in gather([data / "t.csv"], ["audio"])] == [  # type: ignore[index]
        row.inputs["audio"] for row in table
    ]


def told(table: Table) -> list[tuple[str, str | None, str]]:
    return [(row.key, row.answer, row.part) for row in table]


KALDI = {
    "wav.scp": "r1 wav/r1.flac\nr2 sph2pipe -f wav -p r2.sph |\nr3 wav/r3.flac\n",
    "segments": "ann-1 r1 0.5 2.25\nann-2 r1 2.25 4\nben-1 r2 0 1\nben-2 r9 0 1\nben-3 r1 1\nben-4 r1 5 4\n",
    "text": "ann-1 good morning\nann-2 how are you\nben-1 fine\nben-2 lost\nben-4 back\nzoe-1 nowhere\nann-1 again\n",
    "utt2spk": "ann-1 ann\nann-2 ann\nben-4 ben\n",
    "utt2dur": "ann-1 1.75\n",
    "wav/r1.flac": "x",
    "wav/r3.flac": "x",
}


def test_kaldi_with_segments(tmp_path: Path) -> None:
    data = make(tmp_path / "d", KALDI)
    table = open_speech(data)
    assert (table.kind, table.answer_column, table.metadata) == ("text", "text", ("recording", "speaker"))
    assert list(table) == [
        Row(
            f"wav/r1.flac [{start:.2f} s to {end:.2f} s]",
            {"audio": Excerpt(data / "wav/r1.flac", start, end)},
            notes,
            {"recording": "wav/r1.flac", "speaker": "ann"},
            "",
        )
        for start, end, notes in [(0.5, 2.25, "good morning"), (2.25, 4, "how are you")]
    ]
    assert table.problems == (
        RowProblem("text row 7", "'ann-1' is in row 1 too"),
        RowProblem("segments row 5", "3 words, not 4: utterance, recording, start and end in seconds"),
        RowProblem(
            "wav.scp row 2",
            "'r2' is made by a command, and commands are never run (utterances lost: 1)",
            "run it yourself and name the file that it makes",
        ),
        RowProblem("wav.scp row 3", "no segment of 'r3'"),
        RowProblem("segments row 4", "no recording 'r9' in wav.scp"),
        RowProblem("text row 6", "no 'zoe-1' in segments"),
        RowProblem("segments row 6", "start_s '5' and end_s '4': it ends at 4 s, not after 5 s"),
    )


def test_a_command_of_kaldi_is_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    data = make(tmp_path / "d", {"wav.scp": f"a touch {ran} |\nb touch {ran}|\n", "text": "a one\nb two\n"})
    with pytest.raises(DataError, match=r"no example in it can be used; .*'a' is made by a command"):
        open_speech(data)
    assert not ran.exists()


def test_kaldi_with_whole_recordings_and_paths_of_the_recipe(tmp_path: Path) -> None:
    parts = {
        f"data/{part}/{name}": content
        for part in ("train_clean", "dev", "lang")
        for name, content in {"wav.scp": f"{part}-1 wav/{part}.wav\n", "text": f"{part}-1 words\n"}.items()
    }
    make(tmp_path / "d", parts | {"wav/train_clean.wav": "x", "wav/dev.wav": "x"})
    table = open_speech(tmp_path / "d" / "data")
    assert [(row.inputs["audio"].resolve(), row.part) for row in table] == [  # type: ignore[union-attr]
        (tmp_path / "d/wav/dev.wav", "val"),
        (tmp_path / "d/wav/train_clean.wav", "train"),
    ]
    assert "not read, because they are not parts: lang" in table.notes


CLIPS = {"clips/a.mp3": "x", "clips/b.mp3": "x", "clips/c.mp3": "x"}
VOICE = "client_id\tpath\tsentence\tup_votes\tage\tgender\taccents\n"


def test_common_voice(tmp_path: Path) -> None:
    rows = {
        "train.tsv": VOICE + 'c1\ta.mp3\tHe said "no\t2\ttwenties\tfemale\t\n',
        "dev.tsv": VOICE + "c2\tb.mp3\tYes, he did.\t2\t\t\tIreland\nc2\tgone.mp3\tLost.\t2\t\t\t\n",
        "validated.tsv": VOICE + "c3\tc.mp3\tUnused\t2\t\t\t\n",
        "invalidated.tsv": VOICE,
        "other.tsv": VOICE,
    }
    data = make(tmp_path / "d", rows | CLIPS)
    table = open_speech(data)
    assert told(table) == [("clips/a.mp3", 'He said "no', "train"), ("clips/b.mp3", "Yes, he did.", "val")]
    assert table[1].metadata == {"client_id": "c2", "up_votes": "2", "age": "", "gender": "", "accents": "Ireland"}
    assert table.answer_column == "sentence"
    assert table.problems == (RowProblem("dev.tsv row 3", "no file 'clips/gone.mp3'"),)
    assert "invalidated.tsv, other.tsv, validated.tsv are not used" in table.notes
    assert told(open_speech(data / "validated.tsv")) == [("clips/c.mp3", "Unused", "")]
    (data / "train.tsv").unlink()
    assert told(open_speech(data)) == [("clips/c.mp3", "Unused", "")]
    assert "dev.tsv, invalidated.tsv, other.tsv are not used" in open_speech(data).notes


@pytest.mark.parametrize("point_at", ["d", "d/metadata.csv"])
def test_ljspeech(tmp_path: Path, point_at: str) -> None:
    lines = 'LJ1|Born "in, 1455|Born "in, fourteen\nLJ2|a|b|c\n\nLJ3|Mr.|mister\r\nLJ4|lost|lost\n'
    data = make(tmp_path / "d", {"metadata.csv": lines} | dict.fromkeys([f"wavs/LJ{i}.wav" for i in (1, 3, 5)], "x"))
    table = open_speech(tmp_path / point_at)
    assert told(table) == [("wavs/LJ1.wav", 'Born "in, fourteen', ""), ("wavs/LJ3.wav", "mister", "")]
    assert table.problems == (
        RowProblem("metadata.csv row 2", "4 fields between |, not 3"),
        RowProblem("wavs/LJ5.wav", "metadata.csv has no line for it"),
        RowProblem("metadata.csv row 5", "no file 'wavs/LJ4.wav'"),
    )
    make(data, {"metadata.csv": "LJ1|Born\nLJ3|Mister\nLJ5|Last\n"})
    assert [row.answer for row in open_speech(data)] == ["Born", "Mister", "Last"]
    make(data, {"metadata.csv": "LJ1|Born\nLJ3|größer\n".encode("latin-1")})
    with pytest.raises(DataError, match=r"metadata.csv: not in UTF-8: byte 0xf6 in line 2\. Next: save it again"):
        open_speech(data)


def nemo_line(**told: object) -> str:
    return json.dumps(told) + "\n"


def test_nemo_manifests(tmp_path: Path) -> None:
    first = nemo_line(audio_filepath="wav/a.wav", text="one", offset=0.5, duration=1.5, speaker="ann")
    second = nemo_line(audio_filepath="wav/b.wav", text="two", duration=3)
    data = make(tmp_path / "d", {"train_manifest.json": first + second, "wav/a.wav": "x", "wav/b.wav": "x"})
    keys = ["wav/a.wav [0.50 s to 2.00 s]", "wav/b.wav"]
    assert told(open_speech(data / "train_manifest.json")) == [(keys[0], "one", ""), (keys[1], "two", "")]
    table = open_speech(data)
    assert told(table) == [(keys[0], "one", "train"), (keys[1], "two", "train")]
    assert table[0].inputs == {"audio": Excerpt(data / "wav/a.wav", 0.5, 2)}
    assert table[1].inputs == {"audio": data / "wav/b.wav"}
    assert table[0].metadata == {"recording": "wav/a.wav", "speaker": "ann"}
    make(data, {"test_manifest.json": second, "coco.json": '{"images": []}'})
    assert open_speech(data).parts == ("train", "test")
    make(data, {"more.json": second})
    with pytest.raises(DataError, match=r"d holds 3 manifests: more\.json, test_manifest\.json, train_manifest\.json"):
        open_speech(data)


BESIDE: dict[str, str | bytes] = {
    "a.wav": "x",
    "a.txt": "good\n morning \n",
    "deep/b.flac": "x",
    "deep/b.txt": "\ufeffgrößer",
    "alone.wav": "x",
    "empty.wav": "x",
    "empty.txt": " \n",
    "bad.wav": "x",
    "bad.txt": b"gr\xf6\xdfer",
    "readme.txt": "about",
    "notes.pdf": "x",
}


def test_recordings_beside_transcripts(tmp_path: Path) -> None:
    table = open_speech(make(tmp_path / "d", BESIDE))
    assert told(table) == [("a.wav", "good morning", ""), ("deep/b.flac", "größer", "")]
    assert table.problems == (
        RowProblem("alone.wav", "no transcript beside it", "put alone.txt or alone.vtt beside it"),
        RowProblem("bad.txt", "not in UTF-8: byte 0xf6 in line 1", "save it again, in UTF-8"),
        RowProblem("empty.txt", "it is empty"),
        RowProblem("readme.txt", "no recording with this name beside it"),
    )
    assert {"not read: notes.pdf", "2 recordings with transcripts"} <= set(table.notes)


def test_recordings_beside_transcripts_in_parts(tmp_path: Path) -> None:
    files = [f"{part}/a.{extension}" for part in ("train", "test") for extension in ("mp4", "wav", "txt")]
    data = make(tmp_path / "d", [*files, "loose.wav", "old/a.wav"])
    table = open_speech(data)
    assert "not read, because they are not parts: old, loose.wav" in table.notes
    assert [(row.inputs, row.part) for row in table] == [
        ({"image": data / part / "a.mp4", "audio": data / part / "a.wav"}, part) for part in ("test", "train")
    ]


def test_a_text_beside_one_of_many_recordings_is_ignored(tmp_path: Path) -> None:
    table = open_data(make(tmp_path / "d", ["cat/1.wav", "cat/2.wav", "dog/3.wav", "cat/1.txt"]))
    assert table.answers() == ["cat", "cat", "dog"]


def test_librispeech(tmp_path: Path) -> None:
    lines = "84-121-0000 GO AND SEE\n84-121-0001 HERE\n84-121-0003\n"
    flacs = [f"L/dev-clean/84/121/84-121-000{number}.flac" for number in (0, 2, 3)]
    files = {"L/train-clean-100/9/1/9-1.trans.txt": "9-1-0000 YES\n", "L/train-clean-100/9/1/9-1-0000.flac": "x"}
    data = make(tmp_path / "d", dict.fromkeys(flacs, "x") | {"L/dev-clean/84/121/84-121.trans.txt": lines} | files)
    table = open_speech(data)
    assert [(row.answer, row.metadata, row.part) for row in table] == [
        ("GO AND SEE", {"speaker": "84"}, "val"),
        ("YES", {"speaker": "9"}, "train"),
    ]
    where = "dev-clean/84/121/84-121"
    assert table.problems == (
        RowProblem(f"{where}.trans.txt line 2", "no recording '84-121-0001' beside it"),
        RowProblem(f"{where}.trans.txt line 3", "no words for '84-121-0003'"),
        RowProblem(f"{where}-0002.flac", "no transcript beside it", "put 84-121-0002.txt or 84-121-0002.vtt beside it"),
    )


VTT = """\ufeffWEBVTT - a talk\r
Kind: captions\r
\r
STYLE\r
::cue { color: red }\r
\r
NOTE nobody says this\r
\r
1\r
00:01.000 --> 00:02.500 align:start position:0%\r
<v.loud Ann Lee>Tom &amp; <i>Jerry</i>,\r
say <00:01.500>&lt;hello&gt;</v>\r
\r
00:03.000 --> 00:04.000\r
[music]\r
\r
01:00:04.000 --> 01:00:05.250\r
<v Ann>Yes?</v> <v Ben>No.\r
\r
00:09.000 --> 00:08.000\r
backwards\r
\r
00:1.0 --> soon\r
nothing\r
\r
no time\r
"""


def test_subtitles_cut_a_recording_into_utterances(tmp_path: Path) -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<b>Guten\nTag</b>\n\n2\n00:00:02,000 --> 00:00:03,000\n♪ ♪\n"
    files = {"talk.mp4": "x", "talk.vtt": VTT, "talk.txt": "unused", "talk.srt": srt, "b.wav": "x", "b.srt": srt}
    data = make(tmp_path / "d", files)
    table = open_speech(data)
    assert [(row.key, row.answer, row.metadata["speaker"]) for row in table] == [
        ("b.wav [1.00 s to 2.00 s]", "Guten Tag", ""),
        ("talk.mp4 [1.00 s to 2.50 s]", "Tom & Jerry, say <hello>", "Ann Lee"),
        ("talk.mp4 [3604.00 s to 3605.25 s]", "Yes? No.", ""),
    ]
    excerpt = Excerpt(data / "talk.mp4", 1, 2.5)
    assert table[1].inputs == {"image": excerpt, "audio": excerpt}
    shape = "a cue is 00:01.000 --> 00:02.500, then its words"
    assert table.problems == (
        RowProblem("talk.vtt line 20", "it ends at 8 s, not after its start at 9 s", shape),
        RowProblem("talk.vtt line 23", "'00:1.0 --> soon' are no times", shape),
        RowProblem("talk.vtt line 26", "no time stands above 'no time'", shape),
    )
    assert {
        "2 recordings with transcripts, 3 cues of subtitles",
        "left out 2 cues without words, such as [music]",
        "not used, because subtitles take precedence: talk.srt, talk.txt",
    } <= set(table.notes)


def test_subtitles_that_name_their_language(tmp_path: Path) -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\ngood morning\n"
    files = {"a.mp4": "x", "a.en.srt": srt, "b.mp4": "x", "b.pt-BR.vtt": "WEBVTT\n\n" + srt.replace(",", ".")}
    files |= {"c.mp4": "x", "c.de.srt": srt, "c.en.srt": srt, "d.mp4": "x", "d.en.srt": "unused", "d.srt": srt}
    files |= {"e.mp4": "x", "e.2nd draft.srt": srt, "f.en.mp4": "x", "f.en.srt": srt}
    table = open_speech(make(tmp_path / "d", files))
    assert [row.key.partition(" ")[0] for row in table] == ["a.mp4", "b.mp4", "d.mp4", "f.en.mp4"]
    assert set(table.answers()) == {"good morning"}
    several = "transcripts in 2 languages lie beside it: c.de.srt, c.en.srt"
    assert table.problems == (
        RowProblem("c.mp4", several, "keep one of them beside it"),
        RowProblem("e.2nd draft.srt", "no recording with this name beside it"),
        RowProblem("e.mp4", "no transcript beside it", "put e.txt or e.vtt beside it"),
    )
    assert "not used, because subtitles take precedence: d.en.srt" in table.notes


@pytest.mark.parametrize(
    ("subtitles", "words"),
    [
        ("1\n00:01.000 --> 00:02.000\na\n2\n00:02.000 --> 00:03.000\nb\n", "two times in one cue: an empty line is"),
        ("a\n1\n00:01.000 --> 00:02.000\nb\n", "2 lines stand above the time: an empty line is missing"),
        ("00:61.000 --> 00:62.000\na\n", "'00:61.000 --> 00:62.000' are no times"),
        (f"{'9' * 400}:00:00.000 --> {'9' * 5_000}:00:00.000\na\n", "99999' are no times"),
    ],
)
def test_damaged_cues_are_reported(subtitles: str, words: str) -> None:
    cues, problems, _ = parse_subtitles("WEBVTT\n\n" + subtitles, "t.vtt")
    assert not cues and [problem.where for problem in problems] == ["t.vtt line 3"]
    assert words in problems[0].what


def _time(ms: int, comma: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{comma}{ms:03d}"


def _vtt(cues: list[Cue]) -> str:
    def block(cue: Cue) -> str:
        voice = f"<v {html.escape(cue.speaker)}>" if cue.speaker else ""
        start, end = (_time(round(1000 * time_s), ".") for time_s in (cue.start_s, cue.end_s))
        return f"{start} --> {end} line:0\n{voice}{html.escape(cue.text)}\n"

    return "WEBVTT\n\n" + "\n".join(map(block, cues))


def _srt(cues: list[Cue]) -> str:
    return "\n".join(
        f"{number}\n{_time(round(1000 * cue.start_s), ',')} --> {_time(round(1000 * cue.end_s), ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues, 1)
    )


WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
NAMES = st.lists(WORD, max_size=2).map(" ".join)
MARKS = st.sampled_from(["", "!", " <", " &", " > b", " &amp; ", " <i>", '"', " - -"])


@st.composite
def cues(draw: st.DrawFn, marks: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> list[Cue]:
    spans_ms = draw(st.lists(st.tuples(st.integers(0, 360_000_000), st.integers(1, 9_999)), max_size=5))
    return [
        Cue(start / 1000, (start + length) / 1000, " ".join((draw(WORD) + draw(marks)).split()), draw(names))
        for start, length in spans_ms
    ]


@settings(max_examples=60)
@given(cues(MARKS, NAMES), st.sampled_from(["\n", "\r\n", "\r"]))
def test_webvtt_round_trip(written: list[Cue], ending: str) -> None:
    assert parse_subtitles(_vtt(written).replace("\n", ending), "t.vtt") == (written, [], False)


@settings(max_examples=60)
@given(cues(st.just("!"), st.just("")), st.sampled_from(["\n", "\r\n"]))
def test_subrip_round_trip(written: list[Cue], ending: str) -> None:
    assert parse_subtitles(_srt(written).replace("\n", ending), "t.srt") == (written, [], False)


@settings(max_examples=60)
@given(st.text("0123:.,->\n <v>&;a[]♪{\\", max_size=80))
def test_any_text_is_cues_or_problems(subtitles: str) -> None:
    for cue in parse_subtitles(subtitles, "t.srt")[0]:
        assert 0 <= cue.start_s < cue.end_s


def test_auxiliary_column(tmp_path: Path) -> None:
    rows = "1.wav,x,Ba,ann\n2.wav,y,,bob\n3.wav,x,Ke,ann\n"
    data = make(
        tmp_path / "d", {"t.csv": f"audio,label,Heard as,speaker\n{rows}", "1.wav": b"x", "2.wav": b"x", "3.wav": b"x"}
    )
    kinds = (replace(KINDS[0], auxiliary_columns=("seen_as", "heard_as")), KINDS[1])
    table = open_data(data, kinds=kinds)
    assert table.auxiliary() == ["Ba", "", "Ke"]
    assert (table.answers(), table.metadata) == (["x", "y", "x"], ("speaker",))
    assert [row.auxiliary for row in table] == ["Ba", None, "Ke"]
    assert table.take([2, 0]).auxiliary() == ["Ke", "Ba"]
    assert "'Heard as' is an auxiliary column: it helps training and is not needed for prediction" in table.notes


def test_no_auxiliary_column(tmp_path: Path) -> None:
    rows = "1.wav,x,Ba,ann\n2.wav,y,Ba,bob\n3.wav,x,Ke,ann\n"
    data = make(
        tmp_path / "d", {"t.csv": f"audio,label,Heard as,speaker\n{rows}", "1.wav": b"x", "2.wav": b"x", "3.wav": b"x"}
    )
    kinds = (replace(KINDS[0], auxiliary_columns=("seen_as", "heard_as")), KINDS[1])
    assert open_data(data).auxiliary() is None
    asked = open_data(data, kinds=kinds, answer="label:Heard as")
    assert (asked.auxiliary(), asked.answers()) == (None, ["Ba", "Ba", "Ke"])
