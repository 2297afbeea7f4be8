"""Text normalisation: which differences in writing do not count as differences in what was said."""

from __future__ import annotations

import unicodedata

_TONE_LETTERS = frozenset(map(chr, (*range(0x2E5, 0x2EA), *range(0xA700, 0xA717))))  # Unicode calls them symbols
_WITHIN_WORDS = {"'": "'", "’": "'", "ʼ": "'", "-": "-", "‐": "-", "‑": "-"}  # don't, montre-moi


def normalise(text: str) -> str:
    """Lower case, NFC, single spaces, no punctuation or symbols except - and ' within words.

    Digits stay, as do letters of every script with their accents and tones. Invisible format characters, such as soft
    hyphens, disappear without splitting the word.
    """
    composed = unicodedata.normalize("NFC", text).lower()
    replaced = "".join(map(_replace, composed))
    words = (word.strip("'-") for word in replaced.split())
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def _replace(letter: str) -> str:
    """Keeps letters, marks and numbers (Unicode categories L, M and N) and removes format characters (Cf)."""
    category = unicodedata.category(letter)
    if category[0] in "LMN" or letter in _TONE_LETTERS:
        return _WITHIN_WORDS.get(letter, letter)
    return _WITHIN_WORDS.get(letter, "" if category == "Cf" else " ")
