"""More than two hundred model files made to harm: each is refused with its reason, and nothing in it runs."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, onnx_ml_pb2

import tiny
from seehear.errors import BundleError, DataError
from seehear.recipe import Recipe
from seehear.runtime import archive, graph_safety
from seehear.runtime.bundle import LIMITS, MANIFEST, _make_manifest, read_bundle, write_bundle

Members = dict[str, bytes]


class Bomb:
    """Unpickling this would leave a file behind."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("unpickled",)


PICKLES = [pickle.dumps(Bomb(), protocol) for protocol in range(6)]


@cache
def whole() -> bytes:
    return b"".join(archive.pack(members()))


@cache
def members() -> Members:
    contents = {
        "recipe.json": tiny.recipe().to_json().encode(),
        "card.md": b"# Dark or bright?\n",
        "weights.safetensors": tiny.weights(),
        "model.onnx": tiny.model(),
    }
    return {MANIFEST: _make_manifest(contents), **contents}


def holding(**changes: bytes) -> bytes:
    """A well-formed file, with a valid manifest and checksums, but other contents."""
    full = {"recipe": "recipe.json", "card": "card.md", "weights": "weights.safetensors", "model": "model.onnx"}
    changed = {name: content for name, content in members().items() if name != MANIFEST}
    changed |= {full[name]: content for name, content in changes.items()}
    return b"".join(archive.pack({MANIFEST: _make_manifest(changed), **changed}))


def refused(folder: Path, content: bytes, because: str = ".") -> None:
    path = folder / "m.seehear"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=because) as caught:
        read_bundle(path)
    assert caught.value.where == str(path)
    assert caught.value.hint
    assert len(str(caught.value)) < 700, "a reason, not a dump"


def test_the_file_that_they_are_made_from_is_sound(tmp_path: Path) -> None:
    (tmp_path / "m.seehear").write_bytes(whole())
    write_bundle(tmp_path / "same.seehear", read_bundle(tmp_path / "m.seehear"))
    assert (tmp_path / "same.seehear").read_bytes() == whole() == holding()


# --- The archive -----------------------------------------------------------------------------------------------------

HEADERS = {
    "local": (archive.LOCAL, archive.LOCAL_FIELDS, b"PK\3\4"),
    "directory": (archive.CENTRAL, archive.CENTRAL_FIELDS, b"PK\1\2"),
    "end": (archive.END, archive.END_FIELDS, b"PK\5\6"),
}


@pytest.mark.parametrize("change", ["one more", "all bits"])
@pytest.mark.parametrize(("header", "field"), [(h, f) for h, (_, fields, _) in HEADERS.items() for f in fields])
def test_no_field_of_any_header_may_differ(tmp_path: Path, header: str, field: str, change: str) -> None:
    """These include encryption, descriptors, zip64, extra fields, comments, links, overlaps, gaps and false sizes."""
    layout, names, signature = HEADERS[header]
    at = whole().rindex(signature)
    fields = list(layout.unpack_from(whole(), at))
    i = names.index(field)
    widths = re.sub(r"(\d+)([HL])", lambda m: m[2] * int(m[1]), layout.format.removeprefix("<4s"))
    most = (1 << 16 if i and widths[i - 1] == "H" else 1 << 32) - 1
    if i == 0:
        fields[0] = b"PK\6\6" if change == "one more" else b"\xff" * 4
    else:
        fields[i] = (fields[i] + 1) & most if change == "one more" else most
    refused(tmp_path, whole()[:at] + layout.pack(*fields) + whole()[at + layout.size :])


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    refused(tmp_path, whole()[: int(share * len(whole()))])


@pytest.mark.parametrize("seed", range(50))
def test_a_flipped_bit(tmp_path: Path, seed: int) -> None:
    flipped = bytearray(whole())
    flipped[random.Random(seed).randrange(len(flipped))] ^= 1 << seed % 8
    refused(tmp_path, bytes(flipped))


INSERTED = {
    "before": 0,
    "in the first header": 20,
    "before the second member": 30 + len(MANIFEST) + len(members()[MANIFEST]),
    "before the directory": -(22 + sum(46 + len(name) for name in LIMITS)),
    "before the end": -22,
}


@pytest.mark.parametrize("more", [b"\0", b"#!/bin/sh\nrm -rf ~\n", PICKLES[2]], ids=["zero", "script", "pickle"])
@pytest.mark.parametrize("place", INSERTED)
def test_bytes_put_in_between(tmp_path: Path, place: str, more: bytes) -> None:
    at = INSERTED[place] % len(whole())
    refused(tmp_path, whole()[:at] + more + whole()[at:])


