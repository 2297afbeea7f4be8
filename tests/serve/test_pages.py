"""The pages of served models: answers, "I don't know", names as text, and nothing that the content policy refuses."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from reading_html import Element, find_inline, get, read_html
from seehear.serve.pages import rendering, static_files
from seehear.serve.pages.hundred import SQUARES, Hundred, allot
from seehear.serve.pages.previews import Preview, Previews
from serving import client, picture_file, registry, sound_file

ROOT = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=alert(1)>"
PAGES = ("/", "/help/keys", "/licences", "/settings", "/models/bright", "/models/bright/try")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    models = registry(**{"bright": ("image",), "loud": ("audio",), HOSTILE: ("image",)})
    with client(models, projects=tmp_path_factory.mktemp("projects")) as opened:
        yield opened


def ask(served: TestClient, content: bytes, name: str, model: str = "bright") -> Element:
    answered = served.post(f"/models/{model}/try", files={"file": (name, content)})
    assert answered.status_code == 200
    return read_html(answered.text)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_a_title_one_heading_and_nothing_inline(served: TestClient, address: str) -> None:
    answered = served.get(address)
    page = read_html(answered.text)
    assert page.all("title")[0].text
    assert len(page.all("h1")) == 1
    assert not find_inline(page)
    policy = answered.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("address", PAGES)
def test_every_link_leads_somewhere_on_this_server(served: TestClient, address: str) -> None:
    page = get(served, address)
    links = {each.attributes[name] for name in ("href", "src") for each in page.all() if name in each.attributes}
    assert links
    for link in links:
        assert link.startswith(("/", "#")), link
        if link.startswith("/"):
            assert served.get(link).status_code == 200, link


def test_an_answer_is_shown_with_its_confidence_and_the_others(served: TestClient) -> None:
    (answer,) = ask(served, picture_file(0.9), "a.png").all("article")
    assert "It says bright" in answer.text
    assert "of 100 sure" in answer.text and "accepted from 80" in answer.text
    assert [each.text for each in answer.all("th")] == ["bright", "dark"]
    (picture,) = answer.all("img")
    assert served.get(picture.attributes["src"]).headers["content-type"] == "image/jpeg"


def test_i_dont_know_comes_with_its_reason_and_before_any_guess(served: TestClient) -> None:
    (answer,) = ask(served, picture_file(0.5), "a.png").all("article")
    assert answer.text.index("I don’t know") < answer.text.index("If it had to guess")
    assert "For at most 5 % wrong, it must be 80 % sure." in answer.text
    assert "dark" not in answer.text[: answer.text.index("If it had to guess")]


def test_a_sound_can_be_heard_and_seen(served: TestClient) -> None:
    (answer,) = ask(served, sound_file(), "a.wav", "loud").all("article")
    sources = [each.attributes["src"] for each in (*answer.all("img"), *answer.all("audio"))]
    types = [served.get(source).headers["content-type"] for source in sources]
    assert types == ["image/jpeg", "audio/wav"]


def test_a_file_that_cannot_be_read_says_why(served: TestClient) -> None:
    (answer,) = ask(served, b"no picture", "a.png").all("article")
    assert "This file could not be read." in answer.text
    assert "a.png: not a picture" in answer.text


def test_a_script_gets_the_answer_alone(served: TestClient) -> None:
    files = {"file": ("a.png", picture_file())}
    answered = served.post("/models/bright/try", files=files, headers={"HX-Request": "true"})
    assert answered.text.lstrip().startswith("<article")


@pytest.mark.parametrize("name", (HOSTILE, "ש" * 200, "🙂" * 255, "a" * 255, "</title>"))
def test_names_are_text(served: TestClient, name: str) -> None:
    page = ask(served, picture_file(), name)
    assert all("onerror" not in each.attributes for each in page.all())
    shown = page.all("figcaption")[0].all("bdi")[0]
    assert shown.attributes.get("title", shown.text) == name


def test_names_of_models_are_text(served: TestClient) -> None:
    page = get(served, "/")
    assert HOSTILE in page.text
    assert all("onerror" not in each.attributes for each in page.all())
    get(served, rendering.model_address(HOSTILE) + "/try")


def test_what_goes_wrong_is_a_page_in_words(served: TestClient) -> None:
    missing = get(served, "/models/none/try", 404)
    assert "no model is called 'none'" in missing.text
    empty = served.post("/models/bright/try", data={}, headers={"HX-Request": "true"})
    assert empty.status_code == 400
    assert read_html(empty.text).all("div", role="alert")


def test_previews_are_forgotten() -> None:
    kept = Previews(most_bytes=10)
    first, second = (kept.keep(Preview(b"12345678", "image/jpeg")) for _ in range(2))
    assert kept.find(first) is None
    assert kept.find(second) is not None


def test_the_theme_is_kept_in_a_cookie(served: TestClient) -> None:
    answered = served.post("/settings/looks", data={"theme": "dark", "keys": "off"}, follow_redirects=False)
    assert answered.status_code == 303
    page = get(served, "/")
    assert page.all("html")[0].attributes["data-theme"] == "dark"
    assert page.all("body")[0].attributes["data-single-keys"] == "off"
    assert served.post("/settings/looks", data={"theme": '"><script>', "keys": "on"}).status_code == 400
    served.cookies.clear()


def test_static_files_may_be_kept_for_ever(served: TestClient) -> None:
    address = static_files.read_static_files().address("page.css")
    answered = served.get(address)
    assert "immutable" in answered.headers["cache-control"]
    assert answered.headers["content-type"].startswith("text/css")
    assert served.get("/static/000000000000/page.css").status_code == 404
    assert served.get(address.replace("page.css", "../__init__.py")).status_code == 404


@pytest.mark.parametrize("folder", ("src/seehear/serve/pages/static/vendor", "tests/support/vendor"))
def test_what_others_made_is_unchanged_and_has_its_licence(folder: str) -> None:
    place = ROOT / folder
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    expected = {name: sha256 for package in manifest for name, sha256 in package["files"].items()}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.iterdir()}
    assert {name: sha256 for name, sha256 in found.items() if name != "manifest.json"} == expected
    assert all(any("LICENSE" in name for name in package["files"]) for package in manifest)


def test_the_hundred_adds_up_and_hides_nothing() -> None:
    assert Hundred.of(0.9, 0.02) == Hundred(88, 2, 10)
    assert Hundred.of(0.0, 0.0) == Hundred(0, 0, 100)
    assert Hundred.of(1.0, 0.001).wrong == 1
    for shares in ((1 / 3, 1 / 3, 1 / 3), (0.999, 0.0005, 0.0005), (0.001, 0.998, 0.001)):
        numbers = allot(shares)
        assert sum(numbers) == SQUARES
        assert all(number >= 1 for number in numbers)


@pytest.mark.parametrize(("share", "shown"), ((0.969, "96"), (1.0, "over 99"), (0.004, "under 1"), (0.0, "0")))
def test_confidence_is_rounded_down(share: float, shown: str) -> None:
    assert rendering.of_100(share) == shown


def test_long_names_are_cut_in_the_middle() -> None:
    assert rendering.shorten("abcdefghij", 7) == "abcd…ij"
    assert rendering.shorten("abc", 7) == "abc"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: from the relative luminances of two colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read() -> None:
    css = static_files.read_static_files().files["tokens.css"].decode()
    blocks = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in re.findall(r"\{([^{}]*)\}", css)]
    light, dark, chosen = (block for block in blocks if block)
    assert dark == chosen
    for theme in (light, dark):
        for text, ground in (
            *((ink, ground) for ink in ("ink", "ink2", "ink3") for ground in ("paper", "sheet", "sunk", "soft")),
            *(("accent", ground) for ground in ("paper", "sheet", "soft")),
            *(("bad", "paper"), ("bad", "bads"), ("warn", "paper"), ("warn", "warns"), ("on", "accent")),
        ):
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        assert contrast(theme["edge"], theme["paper"]) >= 3
