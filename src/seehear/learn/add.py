"""Adds classes to a trained recogniser from a few examples, without forgetting the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.answers.class_names import require_extension
from seehear.datasets import open_labelled, open_unlabelled
from seehear.errors import DataError, UsageError
from seehear.events import Finished, Listener, Notice, Started, ignore_events
from seehear.geometry import Geometry
from seehear.learn.calibrate.calibration import Calibrator, compute_ood_features
from seehear.learn.calibrate.card import describe_risk, render_model_card
from seehear.learn.data.cache import DatasetCache
from seehear.learn.export import export_graphs, to_safetensors, trace_graphs
from seehear.learn.kept_features import (
    ClassExamples,
    ExtensibleHead,
    KeptFeatures,
    load_features,
    read_examples,
    supports_new_classes,
)
from seehear.learn.model.network import Network, create_network
from seehear.learn.model.ood import BANK
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.new_classes import MAX_RECALL_LOSS, KnownExamples, NewOutputs, fit_new_outputs, measure_recall
from seehear.measure.clusters import Clusters
from seehear.media import medium_of_file
from seehear.recipe import Recipe, Usual, used_key
from seehear.runtime.bundle import FEATURES, Bundle
from seehear.table import RowProblem, Table
from seehear.table.directories import list_visible

FITTING, EXPORTING = "fitting the new classes", "exporting"
MIN_EXAMPLES = 2  # examples of a new class
MIN_RECALL = 0.2  # of a new class; below this, it would almost never be recognised
GOOD_RECALL = 0.5  # below this, `add` asks for more examples


def add_classes(bundle: Bundle, data: Path, workspace: Path, listen: Listener) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """The recogniser with the classes of `data` added, and the rows that could not be used.

    data    a folder with the examples of one class, named like the class; or any table or folder of classes.
            Examples of known classes help to distinguish these from the new ones.

    Raises UsageError if no class can be added to the recogniser, and DataError if there are too few examples, or if a
    new class cannot be recognised unless a known one loses more than MAX_RECALL_LOSS of its recall.
    """
    network, head, kept = _load(bundle)
    table = open_new_classes(data, bundle.recipe, workspace)
    dataset, recipe = _decode(table, bundle.recipe, workspace / "examples", listen)
    rows = np.arange(len(dataset))
    listen(Started(FITTING, None, "examples"))
    with torch.no_grad():
        train, held_out, given = (_score(head, part) for part in (*kept, read_examples(network, dataset, rows)))
    known = train.logits.shape[1]
    is_new = given.examples.classes >= known
    new, more = given.take(is_new), given.take(~is_new)
    train = KnownExamples(train.examples.join(more.examples), torch.cat([train.logits, more.logits]))
    outputs = fit_new_outputs(train, held_out, new, known)
    listen(Finished(FITTING, format_count(len(new.logits), "example")))
    listen(Notice(_check(outputs, held_out, new, recipe, str(data))))
    head.add_classes(outputs.weight, outputs.bias)
    _extend_ood_scorer(network, dataset, rows[is_new.numpy()], known)
    network.recipe = recipe = _calibrate(recipe, outputs, held_out.examples.join(new.examples))
    listen(Notice(describe_risk(recipe, used_key(recipe.senses))))
    listen(Started(EXPORTING, None, "graphs"))
    graphs = export_graphs(trace_graphs(network, dataset, rows), network, dataset, rows)
    listen(Finished(EXPORTING, "1 graph"))
    # Keep the new examples as held-out ones too, so that adding another class cannot make the model forget this one.
    now_kept = KeptFeatures(train.examples.join(new.examples), held_out.examples.join(new.examples)).to_safetensors()
    card, weights = render_model_card(recipe), to_safetensors(network)
    return Bundle(recipe, graphs.network, weights, card, features=now_kept), (*table.problems, *dataset.problems)


def open_new_classes(data: Path, recipe: Recipe, workspace: Path) -> Table:
    """Read a folder of files as one class with the folder's name, anything else as for training."""
    senses, unpacked = tuple(recipe.senses), workspace / "unpacked"
    if not _holds_one_class(data):
        return open_labelled(data, recipe.kind, senses, unpacked)
    table = open_unlabelled(data, senses, unpacked)
    return table.with_answer(recipe.kind, data.resolve().name)


def _holds_one_class(data: Path) -> bool:
    if not data.is_dir():
        return False
    folders, files = list_visible(data)
    return bool(files) and not folders and all(medium_of_file(data / file) for file in files)


def _load(bundle: Bundle) -> tuple[Network, Any, KeptFeatures]:
    """The network, its head, and the stored features of its examples."""
    recipe = bundle.recipe
    if not supports_new_classes(recipe):
        raise UsageError(
            f"classes cannot be added to a model that answers '{recipe.kind}' from {' and '.join(recipe.senses)}",
            allowed="a model that answers with one of several classes, from a single sense",
            hint="train it again with all classes",
        )
    if bundle.features is None:
        raise UsageError(f"the model file has no {FEATURES}, so no class can be added", hint="train the model again")
    network = create_network(recipe, torch.device("cpu"))
    Pretrained(recipe, bundle.weights, "the model").load_into(network)
    return network, network.eval().head, load_features(bundle.features, network)


