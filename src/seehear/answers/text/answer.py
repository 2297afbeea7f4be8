"""A text: the words said, each with its times and confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_duration
from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.kind import RunDecoder, Shape
from seehear.answers.platt_scaling import apply_platt
from seehear.answers.text.decode import Searched, decode_n_best, get_weights, search
from seehear.answers.text.joint import Proposal
from seehear.answers.text.normalisation import normalise
from seehear.answers.text.spec import SPACE, TextSpec
from seehear.answers.text.subtitles import format_srt, format_vtt
from seehear.answers.text.whisper import detect_language, split_bytes
from seehear.answers.text.word import DecodedWord, Word, mark_words
from seehear.decoding.hypothesis import Hypothesis
from seehear.decoding.whisper import FRAME_S
from seehear.errors import InputError
from seehear.geometry import Geometry, Warp

Array = NDArray[Any]

ALTERNATIVES = 3
MIN_WORDS_PER_CELL = 2  # on average, for a column to be taken for texts
MAX_LETTERS_PER_S = 60  # fast speech has 25; its translation may be longer
MAX_TAIL_CELLS = 4  # from the peak of a word's last letter to the end of the word


class NBest(NamedTuple):
    """The hypotheses for one example, best first; its number of cells and the seconds of each cell.

    language  the detected language, if the decoder detects it
    """

    hypotheses: list[Hypothesis]
    cells: int
    cell_s: float
    language: str = ""


@dataclass(frozen=True)
class Text:
    """Words in order; none for silence."""

    item: ClassVar[str] = "word"
    words: tuple[Word, ...]
    confidence: float = 1.0
    alternatives: tuple[tuple[str, float], ...] = ()
    language: str = ""  # code of the detected language, if the recogniser detects it

    @classmethod
    def from_string(cls, text: str) -> Text:
        """A text without times, such as a truth."""
        return cls(tuple(map(Word, normalise(text).split())))

    def normalise(self) -> Text:
        """Convert words to the form of a truth: in lower case, without punctuation. Drop words without letters."""
        words = (replace(word, text=text) for word in self.words for text in normalise(word.text).split())
        return replace(self, words=tuple(words))

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(word.accepted for word in self.words), len(self.words))

    def reject_items(self) -> Text:
        """The same text with no word accepted."""
        return replace(self, words=tuple(replace(word, accepted=False) for word in self.words))

    def transform(self, warp: Warp) -> Text:
        """The text with its times moved by a warp of time; unchanged by a warp of space."""
        if len(warp.scale) != 1:
            return self
        words = [
            replace(word, start_s=float(start_s), end_s=float(end_s))
            for word in self.words
            for start_s, end_s in [warp.forward(np.array([[word.start_s], [word.end_s]]))[:, 0]]
        ]
        return replace(self, words=tuple(words))

    def to_json(self) -> dict[str, Any]:
        language = {"language": self.language} if self.language else {}
        return {"text": str(self), **language, "words": [word.to_json() for word in self.words]}

    def to_marked_text(self) -> str:
        """One line for people, with words that are not accepted in brackets."""
        return mark_words(self.words)

    def files(self) -> dict[str, bytes]:
        """Plain text and, if the words have times, subtitles."""
        files = {"txt": f"{self}\n"}
        if all(word.timed for word in self.words):
            files |= {"srt": format_srt(self.words), "vtt": format_vtt(self.words)}
        return {extension: text.encode() for extension, text in files.items()}

    def to_cell(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return " ".join(word.text for word in self.words)


def fits(cells: Sequence[str], heading: str) -> bool:
    """Whether cells have several words with letters, and are too diverse to be class names."""
    words = sum(any(map(str.isalpha, word)) for cell in cells for word in normalise(cell).split())
    return bool(cells) and words >= MIN_WORDS_PER_CELL * len(cells) and 2 * len(set(cells)) > len(cells)


def read(cell: str, spec: TextSpec) -> Text:
    """The truth in a cell. Its words may have letters without a token."""
    return Text.from_string(cell)


def count_items(cell: str) -> float:
    """The number of words."""
    return float(len(normalise(cell).split()))


def stratum(cell: str) -> str:
    """Empty: texts have no classes to balance."""
    return ""


def target(answer: Text, spec: TextSpec, geometry: Geometry | None) -> dict[str, Array]:
    """tokens (L,) int64 and their number, length (); for Whisper's decoder also decoder_tokens (K,), decoder_length ().

    Raises InputError for a text too long for the recording.
    """
    if geometry is not None:
        _check_speed(str(answer), geometry.original.duration_s)
    tokens = {"tokens": spec.encode(str(answer))}
    if spec.whisper is not None:
        tokens["decoder_tokens"] = spec.whisper.encode_sentence(str(answer))
    return _with_lengths({name: np.array(each, np.int64) for name, each in tokens.items()})


def _with_lengths(tokens: Mapping[str, Array]) -> dict[str, Array]:
    """Add the number of each kind of tokens: "length" of "tokens", "decoder_length" of "decoder_tokens"."""
    lengths = {name.replace("tokens", "length"): np.array(len(each), np.int64) for name, each in tokens.items()}
    return {**tokens, **lengths}


def check(answer: Text, truth: Text, duration_s: float) -> None:
    """Raises InputError for a transcript too long to be spoken in that time."""
    _check_speed(str(truth), duration_s)


def _check_speed(text: str, duration_s: float) -> None:
    """Raises InputError for a text that must belong to another, or a longer, recording."""
    if len(text) > MAX_LETTERS_PER_S * duration_s:
        raise InputError(
            f"{len(text):,} letters in {format_duration(duration_s)}: nobody speaks that fast",
            hint="check that the text belongs to this recording, and that the recording is complete",
        )


def auxiliary_target(cell: str, spec: TextSpec) -> dict[str, Array]:
    """The words spoken: auxiliary_tokens (L,) int64 and their number, auxiliary_length (), 0 for an empty cell."""
    if not spec.auxiliary_tokens:
        return {}
    tokens = np.array(spec.ctc_tokeniser.encode(normalise(cell)), np.int64)
    return {"auxiliary_tokens": tokens, "auxiliary_length": np.array(len(tokens), np.int64)}


def supports_concatenation(spec: TextSpec) -> bool:
    """Not for translations: the words of another language need not follow the order of the recording."""
    return not spec.translated


def concatenate_targets(targets: Sequence[Mapping[str, Array]], spec: TextSpec) -> dict[str, Array]:
    """The texts one after the other, with a space between."""
    space = np.array([spec.token_ids[SPACE]])
    parts = [part for target in targets if len(target["tokens"]) for part in (space, target["tokens"])]
    tokens = {"tokens": np.concatenate(parts[1:]) if parts else space[:0]}
    if spec.whisper is not None:  # each of its texts begins with a space
        tokens["decoder_tokens"] = np.concatenate([space[:0], *(target["decoder_tokens"] for target in targets)])
    return _with_lengths(tokens)


def read_numbers(written: Any) -> dict[str, float]:
    """How many words there are."""
    words = written.get("words") if isinstance(written, Mapping) else None
    return {"number of words": float(len(words))} if isinstance(words, list) else {}


def raw_shapes(spec: TextSpec) -> dict[str, Shape]:
    """logp: log probabilities of the CTC tokens and the blank. cells: how many are not padding. cell_s: seconds each.

    What the decoder attends to: memory, or Whisper's keys and values for `states` states of 20 ms.
    """
    shapes: dict[str, Shape] = {"cells": (), "cell_s": ()}
    if spec.has_ctc:
        shapes["logp"] = ("N", len(spec.ctc_tokens) + 1)
    if spec.whisper is not None:
        return shapes | {"states": (), **spec.whisper.cross_shapes}
    return shapes if spec.decoder is None else shapes | {"memory": ("N", "D")}


def has_decoder(spec: TextSpec) -> bool:
    return spec.decoder is not None


def needs_windows(spec: TextSpec) -> bool:
    """Whether recordings are split: Whisper's decoder invents words in silence, and was trained on windows."""
    return spec.whisper is not None


