"""Subword tokens."""

from __future__ import annotations

from seehear.decoding.bpe import Tokeniser, learn_bpe


def test_frequent_letter_sequences_become_subwords() -> None:
    words = {"singe": 30, "ange": 30, "fange": 12, "rare": 2}
    subwords = learn_bpe(words, sorted(set("".join(words))))
    assert {"singe", "ange"} == set(subwords)
    assert not any("r" in subword for subword in subwords)


def test_tokens_join_to_the_text_and_words_are_split_the_same_way_everywhere() -> None:
    tokeniser = Tokeniser([" ", *"abcd", "ab", "abc"])
    assert list(tokeniser.split("abcab d")) == ["abc", "ab", " ", "d"]
    assert "".join(tokeniser.split("dab abcd ca")) == "dab abcd ca"
    assert list(tokeniser.split("axb")) == ["a", "b"]
    assert list(tokeniser.split("")) == []
