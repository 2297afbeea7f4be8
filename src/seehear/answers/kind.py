"""The interface of an answer kind: a core that every kind has, and capabilities that a kind has or lacks (None).

Callers ask `if kind.spatial is not None:` before they use a capability. To add a kind, see CONTRIBUTING.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from numpy.typing import NDArray
from pydantic import BaseModel

from seehear.answers.class_names import ClassExtension
from seehear.answers.items import ItemCount, Items
from seehear.answers.regions import DrawnRegions as DrawnRegions
from seehear.decoding.autoregressive import RunDecoder as RunDecoder
from seehear.errors import UsageError
from seehear.geometry import Geometry, Tile, Warp

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Shape = tuple[int | str, ...]  # a letter is a length that varies by example but is the same in all its arrays


class Answer(Protocol):
    """One answer to one example: either a truth read from a table or a prediction."""

    @property
    def confidence(self) -> float:
        """Calibrated probability that this answer is right, 0 to 1; 1 for a truth."""

    @property
    def alternatives(self) -> Sequence[tuple[Any, float]]:
        """The next likeliest answers with their probabilities, best first; () for kinds without."""

    def transform(self, warp: Warp) -> Answer:
        """The answer in warped coordinates."""

    def to_json(self) -> dict[str, Any]: ...

    def to_cell(self) -> str:
        """A table cell that is read as the same truth, so that a reviewed answer can be trained on."""

    def files(self) -> Mapping[str, bytes]:
        """The usual file formats of such an answer, by extension: subtitles, a picture; {} if one line says it all."""

    def to_marked_text(self) -> str:
        """One line for people, with a mark at every item that is not accepted."""

    def __str__(self) -> str:
        """The whole answer in one line, for programs too."""


class ItemisedAnswer(Answer, Protocol):
    """An answer of a kind with `items`."""

    @property
    def items(self) -> ItemCount:
        """How many of its items are accepted."""

    def reject_items(self) -> Answer:
        """The same answer with no item accepted."""


class SpatialAnswer(Answer, Protocol):
    """An answer of a kind with `spatial`."""

    def draw_on(self, picture: Image, classes: Sequence[str] = ()) -> Image:
        """A copy of the picture, enlarged if it is small, with the answer over it. `classes` have the first colours."""


class Tracker(Protocol):
    """Follows objects through one video, frame by frame. Its `str` and `to_json` sum up the video so far."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of a table of everything found in the video."""

    def track(self, answers: Iterable[tuple[float, Any]]) -> Iterator[Any]:
        """Each answer with its objects tracked, in order and at most one frame late.

        Answers come with their times in seconds, ascending; None for a frame without an answer stays None.
        """

    def rows(self, answer: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of the table for one frame."""

    def to_json(self) -> dict[str, Any]: ...


class Decoder(Protocol):
    """A head's second network, which is run many times while one answer is decoded; part of the head's weights.

    dynamic_axes: its inputs by name, in the order of `forward`, each with the axes whose length varies.
    outputs: the names of its outputs.
    quantised: whether its products are exported in 8-bit integers.
    """

    dynamic_axes: Mapping[str, Mapping[int, str]]
    outputs: tuple[str, ...]
    quantised: bool

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]: ...

    def example_inputs(self, raw: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Sample inputs of several shapes, longest first, from the head's output for real examples."""


class Headline(NamedTuple):
    """The metric to quote: a key of `metrics`, and whether higher is better."""

    metric: str
    higher_is_better: bool


class TileOutput(NamedTuple):
    """The head's arrays for one tile of a picture, without a batch axis; and how the tile was preprocessed."""

    raw: Arrays
    tile: Tile
    geometry: Geometry

    @property
    def warp(self) -> Warp:
        """From coordinates (x, y) of the whole picture to those of the preprocessed tile."""
        left_top = self.tile.start[::-1]
        return Warp((1.0,) * len(left_top), tuple(-float(px) for px in left_top)).then(self.geometry.warp)


SpecT = TypeVar("SpecT", bound=BaseModel)
AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True)
class ItemScoring(Generic[SpecT]):
    """Parts of an answer that are accepted one by one: boxes, words, pixels. Its answers are `ItemisedAnswer`s.

    noun    what an item is called: box, word, pixel
    count   (cell) -> the number of items of the truth in a table cell
    score   (compared, spec) -> the items, their confidence and whether they are wrong; from the output of `compare`
    """

    noun: str
    count: Callable[[str], float]
    score: Callable[[Arrays, SpecT], Items]


@dataclass(frozen=True)
class Spatial(Generic[SpecT, AnswerT]):
    """Answers that locate things in a picture: `SpatialAnswer`s, whose `target` is warped by `geometry`. Their head has
    warp_target(target, Warps) -> the warped target.

    output_stride_px    pixels between the finest cells that the head reads
    largest_object_px   (spec) -> the size up to which an object should be whole in some tile, in training pixels
    merge_tiles         (outputs, spec, calibration) -> one answer, in the coordinates of the whole picture. Takes one
                        output at a time, so that memory does not grow with their number. For a single tile that is
                        the whole picture it equals `to_answer`.
    tracker             () -> a new Tracker for one video
    """

    output_stride_px: int
    largest_object_px: Callable[[SpecT], float]
    merge_tiles: Callable[[Iterable[TileOutput], SpecT, Mapping[str, float]], AnswerT]
    tracker: Callable[[], Tracker]


