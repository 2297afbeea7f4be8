"""The vocabulary of byte-level BPE (Radford et al. 2019): byte strings that form UTF-8 when joined."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from seehear.errors import DataError

MAX_TOKENS = 1 << 17
MAX_TOKEN_BYTES = 255
MAX_PACKED_LENGTH = 1 << 21  # characters; longer strings are refused before unpacking
_MAX_BYTES = MAX_TOKENS * 32
# Merges stay within a piece: a word, a number or punctuation, each with the space before it; an English ending; spaces.
_PIECE = re.compile(r"'(?:[stmd]|re|ve|ll)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


@dataclass(frozen=True)
class ByteVocabulary:
    """`tokens` by number; a token may be a part of a character."""

    tokens: tuple[bytes, ...]

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @classmethod
    def from_letters(cls, numbers: Mapping[str, int]) -> ByteVocabulary:
        """Read the `model.vocab` of a tokenizer.json, where each byte is written as one printable character.

        Raises DataError unless the tokens are numbered from 0 on without gaps.
        """
        to_byte = {letter: byte for byte, letter in enumerate(_list_byte_characters())}
        by_number = sorted(numbers.items(), key=lambda item: item[1])
        if [number for _, number in by_number] != list(range(len(by_number))):
            raise DataError("the tokens of a vocabulary are not numbered from 0 on without gaps")
        try:
            return cls(tuple(bytes(to_byte[letter] for letter in token) for token, _ in by_number))
        except KeyError as error:
            raise DataError(f"the letter {error.args[0]!r} of a vocabulary does not stand for a byte") from None

    def encode(self, text: str) -> list[int]:
        """The tokens of a text: within each piece, the neighbours with the lowest token are merged first.

        Raises DataError for a byte without a token; published vocabularies have all of them.
        """
        return [token for piece in _PIECE.findall(text) for token in self._merge(piece.encode())]

    def _merge(self, piece: bytes) -> list[int]:
        parts, none = [piece[i : i + 1] for i in range(len(piece))], len(self.tokens)
        while len(parts) > 1:
            merged = [self.numbers.get(left + right, none) for left, right in pairwise(parts)]
            place = min(range(len(merged)), key=merged.__getitem__)
            if merged[place] == none:
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        if missing := [part for part in parts if part not in self.numbers]:
            raise DataError(f"the vocabulary has no token for the byte {missing[0][0]:#04x}", where=f"{piece!r}")
        return [self.numbers[part] for part in parts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of tokens; invalid UTF-8 becomes U+FFFD."""
        return b"".join(self.tokens[token] for token in ids).decode("utf-8", "replace")

    def pack(self) -> str:
        """Encode as base64. Equal vocabularies give equal strings."""
        lengths = bytes(map(len, self.tokens))
        content = struct.pack("<I", len(self.tokens)) + lengths + b"".join(self.tokens)
        return base64.b64encode(zlib.compress(content, 9)).decode("ascii")

    @classmethod
    def unpack(cls, packed: str) -> ByteVocabulary:
        """Decode what `pack` wrote. Raises DataError for any other string. Memory is bounded."""
        if len(packed) > MAX_PACKED_LENGTH:
            raise DataError(f"a vocabulary of {len(packed):,} characters", allowed=f"up to {MAX_PACKED_LENGTH:,}")
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(base64.b64decode(packed, validate=True), _MAX_BYTES)
            (count,) = struct.unpack_from("<I", content)
        except (ValueError, zlib.error, struct.error) as error:
            raise DataError(f"a vocabulary cannot be unpacked ({error})") from None
        lengths, joined = content[4 : 4 + count], content[4 + count :]
        if count > MAX_TOKENS or len(lengths) != count or sum(lengths) != len(joined) or not unpacker.eof:
            raise DataError("a vocabulary does not have the bytes of its tokens")
        tokens, start = [], 0
        for length in lengths:
            tokens.append(joined[start : start + length])
            start += length
        return cls(tuple(tokens))


def _list_byte_characters() -> list[str]:
    """The character that byte-level BPE writes for each byte: itself if printable, else the next from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(0x100)]
