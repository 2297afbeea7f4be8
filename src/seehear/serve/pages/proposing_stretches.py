"""Long recordings: the version that answers proposes stretches, for somebody to accept, correct or reject."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from starlette.datastructures import URL
from starlette.responses import RedirectResponse, Response

from seehear.errors import SeehearError, UsageError
from seehear.media import Excerpt
from seehear.projects import Project
from seehear.projects.columns import AnswerColumn
from seehear.projects.examples import Example
from seehear.projects.recordings import SHORTEST_S, Stretch
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.runtime.stretches import FoundStretch, find_window_s, join_windows, plan_windows
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.peaks import PEAKS_PER_S
from seehear.senses.hearing.plan import RATE_HZ
from seehear.serve.answering import Answerer, BusyError
from seehear.serve.models import ServedModel
from seehear.serve.pages.fields import Fields, read_fields
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.proposing import describe_precision
from seehear.serve.pages.rendering import render
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.times import parse_clock
from seehear.serve.pages.waveforms import find_peaks

router = page_router()
PORTION_S = 60.0  # of a recording at most for one request
PATIENCE_S = 2.0  # after which a request is answered, with what was found by then


@dataclass(frozen=True)
class Proposals:
    """What a version proposes in a portion of a recording.

    until_s     up to where it has listened: there the next portion begins
    unsure      how many stretches it is unsure of, if they were not asked for
    words       how often such proposals were right
    """

    stretches: Sequence[FoundStretch]
    begin_s: float
    until_s: float
    duration_s: float
    unsure: int
    words: str

    @property
    def finished(self) -> bool:
        return self.duration_s - self.until_s < SHORTEST_S


@dataclass(frozen=True)
class Heard:
    """What is proposed on the page of a recording, or why nothing could be; by default, nobody has asked.

    unsure   whether stretches are shown of which the version is unsure
    """

    proposed: Proposals | None = None
    problem: str = ""
    unsure: bool = False


NOTHING_HEARD = Heard()


def can_propose_stretches(project: Project, column: AnswerColumn | None) -> bool:
    """Whether there is a version that tells classes apart."""
    return column is not None and column.has_classes and bool(project.versions.served_number())


@router.get("/p/{slug}/teach/{number}/stretches/proposals")
async def show(request: Request, slug: str, number: int, begin: str = "0", unsure: bool = False) -> Response:
    """The rows of one portion of a recording, for a script.

    begin    where it begins, as a time
    unsure   also show stretches of which the version is unsure
    """
    project = await asyncio.to_thread(find_project, request, slug)
    example = await asyncio.to_thread(project.example, number)
    column = await asyncio.to_thread(project.answer_column)
    proposed = await _listen(request, project, column, example, begin, unsure=unsure)
    classes = await asyncio.to_thread(project.classes)
    return render(request, "proposed_rows.html", proposed=proposed, classes=classes, first=0)


@router.post("/p/{slug}/teach/{number}/stretches/accept")
async def accept(request: Request, slug: str, number: int) -> Response:
    """Form fields: start, end and answer of each row; only (the number of the one row to accept) or reject (the numbers
    of those to leave out, as rows without an answer are); propose, begin and unsure, to show again what is proposed."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    change = await asyncio.to_thread(_accept, project, number, _read_accepted(fields))
    shown = {"done": change} | {name: fields.last(name) for name in ("propose", "begin", "unsure") if fields.last(name)}
    return RedirectResponse(URL(f"{project_address(slug)}/teach/{number}").include_query_params(**shown), 303)


async def propose(request: Request, project: Project, column: AnswerColumn | None, example: Example) -> Heard:
    """What to show on the page of a recording whose address says from where on, and whether it may be unsure."""
    unsure, begin = bool(request.query_params.get("unsure")), request.query_params.get("begin", "0")
    try:
        proposed = await _listen(request, project, column, example, begin, unsure=unsure)
    except (SeehearError, BusyError) as error:
        return Heard(problem=str(error), unsure=unsure)
    return Heard(proposed, unsure=unsure)


