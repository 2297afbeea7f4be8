"""The interface of an answer kind: a core that every kind has, and capabilities that a kind has or lacks (None).

Callers ask `if kind.spatial is not None:` before they use a capability. To add a kind, see CONTRIBUTING.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from seehear.answers.capabilities import Answer as Answer
from seehear.answers.capabilities import AnswerT, Array, Auxiliary, Concatenation, Decoding, ItemScoring, Spatial, SpecT
from seehear.answers.capabilities import Arrays as Arrays
from seehear.answers.capabilities import Decoder as Decoder
from seehear.answers.capabilities import ItemisedAnswer as ItemisedAnswer
from seehear.answers.capabilities import Shape as Shape
from seehear.answers.capabilities import SpatialAnswer as SpatialAnswer
from seehear.answers.capabilities import TileOutput as TileOutput
from seehear.answers.capabilities import Tracker as Tracker
from seehear.answers.class_names import ClassExtension
from seehear.answers.class_rates import ClassRates
from seehear.answers.doubt import Doubt
from seehear.answers.prediction_sets import PredictionSets
from seehear.answers.quantity import Quantity
from seehear.answers.regions import DrawnRegions as DrawnRegions
from seehear.answers.suspect import Suspect
from seehear.decoding.autoregressive import RunDecoder as RunDecoder
from seehear.errors import UsageError
from seehear.geometry import Geometry, Grid

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn


class Headline(NamedTuple):
    """The metric to quote: a key of `metrics`, and whether higher is better.

    whole   the value that is 100 %; None for a metric in the unit of the answers
    """

    metric: str
    higher_is_better: bool
    whole: float | None = 1.0


class AnswerKind(ABC, Generic[SpecT, AnswerT]):
    """One kind of answer. A subclass in the `__init__.py` of a folder of its own, beside `draw.py` and `head.py`.

    name                  the folder, the table column, the flag and the key in printed results
    columns               headings that mean this kind, most likely first
    senses                the sets of senses that it is tested with
    Spec                  what `plan` learns about a column: classes, unit; saved in the recipe
    supports_mixup        whether two blended examples have a blend of both targets
    requires_full_input   whether the answer depends on all of an example, so that none of it may be cut off
    supports_pseudo_labels  whether confident answers to unlabelled examples may be trained on
    hub_tasks             by senses, joined with +, what the Hugging Face hub calls the task
    """

    name: str
    columns: tuple[str, ...]
    senses: tuple[frozenset[str], ...]
    Spec: type[SpecT]
    supports_mixup: bool = False
    requires_full_input: bool = False
    supports_pseudo_labels: bool = False
    hub_tasks: tuple[tuple[str, str], ...] = ()

    items: ItemScoring[SpecT] | None = None
    spatial: Spatial[SpecT, AnswerT] | None = None
    prediction_sets: PredictionSets[SpecT, AnswerT] | None = None
    regions: DrawnRegions[AnswerT] | None = None
    decoding: Decoding[SpecT, AnswerT] | None = None
    auxiliary: Auxiliary[SpecT] | None = None
    concatenation: Concatenation[SpecT] | None = None
    rates: ClassRates | None = None
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
        """Raises InputError for a cell that is not a truth of this kind with any Spec."""

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

    def find_doubts(self, cells: Sequence[str], grids: Sequence[Sequence[Grid]]) -> Iterable[Doubt]:
        """Truths of a column that may be wrong, without a model; `grids` has the extents of the inputs of each row."""
        return ()

    def find_suspects(self, answers: Sequence[AnswerT], truths: Sequence[AnswerT], spec: SpecT) -> Iterable[Suspect]:
        """Truths that are probably wrong, from answers of models that have not learned from these examples."""
        return ()

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

    def quantities(
        self, answer: AnswerT, raw: Arrays, spec: SpecT, calibration: Mapping[str, float], /
    ) -> Sequence[Quantity]:
        """What can be explained of an answer in preprocessed coordinates, what matters most first; () if nothing."""
        return ()

    def read_classes(self, written: Any, spec: SpecT) -> Sequence[str] | None:
        """The classes in an answer that `to_json` or a log wrote; None if it does not say, or has none."""
        return None

    def read_numbers(self, written: Any) -> Mapping[str, float]:
        """Numbers, by name, in what an answer's `to_json` wrote, to monitor over many answers; {} if it has none."""
        return {}

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
