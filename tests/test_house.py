"""The house rules: which room may import which, where each framework lives, and how large things grow.

The source is read, not run, so that imports inside functions count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from seehear.answers import ANSWERS

SOURCE = Path(__file__).parents[1] / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SOURCE / "seehear").rglob("*.py"))
}

FLOOR = {"errors", "geometry", "media", "amounts", "escaping", "sampling", "strict_json", "strict_xml", "problems"}
LEFT = FLOOR | {"files", "folders", "audit", "senses", "answers", "effects", "recipe"}  # what serving depends on
MAY_IMPORT = {
    "errors": set(),
    "amounts": set(),
    "escaping": set(),
    "sampling": set(),
    "strict_json": set(),
    "strict_xml": set(),
    "geometry": set(),
    "problems": {"errors"},
    "events": set(),
    "interrupts": set(),
    "run_files": set(),
    "media": {"errors"},
    "layers": {"geometry"},
    "files": {"errors"},
    "folders": {"errors", "files"},
    "audit": {"amounts", "errors", "files"},
    "inputs": {"errors", "media", "senses", "strict_json", "table"},  # the last only if installed
    "table": FLOOR | {"files"},
    "senses": FLOOR | {"layers"},
    "decoding": {"errors"},
    "answers": FLOOR | {"layers", "decoding"},
    "effects": {"amounts"},
    "recipe": FLOOR | {"senses", "answers", "effects"},
    "measure": LEFT | {"table"},
    "results": LEFT | {"measure", "runtime", "inputs", "explain"},
    "runtime": LEFT,
    "starts": {"errors", "files", "amounts", "strict_json", "runtime"},
    "planning": LEFT | {"table", "runtime", "starts"},
    "learn": LEFT
    | {"layers", "table", "datasets", "measure", "runtime", "events", "planning", "starts"}
    | {"run_files"},
    "stress": LEFT | {"measure", "runtime", "events", "inputs"},
    "similarity": LEFT | {"runtime", "events"},
    "explain": LEFT | {"runtime", "similarity"},
    "datasets": LEFT | {"table", "events"},
    "check": LEFT | {"table", "datasets", "measure", "runtime", "results", "events", "planning", "learn"},
    "evaluation": LEFT | {"table", "measure", "results", "runtime", "events", "stress"},
    "paired_evaluation": LEFT | {"table", "measure", "results", "runtime", "events", "evaluation"},
    "drift": LEFT | {"runtime", "inputs"},
    "papers": LEFT | {"measure", "results", "runtime", "starts", "__init__"},
    "encoders": {"errors", "starts", "learn"},
    "api": LEFT
    | {"table", "datasets", "measure", "runtime", "events", "inputs", "learn", "planning", "evaluation", "starts"}
    | {"similarity", "paired_evaluation", "check", "explain", "stress", "training"}
    | {"cluster"},  # if it is asked for
    "training": LEFT | {"table", "datasets", "events", "check", "learn", "planning", "runtime"},
    "cluster": LEFT
    | {"__init__", "training", "learn", "runtime", "table", "events", "run_files", "inputs"}
    | {"datasets", "evaluation", "measure"},
    "projects": LEFT
    | {"api", "table", "datasets", "measure", "runtime", "events", "inputs", "planning", "evaluation", "results"}
    | {"similarity", "paired_evaluation", "interrupts", "run_files", "demo", "encoders", "check"},
    "demo": FLOOR | {"files", "events"},
    "serve": LEFT
    | {"__init__", "api", "runtime", "results", "inputs", "events", "starts", "similarity", "projects"}
    | {"encoders", "papers", "check", "explain"},
}
DOORS = {"cli", "__init__", "__main__"}  # each part of which loads what it needs

ONLY_IN = {
    "torch": (
        "layers/",
        "encoder.py",
        "inverted_bottlenecks.py",
        "resnet.py",
        "senses/sight/convolution.py",
        "vision_transformer.py",
        "senses/sight/onnx_encoder.py",
        "senses/hearing/whisper.py",
        "senses/hearing/wav2vec2.py",
        "senses/hearing/states.py",
        "augment.py",
        "senses/hearing/noise.py",
        "senses/hearing/distort.py",
        "senses/picture_distort.py",
        "head.py",
        "head_layers.py",
        "decoder.py",
        "whisper_decoder.py",
        "learn/",
        "starts/state_dict.py",
    ),
    "ray": ("cluster/",),
    "fsspec": ("cluster/",),
    "onnx": ("learn/", "starts/onnx_encoder.py"),
    "onnxscript": ("learn/", "starts/onnx_encoder.py"),
    "safetensors": ("learn/", "starts/"),
    "huggingface_hub": ("starts/hub.py",),
    "onnxruntime": ("runtime/onnx_session.py",),
    "pyarrow": ("table/", "cluster/"),
    "rapidfuzz": ("answers/text/",),
    "sklearn": ("measure/", "demo/", "answers/linear_probe.py"),
    "scipy": ("measure/", "answers/selective.py", "answers/platt_scaling.py", "answers/label/metric.py"),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "sqlalchemy": ("projects/",),
    "alembic": ("projects/",),
    "psycopg": (),  # by way of SQLAlchemy
    "jinja2": ("results/report/", "papers/", "serve/"),
    "mcp": ("serve/assistants.py",),
    "mcp_types": ("serve/assistants.py",),
    "fastapi": ("serve/",),
    "starlette": ("serve/",),
    "uvicorn": ("serve/server.py", "serve/connections.py"),
    "cryptography": ("serve/lan.py",),
    "prometheus_client": ("serve/metrics.py",),
    "pydicom": ("senses/sight/",),
    "cv2": ("senses/lips/",),
    "soundfile": ("senses/", "demo/"),
    "av": ("senses/",),
    "soxr": ("senses/", "demo/"),
    "espeakng_loader": ("demo/",),
    "openpyxl": ("table/",),
    "pillow_heif": ("senses/sight/", "table/layouts/image_sizes.py"),
    "zipfile": ("table/", "starts/state_dict.py"),
    "xml": ("table/", "serve/label_studio/", "strict_xml.py"),
    "yaml": ("table/",),
    "pycocotools": (),
    "supervision": ("answers/boxes/",),
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "torchvision": (),
    "torchaudio": (),
    "requests": (),
    "urllib": ("serve/label_studio/",),
    "http": ("serve/label_studio/host.py",),
    "socket": ("serve/server.py", "serve/lan.py"),
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base", "tools", "stuff"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


class Import(NamedTuple):
    module: str  # the importing one
    target: str  # the imported one, as precisely as the statement gives it
    line: int
    typing_only: bool


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def strings(module: str) -> list[ast.Constant]:
    return [node for node in ast.walk(parsed(module)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@cache
def imports() -> list[Import]:
    """Every import, in order of modules and lines."""
    return [
        Import(module, target, node.lineno, typing_only)
        for module in MODULES
        for node, typing_only in _statements(parsed(module), typing_only=False)
        for target in _targets(node)
    ]


def own_imports() -> list[Import]:
    return [each for each in imports() if each.target.split(".")[0] == "seehear"]


def _statements(parent: ast.AST, *, typing_only: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements inside `parent`, and whether only type checkers run each. Expressions are not visited: this is
    several times faster than ast.walk."""
    for block in ("body", "handlers", "cases", "orelse", "finalbody"):
        for node in getattr(parent, block, ()):
            if isinstance(node, ast.stmt):
                yield node, typing_only
            checked = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            yield from _statements(node, typing_only=typing_only or checked)


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports name the whole module, from seehear down"
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in MODULES else str(node.module) for name in inner]
    return []


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def place(module: str) -> str:
    return MODULES[module].relative_to(SOURCE / "seehear").as_posix()


