"""Score (regression): one number, with unit and direction, for the whole example."""

from __future__ import annotations

from seehear.answers.kind import AnswerKind
from seehear.answers.prediction_sets import PredictionSets
from seehear.answers.score import answer, doubts, explain, metric, prediction_set, suspects
from seehear.answers.score.answer import Score as Score
from seehear.answers.score.answer import ScoreSpec as ScoreSpec


class ScoreKind(AnswerKind[ScoreSpec, Score]):
    name = "score"
    columns = ("score", "scores", "rating", "value", "target_value", "measurement", "severity", "amount")
    senses = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
    Spec = ScoreSpec
    supports_mixup = True

    prediction_sets = PredictionSets(
        noun="number", unit="", needed=prediction_set.needed, build=prediction_set.build, classes=lambda spec: ()
    )

    plan = staticmethod(answer.plan)
    fits = staticmethod(answer.fits)
    check_cell = staticmethod(answer.check_cell)
    read = staticmethod(answer.read)
    find_doubts = staticmethod(doubts.find_doubts)
    stratum = staticmethod(answer.stratum)
    target = staticmethod(answer.target)
    find_suspects = staticmethod(suspects.find_suspects)
    raw_shapes = staticmethod(answer.raw_shapes)
    to_answer = staticmethod(answer.to_answer)
    read_numbers = staticmethod(answer.read_numbers)
    quantities = staticmethod(explain.list_quantities)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    right = staticmethod(metric.right)
    metrics = staticmethod(metric.metrics)
    headline = staticmethod(metric.headline)
