"""Lines that mark words not accepted, and subtitle files."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from present import present
from seehear.answers.text import Text, Word
from seehear.answers.text.subtitles import MAX_CUE_S, MAX_LINE, split_cues
from seehear.runtime.prediction import ExampleSource, Prediction

LETTERS = st.text(st.characters(categories=("L", "M", "N"), include_characters="&<>-'"), min_size=1, max_size=60)
CUE = re.compile(r"(?:\d+\n)?(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})\n(.*)", re.DOTALL)


@st.composite
def draw_words(draw: st.DrawFn) -> tuple[Word, ...]:
    """Consecutive words, in whole milliseconds, with pauses of up to three seconds."""
    now_ms, words = draw(st.integers(0, 10_000_000)), []
    for text in draw(st.lists(LETTERS, max_size=60)):
        start_ms = now_ms + draw(st.integers(0, 3000))
        now_ms = start_ms + draw(st.integers(1, 1500))
        words.append(Word(text, start_ms / 1000, now_ms / 1000))
    return tuple(words)


def read_subtitles(subtitles: str) -> list[tuple[int, int, list[str]]]:
    """(start_ms, end_ms, lines) of each cue, as a player reads them."""
    found = []
    for block in subtitles.removeprefix("WEBVTT\n").strip("\n").split("\n\n"):
        if block:
            *numbers, lines = present(CUE.fullmatch(block)).groups()
            h, m, s, ms, h2, m2, s2, ms2 = map(int, numbers)
            found.append(
                (((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2, lines.split("\n"))
            )
    return found


@given(draw_words())
def test_subtitles_keep_all_words_and_times(words: tuple[Word, ...]) -> None:
    files = Text(words).files()
    srt, vtt = read_subtitles(files["srt"].decode()), read_subtitles(unescape(files["vtt"].decode()))
    assert srt == vtt
    assert [word for *_, lines in srt for line in lines for word in line.split(" ")] == [word.text for word in words]
    expected = [(round(1000 * cue[0].start_s), round(1000 * cue[-1].end_s)) for cue in split_cues(words)]
    assert [(start, end) for start, end, _ in srt] == expected
    assert all(end <= start for (_, end), (start, _) in pairwise(expected))


@given(draw_words())
def test_cues_are_short_enough_to_read(words: tuple[Word, ...]) -> None:
    for _, _, lines in read_subtitles(Text(words).files()["srt"].decode()):
        assert len(lines) <= 2
        assert all(len(line) <= MAX_LINE or " " not in line for line in lines)
    for cue in split_cues(words):
        assert len(cue) == 1 or cue[-1].end_s - cue[0].start_s <= MAX_CUE_S


def make_text(*words: tuple[str, float, float]) -> Text:
    return Text(tuple(Word(*word) for word in words))


def test_a_cue_ends_at_the_longest_pause() -> None:
    sentence = "take one tablet in the morning with a full glass of water and one more in the evening before you sleep"
    words = [
        Word(text, i * 0.3 + (i > 11) * 0.4, i * 0.3 + 0.3 + (i > 11) * 0.4) for i, text in enumerate(sentence.split())
    ]
    first, second = split_cues(words)
    assert first[-1].text == "water"
    assert second[0].text == "and"


def test_the_exact_files_of_an_example() -> None:
    files = make_text(("a<b", 0.5, 0.9), ("&c", 1.0, 1.26), ("d", 3600.0, 3600.0)).files()
    assert files["txt"] == b"a<b &c d\n"
    assert files["srt"] == b"1\n00:00:00,500 --> 00:00:01,260\na<b &c\n\n2\n01:00:00,000 --> 01:00:00,001\nd\n"
    assert files["vtt"] == (
        b"WEBVTT\n\n00:00:00.500 --> 00:00:01.260\na&lt;b &amp;c\n\n01:00:00.000 --> 01:00:00.001\nd\n"
    )


def test_files_of_silence() -> None:
    assert Text(()).files() == {"txt": b"\n", "srt": b"", "vtt": b"WEBVTT\n"}


def test_a_text_without_times_gives_no_subtitles() -> None:
    assert Text.from_string("One two.").files() == {"txt": b"one two\n"}


@pytest.mark.parametrize(
    ("accepted", "line"),
    [
        ((1, 1, 1), "take two daily (3 of 3 words accepted)"),
        ((1, 0, 1), "take [two?] daily (2 of 3 words accepted)"),
        ((0, 0, 1), "[take two?] daily (1 of 3 words accepted)"),
        ((0, 1, 0), "[take?] two [daily?] (1 of 3 words accepted)"),
    ],
)
def test_words_not_accepted_are_marked_only_in_lines_for_people(accepted: tuple[int, ...], line: str) -> None:
    said = zip(("take", "two", "daily"), accepted, strict=True)
    text = Text(tuple(Word(word, accepted=bool(yes)) for word, yes in said), 0.4)
    assert str(Prediction(ExampleSource("a.wav"), text, 0.4, True)) == f"a.wav: {line}"
    assert str(Prediction(ExampleSource("a.wav"), text, 0.4, True, whole_accepted=True)).endswith(" (40 % sure)")
    assert text.files()["txt"] == b"take two daily\n"
    fields = text.to_json()
    assert fields["text"] == "take two daily"
    assert [word["accepted"] for word in fields["words"]] == list(map(bool, accepted))
