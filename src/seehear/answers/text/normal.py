"""What of a text counts: the one place that says which differences of writing are none of speech."""

from __future__ import annotations

import unicodedata

_WITHIN_WORDS = {"'": "'", "’": "'", "ʼ": "'", "-": "-", "‐": "-", "‑": "-"}  # don't, montre-moi


def normal(text: str) -> str:
    """Lower case, one form of each letter (NFC), no punctuation or symbols but - and ' within words, single spaces.

    Digits and letters with their accents and tones stay, in every script.
    """
    composed = unicodedata.normalize("NFC", text).lower()
    kept = "".join(_WITHIN_WORDS.get(letter, letter if _spoken(letter) else " ") for letter in composed)
    words = (word.strip("'-") for word in kept.split())
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def _spoken(letter: str) -> bool:
    """Letters, marks and numbers: what Unicode's general categories call L, M and N."""
    return unicodedata.category(letter)[0] in "LMN"
