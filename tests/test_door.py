"""The door: few names, light and silent to import, and no training framework behind it until training is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import seehear
from subprocesses import source_environment

HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "pyarrow",
    "pandas",
    "onnx",
    "onnxscript",
    "safetensors",
    "matplotlib",
    "ray",
    "fsspec",
)
SERVING = ("onnxruntime", "av", "soundfile", "PIL", "pydantic", "rich", "typer", "numpy")


def loaded_by(statement: str) -> set[str]:
    """The packages that are loaded after a statement, in a fresh interpreter in which a warning is an error."""
    program = f"{statement}\nimport sys\nprint('loaded', *{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=source_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said, _, loaded = done.stdout.rpartition("loaded ")
    assert not said or "help" in statement
    return set(loaded.split())


def test_importing_seehear_loads_only_the_standard_library() -> None:
    own = "{'annotations', 'TYPE_CHECKING', 'Any', 'import_module'}"
    only = f"assert {{n for n in vars(seehear) if n[0] != '_'}} <= {{*seehear.__all__}} | {own}, dir(seehear)"
    assert not loaded_by(f"import seehear\n{only}") & {*HEAVY, *SERVING}


def test_prediction_loads_no_training_framework() -> None:
    serving = """
import seehear.recipe, seehear.runtime.bundle, seehear.runtime.predictor
from seehear import Label, Prediction, Recogniser, Score, SeehearError, load
"""
    assert not loaded_by(serving) & set(HEAVY)


def test_help_loads_only_what_prints_it() -> None:
    ask = """
import sys
from seehear.cli import main
sys.argv = ["seehear", "--help"]
try:
    main()
except SystemExit:
    pass
"""
    assert not loaded_by(ask) & {*HEAVY, *SERVING} - {"typer", "rich"}


def test_the_public_names_are_few_and_all_importable() -> None:
    assert len(seehear.__all__) <= 13
    assert sorted(seehear.__all__) == list(seehear.__all__)
    assert dir(seehear) == seehear.__all__
    for name in seehear.__all__:
        assert getattr(seehear, name) is not None, name


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        AttributeError, match=r"module 'seehear' has no attribute 'tarin'; it has Boxes, Label, .*train"
    ):
        _ = seehear.tarin
