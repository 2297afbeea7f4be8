"""Served models: names, promotion and the way back, between two requests."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tiny
from seehear.errors import BundleError, UsageError
from seehear.runtime.bundle import write_bundle
from seehear.serve.models import MOST_KEPT, ModelRegistry, UnknownModelError
from seehear.serve.settings import name_models
from serving import client, picture_file

PROMOTIONS = 100


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


@pytest.mark.slow
def test_no_answer_fails_or_is_mixed_while_models_are_replaced(file: Path, tmp_path: Path) -> None:
    """The other model has the names of its classes exchanged, so that every answer shows which of the two gave it."""
    write_bundle(tmp_path / "opposite.seehear", tiny.exchanged())
    models = ModelRegistry({"bright": file})
    answers: Counter[tuple[int, bool, str]] = Counter()
    with client(models, waiting=200) as served, ThreadPoolExecutor(3) as pool:
        changing = True

        def ask_on() -> None:
            while changing:
                answered = served.post("/predict", files={"file": picture_file()})
                first = answered.headers["seehear-model"] == "bright/1"
                answers[answered.status_code, first, answered.json()["answer"]["label"]] += 1

        asking = [pool.submit(ask_on) for _ in range(3)]
        for _ in range(PROMOTIONS):
            models.promote("bright", tmp_path / "opposite.seehear")
            time.sleep(0.01)
            models.roll_back("bright")
            time.sleep(0.01)
        changing = False
        for each in asking:
            each.result()
    assert set(answers) == {(200, True, "bright"), (200, False, "dark")}
