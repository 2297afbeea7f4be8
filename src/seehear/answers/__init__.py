"""The answers: what each must provide, and the one table that lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray
from pydantic import BaseModel

from seehear.answers import boxes, label, mask, score, text
from seehear.answers.ask import Ask as Ask
from seehear.answers.headline import Headline as Headline
from seehear.answers.items import ItemCount as ItemCount
from seehear.answers.items import Items as Items
from seehear.answers.part import Part as Part
from seehear.errors import UsageError
from seehear.geometry import Geometry, Warp

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

Array = NDArray[Any]
Arrays = Mapping[str, Array]
WORDS, PLACES = "is not made of words", "does not say what is where"  # what answers are not, that are not asked
Shape = tuple[int | str, ...]  # a letter is a length that varies from example to example, the same in all arrays of one


class Answer(Protocol):
    """One answer to one example: a truth read from a table, or a recogniser's own."""

    @property
    def confidence(self) -> float:
        """Calibrated probability that this answer is right, 0 to 1; 1 for a truth."""

    @property
    def alternatives(self) -> Sequence[tuple[Any, float]]:
        """The likeliest other answers with their probabilities, best first; () where there are none."""

    def moved(self, warp: Warp) -> Answer:
        """The same answer after the example was moved by warp."""

    def to_json(self) -> dict[str, Any]: ...

    def files(self) -> Mapping[str, bytes]:
        """What people expect such an answer as, by extension: subtitles, a picture; {} where one line says it all."""

    # Where its kind has an `item`, also:
    # items -> ItemCount, how many of them are accepted
    # refused() -> the same answer, none of whose items is accepted

    # Where its kind has `output_stride_px`, also draw_on(picture) -> a copy of a PIL picture, which may be
    # enlarged, with the answer laid over it.

    def marked(self) -> str:
        """The line in which people read it, with a mark at every item that is not accepted."""

    def __str__(self) -> str:
        """All of it in one line, for programs too."""


class Tracker(Protocol):
    """Follows objects through one video, frame by frame; in `tracking.py`, where an answer has `output_stride_px`.

    columns: headings of a table of everything found in the video.
    Its `str` and `to_json` sum up the video so far.
    """

    columns: tuple[str, ...]

    def track(self, answers: Iterable[tuple[float, Any]]) -> Iterator[Any]:
        """Each answer with its objects tracked, in order and at most one frame late.

        Answers come with their times in seconds, ascending; None for a frame without an answer stays None.
        """

    def rows(self, answer: Any) -> Iterator[tuple[Any, ...]]:
        """The table's rows for one frame."""

    def to_json(self) -> dict[str, Any]: ...


class Facts(Protocol):
    """What an answer is, for all who ask; in `__init__.py` of its folder."""

    name: str  # the folder, the table column, the flag and the key in every printed result
    columns: tuple[str, ...]  # headings that mean this answer, likeliest first
    auxiliary_columns: tuple[
        str, ...
    ]  # headings of a column that helps to learn it and is never asked for, likeliest first
    senses: tuple[frozenset[str], ...]  # the sets of senses it is tested with
    supports_mixup: bool  # whether one example laid over another has something of both answers, which mixup learns from
    requires_full_input: bool  # whether all of an example counts, so that none of it may be cut off
    item: str  # what of an answer is accepted by itself: a box, a word, a pixel; "" where it is all of it
    output_stride_px: (
        int | None
    )  # the pitch of the finest cells that its head reads, where it says what is where; else None
    Spec: type[BaseModel]