def recognises_silence(spec: TextSpec) -> bool:
    """Whether it has a CTC output, which is trained on silence."""
    return spec.has_ctc


def with_language(raws: Iterable[Mapping[str, Array]], spec: TextSpec, run_decoder: RunDecoder | None) -> TextSpec:
    """The Spec for a recording with these windows: in the language that they agree on, unless the Spec names one.

    Takes no more of the windows than it needs.
    """
    whisper = spec.whisper
    if whisper is None or run_decoder is None or whisper.language:
        return spec
    heard = list(raws if whisper.multilingual else islice(raws, 1))
    if not heard:
        return spec
    language = detect_language(heard, whisper, run_decoder)
    return spec.replace(decoder=whisper.model_copy(update={"language": language}))


def join(texts: Sequence[Text]) -> Text:
    """Join the texts of consecutive windows, whose times are already relative to the recording.

    The confidence is the mean over words. All windows have the same language.
    """
    heard = [text for text in texts if text.words]
    if not heard:
        return Text(())
    words = tuple(word for text in heard for word in text.words)
    confidence = sum(text.confidence * len(text.words) for text in heard) / len(words)
    return Text(words, confidence, language=heard[0].language)


def to_answer(
    raw: Mapping[str, Array],
    spec: TextSpec,
    calibration: Mapping[str, float],
    geometry: Geometry | None,
    run_decoder: RunDecoder | None = None,
) -> Text:
    """raw: see `raw_shapes`."""
    return select(n_best(search(raw, spec, run_decoder), spec, calibration, run_decoder), spec, calibration, geometry)


