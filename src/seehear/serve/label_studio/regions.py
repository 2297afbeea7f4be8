"""Answers as Label Studio stores them, for the control of a labeling config that takes them.

Only what is accepted becomes a pre-annotation: people correct a wrong proposal less often than they make their own.
See https://labelstud.io/guide/predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from seehear.answers import Answer
from seehear.answers.boxes import Boxes, BoxesSpec
from seehear.answers.label import Label, LabelSpec
from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.mask.answer import MIN_ACCEPTED
from seehear.answers.mask.tracing import trace_filled
from seehear.answers.score import Score, ScoreSpec
from seehear.answers.text import Text, TextSpec
from seehear.errors import UsageError
from seehear.recipe import Recipe
from seehear.senses import SENSES
from seehear.serve.label_studio.brush import encode_brush
from seehear.serve.label_studio.labeling_config import WHERE, Control, FileTag, LabelingConfig

SMALLEST_SHARE = 1e-4  # of a picture's pixels, for a polygon
Size = tuple[int, int]  # width and height of the picture in pixels
Value = dict[str, Any]
ToValues = Callable[[Any, Control, Size], Iterator[Value]]


@dataclass(frozen=True)
class Match:
    """How a model answers the tasks of a project.

    control     takes its answers
    files       the tag of the file for each sense
    to_values   (answer, control, size) -> what the control stores
    """

    control: Control
    files: Mapping[str, FileTag]
    to_values: ToValues

    @property
    def about(self) -> FileTag:
        """The tag that the answers are about."""
        return next(each for each in self.files.values() if each.name in self.control.to_names)


def match_config(config: LabelingConfig, recipe: Recipe) -> Match:
    """Raises UsageError if no control takes the answers, a class has no label, or a sense no file."""
    files = {sense: _find_file(config, sense) for sense in recipe.senses}
    shown = {each.name for each in files.values()}
    forms = FORMS.get(type(recipe.answer), {})
    fitting = [
        (control, to_values)
        for kind, to_values in forms.items()
        for control in config.controls.values()
        if control.kind == kind and shown & set(control.to_names)
    ]
    if not fitting:
        tags = " or ".join(forms) or "nothing in Label Studio"
        raise UsageError(f"no control takes an answer of the kind {recipe.kind}", where=WHERE, allowed=tags)
    control, to_values = fitting[0]
    _check_classes(control, recipe)
    return Match(control, files, to_values)


def to_results(answer: Answer, match: Match, size: Size) -> list[Value]:
    """The regions of an accepted answer."""
    control = match.control
    width, height = size
    shape = {"original_width": width, "original_height": height, "image_rotation": 0} if width else {}
    return [
        {
            "id": uuid4().hex[:10],
            "from_name": control.name,
            "to_name": match.about.name,
            "type": control.kind,
            **shape,
            **value,
        }
        for value in match.to_values(answer, control, size)
    ]


def _find_file(config: LabelingConfig, sense: str) -> FileTag:
    media = SENSES[sense].media
    for tag in config.files.values():
        if tag.medium in media:
            return tag
    raise UsageError(f"no tag shows a file for {sense}", where=WHERE, allowed=", ".join(media))


def _check_classes(control: Control, recipe: Recipe) -> None:
    """Raises UsageError for a class that the control cannot store. Of a mask, one may be the background."""
    classes: Sequence[str] = getattr(recipe.answer, "classes", ())
    missing = [name for name in classes if name not in control.values]
    background = isinstance(recipe.answer, MaskSpec)
    if control.values and len(missing) > background:
        raise UsageError(
            f"{control.name} has nothing for {', '.join(missing[:10])}",
            where=WHERE,
            allowed=", ".join(control.values),
            hint="add them with these names",
        )


def _label(answer: Label, control: Control, size: Size) -> Iterator[Value]:
    yield {"value": {control.kind: list(answer.names)}}


def _number(answer: Score, control: Control, size: Size) -> Iterator[Value]:
    yield {"value": {control.kind: answer.value}}


def _rating(answer: Score, control: Control, size: Size) -> Iterator[Value]:
    yield {"value": {control.kind: max(0, round(answer.value))}}


def _words(answer: Text, control: Control, size: Size) -> Iterator[Value]:
    yield {"value": {"text": [str(answer)]}}


def _rectangles(answer: Boxes, control: Control, size: Size) -> Iterator[Value]:
    for box in answer.boxes:
        if box.accepted:
            x1, x2 = (100 * min(max(x / size[0], 0), 1) for x in box.xyxy[::2])
            y1, y2 = (100 * min(max(y / size[1], 0), 1) for y in box.xyxy[1::2])
            corners = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
            yield {"value": {**corners, control.kind: [box.label]}, "score": box.confidence}


def _brush(answer: Mask, control: Control, size: Size) -> Iterator[Value]:
    for name, inside in _regions(answer, control, size):
        yield {"value": {"format": "rle", "rle": encode_brush(inside), control.kind: [name]}}


def _polygons(answer: Mask, control: Control, size: Size) -> Iterator[Value]:
    width, height = size
    for name, inside in _regions(answer, control, size):
        for corners in trace_filled(inside, SMALLEST_SHARE * inside.size):  # Label Studio's polygons have no holes
            points = (corners * (100 / width, 100 / height)).tolist()
            yield {"value": {"points": points, "closed": True, control.kind: [name]}}


def _regions(answer: Mask, control: Control, size: Size) -> Iterator[tuple[str, Any]]:
    """The classes that have a label and are accepted in most of their pixels, with their pixels (H, W) bool."""
    width, height = size
    pixels = answer.resample(height, width)
    for name, px in answer.areas.items():
        labelled = name in control.values or not control.values
        if labelled and answer.accepted_areas[name] >= MIN_ACCEPTED * px:
            yield name, pixels == answer.spec.classes.index(name)


# By what is answered, the controls that take it, best first, and how they store it.
FORMS: Mapping[type, Mapping[str, ToValues]] = {
    LabelSpec: {"choices": _label},
    ScoreSpec: {"number": _number, "rating": _rating},
    BoxesSpec: {"rectanglelabels": _rectangles},
    MaskSpec: {"brushlabels": _brush, "polygonlabels": _polygons},
    TextSpec: {"textarea": _words},
}
