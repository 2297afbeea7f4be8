"""Find more like this: searches what has no answer, or files that are dropped, and puts what is right into a kind."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from fastapi import Depends, Query, Request
from jinja2.filters import do_urlencode
from starlette.responses import RedirectResponse, Response

from seehear.encoders import load_pretrained_encoder
from seehear.errors import UsageError
from seehear.problems import RowProblem
from seehear.projects import Candidate, LookFor, Project
from seehear.projects.features import Encoder
from seehear.projects.matches import parse_box
from seehear.projects.picture_views import SIDES_PX, to_jpeg
from seehear.projects.similar import SimilaritySearch, VersionEncoder, read_found, read_query, search_similar
from seehear.senses import SENSES
from seehear.serve.pages.arriving import find_arrived
from seehear.serve.pages.background import BackgroundJob, BackgroundJobs
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import parse_number, read_fields
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.progress_events import send_progress
from seehear.serve.pages.rendering import render_fragment
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.times import parse_clock

router = page_router()
AT_ONCE = 32  # examples without features: so few are compared before the page is shown
LOOK_EVERY_S = 0.5
SHORT_TERM = {"Cache-Control": "private, max-age=3600"}


class Asked(NamedTuple):
    """The query of an address. `among` is the key of files that arrived; "" for the examples without an answer."""

    example: str = ""
    answer: str = ""
    box: str = ""
    start: str = ""
    end: str = ""
    among: str = ""

    @property
    def empty(self) -> bool:
        return not (self.example or self.answer)

    def look_for(self) -> LookFor:
        """Raises UsageError."""
        numbers = [parse_number(text) if text else None for text in (self.example, self.answer)]
        if any(text and number is None for text, number in zip(self[:2], numbers, strict=True)):
            raise UsageError("no such number of an example or an answer")
        timed = bool(self.start or self.end)
        return LookFor(
            example=numbers[0],
            answer=numbers[1],
            box=parse_box(self.box) if self.box else None,
            span_s=(parse_clock(self.start, "start"), parse_clock(self.end, "end")) if timed else None,
        )

    def elsewhere(self) -> str:
        """The query without the place that is searched."""
        return self._replace(among="").query()

    def query(self, **more: Any) -> str:
        """For an address."""
        pairs = [(name, value) for name, value in self._asdict().items() if value]
        for name, given in more.items():
            pairs += [(name, each) for each in (given if isinstance(given, list) else [given])]
        return do_urlencode(pairs)


def read_asked(
    example: str = "", answer: str = "", box: str = "", start: str = "", end: str = "", among: str = ""
) -> Asked:
    return Asked(example, answer, box, start, end, among)


Question = Annotated[Asked, Depends(read_asked)]
Refs = Annotated[list[str], Query(default_factory=list)]
FeatureJobs = BackgroundJobs[Sequence[RowProblem]]  # by what is searched; they keep what they have computed


@router.get("/p/{slug}/teach/similar")
def show(request: Request, slug: str, asked: Question, yes: Refs, no: Refs, taught: Refs, done: int = 0) -> Response:
    """What is most similar. While features are computed, their progress."""
    project = find_project(request, slug)
    if asked.empty:
        return render_chapter(request, "find_similar_empty.html", project, "teach")
    search = _open(request, project, asked)
    jobs: FeatureJobs = request.app.state.feature_jobs
    job = _find_job(jobs, search)
    if job is None and (missing := search.count_missing()) > AT_ONCE:
        job = jobs.start(search.key, search.compute, missing)
    if job is not None and job.error:
        jobs.forget(search.key)
    if job is not None and (job.error or not job.finished):
        values = {"job": job, "query": asked.query()}
        return render_chapter(request, "find_similar_progress.html", project, "teach", **values)
    problems = search.compute() if job is None else job.result or ()
    confirmed, refused = _agreed(yes, no)
    known = list(map(Candidate.parse, taught))
    column = project.answer_column()
    return render_chapter(
        request,
        "find_similar.html",
        project,
        "teach",
        asked=asked,
        matches=search.rank([*known, *confirmed], refused),
        confirmed=confirmed,
        taught=known,
        refused=refused,
        searched=len(search.items),
        problems=problems,
        classes=project.classes(),
        places=column is not None and column.has_classes,
        sound=any(SENSES[sense].pitch_s is not None for sense in search.query_inputs),
        done=project.change(done),
    )


@router.post("/p/{slug}/teach/similar")
async def confirm(request: Request, slug: str, asked: Question) -> Response:
    """Form fields: yes, no and taught (what was found; the last is in a kind already), put (a kind), new (a kind, which
    wins over `put`)."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    confirmed, refused = _agreed(fields.all("yes"), fields.all("no"))
    kind = fields.last("new").strip() or fields.last("put")
    if not kind:
        raise UsageError("no kind is chosen", hint="choose one, or name a new one")
    if not confirmed:
        raise UsageError("nothing is marked with yes", hint="mark what is the same, then say what it is")
    search = await asyncio.to_thread(_open, request, project, asked)
    change = await asyncio.to_thread(search.confirm, confirmed, kind)
    taught = [*fields.all("taught"), *map(str, confirmed)]
    query = asked.query(taught=taught, no=list(map(str, refused)), done=change or 0)
    return RedirectResponse(f"{project_address(slug)}/teach/similar?{query}", 303)


