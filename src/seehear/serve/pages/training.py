"""Train: the options before a training, and its progress. It goes on when the page is closed."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.amounts import format_duration
from seehear.answers.selective import held_out_needed
from seehear.errors import UsageError
from seehear.projects import Project
from seehear.projects.demonstration import find_unseen
from seehear.projects.job_progress import read_progress
from seehear.projects.jobs import Job
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.checking import GRAVEST, OF_EACH, describe_check
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.hundred import find_hundred
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.progress_events import send_progress
from seehear.serve.pages.quality import describe_quality, is_share, quality_of_figures
from seehear.serve.pages.rendering import render_fragment
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.task_words import describe_task

router = page_router()
WRONG = (1, 2, 5, 10, 20)  # of 100, to choose from
MINUTES = (1, 3, 10, 30)
DEMO_MINUTES = 1
LOOK_EVERY_S = 1.0
LEAST_LEFT_S = 2.0  # to be worth saying
MOST_POINTS = 200  # of a curve
_LOSS = re.compile(r"loss ([0-9.]+)")


class Choice(NamedTuple):
    """A promise that can be asked for, and how many examples must be put aside before it can be kept."""

    wrong: int
    put_aside: int


class Curve(NamedTuple):
    """What was measured while it learned, as the points of an SVG line in a box of 100 by 40, and its ends."""

    points: str
    first: float
    last: float


class Progress:
    """What the template shows of a job. What is in its file is read once, however often it is shown."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._losses: list[tuple[float, float]] = []  # (how much was done, the loss) of all steps that were reported
        self._measured: list[tuple[float, dict[str, Any]]] = []  # (how much was done, what was measured)
        self._before = self._done = 0.0  # done by the networks before this one, and with it
        self._position = 0  # in the file

    def describe(self, job: Job) -> dict[str, object]:
        figures = job.progress
        done, total = figures.get("done") or 0.0, figures.get("total")
        left_s = figures.get("seconds_left")
        self._read(job)
        return {
            "job": job,
            "task": describe_task(str(figures.get("task") or "")),
            "share": min(1.0, done / total) if total else None,
            "left": format_duration(math.ceil(left_s)) if left_s and left_s >= LEAST_LEFT_S else None,
            "note": "" if _LOSS.fullmatch(note := str(figures.get("note") or "")) else note,
            "curve": draw_curve(self._losses),
            **self._describe_quality(),
        }

    def _describe_quality(self) -> dict[str, object]:
        """How good it was at the last measurement, and the curve of all of the same metric."""
        if not self._measured:
            return {"quality": None, "quality_curve": None}
        _, last = self._measured[-1]
        values = [(done, each["value"]) for done, each in self._measured if each["metric"] == last["metric"]]
        ends = [describe_quality(last["metric"], values[end][1]) for end in (0, -1)]
        curve = draw_curve(values, top=1.0 if is_share(last["metric"]) else 0.0)
        return {"quality": ends[1], "measured": last, "quality_ends": ends, "quality_curve": curve}

    def _read(self, job: Job) -> None:
        """Several networks may be trained one after another, each from 0 on."""
        path = self._project.jobs.place(job.id).progress
        for record, position in read_progress(path, self._position):
            self._position = position
            match record:
                case {"event": "started"}:
                    self._before = self._done
                case {"event": "advanced", "done": done, "note": str(note)} if found := _LOSS.fullmatch(note):
                    self._done = self._before + done
                    self._losses.append((self._done, float(found[1])))
                case {"event": "measured", "done": done}:
                    self._measured.append((self._before + done, record))


@router.get("/p/{slug}/train")
def show(request: Request, slug: str, done: int = 0) -> Response:
    project = find_project(request, slug)
    unfinished = project.jobs.unfinished()
    past = [job for job in project.jobs.list(10) if job.id not in {each.id for each in unfinished}]
    qualities = {each.number: quality_of_figures(each.figures) for each in project.versions.list()}
    if unfinished:
        first, *waiting = unfinished
        return render_chapter(
            request,
            "training.html",
            project,
            "train",
            waiting=waiting,
            past=past,
            qualities=qualities,
            **Progress(project).describe(first),
        )
    counts = project.counts()
    checked = describe_check(request, project, OF_EACH, GRAVEST) if counts.answered else {}
    learned = project.versions.get(past[0].version) if past and past[0].version else None
    return render_chapter(
        request,
        "train.html",
        project,
        "train",
        counts=counts,
        **checked,
        done=project.change(done),
        choices=[Choice(wrong, held_out_needed(wrong / 100)) for wrong in WRONG],
        minutes=MINUTES,
        usual_minutes=DEMO_MINUTES if find_unseen(project) else None,
        can_learn=find_spec("torch") is not None,
        past=past,
        qualities=qualities,
        learned=learned,
        hundred=None if learned is None else find_hundred({"metrics": learned.figures}),
    )


@router.post("/p/{slug}/train")
async def start(request: Request, slug: str) -> Response:
    """Form fields: minutes and wrong, both may be empty: then they are chosen by the number of examples."""
    fields = await read_fields(request)
    minutes, wrong = (_number(fields.last(name), name) for name in ("minutes", "wrong"))
    options = {"minutes": minutes, "wrong_at_most": None if wrong is None else wrong / 100}
    project = find_project(request, slug)
    await asyncio.to_thread(lambda: project.jobs.start_once(**options))
    return _to_train(slug)


@router.post("/p/{slug}/train/{number}/cancel")
async def cancel(request: Request, slug: str, number: int) -> Response:
    await asyncio.to_thread(find_project(request, slug).jobs.cancel, number)
    return _to_train(slug)


@router.post("/p/{slug}/train/{number}/resume")
async def resume(request: Request, slug: str, number: int) -> Response:
    await asyncio.to_thread(find_project(request, slug).jobs.resume, number)
    return _to_train(slug)


@router.get("/p/{slug}/train/{number}/progress")
async def progress(request: Request, slug: str, number: int) -> Response:
    """Server-sent events, as of `send_progress`."""
    project = find_project(request, slug)
    await asyncio.to_thread(project.jobs.get, number)  # an unknown job is an error, not an empty stream
    return send_progress(_watch(project, number))


async def _watch(project: Project, number: int) -> AsyncIterator[str]:
    reading = Progress(project)
    while not (job := await asyncio.to_thread(project.jobs.get, number)).finished:
        if not job.alive:
            await asyncio.to_thread(project.jobs.restart)
        values = await asyncio.to_thread(reading.describe, job)
        yield render_fragment("progress.html", **values)
        await asyncio.sleep(LOOK_EVERY_S)


def draw_curve(points: Sequence[tuple[float, float]], top: float = 0.0) -> Curve | None:
    """None for fewer than two points. The box reaches up to `top`, or to the largest value."""
    some = list(points[:: max(1, len(points) // MOST_POINTS)])
    if len(some) < 2:
        return None
    right, top = max(x for x, _ in some) or 1.0, max(top, *(y for _, y in some)) or 1.0
    line = " ".join(f"{100 * x / right:.1f},{40 - 40 * y / top:.1f}" for x, y in some)
    return Curve(line, some[0][1], some[-1][1])


def _number(text: str, name: str) -> float | None:
    """None for an empty field. Raises UsageError."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 100_000:
        raise UsageError(f"{name}: {text!r}", allowed="a number above 0")
    return number


def _to_train(slug: str) -> Response:
    return RedirectResponse(f"{project_address(slug)}/train", 303)