class AnswerModule(Protocol):
    """From a column to its Spec, from a cell to the truth, from a head's arrays to the answer; `answer.py`."""

    def plan(self, cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> Any:
        """The Spec of a column: its classes, its unit. `auxiliary`: the cells of the auxiliary column, if any.

        Raises DataError where nothing can be learned from it.
        """

    def fits(self, cells: Sequence[str], heading: str) -> bool:
        """Whether cells under a heading that is none of `columns` look like this answer."""

    def read(self, cell: str, spec: Any) -> Answer:
        """The truth in one cell of the table. Raises InputError for what spec does not know."""

    def stratum(self, cell: str) -> str:
        """What a split should balance: the class, or nothing."""

    def target(self, answer: Any, spec: Any, geometry: Geometry | None) -> dict[str, Array]:
        """What the head's loss compares with, one example, no batch axis.

        In a batch, zeros follow what is shorter than the longest. With `geometry`, one with `output_stride_px` is moved
        by it, and InputError is raised for a truth that cannot be one of that example.
        """

    def raw_shapes(self, spec: Any) -> Mapping[str, Shape]:
        """The head's arrays by name and their shapes, without the batch axis: a graph with others is refused."""

    def to_answer(self, raw: Arrays, spec: Any, calibration: Mapping[str, float], geometry: Geometry | None) -> Answer:
        """The answer to one example from the head's arrays, in their `raw_shapes`, in the original's coordinates.

        Without `geometry`, in the prepared ones. `calibration` is what was fitted and, in use, `items.ACCEPTED_FROM`,
        the confidence from which on an item is accepted.
        """


class MetricModule(Protocol):
    """How good and how honest answers are; `metric.py`."""

    def headline(self, spec: Any) -> Headline:
        """The metric that one would quote."""

    def calibrate(self, seen: Sequence[Any], truths: Sequence[Any], spec: Any) -> dict[str, float]:
        """Fit the numbers that make confidences honest, on the `n_best` of examples held out of training.

        The truths are in prepared coordinates.
        """

    def compare(self, answers: Sequence[Any], truths: Sequence[Any], spec: Any) -> dict[str, Array]:
        """What the metrics need, as arrays with one row per example: rows may be resampled for intervals."""

    def right(self, compared: Arrays, spec: Any) -> Array:
        """(n,) bool: which answers count as right, as confidence means it."""

    # Where the kind has an `item`, also items(compared, spec) -> Items, those that count.

    def metrics(self, compared: Arrays, spec: Any) -> dict[str, float]:
        """Every published metric of this kind; nan where it is not defined on these rows."""


class AnswerKind(Facts, AnswerModule, MetricModule, Protocol):
    """One kind of question, whole: all that the other rooms ask of an answer.

    `draw.py`, `tracking.py` and `head.py` add the rest.
    """

    def items(self, compared: Arrays, spec: Any) -> Items | None:
        """What is accepted by itself; None where that is all of an answer."""

    def items_in(self, cell: str) -> float:
        """How many items the truth in a cell has; 1 where the kind has no `item`."""

    def with_hotwords(self, spec: Any, hotwords: Sequence[str]) -> Any:
        """The Spec for inputs in which these hotwords are expected. Raises UsageError where they mean nothing."""

    def with_language_model(self, spec: Any, lines: Iterable[str]) -> Any:
        """The Spec that knows some text more. Raises UsageError where text means nothing."""

    def auxiliary_target(self, cell: str, spec: Any) -> dict[str, Array]:
        """What the head's loss compares with beside the target, of one cell of the aid, "" where it is empty.

        {} where spec is learned without an aid.
        """

    def largest_object_px(self, spec: Any) -> float:
        """How far things reach that are seen rightly only as a whole, in pixels of what was learned from.

        Raises UsageError for an answer that does not say what is where, as does `merge_tiles`.
        """

    def merge_tiles(self, parts: Iterable[Part], spec: Any, calibration: Mapping[str, float]) -> Answer:
        """The one answer to a picture that was asked about in overlapping tiles, in its coordinates.

        They are taken one after the other, so that memory does not grow with the heads' arrays. Of a single tile that
        is the whole it is the answer of `to_answer`.
        """

    def means(self, heading: str) -> bool:
        """Whether a heading that is none of `columns` says that this answer stands under it, if it fits."""

    def describe(self, cells: Iterable[str], heading: str) -> str:
        """What to say of all different cells of a column, such as how many classes they tell apart; "" for nothing."""

    def in_files(self, cells: Sequence[str]) -> bool:
        """Whether cells of its column name the files that hold the answers."""

    def supports_concatenation(self, spec: Any) -> bool:
        """Whether examples one after the other have one answer together, which may be learned from too."""

    def concatenate_targets(self, targets: Sequence[Arrays], spec: Any) -> dict[str, Array]:
        """The target of examples one after the other, from theirs; of an answer that joins."""

    def check(self, answer: Any, truth: Any, duration_s: float) -> None:
        """Raises InputError for a truth that cannot be one of the same example, which goes on for so many seconds."""

    def tune(self, raws: Sequence[Arrays], truths: Sequence[Any], spec: Any) -> dict[str, float]:
        """What `n_best` rests on, chosen on the heads' arrays of some examples held out; nothing for most kinds."""

    def n_best(self, raw: Arrays, spec: Any, calibration: Mapping[str, float]) -> Any:
        """What may be answered to one example, as far as confidences do not matter: the costly half of `to_answer`.

        Where it costs nothing these are the head's arrays as they are.
        """

    def select(self, seen: Any, spec: Any, calibration: Mapping[str, float], geometry: Geometry | None) -> Answer:
        """The answer out of `n_best`: the other half of `to_answer`."""

    def decodes(self, spec: Any) -> bool:
        """Whether the head has a decoder, a second network that is asked while an answer is made."""

    def asking(self, ask: Ask) -> AnswerKind:
        """This kind, whose `tune`, `n_best` and `to_answer` ask the decoder so."""

    def draw(self, compared: Arrays, spec: Any) -> Image:
        """The picture of the report: a confusion matrix, a scatter of truth against answer."""

    def tracker(self) -> Tracker:
        """A new tracker, for one video; for an answer with `output_stride_px`."""

    def head(self, spec: Any, widths: Sequence[int]) -> nn.Module:
        """A module: forward(Cells) -> {name: (B, ...)} raw arrays; loss(raw, target) -> (B,).

        `widths` are the channels of each level of cells, finest first; the last are those of the cells themselves.
        Where the answer has `output_stride_px`, also warp_target(target, Warps) -> the target of warped examples.
        Where the kind decodes also `decoder`, a Decoder.
        """


class Decoder(Protocol):
    """A module that answers questions about one example, whose weights are the head's.

    flexible: its inputs by name, in the order of `forward`, each with the axes that may have any length.
    outputs: the names of what it gives.
    """

    flexible: Mapping[str, Mapping[int, str]]
    outputs: tuple[str, ...]

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]: ...

    def questions(self, raw: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Inputs of several shapes, from what the head gives for real examples: the longest first."""


class _Kind:
    """The AnswerKind that lies in a folder. What needs more than numpy is imported when it is asked for."""

    def __init__(self, facts: Facts, answer: AnswerModule, metric: MetricModule) -> None:
        self.name, self.columns, self.auxiliary_columns, self.senses = (
            facts.name,
            facts.columns,
            facts.auxiliary_columns,
            facts.senses,
        )
        self.supports_mixup, self.requires_full_input, self.Spec = (
            facts.supports_mixup,
            facts.requires_full_input,
            facts.Spec,
        )
        self.output_stride_px, self.item = facts.output_stride_px, facts.item
        self.plan, self.fits, self.read, self.stratum = answer.plan, answer.fits, answer.read, answer.stratum
        self.target, self.raw_shapes, self.to_answer = answer.target, answer.raw_shapes, answer.to_answer
        self.calibrate, self.compare, self.metrics = metric.calibrate, metric.compare, metric.metrics
        self.right, self.headline = metric.right, metric.headline
        self.auxiliary_target = getattr(answer, "auxiliary_target", _unaided)
        self.supports_concatenation, self.decodes = (
            getattr(answer, question, _not) for question in ("supports_concatenation", "decodes")
        )
        self.in_files = getattr(answer, "in_files", _not_in_files)
        self.means, self.describe = getattr(answer, "means", _not), getattr(answer, "describe", _nothing)
        self.check = getattr(answer, "check", _accept)
        self.tune = getattr(metric, "tune", _untuned)
        self.items, self.items_in = getattr(metric, "items", _none), getattr(answer, "items_in", _one)
        self.n_best = getattr(answer, "n_best", _as_it_is)
        self.select = getattr(answer, "select", answer.to_answer)
        self._answer = answer

    def concatenate_targets(self, targets: Sequence[Arrays], spec: Any) -> dict[str, Array]:
        target: dict[str, Array] = self._answer.concatenate_targets(targets, spec)  # type: ignore[attr-defined]
        return target

    def with_hotwords(self, spec: Any, hotwords: Sequence[str]) -> Any:
        return self._only("with_hotwords", "hotwords", WORDS)(spec, hotwords)

    def with_language_model(self, spec: Any, lines: Iterable[str]) -> Any:
        return self._only("with_language_model", "more text", WORDS)(spec, lines)

    def largest_object_px(self, spec: Any) -> float:
        return float(self._only("largest_object_px", "tiles", PLACES)(spec))

    def merge_tiles(self, parts: Iterable[Part], spec: Any, calibration: Mapping[str, float]) -> Answer:
        answer: Answer = self._only("merge_tiles", "tiles", PLACES)(parts, spec, calibration)
        return answer

    def _only(self, function: str, what: str, lacking: str) -> Callable[..., Any]:
        """A function that not all answers have."""
        if (told := getattr(self._answer, function, None)) is None:
            raise UsageError(f"{what} for an answer of the kind {self.name!r}, which {lacking}")
        found: Callable[..., Any] = told
        return found

    def asking(self, ask: Ask) -> AnswerKind:
        kind = copy(self)
        for asks in ("tune", "n_best", "to_answer"):
            setattr(kind, asks, partial(getattr(self, asks), ask=ask))
        return kind

    def draw(self, compared: Arrays, spec: Any) -> Image:
        picture: Image = import_module(f"{__name__}.{self.name}.draw").draw(compared, spec)
        return picture

    def tracker(self) -> Tracker:
        tracker: Tracker = import_module(f"{__name__}.{self.name}.tracking").create_tracker()
        return tracker

    def head(self, spec: Any, widths: Sequence[int]) -> nn.Module:
        module: nn.Module = import_module(f"{__name__}.{self.name}.head").Head(spec, widths)
        return module


def _unaided(cell: str, spec: Any) -> dict[str, Array]:
    return {}


def _not(spec: Any) -> bool:
    return False


def _nothing(cells: Iterable[str], heading: str) -> str:
    return ""


def _not_in_files(cells: Sequence[str]) -> bool:
    return False


def _accept(answer: Any, truth: Any, duration_s: float) -> None:
    """Any truth may be one of any example."""


def _none(compared: Arrays, spec: Any) -> None:
    """Of whole answers."""


def _one(cell: str) -> float:
    return 1.0


def _untuned(raws: Sequence[Arrays], truths: Sequence[Any], spec: Any) -> dict[str, float]:
    return {}


def _as_it_is(raw: Arrays, spec: Any, calibration: Mapping[str, float]) -> Arrays:
    return raw


_KINDS: tuple[AnswerKind, ...] = (
    _Kind(label, label.answer, label.metric),
    _Kind(score, score.answer, score.metric),
    _Kind(text, text.answer, text.metric),
    _Kind(boxes, boxes.answer, boxes.metric),
    _Kind(mask, mask.answer, mask.metric),
)

ANSWERS: dict[str, AnswerKind] = {kind.name: kind for kind in _KINDS}
