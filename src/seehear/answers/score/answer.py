"""A score: one number with a unit and a direction; what a column of numbers is, and one number of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seehear.answers.heading import are_identifiers
from seehear.errors import BundleError, DataError, InputError
from seehear.geometry import Geometry, Warp

Z_90 = 1.6448536269514722  # standard deviations on either side that hold 90 % of a normal distribution
MAX_NUMERIC_CLASSES = 20  # more distinct numbers are measurements, not classes
SAMPLE = 10_000  # cells that `fits` looks at
MISSING = frozenset(("na", "n/a", "nan", "null", "none", "-", "--", "–", "?", "."))  # words for no number
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
UNITS = frozenset(
    (
        *("s", "ms", "sec", "seconds", "min", "minutes", "h", "hours", "days", "weeks", "months", "years"),
        *("mm", "cm", "m", "km", "inch", "inches", "ft", "px", "mm2", "cm2", "m2", "ml", "l", "cm3", "m3"),
        *("mg", "g", "kg", "t", "lb", "n", "kn", "pa", "kpa", "bar", "mmhg", "j", "kj", "kcal", "w", "kw"),
        *("v", "mv", "a", "ma", "hz", "khz", "mhz", "bpm", "rpm", "db", "dba", "c", "f", "k", "deg", "degrees"),
        *("percent", "pct", "ppm", "points", "stars", "eur", "usd", "euro", "dollars"),
    )
)

Array = NDArray[Any]
Direction = Literal["better", "worse", "more"]


class ScoreSpec(BaseModel):
    """The unit and direction of a number and its distribution in the examples, in that unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: str = ""
    higher_is: Direction = "more"
    mean: float
    spread: float = Field(gt=0)  # standard deviation
    low: float
    high: float
    tolerance: float = Field(gt=0)  # largest error of a right answer

    def __str__(self) -> str:
        direction = "" if self.higher_is == "more" else f", higher is {self.higher_is}"
        unit = f" in {self.unit}" if self.unit else ", unit unknown"
        return f"a number{unit}{direction}, {self.low:g} to {self.high:g}; right within {self.tolerance:g}"


@dataclass(frozen=True)
class Score:
    """`value`, and the 90 % prediction interval from `low` to `high`."""

    value: float
    unit: str
    low: float
    high: float
    confidence: float = 1.0

    @property
    def alternatives(self) -> tuple[()]:
        return ()

    def transform(self, warp: Warp) -> Score:
        """The number does not depend on position."""
        return self

    def to_json(self) -> dict[str, Any]:
        return {"score": _short(self.value), "unit": self.unit, "low": _short(self.low), "high": _short(self.high)}

    def to_cell(self) -> str:
        """The value alone, with all its digits."""
        return repr(float(self.value))

    def files(self) -> dict[str, bytes]:
        return {}

    def to_marked_text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return format_interval(self.value, self.low, self.high, self.unit)


def format_interval(value: float, low: float, high: float, unit: str) -> str:
    """A number with its interval in brackets, to two digits of the interval's width."""
    width = high - low
    places = 1 - math.floor(math.log10(width)) if width > 0 else 6
    numbers = [f"{_short(round(n, places)):g}" for n in (value, low, high)]
    named = f" {unit}" if unit else ""
    return numbers[0] + named + (f" ({numbers[1]} to {numbers[2]})" if width > 0 else "")


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> ScoreSpec:
    """The distribution of the numbers, with unit and direction from the heading. Cells without a number are left out.

    Raises DataError if most have none, or if all numbers are the same.
    """
    where = f"column '{column}'"
    numbers, strange = _numbers(cells)
    if not numbers and not strange:
        raise DataError("contains no answers", where=where, hint="give every example its number")
    if len(strange) > len(numbers):
        raise DataError(
            f"{len(strange):,} of {len(strange) + len(numbers):,} answers are not numbers, such as '{strange[0]}'",
            where=where,
            allowed="numbers like 3.2",
            hint="for names of classes use a column 'label'",
        )
    values = np.asarray(numbers, np.float64)
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise DataError(
            f"every answer is {low:g}", where=where, allowed="numbers that differ", hint="add examples with others"
        )
    unit, higher_is = _heading(column)
    with np.errstate(over="ignore"):
        spread = float(values.std())
    if not 0 < spread < math.inf:
        raise DataError(
            f"numbers from {low:g} to {high:g} cannot be distinguished",
            where=where,
            hint="write them in another unit",
        )
    return ScoreSpec(
        unit=unit,
        higher_is=higher_is,
        mean=float(values.mean()),
        spread=spread,
        low=low,
        high=high,
        tolerance=_round_number(spread / 2),
    )


