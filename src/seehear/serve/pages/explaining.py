"""Why an answer is what it is: where it looked, and which examples it resembles. Worked out on request, in threads
that no answer waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request
from jinja2.filters import do_urlencode
from starlette.exceptions import HTTPException
from starlette.responses import Response

from seehear.explain.explain import explain
from seehear.explain.explanation import Explanation
from seehear.projects import LookFor, Match, Project
from seehear.projects.picture_views import to_jpeg
from seehear.projects.similar import VersionEncoder, search_similar
from seehear.senses import SENSES
from seehear.senses.input_file import FileBytes
from seehear.serve.models import ServedModel
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.background import BackgroundJob, BackgroundJobs
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.previews import LONGEST_SIDE_PX, Preview, Previews
from seehear.serve.pages.rendering import model_address, render, wants_fragment
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.why_words import describe_parts
from seehear.serve.uploads import Upload

router = page_router()
AT_ONCE_S = 0.2  # what takes no longer is shown at once
MOST_KEPT_BYTES = 16 << 20  # of a file that was tried, to explain its answer or learn from it
REMINDERS = 6
CONFIDENCE = "confidence"  # the picture of how sure it is of each place


class Picture(NamedTuple):
    """A heat map: its key among the previews, and what it shows."""

    key: str
    shows: str


class Share(NamedTuple):
    """How much of an answer is owed to one sense, of 100; negative if it speaks against it."""

    noun: str
    of_100: int


class Why(NamedTuple):
    """What the page shows of an explanation. `taught`: the kinds of the training examples most like it, and numbers."""

    pictures: Sequence[Picture]
    sentences: Sequence[str]
    shares: Sequence[Share]
    taught: Mapping[str, int]


class Reminder(NamedTuple):
    """An example that it learned from and that resembles what was answered, with its answer."""

    match: Match
    example: Any
    answer: str


WhyJobs = BackgroundJobs[Why]
ReminderJobs = BackgroundJobs[Sequence[Reminder]]


def keep_tried(request: Request, inputs: Mapping[str, Upload]) -> Mapping[str, str]:
    """The key of the file of each sense in the memory of what was tried; {} if one is too large for it."""
    previews: Previews = request.app.state.previews
    if any(upload.size > MOST_KEPT_BYTES for upload in inputs.values()):
        return {}
    distinct = {id(upload): upload for upload in inputs.values()}
    keys = {each: previews.keep(Preview(upload.read_bytes(), "", upload.name)) for each, upload in distinct.items()}
    return {sense: keys[id(upload)] for sense, upload in inputs.items()}


def why_address(place: str, kept: Mapping[str, str]) -> str:
    """Where the explanation of an answer is; "" if what was tried is not kept. `place` is that of the answers."""
    return f"{place}/why?{do_urlencode(list(kept.items()))}" if kept else ""


@router.get("/models/{name}/try/why")
def show_of_model(request: Request, name: str) -> Response:
    """Why a model gave its answer to what was tried."""
    served: ServedModel = request.app.state.models.get(name)
    tried = _find_tried(request, served)
    here = f"{model_address(name)}/try/why?{request.url.query}"
    values: dict[str, Any] = {"job": _explain(request, served, tried, request.url.query), "here": here, "reminders": ""}
    if wants_fragment(request):
        return render(request, "why.html", **values)
    return render(request, "why_of_model.html", model=served, **values)


@router.get("/p/{slug}/try/why")
def show_tried(request: Request, slug: str) -> Response:
    """Why the version that answers gave its answer to what was tried."""
    project = find_project(request, slug)
    served = find_served(request, project)
    tried = _find_tried(request, served)
    job = _explain(request, served, tried, request.url.query)
    return _show(request, project, f"{project_address(slug)}/try", request.url.query, job)


@router.get("/p/{slug}/try/why/reminders")
def show_reminders(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    served = find_served(request, project)
    tried = _find_tried(request, served)
    return _show_reminders(request, project, served, LookFor(inputs=tried), f"{project_address(slug)}/try")


@router.get("/p/{slug}/review/{number}/why")
def show_kept(request: Request, slug: str, number: int) -> Response:
    """Why the version that answers says what it says of a kept answer's files."""
    project = find_project(request, slug)
    served = find_served(request, project)
    sources = project.sources(project.review.get(number))
    inputs = {sense: sources[sense] for sense in served.recogniser.recipe.senses if sense in sources}
    job = _explain(request, served, inputs, f"answer {number}")
    return _show(request, project, f"{project_address(slug)}/review/{number}", "", job)


