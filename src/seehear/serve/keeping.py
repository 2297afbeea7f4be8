"""Keeps answers of projects' versions for review, after they were sent, where the project's settings say so.

A thread of its own writes them. What waits for it is bounded: an answer for which there is no room is not kept, and
counted. So keeping neither slows an answer nor fails it. While nobody asks, the same thread examines what was kept, so
that the most useful answers come first in the review.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from threading import Condition, Thread

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from seehear.errors import SeehearError
from seehear.projects.kept_answers import Keeping, NamedBytes, NamedFile
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.serve.answering import Answered
from seehear.serve.models import ServedModel
from seehear.serve.open_projects import OpenProjects
from seehear.serve.uploads import Upload

MOST_WAITING, MOST_BYTES = 100, 256 << 20  # answers, and their files
FRESH_S = 1.0  # how long settings are cached
EXPIRE_EVERY_S = 3600.0
IDLE_S = 10.0  # without an answer, before kept ones are examined
EXAMINED_TOGETHER = 16  # a request that comes meanwhile shares the processor for about as long
EXAMINE_EVERY_S = 60.0  # while there is nothing to examine
CLOSE_S = 10.0  # to write what waits when the server stops
KEPT, DROPPED, FAILED = "kept", "dropped", "failed"
_TO_KEEP = "to_keep"  # in the state of a request
_log = logging.getLogger(__name__)

Count = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class _Item:
    """One answer, and its files by sense. `size` is that of the files in bytes."""

    slug: str
    version: int
    prediction: Prediction
    files: Mapping[str, NamedBytes | NamedFile]
    size: int
    source: str


class Keeper:
    """Writes answers into their projects. Its thread ends with `close`.

    count   called with a project and what became of an answer: kept, dropped or failed
    """

    def __init__(self, projects: OpenProjects, count: Count) -> None:
        self._projects, self._count = projects, count
        self._items: deque[_Item] = deque()
        self._bytes = 0
        self._settings: dict[str, tuple[float, Keeping]] = {}
        self._problems: dict[str, str] = {}
        self._changed = Condition()
        self._closed = self._busy = False
        self._expire_s = self._examine_s = self._answered_s = time.monotonic()
        self._thread = Thread(target=self._work, name="seehear-keeper", daemon=True)

    def start(self) -> None:
        """Begin by deleting what was kept for long enough."""
        self._busy = True
        self._thread.start()

    def note_answer(self, _: Answered) -> None:
        """A listener of the Answerer: somebody asks."""
        self._answered_s = time.monotonic()

    def make_item(
        self, model: ServedModel, files: Mapping[str, Upload], prediction: Prediction, source: str
    ) -> _Item | None:
        """What to keep of an answer; None if nothing. Files on the disk get a second name, as theirs soon goes."""
        found = self._projects.version_of(model)
        if found is None or not files or prediction.answer is None:
            return None
        setting = self._settings.get(found[0])
        if setting and time.monotonic() - setting[0] < FRESH_S and not setting[1].wants(prediction):
            return None
        try:
            held = {upload: _hold(upload) for upload in set(files.values())}
        except OSError as error:
            self._fail(found[0], f"its file cannot be held: {error}")
            return None
        size = sum(upload.size for upload in held)
        return _Item(*found, prediction, {sense: held[upload] for sense, upload in files.items()}, size, source)

    def put(self, item: _Item) -> None:
        """Keep an answer soon, or drop it if too many wait."""
        with self._changed:
            full = len(self._items) >= MOST_WAITING or (self._items and self._bytes + item.size > MOST_BYTES)
            if full or self._closed:
                self._drop(item)
                return
            self._items.append(item)
            self._bytes += item.size
            self._changed.notify_all()

    def read_settings_again(self, slug: str) -> None:
        """After somebody changed what is kept."""
        self._settings.pop(slug, None)

    def problem(self, slug: str) -> str:
        """Why the last answer of a project could not be kept; "" if it could."""
        return self._problems.get(slug, "")

    def wait(self, timeout_s: float) -> bool:
        """Until everything is written; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._items and not self._busy, timeout_s)

    def close(self) -> None:
        """Write what waits, as far as there is time, and end the thread."""
        self.wait(CLOSE_S)
        with self._changed:
            self._closed = True
            for item in self._items:
                self._drop(item)
            self._items.clear()
            self._changed.notify_all()
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        while not self._closed:
            if time.monotonic() >= self._expire_s:
                self._expire()
                self._expire_s = time.monotonic() + EXPIRE_EVERY_S
            idle_s = max(self._answered_s + IDLE_S, self._examine_s)
            if item := self._take(min(self._expire_s, idle_s) - time.monotonic()):
                self._write(item)
            elif time.monotonic() >= max(self._answered_s + IDLE_S, self._examine_s) and not self._examine():
                self._examine_s = time.monotonic() + EXAMINE_EVERY_S

    def _take(self, patience_s: float) -> _Item | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._items or self._closed, max(0.0, patience_s))
            if not self._items:
                return None
            item = self._items.popleft()
            self._bytes -= item.size
            self._busy = True
            return item

    def _write(self, item: _Item) -> None:
        try:
            review = self._projects.get(item.slug).review
            keeping = review.keeping()
            self._settings[item.slug] = time.monotonic(), keeping
            if keeping.wants(item.prediction):
                review.record(item.prediction, item.files, version=item.version, source=item.source)
                self._problems.pop(item.slug, None)
                self._count(item.slug, KEPT)
        except Exception as error:  # not even a fault of ours may end the thread
            self._fail(item.slug, str(error))
        finally:
            _release(item.files)

    def _fail(self, slug: str, why: str) -> None:
        self._problems[slug] = why
        self._count(slug, FAILED)
        _log.warning("an answer of %s was not kept: %s", slug, why)

    def _drop(self, item: _Item) -> None:
        _release(item.files)
        self._count(item.slug, DROPPED)

    def _expire(self) -> None:
        """Delete what was kept for long enough."""
        for entry in self._projects.list():
            with suppress(SeehearError):  # the list of projects shows it
                self._projects.get(entry.slug).review.delete_kept(expired=True)

    def _examine(self) -> bool:
        """Examine some answers of one project. Returns whether there were any."""
        for entry in self._projects.list():
            with suppress(SeehearError):  # such as a version whose file is gone
                if self._projects.get(entry.slug).review.examine(limit=EXAMINED_TOGETHER):
                    return True
        return False