def fits(cells: Sequence[str], heading: str) -> bool:
    """Nearly all cells are numbers, not identifiers, and too many distinct ones to be classes."""
    cells = cells[:: max(1, len(cells) // SAMPLE)]
    cells = [cell for cell in cells if cell.strip().casefold() not in MISSING]
    if are_identifiers(heading, cells):
        return False
    numbers, strange = _numbers(cells)
    return len(strange) * 20 <= len(cells) and len(set(numbers)) > min(MAX_NUMERIC_CLASSES, len(cells) / 2)


def check_cell(cell: str) -> None:
    parse_number(cell)


def read(cell: str, spec: ScoreSpec) -> Score:
    value = parse_number(cell)
    return Score(value, spec.unit, low=value, high=value)


def stratum(cell: str) -> str:
    """Numbers are not balanced."""
    return ""


def target(answer: Score, spec: ScoreSpec, geometry: Geometry | None) -> dict[str, Array]:
    """{"value": () float32}, standardised: in standard deviations from the mean."""
    return {"value": np.asarray((answer.value - spec.mean) / spec.spread, np.float32)}


def read_numbers(written: Any) -> dict[str, float]:
    """The score itself."""
    value = written.get("score") if isinstance(written, Mapping) else None
    return {"score": float(value)} if isinstance(value, int | float) else {}


def raw_shapes(spec: ScoreSpec) -> dict[str, tuple[int, ...]]:
    """A normal distribution of one number."""
    return {"mean": (), "log_scale": ()}


def to_answer(
    raw: Mapping[str, Array], spec: ScoreSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Score:
    """raw: mean () and log_scale () of a normal distribution of the standardised number."""
    value = spec.mean + spec.spread * float(raw["mean"])
    with np.errstate(over="ignore"):
        deviation = spec.spread * float(np.exp(raw["log_scale"])) * calibration.get("scale", 1.0)
    if not math.isfinite(value) or not math.isfinite(deviation):
        raise BundleError(f"the graph gave {value:g}, give or take {deviation:g}")
    within = math.erf(spec.tolerance / (math.sqrt(2) * max(deviation, 1e-9 * spec.spread)))
    return Score(value, spec.unit, value - Z_90 * deviation, value + Z_90 * deviation, confidence=within)


def _numbers(cells: Iterable[str]) -> tuple[list[float], list[str]]:
    """The numbers, and the cells without one."""
    numbers, strange = [], []
    for cell in cells:
        try:
            numbers.append(parse_number(cell))
        except InputError:
            strange.append(cell)
    return numbers, strange


def parse_number(cell: str) -> float:
    """3.2, -1e-3, 1,234.5 and, where it can mean nothing else, 3,2 and 1.234,5."""
    text = cell.strip()
    if "," in text:
        text = _without_commas(text)
    if not NUMBER.fullmatch(text) or math.isinf(float(text)):
        raise InputError(f"'{cell}' is not a number", allowed="numbers like 3.2", hint="correct or remove the row")
    return float(text)


def _without_commas(text: str) -> str:
    if re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", text):
        raise InputError(
            f"'{text}' may be a thousand or a decimal number",
            allowed="numbers like 1234 or 1.234",
            hint="write it with a decimal point",
        )
    if re.fullmatch(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", text):
        return text.replace(",", "")
    if re.fullmatch(r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+", text):
        return text.replace(".", "").replace(",", ".")
    return text


def _heading(column: str) -> tuple[str, Direction]:
    """Unit and direction from `age_years`, `length [cm]` or `pain [points, lower is better]`."""
    bracket = re.match(r"[^\[(]*[\[(]([^\])]*)[\])]", column)
    *before, last = re.split(r"[ _]", column)
    words = [word.strip() for word in re.split(r"[,;]", bracket.group(1))] if bracket else [last] if before else []
    units = [word for word in words if (bracket or word.casefold() in UNITS) and not re.search("lower|higher", word)]
    direction = re.search(r"(lower|higher) is (better|worse)", column.casefold().replace("_", " "))
    return units[0] if units else "", _DIRECTIONS[direction.groups() if direction else ()]


_DIRECTIONS: dict[tuple[str, ...], Direction] = {
    (): "more",
    ("higher", "better"): "better",
    ("lower", "worse"): "better",
    ("higher", "worse"): "worse",
    ("lower", "better"): "worse",
}


def _round_number(positive: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten."""
    power = math.floor(math.log10(positive))
    return min((float(f"{m}e{power}") for m in (1, 2, 5, 10)), key=lambda n: abs(math.log(n / positive)))


def _short(number: float) -> float:
    return float(f"{number:.6g}")