@pytest.mark.parametrize("more", [b"\0", b"PK", b"GIF89a", whole()], ids=["zero", "PK", "gif", "itself"])
def test_bytes_put_after(tmp_path: Path, more: bytes) -> None:
    refused(tmp_path, whole() + more)


NAMES = [
    *("../recipe.json", "/etc/passwd", "a/recipe.json", "recipe.json/", "..\\recipe", "C:recipe.json", "recipe.jso\0"),
    *("RECIPE.JSON", "recipe.json ", ".", "", "manifest.json", "model.onnx", "recipe\u202ejson", "data.pkl"),
]


@pytest.mark.parametrize("name", NAMES)
def test_another_name(tmp_path: Path, name: str) -> None:
    """All headers are valid, but a model file has no such name at that place."""
    renamed = {name if was == "recipe.json" else was: content for was, content in members().items()}
    refused(tmp_path, b"".join(archive.pack(renamed)))


def zipped(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """What Python's own zipfile writes, duplicates included."""
    made = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(made, "w", method) as file:
        for name, content in entries:
            file.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


@pytest.mark.parametrize("name", LIMITS)
def test_a_duplicate_member(tmp_path: Path, name: str) -> None:
    refused(tmp_path, zipped([*members().items(), (name, members()[name])]), "members")


@pytest.mark.parametrize("name", LIMITS)
def test_a_missing_member(tmp_path: Path, name: str) -> None:
    kept = {each: content for each, content in members().items() if each != name}
    refused(tmp_path, b"".join(archive.pack(kept)), "end record")


def test_one_member_more(tmp_path: Path) -> None:
    refused(tmp_path, b"".join(archive.pack({**members(), "extra.py": b"import os"})), "end record")


def test_a_compressed_bomb(tmp_path: Path) -> None:
    blown_up = members() | {"model.onnx": bytes(50 << 20)}
    refused(tmp_path, zipped(list(blown_up.items()), zipfile.ZIP_DEFLATED))


def test_members_that_overlap(tmp_path: Path) -> None:
    """Fifield's bomb: every record of the directory points at one and the same contents."""
    directory = len(whole()) + INSERTED["before the directory"]
    changed, at = bytearray(whole()), directory
    for name in LIMITS:
        changed[at + 42 : at + 46] = bytes(4)
        at += 46 + len(name)
    refused(tmp_path, bytes(changed), "offset")


def test_a_file_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "m.seehear"
    path.write_bytes(whole())
    os.truncate(path, 3 << 30)  # a hole on the disk: it takes no room there
    with pytest.raises(BundleError, match="bytes long"):
        read_bundle(path)


# --- A file of a newer seehear ---------------------------------------------------------------------------------------

SAID = r"this was written by a newer seehear \(format 2; this one reads up to 1\)\. Next: upgrade with pip install -U"
NEWER: dict[str, Callable[[bytes], bytes]] = {
    "alike but for its format": lambda recipe: holding(recipe=recipe),
    "another manifest": lambda recipe: packed({**members(), "recipe.json": recipe, MANIFEST: b'{"sums": {}}'}),
    "another member": lambda recipe: packed({**members(), "recipe.json": recipe, "more.bin": b"what for?"}),
    "another network": lambda recipe: holding(
        recipe=recipe, model=graph(lambda m: m.graph.node.append(constant(tensor())))
    ),
    "another way to zip": lambda recipe: zipped([*{**members(), "recipe.json": recipe}.items()]),
    "another field": lambda recipe: holding(recipe=recipe.replace(b'"kind"', b'"sort":"of","kind"')),
}


def packed(contents: Members) -> bytes:
    return b"".join(archive.pack(contents))


@pytest.mark.parametrize("case", NEWER)
def test_a_file_of_a_newer_seehear_is_called_newer(tmp_path: Path, case: str) -> None:
    refused(tmp_path, NEWER[case](tiny.recipe().to_json().replace('"format": 1', '"format": 2').encode()), SAID)


@pytest.mark.parametrize("number", ["1", "0", "-2", "2.5", '"2"', "9999999"])
def test_a_damaged_file_is_not_called_newer(tmp_path: Path, number: str) -> None:
    recipe = tiny.recipe().to_json().replace('"format": 1', f'"format": {number}').encode() + b" "
    refused(tmp_path, packed({**members(), "recipe.json": recipe}), "contents of recipe.json|recipe.json is refused")


def test_a_recipe_of_a_newer_seehear_is_called_newer() -> None:
    with pytest.raises(DataError, match=r"newer seehear \(format 3; this one reads up to 1\): upgrade with pip"):
        Recipe.from_toml("format = 3\nsenses = 'of another kind'")


# --- The manifest ----------------------------------------------------------------------------------------------------

MANIFESTS: dict[str, tuple[bytes, str]] = {
    "a wrong sum": (re.sub(rb'(model.*sha256": ")....', rb"\g<1>0000", members()[MANIFEST]), "contents of model.onnx"),
    "a wrong size": (members()[MANIFEST].replace(b'card.md": {"bytes": ', b'card.md": {"bytes": 1'), "card.md"),
    "no sums": (b"{}", "recipe.json"),
    "a sum twice": (members()[MANIFEST].replace(b"{\n", b'{\n"card.md": 0,\n', 1), "list exactly"),
    "a space more": (members()[MANIFEST] + b" ", "list exactly"),
    "a file that is not there": (members()[MANIFEST].replace(b"\n}", b',\n"../x": 0\n}'), "weights|model|list exactly"),
    "nested": (b"[" * 60_000, "recipe.json"),
    "too long": (b" " * 70_000, "70,000 bytes"),
    "a pickle": (PICKLES[4], "recipe.json"),
    "empty": (b"", "recipe.json"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_another_manifest(tmp_path: Path, case: str) -> None:
    manifest, because = MANIFESTS[case]
    refused(tmp_path, b"".join(archive.pack(members() | {MANIFEST: manifest})), because)


# --- The recipe and the card -----------------------------------------------------------------------------------------


def recipe_with(old: str, new: str) -> bytes:
    text = re.sub(r"\s+", "", tiny.recipe().to_json())
    assert old in text
    return text.replace(old, new, 1).encode()


RECIPES: dict[str, Callable[[], bytes]] = {
    "nested lists": lambda: b"[" * 1_000_000,
    "nested objects": lambda: b'{"results":' * 500_000,
    "nested inside": lambda: recipe_with('"results":{}', '"results":{"a":' + "[" * 10_000 + "]" * 10_000 + "}"),
    "too long": lambda: b" " * (17 << 20),
    "not JSON": lambda: b"format: 1",
    "not UTF-8": lambda: b'{"kind": "\xff"}',
    "a list": lambda: b"[1, 2]",
    "nothing": lambda: b"",
    "an unknown answer": lambda: recipe_with('"kind":"label"', '"kind":"os.system"'),
    "an unknown sense": lambda: recipe_with('"image":{', '"smell":{'),
    "senses as a list": lambda: recipe_with('"senses":{', '"senses":["image"],"was":{'),
    "no senses": lambda: re.sub(rb'"senses":\{.*?\}\}', b'"senses":{}', recipe_with("", "")),
    "a field more": lambda: recipe_with('"kind":', '"__class__":"os","kind":'),
    "not a number": lambda: recipe_with('"wrong_at_most":null', '"wrong_at_most":NaN'),
    "a limit of infinity": lambda: recipe_with('"ood_threshold":{"image":0.5}', '"ood_threshold":{"image":1e999}'),
    "a huge picture": lambda: recipe_with('"height":8', '"height":1000000000'),
    "a huge number": lambda: recipe_with('"seed":0', f'"seed":"{"9" * 10_000}"'),
    "a risk without confidence": lambda: recipe_with('"wrong":[0.01,0.05]', '"wrong":[0.01]'),
    "a million empty lists": lambda: recipe_with('"results":{}', '"results":{"a":{"b":[' + "[]," * 1_000_000 + "[]]}}"),
    "calibration for too many senses": lambda: recipe_with(
        '"selective":{', '"selective":{' + ",".join(f'"s{i}":{{}}' for i in range(100)) + ","
    ),
    "a class twice": lambda: recipe_with('"dark","bright"', '"dark","dark"'),
}


@pytest.mark.parametrize("case", RECIPES)
def test_another_recipe(tmp_path: Path, case: str) -> None:
    refused(tmp_path, holding(recipe=RECIPES[case]()), "recipe")


CARDS = {"latin-1": b"caf\xe9", "cursor": b"\x1b[2J", "null": b"a\0b", "too long": b"x" * (1 << 21)}


@pytest.mark.parametrize("case", CARDS)
def test_another_card(tmp_path: Path, case: str) -> None:
    refused(tmp_path, holding(card=CARDS[case]), r"card\.md")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("member", ["recipe", "weights", "model"])
def test_a_pickle_in_place_of_a_member(tmp_path: Path, member: str, protocol: int) -> None:
    refused(tmp_path, holding(**{member: PICKLES[protocol]}), member)


# --- The graph -------------------------------------------------------------------------------------------------------


def graph(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_from_string(tiny.model())
    change(model)
    return model.SerializeToString()


def external(tensor: onnx.TensorProto, location: str = "/etc/passwd") -> onnx.TensorProto:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def tensor() -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(4, np.float32), "t")


def loop(inner: onnx.NodeProto) -> onnx.NodeProto:
    return helper.make_node("Loop", ["n", "c"], ["y"], body=helper.make_graph([inner], "inner", [], []))


def constant(value: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], value=value)


def sparse() -> onnx.SparseTensorProto:
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64), "i"), [1 << 40])


