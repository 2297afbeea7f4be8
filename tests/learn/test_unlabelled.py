"""Unlabelled examples: a network learns from its own answers to them, if that helps on held-out examples."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from learning import ANSWER_CELLS, EXAMPLES, PARITY, dataset_of, digits_table, recipe_for
from seehear import api
from seehear.answers.label import LabelKind
from seehear.datasets import TrainingData, open_unlabelled
from seehear.effects import UnlabelledUse
from seehear.errors import DataError, SeehearError, UsageError
from seehear.events import Event, Notice, ignore_events
from seehear.learn import outputs, unlabelled
from seehear.learn.calibrate.card import describe_unlabelled, render_model_card
from seehear.learn.cross_fit import Fitted, Member, OutOfFold
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.joined import JoinedExamples
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.checkpoint import TrainingProgress
from seehear.learn.loop.fit import Clock
from seehear.learn.loop.selection import average_weights
from seehear.learn.model.network import Network
from seehear.learn.run_directory import record_start
from seehear.learn.unlabelled import SelfTraining, load_unlabelled
from seehear.table import Table

Array = NDArray[Any]

HELD_OUT = 4  # of the labelled examples
CLOCK = Clock(recipe_for("label", ("image",), steps=1).training, 10.0)


@pytest.fixture
def split(tmp_path: Path) -> DataSplit:
    dataset = dataset_of(recipe_for("label", ("image",), minutes=0.01), tmp_path)
    return DataSplit(dataset, np.arange(HELD_OUT, EXAMPLES), dataset, np.arange(HELD_OUT))


def noise_of(folder: Path, number: int, seed: int = 0) -> Path:
    """A folder of pictures of noise."""
    folder.mkdir()
    for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (number, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def open_more(folder: Path) -> Table:
    return open_unlabelled(folder, ("image",), folder.with_name("unpacked"))


def more_of(split: DataSplit, folder: Path, number: int = 6) -> DatasetCache:
    table = open_more(noise_of(folder, number))
    return DatasetCache.build(table, split.train.recipe, folder.with_name("cache"), listen=ignore_events)


def network_of(split: DataSplit) -> Network:
    torch.manual_seed(0)
    network = Network(split.train.recipe)
    torch.nn.init.normal_(network.head.classify.weight)  # type: ignore[union-attr,arg-type]
    return network.eval()


def fitted_of(split: DataSplit, *networks: Network) -> Fitted:
    """Networks that were trained on all but every n-th example; on all if there is one."""
    rows, folds = split.train_rows, len(networks)
    parts = [rows[number::folds] if folds > 1 else rows[:0] for number in range(folds)]
    members = [Member(each, np.setdiff1d(rows, part), part) for each, part in zip(networks, parts, strict=True)]
    return Fitted(average_weights(networks), TrainingProgress(step=2), members)


def train_by(change: Callable[[Network], Any], seen: list[Any]) -> Any:
    """A replacement for `fit` that only changes the network like this."""

    def fit(network: Network, dataset: Any, rows: Array, clock: Clock, **_: Any) -> Any:
        seen.append((dataset, rows, clock))
        with torch.no_grad():
            change(network)
        return network.eval(), TrainingProgress(step=3)

    return fit


def find_everything_familiar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "_find_familiar", lambda *given: np.ones(len(given[-1]), np.bool_))


def sum_head(network: Network) -> float:
    return sum(float(tensor.abs().sum()) for tensor in network.head.state_dict().values())


def copy_head(network: Network, head: dict[str, torch.Tensor]) -> None:
    network.head.load_state_dict(head)


def change_nothing(network: Network) -> None:
    pass


def test_a_table_without_answers_is_decoded_without_targets(split: DataSplit, tmp_path: Path) -> None:
    more = more_of(split, tmp_path / "more")
    batch = more.batch([0, 1])
    assert batch.target == {} and batch.inputs["image"].shape[0] == 2


def test_joined_examples_have_the_answers_of_both(split: DataSplit, tmp_path: Path) -> None:
    more = more_of(split, tmp_path / "more")
    answers = [split.train.truth(i) for i in range(6)]
    joined = JoinedExamples(split.train, more, dict(enumerate(answers)))
    batch = joined.collate(joined.examples([0, EXAMPLES + 5]))
    own, other = split.train.batch([0, 5]), more.batch([5])
    torch.testing.assert_close(batch.target["classes"], own.target["classes"])
    torch.testing.assert_close(batch.inputs["image"], torch.cat([own.inputs["image"][:1], other.inputs["image"]]))
    assert len(joined.lengths) == len(joined.has_sense("image")) == EXAMPLES + 6


def test_what_held_out_examples_share_is_left_out(split: DataSplit, tmp_path: Path) -> None:
    folder = noise_of(tmp_path / "more", 5)
    (folder / "again.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())  # a held-out example
    (folder / "trained.png").write_bytes((tmp_path / "data" / "9.png").read_bytes())
    events: list[Event] = []
    more = load_unlabelled(open_more(folder), split, tmp_path / "run", events.append)
    assert [row.key for row in more.table] == [*(f"{i}.png" for i in range(5)), "trained.png"]
    why = "held-out examples have the same file, or group such as a speaker"
    assert Notice(f"1 unlabelled example left out: {why}") in events


def test_more_examples_than_there_is_time_for_are_left_out(split: DataSplit, tmp_path: Path) -> None:
    events: list[Event] = []
    more = load_unlabelled(open_more(noise_of(tmp_path / "more", 30)), split, tmp_path / "run", events.append)
    assert len(more) == 10 == unlabelled.PER_MINUTE * 0.01
    assert Notice("there is time for 10 of 30 unlabelled examples") in events


def test_unlabelled_examples_that_are_all_held_out_are_refused(split: DataSplit, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "0.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())
    with pytest.raises(
        DataError,
        match=r"more: all unlabelled examples share a file or a group with held-out examples. "
        "Next: add examples from other files and groups",
    ):
        load_unlabelled(open_more(folder), split, tmp_path / "run", ignore_events)


def test_unreadable_examples_are_reported(split: DataSplit, tmp_path: Path) -> None:
    folder = noise_of(tmp_path / "more", 2)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    more = load_unlabelled(open_more(folder), split, tmp_path / "run", ignore_events)
    assert len(more) == 2 and [problem.where.endswith("broken.png") for problem in more.problems] == [True]


def test_a_network_that_answers_held_out_examples_better_is_kept(
    split: DataSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_everything_familiar(monkeypatch)
    monkeypatch.setattr(unlabelled, "CONFIDENT", 0.0)
    seen: list[Any] = []
    worse, better = network_of(split), network_of(split)
    torch.nn.init.zeros_(better.head.classify.weight)  # type: ignore[union-attr,arg-type]
    for given, trained, helped in ((worse, better, True), (better, worse, False)):
        become_trained = partial(copy_head, head=deepcopy(trained.head.state_dict()))
        monkeypatch.setattr(unlabelled, "fit", train_by(become_trained, seen))
        out_of_fold = OutOfFold(split.train_rows, {})
        fitted = fitted_of(split, given)._replace(out_of_fold=out_of_fold)
        more = more_of(split, tmp_path / f"more-{helped}")
        found, use = SelfTraining(split, more, tmp_path / "saved", ignore_events).run(fitted, CLOCK)
        assert use.helped is helped and use.held_out == HELD_OUT
        assert found.progress.step == (5 if helped else 2)
        assert found.out_of_fold is (None if helped else out_of_fold)
        kept = found.network.state_dict()["head.classify.weight"]
        torch.testing.assert_close(kept, better.state_dict()["head.classify.weight"])


def test_it_learns_confident_answers_and_labelled_examples_equally_often(
    split: DataSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_everything_familiar(monkeypatch)
    seen: list[Any] = []
    monkeypatch.setattr(unlabelled, "fit", train_by(change_nothing, seen))
    more, network = more_of(split, tmp_path / "more", 40), network_of(split)
    with torch.no_grad():
        logits = network(more.batch(range(40)).inputs, torch.ones(40, 1, dtype=torch.bool))["logits"]
    monkeypatch.setattr(LabelKind, "calibrate", staticmethod(lambda *_: {"temperature": 2.0}))
    confidence = (logits / 2).softmax(1).amax(1)
    monkeypatch.setattr(unlabelled, "CONFIDENT", float(confidence.sort().values[14:16].mean()))
    _, use = SelfTraining(split, more, tmp_path / "saved", ignore_events).run(fitted_of(split, network), CLOCK)
    assert (use.examples, use.helped) == (25, False)
    ((joined, rows, clock),) = seen
    assert 0 <= clock.seconds < CLOCK.seconds
    confident = [EXAMPLES + row for row in np.flatnonzero(confidence > unlabelled.CONFIDENT)]
    counts = dict(zip(*np.unique(rows, return_counts=True), strict=True))
    assert counts == dict.fromkeys(split.train_rows, 2) | dict.fromkeys(confident, 1)
    targets = joined.collate(joined.examples(range(EXAMPLES, EXAMPLES + 40))).target["classes"]
    assert torch.equal(targets.argmax(1), logits.argmax(1)) and torch.equal(targets.amax(1), targets.sum(1))


def test_examples_unlike_the_labelled_ones_are_not_learned(
    split: DataSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabelled, "CONFIDENT", 0.0)
    seen: list[Any] = []
    monkeypatch.setattr(unlabelled, "fit", train_by(change_nothing, seen))
    folder = noise_of(tmp_path / "more", 2)
    (folder / "digit.png").write_bytes((tmp_path / "data" / "9.png").read_bytes())
    more = DatasetCache.build(open_more(folder), split.train.recipe, tmp_path / "cache", listen=ignore_events)
    fitted = fitted_of(split, network_of(split))
    _, use = SelfTraining(split, more, tmp_path / "saved", ignore_events).run(fitted, CLOCK)
    assert use.examples == 1
    assert {row for row in seen[0][1] if row >= EXAMPLES} == {EXAMPLES + 2}
    strangers = DatasetCache.build(
        open_more(noise_of(tmp_path / "noise", 2)), split.train.recipe, tmp_path / "other", listen=ignore_events
    )
    found, use = SelfTraining(split, strangers, tmp_path / "saved", ignore_events).run(fitted, CLOCK)
    assert (use.examples, use.helped) == (0, False) and found is fitted
    assert len(seen) == 1, "there is nothing to learn"


def test_with_cross_fitting_each_network_has_a_student(
    split: DataSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A student does not learn from the examples that it will answer, not even without their labels."""
    monkeypatch.setattr(unlabelled, "CONFIDENT", 0.0)
    find_everything_familiar(monkeypatch)
    seen: list[Any] = []
    silent = {name: torch.zeros_like(tensor) for name, tensor in network_of(split).head.state_dict().items()}
    monkeypatch.setattr(unlabelled, "fit", train_by(partial(copy_head, head=silent), seen))
    monkeypatch.setattr(unlabelled, "compute_losses", lambda network, *_: np.array([sum_head(network)]))
    fitted = fitted_of(split, network_of(split), network_of(split))
    folder = noise_of(tmp_path / "more", 2)
    for row in split.train_rows[:2]:
        (folder / f"again-{row}.png").write_bytes((tmp_path / "data" / f"{row}.png").read_bytes())
    more = DatasetCache.build(open_more(folder), split.train.recipe, tmp_path / "cache", listen=ignore_events)
    found, use = SelfTraining(split, more, tmp_path / "saved", ignore_events).run(fitted, CLOCK)
    assert use.helped and use.examples == 4 and len(seen) == 2
    for (_, rows, clock), member, again in zip(seen, fitted.members, (3, 2), strict=True):
        assert clock.seconds < CLOCK.seconds / 2
        assert set(rows) == {*member.train, *(EXAMPLES + each for each in (0, 1, again))}
    assert sum_head(found.network) == 0
    assert found.out_of_fold is not None and found.out_of_fold.rows.tolist() == split.train_rows.tolist()
    assert not found.out_of_fold.outputs["logits"].any(), "the students answer"


