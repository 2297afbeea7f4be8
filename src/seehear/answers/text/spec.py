"""What a recogniser of text can write: its tokens, its language model, and which networks write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seehear.amounts import format_count
from seehear.answers.text.normalisation import normalise
from seehear.answers.text.whisper_spec import WhisperSpec
from seehear.decoding.bpe import Tokeniser
from seehear.decoding.hotwords import Hotwords
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import UsageError

SPACE = " "
MAX_TOKENS = 5000
MAX_PROMPT = 223  # tokens before a text, as in Whisper's training


class AttentionSpec(BaseModel):
    """A recurrent decoder with attention, trained on the examples, with the tokens of CTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention"] = "attention"


class TextSpec(BaseModel):
    """`tokens` are a space, letters and subwords; () if only a decoder with its own vocabulary is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[str, ...] = Field(max_length=MAX_TOKENS)
    ngrams: str = Field(default="", repr=False)  # packed NGramCounts, for the language model
    texts: int = Field(ge=0)  # number of texts it was planned from
    words: int = Field(ge=0)  # number of different words in them
    hotwords: tuple[str, ...] = ()  # for the current input; a model file has none
    translated: bool = False  # into another language than the one spoken, so that words have no times
    auxiliary_tokens: tuple[str, ...] = Field(default=(), max_length=MAX_TOKENS)  # of the source language, for CTC
    # An autoregressive decoder, beside CTC if `tokens` are given.
    decoder: Annotated[AttentionSpec | WhisperSpec, Field(discriminator="kind")] | None = None

    @field_validator("tokens", "auxiliary_tokens")
    @classmethod
    def _check_tokens(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        within_words = all(token and (token == SPACE or SPACE not in token) for token in tokens)
        if tokens and (len(set(tokens)) < len(tokens) or SPACE not in tokens or not within_words):
            raise ValueError("tokens must be a space, and different letters and subwords")
        return tokens

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.tokens) < 2 and self.whisper is None:
            raise ValueError("there must be at least 2 tokens")
        if self.ngrams and NGramCounts.unpack(self.ngrams).vocabulary != len(self.tokens):
            raise ValueError(f"ngrams were counted with another number of tokens than {len(self.tokens)}")
        if self.translated and self.decoder is None:
            raise ValueError("translations need a decoder")
        if self.auxiliary_tokens and not self.translated:
            raise ValueError(
                "auxiliary_tokens are for translations: translated must be true, or auxiliary_tokens empty"
            )
        return self

    def __str__(self) -> str:
        if self.whisper is not None and not self.has_ctc:
            return str(self.whisper)
        letters = [token for token in self.tokens if len(token) == 1]
        joined = "".join(letters).strip()
        shown = joined if len(joined) <= 60 else joined[:60] + "…"
        subwords = len(self.tokens) - len(letters)
        spelling = f"{format_count(len(letters), 'letter')} ({shown})" + (
            f" and {subwords:,} subwords" if subwords else ""
        )
        name = "translation" if self.translated else "text"
        size = f"{format_count(self.words, 'different word')} in {format_count(self.texts, 'text')}"
        auxiliary = len(self.auxiliary_tokens)
        source = f"; also learns the words spoken, in {auxiliary} letters" if auxiliary else ""
        decoder = f"; written by Whisper's decoder ({self.whisper.language})" if self.whisper is not None else ""
        return f"{name} in {spelling}; {size}{source}{decoder}"

    @property
    def whisper(self) -> WhisperSpec | None:
        """Whisper's decoder, if that is the one."""
        return self.decoder if isinstance(self.decoder, WhisperSpec) else None

    @property
    def has_ctc(self) -> bool:
        """Whether there is a CTC output: always, unless a published decoder is used without training."""
        return bool(self.tokens)

    @property
    def ctc_tokens(self) -> tuple[str, ...]:
        """What CTC recognises: the words spoken if they are known, otherwise the text itself."""
        return self.auxiliary_tokens or self.tokens

    @property
    def token_ids(self) -> dict[str, int]:
        return self.tokeniser.token_ids

    @cached_property
    def tokeniser(self) -> Tokeniser:
        return Tokeniser(self.tokens)

    @cached_property
    def ctc_tokeniser(self) -> Tokeniser:
        return Tokeniser(self.ctc_tokens)

    @cached_property
    def language_model(self) -> LanguageModel:
        return LanguageModel.from_counts(NGramCounts.unpack(self.ngrams))

    @cached_property
    def compiled_hotwords(self) -> Hotwords | None:
        if not self.hotwords:
            return None
        encoded = map(self.encode, self.hotwords)
        return Hotwords.compile(encoded, len(self.tokens), self.token_ids[SPACE], self.language_model)

    def replace(self, **fields: Any) -> TextSpec:
        """A copy with other fields. Unlike model_copy, it checks them and does not keep the cached properties."""
        return TextSpec(**{**self.model_dump(), **fields})

    def encode(self, text: str) -> list[int]:
        """The tokens of a normalised text. Letters without a token are dropped."""
        return self.tokeniser.encode(text)

    def encode_texts(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """The tokens of normalised texts. A text in unknown letters is left out, so as not to pass for silence."""
        return filter(None, map(self.encode, texts))

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens, with single spaces between its words; normalised unless a decoder is used untrained."""
        if self.whisper is not None:
            text = self.whisper.tokeniser.decode(tokens)
            return normalise(text) if self.has_ctc else " ".join(text.split())
        return " ".join("".join(self.tokens[token] for token in tokens).split())


def with_hotwords(spec: TextSpec, hotwords: Sequence[str]) -> TextSpec:
    """Raises UsageError for a hotword with a letter that was never learned, and for too many hotwords."""
    if spec.whisper is not None:
        return spec.replace(decoder=_with_prompt(spec.whisper, hotwords))
    normalised = tuple(dict.fromkeys(filter(None, map(normalise, hotwords))))
    for hotword in normalised:
        if unknown := sorted(set(hotword) - set(spec.tokens)):
            letters = "".join(token for token in spec.tokens if len(token) == 1)
            raise UsageError(
                f"the hotword {hotword!r} has {''.join(unknown)!r}",
                allowed=f"the letters that were learned: {letters.strip()}",
                hint="write it as it sounds in these letters",
            )
    expecting = spec.replace(hotwords=normalised)
    _ = expecting.compiled_hotwords  # compiled here, so that too many are refused before an input is read
    return expecting


def _with_prompt(whisper: WhisperSpec, hotwords: Sequence[str]) -> WhisperSpec:
    """Hotwords in the writing given, as its decoder writes capitals."""
    given = dict.fromkeys(filter(None, map(str.strip, hotwords)))
    expecting = whisper.model_copy(update={"hotwords": tuple(given)})
    if (tokens := len(expecting.hotword_tokens)) > MAX_PROMPT:
        raise UsageError(
            f"the hotwords have {tokens:,} tokens", allowed=f"{MAX_PROMPT}, about a hundred words", hint="give fewer"
        )
    return expecting


def with_language_model(spec: TextSpec, lines: Iterable[str]) -> TextSpec:
    """The spec with the lines added to its language model, as if they had been among the examples."""
    counts = NGramCounts.count_sentences(spec.encode_texts(map(normalise, lines)), len(spec.tokens), min_count=1)
    return spec.replace(ngrams=(NGramCounts.unpack(spec.ngrams) + counts).pack())


def with_task(spec: TextSpec, language: str | None, translate: bool) -> TextSpec:
    """The Spec for recordings in a language, or to translate them into English.

    Raises UsageError without Whisper's decoder, and for a language that it does not know.
    """
    whisper = spec.whisper
    if whisper is None or spec.has_ctc:
        what = "a translation" if translate else f"the language {language!r}"
        raise UsageError(f"{what} for a recogniser that writes only what it was trained to write", hint="leave it out")
    known = whisper.languages if whisper.multilingual else ("en",)
    if language is not None and language not in known:
        raise UsageError(f"the language {language!r}", allowed=", ".join(sorted(known)))
    if translate and not whisper.multilingual:
        raise UsageError("a translation is not possible: this recogniser knows only English", hint="use whisper-base")
    return spec.replace(decoder=whisper.model_copy(update={"language": language or "", "translate": translate}))
