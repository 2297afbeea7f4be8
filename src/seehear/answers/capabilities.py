"""The parts of the interface of an answer kind: what answers are, and the capabilities that a kind has or lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from numpy.typing import NDArray
from pydantic import BaseModel

from seehear.answers.items import ItemCount, Items
from seehear.decoding.autoregressive import RunDecoder
from seehear.geometry import Geometry, Tile, Warp

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from seehear.answers.kind import AnswerKind

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
        """The next most likely answers with their probabilities, best first; () for kinds without."""

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


class TileOutput(NamedTuple):
    """The head's arrays for one tile of a picture, without a batch axis; and how the tile was preprocessed."""

    raw: Arrays
    tile: Tile
    geometry: Geometry

    @property
    def warp(self) -> Warp:
        """Maps coordinates (x, y) of the whole picture to those of the preprocessed tile."""
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
    metrics (compared, items, spec) -> metrics that depend on which items are accepted; None without any
    """

    noun: str
    count: Callable[[str], float]
    score: Callable[[Arrays, SpecT], Items]
    metrics: Callable[[Arrays, Items, SpecT], dict[str, float]] | None = None


@dataclass(frozen=True)
class Spatial(Generic[SpecT, AnswerT]):
    """Answers that locate things in a picture: `SpatialAnswer`s, whose `target` is warped by `geometry`. Their head has
    warp_target(target, Warps) -> the warped target.

    output_stride_px    pixels between the finest cells that the head reads
    largest_object_px   (spec) -> the size up to which an object should be whole in some tile, in training pixels
    merge_tiles         (outputs, spec, calibration) -> one answer, in the coordinates of the whole picture. Takes one
                        output at a time, so that memory does not grow with their number. For a single tile that is
                        the whole picture it equals `to_answer`.
    map_confidence      (raw, spec, calibration) -> (h, w), 0 to 1: how sure it is of what it finds at each place of a
                        preprocessed picture
    tracker             () -> a new Tracker for one video
    """

    output_stride_px: int
    largest_object_px: Callable[[SpecT], float]
    merge_tiles: Callable[[Iterable[TileOutput], SpecT, Mapping[str, float]], AnswerT]
    map_confidence: Callable[[Arrays, SpecT, Mapping[str, float]], Array]
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

    columns   its usual headings, most likely first
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
