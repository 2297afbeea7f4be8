"""The clients that people have, each from its own package, against a running server.

They need versions of libraries that training does not go with, so they have an environment of their own: `make clients`
makes it, and SEEHEAR_CLIENTS may name the Python of another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scribe
import squares
import tiny
import whites
from seehear.projects import Project
from seehear.runtime.bundle import write_bundle
from subprocesses import source_environment

ROOT = Path(__file__).parents[2]
CLIENTS = Path(os.environ.get("SEEHEAR_CLIENTS", ROOT / ".venv-clients" / "bin" / "python"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIENTS.exists(), reason="no environment of clients: `make clients` makes it"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    write_bundle(folder / "notes.seehear", scribe.bundle())
    write_bundle(folder / "loud.seehear", tiny.bundle("audio"))
    write_bundle(folder / "squares.seehear", squares.bundle())
    write_bundle(folder / "masks.seehear", whites.bundle())
    models = ["notes.seehear", "loud.seehear", "squares.seehear", "masks.seehear", "--alias", "whisper-1=notes"]
    Project.create("Boards", answer="label", home=folder / "projects").close()
    command = [sys.executable, "-m", "seehear", "serve", *models, "--port", "0", "--projects", "projects"]
    with subprocess.Popen(
        command, cwd=folder, env=source_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        try:
            assert line.startswith("seehear is at "), server.communicate()
            yield line.split()[-1]
        finally:
            server.terminate()
    assert server.returncode == 0, "it ends quietly"


@pytest.mark.parametrize("client", ["openai_client", "triton_client", "label_studio_client", "tus_client"])
def test_a_client_gets_what_it_expects(client: str, address: str) -> None:
    script = Path(__file__).parent / "clients" / f"{client}.py"
    done = subprocess.run([CLIENTS, script, address], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
