"""What may be written: the tokens of a text, how they followed each other, and by what it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seehear.amounts import counted
from seehear.answers.text.hotwords import Hotwords
from seehear.answers.text.language import Automaton
from seehear.answers.text.ngrams import NGrams
from seehear.answers.text.normal import normal
from seehear.answers.text.pieces import Pieces
from seehear.errors import UsageError

SPACE = " "
MOST_TOKENS = 5000


class TextSpec(BaseModel):
    """What may be written: `tokens`, letters and parts of words, and `language`, how they followed each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[str, ...] = Field(min_length=2, max_length=MOST_TOKENS)
    language: str = Field(default="", repr=False)  # NGrams.to_text
    texts: int = Field(ge=0)  # how many it was planned from
    words: int = Field(ge=0)  # how many different ones those had
    hotwords: tuple[str, ...] = ()  # favoured, for as long as somebody expects them
    translated: bool = False  # into another language than is spoken, so that words have no times
    spoken: tuple[str, ...] = Field(default=(), max_length=MOST_TOKENS)  # tokens of the words spoken, if learned too
    decoder: bool = False  # whether a network that writes token by token was taught too

    @field_validator("tokens", "spoken")
    @classmethod
    def _parts_of_words(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        within = all(token and (token == SPACE or SPACE not in token) for token in tokens)
        if tokens and (len(set(tokens)) < len(tokens) or SPACE not in tokens or not within):
            raise ValueError("tokens are a space, and different letters and parts of words")
        return tokens

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.language and NGrams.from_text(self.language).vocabulary != len(self.tokens):
            raise ValueError(f"language was counted with another number of tokens than {len(self.tokens)}")
        if self.translated and not self.decoder:
            raise ValueError("a translation is written by a decoder: decoder must be true")
        if self.spoken and not self.translated:
            raise ValueError("spoken is learned beside a translation: translated must be true, or spoken empty")
        return self

    def __str__(self) -> str:
        letters = [token for token in self.tokens if len(token) == 1]
        shown = "".join(letters).strip()
        some = shown if len(shown) <= 60 else shown[:60] + "…"
        parts = len(self.tokens) - len(letters)
        spelt = f"{counted(len(letters), 'letter')} ({some})" + (f" and {parts:,} parts of words" if parts else "")
        what = "translation" if self.translated else "text"
        aided = f"; taught by the words spoken, in {len(self.spoken)} letters, too" if self.spoken else ""
        return f"{what} in {spelt}; {counted(self.words, 'different word')} in {counted(self.texts, 'text')}{aided}"

    @property
    def heard(self) -> tuple[str, ...]:
        """The tokens that are heard one after the other: those of a translation only where no others are learned."""
        return self.spoken or self.tokens

    @property
    def index(self) -> dict[str, int]:
        return self.pieces.index

    @cached_property
    def pieces(self) -> Pieces:
        return Pieces(self.tokens)

    @cached_property
    def heard_pieces(self) -> Pieces:
        return Pieces(self.heard)

    @cached_property
    def automaton(self) -> Automaton:
        return Automaton.of(NGrams.from_text(self.language))

    @cached_property
    def hotword_bias(self) -> Hotwords | None:
        if not self.hotwords:
            return None
        return Hotwords.of(map(self.encode, self.hotwords), len(self.tokens), self.index[SPACE], self.automaton)

    def changed(self, **fields: Any) -> TextSpec:
        """Another one; not model_copy, which would keep the machines of this one."""
        return TextSpec(**{**self.model_dump(), **fields})

    def encode(self, text: str) -> list[int]:
        """The tokens of a normal text; what is none of them is left out."""
        return self.pieces.encode(text)

    def sentences(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Those of normal texts in which there is any token: what has none is not silence, but unknown."""
        return filter(None, map(self.encode, texts))

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens, with single spaces between its words."""
        return " ".join("".join(self.tokens[token] for token in tokens).split())


def with_hotwords(spec: TextSpec, hotwords: Sequence[str]) -> TextSpec:
    """Raises UsageError for a hotword with a letter that was never learned, and for too many hotwords."""
    expected = tuple(dict.fromkeys(filter(None, map(normal, hotwords))))
    for hotword in expected:
        if strange := sorted(set(hotword) - set(spec.tokens)):
            letters = "".join(token for token in spec.tokens if len(token) == 1)
            raise UsageError(
                f"the hotword {hotword!r} has {''.join(strange)!r}",
                allowed=f"the letters that were learned: {letters.strip()}",
                hint="write it as it sounds in these letters",
            )
    hotword_bias = spec.changed(hotwords=expected)
    _ = hotword_bias.hotword_bias  # made now, while too many can still be refused
    return hotword_bias


def with_language_model(spec: TextSpec, lines: Iterable[str]) -> TextSpec:
    """As if the lines had been said in the examples, as far as the odds of words go."""
    more = NGrams.of(spec.sentences(map(normal, lines)), len(spec.tokens), least=1)
    return spec.changed(language=NGrams.from_text(spec.language).plus(more).to_text())
