"""A translation learned with the words spoken: what is planned of them, what of them is missing, what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_text_decoder import toy
from torch.nn import functional as F

from learning import ANSWER_CELLS, digits_table, opened, recipe_for
from seehear.answers import ANSWERS
from seehear.answers.text import TextSpec
from seehear.answers.text.head import Head
from seehear.errors import UsageError
from seehear.events import ignore_events
from seehear.geometry import Cells, Grid
from seehear.learn.data.cache import DatasetCache
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network
from seehear.learn.run_directory import record_start
from seehear.planning.options import TrainOptions
from seehear.planning.reuse import follow_recipe
from seehear.recipe import Recipe, Training
from seehear.senses.hearing.plan import HearingSpec

TEXT = ANSWERS["text"]
MEANT = ["one two", "two three", "three one two", "one", "two two three"]
SAID = ["Ke ba!", "zo ke", "ke ba zo", "ba", "zo ke ke"]


def planned(auxiliary: list[str] | None = None) -> TextSpec:
    spec: TextSpec = TEXT.plan(MEANT * 4, "text", SAID * 4 if auxiliary is None else auxiliary)
    return spec


# --- Planned, and targets --------------------------------------------------------------------------------------------


def test_translations_are_not_those_of_their_parts_one_after_the_other() -> None:
    assert not TEXT.concatenation.supports(planned())
    assert TEXT.concatenation.supports(TEXT.plan(MEANT * 4, "text"))


def test_the_letters_spoken_are_heard_and_those_meant_are_written() -> None:
    spec = planned()
    assert spec.translated and spec.decoder
    assert spec.ctc_tokens == spec.auxiliary_tokens == (" ", "a", "b", "e", "k", "o", "z")
    assert spec.tokens == (" ", "e", "h", "n", "o", "r", "t", "w")
    assert str(spec).endswith("; also learns the words spoken, in 7 letters")
    assert TEXT.raw_shapes(spec)["logp"] == ("N", 8)


@pytest.mark.parametrize(
    ("auxiliary", "learned"),
    [
        (["ke ba", "ba ke", *[""] * 18], True),
        (["ke ba", *[""] * 19], False),
        ([""] * 20, False),
        (["...", "12"] * 10, True),
        (["!?"] * 20, False),
    ],
)
def test_what_is_written_too_seldom_teaches_nothing(auxiliary: list[str], learned: bool) -> None:
    spec = planned(auxiliary)
    assert spec.translated
    assert bool(spec.auxiliary_tokens) == learned
    assert spec.ctc_tokens == (spec.auxiliary_tokens if learned else spec.tokens)


@given(st.lists(st.sampled_from(["ba", "ke", "zo"]), max_size=6))
def test_an_aid_is_spelt_in_the_letters_spoken(words: list[str]) -> None:
    spec = planned()
    arrays = TEXT.auxiliary.target(" ".join(words).upper() + " !", spec)
    assert arrays["auxiliary_length"] == len(arrays["auxiliary_tokens"])
    assert "".join(spec.auxiliary_tokens[token] for token in arrays["auxiliary_tokens"]) == " ".join(words)


def test_letters_that_are_not_learned_and_cells_that_are_empty() -> None:
    spec = planned()
    assert TEXT.auxiliary.target("qa", spec)["auxiliary_tokens"].tolist() == [1]
    assert TEXT.auxiliary.target("", spec)["auxiliary_length"] == 0
    assert TEXT.auxiliary.target("ke ba", spec.replace(auxiliary_tokens=())) == {}


def test_a_spec_of_an_earlier_file_hears_what_it_writes() -> None:
    told = planned().model_dump(exclude={"auxiliary_tokens"})
    assert TextSpec(**told).ctc_tokens == TextSpec(**told).tokens


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"translated": False}, "translated must be true, or auxiliary_tokens empty"),
        ({"auxiliary_tokens": ("a", "b")}, "tokens must be a space, and different letters"),
        ({"auxiliary_tokens": (" ", "a", "a")}, "tokens must be a space, and different letters"),
    ],
)
def test_letters_spoken_that_make_no_sense_are_refused(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        planned().replace(**changes)


# --- The loss --------------------------------------------------------------------------------------------------------

WIDTH, CELLS = 16, 24


def targets(spec: TextSpec, auxiliary_columns: list[str]) -> dict[str, torch.Tensor]:
    """Of the first examples, zeros behind those that are shorter."""
    told = [
        TEXT.target(TEXT.read(cell, spec), spec, None) | TEXT.auxiliary.target(auxiliary, spec)
        for cell, auxiliary in zip(MEANT, auxiliary_columns, strict=False)
    ]
    rows = {name: [torch.from_numpy(each[name]) for each in told] for name in told[0]}
    return {
        name: torch.nn.utils.rnn.pad_sequence(own, batch_first=True) if own[0].ndim else torch.stack(own)
        for name, own in rows.items()
    }


def head_and_cells(spec: TextSpec, examples: int) -> tuple[Head, Cells]:
    torch.manual_seed(0)
    valid_mask = torch.arange(CELLS) < torch.tensor([[CELLS, CELLS - 5, CELLS - 2, CELLS, CELLS]]).T[:examples]
    return Head(spec, [WIDTH]).eval(), Cells(torch.randn(examples, CELLS, WIDTH), valid_mask, Grid((CELLS,), 0.04, "s"))


def test_the_loss_is_of_what_is_spoken_and_of_what_is_written() -> None:
    """As the formula says it, an example at a time."""
    spec = planned()
    head, cells = head_and_cells(spec, len(MEANT))
    target, raw = targets(spec, SAID), head(cells)
    assert raw["logp"].shape == (len(MEANT), CELLS, len(spec.auxiliary_tokens) + 1)
    loss = head.loss(raw, target)
    for i, (meant, said) in enumerate(zip(MEANT, SAID, strict=True)):
        own = int(raw["cells"][i])
        spelt = torch.tensor([[spec.auxiliary_tokens.index(letter) for letter in said.lower().strip("!")]])
        length = torch.tensor([spelt.shape[1]])
        logp = raw["logp"][i : i + 1, :own].transpose(0, 1)
        by_ctc = (
            F.ctc_loss(logp, spelt, torch.tensor([own]), length, blank=len(spec.auxiliary_tokens), reduction="sum")
            / length
        )
        tokens = torch.tensor([spec.encode(meant)])
        memory, valid_mask = raw["memory"][i : i + 1, :own], torch.ones(1, own, dtype=torch.bool)
        by_decoder = head.attention_decoder.loss(memory, valid_mask, tokens, torch.tensor([tokens.shape[1]]))
        assert loss[i].item() == pytest.approx((0.3 * by_ctc + 0.7 * by_decoder).item(), abs=1e-4)


def test_what_was_said_may_be_missing_and_the_decoder_learns_on() -> None:
    spec = planned()
    head, cells = head_and_cells(spec, 3)
    whole, some = targets(spec, SAID[:3]), targets(spec, [SAID[0], "", SAID[2]])
    raw = head(cells)
    valid_mask = torch.arange(CELLS) < raw["cells"][:, None]
    by_decoder = head.attention_decoder.loss(raw["memory"], valid_mask, some["tokens"], some["length"])
    loss, before = head.loss(raw, some), head.loss(raw, whole)
    assert loss[1].item() == pytest.approx(0.7 * by_decoder[1].item(), abs=1e-5)
    assert torch.allclose(loss[[0, 2]], before[[0, 2]], atol=1e-5)
    loss[1].backward()
    assert not head.classify.weight.grad.any()
    assert all(weight.grad.any() for weight in head.attention_decoder.classify.parameters())


def test_a_batch_in_which_nobody_wrote_what_was_said() -> None:
    spec = planned()
    head, cells = head_and_cells(spec, 3)
    loss = head.loss(head(cells), targets(spec, ["", "", ""]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and (loss > 0).all()
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters() if weight.grad is not None)


# --- Shelf, recipe, run ----------------------------------------------------------------------------------------------

SOUNDS = ["a", "", "a o", "o", "", "o a o", "a", "o o"] * 2


def dataset(folder: Path, auxiliary: list[str] = SOUNDS, **changes: Any) -> DatasetCache:
    """The short texts of the contract, as translations of an aid of which some is missing."""
    cells = {"text": ANSWER_CELLS["text"], "source_text": auxiliary}
    table = opened(digits_table(folder / "data", cells, ("audio",)), folder)
    recipe = recipe_for("text", ("audio",))
    answer = TEXT.plan(table.answers(), "text", table.auxiliary()).replace(**changes)
    return DatasetCache.build(
        table, recipe.model_copy(update={"answer": answer}), folder / "dataset", listen=ignore_events
    )


def test_a_shelf_hands_out_the_aid_with_the_target(tmp_path: Path) -> None:
    target = dataset(tmp_path).batch([0, 1, 5]).target
    assert target["auxiliary_tokens"].tolist() == [[1, 0, 0, 0, 0], [0] * 5, [2, 0, 1, 0, 2]]
    assert target["auxiliary_length"].tolist() == [1, 0, 5]
    assert target["length"].tolist() == [1, 3, 1]


def test_a_recipe_with_an_aid_wants_it_in_the_table(tmp_path: Path) -> None:
    taught = dataset(tmp_path)
    plain = opened(digits_table(tmp_path / "plain", {"text": ANSWER_CELLS["text"]}, ("audio",)), tmp_path)
    wanted = "the recipe is trained with a column such as 'source_text', which the table lacks"
    with pytest.raises(UsageError, match=wanted):
        follow_recipe(taught.recipe, plain, TrainOptions())
    assert follow_recipe(taught.recipe, taught.table, TrainOptions()).answer == taught.recipe.answer
    without = taught.recipe.model_copy(update={"answer": taught.recipe.answer.replace(auxiliary_tokens=())})
    assert follow_recipe(without, plain, TrainOptions()).answer.auxiliary_tokens == ()


def test_a_run_notices_that_its_aid_was_changed(tmp_path: Path) -> None:
    taught = dataset(tmp_path)
    (tmp_path / "run").mkdir()
    record_start(tmp_path / "run", taught.recipe, taught.table, None)
    record_start(tmp_path / "run", taught.recipe, taught.table, None)
    cells = {"text": ANSWER_CELLS["text"], "source_text": [*SOUNDS[1:], "a"]}
    other = opened(digits_table(tmp_path / "data", cells, ("audio",)), tmp_path)
    with pytest.raises(UsageError, match="these are not the examples that the run started with"):
        record_start(tmp_path / "run", taught.recipe, other, None)


@pytest.mark.slow
def test_graphs_answer_like_a_network_that_hears_other_letters_than_it_writes(tmp_path: Path) -> None:
    taught = dataset(tmp_path)
    torch.manual_seed(0)
    network = Network(taught.recipe)
    rows = np.arange(8)
    assert all(export_graphs(trace_graphs(Network(taught.recipe), taught, rows), network, taught, rows))


HEARING = HearingSpec(longest_s=1.0, top_hz=4000, mels=16, stages=(8, 8, 16), width=32, augmentation_strength=0.0)
TAUGHT, STEPS = 200, 75


@pytest.mark.slow
def test_a_toy_language_is_understood_sooner_through_its_own_words(tmp_path: Path) -> None:
    table = opened(toy(tmp_path, TAUGHT + 40, aided=True), tmp_path)
    surprised = {}
    for auxiliary_columns in (None, table.auxiliary()):
        spec = TEXT.plan(table.answers(), "translation", auxiliary_columns)
        settings = Training(minutes=3, steps=STEPS, batch=16, learning_rate=0.004)
        recipe = Recipe(senses={"audio": HEARING}, kind="text", answer=spec, width=32, training=settings)
        taught = DatasetCache.build(table, recipe, tmp_path / "dataset", listen=ignore_events)
        surprised[auxiliary_columns is not None] = surprise(taught, tmp_path / f"{len(spec.auxiliary_tokens)} letters")
    assert surprised[True] < surprised[False] - 0.03, surprised


def surprise(taught: DatasetCache, saved: Path) -> float:
    """Cross entropy a token of what is written, on the examples that were not taught."""
    torch.manual_seed(0)
    clock = Clock(taught.recipe.training, 1e9)
    network, _ = fit(Network(taught.recipe), taught, np.arange(TAUGHT), clock, saved=saved, listen=ignore_events)
    batch = taught.batch(np.arange(TAUGHT, len(taught)))
    with torch.no_grad():
        raw = network(batch.inputs, batch.present)
        valid_mask = torch.arange(raw["memory"].shape[1]) < raw["cells"][:, None]
        loss = network.head.attention_decoder.loss(
            raw["memory"], valid_mask, batch.target["tokens"], batch.target["length"]
        )
    return float(loss.mean())
