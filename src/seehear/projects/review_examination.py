"""Looks at the kept answers that wait, so that their order improves: which look alike, and on which versions differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.events import Advanced, Finished, Listener, Started
from seehear.projects.kept_answers import WAITING, KeptAnswer, read_kept
from seehear.projects.review_order import usefulness
from seehear.projects.schema import predictions

if TYPE_CHECKING:
    from seehear.projects.project import Project

TASK, PROGRESS_EVERY = "looking at kept answers", 8


class Examined(NamedTuple):
    """embedding   of the input, by the version that answered; None for an input that cannot be read any more
    other       the newest other version, and its answer as a cell; None if there is none
    """

    kept: KeptAnswer
    embedding: NDArray[np.float32] | None
    other: tuple[int, str] | None


def examine(project: Project, limit: int, listen: Listener) -> int:
    """See `Review.examine`."""
    with project.database.reading() as connection:
        where = predictions.c.state == WAITING, predictions.c.embedding.is_(None), predictions.c.number.is_not(None)
        select = sa.select(predictions.c.id).where(*where).order_by(predictions.c.usefulness.desc()).limit(limit)
        waiting = read_kept(connection, list(connection.execute(select).scalars()))
    done = 0
    listen(Started(TASK, len(waiting), "answers"))
    for version in dict.fromkeys(each.version for each in waiting):
        mine = [each for each in waiting if each.version == version]
        for examined in _ask_versions(project, version or 0, mine):
            _save(project, examined)
            done += 1
            if done % PROGRESS_EVERY == 0:
                listen(Advanced(TASK, done))
    listen(Finished(TASK, format_count(done, "answer")))
    return done


def _ask_versions(project: Project, version: int, kept: Sequence[KeptAnswer]) -> Iterator[Examined]:
    from seehear.runtime.bundle import read_bundle
    from seehear.runtime.predictor import Predictor

    versions = project.versions
    examples = [project.sources(each) for each in kept]
    vectors = Predictor(read_bundle(versions.check_file(version))).embed(examples)
    others = [each.number for each in versions.list() if each.number != version]
    cells: Any = (None for _ in kept)
    if others:
        other = Predictor(read_bundle(versions.check_file(others[0]))).predict(examples)
        cells = (None if each.answer is None else each.answer.to_cell() for each in other)
    for each, embedding, cell in zip(kept, vectors, cells, strict=False):
        yield Examined(each, embedding.vector, None if cell is None else (others[0], cell))


def _save(project: Project, examined: Examined) -> None:
    kept, vector, other = examined
    differs = other is not None and other[1] != kept.cell
    values: dict[str, Any] = {
        "embedding": b"" if vector is None else np.asarray(vector, np.float32).tobytes(),
        "usefulness": usefulness(kept.confidence, unfamiliar=kept.unfamiliar, disagreement=differs),
    }
    if other is not None and differs:
        values |= {"other_number": other[0], "other_cell": other[1]}
    with project.database.writing() as connection:
        connection.execute(predictions.update().where(predictions.c.id == kept.id).values(**values))
