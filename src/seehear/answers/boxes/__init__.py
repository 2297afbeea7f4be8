"""Boxes (object detection): what is where in a picture, each object with its class."""

from __future__ import annotations

from seehear.answers.boxes import answer, doubts, drawing, explain, metric, prediction_set, suspects
from seehear.answers.boxes.answer import Boxes as Boxes
from seehear.answers.boxes.answer import BoxesSpec as BoxesSpec
from seehear.answers.boxes.box import Box as Box
from seehear.answers.boxes.tracking import BoxTracker
from seehear.answers.capabilities import ItemScoring, Spatial
from seehear.answers.class_rates import ClassRates
from seehear.answers.kind import AnswerKind
from seehear.answers.prediction_sets import PredictionSets


class BoxesKind(AnswerKind[BoxesSpec, Boxes]):
    name = "boxes"
    columns = ("boxes", "objects", "bboxes", "bbox", "detections", "bounding_boxes")
    senses = (frozenset({"image"}),)
    hub_tasks = (("image", "object-detection"),)
    Spec = BoxesSpec
    requires_full_input = True

    items = ItemScoring(noun=Boxes.item, count=answer.count_items, score=metric.items)
    spatial = Spatial(
        output_stride_px=8,
        largest_object_px=answer.largest_object_px,
        merge_tiles=answer.merge_tiles,
        map_confidence=explain.map_confidence,
        tracker=BoxTracker,
    )
    prediction_sets = PredictionSets(
        noun="found object",
        unit="times the area of the boxes",
        needed=prediction_set.needed,
        build=prediction_set.build,
        classes=lambda spec: spec.classes,
    )
    regions = drawing.REGIONS

    rates = ClassRates(names=lambda spec: spec.classes, count=metric.count_classes)

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
    n_best = staticmethod(answer.n_best)
    select = staticmethod(answer.select)
    read_numbers = staticmethod(answer.read_numbers)
    quantities = staticmethod(explain.list_quantities)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    right = staticmethod(metric.right)
    metrics = staticmethod(metric.metrics)
    headline = staticmethod(metric.headline)
