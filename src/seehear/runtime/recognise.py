"""Ask a recogniser: read → prepare → graph → answer, with the confidence and the doubts that its recipe holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from seehear.answers import ANSWERS, Shape
from seehear.errors import BundleError, UsageError
from seehear.recipe import Recipe, Trust, used_key
from seehear.runtime.bundle import Bundle
from seehear.runtime.perceive import Example, Perceived, perceive
from seehear.runtime.prediction import Prediction, share
from seehear.runtime.session import Session, threads
from seehear.runtime.stream import in_batches, read_ahead
from seehear.senses import SENSES, Array

PRESENT = "present"  # bool (B, S), fed to graphs of several senses: which of the recipe's senses an example has
UNFAMILIAR = "unfamiliar_"  # + sense: float (B,), how unlike the training's an input is


@dataclass(frozen=True)
class How:
    """How an example is asked about: by which senses, how few of the accepted may be wrong, by which Spec."""

    senses: tuple[str, ...]
    wrong_at_most: float
    answer: Any


class Recogniser:
    """A trained recogniser, ready to be asked; safe to ask from several threads at once.

    Raises BundleError for a graph that does not fit its recipe.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.recipe: Recipe = bundle.recipe
        self._session = Session(bundle.model)
        self._kind = ANSWERS[self.recipe.kind]
        if bundle.decoder is not None:
            self._kind = self._kind.asking(Session(bundle.decoder).run)
        self._head_shapes = self._kind.raw_shapes(self.recipe.answer)
        doubts: dict[str, Shape] = {UNFAMILIAR + sense: () for sense in self.recipe.senses}
        self._shapes = {**self._head_shapes, **doubts}
        # Who asks again and again, expecting the same terms, has the machine of them built once.
        self._favouring = lru_cache(maxsize=4)(partial(self._kind.favouring, self.recipe.answer))
        self._check_fit()

    def predict_one(
        self,
        example: Example,
        *,
        senses: Sequence[str] | None = None,
        wrong_at_most: float | None = None,
        terms: Sequence[str] | None = None,
    ) -> Prediction:
        """The answer to one example, straight away in this thread. Raises UsageError for its keywords only."""
        how = self._how(senses, wrong_at_most, terms)
        return self._answers([perceive(example, self.recipe.senses, how.senses)], how)[0]

    def predict(
        self,
        examples: Iterable[Example],
        *,
        senses: Sequence[str] | None = None,
        wrong_at_most: float | None = None,
        terms: Sequence[str] | None = None,
    ) -> Iterator[Prediction]:
        """An answer to each example, in order, as they come; memory does not grow with their number.

        `senses` withholds the others; `wrong_at_most` overrides the recipe's; `terms` are expected and so favoured.
        Raises UsageError for these at once and nothing for an example: one that cannot be read gives a Prediction
        with its error.
        """
        if isinstance(examples, str | bytes | Path | Mapping):
            raise UsageError("one example where many are expected", hint="ask predict_one, or pass a list")
        return self._stream(examples, self._how(senses, wrong_at_most, terms))

    def _stream(self, examples: Iterable[Example], how: How) -> Iterator[Prediction]:
        read = partial(perceive, specs=self.recipe.senses, wanted=how.senses)
        with closing(read_ahead(read, examples, threads=threads())) as perceived:
            yield from in_batches(partial(self._answers, how=how), perceived)

    def _answers(self, batch: Sequence[Perceived], how: How) -> list[Prediction]:
        """One Prediction for each of a batch; where the graph fails on a batch, its examples are asked one by one."""
        readable = [each for each in batch if each.prepared]
        try:
            raw = self._run([each.prepared for each in readable]) if readable else []
        except BundleError as error:
            if len(batch) == 1:
                return [Prediction.failed(batch[0].input, f"{batch[0].input}: {error}")]
            return [answer for each in batch for answer in self._answers([each], how)]
        answers = iter(self._answer(each, outputs, how) for each, outputs in zip(readable, raw, strict=True))
        return [next(answers) if each.prepared else _unread(each) for each in batch]

    def _run(self, batch: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        """The graph's outputs for each of a batch, without the batch axis, in the shapes that the answer wants."""
        outputs = self._session.run(self._feeds(batch))
        for name, shape in self._shapes.items():
            if not _is_of(outputs[name], (len(batch), *shape)):
                raise BundleError(
                    f"the graph gives {name} of shape {outputs[name].shape} for a batch of {len(batch)}",
                    allowed=f"{(len(batch), *shape)}",
                )
        return [{name: outputs[name][i] for name in self._shapes} for i in range(len(batch))]

    def _feeds(self, batch: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        for sense, spec in self.recipe.senses.items():
            feeds |= SENSES[sense].collate([prepared.get(sense) for prepared in batch], spec)
        if len(self.recipe.senses) > 1:
            feeds[PRESENT] = np.array([[sense in prepared for sense in self.recipe.senses] for prepared in batch])
        return feeds

    def _answer(self, perceived: Perceived, outputs: Mapping[str, Array], how: How) -> Prediction:
        used = tuple(sense for sense in self.recipe.senses if sense in perceived.prepared)
        raw = {name: outputs[name] for name in self._head_shapes}
        unlike = {sense: outputs[UNFAMILIAR + sense] for sense in used}
        if not all(np.isfinite(array).all() for array in (*raw.values(), *unlike.values())):
            return Prediction.failed(perceived.input, f"{perceived.input}: the graph gave numbers that are not finite.")
        trust = self.recipe.trust.get(used_key(used)) or Trust()
        wished = {**trust.calibration, "wrong_at_most": how.wrong_at_most}
        try:
            answer = self._kind.from_raw(raw, how.answer, wished, perceived.placed[used[0]])
        except BundleError as error:  # of a decoder
            return Prediction.failed(perceived.input, f"{perceived.input}: {error}")
        if not 0 <= answer.confidence <= 1:
            return Prediction.failed(perceived.input, f"{perceived.input}: a confidence of {answer.confidence}.")
        doubts = [*self._unfamiliar(unlike), *_unsure(answer.confidence, trust, used, how.wrong_at_most)]
        return Prediction(
            input=perceived.input,
            answer=answer,
            confidence=answer.confidence,
            accepted=not doubts,
            alternatives=tuple(answer.alternatives),
            reason="; ".join(doubts),
            used=used,
            error=" ".join(perceived.errors.values()),
            lasts_s=perceived.lasts_s,
        )

    def _unfamiliar(self, unlike: Mapping[str, Array]) -> Iterator[str]:
        for sense, score in unlike.items():
            most = self.recipe.unfamiliar_above.get(sense, np.inf)
            if score > most:
                yield f"the {sense} is unlike all it was taught (score {score:.1f}, limit {most:.1f})"

    def _how(self, senses: Sequence[str] | None, wrong_at_most: float | None, terms: Sequence[str] | None) -> How:
        answer = self.recipe.answer if terms is None else self._favouring(tuple(terms))
        return How(self._wanted(senses), self._limit(wrong_at_most), answer)

    def _wanted(self, senses: Sequence[str] | None) -> tuple[str, ...]:
        known = tuple(self.recipe.senses)
        asked = known if senses is None else tuple(senses)
        if not asked or not set(asked) <= set(known):
            raise UsageError(f"senses {', '.join(asked) or 'none'}", allowed=", ".join(known))
        return tuple(sense for sense in known if sense in asked)

    def _limit(self, wrong_at_most: float | None) -> float:
        limit = self.recipe.wrong_at_most if wrong_at_most is None else wrong_at_most
        if not 0 < limit < 1:
            raise UsageError(f"wrong_at_most is {limit}", allowed="more than 0 and less than 1: 0.02 is 2 %")
        return limit

    def _check_fit(self) -> None:
        """Ask once about nothing: the graph must take what the senses feed and give what the answer reads."""
        feeds = self._feeds([{}])
        if set(feeds) != set(self._session.inputs) or not set(self._shapes) <= set(self._session.outputs):
            raise BundleError(
                f"the graph takes {', '.join(self._session.inputs)} and gives {', '.join(self._session.outputs)}",
                allowed=f"{', '.join(feeds)}, and {', '.join(self._shapes)}",
            )
        (nothing,) = self._run([{}])
        if self._kind.decodes(self.recipe.answer):
            self._kind.from_raw({name: nothing[name] for name in self._head_shapes}, self.recipe.answer, {}, None)


def _is_of(array: Array, shape: Shape) -> bool:
    return array.ndim == len(shape) and all(wanted in (None, n) for n, wanted in zip(array.shape, shape, strict=True))


def _unsure(confidence: float, trust: Trust, used: Sequence[str], limit: float) -> Iterator[str]:
    if not trust.risk.confidence:
        yield f"how often it is right by {' and '.join(used)} was never measured"
        return
    needed = trust.risk.threshold(limit)
    if confidence >= needed:
        return
    if needed > 1:
        yield f"{share(confidence)} sure; no confidence was enough for {share(limit)} wrong at most"
    else:
        yield f"only {share(confidence)} sure; {share(limit)} wrong at most needs {share(needed)}"


def _unread(perceived: Perceived) -> Prediction:
    return Prediction.failed(perceived.input, " ".join(dict.fromkeys(perceived.errors.values())))
