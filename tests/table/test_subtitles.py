"""Rolling captions, as YouTube generates them: each word once, at the time when it is spoken."""

from __future__ import annotations

from pathlib import Path

import pytest

from seehear.table.subtitles import Cue, Subtitles, parse_subtitles
from table_kinds import KINDS, Kind, make, open_data

# As yt-dlp --write-auto-subs saves it: the upper line repeats the previous one, and each line is still for 10 ms.
YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.389 align:start position:0%
 
hello<00:00:00.480><c> and</c><00:00:00.640><c> welcome</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
hello and welcome
 

00:00:02.399 --> 00:00:04.710 align:start position:0%
hello and welcome
to<00:00:02.800><c> this</c><00:00:03.040><c> talk</c><00:00:03.360><c> it&#39;s</c>

00:00:04.710 --> 00:00:04.720 align:start position:0%
to this talk it&#39;s
 

00:00:04.720 --> 00:00:07.000 align:start position:0%
to this talk it&#39;s
about<00:00:05.000><c> birds</c>

00:00:07.000 --> 00:00:07.010 align:start position:0%
about birds
 

00:00:12.100 --> 00:00:14.990 align:start position:0%
 
[Music]

00:00:14.990 --> 00:00:15.000 align:start position:0%
[Music]
 

00:00:15.000 --> 00:00:17.000 align:start position:0%
[Music]
about<00:00:15.500><c> birds</c>
"""
SAID = [
    Cue(0.16, 2.389, "hello and welcome"),
    Cue(2.399, 4.71, "to this talk it's"),
    Cue(4.72, 7.0, "about birds"),
    Cue(12.1, 14.99, ""),
    Cue(15.0, 17.0, "about birds"),
]
# The same after ffmpeg has made SubRip of it, which drops the times of words and the lines with a space.
SUBRIP = """1
00:00:00,160 --> 00:00:02,389
hello and welcome

2
00:00:02,389 --> 00:00:02,399
hello and welcome

3
00:00:02,399 --> 00:00:04,710
hello and welcome
to this talk it's

4
00:00:04,710 --> 00:00:04,720
to this talk it's

5
00:00:04,720 --> 00:00:07,000
to this talk it's
about birds
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_rolling_captions_give_each_word_once(ending: str) -> None:
    assert parse_subtitles(YOUTUBE.replace("\n", ending), "t.vtt") == Subtitles(SAID, [], rolled=True)
    assert parse_subtitles(SUBRIP.replace("\n", ending), "t.srt") == Subtitles(SAID[:3], [], rolled=True)


def test_growing_captions_give_each_word_once() -> None:
    """As live captions add words one by one."""
    words = ["the", "birds", "are", "back"]
    cues = [f"00:0{i}.000 --> 00:0{i + 1}.000\n{' '.join(words[: i + 1])}\n" for i in range(4)]
    read = parse_subtitles("WEBVTT\n\n" + "\n".join(cues), "t.vtt")
    assert read.cues == [Cue(i, i + 1, word) for i, word in enumerate(words)]
    assert read.rolled


@pytest.mark.parametrize(
    "texts",
    [
        ["Yes.", "Yes."],
        ["Yes.", "Yes. I know.", "Good."],
        ["la la", "la la", "la la", "la la la", "la la"],
        ["No.", "No.", "Why?", "Why not?", "Because.", "I see."],
    ],
)
def test_repeated_speech_is_kept(texts: list[str]) -> None:
    """Adjacent cues that repeat words are not rolling captions."""
    blocks = [f"00:0{i}.000 --> 00:0{i + 1}.000\n{text}\n" for i, text in enumerate(texts)]
    assert parse_subtitles("WEBVTT\n\n" + "\n".join(blocks), "t.vtt") == Subtitles(
        [Cue(i, i + 1, text) for i, text in enumerate(texts)], []
    )


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0"])
def test_a_line_of_spaces_ends_a_cue_only_before_another(blank: str) -> None:
    lines = ["1", "00:01.000 --> 00:02.000", "a", blank, "2", "00:02.000 --> 00:03.000", blank.strip(" \t") or " ", "b"]
    assert parse_subtitles("\n".join(lines), "t.srt") == Subtitles([Cue(1, 2, "a"), Cue(2, 3, "b")], [])


def test_rolling_subtitles_beside_a_recording(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"talk.mp4": "x", "talk.vtt": YOUTUBE})
    table = open_data(data, kinds=(*KINDS, Kind("text", ("text",))))
    assert [row.key for row in table] == [
        f"talk.mp4 [{cue.start_s:.2f} s to {cue.end_s:.2f} s]" for cue in SAID if cue.text
    ]
    assert table.answers() == [cue.text for cue in SAID if cue.text]
    assert table.problems == ()
    assert "rolling captions, each word taken once: talk.vtt" in table.notes
