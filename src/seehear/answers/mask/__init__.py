"""Mask (semantic segmentation): a class for every pixel of a picture."""

from __future__ import annotations

from seehear.answers.capabilities import ItemScoring, Spatial
from seehear.answers.class_rates import ClassRates
from seehear.answers.kind import AnswerKind
from seehear.answers.mask import answer, drawing, explain, metric, prediction_set, spec, suspects
from seehear.answers.mask.answer import Mask as Mask
from seehear.answers.mask.spec import MaskSpec as MaskSpec
from seehear.answers.mask.tracking import AreaTracker
from seehear.answers.prediction_sets import PredictionSets


class MaskKind(AnswerKind[MaskSpec, Mask]):
    name = "mask"
    columns = ("mask", "masks", "segmentation", "annotation", "label_map", "labelmap", "annotation_mask")
    senses = (frozenset({"image"}),)
    hub_tasks = (("image", "image-segmentation"),)
    Spec = MaskSpec

    items = ItemScoring(noun=Mask.item, count=answer.count_items, score=metric.items)
    spatial = Spatial(
        output_stride_px=4,
        largest_object_px=answer.largest_object_px,
        merge_tiles=answer.merge_tiles,
        map_confidence=explain.map_confidence,
        tracker=AreaTracker,
    )
    prediction_sets = PredictionSets(
        noun="pixel",
        unit="classes of a pixel",
        needed=prediction_set.needed,
        build=prediction_set.build,
        classes=lambda spec: spec.classes,
    )
    regions = drawing.REGIONS

    rates = ClassRates(names=lambda spec: spec.classes, count=metric.count_classes)

    plan = staticmethod(spec.plan)
    fits = staticmethod(answer.fits)
    in_files = staticmethod(answer.in_files)
    check_cell = staticmethod(answer.check_cell)
    read = staticmethod(answer.read)
    stratum = staticmethod(answer.stratum)
    target = staticmethod(answer.target)
    check = staticmethod(answer.check)
    find_suspects = staticmethod(suspects.find_suspects)
    raw_shapes = staticmethod(answer.raw_shapes)
    to_answer = staticmethod(answer.to_answer)
    quantities = staticmethod(explain.list_quantities)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    right = staticmethod(metric.right)
    metrics = staticmethod(metric.metrics)
    headline = staticmethod(metric.headline)
