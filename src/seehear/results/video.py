"""Predicts videos frame by frame, and writes an annotated copy of each video with a table of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seehear.amounts import format_count
from seehear.escaping import CsvWriter, to_json_line
from seehear.files import write_atomically
from seehear.results.writer import OutputNames, first_path, open_text, reserve_path

if TYPE_CHECKING:
    from seehear.inputs import Found
    from seehear.recipe import Recipe
    from seehear.runtime.prediction import Prediction
    from seehear.runtime.video import VideoPredictions


class SupportsWatch(Protocol):
    """What this module needs of `seehear.Recogniser`."""

    recipe: Recipe

    @property
    def predict(self) -> Callable[..., Any]: ...
    @property
    def watch(self) -> Callable[..., VideoPredictions]: ...


@dataclass(frozen=True)
class FrameByFrame:
    """Predicts inputs, videos frame by frame.

    every_s   use only the first frame of each interval of this many seconds; None for all frames
    folder    where to write the annotated videos and their tables; None for nowhere
    report    called with one line of text at the end of each video
    """

    every_s: float | None
    folder: Path | None
    names: OutputNames
    report: Callable[[str], None]

    def predict(
        self, recogniser: SupportsWatch, inputs: Iterable[Found], options: Mapping[str, Any]
    ) -> Iterator[Prediction]:
        """One prediction for each input, but one for each frame of a video if the recogniser's answers have positions.

        Raises UsageError for `every_s` if they have none.
        """
        from seehear.runtime.video import check_video, has_video, supports_video

        if self.every_s is not None:
            check_video(recogniser.recipe)
        takes_frames = supports_video(recogniser.recipe)
        for is_video, group in groupby(inputs, key=lambda found: takes_frames and has_video(found)):
            if not is_video:
                yield from recogniser.predict(group, **options)
                continue
            for each in group:
                yield from self._predict_video(recogniser.watch(each, every_s=self.every_s, **options))

    def _predict_video(self, video: VideoPredictions) -> Iterator[Prediction]:
        with closing(iter(video)) as predictions:
            first = next(predictions)  # there is always one: of a frame, or of the error that left none
            with _video_writer(self.folder if video.frames else None, self.names, video) as write:
                for prediction in chain([first], predictions):
                    write(prediction)
                    yield prediction
        if video.frames:
            frames = f"{format_count(video.frames, 'frame')} up to {video.until_s:.1f} s"
            self.report(f"{video.source.name}: {frames}; total: {video.tracker}")


@contextmanager
def _video_writer(
    folder: Path | None, names: OutputNames, video: VideoPredictions
) -> Iterator[Callable[[Prediction], None]]:
    """Returns a function that adds a frame with its answer to the annotated video and its table.

    Raises UsageError if that would replace a file beside the video.
    """
    if folder is None:
        yield lambda _: None
        return
    from seehear.answers.overlay import enlarge
    from seehear.senses.video import VideoWriter

    source = first_path(video.source)
    name = names.assign(source)
    copy, csv, summary = (reserve_path(folder, name, extension, source) for extension in ("mp4", "csv", "json"))
    with VideoWriter(copy) as writer, open_text(csv, buffering=1) as lines:
        table = CsvWriter(lines)
        table.row(("time_s", *video.tracker.columns))

        def write(prediction: Prediction) -> None:
            if (time_s := prediction.time_s) is None:  # the error that ended the video
                return
            answer: Any = prediction.answer
            writer.add(answer.draw_on(video.frame) if answer else enlarge(video.frame), time_s)
            table.rows((f"{time_s:.3f}", *row) for row in (video.tracker.rows(answer) if answer else ()))

        yield write
    totals = {
        "input": video.source.name,
        "pictures": video.frames,
        "until_s": round(video.until_s, 3),
        "total": video.tracker.to_json(),
    }
    write_atomically(summary, to_json_line(totals).encode())
