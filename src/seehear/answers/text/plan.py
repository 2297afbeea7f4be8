"""From a column of texts to what may be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from seehear.answers.text.ngrams import NGrams
from seehear.answers.text.normal import normal
from seehear.answers.text.pieces import learned
from seehear.answers.text.spec import SPACE, TextSpec
from seehear.errors import DataError

RARELY = 3  # times a letter must occur to be learned
MANY_TEXTS = 200  # from which a decoder may learn enough to judge transcripts too
MANY_WORDS = 5_000  # in all, from which a translation is written in parts of words
TRANSLATIONS = ("translation", "translated_text", "translated", "target_text", "tgt_text")
# Headings of what was said itself, beside which another column of text is a translation. "transcript" and "sentence"
# are none: there may be a text and its transcript in other letters, and taking that for a translation loses its times.
SPOKEN = ("source_text", "src_text", "source_transcript", "source_sentence", "original_text")


def plan(cells: Iterable[str], column: str, beside: Sequence[str] = ()) -> TextSpec:
    """The letters of a column of texts, and how they follow each other. Raises DataError where there are none."""
    texts = [normal(cell) for cell in cells]
    spoken = [text for text in texts if text]
    letters = Counter("".join(spoken))
    often = sorted(letter for letter, times in letters.items() if times >= min(RARELY, len(spoken)))
    tokens = tuple(dict.fromkeys([SPACE, *often]))
    if len(tokens) < 2:
        raise DataError("holds no words", where=f"column '{column}'", hint="write what is said in each recording")
    words = Counter(word for text in spoken for word in text.split())
    translated = is_translation(column, beside)
    if translated and words.total() >= MANY_WORDS:
        tokens += learned(words, tokens)
    decoder = translated or len(spoken) >= MANY_TEXTS
    spec = TextSpec(tokens=tokens, texts=len(texts), words=len(words), translated=translated, decoder=decoder)
    return spec.changed(language=NGrams.of(map(spec.encode, spoken), len(tokens)).to_text())


def is_translation(column: str, beside: Sequence[str]) -> bool:
    """By its heading, or because what was said stands in a column beside it."""
    heading, others = _word(column), set(map(_word, beside))
    return heading in TRANSLATIONS or (heading not in SPOKEN and bool(others & set(SPOKEN)))


def _word(heading: str) -> str:
    return heading.strip().lower().replace(" ", "_").replace("-", "_")