def n_best(
    searched: Searched, spec: TextSpec, calibration: Mapping[str, float], run_decoder: RunDecoder | None = None
) -> NBest:
    """The n best texts, with the weights in `calibration`."""
    if isinstance(searched, Proposal):
        runner = searched.runner
        return NBest(searched.choose(get_weights(spec, calibration)), runner.frames, FRAME_S, runner.language)
    raw = searched
    hypotheses, language = decode_n_best(raw, spec, calibration, run_decoder)
    cells, cell_s = int(raw["cells"]), float(raw["cell_s"])
    if spec.whisper is not None:  # the tokens have frames of the decoder
        cells, cell_s = round(cells * cell_s / FRAME_S), FRAME_S
    return NBest(hypotheses, cells, cell_s, language)


def select(n_best: NBest, spec: TextSpec, calibration: Mapping[str, float], geometry: Geometry | None) -> Text:
    text = build_text(n_best, spec, calibration)
    return text if geometry is None or spec.translated else text.transform(geometry.warp.inverse())


def build_text(n_best: NBest, spec: TextSpec, calibration: Mapping[str, float]) -> Text:
    """The best text, with times in the preprocessed input; in the form of a truth if it was trained on truths.

    Its confidence is its share of the probability of all hypotheses, calibrated. The alternatives share the rest.
    """
    best, *others = _drop_equal_texts(n_best.hypotheses, spec)
    words = tuple(_build_word(word, n_best.cell_s, spec, calibration) for word in split_words(best, spec, n_best.cells))
    others.sort(key=lambda other: -other.score)
    scores = np.array([best.score, *(other.score for other in others)])
    odds = np.exp(scores - scores.max())  # translations are ranked by more than the score, so the best may have less
    share = odds[0] / odds.sum() if spec.whisper is None else _compute_typical_probability(best)
    confidence = apply_platt(float(share), calibration, "text")
    shares = (1 - confidence) * odds[1:] / max(odds[1:].sum(), odds[0])
    alternatives = zip(others[:ALTERNATIVES], shares.tolist(), strict=False)
    texts = tuple((spec.decode(other.token_ids), share) for other, share in alternatives)
    text = Text(words, confidence, texts, n_best.language)
    return text.normalise() if spec.has_ctc else text


def _compute_typical_probability(hypothesis: Hypothesis) -> float:
    """The geometric mean of the probabilities of its tokens and its end; 1 for silence."""
    return math.exp(hypothesis.score / (len(hypothesis.tokens) + 1))


def _drop_equal_texts(hypotheses: Sequence[Hypothesis], spec: TextSpec) -> list[Hypothesis]:
    """Keep the first of the hypotheses that spell the same text in different tokens."""
    texts: dict[str, Hypothesis] = {}
    for each in hypotheses:
        texts.setdefault(spec.decode(each.token_ids), each)
    return list(texts.values())


def _build_word(word: DecodedWord, cell_s: float, spec: TextSpec, calibration: Mapping[str, float]) -> Word:
    confidence = apply_platt(word.confidence, calibration, "word")
    accepted = confidence >= accepted_from(calibration)
    if spec.translated:
        return Word(word.text, confidence=confidence, accepted=accepted)
    return Word(word.text, word.start * cell_s, word.end * cell_s, confidence, accepted)


def split_words(hypothesis: Hypothesis, spec: TextSpec, cells: int) -> list[DecodedWord]:
    """A word ends MAX_TAIL_CELLS after the peak of its last letter, or before, where the next word or the end comes."""
    if spec.whisper is not None:
        return split_bytes(hypothesis, spec.whisper.tokeniser, cells)
    space = spec.token_ids[SPACE]
    words = [list(run) for is_space, run in groupby(hypothesis.tokens, lambda token: token.id == space) if not is_space]
    starts = [word[0].frame for word in words]
    limits = [*starts[1:], cells][: len(words)]
    ends = [min(word[-1].frame + MAX_TAIL_CELLS, limit) for word, limit in zip(words, limits, strict=True)]
    return [
        DecodedWord(
            text="".join(spec.tokens[token.id] for token in word),
            start=start,
            end=max(end, start + 1),
            confidence=math.prod(token.probability for token in word) ** (1 / len(word)),
        )
        for word, start, end in zip(words, starts, ends, strict=True)
    ]
