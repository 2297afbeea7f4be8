"""One example on its way to an answer: load → run the model → decode the answer → accept it or say "I don't know"."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from seehear.answers import AnyKind, TileOutput
from seehear.answers.prediction_sets import PredictionSet
from seehear.errors import BundleError, SeehearError, UsageError
from seehear.recipe import Recipe
from seehear.runtime.acceptance import Acceptance, Verdict
from seehear.runtime.batching import read_ahead, run_in_batches
from seehear.runtime.bundle import Bundle
from seehear.runtime.coverage import Coverage
from seehear.runtime.loading import Example, LoadedExample, load_example, read_file_objects, read_signal, source_of
from seehear.runtime.model_runner import ModelRunner, Outputs
from seehear.runtime.onnx_session import threads
from seehear.runtime.options import DEFAULT, PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.speech_windows import answer_windows, fits_one_window, load_window, needs_windows
from seehear.runtime.tiling import answer_tiles, check_tiling, plan_tiles, tiling_hint
from seehear.senses import SENSES, Array
from seehear.senses.input_file import Bytes, is_file_object

T = TypeVar("T")
Errors = tuple[SeehearError, ...]
BATCH = 16  # variants of one example, all of its size


class Embedding(NamedTuple):
    """The embedding (F,) of one example, of length 1; None and the errors for an example that cannot be read."""

    source: ExampleSource
    vector: Array | None
    errors: Errors = ()


class Request(NamedTuple):
    """PredictOptions, resolved for one recogniser: `spec` is the answer's, with the caller's hotwords and task.

    parts      whether an example is answered in several parts: a picture in tiles, a recording in windows
    coverage   of prediction sets; None for none
    """

    senses: tuple[str, ...]
    wrong_at_most: float | None
    spec: Any
    parts: bool
    coverage: Coverage | None

    def build_set(self, answer: Any, used: Sequence[str]) -> PredictionSet | None:
        """None if no sets are wanted, and for an example with so few senses that its coverage was not measured."""
        if self.coverage is None:
            return None
        with suppress(UsageError):
            return self.coverage.build(answer, used)
        return None


class Examined(NamedTuple):
    """One example, what the graph returned for it, and how that becomes an answer.

    prediction   with an answer
    used         the senses that it has
    """

    example: LoadedExample
    outputs: Outputs
    prediction: Prediction
    used: tuple[str, ...]
    spec: Any
    calibration: dict[str, float]


class Predictor:
    """Answers examples with the model of one file. Safe to use from several threads, and can be pickled.

    Raises BundleError for a graph that does not fit its recipe.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.recipe: Recipe = bundle.recipe
        self._runner = ModelRunner(bundle)
        self._kind = self._runner.kind
        self._acceptance = Acceptance(self.recipe, self._kind)
        # A caller who passes the same hotwords again and again has their automaton built once.
        self._with_hotwords = lru_cache(maxsize=4)(partial(_with_hotwords, self._kind, self.recipe.answer))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._bundle,)  # an onnxruntime session cannot be pickled, so it is made again

    @property
    def size_bytes(self) -> int:
        """The size of its model."""
        return self._bundle.size_bytes

    def predict_one(self, example: Example, options: PredictOptions = DEFAULT) -> Prediction:
        """Answer one example at once, in this thread.

        Raises UsageError for the options only: an example that cannot be read gives a Prediction with its error.
        """
        request, example = self._resolve(options), read_file_objects(example)
        if request.parts:
            return self._predict_parts(example, request)
        return self._predict_batch([load_example(example, self.recipe.senses, request.senses)], request)[0]

    def predict_progressively(self, example: Example, options: PredictOptions = DEFAULT) -> Iterator[Prediction]:
        """The answers to a recording after each window with speech; the last, to all of it, is that of `predict_one`.

        Any other example has one answer. Raises UsageError for the options at once.
        """
        request = self._resolve(options)
        if needs_windows(self._kind, request.spec):
            return self._predict_windows(read_file_objects(example), request)
        return iter([self.predict_one(example, options)])

    def predict(self, examples: Iterable[Example], options: PredictOptions = DEFAULT) -> Iterator[Prediction]:
        """Answer many examples in order, as they come. Memory does not grow with their number.

        Raises UsageError for the options at once, and nothing for an example, as `predict_one`.
        """
        if isinstance(examples, str | Bytes | Path | Mapping) or is_file_object(examples):
            raise UsageError("one example where many are expected", hint="call predict_one, or pass a list")
        request, examples = self._resolve(options), map(read_file_objects, examples)
        if request.parts:
            # One at a time, and none read ahead: each may be hundreds of megabytes.
            return (self._predict_parts(example, request) for example in examples)
        return self._stream(examples, request.senses, partial(self._predict_batch, request=request))

    def embed(self, examples: Iterable[Example]) -> Iterator[Embedding]:
        """The embeddings of many examples in order, as they come, from all their senses.

        Like `predict`, it never raises for a single example.
        """
        return self._stream(map(read_file_objects, examples), tuple(self.recipe.senses), self._embed_batch)

    def examine(self, example: Example, options: PredictOptions = DEFAULT) -> Examined:
        """One example with what the graph returned for it, for callers who then `run` variants of it.

        Raises UsageError for the options and for an example that is answered in parts; and the error of an example that
        cannot be read.
        """
        request = self._resolve(options)
        if request.parts:
            raise UsageError("an example that is answered in several parts", hint="cut out the part that matters")
        loaded = load_example(read_file_objects(example), self.recipe.senses, request.senses)
        if not loaded.arrays:
            raise next(iter(loaded.errors.values()))
        used = tuple(sense for sense in self.recipe.senses if sense in loaded.arrays)
        (outputs,) = self.run([loaded.arrays])
        prediction = self._predict(loaded, outputs, request)
        if prediction.answer is None:
            raise prediction.errors[0]
        calibration = self._acceptance.calibration(used, request.wrong_at_most)
        return Examined(loaded, outputs.select(used), prediction, used, request.spec, calibration)

    def run(self, variants: Sequence[Mapping[str, Array]]) -> list[Outputs]:
        """What the graph returns for examples given as preprocessed arrays by sense. Raises BundleError."""
        batches = (variants[start : start + BATCH] for start in range(0, len(variants), BATCH))
        return [outputs for batch in batches for outputs in self._runner.run(batch)]

    @property
    def features(self) -> bytes | None:
        """What the model file keeps of the training examples, as safetensors; None if nothing."""
        return self._bundle.features

    @property
    def kind(self) -> AnyKind:
        """The recipe's kind of answer, with the file's decoder if it has one."""
        return self._kind

    def error_limit(self, options: PredictOptions = DEFAULT) -> float:
        """The share of accepted answers that may be wrong: the caller's, or the recipe's."""
        return self._acceptance.error_limit(options.select_senses(self.recipe), options.wrong_at_most)

    def nothing_accepted(self, options: PredictOptions = DEFAULT) -> str:
        """Why no answer can be accepted, however confident; "" if some can."""
        return self._acceptance.nothing_accepted(options.select_senses(self.recipe), options.wrong_at_most)

    def coverage(self, options: PredictOptions = DEFAULT) -> Coverage | None:
        """The prediction sets that are asked for, or else those that training promised; None if there are none."""
        if options.coverage is not None:
            return Coverage(self.recipe, self._kind, options.coverage, options.each_class, options.each_group or "")
        promised = Coverage.promised(self.recipe, self._kind)
        if promised is None or not promised.is_possible(options.select_senses(self.recipe)):
            return None
        return promised

    def _resolve(self, options: PredictOptions) -> Request:
        hotwords = options.hotwords
        spec = self.recipe.answer if hotwords is None else self._with_hotwords(tuple(hotwords))
        if options.language is not None or options.translate:
            spec = self._kind.require_decoding("a language").with_task(spec, options.language, options.translate)
        if options.tiles:
            check_tiling(self.recipe)
        parts = options.tiles or needs_windows(self._kind, spec)
        senses = options.select_senses(self.recipe)
        coverage = self.coverage(options)
        if coverage is not None:
            coverage.thresholds(senses)  # raises at once
        return Request(senses, options.wrong_at_most, spec, parts, coverage)

    def _predict_parts(self, example: Example, request: Request) -> Prediction:
        if needs_windows(self._kind, request.spec):
            return deque(self._predict_windows(example, request), maxlen=1).pop()
        return self._predict_tiled(example, request)

    def _predict_windows(self, example: Example, request: Request) -> Iterator[Prediction]:
        """The answers to the speech in a recording, after each of its windows."""
        (sense,), source = request.senses, source_of(example)
        try:
            signal = read_signal(example, sense)
            if fits_one_window(self._runner, signal, request.spec):
                yield from self._predict_batch([load_window(self._runner, signal, source)], request)
                return
            duration_s = SENSES[sense].grid(signal).duration_s
            calibration = self._acceptance.calibration(request.senses, request.wrong_at_most)
            request = request._replace(coverage=None)  # what was held out was heard in one window
            for heard in answer_windows(self._runner, signal, request.spec, calibration):
                verdict = self._acceptance.decide(heard, {}, request.senses, request.wrong_at_most)
                yield _prediction(verdict, request, source=source, used=request.senses, duration_s=duration_s)
        except SeehearError as error:
            yield Prediction.failed(source, error)

    def _stream(
        self, examples: Iterable[Example], senses: Sequence[str], run: Callable[[Sequence[LoadedExample]], Sequence[T]]
    ) -> Iterator[T]:
        load = partial(load_example, specs=self.recipe.senses, wanted=senses)
        with closing(read_ahead(load, examples, threads=threads())) as loaded:
            yield from run_in_batches(run, loaded)

    def _predict_batch(self, batch: Sequence[LoadedExample], request: Request) -> list[Prediction]:
        return [
            self._predict(example, outputs, request)
            if isinstance(outputs, Outputs)
            else Prediction.failed(example.source, *outputs)
            for example, outputs in zip(batch, self._run_batch(batch), strict=True)
        ]

    def _embed_batch(self, batch: Sequence[LoadedExample]) -> list[Embedding]:
        return [
            _embedding(example, outputs) if isinstance(outputs, Outputs) else Embedding(example.source, None, outputs)
            for example, outputs in zip(batch, self._run_batch(batch), strict=True)
        ]

    def _run_batch(self, batch: Sequence[LoadedExample]) -> list[Outputs | Errors]:
        """The graph's outputs for each example, or its errors. If a batch fails, its examples are run one by one."""
        readable = [example for example in batch if example.arrays]
        try:
            outputs = iter(self._runner.run([example.arrays for example in readable]) if readable else [])
        except BundleError as error:
            if len(batch) == 1:
                return [(error,)]
            return [each for example in batch for each in self._run_batch([example])]
        return [next(outputs) if example.arrays else tuple(example.errors.values()) for example in batch]

    def _predict(self, example: LoadedExample, outputs: Outputs, request: Request) -> Prediction:
        used = tuple(sense for sense in self.recipe.senses if sense in example.arrays)
        geometry = example.geometry[used[0]]
        try:
            raw, _, ood_scores = outputs.select(used)
            calibration = self._acceptance.calibration(used, request.wrong_at_most)
            answer = self._kind.to_answer(raw, request.spec, calibration, geometry)
            verdict = self._acceptance.decide(answer, ood_scores, used, request.wrong_at_most)
        except SeehearError as error:
            return Prediction.failed(example.source, error)
        return _prediction(
            verdict,
            request,
            source=example.source,
            used=used,
            errors=tuple(example.errors.values()),
            duration_s=example.duration_s,
            hint=tiling_hint(self.recipe, used[0], geometry.original),
            measured=self._measure(example, used),
            unfamiliarity=_plain(ood_scores),
        )

    def _measure(self, example: LoadedExample, used: Sequence[str]) -> dict[str, dict[str, float]]:
        known = [sense for sense in used if sense in self.recipe.input_statistics]
        return {sense: SENSES[sense].compute_statistics(example.arrays[sense]) for sense in known}

    def _predict_tiled(self, example: Example, request: Request) -> Prediction:
        """One answer for all tiles of an image; an image of one tile is answered like any other."""
        (sense,), source = request.senses, source_of(example)
        try:
            signal = read_signal(example, sense)
            tiles = plan_tiles(self.recipe, sense, SENSES[sense].grid(signal))
            loaded = (
                load_example({sense: signal[tile.slices]}, self.recipe.senses, request.senses, source) for tile in tiles
            )
            if len(tiles) == 1:
                return self._predict_batch(list(loaded), request)[0]
            calibration = self._acceptance.calibration(request.senses, request.wrong_at_most)
            spatial = self._kind.require_spatial("tiles")

            def merge(outputs: Iterable[TileOutput]) -> Any:
                return spatial.merge_tiles(outputs, request.spec, calibration)

            merged = answer_tiles(self._runner, tiles, loaded, merge, sense)
            verdict = self._acceptance.decide(
                merged.answer, {sense: merged.ood_score}, request.senses, request.wrong_at_most
            )
        except SeehearError as error:
            return Prediction.failed(source, error)
        unfamiliarity = _plain({sense: merged.ood_score})
        return _prediction(
            verdict, request, source=source, used=request.senses, unfamiliarity=unfamiliarity, parts=True
        )


def _prediction(verdict: Verdict, request: Request, *, used: Sequence[str], **rest: Any) -> Prediction:
    answer = verdict.answer
    return Prediction(
        answer=answer,
        confidence=answer.confidence,
        accepted=verdict.accepted,
        whole_accepted=verdict.whole_accepted,
        alternatives=tuple(answer.alternatives),
        reason=verdict.reason,
        unfamiliar=verdict.unfamiliar,
        used=tuple(used),
        prediction_set=request.build_set(answer, used),
        **rest,
    )


def _plain(ood_scores: Mapping[str, Array]) -> dict[str, float]:
    return {sense: float(score) for sense, score in ood_scores.items()}


def _embedding(example: LoadedExample, outputs: Outputs) -> Embedding:
    try:
        selected = outputs.select(tuple(example.arrays))
    except BundleError as error:
        return Embedding(example.source, None, (error,))
    return Embedding(example.source, selected.embedding, tuple(example.errors.values()))


def _with_hotwords(kind: AnyKind, spec: Any, hotwords: tuple[str, ...]) -> Any:
    """Raises UsageError for answers that are not made of words."""
    return kind.require_decoding("hotwords").with_hotwords(spec, hotwords)
