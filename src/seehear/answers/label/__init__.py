"""Label (classification): one class, or several, for the whole example."""

from __future__ import annotations

from seehear.answers.class_names import ClassExtension
from seehear.answers.class_rates import ClassRates
from seehear.answers.kind import AnswerKind
from seehear.answers.label import answer, explain, metric, prediction_set, suspects
from seehear.answers.label.answer import Label as Label
from seehear.answers.label.answer import LabelSpec as LabelSpec
from seehear.answers.prediction_sets import PredictionSets


class LabelKind(AnswerKind[LabelSpec, Label]):
    name = "label"
    columns = (
        *("label", "labels", "class", "classes", "category", "categories", "target", "tag", "tags"),
        *("diagnosis", "species", "emotion", "word", "digit", "letter", "condition", "finding"),
    )
    senses = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
    hub_tasks = (("image", "image-classification"), ("audio", "audio-classification"))
    Spec = LabelSpec
    supports_mixup = True
    supports_pseudo_labels = True
    extension = ClassExtension(
        supports=lambda spec: not spec.several,
        names=lambda spec: spec.classes,
        extend=answer.extend,
        raw=lambda logits: {"logits": logits},
    )

    rates = ClassRates(names=lambda spec: spec.classes, count=metric.count_classes)
    prediction_sets = PredictionSets(
        noun="class",
        unit="classes",
        needed=prediction_set.needed,
        build=prediction_set.build,
        classes=lambda spec: spec.classes,
    )

    plan = staticmethod(answer.plan)
    fits = staticmethod(answer.fits)
    means = staticmethod(answer.means)
    describe = staticmethod(answer.describe)
    read = staticmethod(answer.read)
    stratum = staticmethod(answer.stratum)
    target = staticmethod(answer.target)
    find_suspects = staticmethod(suspects.find_suspects)
    raw_shapes = staticmethod(answer.raw_shapes)
    to_answer = staticmethod(answer.to_answer)
    read_classes = staticmethod(answer.read_classes)
    quantities = staticmethod(explain.list_quantities)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    right = staticmethod(metric.right)
    metrics = staticmethod(metric.metrics)
    headline = staticmethod(metric.headline)
