"""Chooses the pretrained encoder that training starts from, for each sense."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seehear.answers import ANSWERS, AnyKind
from seehear.errors import UsageError
from seehear.planning.options import TrainOptions
from seehear.recipe import Recipe
from seehear.senses import SENSES
from seehear.senses.model_sizing import SizingInputs
from seehear.starts import STARTS, Start, find_start, is_available

AUTO, NONE = "auto", "none"
ENVIRONMENT = "SEEHEAR_START"  # the default of --start
RECOMMENDED = ("efficientnet-lite2", "efficientnet-lite0", "whisper-tiny.en")  # the best of each sense first
RECOMMENDED_SPEECH = ("whisper-base", "whisper-tiny.en")  # for transcripts
RECOMMENDED_SPATIAL = ("efficientnet-lite0",)  # for answers with positions, whose pictures are larger
MIN_EPOCHS = 3.0  # of fine-tuning; with less time, a small network is trained from random weights
SMALL_DATASET = 5_000  # examples; up to here, pretrained features win even without fine-tuning ...
MIN_EPOCHS_SMALL_DATASET = 0.5  # ... and this much time suffices to compute them


@dataclass(frozen=True)
class StartChoice:
    """The starts to choose from, the best of each sense first.

    required   whether the user named them, so that they are used with any budget
    """

    candidates: tuple[Start, ...] = ()
    required: bool = False

    def plan(self, name: str, inputs: SizingInputs) -> tuple[Any, Start | None]:
        """The Spec of a sense, and the start of its encoder; None for random weights."""
        sense = SENSES[name]
        for start in self.candidates:
            if start.sense != name:
                continue
            spec = sense.plan(replace(inputs, pretrained=start.encoder))
            enough = MIN_EPOCHS if inputs.examples > SMALL_DATASET else MIN_EPOCHS_SMALL_DATASET
            if self.required or inputs.epochs(spec) >= enough:
                return spec, start
        return sense.plan(inputs), None


def choose_starts(wanted: str | None, senses: Collection[str], kind: AnyKind) -> StartChoice:
    """`wanted` is auto, none, or names of starts, joined with commas.

    Raises UsageError for a name that is unknown, not installed, or of a sense that is not used.
    """
    wanted = _resolve_start(wanted)
    if wanted == NONE:
        return StartChoice()
    if wanted == AUTO:
        return StartChoice(tuple(start for start in _recommend(senses, kind) if is_available(start)))
    named = tuple(find_start(name.strip()) for name in wanted.split(","))
    for start in named:
        if start.sense not in senses:
            raise UsageError(
                f"--start {start.name}: it is for {start.sense}, which is not used here",
                allowed=f"starts of {' and '.join(senses)}",
                hint="see `seehear starts`",
            )
        if not is_available(start):
            raise UsageError(f"--start {start.name}: it is not installed", hint=start.install)
    return StartChoice(named, required=True)


def find_missing_extras(senses: Collection[str], kind: AnyKind) -> list[str]:
    """The extras to install so that "auto" finds a start for each sense."""
    recommended = _recommend(senses, kind)
    covered = {start.sense for start in recommended if is_available(start)}
    return sorted({start.extra for start in recommended if start.sense in set(senses) - covered})


def is_automatic(start: str | None) -> bool:
    """Whether the start is chosen for the data."""
    return _resolve_start(start) == AUTO


def _resolve_start(start: str | None) -> str:
    return start or os.environ.get(ENVIRONMENT) or AUTO


def _recommend(senses: Collection[str], kind: AnyKind) -> Sequence[Start]:
    """The starts that "auto" considers: none for kinds of answers and senses where they have not been shown to help."""
    if len(senses) > 1:
        return ()
    names: Sequence[str] = RECOMMENDED
    if kind.decoding is not None:
        names = RECOMMENDED_SPEECH
    elif kind.spatial is not None:
        names = RECOMMENDED_SPATIAL
    return [STARTS[name] for name in names]


def describe_starts(recipe: Recipe, options: TrainOptions) -> str:
    """What training starts from, or how to install a pretrained encoder; "" if there is nothing to say."""
    if recipe.starts:
        named = ", ".join(f"{name} ({find_start(name).trained_on})" for name in recipe.starts.values())
        return f"starting from {named}"
    kind = ANSWERS[recipe.kind]
    extras = find_missing_extras(recipe.senses, kind) if is_automatic(options.start) else []
    if not extras:
        return ""
    packages = " ".join(f"'seehear[{extra}]'" for extra in extras)
    return f"starting from random weights; pretrained encoders need far fewer examples: pip install {packages}"