@router.get("/p/{slug}/review/{number}/why/reminders")
def show_reminders_of_kept(request: Request, slug: str, number: int) -> Response:
    project = find_project(request, slug)
    place = f"{project_address(slug)}/review/{number}"
    return _show_reminders(request, project, find_served(request, project), LookFor(answer=number), place)


def _find_tried(request: Request, served: ServedModel) -> dict[str, FileBytes]:
    """The files that the query names, by sense. Raises HTTPException if they are not in memory any more."""
    previews: Previews = request.app.state.previews
    found = {}
    for sense in served.recogniser.recipe.senses:
        if key := request.query_params.get(sense):
            kept = previews.find(key)
            if kept is None or not kept.name:
                raise HTTPException(404, "this was tried a while ago, and is no longer in memory; try it again")
            found[sense] = FileBytes(kept.content)
            found[sense].name = kept.name
    if not found:
        raise HTTPException(404, "this is not what the model answers; try it again")
    return found


def _explain(request: Request, served: ServedModel, inputs: Mapping[str, Any], what: str) -> BackgroundJob[Why]:
    """`what` identifies the inputs."""
    jobs: WhyJobs = request.app.state.why_jobs
    previews: Previews = request.app.state.previews
    key = served.name, served.version, what
    job = jobs.find(key)
    if job is None or (job.result and not all(previews.find(each.key) for each in job.result.pictures)):
        job = jobs.start(key, lambda _: _describe(explain(served.recogniser.predictor, inputs), previews))
    job.wait(AT_ONCE_S)
    return job


def _describe(explanation: Explanation, previews: Previews) -> Why:
    pictures = []
    for sense, picture in explanation.pictures().items():
        kept = previews.keep(Preview(to_jpeg(picture, LONGEST_SIDE_PX), "image/jpeg"))
        shows = "How sure it is of what is there" if sense == CONFIDENCE else f"Where it {SENSES[sense].attended}"
        pictures.append(Picture(kept, shows))
    total = sum(map(abs, explanation.shares.values()))
    shares = [
        Share(SENSES[sense].noun, round(100 * each / total)) for sense, each in explanation.shares.items() if total
    ]
    return Why(pictures, list(describe_parts(explanation)), shares, explanation.taught)


def _show(request: Request, project: Project, place: str, query: str, job: BackgroundJob[Why]) -> Response:
    """`place` is the address of the answers."""
    given = f"?{query}" if query else ""
    values = {"job": job, "here": f"{place}/why{given}", "reminders": f"{place}/why/reminders{given}", "back": place}
    return _render(request, project, place, ("why.html", "why_of_project.html"), values)


def _show_reminders(request: Request, project: Project, served: ServedModel, wanted: LookFor, place: str) -> Response:
    projects: OpenProjects = request.app.state.projects
    jobs: ReminderJobs = request.app.state.reminder_jobs
    found = projects.version_of(served)
    version = project.versions.get(found[1] if found else 0)
    key = project.slug, version.number, place, request.url.query
    job = jobs.find(key)
    if job is None:
        search = search_similar(
            project,
            wanted,
            encoder=VersionEncoder(served.recogniser, version.sha256),
            pool=project.versions.learned_from(version.number),
        )

        def work(listen: Any) -> Sequence[Reminder]:
            search.compute(listen)
            return _remind(project, search.rank(top=REMINDERS))

        job = jobs.start(key, work)
    job.wait(AT_ONCE_S)
    given = f"?{request.url.query}" if request.url.query else ""
    values = {"job": job, "here": f"{place}/why/reminders{given}", "address": project_address(project.slug)}
    return _render(request, project, place, ("reminders.html", "reminders_page.html"), values)


def _render(
    request: Request, project: Project, place: str, templates: tuple[str, str], values: Mapping[str, Any]
) -> Response:
    """The fragment that a script asks for, or the page with it, in the chapter of the answers at `place`."""
    fragment, page = templates
    if wants_fragment(request):
        return render(request, fragment, **values)
    return render_chapter(request, page, project, "review" if "/review/" in place else "try", **values)


def _remind(project: Project, matches: Sequence[Match]) -> Sequence[Reminder]:
    column = project.answer_column()
    heading = "" if column is None else column.heading
    numbers = [match.candidate.example or 0 for match in matches]
    examples = project.examples_of(numbers)
    return [
        Reminder(match, example, example.answers.get(heading, ""))
        for match, example in zip(matches, examples, strict=True)
    ]
