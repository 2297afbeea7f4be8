"""The models that are served, by name. A model is replaced between two requests: no request fails or gets both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from seehear import api
from seehear.api import Recogniser
from seehear.audit import AuditLog
from seehear.errors import UsageError
from seehear.runtime.answer_log import hash_path
from seehear.senses import SENSES
from seehear.senses.hearing import HEARING
from seehear.starts.catalogue import STARTS


class UnknownModelError(UsageError):
    """No model is served under the name that was asked for."""


@dataclass(frozen=True, eq=False)
class ServedModel:
    """One version of a model, loaded. A request keeps the one that it began with.

    version    counts what was served under this name: 1, 2, ...
    path       the model file, or the name of a pretrained model
    loaded_at  when, in UTC
    """

    name: str
    version: int
    path: str | Path
    recogniser: Recogniser
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def media(self) -> tuple[str, ...]:
        """The kinds of file that it answers."""
        return tuple(dict.fromkeys(m for sense in self.recogniser.recipe.senses for m in SENSES[sense].media))


MOST_KEPT = 3  # models of one name to go back to; each stays in memory


class ModelRegistry:
    """Models by name. Safe to use from several threads.

    aliases   more names, each for the name of a model
    log       where the answers of all models are written; None for nowhere
    """

    log: AuditLog | None = None

    def __init__(
        self, models: Mapping[str, str | Path] | None = None, aliases: Mapping[str, str] | None = None
    ) -> None:
        self._aliases = dict(aliases or {})
        self._served: dict[str, ServedModel] = {}
        self._before: dict[str, list[ServedModel]] = {}
        self._versions: Counter[str] = Counter()
        self._changing, self._loading = Lock(), Lock()
        for name, path in (models or {}).items():
            self.promote(name, path)

    def promote(self, name: str, path: str | Path) -> ServedModel:
        """Load a model and serve it under this name from the next request on.

        Raises BundleError for a file that is refused; then the model before it goes on being served.
        """
        return self.promote_loaded(name, path, api.load(path))

    def promote_loaded(self, name: str, path: str | Path, recogniser: Recogniser) -> ServedModel:
        """Like `promote`, for a model that is loaded already."""
        self._log_answers(path, recogniser)
        with self._changing:
            before = self._served.get(name)
            history = self._before.setdefault(name, [])
            if before is not None:
                history.append(before)
                del history[:-MOST_KEPT]
            self._versions[name] += 1
            served = self._served[name] = ServedModel(name, self._versions[name], path, recogniser)
        return served

    def log_to(self, log: AuditLog) -> None:
        """Write the answers of all models, also of those that are promoted later, to a log before they are given."""
        self.log = log
        for served in self.list():
            self._log_answers(served.path, served.recogniser)

    def close_log(self) -> None:
        """Flush the log, if there is one, to the disk."""
        if self.log is not None:
            self.log.close()

    def roll_back(self, name: str) -> ServedModel:
        """Serve the model that was served under this name before. Raises UsageError if there is none."""
        with self._changing:
            history = self._before.get(name)
            if not history:
                raise UsageError(f"no model was served as {name!r} before this one", allowed=self._describe_names())
            self._served[name] = history.pop()
            return self._served[name]

    def remove(self, name: str) -> None:
        """Serve nothing under this name any more. Requests that have begun are answered."""
        with self._changing:
            self._served.pop(name, None)
            self._before.pop(name, None)

    def get(self, name: str | None = None) -> ServedModel:
        """The model of this name or alias; without a name, the only one. Raises UnknownModelError if there is none."""
        served = self._served
        if name is None:
            if len(served) == 1:
                return next(iter(served.values()))
            what = "several models are served" if served else "no model is served"
            raise UnknownModelError(what, allowed=self._describe_names(), hint="name one as `model`" if served else "")
        found = served.get(name) or served.get(self._aliases.get(name, ""))
        if found is None:
            raise UnknownModelError(f"no model is called {name!r}", allowed=self._describe_names())
        return found

    def get_or_load(self, name: str) -> ServedModel:
        """Like `get`, but loads a pretrained model that needs no training, such as whisper-base, when it is requested.

        Raises UnknownModelError, and UsageError if that model is not installed.
        """
        try:
            return self.get(name)
        except UnknownModelError:
            if name not in STARTS or STARTS[name].sense != HEARING.name:
                raise
        with self._loading:  # two requests at once load it once
            return self._served.get(name) or self.promote(name, name)

    def list(self) -> Sequence[ServedModel]:
        """What is served now, in the order in which it was added."""
        return tuple(self._served.values())

    @property
    def aliases(self) -> Mapping[str, str]:
        """More names of models that are served."""
        return {alias: name for alias, name in self._aliases.items() if name in self._served}

    def _log_answers(self, path: str | Path, recogniser: Recogniser) -> None:
        if self.log is not None:
            recogniser.log_to(self.log, model_sha256=hash_path(Path(path)))

    def _describe_names(self) -> str:
        return ", ".join((*self._served, *self.aliases)) or "nothing is served; name model files when you start it"
