"""ONNX encoders of the user's own: what is accepted, what is refused, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_encoders import CHANNELS, make_encoder, make_varied_encoder
from seehear.errors import BundleError, UsageError
from seehear.runtime.cost import MAX
from seehear.runtime.graph_safety import check_graph
from seehear.runtime.onnx_session import Session
from seehear.starts import find_place, find_start, load_tensors, onnx_encoder
from seehear.starts.onnx_encoder import convert_graph, describe_encoder


def described(model: onnx.ModelProto) -> dict[str, Any]:
    return dict(describe_encoder(model.SerializeToString()))


def test_a_file_is_a_start(tmp_path: Path) -> None:
    path, content = tmp_path / "mine.onnx", make_encoder().SerializeToString()
    path.write_bytes(content)
    start = find_start(str(path))
    assert (start.name, start.sense, start.size) == (str(path), "image", len(content))
    assert start.encoder["sha256"] == hashlib.sha256(content).hexdigest()
    assert find_place(start) == f"in {path}"
    assert load_tensors(start)["file"].tobytes() == content
    assert find_start(str(tmp_path)).digest == start.digest


@pytest.mark.parametrize(
    ("output", "shape"), [("vector", (CHANNELS,)), ("tokens", (256, CHANNELS)), ("map", (CHANNELS, 16, 16))]
)
def test_cells_may_be_one_a_list_or_a_map(output: str, shape: tuple[int, ...]) -> None:
    about = described(make_encoder(output))
    assert (about["output"], about["height"], about["width"]) == (shape, 32, 32)
    products = 27 * CHANNELS * 16 * 16
    assert products * 2 / 1e9 <= about["gigaflop"] <= products * 2.5 / 1e9


@pytest.mark.parametrize("picture", [("batch", 3, 32, 48), (1, 3, 32, 48), ("n", "c", "h", "w"), (1, 3, "h", "w")])
def test_the_batch_size_may_be_fixed_and_the_sides_dynamic(picture: tuple[Any, ...]) -> None:
    about = described(make_encoder(picture=picture))
    assert (about["height"], about["width"]) == ((32, 48) if picture[2] == 32 else (224, 224))
    assert about["output"] == (CHANNELS,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"<html>404</html>", "this is not an ONNX file"),
        (b"\x00\xff" * 50, "not an ONNX file"),
    ],
)
def test_a_file_that_is_not_an_encoder_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=rf"mine\.onnx: .*{words}"):
        find_start(str(tmp_path / "mine.onnx"))


@pytest.mark.parametrize("name", ["gone.onnx", "gone.safetensors", "gone.pth"])
def test_a_file_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: there is no such file or folder"):
        find_start(name)


def test_weights_that_are_not_finite_are_refused() -> None:
    model = make_encoder()
    kernel = next(each for each in model.graph.initializer if each.name == "kernel")
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) * np.nan, "kernel"))
    with pytest.raises(BundleError, match="its outputs are not finite numbers"):
        described(model)


@pytest.mark.parametrize("opset", [11, 13, 17, 20])
@pytest.mark.parametrize("raw", [False, True])
def test_the_converted_graph_computes_the_same(opset: int, raw: bool) -> None:
    model = make_encoder("map", opset=opset, raw=raw)
    model.graph.input.append(helper.make_tensor_value_info("kernel", TensorProto.FLOAT, (CHANNELS, 3, 3, 3)))
    converted = convert_graph(model.SerializeToString())
    check_graph(converted, "it")
    pictures = np.random.default_rng(1).normal(size=(3, 3, 32, 32)).astype(np.float32)
    expected = Session(model.SerializeToString()).run({"picture": pictures})["encoded"]
    (found,) = Session(converted).run({"picture": pictures}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", [[1, -1], [1, CHANNELS]])
def test_a_shape_that_begins_with_the_fixed_batch_size_becomes_dynamic(sizes: list[int]) -> None:
    model = make_encoder(picture=(1, 3, 32, 32))
    reshape_last(model, sizes)
    assert described(model)["output"] == (CHANNELS,)


def test_a_constant_of_any_value_is_accepted() -> None:
    model = make_encoder("map")
    value = numpy_helper.from_array(np.array([0.5], np.float32))
    model.graph.node[2].CopyFrom(helper.make_node("Shape", ["map"], ["sizes"]))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["sizes"], ["halves"], value=value))
    model.graph.node.append(helper.make_node("Add", ["map", "halves"], ["encoded"]))
    assert described(model)["output"] == (CHANNELS, 16, 16)


def test_operators_of_usual_encoders_are_accepted() -> None:
    assert described(make_varied_encoder())["output"] == (CHANNELS, 1, 1)


def test_metadata_gives_the_normalisation() -> None:
    usual = described(make_encoder())
    assert (usual["mean"], usual["std"]) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    own = described(make_encoder(metadata={"mean": "0.5,0.4,0.3", "std": "1, 1, 0.5"}))
    assert (own["mean"], own["std"]) == ((0.5, 0.4, 0.3), (1.0, 1.0, 0.5))
    for value in ("0.5", "a,b,c", "1,1,0", "1,1,nan"):
        with pytest.raises(BundleError, match=r"its metadata has std = .* Allowed: such as 0.485"):
            described(make_encoder(metadata={"mean": "0.5,0.4,0.3", "std": value}))
    with pytest.raises(BundleError, match=r"only one of mean and std. Allowed: both"):
        described(make_encoder(metadata={"mean": "0.5,0.4,0.3"}))


# --- What is refused -------------------------------------------------------------------------------------------------


def several_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 1)))


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Softsign"


def other_domain(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.microsoft"


def other_file(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    reshape_last(model, [CHANNELS])


def merged_batch(model: onnx.ModelProto) -> None:
    reshape_last(model, [1, -1])


def reshape_last(model: onnx.ModelProto, sizes: list[int]) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(sizes), "sizes"))
    model.graph.node[3].CopyFrom(helper.make_node("Reshape", ["pooled", "sizes"], ["encoded"], allowzero=1))


def mixed_batch(model: onnx.ModelProto) -> None:
    """The mean over the batch is subtracted from each example."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "axes"))
    model.graph.node[3].CopyFrom(helper.make_node("ReduceMean", ["pooled", "axes"], ["mean"], keepdims=1))
    model.graph.node.append(helper.make_node("Sub", ["pooled", "mean"], ["encoded"]))


