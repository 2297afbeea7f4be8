"""The recipe: everything about a recogniser but its weights, as one frozen value, saved beside them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from seehear.amounts import format_count, format_duration
from seehear.answers import ANSWERS
from seehear.answers.items import NEVER
from seehear.answers.selective import DEFAULT_RISK, GROWTHS
from seehear.effects import Comparison, Fairness, Robustness, Tries, UnlabelledUse
from seehear.errors import DataError
from seehear.senses import SENSES

FORMAT: Final = 1  # version of recipes and of model files; increased when older programs cannot read the new ones
MOST_VALUES = 500_000  # in a JSON or TOML file, so that reading one takes less than a second
UPGRADE = "upgrade with pip install -U seehear"
MAX_SETS = 1 << len(SENSES)  # of senses in use
SEEDS = 1 << 32  # seeds are below
MOST_USUAL = 1000  # values of `Usual`
DIGITS = 4  # so that equal inputs have equal values, wherever they were computed
UsualValues = Annotated[tuple[float, ...], Field(max_length=MOST_USUAL)]
Precision = Literal["float32", "bfloat16"]
Folds = Literal[0, 2, 3, 4, 5]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RiskCoverageCurve(Frozen):
    """The risk of accepted items by confidence threshold, from held-out examples.

    `confidence` descends. wrong[i] is an upper bound on the share of errors among items of at least confidence[i].
    """

    confidence: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.confidence) != len(self.wrong):
            raise ValueError("confidence and wrong differ in length")
        return self

    def threshold(self, wrong_at_most: float) -> float:
        """The lowest confidence with at most this risk; NEVER if there is none."""
        good = [c for c, w in zip(self.confidence, self.wrong, strict=True) if w <= wrong_at_most]
        return min(good, default=NEVER)


class CoverageCurve(Frozen):
    """The share of true things that a prediction set misses, by its threshold, from held-out examples.

    `threshold` ascends. missed[i] is an upper bound on the share that is not in a set with threshold[i].

    held_out   the effective number of true things
    """

    threshold: tuple[float, ...] = ()
    missed: tuple[float, ...] = ()
    held_out: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.threshold) != len(self.missed):
            raise ValueError("threshold and missed differ in length")
        return self

    @property
    def largest(self) -> float:
        """The largest coverage that is supported; 0 if none is."""
        return 1 - min(self.missed, default=1.0)

    def least_threshold(self, coverage: float) -> float | None:
        """The smallest sets with at least this coverage; None if no threshold has it."""
        enough = [t for t, m in zip(self.threshold, self.missed, strict=True) if m <= 1 - coverage]
        return min(enough, default=None)


class SelectivePrediction(Frozen):
    """When to accept an answer, for one set of senses in use.

    risk            of items: the boxes, words or pixels of an answer, or the whole answer
    whole_risk      of whole answers, if their items are accepted one by one
    forecast        the least risks of items that more held-out examples would probably show, for each of GROWTHS
    wrong_at_most   the target risk: the share of accepted items that may be wrong
    more_held_out   how many more held-out examples would allow the default target risk; None if no number would
    few_groups      the number of speakers, patients or the like among the held-out examples, if it is too small to
                    show how much they differ; otherwise 0
    """

    calibration: dict[str, float] = Field(default={}, max_length=1000)
    risk: RiskCoverageCurve = RiskCoverageCurve()
    whole_risk: RiskCoverageCurve = RiskCoverageCurve()
    forecast: tuple[float, ...] = Field(default=(), max_length=len(GROWTHS))
    wrong_at_most: float = Field(default=DEFAULT_RISK, gt=0, lt=1)
    more_held_out: int | None = Field(default=0, ge=0)
    few_groups: int = Field(default=0, ge=0)

    def growth_for(self, wrong_at_most: float) -> float | None:
        """How many times as many held-out examples would probably show this risk; None if not even the most would."""
        enough = (times for times, risk in zip(GROWTHS, self.forecast, strict=False) if risk <= wrong_at_most)
        return next(enough, None)


class Promise(Frozen):
    """The prediction sets that a model gives unless a caller asks for others: see `PredictOptions`."""

    coverage: float = Field(gt=0, lt=1)
    each_class: bool = False
    each_group: str = Field(default="", max_length=1000)


class Training(Frozen):
    """The settings of training. `steps`, if given, replaces the time limit `minutes`.

    batch       examples
    precision   "auto" takes the faster one, timed during training; float32 with `steps`, so that a run repeats exactly
    held_out    share of the examples that are held out for calibration and evaluation
    folds       parts of the training examples for cross-fitting; 0: only the held-out examples calibrate
    fair        a column of the metadata whose groups weigh the same, however small; "" for none
    robust      whether inputs are distorted as other devices and surroundings would
    """

    minutes: float = Field(gt=0)
    steps: int | None = Field(default=None, ge=0)  # 0: a pretrained encoder with a fitted head
    seed: int = Field(default=0, ge=0, lt=SEEDS)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    precision: Literal["auto"] | Precision = "auto"
    held_out: float = Field(default=0.1, gt=0, lt=1)
    folds: Folds = 0
    fair: str = Field(default="", max_length=1000)
    robust: bool = False


class Alternative(Frozen):
    """A network with random weights that is trained too. The better one on held-out examples is kept.

    pretrained_share   of the time, for the network with the pretrained encoder before both are compared
    share              of the time, for this network before both are compared; what is left is for the better one
    """

    senses: dict[str, SerializeAsAny[BaseModel]]
    width: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    pretrained_share: float = Field(gt=0, lt=1)
    share: float = Field(gt=0, lt=1)

    @property
    def left(self) -> float:
        """The share of the time that is left for the better one after the comparison; 0 if both are fully trained."""
        return max(0.0, round(1 - self.pretrained_share - self.share, 9))

    @field_validator("senses", mode="before")
    @classmethod
    def _senses(cls, value: Any) -> dict[str, BaseModel]:
        return _read_senses(value)

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.pretrained_share + self.share > 1 + 1e-9:
            raise ValueError("pretrained_share and share are more than 1 together")
        return self


class Provenance(Frozen):
    """What a model learned from, and what its training took.

    examples      in its data, also those that were held out or left out
    data_sha256   of the contents of their files and their answers
    processor_s   seconds of processor time, of all threads; None if the training was resumed, or has a given number of
                  steps, which repeats it exactly
    energy_j      joules of all processors meanwhile, by their counters; None if these may not be read
    """

    examples: int = Field(ge=0)
    data_sha256: str = Field(pattern="[0-9a-f]{64}")
    processor_s: float | None = Field(default=None, ge=0)
    energy_j: float | None = Field(default=None, ge=0)


class Usual(Frozen):
    """What reference examples measured, to detect whether new inputs differ; see `to_usual`.

    unfamiliarity   by sense: the out-of-distribution scores of held-out examples
    measured        by sense and input statistic: of training examples
    confidence      of answers to held-out examples with all senses
    answers         numbers in the same answers, by name
    classes         how many of the same answers name each class
    """

    unfamiliarity: dict[str, UsualValues] = Field(default={}, max_length=MAX_SETS)
    measured: dict[str, dict[str, UsualValues]] = Field(default={}, max_length=MAX_SETS)
    confidence: UsualValues = ()
    answers: dict[str, UsualValues] = Field(default={}, max_length=MAX_SETS)
    classes: dict[str, int] = Field(default={}, max_length=10_000)


class Recipe(Frozen):
    """A recogniser's shape, complete before its weights: senses, answer, training, later when to accept."""

    format: Literal[1] = FORMAT
    senses: dict[str, SerializeAsAny[BaseModel]]
    kind: str
    answer: SerializeAsAny[BaseModel]
    width: int = Field(gt=0)  # D, channels of the cells where senses meet
    training: Training
    starts: dict[str, str] = Field(default={}, max_length=MAX_SETS)  # by sense: the pretrained encoder it starts from
    wrong_at_most: float | None = Field(default=None, gt=0, lt=1)  # given by the user; None: chosen in training
    # By senses in use, joined with "+": "image+audio", "image", "audio".
    selective: dict[str, SelectivePrediction] = Field(default={}, max_length=MAX_SETS)
    # By senses in use, then by class, with EVERY_CLASS for all: the coverage of prediction sets.
    coverage: dict[str, dict[str, CoverageCurve]] = Field(default={}, max_length=MAX_SETS)
    # By senses in use, then by column of metadata: the coverage of prediction sets in every group of it.
    group_coverage: dict[str, dict[str, CoverageCurve]] = Field(default={}, max_length=MAX_SETS)
    promise: Promise | None = None  # given by the user
    # By sense: the out-of-distribution score above which an input is unlike the training data.
    ood_threshold: dict[str, float] = Field(default={}, max_length=MAX_SETS)
    # By sense and statistic: the range that contains 96 % of the training examples.
    input_statistics: dict[str, dict[str, tuple[float, float]]] = Field(default={}, max_length=MAX_SETS)
    usual: Usual = Usual()
    # Classes added after training, with their number of examples.
    added: dict[str, int] = Field(default={}, max_length=10_000)
    groups_seen: str = ""  # the groups, such as speakers, that the results were measured on
    # By senses in use: metrics on the held-out examples, and on the cross-fitted ones.
    results: dict[str, dict[str, Any]] = Field(default={}, max_length=MAX_SETS)
    # How many of these are training examples, answered by networks that were trained without them.
    cross_fitted: int = Field(default=0, ge=0)
    comparison: Comparison | None = None
    alternative: Alternative | None = None
    unlabelled: UnlabelledUse | None = None
    fairness: Fairness | None = None
    robustness: Robustness | None = None
    tries: Tries | None = None
    provenance: Provenance | None = None

    @field_validator("format", mode="before")
    @classmethod
    def _format(cls, value: Any) -> Any:
        if type(value) is int and value > FORMAT:
            raise PydanticCustomError("newer", "{said}: {hint}", {"said": newer(value), "hint": UPGRADE})
        return value

    @field_validator("senses", mode="before")
    @classmethod
    def _senses(cls, value: Any) -> dict[str, BaseModel]:
        return _read_senses(value)

    @field_validator("answer", mode="before")
    @classmethod
    def _answer(cls, value: Any, info: Any) -> BaseModel:
        if info.data.get("kind") not in ANSWERS:
            raise ValueError(f"kind must be one of {', '.join(ANSWERS)}")
        spec: BaseModel = ANSWERS[info.data["kind"]].Spec.model_validate(_plain(value))
        return spec

    def describe_training(self, examples: int) -> str:
        """What is about to be trained, on how many examples, and for how long."""
        steps, minutes = self.training.steps, self.training.minutes
        amount = format_count(steps, "step") if steps else format_duration(60 * minutes)
        sizes = "; ".join(f"{name}: {spec}" for name, spec in self.senses.items())
        training = f"training '{self.kind}' on {format_count(examples, 'example')} will take {amount}"
        if (second := self.alternative) is not None:
            own, other, left = (f"{100 * each:.0f} %" for each in (second.pretrained_share, second.share, second.left))
            training += f": {own} of it for this network, {other} for one with random weights, to compare"
            training += f", and {left} for the better one" if second.left else ""
        return f"{training}. {sizes}; answering with {self.answer}"

    def to_json(self) -> str:
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        """Raises DataError, naming the field, for what is not a recipe."""
        _check_amount(text)
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise DataError(f"not a recipe: {_first(error)}", where="recipe.json") from None

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        _check_amount(text)
        try:
            return cls.model_validate(tomllib.loads(text))
        except ValidationError as error:
            raise DataError(f"not a recipe: {_first(error)}", where="recipe") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"not TOML: {error}", where="recipe") from None


