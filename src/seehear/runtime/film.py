"""A film is watched: every picture asked about as it is decoded, and what is in it followed from one to the next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers import ANSWERS, Answer, Tracker
from seehear.errors import SeehearError, UsageError
from seehear.recipe import Recipe
from seehear.runtime.loading import Example, source_of
from seehear.runtime.options import DEFAULT, PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.runtime.stream import ahead
from seehear.senses.sight import SIGHT
from seehear.senses.sight.limits import MOST_PIXELS
from seehear.senses.video import is_video, read_frames

Pixels = NDArray[np.uint8]
Shown = tuple[float, Pixels]  # second, (H, W, 3)

BATCH = 16  # pictures asked about at once, fewer where they are large: each is kept until it is answered
BATCH_BYTES = 1 << 26
AHEAD = 2  # batches decoded before they are asked for


class Film:
    """Goes through a film once, a Prediction for each picture. One that ends in an error ends with that Prediction.

    source     where it comes from, and what it is called
    seen       the Tracker: what was in all pictures so far
    pictures   how many there were
    until_s    when the last one was shown
    """

    def __init__(
        self, predictor: Predictor, video: Example, options: PredictOptions = DEFAULT, *, every_s: float | None = None
    ) -> None:
        """Raises UsageError for a recogniser that cannot watch videos, and for the options."""
        check_watches(predictor.recipe)
        if every_s is not None and not 0 < every_s < math.inf:
            raise UsageError(f"a picture every {every_s:g} s", allowed="a number of seconds more than 0")
        predictor.predict([], options)  # refuses the options at once
        self._predictor, self._options = predictor, options
        source = video[SIGHT.name] if isinstance(video, Mapping) else video
        self.source = source_of(source)
        self.seen: Tracker = ANSWERS[predictor.recipe.kind].require_spatial("a film").tracker()
        self.pictures, self.until_s = 0, 0.0
        self._shown = read_frames(source, MOST_PIXELS, every_s)
        self._fault: SeehearError | None = None
        self._pixels: Pixels | None = None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def picture(self) -> Image.Image:
        """The one that the last Prediction tells of."""
        if self._pixels is None:
            raise UsageError("no picture of the film was answered yet", where=self.source.name)
        return Image.fromarray(self._pixels)

    def __iter__(self) -> Generator[Prediction, None, None]:
        waiting: deque[tuple[Prediction, Pixels]] = deque()
        with closing(self._asked()) as asked:
            for answer in self.seen.track(_answers(asked, waiting)):
                prediction, self._pixels = waiting.popleft()
                self.pictures, self.until_s = self.pictures + 1, prediction.time_s or 0.0
                yield replace(prediction, answer=answer)
        if self._fault:
            yield Prediction.failed(self.source, self._fault)

    def _asked(self) -> Generator[tuple[Prediction, Pixels], None, None]:
        with closing(ahead(self._batches(), AHEAD)) as batches:
            for batch in batches:
                answered = self._predictor.predict([pixels for _, pixels in batch], self._options)
                for (time_s, pixels), prediction in zip(batch, answered, strict=True):
                    yield _as_frame(prediction, self.source, time_s), pixels

    def _batches(self) -> Generator[list[Shown], None, None]:
        batch: list[Shown] = []
        try:
            for time_s, pixels in self._shown:
                batch.append((time_s, pixels))
                if len(batch) == BATCH or len(batch) * pixels.nbytes >= BATCH_BYTES:
                    yield batch
                    batch = []
        except SeehearError as error:
            self._fault = error  # told when what came before is
        if batch:
            yield batch


def watches(recipe: Recipe) -> bool:
    """Whether its recogniser says what is where in pictures: then a film is asked about picture by picture."""
    return SIGHT.name in recipe.senses and ANSWERS[recipe.kind].spatial is not None


def check_watches(recipe: Recipe) -> None:
    if not watches(recipe):
        allowed = " or ".join(kind.name for kind in ANSWERS.values() if kind.spatial)
        what = f"a film, picture by picture, for a recogniser that answers with '{recipe.kind}'"
        raise UsageError(what, allowed=allowed, hint="`predict` asks about its middle, or its sound")


def holds_film(example: Example) -> bool:
    """Whether what sight is given of an example is a film."""
    return is_video(example.get(SIGHT.name) if isinstance(example, Mapping) else example)


def _answers(
    asked: Iterable[tuple[Prediction, Pixels]], waiting: deque[tuple[Prediction, Pixels]]
) -> Iterator[tuple[float, Answer | None]]:
    """Those of the predictions, which wait until their answers were followed."""
    for prediction, pixels in asked:
        waiting.append((prediction, pixels))
        yield prediction.time_s or 0.0, prediction.answer


def _as_frame(prediction: Prediction, video: ExampleSource, time_s: float) -> Prediction:
    """The answer to an image in memory, as the answer to a frame of a video."""
    frame = replace(prediction, source=video, time_s=time_s)
    return replace(frame, errors=tuple(error.at(frame.where) for error in prediction.errors))
