"""Served models: names, promotion and the way back, between two requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tiny
from seehear.errors import BundleError, UsageError
from seehear.runtime.bundle import write_bundle
from seehear.serve.models import MOST_KEPT, ModelRegistry, UnknownModelError
from seehear.serve.settings import name_models
from serving import client, picture_file, registry


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bright.seehear", tiny.bundle())
    return tmp_path / "bright.seehear"


def test_promote_and_roll_back(file: Path) -> None:
    models = ModelRegistry({"birds": file}, {"whisper-1": "birds"})
    first = models.get("whisper-1")
    second = models.promote("birds", file)
    assert (first.version, second.version, models.get().version) == (1, 2, 2)
    assert models.roll_back("birds") is first is models.get("birds")
    assert models.promote("birds", file).version == 3, "a version is never a second one's"
    models.roll_back("birds")
    with pytest.raises(UsageError, match="no model was served as 'birds' before this one"):
        models.roll_back("birds")
    for _ in range(MOST_KEPT + 2):
        models.promote("birds", file)
    for _ in range(MOST_KEPT):
        models.roll_back("birds")
    with pytest.raises(UsageError, match="before this one"):
        models.roll_back("birds")
    models.remove("birds")
    with pytest.raises(UnknownModelError, match=r"no model is called 'birds'\. Allowed: nothing is served"):
        models.get("birds")


def test_a_damaged_file_leaves_what_is_served(file: Path) -> None:
    models = ModelRegistry({"birds": file})
    file.write_bytes(b"damaged")
    with pytest.raises(BundleError):
        models.promote("birds", file)
    assert models.get("birds").version == 1


def test_names_of_models() -> None:
    assert name_models(["a/birds.seehear", "owls=b/birds.seehear", "whisper-base"]) == {
        "birds": "a/birds.seehear",
        "owls": "b/birds.seehear",
        "whisper-base": "whisper-base",
    }
    with pytest.raises(UsageError, match=r"two models called 'birds'. Next: name one: another=b/birds.seehear"):
        name_models(["a/birds.seehear", "b/birds.seehear"])


def test_no_request_fails_while_models_are_replaced() -> None:
    models = registry()
    recogniser = models.get().recogniser
    with client(models, waiting=200) as served, ThreadPoolExecutor(3) as pool:

        def ask(_: int) -> tuple[int, str]:
            answered = served.post("/predict", files={"file": picture_file()})
            return answered.status_code, answered.headers["seehear-model"]

        asked = [pool.submit(ask, i) for i in range(60)]
        for _ in range(20):
            models.promote_loaded("bright", "bright.seehear", recogniser)
            models.roll_back("bright")
        answers = [each.result() for each in asked]
    assert {status for status, _ in answers} == {200}
    assert all(model.startswith("bright/") for _, model in answers)
