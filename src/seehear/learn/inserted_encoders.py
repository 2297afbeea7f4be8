"""Puts ONNX encoders of the user's own into exported graphs, in place of the operator that stands for them."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from seehear.senses.sight.architectures import ONNX_PLACEHOLDER
from seehear.starts.onnx_encoder import convert_graph


def insert_encoders(graph: onnx.GraphProto) -> None:
    """Replace each placeholder by the nodes of its graph. Its inputs are the pictures, and the file as bytes."""
    domain, op = ONNX_PLACEHOLDER.split("::")
    files = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for number, node in enumerate(graph.node):
        if (node.domain, node.op_type) != (domain, op):
            nodes.append(node)
            continue
        pictures, file = node.input
        encoder = onnx.load_from_string(convert_graph(onnx.numpy_helper.to_array(files[file]).tobytes())).graph
        nodes += _rename(
            encoder, f"encoder{number}/", {encoder.input[0].name: pictures, encoder.output[0].name: node.output[0]}
        )
        graph.initializer.extend(encoder.initializer)
        graph.initializer.remove(files.pop(file))
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _rename(encoder: onnx.GraphProto, prefix: str, outside: Mapping[str, str]) -> list[onnx.NodeProto]:
    """Its nodes, after giving every value a name that starts with the prefix, or its name in the graph around it."""

    def rename(names: list[str]) -> list[str]:
        return [name and outside.get(name, prefix + name) for name in names]

    for tensor in encoder.initializer:
        tensor.name = prefix + tensor.name
    for node in encoder.node:
        node.input[:], node.output[:] = rename(list(node.input)), rename(list(node.output))
        node.name = prefix + node.name
    return list(encoder.node)
