"""Films in `seehear predict`: each picture is answered, and `--out` keeps the film with the answers laid over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.amounts import counted
from seehear.cli.keeping import Names, first_file, opened, place
from seehear.escaping import CsvWriter, as_json
from seehear.files import write_whole

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.inputs import Found
    from seehear.runtime.film import Film
    from seehear.runtime.prediction import Prediction


@dataclass(frozen=True)
class Watching:
    """How films are watched: the first picture of each `every_s` alone, and what is kept of them in a folder."""

    every_s: float | None
    folder: Path | None
    names: Names
    say: Callable[[str], None]

    def answers(self, recogniser: Recogniser, inputs: Iterable[Found], how: Mapping[str, Any]) -> Iterator[Prediction]:
        """One to each input; one to each picture of a film, for a recogniser that watches it.

        Raises UsageError for `every_s` where the recogniser does not.
        """
        from seehear.runtime.film import check_watches, holds_film, watches

        if self.every_s is not None:
            check_watches(recogniser.recipe)
        watched = watches(recogniser.recipe)
        for is_film, group in groupby(inputs, key=lambda found: watched and holds_film(found)):
            if not is_film:
                yield from recogniser.predict(group, **how)
                continue
            for each in group:
                yield from self._watched(recogniser.watch(each, every_s=self.every_s, **how))

    def _watched(self, film: Film) -> Iterator[Prediction]:
        with closing(iter(film)) as predictions:
            first = next(predictions)  # there is one always: of a picture, or why there is none
            with _filmed(self.folder if film.pictures else None, self.names, film) as keep:
                for prediction in chain([first], predictions):
                    keep(prediction)
                    yield prediction
        if film.pictures:
            told = f"{counted(film.pictures, 'picture')} up to {film.until_s:.1f} s; in all {film.seen}"
            self.say(f"{film.name}: {told}")


@contextmanager
def _filmed(folder: Path | None, names: Names, film: Film) -> Iterator[Callable[[Prediction], None]]:
    """What writes each picture of a film with its answer, and a table of all that is told, as they come.

    At its end also what there was in all. Raises UsageError rather than replace what lies beside the film.
    """
    if folder is None:
        yield lambda _: None
        return
    from seehear.answers.overlay import enlarge
    from seehear.senses.film import Reel

    source = first_file(film.name)
    name = names.of(source)
    drawn, told, summary = (place(folder, name, extension, source) for extension in ("mp4", "csv", "json"))
    with Reel(drawn) as reel, opened(told, buffering=1) as lines:
        table = CsvWriter(lines)
        table.row(("time_s", *film.seen.columns))

        def keep(prediction: Prediction) -> None:
            if (time_s := prediction.time_s) is None:  # why the film ended
                return
            answer: Any = prediction.answer
            reel.add(answer.draw_on(film.picture) if answer else enlarge(film.picture), time_s)
            table.rows((f"{time_s:.3f}", *row) for row in (film.seen.rows(answer) if answer else ()))

        yield keep
    seen = {
        "input": film.name,
        "pictures": film.pictures,
        "until_s": round(film.until_s, 3),
        "in_all": film.seen.to_json(),
    }
    write_whole(summary, as_json(seen).encode())
