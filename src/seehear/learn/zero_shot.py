"""Builds a model file from the published weights of Whisper's encoder and decoder, without training.

Recordings are padded to 30 seconds, as in the decoder's training. Weights of products are 8-bit integers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.text import TextKind, TextSpec
from seehear.answers.text.whisper_decoder import ExportedWhisperDecoder, WhisperDecoder
from seehear.answers.text.whisper_spec import WhisperSpec, read_tokenizer
from seehear.errors import BundleError
from seehear.learn.export import check_outputs, fill_graph, trace_module
from seehear.learn.quantisation import quantise
from seehear.measure.formatting import format_percent
from seehear.recipe import Recipe, RiskCoverageCurve, SelectivePrediction, Training
from seehear.runtime.bundle import Bundle
from seehear.runtime.model_runner import EMBEDDING, OOD_SCORE
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import HOP_SAMPLES, RATE_HZ, WINDOW_S, HearingSpec, Whisper
from seehear.senses.hearing.states import STATE_SAMPLES, WINDOW_STATES
from seehear.senses.hearing.whisper import HEAD_CHANNELS, WhisperEncoder
from seehear.starts import Start, load_file, load_tensors
from seehear.starts.definition import TOKENIZER

WINDOW_SAMPLES = int(WINDOW_S * RATE_HZ)
# Heads (layer, head) of the published decoders whose attention follows the sound.
ALIGNMENT_HEADS = {
    "tiny.en": ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)),
    "base": ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)),
}
NO_WEIGHTS = b"\x02\0\0\0\0\0\0\0{}"  # safetensors without tensors: training starts from the published weights instead
UNTRAINED = Training(minutes=1, batch=1, learning_rate=1e-9)  # placeholder: a recipe must have one
Tensors = Mapping[str, NDArray[np.float32]]
PARITY_S = (0.5, 4.0)  # seconds of noise on which graph and network are compared


def build_transcriber(start: Start) -> Bundle:
    """The model file of a start for speech. Takes about a minute. Raises SeehearError if the start is not installed."""
    tensors = load_tensors(start)
    size: str = start.encoder["size"]
    spec = plan_decoder(tensors, load_file(start, TOKENIZER), size)
    encoder = Whisper(size=size, layers=(count_blocks(tensors, "encoder."),))  # type: ignore[arg-type]
    hearing = HearingSpec(longest_s=WINDOW_S, encoder=encoder)
    network = Transcriber(encoder, spec)
    network.load_pretrained(tensors)
    recipe = Recipe(
        senses={HEARING.name: hearing},
        kind=TextKind.name,
        answer=TextSpec(tokens=(), texts=0, words=0, decoder=spec),
        width=spec.width,
        training=UNTRAINED,
        starts={HEARING.name: start.name},
        selective={HEARING.name: plan_acceptance(start)},
    )
    model, decoder = export(network)
    return Bundle(recipe, model, NO_WEIGHTS, render_card(start, recipe), decoder)


def plan_acceptance(start: Start) -> SelectivePrediction:
    """Set thresholds from the confidences that were measured for this start; without them nothing is accepted."""
    if (measured := start.confidences) is None:
        return SelectivePrediction()
    risk, whole_risk = (
        RiskCoverageCurve(confidence=tuple(sure for sure, _ in curve), wrong=tuple(wrong for _, wrong in curve))
        for curve in (measured.risk, measured.whole_risk)
    )
    return SelectivePrediction(
        calibration=dict(measured.calibration),
        risk=risk,
        whole_risk=whole_risk,
        wrong_at_most=measured.wrong_at_most,
    )


def plan_decoder(tensors: Tensors, tokenizer: bytes, size: str) -> WhisperSpec:
    """`tokenizer` is a tokenizer.json. Raises BundleError if its number of tokens does not match the tensors."""
    tokens, width = tensors["decoder.token_embedding.weight"].shape
    vocabulary, languages = read_tokenizer(tokenizer)
    spec = WhisperSpec(
        width=width,
        heads=width // HEAD_CHANNELS,
        layers=count_blocks(tensors, "decoder."),
        longest=len(tensors["decoder.positional_embedding"]),
        vocabulary=vocabulary,
        languages=languages,
        multilingual=not size.endswith(".en"),
        alignment_heads=ALIGNMENT_HEADS[size],
    )
    if spec.tokens != tokens:
        raise BundleError(f"the tokenizer has {spec.tokens:,} tokens", allowed=f"{tokens:,}, as the decoder has")
    return spec


def count_blocks(tensors: Tensors, part: str) -> int:
    """The number of Transformer blocks of the encoder or the decoder."""
    return sum(name.startswith(part) and name.endswith(".mlp_ln.weight") for name in tensors)


class Transcriber(nn.Module):
    """audio (B, T) at RATE_HZ up to 30 s, audio_samples (B,) -> what the runtime reads from a graph, by `outputs`.

    Keys and values for each block of the decoder; how many states it attends to (B,); the number of cells (B,) that
    are not padding; the seconds of a cell; an embedding; an out-of-distribution score of 0.
    """

    def __init__(self, hearing: Whisper, spec: WhisperSpec) -> None:
        super().__init__()
        self.hearing, self.decoder = WhisperEncoder(hearing, 0.0), WhisperDecoder(spec)
        self.outputs = (*spec.cross_shapes, "states", "cells", "cell_s", EMBEDDING, OOD_SCORE + HEARING.name)

    def load_pretrained(self, tensors: Tensors) -> None:
        """Raises ValueError if a tensor is missing or misshapen."""
        self.hearing.load_pretrained(tensors)
        self.decoder.load_pretrained(tensors)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        audio, samples = inputs
        padded = F.pad(audio, (0, WINDOW_SAMPLES - audio.shape[1]))
        frames = torch.full_like(samples, WINDOW_SAMPLES // HOP_SAMPLES)
        states, _ = self.hearing.encoder(self.hearing.logmel(padded), frames)
        cells = ((samples + STATE_SAMPLES - 1) // STATE_SAMPLES).to(audio)
        embedding = F.normalize(states[-1].mean(1), dim=1)
        every = torch.full_like(cells, WINDOW_STATES)  # the decoder was trained to attend to the padding too
        made = every, cells, torch.full_like(cells, STATE_SAMPLES / RATE_HZ), embedding, torch.zeros_like(cells)
        return *self.decoder.project_states(states[-1]), *made


@torch.no_grad()
def export(network: Transcriber) -> tuple[bytes, bytes]:
    """The graphs of network and decoder, in 8-bit integers.

    Raises TrainingError if their outputs before quantisation differ from the network's.
    """
    network = network.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    noises = [torch.randn(2, int(seconds * RATE_HZ), generator=generator) * 0.05 for seconds in PARITY_S]
    batches = [{"audio": noise, "audio_samples": torch.tensor([noise.shape[1], 8000])} for noise in noises]
    axes = {"audio": {0: "batch", 1: "samples"}, "audio_samples": {0: "batch"}}
    graph = fill_graph(trace_module(network, batches[-1], network.outputs, axes), network)
    check_outputs(network, graph, batches)
    decoder = ExportedWhisperDecoder(network.decoder).eval()
    raw = dict(zip(network.outputs, network(*batches[-1].values()), strict=True))
    examples = list(decoder.example_inputs(raw, {}))
    decoder_graph = fill_graph(trace_module(decoder, examples[0], decoder.outputs, decoder.dynamic_axes), decoder)
    check_outputs(decoder, decoder_graph, examples)
    return quantise(graph), quantise(decoder_graph)


def render_card(start: Start, recipe: Recipe) -> str:
    """The model card, which says that nothing was measured on the user's recordings."""
    return f"""# {start.name}

Transcribes speech: {recipe.answer}. It was not trained on your recordings, and its errors on them were never
measured. {_describe_confidences(start)}

- Trained on: {start.trained_on}
- Limits: {start.limits}
- Origin: {start.compared}
- Licence: {start.licence}

{start.notice}
"""


def _describe_confidences(start: Start) -> str:
    measured = start.confidences
    if measured is None:
        return "No word is accepted, because nobody measured how often it is right."
    share = format_percent(measured.wrong_at_most)
    return (
        f"Confidences were fitted on {measured.measured_on}. There, at most {share} of the accepted words were wrong; "
        "on your recordings it may be more or less."
    )