def function(model: onnx.ModelProto) -> None:
    inside = [helper.make_node("EPContext", [], ["y"], domain="com.microsoft")]
    model.functions.append(helper.make_function("", "Relu", ["x"], ["y"], inside, [helper.make_opsetid("", 20)]))


def location_only(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


GRAPHS: dict[str, tuple[Callable[[], bytes], str]] = {
    "external initialiser": (lambda: graph(lambda m: external(m.graph.initializer[0])), "other files"),
    "external, up and out": (lambda: graph(lambda m: external(m.graph.initializer[0], "../../x")), "other files"),
    "external, in memory": (
        lambda: graph(lambda m: external(m.graph.initializer[0], "*/_ORT_MEM_ADDR_/*")),
        "other files",
    ),
    "external by location alone": (lambda: graph(location_only), "other files"),
    "external by key alone": (
        lambda: graph(lambda m: m.graph.initializer[0].external_data.add(key="location", value="x")),
        "other files",
    ),
    "external constant": (lambda: graph(lambda m: m.graph.node.append(constant(external(tensor())))), "other files"),
    "external constants": (
        lambda: graph(lambda m: m.graph.node.append(helper.make_node("X", [], ["c"], values=[external(tensor())]))),
        "other files",
    ),
    "a loop": (lambda: graph(lambda m: m.graph.node.append(loop(constant(tensor())))), "loops"),
    "another domain": (
        lambda: graph(lambda m: m.graph.node.append(helper.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.python"))),
        "another domain, 'ai.onnx.python'",
    ),
    "a context from a file": (
        lambda: graph(
            lambda m: m.graph.node.append(
                helper.make_node("EPContext", [], ["y"], domain="com.microsoft", ep_cache_context="/etc/passwd")
            )
        ),
        "another domain, 'com.microsoft'",
    ),
    "functions": (lambda: graph(function), "functions"),
    "training": (lambda: graph(lambda m: m.training_info.add()), "training"),
    "sparse initialiser": (lambda: graph(lambda m: m.graph.sparse_initializer.append(sparse())), "sparse"),
    "sparse constant": (
        lambda: graph(
            lambda m: m.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse())),
        ),
        "sparse",
    ),
    "many fields": (lambda: tiny.model() + b"\x08\x01" * 210_000, "fields"),
    "a field that onnx does not know": (lambda: tiny.model() + b"\xf8\x01\x01", "no field 31"),
    "a second graph": (
        lambda: tiny.model() + graph(lambda m: external(m.graph.initializer[0])),
        "other files",
    ),
    "a group": (lambda: b"\x0b\x0c" + tiny.model(), "wire type 3"),
    "a number without end": (lambda: tiny.model() + b"\x08" + b"\xff" * 12, "does not end"),
    "a length beyond the end": (lambda: tiny.model() + b"\x3a\xff\xff\xff\xff\x0f", "beyond its message"),
    "onnxruntime's own format": (lambda: b"\x08\0\0\0ORTM" + tiny.model(), "own format"),
    "no graph": (lambda: b"\x08\x0a", "no operator"),
    "text": (lambda: b"ir_version: 10", "refused"),
    "empty": (lambda: b"", "no operator"),
    "a zip": (lambda: zipped([("data.pkl", PICKLES[2])]), "refused"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_another_graph(tmp_path: Path, case: str) -> None:
    make, because = GRAPHS[case]
    refused(tmp_path, holding(model=make()), because)


def test_the_walk_knows_every_field_that_onnx_knows() -> None:
    """Fields that hold tensors, nodes or graphs are followed or refused; the others need no look."""
    for name, known in graph_safety.MESSAGES.items():
        fields = {field.number: field for field in getattr(onnx_ml_pb2, name).DESCRIPTOR.fields}
        assert fields.keys() == known.follow.keys() | known.refuse.keys() | known.other, name
        for number in known.other:
            assert "tensor(" not in _reach(fields[number].message_type), (name, number)
        for number, child in known.follow.items():
            assert fields[number].message_type.name == child


def _reach(message: Any, seen: frozenset[str] = frozenset()) -> str:
    """The names of all messages within this one, as text; "tensor(" if one of them may hold a tensor or a node."""
    if message is None or message.name in seen:
        return ""
    here = "tensor(" if message.name in ("TensorProto", "NodeProto", "GraphProto", "FunctionProto") else message.name
    inner = (_reach(field.message_type, seen | {message.name}) for field in message.fields)
    return here + " ".join(inner)


# --- The weights -----------------------------------------------------------------------------------------------------


def header(text: bytes) -> Callable[[], bytes]:
    return lambda: tiny.weights(text)


WEIGHTS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "header alone": lambda: struct.pack("<Q", 2) + b"{}" + b"beyond",
    "a header beyond the end": lambda: struct.pack("<Q", 1 << 40) + b"{}",
    "a header of all bits": lambda: b"\xff" * 64,
    "nested": header(b"[" * 1_000_000),
    "a list": header(b"[]"),
    "not JSON": header(b"{'w': 1}"),
    "a huge number": header(b'{"w":{"dtype":"F32","shape":[' + b"9" * 10_000 + b'],"data_offsets":[0,8]}}'),
    "a tensor twice": header(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{}}'),
    "a gap": header(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'),
    "an overlap": header(
        b'{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
    ),
    "bytes that no tensor has": header(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
    "beyond the end": header(b'{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}'),
    "a shape that lies": header(b'{"w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,8]}}'),
    "negative": header(b'{"w":{"dtype":"F32","shape":[-2],"data_offsets":[8,0]}}'),
    "a hundred thousand axes": header(
        b'{"w":{"dtype":"F32","shape":[' + b"9," * 100_000 + b'9],"data_offsets":[0,8]}}'
    ),
    "an unknown type": header(b'{"w":{"dtype":"OBJECT","shape":[2],"data_offsets":[0,8]}}'),
    "true for one": header(b'{"w":{"dtype":"F64","shape":[true],"data_offsets":[0,8]}}'),
    "a name for a tensor": header(b'{"w":"os.system"}'),
    "half an offset": header(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}'),
    "what torch saves": lambda: zipped([("archive/data.pkl", PICKLES[2])]),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_other_weights(tmp_path: Path, case: str) -> None:
    refused(tmp_path, holding(weights=WEIGHTS[case]()), "weights")


# --- All of it -------------------------------------------------------------------------------------------------------

WATCHED_READING = """
import resource, sys
from pathlib import Path
from seehear.errors import BundleError
from seehear.runtime.bundle import read_bundle

def read(path):
    try:
        read_bundle(path)
    except BundleError:
        return
    raise SystemExit(f"{path} was accepted")

def watch(event, arguments):
    if event == "open" and Path(str(arguments[0])).suffix != ".seehear" or event.startswith(FORBIDDEN):
        seen.append((event, str(arguments)[:80]))

FORBIDDEN = ("exec", "compile", "import", "pickle", "marshal", "ctypes", "os.", "subprocess", "socket", "shutil")
seen = []
read(Path("0.seehear"))
before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.addaudithook(watch)
for path in map(Path, sys.argv[1:]):
    read(path)
grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
print(*seen, sep="\\n")
sys.exit(f"grown by {grown_mb:.0f} MB" if grown_mb > 300 else len(seen))
"""


def test_reading_them_runs_nothing_opens_nothing_else_and_stays_small(tmp_path: Path) -> None:
    bombs = [
        *(holding(recipe=make()) for make in RECIPES.values()),
        *(holding(model=make()) for make, _ in GRAPHS.values()),
        *(holding(weights=make()) for make in WEIGHTS.values()),
        *(holding(weights=bomb) for bomb in PICKLES),
    ]
    names = [f"{i}.seehear" for i in range(len(bombs))]
    for name, bomb in zip(names, bombs, strict=True):
        (tmp_path / name).write_bytes(bomb)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each))
    child = [sys.executable, "-c", WATCHED_READING, *names]
    done = subprocess.run(child, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
