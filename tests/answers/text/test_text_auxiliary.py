"""Translations with an auxiliary column of the words spoken: spec, targets, loss, dataset and training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from learning import ANSWER_CELLS, digits_table, open_all_kinds, recipe_for
from present import present
from seehear.answers import ANSWERS
from seehear.answers.text import TextSpec
from seehear.answers.text.decoder import ExportedDecoder
from seehear.answers.text.head import Head
from seehear.datasets import TrainingData
from seehear.decoding.autoregressive import LAYERS
from seehear.errors import UsageError
from seehear.events import ignore_events
from seehear.geometry import Cells, Grid
from seehear.learn.calibrate.calibration import make_decoder_function
from seehear.learn.data.cache import DatasetCache
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network
from seehear.learn.run_directory import record_start
from seehear.planning.options import TrainOptions
from seehear.planning.reuse import follow_recipe
from seehear.recipe import Recipe, Training
from seehear.runtime.onnx_session import Session
from seehear.senses.hearing.plan import ConvRecurrent, HearingSpec
from toy_language import write_toy_language

TEXT = ANSWERS["text"]
COLUMN = present(TEXT.auxiliary)
TRANSLATIONS = ["one two", "two three", "three one two", "one", "two two three"]
SOURCE_TEXTS = ["Ke ba!", "zo ke", "ke ba zo", "ba", "zo ke ke"]


def plan_spec(auxiliary: list[str] | None = None) -> TextSpec:
    spec: TextSpec = TEXT.plan(TRANSLATIONS * 4, "text", SOURCE_TEXTS * 4 if auxiliary is None else auxiliary)
    return spec


# --- Spec and targets ------------------------------------------------------------------------------------------------


def test_translations_do_not_support_concatenation() -> None:
    assert not present(TEXT.concatenation).supports(plan_spec())
    assert present(TEXT.concatenation).supports(TEXT.plan(TRANSLATIONS * 4, "text"))


def test_ctc_uses_the_source_letters_and_the_decoder_the_target_letters() -> None:
    spec = plan_spec()
    assert spec.translated and spec.decoder
    assert spec.ctc_tokens == spec.auxiliary_tokens == (" ", "a", "b", "e", "k", "o", "z")
    assert spec.tokens == (" ", "e", "h", "n", "o", "r", "t", "w")
    assert str(spec).endswith("; also learns the words spoken, in 7 letters")
    assert TEXT.raw_shapes(spec)["logp"] == ("N", 8)


@pytest.mark.parametrize(
    ("auxiliary", "expected"),
    [
        (["ke ba", "ba ke", *[""] * 18], True),
        (["ke ba", *[""] * 19], False),
        ([""] * 20, False),
        (["...", "12"] * 10, True),
        (["!?"] * 20, False),
    ],
)
def test_a_sparse_auxiliary_column_is_ignored(auxiliary: list[str], expected: bool) -> None:
    spec = plan_spec(auxiliary)
    assert spec.translated
    assert bool(spec.auxiliary_tokens) == expected
    assert spec.ctc_tokens == (spec.auxiliary_tokens if expected else spec.tokens)


@given(st.lists(st.sampled_from(["ba", "ke", "zo"]), max_size=6))
def test_the_auxiliary_target_uses_the_source_letters(words: list[str]) -> None:
    spec = plan_spec()
    arrays = COLUMN.target(" ".join(words).upper() + " !", spec)
    assert arrays["auxiliary_length"] == len(arrays["auxiliary_tokens"])
    assert "".join(spec.auxiliary_tokens[token] for token in arrays["auxiliary_tokens"]) == " ".join(words)


def test_the_auxiliary_target_of_unknown_letters_and_empty_cells() -> None:
    spec = plan_spec()
    assert COLUMN.target("qa", spec)["auxiliary_tokens"].tolist() == [1]
    assert COLUMN.target("", spec)["auxiliary_length"] == 0
    assert COLUMN.target("ke ba", spec.replace(auxiliary_tokens=())) == {}


def test_without_auxiliary_tokens_ctc_uses_the_text_tokens() -> None:
    fields = plan_spec().model_dump(exclude={"auxiliary_tokens"})
    assert TextSpec(**fields).ctc_tokens == TextSpec(**fields).tokens


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"translated": False}, "translated must be true, or auxiliary_tokens empty"),
        ({"auxiliary_tokens": ("a", "b")}, "tokens must be a space, and different letters"),
        ({"auxiliary_tokens": (" ", "a", "a")}, "tokens must be a space, and different letters"),
    ],
)
def test_invalid_auxiliary_tokens_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_spec().replace(**changes)


# --- The loss --------------------------------------------------------------------------------------------------------

WIDTH, CELLS = 16, 24


def make_targets(spec: TextSpec, auxiliary_columns: list[str]) -> dict[str, torch.Tensor]:
    """A batch of the first examples, padded with zeros."""
    fields = [
        TEXT.target(TEXT.read(cell, spec), spec, None) | COLUMN.target(auxiliary, spec)
        for cell, auxiliary in zip(TRANSLATIONS, auxiliary_columns, strict=False)
    ]
    rows = {name: [torch.from_numpy(each[name]) for each in fields] for name in fields[0]}
    return {
        name: torch.nn.utils.rnn.pad_sequence(own, batch_first=True) if own[0].ndim else torch.stack(own)
        for name, own in rows.items()
    }


def make_head_and_cells(spec: TextSpec, examples: int) -> tuple[Head, Cells]:
    torch.manual_seed(0)
    valid_mask = torch.arange(CELLS) < torch.tensor([[CELLS, CELLS - 5, CELLS - 2, CELLS, CELLS]]).T[:examples]
    return Head(spec, [WIDTH]).eval(), Cells(torch.randn(examples, CELLS, WIDTH), valid_mask, Grid((CELLS,), 0.04, "s"))


def test_the_loss_mixes_ctc_on_the_source_with_the_decoder_on_the_translation() -> None:
    """Compared with the formula, one example at a time."""
    spec = plan_spec()
    head, cells = make_head_and_cells(spec, len(TRANSLATIONS))
    target, raw = make_targets(spec, SOURCE_TEXTS), head(cells)
    assert raw["logp"].shape == (len(TRANSLATIONS), CELLS, len(spec.auxiliary_tokens) + 1)
    loss = head.loss(raw, target)
    for i, (translation, source) in enumerate(zip(TRANSLATIONS, SOURCE_TEXTS, strict=True)):
        own = int(raw["cells"][i])
        source_tokens = torch.tensor([[spec.auxiliary_tokens.index(letter) for letter in source.lower().strip("!")]])
        length = torch.tensor([source_tokens.shape[1]])
        logp = raw["logp"][i : i + 1, :own].transpose(0, 1)
        by_ctc = (
            F.ctc_loss(
                logp, source_tokens, torch.tensor([own]), length, blank=len(spec.auxiliary_tokens), reduction="sum"
            )
            / length
        )
        tokens = torch.tensor([spec.encode(translation)])
        memory, valid_mask = raw["memory"][i : i + 1, :own], torch.ones(1, own, dtype=torch.bool)
        by_decoder = present(head.attention_decoder).loss(memory, valid_mask, tokens, torch.tensor([tokens.shape[1]]))
        assert loss[i].item() == pytest.approx((0.3 * by_ctc + 0.7 * by_decoder).item(), abs=1e-4)


def test_an_empty_auxiliary_cell_leaves_only_the_decoder_loss() -> None:
    spec = plan_spec()
    head, cells = make_head_and_cells(spec, 3)
    complete, some = make_targets(spec, SOURCE_TEXTS[:3]), make_targets(spec, [SOURCE_TEXTS[0], "", SOURCE_TEXTS[2]])
    raw = head(cells)
    valid_mask = torch.arange(CELLS) < raw["cells"][:, None]
    by_decoder = present(head.attention_decoder).loss(raw["memory"], valid_mask, some["tokens"], some["length"])
    loss, before = head.loss(raw, some), head.loss(raw, complete)
    assert loss[1].item() == pytest.approx(0.7 * by_decoder[1].item(), abs=1e-5)
    assert torch.allclose(loss[[0, 2]], before[[0, 2]], atol=1e-5)
    loss[1].backward()
    assert not present(head.classify.weight.grad).any()
    decoder = present(head.attention_decoder)
    assert all(present(weight.grad).any() for weight in decoder.classify.parameters())


def test_a_batch_without_auxiliary_texts() -> None:
    spec = plan_spec()
    head, cells = make_head_and_cells(spec, 3)
    loss = head.loss(head(cells), make_targets(spec, ["", "", ""]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and (loss > 0).all()
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters() if weight.grad is not None)


# --- Dataset, recipe, run --------------------------------------------------------------------------------------------

AUXILIARY = ["a", "", "a o", "o", "", "o a o", "a", "o o"] * 2


def make_dataset(folder: Path, auxiliary: list[str] = AUXILIARY, **changes: Any) -> DatasetCache:
    """The short texts of the contract tests as translations of an auxiliary column, parts of which are empty."""
    cells = {"text": ANSWER_CELLS["text"], "source_text": auxiliary}
    table = open_all_kinds(digits_table(folder / "data", cells, ("audio",)), workspace=folder)
    recipe = recipe_for("text", ("audio",))
    answer = TEXT.plan(table.answers(), "text", table.auxiliary()).replace(**changes)
    return DatasetCache.build(
        table, recipe.model_copy(update={"answer": answer}), folder / "dataset", listen=ignore_events
    )


def test_batches_contain_the_auxiliary_target(tmp_path: Path) -> None:
    target = make_dataset(tmp_path).batch([0, 1, 5]).target
    assert target["auxiliary_tokens"].tolist() == [[1, 0, 0, 0, 0], [0] * 5, [2, 0, 1, 0, 2]]
    assert target["auxiliary_length"].tolist() == [1, 0, 5]
    assert target["length"].tolist() == [1, 3, 1]


def test_a_recipe_with_auxiliary_tokens_requires_the_column(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    plain = open_all_kinds(
        digits_table(tmp_path / "plain", {"text": ANSWER_CELLS["text"]}, ("audio",)), workspace=tmp_path
    )
    message = "the recipe is trained with a column such as 'source_text', which the table lacks"
    with pytest.raises(UsageError, match=message):
        follow_recipe(dataset.recipe, plain, TrainOptions())
    assert follow_recipe(dataset.recipe, dataset.table, TrainOptions()).answer == dataset.recipe.answer
    assert isinstance(dataset.recipe.answer, TextSpec)
    without = dataset.recipe.model_copy(update={"answer": dataset.recipe.answer.replace(auxiliary_tokens=())})
    followed = follow_recipe(without, plain, TrainOptions()).answer
    assert isinstance(followed, TextSpec) and followed.auxiliary_tokens == ()


def test_a_run_detects_a_changed_auxiliary_column(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    (tmp_path / "run").mkdir()
    record_start(tmp_path / "run", dataset.recipe, TrainingData(dataset.table))
    record_start(tmp_path / "run", dataset.recipe, TrainingData(dataset.table))
    cells = {"text": ANSWER_CELLS["text"], "source_text": [*AUXILIARY[1:], "a"]}
    other = open_all_kinds(digits_table(tmp_path / "data", cells, ("audio",)), workspace=tmp_path)
    with pytest.raises(UsageError, match="these are not the examples that the run started with"):
        record_start(tmp_path / "run", dataset.recipe, TrainingData(other))


@pytest.mark.slow
def test_graphs_equal_a_network_with_auxiliary_tokens_and_its_decoder_at_any_length(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    torch.manual_seed(0)
    network, rows = Network(dataset.recipe), np.arange(8)
    graphs = export_graphs(trace_graphs(Network(dataset.recipe), dataset, rows), network, dataset, rows)
    session, decoder = Session(present(graphs.decoder)), present(network.decoder)
    assert isinstance(network.head, Head)
    assert session.inputs == tuple(ExportedDecoder.dynamic_axes) and session.outputs == ExportedDecoder.outputs
    random = np.random.default_rng(0)
    for cells, texts, length in [(1, 1, 1), (40, 1, 7), (9, 8, 1), (23, 5, 30)]:
        inputs: dict[str, Any] = {
            "memory": random.normal(size=(cells, 16)).astype(np.float32),
            "tokens": random.integers(0, network.head.blank + 1, (texts, length)),
            "state": random.normal(size=(texts, LAYERS, 16)).astype(np.float32),
        }
        served, ours = session.run(inputs), make_decoder_function(decoder, torch.device("cpu"))(inputs)
        for name, value in ours.items():
            assert served[name].shape == value.shape
            assert np.abs(served[name] - value).max() < 1e-4


HEARING = HearingSpec(
    longest_s=1.0,
    encoder=ConvRecurrent(top_hz=4000, mels=16, stages=(8, 8, 16), width=32),
    augmentation_strength=0.0,
)
EXAMPLES, STEPS = 200, 75


@pytest.mark.slow
def test_auxiliary_texts_speed_up_learning(tmp_path: Path) -> None:
    table = open_all_kinds(write_toy_language(tmp_path, EXAMPLES + 40, with_auxiliary=True), workspace=tmp_path)
    losses = {}
    for auxiliary_columns in (None, table.auxiliary()):
        spec = TEXT.plan(table.answers(), "translation", auxiliary_columns)
        settings = Training(minutes=3, steps=STEPS, batch=16, learning_rate=0.004)
        recipe = Recipe(senses={"audio": HEARING}, kind="text", answer=spec, width=32, training=settings)
        dataset = DatasetCache.build(table, recipe, tmp_path / "dataset", listen=ignore_events)
        losses[auxiliary_columns is not None] = measure_loss(
            dataset, tmp_path / f"{len(spec.auxiliary_tokens)} letters"
        )
    assert losses[True] < losses[False] - 0.03, losses


def measure_loss(dataset: DatasetCache, saved: Path) -> float:
    """Cross entropy per token on the examples not trained on."""
    torch.manual_seed(0)
    clock = Clock(dataset.recipe.training, 1e9)
    network, _ = fit(Network(dataset.recipe), dataset, np.arange(EXAMPLES), clock, saved=saved, listen=ignore_events)
    batch = dataset.batch(np.arange(EXAMPLES, len(dataset)))
    with torch.no_grad():
        raw = network(batch.inputs, batch.present)
        valid_mask = torch.arange(raw["memory"].shape[1]) < raw["cells"][:, None]
        assert isinstance(network.head, Head)
        loss = present(network.head.attention_decoder).loss(
            raw["memory"], valid_mask, batch.target["tokens"], batch.target["length"]
        )
    return float(loss.mean())
