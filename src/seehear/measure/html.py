"""Tables and sections of a page, in which every text is escaped but what is said to be markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Markup, put into the page as it is."""


def section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "\n".join(_row(cells, "td") for cells in rows)
    return f"<div class=wide><table><thead>{_row(head, 'th')}</thead><tbody>\n{body}\n</tbody></table></div>"


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{c if isinstance(c, Html) else escape(c)}</{tag}>" for c in cells) + "</tr>"
