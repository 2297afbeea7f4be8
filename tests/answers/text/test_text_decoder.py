"""The decoder beside CTC: asked in any pieces, searched, weighed, carried in the model file, taught."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import torch
from sacrebleu.metrics import BLEU, CHRF
from test_text import calibration_of, heard, unclear

import scribe
from interrupted import Killed, fit_weights
from learning import RATE_HZ, dataset_of, recipe_for
from random_decoder import WIDTH, make_decoder_network, make_memory
from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.text import Text, TextSpec
from seehear.answers.text.decoder import AttentionDecoder, ExportedDecoder
from seehear.answers.text.similarity import compute_bleu, compute_chrf, count_bleu, count_chrf
from seehear.decoding.autoregressive import LAYERS, ConditionedDecoder
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import BundleError
from seehear.learn.calibrate.calibration import decoder_function
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.recipe import Recipe, Training
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.runtime.predictor import Predictor
from seehear.runtime.session import Session
from seehear.senses.hearing.plan import HearingSpec

TEXT = ANSWERS["text"]
SAID = ["one two", "two three", "three one two", "one", "two two three"]
HEARD = ["Ke ba!", "zo ke", "ke ba zo", "ba", "zo ke ke"]  # the same in a language of three words
Array = np.ndarray[Any, Any]


# --- Transcripts -----------------------------------------------------------------------------------------------------


def transcribing() -> TextSpec:
    spec: TextSpec = TEXT.plan([*SAID * 4, "one roo", "roo"], "text")
    return spec.replace(decoder=True)


def remembering(raw: dict[str, Array]) -> dict[str, Array]:
    return raw | {"memory": np.zeros((len(raw["logp"]), WIDTH), np.float32)}


def knowing_by_heart(spec: TextSpec, text: str, sure: float = 0.99) -> Callable[..., dict[str, Array]]:
    """A decoder that expects one text: its state counts the tokens that came."""
    wanted = [*spec.encode(text), len(spec.tokens)]

    def ask(feeds: Mapping[str, Array]) -> dict[str, Array]:
        place = feeds["state"][:, :1, :1].astype(int) + np.arange(feeds["tokens"].shape[1])  # (K, 1, L)
        expected = np.array([*wanted, *wanted[-1:] * 50])[place[:, 0].clip(0, len(wanted) + 40)]
        odds = np.full((*expected.shape, len(spec.tokens) + 1), (1 - sure) / len(spec.tokens))
        np.put_along_axis(odds, expected[..., None], sure, 2)
        return {"logp": np.log(odds), "next_state": feeds["state"] + feeds["tokens"].shape[1]}

    return ask


def test_the_decoder_decides_between_what_sounds_alike() -> None:
    spec = transcribing()
    raw = remembering(unclear("one two", "one roo", spec, share=0.6))
    kind = TEXT.decoding.with_network(knowing_by_heart(spec, "one roo"))
    assert str(kind.to_answer(raw, spec, {"decoder": 0.0}, None)) == "one two"
    assert str(kind.to_answer(raw, spec, {"decoder": 1.0}, None)) == "one roo"


def several(spec: TextSpec, sure: Sequence[float] = (0.8,)) -> tuple[list[dict[str, Array]], list[Text]]:
    raws = [remembering(heard(text, spec, each)) for text in SAID for each in sure]
    return raws, [Text.from_string(text) for text in SAID for _ in sure]


def test_a_decoder_that_knows_nothing_weighs_nothing() -> None:
    spec = transcribing()
    raws, truths = several(spec)
    kind = TEXT.decoding.with_network(make_decoder_network(0, len(spec.tokens)))
    calibration = calibration_of(kind, raws, truths, spec)
    assert calibration["decoder"] == 0.0


def test_a_decoder_that_knows_better_weighs_something() -> None:
    spec = transcribing()
    one = remembering(unclear("one two", "one roo", spec, share=0.6))
    kind = TEXT.decoding.with_network(knowing_by_heart(spec, "one roo"))
    calibration = calibration_of(kind, [one] * 4, [Text.from_string("one roo")] * 4, spec)
    assert calibration["decoder"] > 0
    assert str(kind.to_answer(one, spec, calibration, None)) == "one roo"


# --- Translations ----------------------------------------------------------------------------------------------------


def test_a_translation_has_words_without_times_and_confidences() -> None:
    answer = Predictor(scribe.bundle()).predict_one((np.zeros(8000, np.float32), RATE_HZ)).answer
    assert str(answer) == "a b"
    assert [word.timed for word in answer.words] == [False, False]
    assert all(0.5 < word.confidence < 1 for word in answer.words)
    assert answer.to_json()["words"][0].keys() == {"text", "confidence", "accepted"}
    assert answer.files().keys() == {"txt"}
    assert answer.alternatives[0][1] <= 1 - answer.confidence


def test_a_term_is_favoured_in_a_translation_too() -> None:
    ngrams = NGramCounts.count_sentences([scribe.SPEC.encode("a b")] * 200, scribe.EDGE).pack()
    spec = scribe.SPEC.replace(ngrams=ngrams)
    raw = {"memory": make_memory(scribe.CELLS), "cells": np.array(scribe.CELLS), "cell_s": np.array(0.04)}
    kind = TEXT.decoding.with_network(Session(scribe.writing("a b", sure=0.6)).run)
    assert str(kind.to_answer(raw, spec, {}, None)) == "a b"
    assert "ba" in str(kind.to_answer(raw, TEXT.decoding.with_hotwords(spec, ["ba"]), {}, None)).split()


@pytest.mark.parametrize(
    ("column", "auxiliary", "translated"),
    [
        ("translation", None, True),
        ("Target text", None, True),
        ("text", HEARD * 4, True),
        ("text", [""] * 20, True),
        ("text", None, False),
        ("sentence", None, False),
    ],
)
def test_a_plan_tells_a_translation_by_its_heading_or_its_aid(
    column: str, auxiliary: Sequence[str] | None, translated: bool
) -> None:
    spec = TEXT.plan(SAID * 4, column, auxiliary)
    assert (spec.translated, spec.decoder) == (translated, translated)
    assert str(spec).startswith("translation in 8 letters" if translated else "text in 8 letters")
    assert TEXT.headline(spec).metric == ("bleu" if translated else "wer")


def test_many_transcripts_are_judged_by_a_decoder_too() -> None:
    assert not TEXT.plan(SAID * 39, "text").decoder
    assert TEXT.plan(SAID * 40, "text").decoder


def test_a_translation_without_a_decoder_is_no_spec() -> None:
    with pytest.raises(ValueError, match="a decoder writes translations"):
        transcribing().replace(translated=True, decoder=False)


WORDS = ["le", "chat", "la", "mer", "une", "des", "voit", "12", "l'eau"]


def sentences(seed: int, n: int = 30) -> tuple[list[str], list[str]]:
    random = np.random.default_rng(seed)
    truths = [" ".join(random.choice(WORDS, random.integers(0, 9))) for _ in range(n)]
    said = [" ".join(word for word in text.split() if random.random() < 0.8) for text in truths]
    return said, truths


@pytest.mark.parametrize("seed", range(8))
def test_rows_add_up_to_what_sacrebleu_says_of_all(seed: int) -> None:
    said, truths = sentences(seed, n=1 + 7 * seed)
    assert compute_bleu(count_bleu(said, truths).sum(0)) == pytest.approx(
        BLEU().corpus_score(said, [truths]).score, abs=1e-9
    )
    assert compute_chrf(count_chrf(said, truths).sum(0)) == pytest.approx(
        CHRF().corpus_score(said, [truths]).score, abs=1e-9
    )


def test_metrics_of_translations_are_nearness_and_can_be_drawn() -> None:
    said, truths = sentences(0)
    compared = TEXT.compare(
        [Text.from_string(text) for text in said], [Text.from_string(text) for text in truths], scribe.SPEC
    )
    assert list(TEXT.metrics(compared, scribe.SPEC)) == ["bleu", "chrf"]
    none = {name: array[:0] for name, array in compared.items()}
    assert TEXT.metrics(none, scribe.SPEC) == {"bleu": 0.0, "chrf": 0.0}
    assert TEXT.draw(compared, scribe.SPEC).width > 100


# --- Parts of words --------------------------------------------------------------------------------------------------


def test_a_long_translation_is_written_in_parts_of_words() -> None:
    texts = ["montre la blessure", "la blessure du singe", "le singe montre le singe"] * 500
    spec = TEXT.plan(texts, "translation")
    assert any(len(token) > 1 for token in spec.tokens)
    for text in texts[:3]:
        assert spec.decode(spec.encode(text)) == text
        assert len(spec.encode(text)) < len(text) / 2
    assert all(len(token) == 1 for token in TEXT.plan(texts, "text").tokens)
    assert re.search(r" and \d+ subwords;", str(spec))


# --- In the model file -----------------------------------------------------------------------------------------------


def test_a_decoder_lies_in_the_file_and_comes_back(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.seehear", scribe.bundle())
    assert read_bundle(tmp_path / "m.seehear") == scribe.bundle()


def outside() -> bytes:
    model = onnx.load_from_string(scribe.writing("a b"))
    table = model.graph.initializer[0]
    table.ClearField("raw_data")
    table.data_location = onnx.TensorProto.EXTERNAL
    table.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


def foreign() -> bytes:
    model = onnx.load_from_string(scribe.writing("a b"))
    model.graph.node[0].domain = "evil"
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("decoder", "because"),
    [(outside, "other files"), (foreign, "another domain, 'evil'"), (lambda: b"\x80\x04.", "refused")],
    ids=["external", "foreign", "pickle"],
)
def test_a_decoder_that_reaches_out_is_refused(
    tmp_path: Path, decoder: Callable[[], bytes], because: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.seehear"
    with monkeypatch.context() as unchecked:
        unchecked.setattr("seehear.runtime.bundle._bundle", lambda members: None)
        write_bundle(path, scribe.bundle(decoder=decoder()))
    with pytest.raises(BundleError, match=f"decoder.onnx is refused: .*{because}|decoder.onnx is refused"):
        read_bundle(path)


def test_a_decoder_that_the_recipe_does_not_know_or_lacks_is_refused(tmp_path: Path) -> None:
    whole, plain = scribe.bundle(), scribe.SPEC.replace(translated=False, decoder=False)
    with pytest.raises(BundleError, match=r"decoder\.onnx is not there, otherwise than the recipe says"):
        write_bundle(tmp_path / "m.seehear", replace(whole, decoder=None))
    with pytest.raises(BundleError, match=r"decoder\.onnx is there, otherwise"):
        write_bundle(tmp_path / "m.seehear", replace(whole, recipe=scribe.recipe(plain)))


def test_a_changed_decoder_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.seehear"
    write_bundle(path, scribe.bundle())
    content = bytearray(path.read_bytes())
    content[content.rindex(b"scribe")] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"decoder\.onnx"):
        read_bundle(path)


def test_a_decoder_of_other_tokens_is_refused_before_anybody_asks() -> None:
    with pytest.raises(BundleError, match=r"the decoder gives logp of shape \(1, 1, 9\)"):
        Predictor(scribe.bundle(decoder=scribe.writing("a b", symbols=9)))


# --- The network -----------------------------------------------------------------------------------------------------


def network_and_shelf(folder: Path, **fields: Any) -> tuple[Network, Any]:
    recipe = recipe_for("text", ("audio",))
    recipe = recipe.model_copy(update={"answer": recipe.answer.replace(decoder=True, **fields)})
    torch.manual_seed(0)
    dataset = dataset_of(recipe, folder)
    return Network(recipe), dataset


def test_the_loss_of_a_text_is_its_own_whatever_is_beside_it() -> None:
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


def test_every_weight_of_a_decoder_learns_and_its_questions_are_those_of_training(tmp_path: Path) -> None:
    network, dataset = network_and_shelf(tmp_path)
    batch = dataset.batch(range(6))
    network.fit_statistics("audio", batch.inputs)
    raw = network(batch.inputs, batch.present)
    network.loss(raw, batch.target).mean().backward()
    assert [name for name, weight in network.head.named_parameters() if weight.grad is None] == []
    network.eval()
    raw = {name: value.detach() for name, value in network(batch.inputs, batch.present).items()}
    texts = [tuple(batch.target["tokens"][i, : batch.target["length"][i]].tolist()) for i in range(6)]
    for i in range(2):
        own = raw["memory"][i, : int(raw["cells"][i])].numpy()
        decoder = ConditionedDecoder(decoder_function(network.decoder, torch.device("cpu")), own, network.head.blank)
        valid_mask = (torch.arange(raw["memory"].shape[1]) < raw["cells"][i])[None]
        for text, total in zip(texts, decoder.score(texts), strict=True):
            tokens = torch.tensor([[decoder.edge, *text]])
            logp, _ = network.head.attention_decoder(
                raw["memory"][i : i + 1], valid_mask, tokens, network.head.attention_decoder.start(1, raw["memory"])
            )
            wanted = torch.tensor([[*text, decoder.edge]])
            assert total == pytest.approx(logp.gather(2, wanted[..., None]).sum().item(), abs=1e-3)


@pytest.mark.slow
def test_the_graph_of_a_decoder_answers_like_the_network_at_any_length(tmp_path: Path) -> None:
    network, dataset = network_and_shelf(tmp_path)
    rows = np.arange(4)
    graphs = export_graphs(trace_graphs(Network(dataset.recipe), dataset, rows), network, dataset, rows)
    session, decoder = Session(graphs.decoder), network.decoder
    assert session.inputs == tuple(ExportedDecoder.flexible) and session.outputs == ExportedDecoder.outputs
    random = np.random.default_rng(0)
    for cells, texts, length in [(1, 1, 1), (40, 1, 7), (9, 8, 1), (23, 5, 30)]:
        feeds = {
            "memory": random.normal(size=(cells, 16)).astype(np.float32),
            "tokens": random.integers(0, network.head.blank + 1, (texts, length)),
            "state": random.normal(size=(texts, LAYERS, 16)).astype(np.float32),
        }
        served, ours = session.run(feeds), decoder_function(decoder, torch.device("cpu"))(feeds)
        for name, value in ours.items():
            assert served[name].shape == value.shape
            assert np.abs(served[name] - value).max() < 1e-4


def test_a_network_without_a_decoder_asks_none() -> None:
    assert Network(recipe_for("text", ("audio",))).decoder is None


def test_a_killed_run_with_a_decoder_resumes_to_the_same_weights(tmp_path: Path) -> None:
    _, dataset = network_and_shelf(tmp_path, translated=True)
    whole = fit_weights(dataset, tmp_path / "whole", steps=5)
    with pytest.raises(Killed):
        fit_weights(dataset, tmp_path / "cut", steps=5, kill_after=2)
    resumed = fit_weights(dataset, tmp_path / "cut", steps=5)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


TONES_HZ = {"ba": 400, "ke": 900, "zo": 1800}  # what is heard, and what it means
MEANING = {"ba": "one", "ke": "two", "zo": "three"}


def toy(folder: Path, n: int, seed: int = 0, *, aided: bool = False) -> Path:
    """One to four tones, none twice in a row, and their words in reversed order; if aided, also the tones' names."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        said: list[str] = []
        for _ in range(random.integers(1, 5)):
            said.append(random.choice([tone for tone in TONES_HZ if tone not in said[-1:]]))
        seconds = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
        tones = [np.sin(2 * np.pi * TONES_HZ[each] * seconds) * np.hanning(len(seconds)) for each in said]
        sound = 0.3 * np.concatenate(tones) + 0.003 * random.normal(size=len(seconds) * len(said))
        soundfile.write(folder / f"{i}.wav", sound, RATE_HZ)
        rows.append([f"{i}.wav", " ".join(MEANING[each] for each in reversed(said)), *[" ".join(said)] * aided])
    headings = ["audio", "translation", *["source_text"] * aided]
    (folder / "examples.csv").write_text("".join(",".join(row) + "\n" for row in [headings, *rows]))
    return folder / "examples.csv"


@pytest.mark.slow
def test_a_toy_language_is_translated_exactly(tmp_path: Path) -> None:
    """CTC alone cannot say what was heard backwards."""
    data = toy(tmp_path, 240)
    hearing = HearingSpec(longest_s=1.0, top_hz=4000, mels=16, stages=(8, 8, 16), width=32, augmentation_strength=0.0)
    settings = Training(minutes=3, steps=600, batch=16, learning_rate=0.004)
    spec = api.plan(data, steps=1).answer
    recipe = Recipe(senses={"audio": hearing}, kind="text", answer=spec, width=32, training=settings)
    api.train(data, tmp_path / "m.seehear", recipe=recipe)
    (tmp_path / "new").mkdir()
    metrics = api.load(tmp_path / "m.seehear").evaluate(toy(tmp_path / "new", 40, seed=1)).metrics
    assert metrics["wrong"] == 0
    assert metrics["bleu"] == pytest.approx(100)
