"""The projects of a server, each opened once and kept open, and their versions that answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from seehear.api import Recogniser
from seehear.errors import SeehearError
from seehear.projects import Project, ProjectEntry
from seehear.projects.jobs import RUNNING
from seehear.projects.opening import describe
from seehear.projects.places import Place, find_places
from seehear.projects.terms import expect_terms
from seehear.runtime.bundle import read_bundle
from seehear.serve.models import ModelRegistry, ServedModel

LOOK_EVERY_S = 2.0  # at what is learning


class Learning(NamedTuple):
    """A project with trainings that are not finished.

    running   how many run; `waiting` wait for their turn
    """

    slug: str
    running: int
    waiting: int


class _Serving(NamedTuple):
    slug: str
    number: int
    terms: tuple[str, ...]


class OpenProjects:
    """The projects of one home. Safe to use from several threads.

    models   where the versions that answer are served, under the names of their folders
    """

    def __init__(self, home: Path, models: ModelRegistry) -> None:
        self.home, self._models = home, models
        self._open: dict[str, Project] = {}
        self._serves: WeakKeyDictionary[ServedModel, _Serving] = WeakKeyDictionary()
        self._learning: tuple[float, Sequence[Learning]] = (float("-inf"), ())
        self._lock, self._serving = Lock(), Lock()

    def list(self) -> Sequence[ProjectEntry]:
        """All projects. One that cannot be opened says why."""
        return [self._describe(place) for place in find_places(self.home)]

    def get(self, slug: str, person: str = "") -> Project:
        """A project for the changes of a person; "" for the account that runs the server.

        Raises UsageError if there is none, DataError if it is damaged.
        """
        with self._lock:
            project = self._open.get(slug)
            if project is not None and not project.place.folder.is_dir():
                self._open.pop(slug).close()
                project = None
            if project is None:
                project = Project.open(slug, home=self.home)
                project.audit_log = self._models.log
                self._open[slug] = project
        return project.as_person(person) if person else project

    def start(self) -> None:
        """Serve the versions that answer, and restart trainings whose process is gone. Damaged projects are skipped."""
        for entry in self.list():
            with suppress(SeehearError):  # the list of projects shows it
                project = self.get(entry.slug)
                self.serve(project)
                project.jobs.restart()

    def serve(self, project: Project) -> ServedModel | None:
        """Serve the version that answers, which expects the project's terms, from the next request on; none if the
        project has none any more.

        Raises BundleError if its file is damaged: what was served goes on being served.
        """
        number = project.versions.served_number()
        with self._serving:
            now = next((each for each in self._models.list() if each.name == project.slug), None)
            if number is None:
                if now in self._serves:
                    self._models.remove(project.slug)
                return None
            wanted = _Serving(project.slug, number, tuple(project.terms.list()))
            if now is not None and self._serves.get(now) == wanted:
                return now
            path = project.versions.check_file(number)
            bundle = read_bundle(path)
            expecting = replace(bundle, recipe=expect_terms(bundle.recipe, wanted.terms))
            served = self._models.promote_loaded(project.slug, path, Recogniser(expecting))
            self._serves[served] = wanted
            return served

    def version_of(self, model: ServedModel) -> tuple[str, int] | None:
        """The project and the number of a version that is served; None for any other model."""
        found = self._serves.get(model)
        return None if found is None else (found.slug, found.number)

    def learning(self) -> Sequence[Learning]:
        """What is training now, or was up to LOOK_EVERY_S ago."""
        looked_s, found = self._learning
        if time.monotonic() - looked_s > LOOK_EVERY_S:
            found = [each for entry in self.list() if not entry.problem for each in self._look(entry.slug)]
            self._learning = time.monotonic(), found
        return found

    def learned_last(self) -> Sequence[Learning]:
        """What was training when `learning` was asked last, without looking again."""
        return self._learning[1]

    def close(self) -> None:
        with self._lock:
            for project in self._open.values():
                project.close()
            self._open.clear()

    def _describe(self, place: Place) -> ProjectEntry:
        try:
            return ProjectEntry(place.slug, self.get(place.slug).name, place.folder)
        except SeehearError:
            return describe(place)

    def _look(self, slug: str) -> Sequence[Learning]:
        with suppress(SeehearError):
            states = [job.state for job in self.get(slug).jobs.unfinished()]
            running = states.count(RUNNING)
            return [Learning(slug, running, len(states) - running)] if states else []
        return []
