"""From a column of texts to what may be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from seehear.answers.text.normalisation import normalise
from seehear.answers.text.spec import MAX_TOKENS, SPACE, TextSpec
from seehear.decoding.bpe import MAX_SUBWORDS, learn_bpe
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import DataError

RARELY = 3  # times a letter must occur to be learned
MOST_LETTERS = MAX_TOKENS - MAX_SUBWORDS - 1  # beside parts of words and the space
MANY_TEXTS = 200  # from which a decoder may learn enough to judge transcripts too
MANY_WORDS = 5_000  # in all, from which a translation is written in parts of words
SAID_OF = 0.1  # share of translations beside which stands what was said, from which that is learned
TRANSLATIONS = ("translation", "translated_text", "translated", "target_text", "tgt_text")


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> TextSpec:
    """The letters of a column of texts, and how they follow each other. Raises DataError where there are none.

    `auxiliary` is what was said itself: the column is a translation of that.
    """
    texts = [normalise(cell) for cell in cells]
    written = [text for text in texts if text]
    tokens = _letters(written)
    if len(tokens) < 2:
        raise DataError("holds no words", where=f"column '{column}'", hint="write what is said in each recording")
    words = Counter(word for text in written for word in text.split())
    translated = auxiliary is not None or _word(column) in TRANSLATIONS
    if translated and words.total() >= MANY_WORDS:
        tokens += learn_bpe(words, tokens)
    spec = TextSpec(
        tokens=tokens,
        texts=len(texts),
        words=len(words),
        translated=translated,
        auxiliary_tokens=_spoken(auxiliary or (), len(texts)),
        decoder=translated or len(written) >= MANY_TEXTS,
    )
    return spec.replace(ngrams=NGramCounts.count_sentences(spec.encode_texts(written), len(tokens)).pack())


def _spoken(auxiliary: Sequence[str], texts: int) -> tuple[str, ...]:
    """The letters of what was said; () where that is written too seldom, or without letters."""
    said = [text for cell in auxiliary if (text := normalise(cell))]
    letters = _letters(said)
    return letters if len(said) >= SAID_OF * texts and len(letters) > 1 else ()


def _letters(texts: Sequence[str]) -> tuple[str, ...]:
    """A space, then those that occur often, in their order; the commonest where there are too many of them."""
    letters = Counter("".join(texts))
    letters.pop(SPACE, None)
    often = [letter for letter, times in letters.most_common(MOST_LETTERS) if times >= min(RARELY, len(texts))]
    return (SPACE, *sorted(often))


def _word(heading: str) -> str:
    return heading.strip().lower().replace(" ", "_").replace("-", "_")
