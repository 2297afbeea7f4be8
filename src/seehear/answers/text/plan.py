"""Plans the Spec for a column of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from seehear.answers.text.normalisation import normalise
from seehear.answers.text.spec import MAX_TOKENS, SPACE, AttentionSpec, TextSpec
from seehear.decoding.bpe import MAX_SUBWORDS, learn_bpe
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import DataError

MIN_LETTER_COUNT = 3
MAX_LETTERS = MAX_TOKENS - MAX_SUBWORDS - 1  # leaves room for subwords and the space
MIN_TEXTS_FOR_DECODER = 200  # fewer transcripts do not teach a decoder enough to rescore them
MIN_WORDS_FOR_SUBWORDS = 5_000
MIN_AUXILIARY_SHARE = 0.1  # of the translations must have the words spoken beside them, for CTC to learn those
TRANSLATION_COLUMNS = ("translation", "translated_text", "translated", "target_text", "tgt_text")


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> TextSpec:
    """The tokens and the n-grams of a column of texts. Raises DataError if it holds no words.

    `auxiliary` are the words spoken, if the column is a translation of them.
    """
    texts = [normalise(cell) for cell in cells]
    non_empty = [text for text in texts if text]
    tokens = _select_letters(non_empty)
    if len(tokens) < 2:
        raise DataError("holds no words", where=f"column '{column}'", hint="write what is said in each recording")
    words = Counter(word for text in non_empty for word in text.split())
    translated = auxiliary is not None or _normalise_heading(column) in TRANSLATION_COLUMNS
    if translated and words.total() >= MIN_WORDS_FOR_SUBWORDS:
        tokens += learn_bpe(words, tokens)
    spec = TextSpec(
        tokens=tokens,
        texts=len(texts),
        words=len(words),
        translated=translated,
        auxiliary_tokens=_plan_auxiliary(auxiliary or (), len(texts)),
        decoder=AttentionSpec() if translated or len(non_empty) >= MIN_TEXTS_FOR_DECODER else None,
    )
    return spec.replace(ngrams=NGramCounts.count_sentences(spec.encode_texts(non_empty), len(tokens)).pack())


def _plan_auxiliary(cells: Sequence[str], texts: int) -> tuple[str, ...]:
    """The letters of the words spoken; () if too few examples have them, or they have no letters."""
    non_empty = [text for cell in cells if (text := normalise(cell))]
    letters = _select_letters(non_empty)
    return letters if len(non_empty) >= MIN_AUXILIARY_SHARE * texts and len(letters) > 1 else ()


def _select_letters(texts: Sequence[str]) -> tuple[str, ...]:
    """A space, then the frequent letters, sorted; only the most frequent if there are too many."""
    letters = Counter("".join(texts))
    letters.pop(SPACE, None)
    min_count = min(MIN_LETTER_COUNT, len(texts))
    frequent = [letter for letter, count in letters.most_common(MAX_LETTERS) if count >= min_count]
    return (SPACE, *sorted(frequent))


def _normalise_heading(heading: str) -> str:
    return heading.strip().lower().replace(" ", "_").replace("-", "_")
