"""Run as a program: damage model files in a thousand ways, load each, and predict with those that load.

Prints a line of JSON before and after each. Arguments: the numbers of the first and the last, and the seed.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

import tiny
from resident import most_resident_kib
from seehear.errors import BundleError
from seehear.runtime.archive import pack
from seehear.runtime.bundle import _make_manifest, read_bundle
from seehear.runtime.operators import OPERATORS
from seehear.runtime.predictor import Predictor

HUGE = (-1, 0, 1, 2, 7, 1 << 16, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))


def another_number(model: onnx.ModelProto, chance: random.Random) -> None:
    """Change a number of a constant; sizes, positions and axes are among them."""
    tensor = chance.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor).copy()
    if array.size:
        array.reshape(-1)[chance.randrange(array.size)] = _fitting(chance.choice(HUGE), array.dtype)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _fitting(number: int, dtype: np.dtype) -> float:
    return number % 2 if dtype.kind == "b" else float(number) if dtype.kind == "f" else number


def another_shape(model: onnx.ModelProto, chance: random.Random) -> None:
    """Change the shape of a constant, to as many numbers or more."""
    tensor = chance.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor)
    shape = [*array.shape, 1] if chance.random() < 0.5 else [chance.choice((1, 2, 300)), *array.shape]
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(np.resize(array, shape)), tensor.name))


def another_operator(model: onnx.ModelProto, chance: random.Random) -> None:
    chance.choice(model.graph.node).op_type = chance.choice([*OPERATORS])


def one_more(model: onnx.ModelProto, chance: random.Random) -> None:
    """Add an operator that reads existing values, and whose output replaces one of them."""
    place = chance.randrange(len(model.graph.node))
    named = [*model.graph.initializer, *model.graph.input]
    names = [each.name for each in named] + [name for node in model.graph.node[:place] for name in node.output]
    inputs = [chance.choice(names) for _ in range(chance.randrange(1, 4))]
    node = onnx.helper.make_node(chance.choice([*OPERATORS]), inputs, [f"more{len(model.graph.node)}"])
    for attribute in {attribute.name: attribute for each in model.graph.node for attribute in each.attribute}.values():
        if attribute.name in OPERATORS[node.op_type].attributes:
            node.attribute.append(attribute)
    reader = chance.choice(model.graph.node[place:])
    reader.input[chance.randrange(len(reader.input))] = node.output[0]
    model.graph.node.insert(place, node)


def another_setting(model: onnx.ModelProto, chance: random.Random) -> None:
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    attribute = chance.choice(attributes)
    if attribute.ints:
        attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(HUGE)
    else:
        attribute.i = chance.choice(HUGE)


def rewired(model: onnx.ModelProto, chance: random.Random) -> None:
    place = chance.randrange(1, len(model.graph.node))
    names = [name for node in model.graph.node[:place] for name in node.output]
    reader = model.graph.node[place]
    reader.input[chance.randrange(len(reader.input))] = chance.choice(names)


def another_input(model: onnx.ModelProto, chance: random.Random) -> None:
    declared = chance.choice(model.graph.input).type.tensor_type
    if chance.random() < 0.3:
        declared.elem_type = chance.choice((1, 2, 6, 7, 8, 9, 10, 11, 16))
    else:
        chance.choice(declared.shape.dim).dim_value = chance.choice(HUGE)


IN_GRAPHS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    *(another_number, another_number, another_shape, another_operator),
    *(one_more, one_more, another_setting, rewired, another_input),
)


def flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(2 ** chance.randrange(6)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def spliced(content: bytes, chance: random.Random) -> bytes:
    """Remove or repeat a range of bytes."""
    a, b = sorted(chance.randrange(len(content)) for _ in range(2))
    return content[:a] + content[b:] if chance.random() < 0.5 else content[:b] + content[a:]


def files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (the damage, the file). Manifests and headers are valid if only the contents were damaged."""
    senses = (("image",), ("audio",), ("image", "audio"))
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        bundle = tiny.bundle(*senses[number % len(senses)])
        members = {
            "recipe.json": bundle.recipe.to_json().encode(),
            "card.md": bundle.card.encode(),
            "weights.safetensors": bundle.weights,
            "model.onnx": bundle.model,
        }
        way: Any = chance.choice((*IN_GRAPHS, flipped, spliced, pack))
        if way in IN_GRAPHS:
            model = onnx.load_from_string(bundle.model)
            for _ in range(chance.choice((1, 1, 1, 2, 4))):
                chance.choice(IN_GRAPHS)(model, chance)
            members["model.onnx"] = model.SerializeToString()
        elif way is not pack:
            name = chance.choice([*members, "model.onnx", "model.onnx"])
            members[name] = way(members[name], chance)
        whole = b"".join(pack({"manifest.json": _make_manifest(members), **members}))
        yield way.__name__, chance.choice((flipped, spliced))(whole, chance) if way is pack else whole


def outcome(path: Path) -> str:
    """Why the file was refused, or its prediction, which holds its own errors."""
    try:
        recogniser = Predictor(read_bundle(path))
    except BundleError as error:
        return str(error.what)
    list(recogniser.predict([tiny.picture(0.9), tiny.picture(0.3)]))
    recogniser.predict_one((np.full(4_000, 0.3, np.float32), 16_000))
    return "accepted"


def main(count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.seehear")
        for number, (way, content) in enumerate(files(count, seed)):
            path.write_bytes(content)
            print(json.dumps({"number": number, "way": way}), flush=True)
            print(json.dumps({"outcome": outcome(path)}), flush=True)
    print(json.dumps({"resident_kib": most_resident_kib()}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
