"""The report: one page that needs nothing else, and its pictures as files beside it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from PIL import Image

from seehear.amounts import plural
from seehear.answers import AnswerKind
from seehear.answers.figure import SCREEN
from seehear.files import write_whole
from seehear.measure.evaluate import Evaluation
from seehear.measure.fairness import fairness
from seehear.measure.html import section, table
from seehear.measure.pictures import Mistake, contact_sheet, labelled, reliability, risk_coverage
from seehear.measure.robustness import robustness_section
from seehear.measure.scored_answers import SHARES

MOST_LISTED = 500  # rows of a list on the page; all are in the JSON
RELIABILITY = (
    "Each dot is a tenth of the examples, from the least sure to the surest. On the line “90 % sure” is right "
    "9 times in 10; below it the recogniser is too sure of itself."
)
RISK = "Answering only what it is surest of, it makes fewer mistakes. At the red line it stops: “I don't know”."


class Picture(NamedTuple):
    file: bytes
    width: int  # pixels of the page


def write_report(
    folder: str | Path,
    evaluation: Evaluation,
    kind: AnswerKind,
    spec: Any,
    worst: Sequence[Mistake],
    corruptions: Mapping[str, Image.Image] | None = None,
) -> Path:
    """Write index.html and its pictures; the page holds copies of them, so that it can be sent alone. -> the page.

    `worst` is shown in its own order; `Evaluation.worst` finds the rows, the most confident mistakes first.
    `corruptions` has pictures of one example under the corruptions of `Evaluation.robustness`, by name.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scored = evaluation.scored
    pictures = {
        "answers.png": kind.draw(scored.compared, spec),
        "reliability.png": reliability(scored.confidence, scored.right),
        "risk-coverage.png": risk_coverage(scored.items, coverage=evaluation.metrics["coverage"]),
    }
    if worst:
        pictures["mistakes.jpg"] = contact_sheet(worst)
    if corruptions:
        pictures["corruptions.jpg"] = labelled(corruptions)
    files = {name: _encoded(picture, name) for name, picture in pictures.items()}
    for name, picture in files.items():
        write_whole(folder / name, picture.file)
    page = folder / "index.html"
    write_whole(page, _page(evaluation, spec, worst, files).encode("utf-8", "replace"))
    return page


def _page(evaluation: Evaluation, spec: Any, worst: Sequence[Mistake], files: Mapping[str, Picture]) -> str:
    taught = f"<p>What it was taught: {escape(str(spec))}</p>"
    sections = [
        section("The answers", taught + _image(files, "answers.png", "answers beside truths")),
        section("Every figure", _figures(evaluation)),
        section(
            "Whether to believe it",
            "<div class=pair>"
            + _image(files, "reliability.png", "how often it was right, by how sure it was", RELIABILITY)
            + _image(files, "risk-coverage.png", "how wrong its surest answers were", RISK)
            + "</div>",
        ),
    ]
    if evaluation.groups:
        sections.insert(
            0, section("Whether it is as good for all", fairness(evaluation.groups, evaluation.metrics["wrong"]))
        )
    if evaluation.robustness:
        shown = _image(files, "corruptions.jpg", "one example, made worse") if "corruptions.jpg" in files else ""
        sections.append(section("What it withstands", robustness_section(evaluation.robustness, shown)))
    if evaluation.distribution_shift:
        unlike = "".join(f"<p>{escape(sentence)}.</p>" for sentence in evaluation.distribution_shift)
        sections.insert(0, section("Unlike what was learned from", unlike))
    if worst:
        sections.append(section("The worst mistakes", _mistakes(worst, files)))
    if evaluation.skipped:
        sections.append(section(f"Left out: {len(evaluation.skipped):,}", _skipped(evaluation)))
    page = Template(resources.files(__package__).joinpath("report.html").read_text("utf-8"))
    return page.substitute(n=f"{evaluation.n:,}", shares=_shares(evaluation), sections="\n".join(sections))


def _shares(evaluation: Evaluation) -> str:
    """The figures that come first, in people's units; where it answers none itself, nothing of those."""
    accepted = f"{plural(evaluation.item)} are accepted" if evaluation.item else "it answers itself"
    words = zip(SHARES, ("are wrong", accepted, "of those are wrong"), strict=True)
    known = [(share, said) for share, said in words if not math.isnan(evaluation.metrics[share])]
    cards = [(evaluation.per_100(s), f"of 100 {said}", evaluation.per_100_interval(s)) for s, said in known]
    return "\n".join(f"<div><b>{n}</b><br>{said}<br><small>{reach}</small></div>" for n, said, reach in cards)


def _figures(evaluation: Evaluation) -> str:
    note = f"95 % intervals, from {evaluation.resamples:,} resamples of {evaluation.resampled}; Wilson's for shares."
    return table(("", "", "95 % interval"), evaluation.told()) + f"<p><small>{note}</small></p>"


def _mistakes(worst: Sequence[Mistake], files: Mapping[str, Picture]) -> str:
    rows = ((m.key, str(m.answer), f"{m.answer.confidence:.0%}", str(m.truth)) for m in worst)
    image = _image(files, "mistakes.jpg", "pictures of the mistakes, named in the table below")
    beside = " Left what it said, right the truth." if len(worst[0].pictures) > 1 else ""
    return f"<p>The surest first.{beside}</p>" + image + table(("example", "answer", "sure", "truth"), rows)


def _skipped(evaluation: Evaluation) -> str:
    rows = [(p.where, p.what, p.hint) for p in evaluation.skipped[:MOST_LISTED]]
    more = len(evaluation.skipped) - len(rows)
    return table(("where", "what", "what to do"), rows) + (f"<p>and {more:,} more</p>" if more else "")


def _image(files: Mapping[str, Picture], name: str, alt: str, caption: str = "") -> str:
    picture = files[name]
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    kind = "jpeg" if name.endswith(".jpg") else "png"
    source = f"data:image/{kind};base64,{base64.b64encode(picture.file).decode()}"
    return f'<figure><img alt="{escape(alt)}" width="{picture.width}" src="{source}">{below}</figure>'


def _encoded(picture: Image.Image, name: str) -> Picture:
    """As its name says: photographs as JPEG, which is a third of their PNG."""
    file = BytesIO()
    if name.endswith(".jpg"):
        picture.save(file, "JPEG", quality=90)
    else:
        picture.save(file, "PNG")
    return Picture(file.getvalue(), round(picture.width / SCREEN))
