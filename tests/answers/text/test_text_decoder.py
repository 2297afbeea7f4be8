"""The decoder beside CTC: rescoring, translations, its graph in the model file, its training."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF  # type: ignore[attr-defined]

import scribe
from graphs import GRAPH_NAME
from interrupted import Killed, fit_weights
from learning import dataset_of, recipe_for
from present import present
from random_decoder import WIDTH, make_decoder_network, make_memory
from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.text import Text, TextSpec
from seehear.answers.text.decoder import AttentionDecoder
from seehear.answers.text.head import Head
from seehear.answers.text.similarity import compute_bleu, compute_chrf, count_bleu, count_chrf
from seehear.answers.text.spec import AttentionSpec
from seehear.decoding.autoregressive import ConditionedDecoder
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import BundleError
from seehear.learn.calibrate.calibration import make_decoder_function
from seehear.learn.model.network import Network
from seehear.recipe import Recipe, Training
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.runtime.onnx_session import Session
from seehear.runtime.predictor import Predictor
from seehear.senses.hearing.plan import RATE_HZ, ConvRecurrent, HearingSpec
from toy_language import write_toy_language
from transcripts import TEXTS, make_ambiguous_raw, make_raw, tune_and_calibrate

TEXT = ANSWERS["text"]
DECODING = present(TEXT.decoding)
SOURCE_TEXTS = ["Ke ba!", "zo ke", "ke ba zo", "ba", "zo ke ke"]  # the same in a language of three words
Array = np.ndarray[Any, Any]


# --- Transcripts -----------------------------------------------------------------------------------------------------


def plan_transcripts() -> TextSpec:
    spec: TextSpec = TEXT.plan([*TEXTS * 4, "one roo", "roo"], "text")
    return spec.replace(decoder=AttentionSpec())


def add_memory(raw: dict[str, Array]) -> dict[str, Array]:
    return raw | {"memory": np.zeros((len(raw["logp"]), WIDTH), np.float32)}


def make_decoder_of_one_text(spec: TextSpec, text: str, sure: float = 0.99) -> Callable[..., dict[str, Array]]:
    """A decoder that predicts one text; its state counts the tokens so far."""
    wanted = [*spec.encode(text), len(spec.tokens)]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        place = inputs["state"][:, :1, :1].astype(int) + np.arange(inputs["tokens"].shape[1])  # (K, 1, L)
        expected = np.array([*wanted, *wanted[-1:] * 50])[place[:, 0].clip(0, len(wanted) + 40)]
        odds = np.full((*expected.shape, len(spec.tokens) + 1), (1 - sure) / len(spec.tokens))
        np.put_along_axis(odds, expected[..., None], sure, 2)
        return {"logp": np.log(odds), "next_state": inputs["state"] + inputs["tokens"].shape[1]}

    return run


def test_the_decoder_decides_between_texts_that_sound_alike() -> None:
    spec = plan_transcripts()
    raw = add_memory(make_ambiguous_raw("one two", "one roo", spec, share=0.6))
    kind = DECODING.with_network(make_decoder_of_one_text(spec, "one roo"))
    assert str(kind.to_answer(raw, spec, {"decoder": 0.0}, None)) == "one two"
    assert str(kind.to_answer(raw, spec, {"decoder": 1.0}, None)) == "one roo"


def make_examples(spec: TextSpec, sure: Sequence[float] = (0.8,)) -> tuple[list[dict[str, Array]], list[Text]]:
    raws = [add_memory(make_raw(text, spec, each)) for text in TEXTS for each in sure]
    return raws, [Text.from_string(text) for text in TEXTS for _ in sure]


def test_a_useless_decoder_gets_no_weight() -> None:
    spec = plan_transcripts()
    raws, truths = make_examples(spec)
    kind = DECODING.with_network(make_decoder_network(0, len(spec.tokens)))
    calibration = tune_and_calibrate(kind, raws, truths, spec)
    assert calibration["decoder"] == 0.0


def test_a_useful_decoder_gets_a_weight() -> None:
    spec = plan_transcripts()
    one = add_memory(make_ambiguous_raw("one two", "one roo", spec, share=0.6))
    kind = DECODING.with_network(make_decoder_of_one_text(spec, "one roo"))
    calibration = tune_and_calibrate(kind, [one] * 4, [Text.from_string("one roo")] * 4, spec)
    assert calibration["decoder"] > 0
    assert str(kind.to_answer(one, spec, calibration, None)) == "one roo"


# --- Translations ----------------------------------------------------------------------------------------------------


def test_words_of_a_translation_have_confidences_but_no_times() -> None:
    answer = Predictor(scribe.bundle()).predict_one((np.zeros(8000, np.float32), RATE_HZ)).answer
    assert isinstance(answer, Text)
    assert str(answer) == "a b"
    assert [word.timed for word in answer.words] == [False, False]
    assert all(0.5 < word.confidence < 1 for word in answer.words)
    assert answer.to_json()["words"][0].keys() == {"text", "confidence", "accepted"}
    assert answer.files().keys() == {"txt"}
    assert answer.alternatives[0][1] <= 1 - answer.confidence


def test_hotwords_work_for_translations() -> None:
    ngrams = NGramCounts.count_sentences([scribe.SPEC.encode("a b")] * 200, scribe.EDGE).pack()
    spec = scribe.SPEC.replace(ngrams=ngrams)
    raw = {"memory": make_memory(scribe.CELLS), "cells": np.array(scribe.CELLS), "cell_s": np.array(0.04)}
    kind = DECODING.with_network(Session(scribe.writing("a b", sure=0.6)).run)
    assert str(kind.to_answer(raw, spec, {}, None)) == "a b"
    assert "ba" in str(kind.to_answer(raw, DECODING.with_hotwords(spec, ["ba"]), {}, None)).split()


@pytest.mark.parametrize(
    ("column", "auxiliary", "translated"),
    [
        ("translation", None, True),
        ("Target text", None, True),
        ("text", SOURCE_TEXTS * 4, True),
        ("text", [""] * 20, True),
        ("text", None, False),
        ("sentence", None, False),
    ],
)
def test_a_heading_or_an_auxiliary_column_makes_a_translation(
    column: str, auxiliary: Sequence[str] | None, translated: bool
) -> None:
    spec = TEXT.plan(TEXTS * 4, column, auxiliary)
    assert (spec.translated, spec.decoder is not None) == (translated, translated)
    assert str(spec).startswith("translation in 8 letters" if translated else "text in 8 letters")
    assert TEXT.headline(spec).metric == ("bleu" if translated else "wer")


def test_many_transcripts_get_a_decoder() -> None:
    assert not TEXT.plan(TEXTS * 39, "text").decoder
    assert TEXT.plan(TEXTS * 40, "text").decoder


def test_a_translation_needs_a_decoder() -> None:
    with pytest.raises(ValueError, match="translations need a decoder"):
        plan_transcripts().replace(translated=True, decoder=None)


WORDS = ["le", "chat", "la", "mer", "une", "des", "voit", "12", "l'eau"]


def make_sentences(seed: int, n: int = 30) -> tuple[list[str], list[str]]:
    random = np.random.default_rng(seed)
    truths = [" ".join(random.choice(WORDS, random.integers(0, 9))) for _ in range(n)]
    texts = [" ".join(word for word in truth.split() if random.random() < 0.8) for truth in truths]
    return texts, truths


@pytest.mark.parametrize("seed", range(8))
def test_summed_counts_give_the_corpus_scores_of_sacrebleu(seed: int) -> None:
    texts, truths = make_sentences(seed, n=1 + 7 * seed)
    assert compute_bleu(count_bleu(texts, truths).sum(0)) == pytest.approx(
        BLEU().corpus_score(texts, [truths]).score, abs=1e-9
    )
    assert compute_chrf(count_chrf(texts, truths).sum(0)) == pytest.approx(
        CHRF().corpus_score(texts, [truths]).score, abs=1e-9
    )


def test_metrics_of_translations_are_bleu_and_chrf_and_can_be_drawn() -> None:
    texts, truths = make_sentences(0)
    compared = TEXT.compare(list(map(Text.from_string, texts)), list(map(Text.from_string, truths)), scribe.SPEC)
    assert list(TEXT.metrics(compared, scribe.SPEC)) == ["bleu", "chrf"]
    none = {name: array[:0] for name, array in compared.items()}
    assert TEXT.metrics(none, scribe.SPEC) == {"bleu": 0.0, "chrf": 0.0}
    assert TEXT.draw(compared, scribe.SPEC).width > 100


# --- Subwords --------------------------------------------------------------------------------------------------------


def test_long_translations_get_subwords() -> None:
    texts = ["montre la blessure", "la blessure du singe", "le singe montre le singe"] * 500
    spec = TEXT.plan(texts, "translation")
    assert any(len(token) > 1 for token in spec.tokens)
    for text in texts[:3]:
        assert spec.decode(spec.encode(text)) == text
        assert len(spec.encode(text)) < len(text) / 2
    assert all(len(token) == 1 for token in TEXT.plan(texts, "text").tokens)
    assert re.search(r" and \d+ subwords;", str(spec))


# --- In the model file -----------------------------------------------------------------------------------------------


def test_a_model_file_keeps_the_decoder(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.seehear", scribe.bundle())
    assert read_bundle(tmp_path / "m.seehear") == scribe.bundle()


def refer_to_another_file() -> bytes:
    model = onnx.load_from_string(scribe.writing("a b"))
    table = model.graph.initializer[0]
    table.ClearField("raw_data")
    table.data_location = onnx.TensorProto.EXTERNAL
    table.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


def use_a_foreign_operator() -> bytes:
    model = onnx.load_from_string(scribe.writing("a b"))
    model.graph.node[0].domain = "evil"
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (refer_to_another_file, "other files"),
        (use_a_foreign_operator, "another domain, 'evil'"),
        (lambda: b"\x80\x04.", "refused"),
    ],
    ids=["external", "use_a_foreign_operator", "pickle"],
)
def test_a_hostile_decoder_graph_is_refused(
    tmp_path: Path, decoder: Callable[[], bytes], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.seehear"
    with monkeypatch.context() as unchecked:
        unchecked.setattr("seehear.runtime.bundle._check_members", lambda members: None)
        write_bundle(path, scribe.bundle(decoder=decoder()))
    with pytest.raises(BundleError, match=f"decoder.onnx is refused: .*{reason}|decoder.onnx is refused"):
        read_bundle(path)


def test_recipe_and_model_file_must_agree_on_the_decoder(tmp_path: Path) -> None:
    complete, plain = scribe.bundle(), scribe.SPEC.replace(translated=False, decoder=None)
    with pytest.raises(BundleError, match=r"decoder\.onnx is not there, contrary to the recipe"):
        write_bundle(tmp_path / "m.seehear", replace(complete, decoder=None))
    with pytest.raises(BundleError, match=r"decoder\.onnx is there, contrary"):
        write_bundle(tmp_path / "m.seehear", replace(complete, recipe=scribe.recipe(plain)))


def test_a_corrupted_decoder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.seehear"
    write_bundle(path, scribe.bundle())
    content = bytearray(path.read_bytes())
    content[content.rindex(GRAPH_NAME.encode())] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"decoder\.onnx"):
        read_bundle(path)


def test_a_decoder_of_another_vocabulary_is_refused_at_loading() -> None:
    with pytest.raises(BundleError, match=r"the decoder gives logp of shape \(1, 1, 9\)"):
        Predictor(scribe.bundle(decoder=scribe.writing("a b", symbols=9)))


# --- The network -----------------------------------------------------------------------------------------------------


def make_network_and_dataset(folder: Path, **fields: Any) -> tuple[Network, Any]:
    recipe = recipe_for("text", ("audio",))
    assert isinstance(recipe.answer, TextSpec)
    recipe = recipe.model_copy(update={"answer": recipe.answer.replace(decoder=AttentionSpec(), **fields)})
    torch.manual_seed(0)
    dataset = dataset_of(recipe, folder)
    return Network(recipe), dataset


def test_the_loss_of_a_text_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    decoder = AttentionDecoder(5, 16).eval()
    memory, tokens, length = torch.randn(3, 7, 16), torch.randint(0, 5, (3, 6)), torch.tensor([6, 2, 0])
    valid_mask = torch.arange(7) < torch.tensor([[7], [4], [5]])
    together = decoder.loss(memory, valid_mask, tokens, length)
    for i, (cells, own) in enumerate(zip((7, 4, 5), length.tolist(), strict=True)):
        alone = decoder.loss(
            memory[i : i + 1, :cells], valid_mask[i : i + 1, :cells], tokens[i : i + 1, :own], length[i : i + 1]
        )
        assert alone[0].item() == pytest.approx(together[i].item(), abs=1e-5)


def test_all_decoder_weights_learn_and_scoring_equals_the_network(tmp_path: Path) -> None:
    network, dataset = make_network_and_dataset(tmp_path)
    batch = dataset.batch(range(6))
    network.fit_statistics("audio", batch.inputs)
    raw = network(batch.inputs, batch.present)
    network.loss(raw, batch.target).mean().backward()
    assert [name for name, weight in network.head.named_parameters() if weight.grad is None] == []
    network.eval()
    head = network.head
    assert isinstance(head, Head)
    attention = present(head.attention_decoder)
    raw = {name: value.detach() for name, value in network(batch.inputs, batch.present).items()}
    texts = [tuple(batch.target["tokens"][i, : batch.target["length"][i]].tolist()) for i in range(6)]
    for i in range(2):
        own = raw["memory"][i, : int(raw["cells"][i])].numpy()
        decoder = ConditionedDecoder(
            make_decoder_function(present(network.decoder), torch.device("cpu")), own, head.blank
        )
        valid_mask = (torch.arange(raw["memory"].shape[1]) < raw["cells"][i])[None]
        for text, total in zip(texts, decoder.score(texts), strict=True):
            tokens = torch.tensor([[decoder.edge, *text]])
            logp, _ = attention(raw["memory"][i : i + 1], valid_mask, tokens, attention.start(1, raw["memory"]))
            wanted = torch.tensor([[*text, decoder.edge]])
            assert total == pytest.approx(logp.gather(2, wanted[..., None]).sum().item(), abs=1e-3)


def test_without_a_decoder_the_network_exports_none() -> None:
    assert Network(recipe_for("text", ("audio",))).decoder is None


def test_a_killed_run_with_a_decoder_resumes_to_the_same_weights(tmp_path: Path) -> None:
    _, dataset = make_network_and_dataset(tmp_path, translated=True)
    complete = fit_weights(dataset, tmp_path / "complete", steps=3)
    with pytest.raises(Killed):
        fit_weights(dataset, tmp_path / "cut", steps=3, kill_after=1)
    resumed = fit_weights(dataset, tmp_path / "cut", steps=3)
    assert [name for name in complete if not torch.equal(complete[name], resumed[name])] == []


@pytest.mark.slow
def test_a_toy_language_is_translated_without_errors(tmp_path: Path) -> None:
    """CTC alone cannot write words in reversed order."""
    data = write_toy_language(tmp_path, 240)
    hearing = HearingSpec(
        longest_s=1.0,
        encoder=ConvRecurrent(top_hz=4000, mels=16, stages=(8, 8, 16), width=32),
        augmentation_strength=0.0,
    )
    settings = Training(minutes=3, steps=600, batch=16, learning_rate=0.004)
    spec = api.plan(data, steps=1).answer
    recipe = Recipe(senses={"audio": hearing}, kind="text", answer=spec, width=32, training=settings)
    api.train(data, tmp_path / "m.seehear", recipe=recipe)
    (tmp_path / "new").mkdir()
    metrics = api.load(tmp_path / "m.seehear").evaluate(write_toy_language(tmp_path / "new", 40, seed=1)).metrics
    assert metrics["wrong"] == 0
    assert metrics["bleu"] == pytest.approx(100)
