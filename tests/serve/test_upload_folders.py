"""Folders of uploads: only a key names one, and each is deleted a day after its last change."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from made_projects import make_project
from seehear.serve.upload_folders import find_folder, make_key
from serving import client, picture_file


@pytest.mark.parametrize("text", ("", "..", "../../../../../..", "0123456789abcde/", "0123456789abcdef\n", "x" * 17))
def test_only_a_key_names_a_folder(tmp_path: Path, text: str) -> None:
    with make_project(tmp_path) as project:
        key = make_key()
        assert find_folder(project, "arriving", key) == project.place.folder / "arriving" / key
        assert find_folder(project, "arriving", text) is None


def begin(served: TestClient) -> str:
    return str(served.post("/p/boards/arriving", headers={"Accept": "application/json"}).json()["address"])


def test_what_arrived_stays_for_a_day_after_its_last_change(tmp_path: Path) -> None:
    with make_project(tmp_path) as project, client(projects=tmp_path) as served:
        changed, old = begin(served), begin(served)
        for address in (changed, old):
            for path in ("birds/a.png", "birds/b.png"):
                served.post(f"{address}/file", data={"path": path}, files={"file": ("a.png", picture_file())})
        folders = {
            address: project.place.folder / "arriving" / address.rpartition("/")[2] for address in (changed, old)
        }
        yesterday = (time.time() - 90_000,) * 2
        for folder in (folders[changed], folders[old] / "birds", folders[old]):
            os.utime(folder, yesterday)
        begin(served)
        assert folders[changed].is_dir()
        assert not folders[old].exists()