async def _listen(
    request: Request, project: Project, column: AnswerColumn | None, example: Example, begin: str, *, unsure: bool
) -> Proposals:
    """What the version that answers hears in the portion that begins at a time.

    Raises UsageError if there is no such version or no such time, InputError for a recording that cannot be read.
    """
    served = await asyncio.to_thread(find_served, request, project)
    recipe, version = served.recogniser.recipe, await asyncio.to_thread(project.versions.served)
    if column is None or not column.has_classes or recipe.kind != column.kind_name:
        raise UsageError("the version that answers knows no classes", where=project.name)
    window_s = find_window_s(recipe)
    portion = await asyncio.to_thread(_read_portion, project, example, parse_clock(begin, "begin"))
    windows, until_s = plan_windows(portion.samples, window_s, ends=portion.ends)
    predictions: list[Prediction] = []
    late_s = time.monotonic() + PATIENCE_S
    for i, window in enumerate(windows):
        if i and window.sound != windows[i - 1].sound and time.monotonic() > late_s:
            windows, until_s = windows[:i], window.start_s
            break
        prediction = await _ask(request, served, window.cut(portion.samples))
        if not prediction.accepted and window.end_s - window.start_s < window_s:
            wider = await _ask(request, served, window.widen(window_s).cut(portion.samples))
            prediction = wider if wider.accepted else prediction
        predictions.append(prediction)
    marked = await asyncio.to_thread(project.recordings.stretches, example.id)
    spans = [each.span_s for each in marked if each.span_s]
    heard = (each.move(portion.begin_s) for each in join_windows(windows, predictions))
    found = [each for each in heard if not any(each.repeats(*span) for span in spans)]
    return Proposals(
        stretches=[each for each in found if each.cell or unsure],
        begin_s=portion.begin_s,
        until_s=portion.begin_s + until_s,
        duration_s=portion.duration_s,
        unsure=0 if unsure else sum(not each.cell for each in found),
        words=describe_precision("stretch", "recordings", {} if version is None else version.figures),
    )


async def _ask(request: Request, served: ServedModel, samples: NDArray[np.float32]) -> Prediction:
    """About samples (T,)."""
    answerer: Answerer = request.app.state.answerer
    options = PredictOptions(senses=(HEARING.name,))
    return await answerer.answer_patiently(served, {HEARING.name: (samples, RATE_HZ)}, options, size=2 * len(samples))


class _Portion(NamedTuple):
    """samples (T,) at RATE_HZ of a recording, from `begin_s` on."""

    samples: NDArray[np.float32]
    begin_s: float
    duration_s: float
    ends: bool


def _read_portion(project: Project, example: Example, begin_s: float) -> _Portion:
    """Raises UsageError for what is no recording, InputError for one that cannot be read."""
    file = example.inputs.get(HEARING.name)
    if file is None or file.medium != "recording":
        raise UsageError(f"example {example.id} is no recording", allowed="recordings")
    duration_s = (len(find_peaks(project, file)) - 1) / PEAKS_PER_S  # the last one may be of less than a hundredth
    end_s = min(duration_s, begin_s + PORTION_S)
    if end_s - begin_s < SHORTEST_S:
        return _Portion(np.zeros(0, np.float32), begin_s, duration_s, ends=True)
    samples = HEARING.read(Excerpt(project.path(file), begin_s, end_s))
    return _Portion(samples, begin_s, duration_s, ends=end_s == duration_s)


def _accept(project: Project, number: int, stretches: Sequence[Stretch]) -> int:
    """Returns the change."""
    added = project.recordings.mark(number, stretches)
    return project.history(example=(*added.ids, *added.known)[0], limit=1)[0].id


def _read_accepted(fields: Fields) -> Sequence[Stretch]:
    """Raises UsageError if nothing is accepted."""
    rows = list(zip(fields.all("start"), fields.all("end"), fields.all("answer"), strict=False))
    only, rejected = fields.last("only"), set(fields.all("reject"))
    wanted = [
        (start, end, answer.strip())
        for number, (start, end, answer) in enumerate(rows)
        if (str(number) == only if only else str(number) not in rejected and answer.strip())
    ]
    if not wanted:
        raise UsageError("no stretch is accepted", hint="leave “Reject” empty for those that are right")
    if any(not answer for *_, answer in wanted):
        raise UsageError("a stretch without a kind", hint="say what it is, then accept it")
    return [Stretch(parse_clock(start, "from"), parse_clock(end, "to"), answer) for start, end, answer in wanted]
