"""Figures of the review: how far it is, how often the answers were right, and what a training gained by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.measure.comparison import NOT_DISTINGUISHABLE
from seehear.projects.kept_answers import ACCEPTED, CORRECTED, NONE, WAITING, count_states
from seehear.projects.schema import jobs, predictions, versions

REVIEWED = ACCEPTED, CORRECTED, NONE


@dataclass(frozen=True, slots=True)
class ReviewHelp:
    """What `reviewed` answers brought, together with the other examples that were new in the same training.

    difference, interval   of the metric, on examples that neither version learned from
    verdict                of the comparison
    expected               difference that the answers that wait may bring at the same rate; None if the one that was
                           measured may be chance
    """

    reviewed: int
    metric: str
    difference: float
    interval: Sequence[float | None]
    verdict: str
    expected: float | None


class Progress(NamedTuple):
    """How far the review is since the newest version began to train.

    done       answers that were reviewed, skipped or dismissed
    to_learn   those of them that became examples with an answer
    waiting    answers that wait
    """

    done: int
    to_learn: int
    waiting: int


class Agreement(NamedTuple):
    """How many reviewed answers were right, of how many."""

    right: int
    of: int


def read_progress(connection: Connection) -> Progress:
    since = (
        sa.select(sa.func.coalesce(jobs.c.started_at_s, versions.c.made_at_s))
        .select_from(versions.outerjoin(jobs, jobs.c.id == versions.c.job_id))
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    began_s = connection.execute(since).scalar() or 0.0
    by_state = _count(connection, predictions.c.state != WAITING, predictions.c.reviewed_at_s > began_s)
    to_learn = by_state.get(ACCEPTED, 0) + by_state.get(CORRECTED, 0)
    return Progress(sum(by_state.values()), to_learn, count_states(connection, WAITING))


def read_agreement(connection: Connection, *, blind: bool) -> Agreement:
    """The agreement of the answers that were reviewed blind, or of the others."""
    by_state = _count(connection, predictions.c.state.in_(REVIEWED), predictions.c.blind.is_(blind))
    return Agreement(by_state.get(ACCEPTED, 0), sum(by_state.values()))


def estimate_help(metric: str, compared: Mapping[str, Any], waiting: int) -> ReviewHelp:
    """What the answers that wait may bring, from `compared` in a version's figures."""
    reviewed, difference = compared["reviewed"], compared["difference"]
    measurable = compared["verdict"] != NOT_DISTINGUISHABLE and waiting > 0
    expected = difference * min(waiting, reviewed) / reviewed if measurable else None  # more answers help less and less
    return ReviewHelp(reviewed, metric, difference, compared["interval"], compared["verdict"], expected)


def _count(connection: Connection, *where: sa.ColumnElement[bool]) -> dict[str, int]:
    """How many kept answers are in each state."""
    number = sa.func.count().label("number")
    select = sa.select(predictions.c.state, number).where(*where).group_by(predictions.c.state)
    return {row.state: row.number for row in connection.execute(select)}
