"""Review: the kept answers that wait, one at a time, to be accepted or corrected; each becomes an example."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.answers import ANSWERS
from seehear.errors import ConflictError, SeehearError, UsageError
from seehear.projects import Project
from seehear.projects.columns import AnswerColumn
from seehear.projects.kept_answers import ACCEPTED, CORRECTED, DISMISSED, NONE, NOTHING, SKIPPED, WAITING, KeptAnswer
from seehear.projects.picture_views import SIDES_PX, find_size, find_view
from seehear.projects.review import Reviewed, is_blind
from seehear.projects.terms import find_new_words
from seehear.recipe import Recipe
from seehear.runtime.bundle import read_bundle
from seehear.serve.keeping import Keeper
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.drawing import draw_nothing
from seehear.serve.pages.fields import Fields, read_fields
from seehear.serve.pages.open_projects import find_project, find_served, project_address
from seehear.serve.pages.playing import can_play, play
from seehear.serve.pages.previews import draw_preview
from seehear.serve.pages.routing import page_router
from seehear.serve.pages.static_files import FOREVER_PRIVATE

router = page_router()
KEYS = 9  # classes that have a number key
MOST_NEW_WORDS = 6  # of a correction, that can be made terms
TO_COME, BEFORE = 5, 3  # answers shown beside the one that is reviewed
LEAST_COMPARED = 10  # blind reviews, before the agreement is shown
CHOICES, SEVERAL, WORDS, DRAWN, VALUE = "choices", "several", "words", "drawn", "value"  # ways to review an answer


@dataclass(frozen=True)
class Choice:
    """A class that an answer may be.

    key     the number that chooses it; "" from the tenth on
    share   how sure the model is of it, 0 to 1; None if it did not say
    said    whether it is the answer, or for several classes, one of them
    """

    name: str
    key: str
    share: float | None
    said: bool


@dataclass(frozen=True)
class Asked:
    """A kept answer as the page asks about it.

    way      how it is reviewed: choices, several (classes), words, drawn, value
    blind    whether the page shows the answer only afterwards
    said     the answer as text
    gone     whether a file that it is about is not there any more
    sounds   the senses whose file can be played
    """

    kept: KeptAnswer
    way: str
    blind: bool
    choices: Sequence[Choice]
    said: str
    gone: bool
    sounds: Sequence[str]

    @property
    def rivals(self) -> Sequence[Choice]:
        """The two most likely classes, if the model is unsure between them."""
        known = sorted((each for each in self.choices if each.share), key=lambda each: -(each.share or 0))
        return known[:2] if not self.kept.accepted and len(known) > 1 and self.way == CHOICES else ()


@router.get("/p/{slug}/review")
def show_next(request: Request, slug: str) -> Response:
    return _page(request, find_project(request, slug), None)


@router.get("/p/{slug}/review/{number}")
def show(request: Request, slug: str, number: int) -> Response:
    """One answer that waits. What was reviewed already is shown as the example that it became."""
    project = find_project(request, slug)
    kept = project.review.get(number)
    if kept.state == WAITING:
        return _page(request, project, kept)
    address = project_address(slug)
    return RedirectResponse(f"{address}/teach/{kept.example}" if kept.example else f"{address}/review", 303)


@router.post("/p/{slug}/review/skipped")
async def show_skipped(request: Request, slug: str) -> Response:
    """Let what was skipped wait again."""
    await asyncio.to_thread(find_project(request, slug).review.show_skipped)
    return _to_review(slug)


@router.post("/p/{slug}/review/back")
async def back(request: Request, slug: str) -> Response:
    """Undo the last review of this person, and show that answer again. Form field: change, the one that was seen."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    last = await asyncio.to_thread(lambda: project.review.recent(1))
    if not last or last[0].change != fields.number("change"):
        raise ConflictError("you have reviewed another answer since", hint="look at the review again, then go back")
    await asyncio.to_thread(project.undo, last[0].change)
    return _to_review(slug, last[0].kept.id)


