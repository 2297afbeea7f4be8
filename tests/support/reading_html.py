"""Reads pages in tests: their text, links and forms, and what the content policy would refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from starlette.testclient import TestClient

_VOID = {"meta", "link", "img", "input", "br", "hr", "rect", "path", "circle"}


@dataclass
class Element:
    """`inside` holds elements and texts in their order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Every element below this one with the tag and these attributes, in the order of the page."""
        found: list[Element] = []
        for each in self.inside:
            if isinstance(each, Element):
                if tag in ("", each.tag) and attributes.items() <= each.attributes.items():
                    found.append(each)
                found += each.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(each.text if isinstance(each, Element) else each for each in self.inside).split())


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":  # a place where a line may break, which divides no text
            return
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in [each.tag for each in self.open]:
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = self.open[-1].inside
        if inside and isinstance(inside[-1], str):
            data = f"{inside.pop()}{data}"
        inside.append(data)


def read_html(text: str) -> Element:
    parser = _Parser()
    parser.feed(text)
    return parser.open[0]


def find_inline(page: Element) -> list[str]:
    """What the content policy refuses: style and event attributes, and scripts and styles without an address."""
    found = []
    for element in page.all():
        if element.tag in ("style", "script") and not element.attributes.get("src"):
            found.append(f"<{element.tag}>")
        found += [
            f"<{element.tag} {name}>"
            for name in element.attributes
            if name == "style" or name.startswith(("on", "hx-on"))
        ]
    return found


def get(served: TestClient, address: str, status: int = 200) -> Element:
    """A page, after checking its status and that the content policy refuses nothing of it."""
    answered = served.get(address)
    assert answered.status_code == status, answered.text
    page = read_html(answered.text)
    assert not find_inline(page)
    return page


def post(served: TestClient, address: str, **fields: str | list[str]) -> Element:
    """The page that is shown after a form was sent."""
    answered = served.post(address, data=fields)
    assert answered.status_code == 200, answered.text
    return read_html(answered.text)
