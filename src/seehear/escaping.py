"""Escapes untrusted text, so that output holds no terminal commands, spreadsheet formulas or markup."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TextIO

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
# Scores as text: -3.2 °C (-4 to -2). A unit holds no character that a formula needs.
_SCORE = re.compile(rf"{_NUMBER}(?: [\w°%/.²³]+)?(?: \({_NUMBER} to {_NUMBER}\))?")
# At the start, and after a semicolon, which separates cells in some countries.
_FORMULA = re.compile(r"(^|;)(\s*)(?=[=+\-@＝＋－＠\t\r\n|])")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")  # of Markdown


def escape_unprintable(text: str) -> str:
    """One line for a terminal, with control characters and other invisible characters as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def to_json_line(value: Any) -> str:
    """JSON in one printable line."""
    return escape_json(json.dumps(value, ensure_ascii=False))


def escape_json(source: str) -> str:
    r"""JSON of the same value, with unprintable characters except line ends as escapes such as \u001b."""
    return source if source.isprintable() else "".join(_escaped(c, _utf16) for c in source)


def escape_toml(source: str) -> str:
    """As `escape_json`, for TOML, which has no surrogate pairs."""
    return "".join(_escaped(c, lambda letter: f"\\U{ord(letter):08x}") for c in source)


def escape_markdown(text: str) -> str:
    """One line of Markdown that shows this text, with unprintable characters as escapes."""
    return _MARKUP.sub(r"\\\1", escape_unprintable(text))


class CsvWriter:
    """Writes rows of csv; numbers are unchanged.

    Text that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, "CSV Injection"), and
    unprintable characters are written as escapes.
    """

    def __init__(self, file: TextIO, lineterminator: str = "\r\n") -> None:
        self._rows = csv.writer(file, lineterminator=lineterminator)

    def row(self, cells: Iterable[Any]) -> None:
        self._rows.writerow([_neutralise(cell) if isinstance(cell, str) else cell for cell in cells])

    def rows(self, rows: Iterable[Iterable[Any]]) -> None:
        for cells in rows:
            self.row(cells)


def _neutralise(cell: str) -> str:
    return escape_unprintable(cell if _SCORE.fullmatch(cell) else _FORMULA.sub(r"\1\2'", cell))


def _escaped(character: str, escape: Callable[[str], str]) -> str:
    return character if character.isprintable() or character == "\n" else escape(character)


def _utf16(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