def keep_digits(value: float) -> float:
    """Rounded to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def to_usual(values: Iterable[float]) -> tuple[float, ...]:
    """As `Usual` keeps them: sorted, so that nobody can tell which belong to the same example."""
    return tuple(sorted(map(keep_digits, values)))


def newer(number: int) -> str:
    """The message for a file of a newer format."""
    return f"this was written by a newer seehear (format {number:,}; this one reads up to {FORMAT})"


def opaque(spec: BaseModel) -> set[str]:
    """The fields of a Spec that nobody edits and that follow from a table: those without a repr."""
    return {name for name, field in type(spec).model_fields.items() if not field.repr}


def _check_amount(text: str | bytes) -> None:
    """Raises DataError for more values than a recipe can have."""
    content = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if (values := sum(content.count(mark) for mark in (b",", b"[", b"{", b"="))) > MOST_VALUES:
        raise DataError(f"not a recipe: {values:,} values", where="recipe", allowed=f"at most {MOST_VALUES:,}")


def used_key(used: Iterable[str]) -> str:
    """The key of `Recipe.selective` for a set of senses: their names in SENSES' order, joined with +."""
    wanted = set(used)
    return "+".join(name for name in SENSES if name in wanted)


def _first(error: ValidationError) -> str:
    """The first of pydantic's errors in one line: the field and what is wrong with it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]


def _read_senses(value: Any) -> dict[str, BaseModel]:
    if not isinstance(value, dict) or not value or not value.keys() <= SENSES.keys():
        raise ValueError(f"needs one or more of {', '.join(SENSES)}")
    return {name: SENSES[name].Spec.model_validate(_plain(spec)) for name, spec in value.items()}


def _plain(spec: Any) -> Any:
    return spec.model_dump() if isinstance(spec, BaseModel) else spec
