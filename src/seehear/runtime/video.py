"""Answers a video frame by frame, as it is decoded, and tracks objects from one frame to the next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers import ANSWERS, Answer, Tracker
from seehear.errors import SeehearError, UsageError
from seehear.recipe import Recipe
from seehear.runtime.batching import prefetch
from seehear.runtime.loading import Example, source_of
from seehear.runtime.options import DEFAULT, PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses.sight import SIGHT
from seehear.senses.sight.limits import MOST_PIXELS
from seehear.senses.video import is_video, read_frames

Pixels = NDArray[np.uint8]
Frame = tuple[float, Pixels]  # seconds, (H, W, 3)

BATCH = 16  # frames run at once, fewer if they are large: each is kept until it is answered
BATCH_BYTES = 1 << 26
AHEAD = 2  # batches decoded ahead


class VideoPredictions:
    """Iterates over a video once: a Prediction for each frame, and one for the error that ends the video, if any.

    source     where the video comes from, and what it is called
    tracker    what was in all frames so far
    frames     how many frames were answered so far
    until_s    the time of the last of them
    """

    def __init__(
        self,
        predictor: Predictor,
        video: Example,
        options: PredictOptions = DEFAULT,
        *,
        every_s: float | None = None,
        tell: Callable[[Prediction], None] = lambda _: None,
    ) -> None:
        """`tell` gets each Prediction before the caller does.

        Raises UsageError for a recogniser that cannot answer frames, and for the options."""
        check_video(predictor.recipe)
        if every_s is not None and not 0 < every_s < math.inf:
            raise UsageError(f"a frame every {every_s:g} s", allowed="a number of seconds more than 0")
        predictor.predict([], options)  # refuses the options at once
        self._predictor, self._options, self._tell = predictor, options, tell
        source = video[SIGHT.name] if isinstance(video, Mapping) else video
        self.source = source_of(source)
        self.tracker: Tracker = ANSWERS[predictor.recipe.kind].require_spatial("a video").tracker()
        self.frames, self.until_s = 0, 0.0
        self._decoded = read_frames(source, MOST_PIXELS, every_s)
        self._error: SeehearError | None = None
        self._pixels: Pixels | None = None

    @property
    def frame(self) -> Image.Image:
        """The frame of the last Prediction. Raises UsageError before the first."""
        if self._pixels is None:
            raise UsageError("no frame of the video was answered yet", where=self.source.name)
        return Image.fromarray(self._pixels)

    def __iter__(self) -> Generator[Prediction, None, None]:
        waiting: deque[tuple[Prediction, Pixels]] = deque()
        with closing(self._predict_frames()) as predictions:
            for answer in self.tracker.track(_pass_answers(predictions, waiting)):
                prediction, self._pixels = waiting.popleft()
                self.frames, self.until_s = self.frames + 1, prediction.time_s or 0.0
                tracked = replace(prediction, answer=answer)
                self._tell(tracked)
                yield tracked
        if self._error:
            failed = Prediction.failed(self.source, self._error)
            self._tell(failed)
            yield failed

    def _predict_frames(self) -> Generator[tuple[Prediction, Pixels], None, None]:
        with closing(prefetch(self._batches(), AHEAD)) as batches:
            for batch in batches:
                predictions = self._predictor.predict([pixels for _, pixels in batch], self._options)
                for (time_s, pixels), prediction in zip(batch, predictions, strict=True):
                    yield _as_frame(prediction, self.source, time_s), pixels

    def _batches(self) -> Generator[list[Frame], None, None]:
        batch: list[Frame] = []
        try:
            for time_s, pixels in self._decoded:
                batch.append((time_s, pixels))
                if len(batch) == BATCH or len(batch) * pixels.nbytes >= BATCH_BYTES:
                    yield batch
                    batch = []
        except SeehearError as error:
            self._error = error  # raised to the caller after the frames before it
        if batch:
            yield batch


def supports_video(recipe: Recipe) -> bool:
    """Whether the recogniser answers frames: it has sight, and its answers have a position."""
    return SIGHT.name in recipe.senses and ANSWERS[recipe.kind].spatial is not None


def check_video(recipe: Recipe) -> None:
    """Raises UsageError for a recogniser that does not answer frames."""
    if not supports_video(recipe):
        allowed = " or ".join(kind.name for kind in ANSWERS.values() if kind.spatial)
        what = f"a video, frame by frame, for a recogniser that answers with '{recipe.kind}'"
        raise UsageError(what, allowed=allowed, hint="`predict` answers its middle frame, or its sound")


def has_video(example: Example) -> bool:
    """Whether the input of an example for sight is a video."""
    return is_video(example.get(SIGHT.name) if isinstance(example, Mapping) else example)


def _pass_answers(
    predictions: Iterable[tuple[Prediction, Pixels]], waiting: deque[tuple[Prediction, Pixels]]
) -> Iterator[tuple[float, Answer | None]]:
    """The answers for the tracker, which may return them late; their predictions wait for them."""
    for prediction, pixels in predictions:
        waiting.append((prediction, pixels))
        yield prediction.time_s or 0.0, prediction.answer


def _as_frame(prediction: Prediction, video: ExampleSource, time_s: float) -> Prediction:
    """The answer to an image in memory, as the answer to a frame of a video."""
    frame = replace(prediction, source=video, time_s=time_s)
    return replace(frame, errors=tuple(error.at(frame.where) for error in prediction.errors))