class KeepingAfterwards:
    """Hands what a request put aside with `keep_later` to the keeper, once the answer has been sent."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self._app, self._keeper = app, keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            for item in scope.get("state", {}).get(_TO_KEEP, ()):
                self._keeper.put(item)


def keep_later(
    request: Request,
    model: ServedModel,
    files: Mapping[str, Upload],
    options: PredictOptions,
    prediction: Prediction,
    source: str,
) -> None:
    """Keep the answer to files, by sense, once it has been sent, if the project of the model keeps such answers."""
    if options.translate:  # a translation is no transcript to learn from
        return
    keeper: Keeper = request.app.state.keeper
    if item := keeper.make_item(model, files, prediction, source):
        request.scope.setdefault("state", {}).setdefault(_TO_KEEP, []).append(item)


def _hold(upload: Upload) -> NamedBytes | NamedFile:
    if isinstance(upload.source, bytes):
        return NamedBytes(upload.name, upload.source)
    second = Path(gettempdir()) / f"seehear-kept-{token_hex(8)}"
    os.link(upload.source, second)
    return NamedFile(upload.name, second)


def _release(files: Mapping[str, NamedBytes | NamedFile]) -> None:
    for file in files.values():
        if isinstance(file, NamedFile):
            file.path.unlink(missing_ok=True)
