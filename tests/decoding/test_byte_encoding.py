"""Text to the tokens of byte-level BPE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.errors import DataError

MERGES = (b"lo", b"low", b" t", b" lo", b" low", b"he", b" the", b"t ", b"'t", b"n'")
VOCABULARY = ByteVocabulary((*(bytes([byte]) for byte in range(256)), *MERGES))


def split(text: str) -> list[bytes]:
    return [VOCABULARY.tokens[token] for token in VOCABULARY.encode(text)]


@given(st.text(max_size=40))
def test_tokens_spell_the_text(text: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


def test_the_lowest_merge_comes_first() -> None:
    assert split(" lower") == [b" low", b"e", b"r"]  # by lo, low, then the space
    assert split(" the") == [b" the"]  # by " t", then he
    assert split("ü") == [b"\xc3", b"\xbc"]


def test_merges_stay_within_words_and_endings() -> None:
    assert split("at the") == [b"a", b"t", b" the"]  # not b"t "
    assert split("don't") == [b"d", b"o", b"n", b"'t"]  # not b"n'"


def test_a_byte_without_a_token_is_named() -> None:
    with pytest.raises(DataError, match="0x62"):
        ByteVocabulary((b"a",)).encode("ab")