def _decode(table: Table, recipe: Recipe, folder: Path, listen: Listener) -> tuple[DatasetCache, Recipe]:
    """The examples, and the recipe with the new classes. Raises DataError for too few examples or no new class."""
    extension = require_extension(ANSWERS[recipe.kind])
    names, found = extension.names(recipe.answer), Counter(cell.strip() for cell in table.answers())
    new = {name: count for name, count in found.items() if name not in names}
    if not new:
        raise DataError(
            f"there is no new class: the model already knows {' and '.join(sorted(found))}",
            where=str(table.root),
            allowed="at least one class that it does not know",
            hint="to train on more examples of a class, run `seehear train` with --start and all examples",
        )
    planned = recipe.model_copy(update={"answer": extension.extend(recipe.answer, new)})
    dataset = DatasetCache.build(table, planned, folder, listen=listen)
    read = Counter(dataset.truth(row).to_cell() for row in range(len(dataset)))
    for name in new:
        if read[name] < MIN_EXAMPLES:
            raise DataError(
                f"{format_count(read[name], 'example')} of '{name}' can be used",
                where=str(table.root),
                allowed=f"at least {MIN_EXAMPLES}, better 5",
                hint="add examples",
            )
    counts = {name: read[name] for name in new}
    answer = extension.extend(recipe.answer, counts)
    recipe = recipe.model_copy(update={"answer": answer, "added": {**recipe.added, **counts}})
    return DatasetCache.build(table, recipe, folder, listen=ignore_events), recipe


def _score(head: ExtensibleHead, examples: ClassExamples) -> KnownExamples:
    return KnownExamples(examples, head.classify(examples.features))


def _check(outputs: NewOutputs, held_out: KnownExamples, new: KnownExamples, recipe: Recipe, where: str) -> str:
    """Describe the new classes. Raises DataError if one would almost never be recognised without forgetting others."""
    names = require_extension(ANSWERS[recipe.kind]).names(recipe.answer)
    classes, found = new.examples.classes, outputs.new.argmax(1)
    said = []
    for each, share in measure_recall(outputs.new, classes).items():
        own = classes == each
        count = f"{round(share * int(own.sum())):,} of {format_count(int(own.sum()), 'example')}"
        others = [f"'{names[i]}'" for i, _ in Counter(found[own & (found != each)].tolist()).most_common(3)]
        more = f"give more examples of '{names[each]}', and some of {' and '.join(others)} too"
        if share < MIN_RECALL:
            raise DataError(
                f"'{names[each]}' cannot be added without forgetting: if no other class may lose more than "
                f"{100 * MAX_RECALL_LOSS:g} points of recall, {count} are recognised when left out, the others taken "
                f"for {' or '.join(others)}",
                where=where,
                hint=f"{more}, in a folder for each class; or train again with all examples",
            )
        advice = f" ({more}, to recognise it more often)" if share < GOOD_RECALL else ""
        said.append(f"'{names[each]}': {count} recognised when left out{advice}")
    points = 100 * _measure_recall_loss(outputs, held_out)
    examples = format_count(len(held_out.logits), "held-out example")
    return f"{'; '.join(said)}. On {examples}, no other class loses more than {points:.2g} points of recall"


def _measure_recall_loss(outputs: NewOutputs, held_out: KnownExamples) -> float:
    """The largest loss of recall of a known class, on held-out examples."""
    classes = held_out.examples.classes
    before, after = (measure_recall(logits, classes) for logits in (held_out.logits, outputs.held_out))
    return max(0.0, *(before[each] - after[each] for each in before))


def _extend_ood_scorer(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], known: int) -> None:
    """Make inputs of the new classes count as like the training data."""
    (sense,) = network.encoders
    new = len(dataset.recipe.added) - len(network.recipe.added)
    features = compute_ood_features(network, sense, dataset, rows)
    network.ood[sense].extend(features, most=BANK * new // (known + new), seed=known)  # type: ignore[operator]


@dataclass(frozen=True)
class _HeldOutClasses:
    """Held-out examples with only their classes, for calibration."""

    recipe: Recipe
    examples: ClassExamples

    @property
    def groups(self) -> NDArray[np.int64]:
        groups: NDArray[np.int64] = self.examples.groups.numpy()
        return groups

    def truth(self, row: int) -> Any:
        kind, spec = ANSWERS[self.recipe.kind], self.recipe.answer
        return kind.read(require_extension(kind).names(spec)[int(self.examples.classes[row])], spec)

    def geometry(self, row: int) -> Geometry | None:
        return None

    def group_columns(self, rows: Sequence[int]) -> dict[str, list[str]]:
        """None: the metadata of the first examples is not kept."""
        return {}

    def metadata(self, rows: Sequence[int]) -> dict[str, list[str]]:
        """As `group_columns`."""
        return {}

    def clusters(self, rows: Sequence[int]) -> Clusters:
        codes = np.unique(self.groups[list(rows)], return_inverse=True)[1]
        number = int(codes.max()) + 1
        return Clusters(codes, format_count(number, "example" if number == len(rows) else "group"))


def _calibrate(recipe: Recipe, outputs: NewOutputs, examples: ClassExamples) -> Recipe:
    """The recipe with selective prediction and results, from examples that were held out or left out of the fit."""
    kind, used = ANSWERS[recipe.kind], used_key(recipe.senses)
    calibrator = Calibrator(kind, _HeldOutClasses(recipe, examples))
    for row, logits in enumerate(torch.cat([outputs.held_out, outputs.new]).numpy()):
        calibrator.add(row, require_extension(kind).raw(logits))
    found = calibrator.calibrate(recipe.wrong_at_most)
    fitted = {
        "selective": {used: found.selective},
        "coverage": {used: found.coverage},
        "group_coverage": {},
        "results": {used: found.results},
    }
    usual = Usual(measured=recipe.usual.measured)  # the scores and answers of the earlier model
    return recipe.model_copy(update=fitted | {"cross_fitted": 0, "comparison": None, "usual": usual})
