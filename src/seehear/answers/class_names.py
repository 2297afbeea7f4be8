"""Names of classes: errors for unknown ones, and the extension of a trained model by new ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seehear.errors import InputError, UsageError

MAX_LISTED = 10


class Extensible(Protocol):
    """A kind of answer."""

    name: str
    extension: ClassExtension | None


@dataclass(frozen=True)
class ClassExtension:
    """A capability of answers: classes can be added after training, as outputs of the head's last layer, `classify`.

    supports   (spec) -> whether every example has exactly one class
    names      (spec) -> the classes, in the order of the outputs
    extend     (spec, counts) -> the Spec with these classes, by name, appended
    raw        (logits (C,)) -> the head's arrays for one example
    """

    supports: Callable[[Any], bool]
    names: Callable[[Any], Sequence[str]]
    extend: Callable[[Any, Mapping[str, int]], Any]
    raw: Callable[[Any], dict[str, Any]]


def require_extension(kind: Extensible) -> ClassExtension:
    """Raises UsageError for a kind of answer to which classes cannot be added."""
    if kind.extension is None:
        raise UsageError(f"classes cannot be added to an answer of the kind {kind.name!r}")
    return kind.extension


def make_unknown_class_error(name: str, classes: Sequence[str]) -> InputError:
    """The error for a name that is not a class; suggests the class with the most similar spelling."""
    close = difflib.get_close_matches(name.casefold(), [each.casefold() for each in classes], n=1)
    meant = [each for each in classes if each.casefold() in close]
    return InputError(
        f"'{name}' is not one of the {len(classes):,} classes",
        allowed=", ".join(classes[:MAX_LISTED]) + (", …" if len(classes) > MAX_LISTED else ""),
        hint=f"did you mean '{meant[0]}'?" if meant else "",
    )