@dataclass(frozen=True)
class Decoding(Generic[SpecT, AnswerT]):
    """Answers decoded by a search over tokens.

    with_hotwords         (spec, hotwords) -> the Spec for inputs in which these words are expected
    with_language_model   (spec, lines) -> the Spec with a language model that has also read these lines
    uses_network          (spec) -> whether the head has a `decoder`, a Decoder
    with_network          (run) -> this kind, with a decoder network to run
    with_task             (spec, language, translate) -> the Spec for a spoken language (None: any), or to translate it
    with_language         (raws, spec) -> the Spec in the language of a recording, from the first windows that it needs
    needs_windows         (spec) -> whether a recording is split at pauses into windows with speech
    recognises_silence    (spec) -> whether only recordings that are too long are split, as it was trained on silence
    join                  (answers) -> the answer to a recording from those to its windows
    """

    with_hotwords: Callable[[SpecT, Sequence[str]], SpecT]
    with_language_model: Callable[[SpecT, Iterable[str]], SpecT]
    uses_network: Callable[[SpecT], bool]
    with_network: Callable[[RunDecoder], AnswerKind[SpecT, AnswerT]]
    with_task: Callable[[SpecT, str | None, bool], SpecT]
    with_language: Callable[[Iterable[Arrays], SpecT], SpecT]
    needs_windows: Callable[[SpecT], bool]
    recognises_silence: Callable[[SpecT], bool]
    join: Callable[[Sequence[AnswerT]], AnswerT]


@dataclass(frozen=True)
class Auxiliary(Generic[SpecT]):
    """A second column as an extra training target: words spoken, beside a translation. It is never predicted.

    columns   its usual headings, likeliest first
    target    (cell, spec) -> arrays to add to the target; {} if spec was planned without such a column
    """

    columns: tuple[str, ...]
    target: Callable[[str, SpecT], dict[str, Array]]


@dataclass(frozen=True)
class Concatenation(Generic[SpecT]):
    """Examples that may be concatenated in time for training.

    supports   (spec) -> whether a sequence of examples has one answer
    targets    (targets, spec) -> the target of the sequence; also of none
    """

    supports: Callable[[SpecT], bool]
    targets: Callable[[Sequence[Arrays], SpecT], dict[str, Array]]


