"""Renders templates: what every page needs, and how numbers and names are written."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import jinja2
from jinja2.utils import url_quote
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

import seehear
from seehear.amounts import conjugate, format_count, pluralise
from seehear.answers.regions import Region
from seehear.projects.examples import Example
from seehear.projects.kept_answers import KeptAnswer
from seehear.senses import SENSES
from seehear.serve.open_projects import Learning, OpenProjects
from seehear.serve.pages.static_files import read_static_files
from seehear.serve.pages.times import format_clock
from seehear.serve.settings import ServeSettings, is_loopback

THEME_COOKIE, KEYS_COOKIE = "seehear-theme", "seehear-keys"
THEMES = ("light", "dark")


class Frame(NamedTuple):
    """What the frame of every page needs.

    theme             light or dark; "" for that of the system
    single_keys       whether letters and numbers work without Ctrl
    others_may_ask    whether the server can be reached from other machines
    learning          the projects with trainings that are not finished
    """

    theme: str
    single_keys: bool
    others_may_ask: bool
    learning: Sequence[Learning]
    version: str = seehear.__version__


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a fragment of one, from a template in `templates/`."""
    page = environment().get_template(template)
    return HTMLResponse(page.render(frame=_frame(request), **values), status)


def render_fragment(template: str, **values: Any) -> str:
    """HTML without the frame of a page."""
    return environment().get_template(template).render(**values)


def wants_fragment(request: Request) -> bool:
    """Whether a script asks, which replaces only a part of the page that is open."""
    return "hx-request" in request.headers


def wants_json(request: Request) -> bool:
    """Whether a script asks, which goes on by itself."""
    return "application/json" in request.headers.get("accept", "")


@cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shorten": shorten,
        "breakable": breakable,
        "of_100": of_100,
        "of_100_up": of_100_up,
        "counted": format_count,
        "for_count": conjugate,  # {{ "is"|for_count(2) }} -> are
    }
    made.filters |= {
        "sentence": to_sentence,
        "article": with_article,
        "moment": to_moment,
        "clock": format_clock,
        "thumbnail_version": thumbnail_version,
        "plural": pluralise,
        "file_nouns": to_file_nouns,
        "outline_path": to_outline_path,
        "bounds": to_bounds,
        "plain_number": to_plain_number,
    }
    made.globals |= {"static": read_static_files().address, "model_address": model_address}
    return made


def shorten(text: str, most: int) -> str:
    """Cut out the middle of a long name: the end often says more than the middle."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def breakable(text: str) -> Markup:
    """Text in which a line may also break after what separates words in the names of files and classes."""
    return Markup("<wbr>").join(re.findall(r"[^_.,/-]*[_.,/-]+|[^_.,/-]+", text))


def to_sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def thumbnail_version(example: Example | KeptAnswer) -> str:
    """For the address of a picture of an example: never the same for two different pictures."""
    return next(iter(example.inputs.values())).sha256[:16]


def to_moment(at: datetime) -> str:
    """14 November 2026 09:12, in the time zone of this machine."""
    local = at.astimezone()
    return f"{local.day} {local:%B %Y %H:%M}"


def to_outline_path(region: Region | None) -> str:
    """The path of a region for SVG; "" for none."""
    if region is None:
        return ""
    x, y = region.corners[::2], region.corners[1::2]
    if len(x) == 2:  # of a box
        x, y = (x[0], x[1], x[1], x[0]), (y[0], y[0], y[1], y[1])
    return "M" + "L".join(f"{across:.2f} {down:.2f}" for across, down in zip(x, y, strict=True)) + "Z"


def to_bounds(region: Region) -> str:
    """The box around a region, as an address has it: left,top,right,bottom."""
    x, y = region.corners[::2], region.corners[1::2]
    return ",".join(map(to_plain_number, (min(x), min(y), max(x), max(y))))


def to_plain_number(value: float) -> str:
    """3 rather than 3.0, as people type it; with at most three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def to_file_nouns(senses: Sequence[str]) -> str:
    """What examples of these senses usually are: "Pictures", "Pictures or recordings". Without senses, of all."""
    nouns = [pluralise(SENSES[sense].media[0]) for sense in senses or SENSES]
    return " or ".join([", ".join(nouns[:-1]), nouns[-1]] if len(nouns) > 1 else nouns).capitalize()


def with_article(noun: str) -> str:
    """a picture, an image."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def to_path_segment(name: str) -> str:
    """A name as one part of an address: a slash in it does not divide."""
    return url_quote(name).replace("/", "%2F")


def model_address(name: str) -> str:
    """Where the pages of a served model are."""
    return f"/models/{to_path_segment(name)}"


def of_100(share: float) -> str:
    """A confidence that was reached, rounded down: 96; "under 1" and "over 99" rather than 0 and 100."""
    number = math.floor(100 * share + 1e-9)
    if number >= 100:
        return "over 99"
    return str(number) if number or not share else "under 1"


def of_100_up(share: float) -> str:
    """A confidence that is required, rounded up."""
    return str(math.ceil(100 * share - 1e-9))


def _find_learning(projects: OpenProjects) -> Sequence[Learning]:
    """What is learning; in the event loop, which must not wait for a database, as it was when a thread looked last."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return projects.learning()
    return projects.learned_last()


def _frame(request: Request) -> Frame:
    settings: ServeSettings = request.app.state.settings
    theme = request.cookies.get(THEME_COOKIE, "")
    return Frame(
        theme=theme if theme in THEMES else "",
        single_keys=request.cookies.get(KEYS_COOKIE) != "off",
        others_may_ask=not is_loopback(settings.host),
        learning=_find_learning(request.app.state.projects),
    )
