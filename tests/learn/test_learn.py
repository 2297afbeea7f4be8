"""Training: it learns, repeats itself, survives being killed, and refuses to save what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from interrupted import Killed, fit_weights
from learning import ANSWER_CELLS, ENDINGS, EXAMPLES, PAIRS, dataset_of, digits_table, opened, recipe_for
from seehear import api, cli
from seehear.answers import ANSWERS
from seehear.errors import DataError, TrainingError, UsageError
from seehear.events import silence
from seehear.learn import export
from seehear.learn.data.batching import LONGEST_BATCH, batches_of
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import gather
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.muon import orthogonalize
from seehear.learn.model.network import Network
from seehear.planning.plan import BATCH_S, MOST_TIMED, Machine, Wishes, _batch, _held_out, adopt, plan
from seehear.recipe import Recipe
from seehear.runtime.bundle import read_bundle

PARITY = {"label": [("odd", "even")[i % 2] for i in range(24)]}


@pytest.mark.parametrize(("kind", "senses"), [("label", ("image", "audio")), ("text", ("audio", "lips"))], ids=str)
def test_a_killed_run_resumes_to_the_same_weights(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for(kind, senses), tmp_path)
    whole = fit_weights(dataset, tmp_path / "whole", steps=8)
    with pytest.raises(Killed):
        fit_weights(dataset, tmp_path / "cut", steps=8, kill_after=3)
    resumed = fit_weights(dataset, tmp_path / "cut", steps=8)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for("label", ("image",)), tmp_path)
    other = dataset_of(recipe_for("label", ("image",), seed=1), tmp_path / "other")
    one, two = fit_weights(dataset, tmp_path / "a", steps=2), fit_weights(other, tmp_path / "b", steps=2)
    assert not torch.equal(one["head.classify.weight"], two["head.classify.weight"])


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    sight = dataset_of(recipe_for("label", ("image",)), tmp_path)
    with pytest.raises(Killed):
        fit_weights(sight, tmp_path / "run", steps=8, kill_after=1)
    hearing = dataset_of(recipe_for("label", ("audio",)), tmp_path / "other")
    with pytest.raises(TrainingError, match="another network"):
        fit_weights(hearing, tmp_path / "run", steps=8)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_sixteen_examples_are_learned_by_heart(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for(kind, senses, learning_rate=0.01), tmp_path)
    rows = np.arange(EXAMPLES)
    training = dataset.recipe.training.model_copy(update={"steps": 40})
    torch.manual_seed(0)
    network = Network(dataset.recipe)
    before = _loss(network.eval(), dataset)
    network, _ = fit(network, dataset, rows, Clock(training, 60.0), saved=tmp_path / "run", listen=silence)
    after = _loss(network, dataset)
    assert after < (0.75 * before if kind == "label" else before - 0.2), f"loss {before:.3f} -> {after:.3f}"


def _loss(network: Network, dataset: DatasetCache) -> float:
    batch = dataset.batch(range(EXAMPLES))
    with torch.no_grad():
        return float(network.head.loss(network(batch.inputs, batch.present), batch.target).mean())


@pytest.mark.slow
def test_a_graph_that_differs_is_refused(tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    network = Network(dataset.recipe).eval()
    with torch.no_grad():
        network.head.classify.weight.normal_()
    rows = np.arange(EXAMPLES)
    graphs = export.exported(export.drafted(Network(dataset.recipe), dataset, rows), network, dataset, rows)
    assert graphs.decoder is None
    graph = onnx.load_from_string(graphs.network)
    for tensor in graph.graph.initializer:
        if tensor.name.endswith("head.classify.bias"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 0.5, tensor.name))
    with pytest.raises(TrainingError, match=r"'logits' differs by 0\.\d+"):
        export.check_parity(network, graph.SerializeToString(), dataset, rows)


def test_every_row_comes_once_a_pass_and_similar_lengths_together() -> None:
    rows, lengths = np.arange(64), np.random.default_rng(0).integers(500, 1000, 64)
    order = batches_of(rows, lengths, 8, (0, 0))
    assert len(order) == 8 and sorted(np.concatenate(order)) == list(rows)
    assert np.mean([np.ptp(lengths[batch]) for batch in order]) < 200
    again = batches_of(rows, lengths, 8, (0, 1))
    assert any(not np.array_equal(one, other) for one, other in zip(order, again, strict=True))


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=80), st.sampled_from([2, 4, 8, 24, 32]))
def test_batches_are_of_few_even_sizes_and_none_needs_much_more_than_others(lengths: list[int], size: int) -> None:
    own = np.array(lengths)
    order = batches_of(np.arange(len(lengths)), own, size, (0, 0))
    taken = np.concatenate([*order, np.arange(0)])
    assert order and len(set(taken)) == len(taken)
    assert len({len(batch) for batch in order}) <= 3 and all(len(batch) % 2 == 0 < len(batch) for batch in order)
    most = LONGEST_BATCH * min(size, len(lengths) // 2 * 2) * own.mean()
    assert all(len(batch) <= max(2, size // 4) or len(batch) * own[batch].max() <= most for batch in order)


def test_chance_decides_who_waits_for_the_next_pass() -> None:
    lengths = np.arange(100, 140)
    waiting = [set(range(40)) - set(np.concatenate(batches_of(np.arange(40), lengths, 32, (0, n)))) for n in range(60)]
    assert all(len(each) == 8 for each in waiting) and set.union(*waiting) == set(range(40))


def test_orthogonal_keeps_directions_and_evens_lengths() -> None:
    matrix = torch.randn(12, 30, generator=torch.Generator().manual_seed(0))
    lengths = torch.linalg.svdvals(orthogonalize(matrix))
    assert float(lengths.min()) > 0.3 and float(lengths.max()) < 1.4
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert float((left.T @ orthogonalize(matrix) @ right.T).diagonal().min()) > 0


@pytest.mark.slow
def test_train_ask_measure_and_load_again(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", PARITY, ("image",))
    out = tmp_path / "m.seehear"
    trained = api.train(data, out, steps=4, minutes=0.05)
    assert trained.recipe.training.steps == 4
    model = api.load(out)
    assert set(model.predict(data.parent / "0.png").to_json()["answer"]) == {"label"}
    assert len(list(model.predict([data.parent / "0.png", data.parent / "1.png"]))) == 2
    figures = model.evaluate(data, report=tmp_path / "report").to_json()
    assert figures["n"] == 24 and figures["answer"] == "label" and "coverage" in figures["metrics"]
    assert (tmp_path / "report" / "index.html").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".run")] == []


@pytest.mark.slow
def test_steps_repeat_a_run_exactly_and_a_model_is_a_recipe(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", PARITY, ("image",))
    first, second = tmp_path / "first.seehear", tmp_path / "second.seehear"
    api.train(data, first, steps=3)
    api.train(data, second, recipe=first)
    assert read_bundle(second).weights == read_bundle(first).weights


@pytest.mark.slow
def test_two_senses_serve_together_and_each_alone(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", PARITY, ("image", "audio"))
    model = api.train(data, steps=4, minutes=0.05)
    assert set(model.recipe.selective) == {"image+audio", "image", "audio"}
    picture, sound = data.parent / "0.png", data.parent / "0.wav"
    assert model.predict({"image": picture, "audio": sound}).used == ("image", "audio")
    assert model.predict(picture).used == ("image",)
    assert model.predict(sound).used == ("audio",)
    assert model.evaluate(data, senses=["audio"]).n == 24


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_every_pair_trains_and_answers(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {kind: (ANSWER_CELLS[kind] * 2)[:24]}, senses)
    model = api.train(data, steps=4, minutes=0.05, senses=senses)
    assert model.predict({name: data.parent / f"0.{ENDINGS[name]}" for name in senses}).answer is not None


def test_unreadable_examples_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    cells = {"label": [("odd", "even")[i % 2] for i in range(24)]}
    data = digits_table(tmp_path / "data", cells, ("image",))
    (data.parent / "3.png").write_bytes((data.parent / "3.png").read_bytes()[:40])
    table = opened(data, tmp_path)
    dataset = DatasetCache.fill(table, recipe_for("label", ("image",)), tmp_path / "dataset", listen=silence)
    assert len(dataset) == 23
    assert [Path(problem.where).name for problem in dataset.problems] == ["3.png"]


def test_a_text_of_another_recording_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"text": [*ANSWER_CELLS["text"][1:], "a b " * 20]}, ("audio",))
    dataset = DatasetCache.fill(
        opened(data, tmp_path), recipe_for("text", ("audio",)), tmp_path / "dataset", listen=silence
    )
    assert len(dataset) == EXAMPLES - 1
    assert [problem.what for problem in dataset.problems] == ["79 letters in 0.3 seconds: nobody speaks so fast"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["same"] * 8, "every row has the same answer"),
        (["a", "a", "a", "a", "b", "b", "b", "c"], "with one example: 'c'"),
    ],
)
def test_data_that_cannot_work_is_refused_early(cells: list[str], words: str, tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": cells}, ("image",))
    with pytest.raises(DataError, match=words):
        api.train(data, steps=1)


def test_constant_pictures_are_refused_early(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["a", "b"] * 4}, ("image",))
    from PIL import Image

    for i in range(8):
        Image.new("L", (8, 8), 7).save(data.parent / f"{i}.png")
    with pytest.raises(DataError, match=r"every image looked at \(8\) is constant"):
        api.train(data, steps=1)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"minutes": -1.0}, "--minutes -1"),
        ({"steps": 0}, "--steps 0"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"resume": True}, "resume without a place"),
    ],
)
def test_wishes_that_cannot_be_granted(wishes: dict[str, Any], words: str, tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["a", "b"] * 8}, ("image",))
    with pytest.raises(UsageError, match=words):
        api.train(data, **wishes)


@pytest.mark.parametrize(
    ("kind", "examples", "wrong_at_most", "judges"),
    [
        ("label", 100, 0.05, 25),
        ("label", 300, 0.05, 50),
        ("score", 160, 0.1, 25),
        ("text", 1200, 0.02, 126),
        ("label", 500, 0.05, 50),
        ("label", 4000, 0.05, 400),
        ("label", 80_000, 0.05, 5000),
        ("label", 300, None, 50),
        ("mask", 200, 0.05, 20),
        ("mask", 40, 0.05, 10),
    ],
)
def test_of_few_examples_as_many_judge_as_vouch_for_the_wish_but_a_quarter_at_most(
    kind: str, examples: int, wrong_at_most: float | None, judges: int
) -> None:
    cells = ["a"] * examples
    assert examples * _held_out(cells, ANSWERS[kind], wrong_at_most) == pytest.approx(judges)


@pytest.mark.parametrize(
    ("kind", "cell", "judges"),
    [
        ("boxes", lambda n: json.dumps([{"label": "plate", "xyxy": [1, 1, 9, 9]}] * n), {1: 50, 2: 30, 12: 20, 40: 20}),
        ("text", lambda n: " ".join(["yes"] * n), {1: 50, 2: 30, 6: 20, 40: 20}),
    ],
)
def test_what_judges_is_counted_in_what_is_accepted(
    kind: str, cell: Callable[[int], str], judges: dict[int, int]
) -> None:
    """Boxes and words, of which those of one example are alike: a tenth of 200 where each has some."""
    held = {n: round(200 * _held_out([cell(n)] * 200, ANSWERS[kind], None)) for n in judges}
    assert held == judges


@pytest.mark.parametrize("duration_s", [0.5, 3.1, 20.0, 59.0])
def test_a_batch_of_long_recordings_holds_few(duration_s: float) -> None:
    batch = _batch(4_616, duration_s)
    assert 4 <= batch <= _batch(4_616, 0.0) == 128
    assert batch % 8 == 0 or batch == 4
    assert batch * duration_s <= BATCH_S < (batch + 8) * duration_s or batch == 128


def test_before_it_learns_it_says_that_too_few_are_held_out(tmp_path: Path) -> None:
    recipe, said = recipe_for("label", ("image",)).model_copy(update={"wrong_at_most": 0.05}), list[Any]()
    table = opened(digits_table(tmp_path / "data", {"label": ANSWER_CELLS["label"]}, ("image",)), tmp_path)
    gather(table, None, recipe, tmp_path / "run", said.append)
    assert said[-1].text == (
        '4 held out are too few for any answer but "I don\'t know": 45 are needed to vouch for 5 % wrong at most; '
        "44 % is the least that 4 can vouch for (--wrong-at-most 44%; without it, the least is promised that can be)"
    )
    for again, asked in enumerate((0.44, None)):
        enough = recipe.model_copy(update={"wrong_at_most": asked})
        gather(table, None, enough, tmp_path / f"again-{again}", said.append)
        assert "held out 4 of " in said[-1].text


def test_a_sense_that_an_answer_has_no_use_for_is_refused_with_the_flag_that_leaves_it_out(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"text": ANSWER_CELLS["text"]}, ("image", "audio"))
    with pytest.raises(UsageError, match=r"text by image \+ audio is not supported.*--senses audio"):
        api.plan(data, minutes=1)


def test_a_recipe_of_text_says_what_people_read_and_the_table_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = digits_table(tmp_path / "data", {"text": ANSWER_CELLS["text"]}, ("audio",))
    assert cli.run(["plan", str(data), "--steps", "1"]) == 0
    toml = capsys.readouterr().out
    assert "tokens = " in toml
    assert "language" not in toml
    recipe = adopt(Recipe.from_toml(toml), opened(data, tmp_path), Wishes())
    assert recipe.answer == api.plan(data, steps=1).answer


def test_a_plan_takes_the_network_whose_very_steps_fit_the_time(tmp_path: Path) -> None:
    """However slow everything but its convolutions is."""
    table = opened(digits_table(tmp_path / "data", PARITY, ("image", "audio")), tmp_path)
    timed: list[Recipe] = []

    def step_s(recipe: Recipe, _: Any, overhead_s: float) -> float:
        timed.append(recipe)
        work = sum(spec.step_gigaflop(0.4) for spec in recipe.senses.values())  # type: ignore[attr-defined]
        return overhead_s + work * recipe.training.batch / 100

    fast = plan(table, Wishes(minutes=1.0), Machine(100.0, partial(step_s, overhead_s=0.0)))
    slow = plan(table, Wishes(minutes=1.0), Machine(100.0, partial(step_s, overhead_s=5.0)))
    assert slow.senses["audio"].width < fast.senses["audio"].width  # type: ignore[attr-defined]
    assert len(timed) <= 2 * MOST_TIMED
    told_its_steps = plan(table, Wishes(steps=5), Machine(1e6, partial(step_s, overhead_s=0.0)))
    assert told_its_steps == plan(table, Wishes(steps=5), Machine(1.0))