class AnswerKind(ABC, Generic[SpecT, AnswerT]):
    """One kind of answer. A subclass in the `__init__.py` of a folder of its own, beside `draw.py` and `head.py`.

    name                  the folder, the table column, the flag and the key in printed results
    columns               headings that mean this kind, likeliest first
    senses                the sets of senses that it is tested with
    Spec                  what `plan` learns about a column: classes, unit; saved in the recipe
    supports_mixup        whether two blended examples have a blend of both targets
    requires_full_input   whether the answer depends on all of an example, so that none of it may be cut off
    supports_pseudo_labels  whether confident answers to unlabelled examples may be trained on
    """

    name: str
    columns: tuple[str, ...]
    senses: tuple[frozenset[str], ...]
    Spec: type[SpecT]
    supports_mixup: bool = False
    requires_full_input: bool = False
    supports_pseudo_labels: bool = False

    items: ItemScoring[SpecT] | None = None
    spatial: Spatial[SpecT, AnswerT] | None = None
    regions: DrawnRegions[AnswerT] | None = None
    decoding: Decoding[SpecT, AnswerT] | None = None
    auxiliary: Auxiliary[SpecT] | None = None
    concatenation: Concatenation[SpecT] | None = None
    extension: ClassExtension | None = None

    # From a column of a table to a Spec

    @abstractmethod
    def plan(self, cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> SpecT:
        """The Spec of a column. `auxiliary`: the cells of a second one. Raises DataError if it cannot be trained on."""

    @abstractmethod
    def fits(self, cells: Sequence[str], heading: str) -> bool:
        """Whether cells under a heading that is not in `columns` look like this kind."""

    def means(self, heading: str) -> bool:
        """Whether a heading that is not in `columns` still says that this kind is under it, if it fits."""
        return False

    def describe(self, cells: Iterable[str], heading: str) -> str:
        """What to report about the distinct cells of a column, such as the number of classes; "" for nothing."""
        return ""

    def in_files(self, cells: Sequence[str]) -> bool:
        """Whether cells name files that hold the answers."""
        return False

    # From a cell to a truth and a training target

    def check_cell(self, cell: str) -> None:
        """Raises InputError for a cell that is no truth of this kind, whatever the Spec."""

    @abstractmethod
    def read(self, cell: str, spec: SpecT) -> AnswerT:
        """The truth in one cell. Raises InputError for what spec does not know."""

    @abstractmethod
    def stratum(self, cell: str) -> str:
        """What a split should balance: the class; "" for nothing."""

    @abstractmethod
    def target(self, answer: AnswerT, spec: SpecT, geometry: Geometry | None) -> dict[str, Array]:
        """What the head's loss compares with: one example, no batch axis. Batches are padded with zeros.

        Raises InputError if the truth cannot belong to the example that `geometry` describes.
        """

    def check(self, answer: AnswerT, truth: AnswerT, duration_s: float) -> None:
        """Raises InputError for a truth that cannot belong to its example, which lasts `duration_s` seconds."""

    # From the head's arrays to an answer

    @abstractmethod
    def raw_shapes(self, spec: SpecT) -> Mapping[str, Shape]:
        """The head's arrays by name and their shapes, without the batch axis; other graphs are refused."""

    @abstractmethod
    def to_answer(
        self, raw: Arrays, spec: SpecT, calibration: Mapping[str, float], geometry: Geometry | None
    ) -> AnswerT:
        """The answer to one example, in the coordinates of the original, or the preprocessed ones without `geometry`.

        `calibration` holds what was fitted and, when serving, `items.ACCEPT_THRESHOLD`, the least confidence of an
        accepted item.
        """

    def search(self, raw: Arrays, spec: SpecT) -> Any:
        """The first of three steps of `to_answer`; it depends on nothing fitted. By default it does nothing."""
        return raw

    def tune(self, searched: Sequence[Any], truths: Sequence[AnswerT], spec: SpecT) -> dict[str, float]:
        """Fit what `n_best` depends on, such as weights, on the outputs of `search` for held-out examples."""
        return {}

    def n_best(self, searched: Any, spec: SpecT, calibration: Mapping[str, float], /) -> Any:
        """The second step, from the output of `search`; it does not depend on calibrated confidences."""
        return searched

    def select(
        self, n_best: Any, spec: SpecT, calibration: Mapping[str, float], geometry: Geometry | None, /
    ) -> AnswerT:
        """The last step: the answer from the output of `n_best`."""
        return self.to_answer(n_best, spec, calibration, geometry)

    # Calibration and metrics

    @abstractmethod
    def calibrate(self, n_best: Sequence[Any], truths: Sequence[AnswerT], spec: SpecT, /) -> dict[str, float]:
        """Fit calibration to the outputs of `n_best` for held-out examples; truths are in preprocessed coordinates."""

    @abstractmethod
    def compare(self, answers: Sequence[AnswerT], truths: Sequence[AnswerT], spec: SpecT) -> dict[str, Array]:
        """What the metrics need, as arrays with one row per example: rows may be resampled for intervals."""

    @abstractmethod
    def right(self, compared: Arrays, spec: SpecT) -> Array:
        """(n,) bool: which answers count as right, in the sense of `confidence`."""

    @abstractmethod
    def metrics(self, compared: Arrays, spec: SpecT) -> dict[str, float]:
        """Every published metric of this kind; nan if undefined on these rows."""

    @abstractmethod
    def headline(self, spec: SpecT) -> Headline:
        """The metric to quote."""

    # What needs more than numpy, imported on use

    def draw(self, compared: Arrays, spec: SpecT) -> Image:
        """The figure of the report: a confusion matrix, a scatter plot of truth against answer."""
        figure: Image = import_module(f"{type(self).__module__}.draw").draw(compared, spec)
        return figure

    def head(self, spec: SpecT, widths: Sequence[int]) -> nn.Module:
        """A module: forward(Cells) -> {name: (B, ...)} raw arrays; loss(raw, target) -> (B,). `widths`: the channels of
        each level of cells, finest first; the last are those of the cells themselves."""
        module: nn.Module = import_module(f"{type(self).__module__}.head").Head(spec, widths)
        return module

    # What callers ask about a capability that may be missing

    @property
    def item(self) -> str:
        """What is accepted individually within an answer: box, word, pixel; "" if only the whole answer is."""
        return self.items.noun if self.items else ""

    def count_items(self, cell: str) -> float:
        """The number of items of the truth in a table cell; 1 if only whole answers are accepted."""
        return self.items.count(cell) if self.items else 1.0

    @property
    def output_stride_px(self) -> int | None:
        return self.spatial.output_stride_px if self.spatial else None

    @property
    def auxiliary_columns(self) -> tuple[str, ...]:
        return self.auxiliary.columns if self.auxiliary else ()

    def require_decoding(self, what: str) -> Decoding[SpecT, AnswerT]:
        """Raises UsageError for kinds that are not decoded; `what` names the request."""
        if self.decoding is None:
            raise UsageError(f"{what} for an answer of the kind {self.name!r}, which is not made of words")
        return self.decoding

    def require_spatial(self, what: str) -> Spatial[SpecT, AnswerT]:
        """Raises UsageError for kinds that do not locate things; `what` names the request."""
        if self.spatial is None:
            raise UsageError(f"{what} for an answer of the kind {self.name!r}, which does not say what is where")
        return self.spatial


AnyKind = AnswerKind[Any, Any]