def test_other_answers_are_refused(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"score": ANSWER_CELLS["score"]}, ("image",))
    with pytest.raises(
        UsageError,
        match=r"answers of the kind 'score' cannot be learned from unlabelled examples. Allowed: label. Next",
    ):
        api.train(data, unlabelled=tmp_path / "data", recipe=recipe_for("score", ("image",), steps=1))


@pytest.mark.parametrize(
    ("helped", "said"),
    [
        (True, "900 unlabelled examples helped: accuracy 0.71 without and 0.74 with them, on 50 held-out examples"),
        (False, "900 unlabelled examples did not help and were not used: accuracy 0.71 without and 0.74 with them, on"),
    ],
)
def test_the_card_says_whether_they_helped(helped: bool, said: str, split: DataSplit) -> None:
    use = UnlabelledUse(examples=900, helped=helped, metric="accuracy", without=0.71, with_them=0.74, held_out=50)
    assert describe_unlabelled(use).startswith(said)
    none = use.model_copy(update={"examples": 0})
    assert describe_unlabelled(none).startswith("nothing was learned from unlabelled examples: there was no time")
    recipe = recipe_for("label", ("image",), steps=1)
    assert f"\n{said}" in render_model_card(recipe.model_copy(update={"unlabelled": use}))
    assert "unlabelled" not in render_model_card(recipe)