@router.get("/p/{slug}/teach/similar/progress")
async def progress(request: Request, slug: str, asked: Question) -> Response:
    """Server-sent events, as of `send_progress`."""
    project = find_project(request, slug)
    search = await asyncio.to_thread(_open, request, project, asked)
    return send_progress(_watch(request.app.state.feature_jobs, search))


@router.get("/p/{slug}/teach/similar/picture")
def picture(request: Request, slug: str, asked: Question, of: str = "") -> Response:
    """A picture of something that was found, or of what is looked for."""
    ((sense, source), *_) = _inputs(request, slug, asked, of).items()
    drawn = SENSES[sense].draw(SENSES[sense].read(source))
    return Response(to_jpeg(drawn, SIDES_PX["small"]), headers=SHORT_TERM, media_type="image/jpeg")


@router.get("/p/{slug}/teach/similar/sound")
def sound(request: Request, slug: str, asked: Question, of: str = "") -> Response:
    """A recording that was found, or the stretch of it, as wav."""
    ((sense, source), *_) = _inputs(request, slug, asked, of).items()
    signal = SENSES[sense].read(source)
    rate_hz = round(1 / SENSES[sense].grid(signal).pitch)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate_hz)
        written.writeframes((signal * 32767).astype(np.int16).tobytes())
    return Response(file.getvalue(), headers=SHORT_TERM, media_type="audio/wav")


def _inputs(request: Request, slug: str, asked: Asked, of: str) -> Mapping[str, Any]:
    project = find_project(request, slug)
    senses = _find_encoder(request, project).senses
    if not of:
        return read_query(project, senses, asked.look_for())[1]
    return read_found(project, senses, Candidate.parse(of), _among(project, asked))


def _open(request: Request, project: Project, asked: Asked) -> SimilaritySearch:
    encoder = _find_encoder(request, project)
    return search_similar(project, asked.look_for(), among=_among(project, asked), encoder=encoder)


def _among(project: Project, asked: Asked) -> Path | None:
    return find_arrived(project, asked.among) if asked.among else None


def _find_encoder(request: Request, project: Project) -> Encoder:
    """That of the version that answers, which is loaded; a pretrained one while there is none."""
    version = project.versions.served()
    if version is None:
        return _load_pretrained(tuple(project.setting("senses") or SENSES))
    return VersionEncoder(find_served(request, project).recogniser, version.sha256)


@lru_cache(maxsize=2)
def _load_pretrained(senses: tuple[str, ...]) -> Encoder:
    return load_pretrained_encoder(senses)


def _find_job(jobs: FeatureJobs, search: SimilaritySearch) -> BackgroundJob[Sequence[RowProblem]] | None:
    """The job of this search: it runs, has done all that can be done, or has failed. None if it must be started."""
    job = jobs.find(search.key)
    if job is not None and job.finished and not job.error and search.count_missing() > len(job.result or ()):
        return None
    return job


async def _watch(jobs: FeatureJobs, search: SimilaritySearch) -> AsyncIterator[str]:
    while (job := _find_job(jobs, search)) is not None and not job.finished:
        yield render_fragment("comparing.html", job=job)
        await asyncio.sleep(LOOK_EVERY_S)


def _agreed(yes: Sequence[str], no: Sequence[str]) -> tuple[list[Candidate], list[Candidate]]:
    """(confirmed, refused); what is marked with both is neither. Raises UsageError."""
    both = {*yes} & {*no}
    return (
        [Candidate.parse(each) for each in dict.fromkeys(yes) if each not in both],
        [Candidate.parse(each) for each in dict.fromkeys(no) if each not in both],
    )
