"""The specification of Whisper's decoder: its vocabulary, its languages and the size of its network."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.decoding.whisper import SpecialTokens, list_cross_names
from seehear.errors import BundleError, DataError
from seehear.strict_json import from_json

MAX_LAYERS, MAX_LANGUAGES = 32, 200


class WhisperSpec(BaseModel):
    """Sizes of a published network. `language`, `translate` and `hotwords` apply to the current input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["whisper"] = "whisper"
    width: int = Field(ge=8, le=2048)
    heads: int = Field(ge=1, le=64)
    layers: int = Field(ge=1, le=MAX_LAYERS)
    longest: int = Field(default=448, ge=16, le=448)  # tokens of a text with its prompt
    vocabulary: str = Field(repr=False)  # a packed ByteVocabulary, of the tokens that stand for text
    languages: tuple[str, ...] = Field(min_length=1, max_length=MAX_LANGUAGES)  # in the order of their tokens
    multilingual: bool
    alignment_heads: tuple[tuple[int, int], ...] = Field(min_length=1, max_length=MAX_LAYERS * 64)  # (layer, head)
    language: str = ""  # the spoken one; "": detected
    translate: bool = False  # into English
    hotwords: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(not (0 <= layer < self.layers and 0 <= head < self.heads) for layer, head in self.alignment_heads):
            raise ValueError("alignment_heads must be heads of the decoder's layers")
        if self.language and self.language not in self.languages:
            raise ValueError(f"language must be one of {', '.join(self.languages)}")
        return self

    @property
    def tokens(self) -> int:
        """V, the number of all tokens."""
        return self.special.total

    def __str__(self) -> str:
        languages = f"{len(self.languages)} languages" if self.multilingual else "English"
        return f"text in {languages}"

    @property
    def cross_shapes(self) -> dict[str, tuple[int | str, ...]]:
        """Shapes of the keys and values for each block, which the network passes to the decoder."""
        size = self.width // self.heads
        shapes = ((self.heads, size, "M"), (self.heads, "M", size))
        return {name: shapes[i % 2] for i, name in enumerate(list_cross_names(self.layers))}

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, which begins with a space as in Whisper's training."""
        return self.tokeniser.encode(f" {text}") if text else []

    def encode_sentence(self, text: str) -> list[int]:
        """The tokens of a normalised text, written as a sentence, as most texts in Whisper's training are.

        In scripts without capitals, the text stays as it is.
        """
        sentence = text[:1].upper() + text[1:]
        return self.encode(f"{sentence}." if sentence != text else text)

    @property
    def hotword_tokens(self) -> list[int]:
        """A list of the hotwords. The decoder treats it as what was said before, and spells words the same way."""
        return self.encode(f"{', '.join(self.hotwords)}.") if self.hotwords else []

    @cached_property
    def tokeniser(self) -> ByteVocabulary:
        return ByteVocabulary.unpack(self.vocabulary)

    @cached_property
    def special(self) -> SpecialTokens:
        return SpecialTokens(self.tokeniser, self.languages, self.multilingual)


def read_tokenizer(content: bytes) -> tuple[str, tuple[str, ...]]:
    """A tokenizer.json of Whisper -> the packed vocabulary of text, and the languages in the order of their tokens.

    Raises BundleError for any other file.
    """
    try:
        tokenizer = from_json(content)
        added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        end, first, last = (added[f"<|{name}|>"] for name in ("endoftext", "startoftranscript", "translate"))
        numbers = {text: number for text, number in tokenizer["model"]["vocab"].items() if number < end}
        vocabulary = ByteVocabulary.from_letters(numbers)
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"not a tokenizer of Whisper: {type(error).__name__} {error}") from None
    by_number = sorted(added, key=added.__getitem__)
    return vocabulary.pack(), tuple(name[2:-2] for name in by_number if first < added[name] < last)