def test_a_run_is_resumed_only_with_the_same_unlabelled_examples(split: DataSplit, tmp_path: Path) -> None:
    table, run = split.train.table, tmp_path / "run"
    run.mkdir()
    more = TrainingData(table, unlabelled=open_more(noise_of(tmp_path / "more", 2)))
    record_start(run, split.train.recipe, more)
    record_start(run, split.train.recipe, more)
    with pytest.raises(UsageError, match="the run started with unlabelled examples"):
        record_start(run, split.train.recipe, TrainingData(table))
    others = TrainingData(table, unlabelled=open_more(noise_of(tmp_path / "others", 3)))
    with pytest.raises(UsageError, match="others: these are not the unlabelled examples that the run started with"):
        record_start(run, split.train.recipe, others)


def test_an_error_says_that_it_is_about_the_unlabelled_examples(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    with pytest.raises(SeehearError, match=r"^unlabelled examples, .*more: "):
        open_unlabelled(tmp_path / "more", ("image",), tmp_path / "unpacked")


def test_answering_ends_with_its_share_of_the_time(
    split: DataSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_everything_familiar(monkeypatch)
    monkeypatch.setattr(unlabelled, "CONFIDENT", 0.0)
    monkeypatch.setattr(outputs, "BATCH", 4)
    monkeypatch.setattr(unlabelled, "ANSWERING_SHARE", 0.0)
    seen: list[Any] = []
    monkeypatch.setattr(unlabelled, "fit", train_by(change_nothing, seen))
    more, fitted = more_of(split, tmp_path / "more", 12), fitted_of(split, network_of(split))
    timed = CLOCK.training.model_copy(update={"steps": None})
    learner = SelfTraining(split, more, tmp_path / "saved", ignore_events)
    assert [learner.run(fitted, clock)[1].examples for clock in (CLOCK, Clock(timed, 10.0), Clock(timed, 0.0))] == [
        *(12, 4, 0)
    ]
    assert len(seen) == 2


@pytest.mark.slow
def test_training_from_the_command_to_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "CONFIDENT", 0.0)
    data = digits_table(tmp_path / "data", PARITY, ("image",))
    digits_table(tmp_path / "more", {"label": ["?"] * 40}, ("image",))
    (tmp_path / "more" / "examples.csv").unlink()
    (tmp_path / "more" / "broken.png").write_bytes(b"no picture")
    recipe = recipe_for("label", ("image",), steps=6)
    events: list[Event] = []
    model = api.train(data, tmp_path / "m.seehear", unlabelled=tmp_path / "more", recipe=recipe, listen=events.append)
    use = model.recipe.unlabelled
    assert use is not None and 0 < use.examples < 40
    assert Notice(describe_unlabelled(use)) in events
    assert model.recipe.training.steps == (6 if use.helped else 3)
    assert [problem.where.endswith("broken.png") for problem in model.problems] == [True]
    assert describe_unlabelled(use) in api.load(tmp_path / "m.seehear").card()
    again = api.train(data, recipe=tmp_path / "m.seehear")
    assert again.recipe.unlabelled is None
