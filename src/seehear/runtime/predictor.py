"""Ask a recogniser: read → prepare → graph → answer, with the confidence and the doubts that its recipe holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from seehear.answers import ANSWERS, Part, Shape
from seehear.answers.items import ACCEPTED_FROM, NEVER
from seehear.errors import BundleError, InputError, SeehearError, UsageError
from seehear.geometry import Grid, Tile
from seehear.recipe import Recipe, SelectivePrediction, used_key
from seehear.runtime.affordable import check_affordable
from seehear.runtime.bundle import Bundle
from seehear.runtime.loading import Example, LoadedExample, example_name, load_example, read_file_objects, read_signal
from seehear.runtime.prediction import Prediction, share, wish
from seehear.runtime.session import Session, threads
from seehear.runtime.stream import in_batches, read_ahead
from seehear.senses import SENSES, Array
from seehear.senses.input_file import Bytes, is_file_object

PRESENT = "present"  # bool (B, S), fed to graphs of several senses: which of the recipe's senses an example has
FEW_TILES = 4  # of a picture that is well seen whole
OOD_SCORE = "ood_score_"  # + sense: float (B,), how unlike the training's an input is


@dataclass(frozen=True)
class How:
    """How an example is asked about: by which senses, how few of the accepted may be wrong (None: what was promised),
    by which Spec."""

    senses: tuple[str, ...]
    wrong_at_most: float | None
    answer: Any


class Predictor:
    """A trained recogniser, ready to be asked; safe to ask from several threads at once.

    Can be pickled, and so be given to other processes. Raises BundleError for a graph that does not fit its recipe.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.recipe: Recipe = bundle.recipe
        check_affordable(bundle, self._feeds([{}]))
        self._session = Session(bundle.model)
        self._kind = ANSWERS[self.recipe.kind]
        if bundle.decoder is not None:
            self._kind = self._kind.asking(Session(bundle.decoder).run)
        self._head_shapes = self._kind.raw_shapes(self.recipe.answer)
        doubts: dict[str, Shape] = {OOD_SCORE + sense: () for sense in self.recipe.senses}
        self._shapes = {**self._head_shapes, **doubts}
        # Who asks again and again, expecting the same hotwords, has the machine of them built once.
        self._with_hotwords = lru_cache(maxsize=4)(partial(self._kind.with_hotwords, self.recipe.answer))
        self._check_fit()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._bundle,)  # a session can not be pickled: it is made again

    def predict_one(
        self,
        example: Example,
        *,
        senses: Sequence[str] | None = None,
        wrong_at_most: float | None = None,
        hotwords: Sequence[str] | None = None,
        tiles: bool = False,
    ) -> Prediction:
        """The answer to one example, straight away in this thread. Raises UsageError for its keywords only."""
        how, example = self._how(senses, wrong_at_most, hotwords), read_file_objects(example)
        if tiles:
            self._check_tiles()
            return self._in_tiles(example, how)
        return self._answers([load_example(example, self.recipe.senses, how.senses)], how)[0]

    def predict(
        self,
        examples: Iterable[Example],
        *,
        senses: Sequence[str] | None = None,
        wrong_at_most: float | None = None,
        hotwords: Sequence[str] | None = None,
        tiles: bool = False,
    ) -> Iterator[Prediction]:
        """An answer to each example, in order, as they come; memory does not grow with their number.

        `senses` withholds the others; `wrong_at_most` overrides the recipe's; `hotwords` are expected and so favoured;
        with `tiles` a picture larger than those that were learned from is asked about piece by piece, each as large
        as those. Raises UsageError for these at once and nothing for an example: one that cannot be read gives a
        Prediction with its error.
        """
        if isinstance(examples, str | Bytes | Path | Mapping) or is_file_object(examples):
            raise UsageError("one example where many are expected", hint="ask predict_one, or pass a list")
        how, examples = self._how(senses, wrong_at_most, hotwords), map(read_file_objects, examples)
        if tiles:
            self._check_tiles()
            # One at a time, and none read ahead: each may be hundreds of megabytes.
            return (self._in_tiles(example, how) for example in examples)
        return self._stream(examples, how)

    def unvouched(self, senses: Sequence[str] | None = None, wrong_at_most: float | None = None) -> str:
        """Why nothing is accepted, however sure it is; "" where something is. The keywords are those of `predict`."""
        used = self._wanted(senses)
        limit, selective = self.promised(senses, wrong_at_most), self._selective(used)
        wrong = [*selective.risk.wrong, *selective.whole_risk.wrong]
        if not wrong:
            return f"how often it is right by {' and '.join(used)} was never measured"
        if min(wrong) <= limit:
            return ""
        held_out = self.recipe.results.get(used_key(used), {}).get("n", "the")
        least = share(min(wrong), math.ceil)
        return f"{held_out} examples held out vouch for {least} wrong at most, not for {wish(limit)}"

    def promised(self, senses: Sequence[str] | None = None, wrong_at_most: float | None = None) -> float:
        """The share of what is accepted that may be wrong: as was asked, or what was promised when it learned."""
        return self._limit(self._wanted(senses), self._checked(wrong_at_most))

    def _stream(self, examples: Iterable[Example], how: How) -> Iterator[Prediction]:
        read = partial(load_example, specs=self.recipe.senses, wanted=how.senses)
        with closing(read_ahead(read, examples, threads=threads())) as loaded:
            yield from in_batches(partial(self._answers, how=how), loaded)

    def _answers(self, batch: Sequence[LoadedExample], how: How) -> list[Prediction]:
        """One Prediction for each of a batch; where the graph fails on a batch, its examples are asked one by one."""
        readable = [each for each in batch if each.preprocessed]
        try:
            raw = self._run([each.preprocessed for each in readable]) if readable else []
        except BundleError as error:
            if len(batch) == 1:
                return [Prediction.failed(batch[0].input, f"{batch[0].input}: {error}")]
            return [answer for each in batch for answer in self._answers([each], how)]
        answers = iter(self._answer(each, outputs, how) for each, outputs in zip(readable, raw, strict=True))
        return [next(answers) if each.preprocessed else _unread(each) for each in batch]

    def _run(self, batch: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        """The graph's outputs for each of a batch, without the batch axis, in the shapes that the answer wants."""
        outputs = self._session.run(self._feeds(batch))
        lengths: dict[str, int] = {}
        for name, shape in self._shapes.items():
            if not _is_of(outputs[name], (len(batch), *shape), lengths):
                raise BundleError(
                    f"the graph gives {name} of shape {outputs[name].shape} for a batch of {len(batch)}",
                    allowed=f"{(len(batch), *shape)}",
                )
        return [{name: outputs[name][i] for name in self._shapes} for i in range(len(batch))]

    def _feeds(self, batch: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        for sense, spec in self.recipe.senses.items():
            feeds |= SENSES[sense].collate([preprocessed.get(sense) for preprocessed in batch], spec)
        if len(self.recipe.senses) > 1:
            feeds[PRESENT] = np.array(
                [[sense in preprocessed for sense in self.recipe.senses] for preprocessed in batch]
            )
        return feeds

    def _answer(self, loaded: LoadedExample, outputs: Mapping[str, Array], how: How) -> Prediction:
        used = tuple(sense for sense in self.recipe.senses if sense in loaded.preprocessed)
        geometry = loaded.geometry[used[0]]
        try:
            raw, unlike = self._finite(outputs, used)
            answer = self._kind.to_answer(raw, how.answer, self._calibration(used, how), geometry)
        except SeehearError as error:
            return Prediction.failed(loaded.input, f"{loaded.input}: {error}")
        return replace(
            self._prediction(loaded, used, answer, unlike, how),
            hint=self._hint(used[0], geometry.original),
            measured={
                sense: SENSES[sense].compute_statistics(loaded.preprocessed[sense])
                for sense in used
                if sense in self.recipe.input_statistics
            },
        )

    def _in_tiles(self, example: Example, how: How) -> Prediction:
        """One answer to all tiles of a picture; where there is but one, as to any picture."""
        (sense,), name = how.senses, example_name(example)
        signal = read_signal(example, sense)
        if isinstance(signal, str):
            return Prediction.failed(name, signal)
        tiles = self._tiles(sense, SENSES[sense].grid(signal))
        looks = (load_example({sense: signal[tile.slices]}, self.recipe.senses, how.senses) for tile in tiles)
        if len(tiles) == 1:
            return self._answers([replace(look, input=name) for look in looks], how)[0]
        unlike: list[Array] = []
        try:
            parts = self._parts(sense, tiles, looks, unlike)
            answer = self._kind.merge_tiles(parts, how.answer, self._calibration(how.senses, how))
        except SeehearError as error:
            return Prediction.failed(name, f"{name}: {error}")
        # The limit is of single pictures: of many tiles some are beyond it though nothing is strange, but not half.
        typical = {sense: np.median(unlike)}
        return self._prediction(LoadedExample(name, {}, {}, {}), how.senses, answer, typical, how)

    def _parts(
        self, sense: str, tiles: Sequence[Tile], looks: Iterable[LoadedExample], unlike: list[Array]
    ) -> Iterator[Part]:
        """What the graph says of each tile, some at a time; how unfamiliar each is goes to `unlike`."""

        def run(batch: Sequence[LoadedExample]) -> list[tuple[LoadedExample, dict[str, Array]]]:
            return list(zip(batch, self._run([look.preprocessed for look in batch]), strict=True))

        for tile, (look, outputs) in zip(tiles, in_batches(run, looks), strict=True):
            if look.errors:
                raise InputError(f"a tile of it: {look.errors[sense]}")
            raw, scores = self._finite(outputs, (sense,))
            unlike.append(scores[sense])
            yield Part(raw, tile, look.geometry[sense])

    def _finite(self, outputs: Mapping[str, Array], used: Sequence[str]) -> tuple[dict[str, Array], dict[str, Array]]:
        """The head's arrays, and how unfamiliar each sense is. Raises BundleError for what is not a number."""
        raw = {name: outputs[name] for name in self._head_shapes}
        unlike = {sense: outputs[OOD_SCORE + sense] for sense in used}
        if not all(np.isfinite(array).all() for array in (*raw.values(), *unlike.values())):
            raise BundleError("the graph gave numbers that are not finite")
        return raw, unlike

    def _calibration(self, used: Sequence[str], how: How) -> dict[str, float]:
        selective = self._selective(used)
        return {**selective.calibration, ACCEPTED_FROM: selective.risk.threshold(self._limit(used, how.wrong_at_most))}

    def _selective(self, used: Sequence[str]) -> SelectivePrediction:
        return self.recipe.selective.get(used_key(used)) or SelectivePrediction()

    def _prediction(
        self, loaded: LoadedExample, used: tuple[str, ...], answer: Any, unlike: Mapping[str, Array], how: How
    ) -> Prediction:
        if not 0 <= answer.confidence <= 1:
            return Prediction.failed(loaded.input, f"{loaded.input}: a confidence of {answer.confidence}.")
        selective, limit, has_items = self._selective(used), self._limit(used, how.wrong_at_most), bool(self._kind.item)
        sure = answer.confidence >= (selective.whole_risk if has_items else selective.risk).threshold(limit)
        strange = list(self._unfamiliar(unlike))
        enough = sure or (has_items and answer.items.accepted > 0)
        doubts = [*strange, *([] if enough else [self._unsure(answer, used, limit)])]
        if strange and has_items:
            answer = answer.refused()
        return Prediction(
            input=loaded.input,
            answer=answer,
            confidence=answer.confidence,
            accepted=not doubts,
            whole_accepted=sure and not strange,
            alternatives=tuple(answer.alternatives),
            reason="; ".join(doubts),
            used=used,
            error=" ".join(loaded.errors.values()),
            duration_s=loaded.duration_s,
        )

    def _tiles(self, sense: str, grid: Grid) -> Sequence[Tile]:
        """Raises UsageError for answers that do not say what is where."""
        return SENSES[sense].cut_tiles(
            grid, self.recipe.senses[sense], self._kind.largest_object_px(self.recipe.answer)
        )

    def _hint(self, sense: str, grid: Grid) -> str:
        """What to do about a picture in which small things are no longer seen."""
        if self._kind.output_stride_px is None or len(self._tiles(sense, grid)) <= FEW_TILES:
            return ""
        return "much larger than what was learned from; with --tiles, in Python tiles=True, small things are seen too"

    def _unfamiliar(self, unlike: Mapping[str, Array]) -> Iterator[str]:
        for sense, score in unlike.items():
            if score > self.recipe.ood_threshold.get(sense, np.inf):
                yield f"the {sense} is unlike all it was taught"

    def _unsure(self, answer: Any, used: Sequence[str], limit: float) -> str:
        """What it would take to be accepted."""
        if hopeless := self.unvouched(used, limit):
            return hopeless
        selective, item = self._selective(used), self._kind.item
        needed = {"it": selective.risk}
        if item:
            needed = ({f"a {item}": selective.risk} if answer.items.of else {}) | {"all of it": selective.whole_risk}
        reached = {what: from_ for what, risk in needed.items() if (from_ := risk.threshold(limit)) < NEVER}
        if not reached:
            return f"for {wish(limit)} wrong at most an answer without any {item} is never sure enough"
        least = " or ".join(f"{what} must be {share(from_, math.ceil)} sure" for what, from_ in reached.items())
        return f"for {wish(limit)} wrong at most {least}"

    def _how(self, senses: Sequence[str] | None, wrong_at_most: float | None, hotwords: Sequence[str] | None) -> How:
        answer = self.recipe.answer if hotwords is None else self._with_hotwords(tuple(hotwords))
        return How(self._wanted(senses), self._checked(wrong_at_most), answer)

    def _wanted(self, senses: Sequence[str] | None) -> tuple[str, ...]:
        known = tuple(self.recipe.senses)
        asked = known if senses is None else tuple(senses)
        if not asked or not set(asked) <= set(known):
            raise UsageError(f"senses {', '.join(asked) or 'none'}", allowed=", ".join(known))
        return tuple(sense for sense in known if sense in asked)

    def _limit(self, used: Sequence[str], wrong_at_most: float | None) -> float:
        return self._selective(used).wrong_at_most if wrong_at_most is None else wrong_at_most

    def _checked(self, wrong_at_most: float | None) -> float | None:
        if wrong_at_most is not None and not 0 < wrong_at_most < 1:
            raise UsageError(f"wrong_at_most is {wrong_at_most}", allowed="more than 0 and less than 1: 0.02 is 2 %")
        return wrong_at_most

    def _check_tiles(self) -> None:
        if self._kind.output_stride_px is None or len(self.recipe.senses) > 1:
            places = ", ".join(name for name, kind in ANSWERS.items() if kind.output_stride_px)
            raise UsageError(
                f"tiles for an answer of the kind {self._kind.name!r} by {' and '.join(self.recipe.senses)}",
                allowed=f"kinds that say what is where, by one sense: {places}",
            )

    def _check_fit(self) -> None:
        """Ask once about nothing: the graph must take what the senses feed and give what the answer reads."""
        if not set(self._shapes) <= set(self._session.outputs):
            raise BundleError(f"the graph gives {', '.join(self._session.outputs)}", allowed=", ".join(self._shapes))
        (nothing,) = self._run([{}])
        if self._kind.decodes(self.recipe.answer):
            self._kind.to_answer({name: nothing[name] for name in self._head_shapes}, self.recipe.answer, {}, None)


def _is_of(array: Array, shape: Shape, lengths: dict[str, int]) -> bool:
    """Whether it has that shape; its lengths that have a name must be the others' of that name, 1 at least."""
    return array.ndim == len(shape) and all(
        lengths.setdefault(wanted, n) == n >= 1 if isinstance(wanted, str) else n == wanted
        for n, wanted in zip(array.shape, shape, strict=True)
    )


def _unread(loaded: LoadedExample) -> Prediction:
    return Prediction.failed(loaded.input, " ".join(dict.fromkeys(loaded.errors.values())))
