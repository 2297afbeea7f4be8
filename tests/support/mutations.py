"""Damage valid files and data sets at random: the same seed gives the same damage on every machine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from malformed_corpus import cut, flipped, sized, spliced

# What ordinary programs sometimes write, and what trips up a reader that trusts its input.
WORDS = (
    *("", " ", "0", "-1", "1e400", "-0", "nan", "inf", "Infinity", "null", "true", "[]", "{}", "[[]]", '""', "1_000"),
    *(
        "①",
        "1²",
        "٣",
        "½",
        "Ⅷ",
        "１",
        "ﬁ",
        "İ",
        "ß",
        "é",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\x00",
        "\x1b[2J",
        "\x85",
        "\xa0",
    ),
    *("9" * 400, "1" * 5000, "0." + "3" * 400, "1e-400", str(2**31), str(2**63), str(2**64), "0x10", "1,5", "1.5.2"),
    *(
        "x" * 300,
        "ü" * 200,
        "a/" * 200,
        "../" * 8 + "etc/passwd",
        "/etc/passwd",
        "C:\\a.png",
        "\\\\host\\a",
        ".",
        "..",
        "~",
    ),
    *(
        "a\udcff",
        "\\ud800",
        "\\u0000",
        "%00",
        "&#0;",
        "&lt;",
        "<!--",
        "]]>",
        "'",
        '"',
        '""""',
        "\t",
        "\n",
        "\r",
        ",",
        ";",
    ),
    *("=1+1", "a:b", "a|b", "-", "--", "#", "%", "{", "[", "(", "*", "*a", "&a", "!!int x", "? ", "---", "..."),
)
_TOKEN = re.compile(rb"[0-9]+|[A-Za-z_]+|[^0-9A-Za-z_]")


def _word(chance: random.Random) -> bytes:
    return chance.choice(WORDS).encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")


def worded(data: bytes, chance: random.Random) -> bytes:
    """Replace some numbers, words or symbols by others."""
    tokens = list(_TOKEN.finditer(data))
    if not tokens:
        return _word(chance)
    for token in sorted(chance.sample(tokens, min(len(tokens), chance.randint(1, 3))), key=lambda t: -t.start()):
        data = data[: token.start()] + _word(chance) + data[token.end() :]
    return data


def relined(data: bytes, chance: random.Random) -> bytes:
    """Remove, repeat, move or truncate a line."""
    lines = data.splitlines(keepends=True) or [b""]
    line = lines.pop(chance.randrange(len(lines)))
    put = chance.choice([[], [line, line], [line[: chance.randrange(len(line) + 1)]], [line] * 200])
    at = chance.randrange(len(lines) + 1)
    return b"".join([*lines[:at], *put, *lines[at:]])


def encoded_otherwise(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(chance.choice(["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "latin-1"]), "replace")


BINARY: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, spliced, cut, flipped, worded)
TEXT = (worded, worded, worded, relined, flipped, spliced, cut, encoded_otherwise)


def spoilt(data: bytes, chance: random.Random, *, text: bool) -> bytes:
    """Damage the bytes of a file, sometimes twice."""
    for _ in range(chance.choice([1, 1, 1, 2])):
        ways = TEXT if text else (*BINARY, sized) if len(data) > 16 else BINARY
        data = chance.choice(ways)(data, chance) if data else _word(chance)
    return data


def renamed(name: str, chance: random.Random) -> str:
    """An unusual file name, never outside its folder."""
    folder, _, file = name.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    word = chance.choice(WORDS).replace("/", "").replace("\0", "")[:80].strip(".") or "x"
    fresh = chance.choice([f"{word}{dot}{ending}", f"{stem}{word}{dot}{ending}", f"{stem}{dot}{word}", f"{file}x"])
    return f"{folder}/{fresh}" if folder else fresh


def spoilt_set(files: Mapping[str, bytes], chance: random.Random, texts: tuple[str, ...]) -> dict[str, bytes]:
    """A data set with one file damaged or renamed."""
    spoilt_files = dict(files)
    readable = [name for name in files if name.endswith(texts)]
    name = chance.choice(readable if readable and chance.random() < 0.9 else list(files))
    content = spoilt_files.pop(name)
    if chance.random() < 0.9:
        spoilt_files[name] = spoilt(content, chance, text=name.endswith(texts))
    else:
        spoilt_files[renamed(name, chance)] = content
    return spoilt_files
