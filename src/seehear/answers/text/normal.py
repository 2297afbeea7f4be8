"""What of a text counts: the one place that says which differences of writing are none of speech."""

from __future__ import annotations

import unicodedata

_TONES = frozenset(map(chr, (*range(0x2E5, 0x2EA), *range(0xA700, 0xA717))))  # letters for tones, symbols to Unicode
_WITHIN_WORDS = {"'": "'", "’": "'", "ʼ": "'", "-": "-", "‐": "-", "‑": "-"}  # don't, montre-moi


def normal(text: str) -> str:
    """Lower case, one form of each letter (NFC), no punctuation or symbols but - and ' within words, single spaces.

    Digits and letters with their accents and tones stay, in every script; what only tells how to set them, such as a
    soft hyphen, parts no word.
    """
    composed = unicodedata.normalize("NFC", text).lower()
    kept = "".join(map(_kept, composed))
    words = (word.strip("'-") for word in kept.split())
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def _kept(letter: str) -> str:
    """Letters, marks and numbers: what Unicode's general categories call L, M and N. Cf tells how to set them."""
    category = unicodedata.category(letter)
    if category[0] in "LMN" or letter in _TONES:
        return _WITHIN_WORDS.get(letter, letter)
    return _WITHIN_WORDS.get(letter, "" if category == "Cf" else " ")