def test_every_room_has_a_place_in_the_table() -> None:
    assert {room(module) for module in MODULES} <= MAY_IMPORT.keys() | DOORS


def test_imports_flow_one_way() -> None:
    wrong = [
        f"{place(each.module)}:{each.line} imports {each.target}"
        for each in own_imports()
        if room(each.module) not in DOORS
        and room(each.target) != room(each.module)
        and room(each.target) not in MAY_IMPORT[room(each.module)]
    ]
    assert not wrong, "\n".join(wrong)


def test_senses_and_answers_do_not_import_each_other() -> None:
    """A folder of senses/ or answers/ imports no other one, so that folders can be added and removed."""
    folders = {module: module.split(".")[1:3] for module, path in MODULES.items() if path.name == "__init__.py"}
    kinds = {tuple(parts) for parts in folders.values() if len(parts) == 2 and parts[0] in ("senses", "answers")}
    wrong = [
        f"{place(each.module)}:{each.line} imports {each.target}"
        for each in own_imports()
        if (here := tuple(each.module.split(".")[1:3])) in kinds
        and (there := tuple(each.target.split(".")[1:3])) in kinds
        and here != there
    ]
    assert not wrong, "\n".join(wrong)


def test_imports_have_no_cycles() -> None:
    edges: dict[str, set[str]] = {module: set() for module in MODULES}
    for each in own_imports():
        if not each.typing_only:
            edges[each.module].add(each.target)
    while leaves := {module for module, targets in edges.items() if not targets & edges.keys()}:
        edges = {module: targets - leaves for module, targets in edges.items() if module not in leaves}
    assert not edges, f"these import each other: {', '.join(edges)}"


@pytest.mark.parametrize("package", ONLY_IN)
def test_each_framework_has_its_place(package: str) -> None:
    wrong = [
        f"{place(each.module)}:{each.line}"
        for each in imports()
        if each.target.split(".")[0] == package
        and not each.typing_only
        and not any(
            place(each.module).startswith(where) or f"/{place(each.module)}".endswith("/" + where)
            for where in ONLY_IN[package]
        )
    ]
    assert not wrong, f"{package} belongs in {' '.join(ONLY_IN[package]) or 'no room'}, not in {' '.join(wrong)}"


@pytest.mark.parametrize("kind", ANSWERS)
def test_only_its_own_folder_names_an_answer(kind: str) -> None:
    """Except for the command line, the demo, headings and formats, code uses the protocol, not the name."""
    cells = ("answers/heading.py", "answers/boxes/box.py", "answers/boxes/exchange.py", "answers/mask/outlines.py")
    formats = ("table/layouts/", "senses/file_type.py", "serve/openai_audio/", "serve/label_studio/", *cells)
    for_people = ("cli/", "demo/", *formats, f"answers/{kind}/")
    wrong = [
        f"{place(module)}:{node.lineno}"
        for module in MODULES
        if not place(module).startswith(for_people)
        for node in strings(module)
        if node.value == kind
    ]
    assert not wrong, f"{kind!r} is written in {', '.join(wrong)}"


def test_a_sense_needs_no_changes_elsewhere() -> None:
    """Lips are the sense that was added last; only senses, answers and the command line name them."""
    wrong = [
        f"{place(module)}:{node.lineno}"
        for module in MODULES
        if not place(module).startswith(("senses/", "answers/", "cli/"))
        for node in strings(module)
        if node.value == "lips"
    ]
    assert not wrong, f"'lips' is written in {', '.join(wrong)}"


def test_no_module_has_a_vague_name() -> None:
    assert not [place(module) for module in MODULES if VAGUE & set(module.split("."))]


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_stay_small(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines"
    long = [
        f"{node.name}: {length} lines"
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]
    assert not long, ", ".join(long)
