"""Each format of weights is read; whatever is damaged is refused with a reason."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from seehear.errors import BundleError, SeehearError
from seehear.starts.ctranslate2 import read_ctranslate2
from seehear.starts.reading import read_tensors
from start_files import (
    Arrays,
    make_efficientnet,
    make_resnet,
    make_whisper,
    to_ctranslate2,
    to_hugging_face,
    to_timm,
    write_ctranslate2,
)

WHISPER = make_whisper()
CTRANSLATE2 = write_ctranslate2(to_ctranslate2(WHISPER))


def _write_state_dict(tensors: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def _compress(archive: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as plain, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    return buffer.getvalue()


def _to_torch(tensors: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in tensors.items()}


def _assert_same(found: Arrays, expected: Arrays) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize(
    "content",
    [
        CTRANSLATE2,
        _write_state_dict({"dims": {"n_mels": 80}, "model_state_dict": _to_torch(WHISPER)}),
        _write_state_dict(_to_torch(to_hugging_face(WHISPER))),
        safetensors.numpy.save(WHISPER),
        safetensors.numpy.save(to_hugging_face(WHISPER)),
    ],
    ids=["ctranslate2", "openai", "hugging-face-state-dict", "safetensors", "hugging-face"],
)
def test_every_layout_of_whisper_gives_the_same_tensors(content: bytes) -> None:
    _assert_same(read_tensors(content), WHISPER)


@pytest.mark.parametrize("in_layout", [dict, to_timm], ids=["published", "timm"])
def test_every_layout_of_efficientnet_gives_the_same_tensors(in_layout: Any) -> None:
    tensors = make_efficientnet()
    without_classifier = {name: array for name, array in tensors.items() if "_fc" not in name and "num_" not in name}
    _assert_same(read_tensors(_write_state_dict(_to_torch(in_layout(tensors)))), without_classifier)


def test_resnets_have_the_names_of_torchvision() -> None:
    tensors = make_resnet((1, 2, 1, 1), bottleneck=True, inner=(8, 8, 4, 4))
    without_classifier = {name: array for name, array in tensors.items() if "fc." not in name and "num_" not in name}
    _assert_same(read_tensors(_write_state_dict(_to_torch(tensors))), without_classifier)


def test_safetensors_are_not_taken_for_a_pickle_whatever_the_length_of_their_header() -> None:
    for spaces in range(256):
        name = "layer1.0.conv1.weight" + "." * spaces
        content = safetensors.numpy.save({"layer1.0.conv1.weight": np.ones(1), name: np.ones(1)})
        assert read_tensors(content)[name] == 1


def test_weights_in_half_precision_and_bfloat16_are_read_from_state_dicts() -> None:
    tensors = _to_torch(WHISPER)
    for kind in (torch.float16, torch.bfloat16):
        found = read_tensors(_write_state_dict({name: tensor.to(kind) for name, tensor in tensors.items()}))
        np.testing.assert_array_equal(found["encoder.conv1.weight"], WHISPER["encoder.conv1.weight"])


def test_quantised_weights_are_scaled_back_row_by_row() -> None:
    weight, scale = np.array([[127, -64], [1, 0]], np.int8), np.array([127.0, 2.0], np.float32)
    found = read_ctranslate2(write_ctranslate2({"a/weight": weight, "a/weight_scale": scale}))
    np.testing.assert_allclose(found["a/weight"], [[1, -64 / 127], [0.5, 0]], rtol=1e-6)
    assert list(found) == ["a/weight"]
    with pytest.raises(BundleError, match="the scale of 'a/weight' does not fit"):
        read_ctranslate2(write_ctranslate2({"a/weight": weight, "a/weight_scale": scale[[0, 0, 1]]}))
    with pytest.raises(BundleError, match="the scale of 'b' does not fit"):
        read_ctranslate2(write_ctranslate2({"b_scale": scale}))


def test_a_file_of_ctranslate2_that_ends_early_is_refused_wherever_it_ends() -> None:
    whole = write_ctranslate2({"one": np.ones((2, 3), np.float16), "two": np.zeros(2, np.int8)})
    assert len(read_ctranslate2(whole)) == 2
    for end in range(len(whole)):
        with pytest.raises(BundleError, match=r"it ends at byte|format version|is damaged"):
            read_ctranslate2(whole[:end])


def _at(content: bytes, where: bytes, offset: int, form: str, value: int) -> bytes:
    place = content.index(where) + len(where) + offset
    return content[:place] + struct.pack(form, value) + content[place + struct.calcsize(form) :]


SMALL = write_ctranslate2({"one": np.ones((2, 3), np.float16)})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (struct.pack("<I", 99) + SMALL[4:], "its format version is 99, and 4 to 6 can be read"),
        (SMALL + b"x", "1 bytes follow its end"),
        (_at(SMALL, b"one\0", 0, "<B", 200), "the variable 'one' has 200 axes"),
        (_at(SMALL, b"one\0", 1, "<I", 2**32 - 1), r"the variable 'one' of shape \[4294967295, 3\] .* has 12 bytes"),
        (_at(SMALL, b"one\0", 9, "<B", 17), "the variable 'one' has the unknown type 17"),
        (_at(SMALL, b"one\0", 10, "<I", 2**31), "has 2,147,483,648 bytes"),
        (SMALL.replace(b"one\0", b"\xff\xfe\xfd\0"), "is not text"),
        (
            write_ctranslate2({"a": np.ones(1, np.float16), "b": np.ones(1, np.float16)}).replace(b"b\0", b"a\0"),
            "twice",
        ),
        (b"", "it ends at byte 0"),
        (b"\x06\0\0\0" + b"\xff" * 40, "it ends at byte"),
    ],
)
def test_a_hostile_file_of_ctranslate2_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        read_ctranslate2(content)


def test_random_bytes_in_a_file_raise_no_other_error() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(CTRANSLATE2)
        for place in random.integers(0, 400, 3):
            content[place] = random.integers(256)
        try:
            read_tensors(bytes(content))
        except BundleError:
            continue


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pickles-ran"),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_write_state_dict({"a": Malicious()}), "it is damaged or holds more than tensors"),
        (pickle.dumps(Malicious(), protocol=2), "it is damaged or holds more than tensors"),
        (_write_state_dict(_to_torch(WHISPER))[:5000], "it is damaged or holds more than tensors"),
        (b"PK\x03\x04 and nothing more", "it is damaged or holds more than tensors"),
        (_write_state_dict([torch.ones(2)]), "it holds a list instead of tensors by name"),
        (_write_state_dict({"a": 1}), "it holds something other than numeric tensors"),
        (_write_state_dict({"a": torch.ones(2, dtype=torch.complex64)}), "something other than numeric tensors"),
        (_write_state_dict({"a": torch.ones(2, 2).to_sparse()}), "something other than numeric tensors"),
        (_write_state_dict({"a": torch.ones(2, device="meta")}), "something other than numeric tensors"),
        (_write_state_dict({"a": torch.ones(1).expand(1 << 40)}), "it declares 1,099,511,627,776 numbers in"),
        (_compress(_write_state_dict({"a": torch.zeros(10_000)})), "it is compressed, which torch.save never does"),
        (_write_state_dict({}), "it holds something other than numeric tensors"),
        (safetensors.numpy.save(WHISPER)[:-1], "safetensors cannot read them"),
        (struct.pack("<Q", 9) + b'{"a": 1}}', "safetensors cannot read them"),
        (struct.pack("<Q", 2**60) + b'{"a": 1}', "its format version is 0"),
        (
            safetensors.numpy.save({"conv": np.ones(2)}),
            r"1 tensors \(conv, \.\.\.\) in an unknown layout. Allowed: Eff",
        ),
    ],
)
def test_a_damaged_or_hostile_file_is_refused(
    content: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=reason):
        read_tensors(content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("encoder/layer_0/gate/weight", np.ones((3, 4)), "Whisper has no tensor 'encoder/layer_0/gate/weight'"),
        ("encoder/layer_0/self_attention/linear_0/weight", np.ones((4, 4)), "no tensor .* of shape"),
        ("encoder/layer_0/self_attention/linear_0/bias", np.ones(12), "gives the keys a bias"),
    ],
)
def test_another_model_of_ctranslate2_is_refused(name: str, array: Any, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        read_tensors(write_ctranslate2({**to_ctranslate2(WHISPER), name: array.astype(np.float16)}))


def test_without_torch_a_state_dict_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = _write_state_dict(_to_torch(WHISPER))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(SeehearError, match=r"needs torch. Next: pip install 'seehear\[train\]'"):
        read_tensors(content)