@router.post("/p/{slug}/review/{number}")
async def decide(request: Request, slug: str, number: int) -> Response:
    """Form fields: do (accept, none, empty, skip, dismiss, open or save), or put (a class); cell (what to save), or has
    (classes). Then the next answer is shown."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    try:
        example = await asyncio.to_thread(_decide, project, number, fields)
    except ConflictError as error:  # somebody was quicker
        return await asyncio.to_thread(_page, request, project, None, error)
    except UsageError as error:
        kept = await asyncio.to_thread(project.review.get, number)
        return await asyncio.to_thread(_page, request, project, kept, error)
    proposed = f"{project_address(slug)}/teach/{example}?propose=true"  # what it found, to be corrected
    return RedirectResponse(proposed, 303) if example else _to_review(slug)


@router.get("/p/{slug}/review/{number}/{version}/{size}.jpg")
def picture(request: Request, slug: str, number: int, version: str, size: str) -> Response:
    """`version` only makes the address of each picture its own. A large one has what was found drawn on it."""
    if size not in SIDES_PX:
        raise UsageError(f"the size {size!r}", allowed=", ".join(SIDES_PX))
    project = find_project(request, slug)
    kept = project.review.get(number)
    content = (_draw_found(request, project, kept) if size != "small" else None) or find_view(project, kept, size)
    return Response(content, headers={"Cache-Control": FOREVER_PRIVATE}, media_type="image/jpeg")


@router.get("/p/{slug}/review/{number}/sound/{sense}")
def sound(request: Request, slug: str, number: int, sense: str) -> Response:
    """A recording as it was sent."""
    project = find_project(request, slug)
    return play(project, project.review.get(number).inputs.get(sense))


def _page(request: Request, project: Project, kept: KeptAnswer | None, error: SeehearError | None = None) -> Response:
    """The answer that is given, or the next one, or why there is none."""
    review = project.review
    keeper: Keeper = request.app.state.keeper
    queue = [each for each in review.queue(TO_COME + 2) if kept is None or each.id != kept.id]
    if kept is None and queue:
        kept, *queue = queue
    recent = review.recent(BEFORE)
    column = project.answer_column()
    values: dict[str, Any] = {
        "progress": review.progress(),
        "before": [(each, _describe(project, column, each.kept)) for each in recent],
        "new_words": _find_new_words(project, column, recent),
        "error": error,
        "not_kept": keeper.problem(project.slug),
    }
    if kept is None:
        return render_chapter(
            request,
            "review_empty.html",
            project,
            "review",
            keeps=review.keeping().what != NOTHING,
            skipped=review.count_skipped(),
            answers=project.versions.served_number() is not None,
            **values,
        )
    return render_chapter(
        request,
        "review.html",
        project,
        "review",
        asked=_ask(project, column, kept),
        to_come=queue[:TO_COME],
        help=review.help(),
        blind=review.agreement(blind=True),
        seen=review.agreement(blind=False),
        least_compared=LEAST_COMPARED,
        answers=project.versions.served_number() is not None,
        **values,
    )


def _find_new_words(project: Project, column: AnswerColumn | None, recent: Sequence[Reviewed]) -> Sequence[str]:
    """Words that were written in the last correction of a transcript, and are no terms yet."""
    last = recent[0].kept if recent and recent[0].kept.state == CORRECTED else None
    if column is None or column.kind.decoding is None or last is None or not last.example:
        return ()
    written = project.example(last.example).answers.get(column.heading, "")
    terms = {each.lower() for each in project.terms.list()}
    return [word for word in find_new_words(last.cell, written) if word.lower() not in terms][:MOST_NEW_WORDS]


def _describe(project: Project, column: AnswerColumn | None, kept: KeptAnswer) -> str:
    """What became of an answer that was reviewed."""
    if kept.state in (ACCEPTED, CORRECTED) and kept.example and column:
        drawn = column.kind.spatial is not None
        return "right" if drawn else project.example(kept.example).answers.get(column.heading, "to correct")
    return {NONE: "none of these", SKIPPED: "skipped", DISMISSED: "never again"}[kept.state]


def _ask(project: Project, column: AnswerColumn | None, kept: KeptAnswer) -> Asked:
    value = next(iter(kept.answer["answer"].values()), None)
    way = _choose_way(column, value)
    names = project.classes() if way in (CHOICES, SEVERAL) else ()
    shares = {each["answer"]: each["confidence"] for each in kept.answer["alternatives"] if way == CHOICES}
    shares |= {kept.cell: kept.confidence} if way == CHOICES else {}
    labels: list[str] = list(value or ()) if way == SEVERAL else [kept.cell]
    choices = [
        Choice(name, str(i) if i <= KEYS else "", shares.get(name), name in labels) for i, name in enumerate(names, 1)
    ]
    return Asked(
        kept=kept,
        way=way,
        blind=way == CHOICES and is_blind(kept.id),
        choices=choices,
        said=", ".join(labels) or "none of them",
        gone=any(not project.path(file).exists() for file in kept.inputs.values()),
        sounds=[sense for sense, file in kept.inputs.items() if can_play(file)],
    )


def _choose_way(column: AnswerColumn | None, value: Any) -> str:
    if column is None:
        return VALUE
    if column.kind.spatial is not None:
        return DRAWN
    if column.kind.decoding is not None:
        return WORDS
    if column.has_classes:
        return SEVERAL if isinstance(value, list) else CHOICES
    return VALUE


def _decide(project: Project, number: int, fields: Fields) -> int | None:
    """Do what was pressed. Returns the example to open, if that was wanted."""
    review, what, put = project.review, fields.last("do"), fields.last("put")
    blind = _ask(project, project.answer_column(), review.get(number)).blind
    if put:
        review.correct(number, put, blind=blind)
    elif what == "save":
        review.correct(number, fields.last("cell"), blind=blind)
    elif what == "classes":
        review.correct(number, json.dumps(list(fields.all("has")), ensure_ascii=False))
    elif what == "empty":
        review.correct(number, _write_empty(project, review.get(number)))
    elif what == "none":
        review.none_of_these(number, blind=blind)
    elif what == "open":
        return review.open_for_correction(number)
    elif what in ("accept", "skip", "dismiss"):
        {"accept": review.accept, "skip": review.skip, "dismiss": review.dismiss}[what](number)
    else:
        raise UsageError("nothing was chosen", hint="press one of the answers")
    return None


def _write_empty(project: Project, kept: KeptAnswer) -> str:
    """The cell that says that nothing is in a picture. Raises UsageError where that is no answer."""
    column, size = project.answer_column(), find_size(project, kept)
    regions = None if column is None else column.kind.regions
    if regions is None or size is None:
        raise UsageError(
            "nothing in it", where=kept.name, allowed="an answer that is drawn, on a picture that is there"
        )
    width, height = size
    return regions.write(draw_nothing(regions), (height, width), "")


def _draw_found(request: Request, project: Project, kept: KeptAnswer) -> bytes | None:
    """The picture with what the version found on it; None for answers without positions, or a version that is gone."""
    column = project.answer_column()
    if column is None or column.kind.spatial is None or kept.version is None:
        return None
    sense, source = next(iter(project.sources(kept).items()))
    try:
        recipe = _find_recipe(request, project, kept.version)
        answer = ANSWERS[recipe.kind].read(kept.cell, recipe.answer)
        return draw_preview(sense, source, answer, project.classes()).content
    except SeehearError:
        return None


def _find_recipe(request: Request, project: Project, version: int) -> Recipe:
    """That of a version. The one that answers is loaded already. Raises SeehearError for a version that is gone."""
    if version == project.versions.served_number():
        return find_served(request, project).recogniser.recipe
    return read_bundle(project.versions.check_file(version)).recipe


def _to_review(slug: str, number: int | None = None) -> Response:
    address = f"{project_address(slug)}/review"
    return RedirectResponse(address if number is None else f"{address}/{number}", 303)