def whole_numbers(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Cast", ["map"], ["encoded"], to=TensorProto.INT64))
    del model.graph.node[2:4]


def one_number(model: onnx.ModelProto) -> None:
    model.graph.node[3].CopyFrom(helper.make_node("ReduceMean", ["pooled"], ["encoded"], keepdims=0))


def unreadable(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 99


REFUSED: dict[Callable[[onnx.ModelProto], None], str] = {
    several_inputs: r"it takes picture of type float32 .*, mask .* Allowed: one input of type float and shape \(batch",
    unknown_operator: "it has the operators Softsign. Allowed: Add, And, .* Next: export it",
    other_domain: "operators of another domain, 'com.microsoft'. Allowed: a single file with ONNX's own operators",
    other_file: "it has tensors kept in other files. Allowed: a single file",
    fixed_batch: "it takes no batch of two pictures: Reshape gives .* Next: export it with a dynamic batch size",
    merged_batch: r"for two pictures, its output has the shape \(1, 12\): its batch size is fixed. Next: export it",
    mixed_batch: "it gives other numbers: they differ by",
    whole_numbers: r"an output of type int64, .* Allowed: float, and \(batch, channels\), ",
    one_number: r"an output of type float32, \(\). Allowed: float, and \(batch, channels\), ",
    unreadable: "it cannot be converted to operator set 20: .* Next: export it",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_a_graph_that_cannot_be_used_is_refused(change: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    model = make_encoder()
    change(model)
    path = tmp_path / "mine.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match=REFUSED[change]) as caught:
        find_start(str(path))
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (("batch", 32, 32, 3), TensorProto.FLOAT),
        (("batch", 3, 32), TensorProto.FLOAT),
        (("batch", 1, 32, 32), TensorProto.FLOAT),
        (("batch", 3, 2048, 2048), TensorProto.FLOAT),
        (("batch", 3, 32, 32), TensorProto.UINT8),
    ],
)
def test_inputs_other_than_colour_pictures_are_refused(picture: tuple[Any, ...], kind: int) -> None:
    with pytest.raises(BundleError, match=r"it takes picture of type .* Allowed: one input of type float and shape"):
        described(make_encoder(picture=picture, kind=kind))


def test_a_huge_file_and_one_that_costs_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_encoder, "MAX", MAX._replace(multiply_adds=1000))
    with pytest.raises(BundleError, match=r"for a picture of 32 x 32 px, it needs .* multiply-adds .* at most 1,000"):
        described(make_encoder(metadata={"costs": "too much"}))
    monkeypatch.setattr(onnx_encoder, "MAX_BYTES", 100)
    with pytest.raises(BundleError, match=r"it is .* bytes long. Allowed: at most 100"):
        described(make_encoder(metadata={"huge": "yes"}))
