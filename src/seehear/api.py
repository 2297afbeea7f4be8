"""The Python interface: train, plan, load, and the Recogniser that they return. Heavy modules are imported on use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack, overload

from seehear.audit import AuditLog
from seehear.errors import BundleError, UsageError
from seehear.events import Listener, ignore_events
from seehear.folders import temporary_folder
from seehear.inputs import gather, is_folder, is_single_input
from seehear.media import Excerpt
from seehear.planning.options import make_options
from seehear.recipe import Recipe
from seehear.runtime.answer_log import Unlogged, log_answers
from seehear.runtime.bundle import Bundle, read_bundle, write_bundle
from seehear.runtime.options import PredictKeywords, PredictOptions
from seehear.runtime.predictor import Predictor
from seehear.senses.input_file import Bytes
from seehear.starts.catalogue import STARTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from seehear.explain.explanation import Explanation
    from seehear.measure.comparison import PairedComparison
    from seehear.measure.evaluate import Evaluation
    from seehear.runtime.live import SegmentPrediction
    from seehear.runtime.prediction import Prediction
    from seehear.runtime.video import VideoPredictions
    from seehear.similarity import Similar
    from seehear.table import RowProblem
    from seehear.training import TrainingRequest

    One = Excerpt | Bytes | BinaryIO | Mapping[str, Any] | NDArray[Any] | tuple[NDArray[Any], float] | Image
    Many = Sequence[Any] | Iterator[Any]


MOST_LIKE = 5  # examples that an explanation names


class Recogniser:
    """A trained recogniser: predicts, evaluates, saves itself. It can be pickled and used in other processes.

    recipe     everything but its weights, with which `predictor` answers
    problems   the rows of the training data that could not be used; () if it was loaded from a file
    """

    def __init__(self, bundle: Bundle, problems: Sequence[RowProblem] = ()) -> None:
        self._bundle = bundle
        self.predictor = Predictor(bundle)
        self.recipe = bundle.recipe
        self.problems = tuple(problems)
        self._log = Unlogged()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._bundle, self.problems)  # all that `save` writes, so that the copy is the same

    @overload
    def predict(self, inputs: str | Path, **options: Unpack[PredictKeywords]) -> Any: ...  # a file or a folder

    @overload
    def predict(self, inputs: One, **options: Unpack[PredictKeywords]) -> Prediction: ...

    @overload
    def predict(self, inputs: Many, **options: Unpack[PredictKeywords]) -> Iterator[Prediction]: ...

    def predict(self, inputs: Any, **options: Unpack[PredictKeywords]) -> Any:
        """Answer one input with a Prediction; a folder, list or generator with a generator of Predictions.

        One input is a path, an Excerpt, a file object, the bytes of a file, an array, a PIL image, or a mapping of
        senses to these. A file object is read whole, from its start if it can seek. The keywords:

        senses          use only these; None for all that the recogniser has
        wrong_at_most   accept answers so that at most this share of them is wrong; None for the recipe's share
        coverage        also give the `prediction_set` of each: what may be true, so that at least this share of the
                        truths is in such sets
        each_class      let the coverage hold for each class, not only for all of them together
        each_group      let it hold in each group of this column of the training data, whichever an example is from
        hotwords        words and phrases to expect in a transcript
        tiles           answer an image larger than the training images tile by tile
        language        the spoken language, such as "de", for whisper-base; None to detect it
        translate       translate into English, for whisper-base

        Raises UsageError for a wrong keyword. An input that cannot be read gives a Prediction with its `error`.
        """
        chosen = PredictOptions(**options)
        if isinstance(inputs, str | Path) and is_folder(inputs):
            inputs = gather([inputs], tuple(self.recipe.senses))
        if isinstance(inputs, Iterable) and not is_single_input(inputs):
            return self._log.many(partial(self.predictor.predict, options=chosen), inputs)
        return self._log.one(partial(self.predictor.predict_one, options=chosen), inputs)

    def predict_progressively(self, one: One, **options: Unpack[PredictKeywords]) -> Iterator[Prediction]:
        """Answer a long recording while it is transcribed: a Prediction after each window with speech, of all words so
        far. The last is that of `predict`; any other input has one. The keywords are those of `predict`."""
        chosen = PredictOptions(**options)
        return self._log.progressive(partial(self.predictor.predict_progressively, options=chosen), one)

    def live(
        self, sound: Iterable[Any], *, hotwords: Sequence[str] | None = None, language: str | None = None
    ) -> Iterator[SegmentPrediction]:
        """Answer sound while it comes in: chunks (T,) of samples at 16 kHz, of any length.

        Each segment between pauses gets preliminary answers while it lasts, and a `final` one at its end.
        """
        from seehear.runtime.live import live

        return self._log.live(partial(live, self.predictor, hotwords=hotwords, language=language), sound)

    def watch(
        self, video: Any, *, every_s: float | None = None, **options: Unpack[PredictKeywords]
    ) -> VideoPredictions:
        """Answer a video frame by frame: an iterable, once, of a Prediction for each frame, with its `time_s`.

        The video is a path, an Excerpt, a file object or the bytes of a file. Each box has a `track`, which stays the
        same for one object. With `every_s`, only the first frame of each such interval is answered. The other keywords
        are those of `predict`. Raises UsageError if the answers have no position.
        """
        from seehear.runtime.video import VideoPredictions

        chosen = PredictOptions(**options)
        return self._log.video(partial(VideoPredictions, self.predictor, options=chosen, every_s=every_s), video)

    def evaluate(  # noqa: PLR0913 - one argument for each option
        self,
        data: str | Path,
        *,
        answer: str | None = None,
        stress: bool = False,
        unfamiliar: Sequence[str | Path] = (),
        report: str | Path | None = None,
        on: str | None = None,
        workers: int | None = None,
        listen: Listener = ignore_events,
        **options: Unpack[PredictKeywords],
    ) -> Evaluation:
        """Predict every row of a table and compare with its answers.

        If the table is split, its `test` part is used, else its `val` part. `report` is a folder for a page with the
        worst mistakes. The other keywords are those of `predict`, and:

        stress      also answer corrupted examples, each corruption at several strengths, and without each sense
        unfamiliar  folders of inputs unlike the training data, to which the answer is "I don't know"; implies `stress`
        on          "ray" or ray://HOST:PORT, to answer with several `workers`, as for `train`
        """
        from seehear.datasets import open_labelled
        from seehear.evaluation import evaluate_table

        chosen = PredictOptions(**options)
        _check_workers(on, workers)
        if on is not None:
            from seehear.cluster.evaluation import EvaluationRequest, evaluate_on_ray

            request = EvaluationRequest(data, chosen, answer, stress, unfamiliar, report, workers)
            return evaluate_on_ray(self._bundle, request, on, listen)
        with temporary_folder() as workspace:
            table = open_labelled(data, answer or self.recipe.kind, None, workspace / "unpacked")
            folder = None if report is None else Path(report)
            return evaluate_table(
                self.predictor, table, chosen, report=folder, listen=listen, stress=stress, unfamiliar=unfamiliar
            )

    def explain(
        self, one: Any, *, of: str | None = None, examples: Any = None, **options: Unpack[PredictKeywords]
    ) -> Explanation:
        """Explain the answer to one input: on which parts of it, senses and examples the answer is based.

        of        what to explain: a class, "word 2", "box 1"; None for the answer itself
        examples  a file, a folder or an iterable: which of them are most like the input

        The other keywords are those of `predict`. Each number was measured by hiding a part. Raises UsageError for an
        `of` that is not in the answer, and the error of an input that cannot be read.
        """
        from seehear.explain.explain import explain

        found = explain(self.predictor, one, PredictOptions(**options), of=of)
        self._log.one(lambda _: found.prediction, one)
        similar = () if examples is None else self.similar(one, examples, top=MOST_LIKE)
        return replace(found, similar=tuple(similar))

    def similar(
        self, query: Any, inputs: str | Path | Iterable[Any], *, top: int = 10, listen: Listener = ignore_events
    ) -> list[Similar]:
        """The `top` inputs that are most similar to the query, best first, then those that cannot be read.

        The query is one input as for `predict`; the inputs are a file, a folder or an iterable. The query is left out.
        """
        from seehear.similarity import find_similar

        found = gather([inputs], tuple(self.recipe.senses)) if isinstance(inputs, str | Path) else inputs
        return find_similar(self.predictor, query, found, top, listen)

    def add(self, data: str | Path, *, listen: Listener = ignore_events) -> Recogniser:
        """A recogniser with more classes, each learned from a few examples (5 are enough, 2 the minimum).

        data    a folder with the examples of one class, named like the class; or a folder of classes, or a table

        The last layer gets an output for each new class; nothing else in the network changes. No known class loses more
        than 2 percentage points of recall on held-out examples. Raises UsageError for a recogniser that does not answer
        with one of several classes from a single sense, and DataError, with the examples to add, if a new class would
        then almost never be recognised.
        """
        from seehear.learn.add import add_classes

        with temporary_folder() as workspace:
            return Recogniser(*add_classes(self._bundle, Path(data), workspace, listen))

    def log_to(self, log: str | Path | AuditLog, *, model_sha256: str = "") -> None:
        """From now on, write each answer to an audit log before giving it, with the hash of the input.

        log            a file, which is created or continued; see `seehear.audit`
        model_sha256   of the model file, if that is not what `save` would write

        An answer that cannot be written raises SeehearError. Copies in other processes do not write.
        """
        opened = log if isinstance(log, AuditLog) else AuditLog(log)
        self._log = log_answers(opened, self._bundle, model_sha256)

    def card(self) -> str:
        """The model card in Markdown: what it answers, how well, and its limits."""
        return self._bundle.card

    def save(self, path: str | Path) -> None:
        write_bundle(Path(path), self._bundle)


def load(path: str | Path, *, listen: Listener = ignore_events) -> Recogniser:
    """Load a model file, or whisper-base or whisper-tiny.en. Raises BundleError for one that is damaged or neither."""
    try:
        return Recogniser(read_model(path, listen=listen))
    except BundleError as error:
        raise error.at(str(path)) from None


def read_model(path: str | Path, *, listen: Listener = ignore_events) -> Bundle:
    """What `load` loads, without preparing it for prediction, which takes longer."""
    if str(path) in STARTS:
        from seehear.learn.transcriber import load_transcriber

        return load_transcriber(STARTS[str(path)], listen)
    return read_bundle(Path(path))


def train(  # noqa: PLR0913 - one argument for each option
    data: str | Path,
    out: str | Path | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    val: str | Path | None = None,
    unlabelled: str | Path | None = None,
    recipe: str | Path | Recipe | None = None,
    start: str | Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    answer: str | None = None,
    senses: Sequence[str] | None = None,
    wrong_at_most: float | None = None,
    text: Iterable[str] | None = None,
    coverage: float | None = None,
    each_class: bool = False,
    each_group: str | None = None,
    fair: str | None = None,
    robust: bool = False,
    tries: int | None = None,
    cache: Path | None = None,
    on: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    listen: Listener = ignore_events,
) -> Recogniser:
    """Train on a folder or table of examples, and write the model to `out` if given.

    unlabelled  more examples, without labels; the model learns from them if that lowers the loss on held-out ones
    recipe      from `plan`, as a value or a TOML file; or a model file, to repeat its training
    start       "auto": a pretrained encoder if one is installed and suits the data; "none": random weights; or names of
                encoders (see `seehear starts`), weights, an ONNX encoder, or a model whose head is kept if it fits
    text        more lines for the language model of transcripts
    coverage    give every answer a prediction set, as `predict` does on request, with each_class or each_group
    fair        a column of the table, such as site or speaker, whose groups weigh the same, however small
    robust      also learn from inputs distorted as other devices and surroundings would; the card says what that cost
    tries       so many recipes share the time; the best is kept, and measured on examples that the choice never saw
    cache       where decoded examples and checkpoints are kept until the model is written; beside `out` by default
    on          "ray" to train in several processes of this machine, or ray://HOST:PORT to train on a cluster, with so
                many `workers`, one for each core unless given

    `resume` continues an interrupted run. It raises UsageError if options or data differ from those it started with.
    Under torchrun, all processes train together, and `train` returns the same recogniser in each.
    """
    from seehear.training import TrainingRequest

    # fmt: off
    options = make_options(
        minutes=minutes, steps=steps, seed=seed, wrong_at_most=wrong_at_most, fair=fair, robust=robust, tries=tries,
        coverage=coverage, each_class=each_class, each_group=each_group, start=start and str(start), text=text,
    )
    # fmt: on
    request = TrainingRequest(data, out, val, unlabelled, recipe, start, device, resume, answer, senses, cache, options)
    return Recogniser(*_run_training(request, on, workers, gpus_per_worker, listen))


def _run_training(
    request: TrainingRequest, on: str | None, workers: int | None, gpus_per_worker: float | None, listen: Listener
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    from seehear.training import train_here

    _check_workers(on, workers, gpus_per_worker)
    if on is None:
        return train_here(request, listen)
    from seehear.cluster.training import train_on_ray

    return train_on_ray(request, on, workers, gpus_per_worker or 0.0, listen)


def _check_workers(on: str | None, *amounts: float | None) -> None:
    """Raises UsageError for options of Ray without `on`."""
    if on is None and any(amount is not None for amount in amounts):
        raise UsageError("workers or gpus_per_worker without on", hint="add --on ray, or the address of a cluster")


def plan(  # noqa: PLR0913 - the options of train
    data: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    val: str | Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    answer: str | None = None,
    senses: Sequence[str] | None = None,
    wrong_at_most: float | None = None,
    start: str | None = None,
    coverage: float | None = None,
    each_class: bool = False,
    each_group: str | None = None,
    fair: str | None = None,
    robust: bool = False,
    listen: Listener = ignore_events,
) -> Recipe:
    """The recipe that `train` would use for this data."""
    from seehear.training import plan_here

    # fmt: off
    options = make_options(
        minutes=minutes, steps=steps, seed=seed, wrong_at_most=wrong_at_most, fair=fair, robust=robust, start=start,
        coverage=coverage, each_class=each_class, each_group=each_group,
    )
    # fmt: on
    return plan_here(data, val, answer, senses, device, options, listen)


def compare(  # noqa: PLR0913 - one argument for each option
    first: str | Path | Recogniser,
    second: str | Path | Recogniser,
    data: str | Path,
    *,
    trained_on: Iterable[str | Path] = (),
    answer: str | None = None,
    tolerate: float | None = None,
    report: str | Path | None = None,
    listen: Listener = ignore_events,
) -> PairedComparison:
    """Compare two recognisers on the same examples: is the second better, worse or not distinguishable?

    data        examples on which neither was trained: the part `test` of a table, or else `val`, or else all of it
    trained_on  the training data of either: rows with one of its files are not compared. Model files do not say what
    they were trained on
    tolerate    the loss that is tolerated, such as 0.01 for a point of accuracy, or, of a metric in the unit of the
                answers, for 1 % of the first one's: gives the comparison a `loss`, with a `verdict`
    report      a folder for a page that shows the examples with another outcome

    Shares of right answers are compared by McNemar's exact test, other metrics by a paired bootstrap. Where the table
    names people or places, whole groups are resampled. Raises UsageError if the answers differ in kind.
    """
    from seehear.datasets import open_labelled, open_unlabelled
    from seehear.paired_evaluation import check_comparable, compare_on_table

    one, other = (load(each, listen=listen) if isinstance(each, str | Path) else each for each in (first, second))
    models = one.predictor, other.predictor
    names = _name(first, "the first"), _name(second, "the second")
    check_comparable(models, names)
    with temporary_folder() as workspace:
        table = open_labelled(data, answer or one.recipe.kind, None, workspace / "unpacked")
        learned = [
            open_unlabelled(each, table.senses, workspace / f"unpacked-{number}")
            for number, each in enumerate(trained_on)
        ]
        folder = None if report is None else Path(report)
        return compare_on_table(models, names, table, learned, listen, tolerate, folder)


def _name(model: str | Path | Recogniser, otherwise: str) -> str:
    return otherwise if isinstance(model, Recogniser) else str(model)
