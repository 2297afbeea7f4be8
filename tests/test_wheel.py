"""The wheel: what is in it, and that it predicts in a fresh environment without the training framework."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import seehear
import tiny
from seehear.runtime.bundle import write_bundle

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_package_and_its_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"seehear-{seehear.__version__}.dist-info/"
    assert "seehear/py.typed" in names
    assert f"{metadata}licenses/LICENSE" in names
    assert all(name.startswith(("seehear/", metadata)) for name in names)
    assert {Path(name).suffix for name in names if name.startswith("seehear/") and "/static/" not in name} <= {
        ".py",
        ".typed",
        ".html",
        ".jinja",
        ".md",
    }
    static = {name for name in names if "/static/" in name}
    assert all(name.startswith("seehear/serve/pages/static/") for name in static)
    assert {Path(name).suffix for name in static} <= {".css", ".js", ".svg", ".txt", ".json"}


@pytest.mark.slow
def test_it_predicts_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bright.seehear", tiny.bundle())
    Image.new("L", (8, 8), 250).save(tmp_path / "a.png")
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([programs / "pip", "install", "--quiet", str(wheel)], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command: str) -> str:
        whole = [str(programs / command[0]), *command[1:]]
        return subprocess.run(whole, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment).stdout

    assert run("seehear", "--version").strip().endswith(seehear.__version__)
    assert "bright" in run("seehear", "predict", "bright.seehear", "a.png")
    assert "None" in run("python", "-c", "import importlib.util; print(importlib.util.find_spec('torch'))")
