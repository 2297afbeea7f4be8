"""What choices in training changed, as measured: another start, another recipe, unlabelled examples, and the like."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from seehear.amounts import format_count


class Effect(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Comparison(Effect):
    """A metric of this recogniser and of another one, on the same held-out examples.

    other         for example "whisper-base without training"
    after_steps   of this recogniser, which was trained further since; None if it was fully trained
    """

    metric: str
    other: str
    other_value: float
    own_value: float
    examples: int = Field(ge=1)
    after_steps: int | None = Field(default=None, ge=0)


class UnlabelledUse(Effect):
    """What unlabelled examples changed: a metric on held-out examples without and with them.

    helped   whether the network that learned from them is the one that was kept
    """

    examples: int = Field(ge=0)
    helped: bool
    metric: str
    without: float
    with_them: float
    held_out: int = Field(ge=1)


class GroupEffect(Effect):
    """The share of wrong answers to a group's training examples, by heads that had not seen them, without and with
    equal weight for all groups."""

    name: str
    examples: int = Field(ge=1)
    without: float
    with_it: float


class Fairness(Effect):
    """What equal weight for the groups of a column changed in training; no groups if that was not measured."""

    column: str
    groups: tuple[GroupEffect, ...] = Field(default=(), max_length=10_000)

    def __str__(self) -> str:
        weight = f"the groups of '{self.column}' had equal weight in training"
        if not self.groups:
            return f"{weight}; what that cost the larger ones was not measured"
        worst = max(self.groups, key=lambda group: group.without)
        others = [group for group in self.groups if group is not worst]
        examples = sum(group.examples for group in others)
        without, with_it = (
            sum(group.examples * getattr(group, name) for group in others) / max(examples, 1)
            for name in ("without", "with_it")
        )
        return (
            f"{weight}: of the group with most wrong answers, '{worst.name}', {100 * worst.without:.3g} % are wrong "
            f"without and {100 * worst.with_it:.3g} % with it, of the others {100 * without:.3g} % and "
            f"{100 * with_it:.3g} %, in cross-validation before fine-tuning"
        )


class Robustness(Effect):
    """What robust training changed: a metric on held-out examples in two short trainings of the same length, the first
    without it; None where that was not measured.

    examples    held-out ones
    steps       of each training
    clean       the metric on the examples as they are, without and with it
    corrupted   the same under corruptions of the stress tests
    """

    metric: str = ""
    examples: int = Field(default=0, ge=0)
    steps: tuple[int, int] = (0, 0)
    clean: tuple[float, float] | None = None
    corrupted: tuple[float, float] | None = None

    def __str__(self) -> str:
        what = "it was trained with distorted inputs, to be robust"
        if self.clean is None or self.corrupted is None:
            return f"{what}; what that cost on others was not measured"
        without, with_it = (format_count(steps, "step") for steps in self.steps)
        length = f"{without} each" if without == with_it else f"{without} and {with_it} in the same time"
        return (
            f"{what}: after short trainings without and with them ({length}), the {self.metric} on "
            f"{format_count(self.examples, 'held-out example')} was {self.clean[0]:.3g} and {self.clean[1]:.3g}, and "
            f"under corruptions like those of stress tests {self.corrupted[0]:.3g} and {self.corrupted[1]:.3g}"
        )


class Try(Effect):
    """A recipe that was tried.

    network   its encoders, and what they started from
    strength  of augmentation, by sense
    value     its metric on the examples that the choice was made on; None if it has none, or if its training failed
    """

    network: str
    strength: dict[str, float] = Field(max_length=8)
    learning_rate: float
    value: float | None

    def __str__(self) -> str:
        strengths = " and ".join(f"{each:g}" for each in self.strength.values())
        return f"{self.network}; augmentation {strengths}, learning rate {self.learning_rate:g}"


class Tries(Effect):
    """The recipes that were tried, and which of them was kept: the best on examples that nothing else was measured on.

    examples   of the choice
    """

    metric: str
    examples: int = Field(ge=1)
    tried: tuple[Try, ...] = Field(min_length=1, max_length=1000)
    kept: int = Field(ge=0)

    def __str__(self) -> str:
        best = self.tried[self.kept].value
        value = (
            "" if best is None else f": its {self.metric} there is {best:.3g}, which is flattering, as it was chosen"
        )
        examples = format_count(self.examples, "other example")
        return f"it is the best of {format_count(len(self.tried), 'recipe')} on {examples}{value}"
