"""What a caller may ask of a prediction: the one place for defaults, checks and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from seehear.errors import UsageError
from seehear.recipe import Recipe


def check_wrong_at_most(wrong_at_most: float | None) -> None:
    """Raises UsageError for a share that is not between 0 and 1."""
    if wrong_at_most is not None and not 0 < wrong_at_most < 1:
        raise UsageError(f"wrong_at_most is {wrong_at_most}", allowed="more than 0 and less than 1: 0.02 is 2 %")


def check_coverage(coverage: float | None, *, each_class: bool, each_group: str | None) -> None:
    """Raises UsageError for a share that is not between 0 and 1, or if it is unclear what it is to hold for."""
    if coverage is not None and not 0 < coverage < 1:
        raise UsageError(f"coverage is {coverage}", allowed="more than 0 and less than 1: 0.9 is 90 %")
    if each_class and each_group:
        raise UsageError("each_class together with each_group", allowed="one of them")
    if (each_class or each_group) and coverage is None:
        named = "each_class" if each_class else "each_group"
        raise UsageError(f"{named} without a coverage", hint="name one: coverage=0.9, or --coverage 90%")


class PredictKeywords(TypedDict, total=False):
    """The fields of PredictOptions, as keywords of `Recogniser.predict`, `evaluate` and `watch`."""

    senses: Sequence[str] | None
    wrong_at_most: float | None
    coverage: float | None
    each_class: bool
    each_group: str | None
    hotwords: Sequence[str] | None
    tiles: bool
    language: str | None
    translate: bool


@dataclass(frozen=True)
class PredictOptions:
    """How to answer.

    senses          use only these; None for all that the recogniser has
    wrong_at_most   accept answers so that at most this share of them is wrong; None for the recipe's share
    coverage        also give a prediction set: what may be true, with at least this share of the truths in such sets
    each_class      let the coverage hold for each class, not only for all of them together
    each_group      let it hold in each group of this column of the training data, whichever an example is from
    hotwords        words and phrases to expect in a transcript
    tiles           answer an image larger than the training images tile by tile
    language        the spoken language, such as "de"; None to detect it
    translate       translate into English

    Without a `coverage`, the sets are those that training promised, if it did. Raises UsageError for a `wrong_at_most`
    or a `coverage` that is not between 0 and 1, and for `each_class` or `each_group` without a coverage or together.
    """

    senses: Sequence[str] | None = None
    wrong_at_most: float | None = None
    coverage: float | None = None
    each_class: bool = False
    each_group: str | None = None
    hotwords: Sequence[str] | None = None
    tiles: bool = False
    language: str | None = None
    translate: bool = False

    def __post_init__(self) -> None:
        check_wrong_at_most(self.wrong_at_most)
        check_coverage(self.coverage, each_class=self.each_class, each_group=self.each_group)

    def select_senses(self, recipe: Recipe) -> tuple[str, ...]:
        """The senses to use, in the recipe's order. Raises UsageError for one that the recogniser does not have."""
        known = tuple(recipe.senses)
        wanted = known if self.senses is None else tuple(self.senses)
        if not wanted or not set(wanted) <= set(known):
            raise UsageError(f"senses {', '.join(wanted) or 'none'}", allowed=", ".join(known))
        return tuple(sense for sense in known if sense in wanted)


DEFAULT = PredictOptions()
