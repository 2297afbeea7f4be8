"""What is refused before any cluster is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seehear
from seehear.cli import run
from seehear.cluster import connection
from seehear.errors import UsageError


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: object())


@pytest.mark.parametrize("on", ["spark", "ray://host", "ray://", "host:10001", "ray://a b:1"])
def test_only_ray_and_its_addresses_are_taken(on: str, with_ray: None) -> None:
    with pytest.raises(UsageError, match=r"--on .* Allowed: ray for this machine, or ray://HOST:PORT"):
        connection.check_address(on)


def test_ray_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"Ray is not installed. Next: pip install 'seehear\[ray,train\]'"):
        connection.check_address("ray")


def test_an_address_needs_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: None if name == "grpc" else object())
    connection.check_address("ray")
    with pytest.raises(UsageError, match=r"Ray's client is not installed. Next: pip install 'seehear\[ray,train\]'"):
        connection.check_address("ray://host:10001")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 2}, "workers or gpus_per_worker without on"),
        ({"on": "ray", "workers": 0, "out": "a.seehear"}, "--workers 0. Allowed: 1 or more"),
        ({"on": "ray", "gpus_per_worker": -1, "out": "a.seehear"}, "--gpus-per-worker -1"),
        ({"on": "ray"}, "training on Ray without a model file to write"),
    ],
)
def test_training_refuses_wrong_options(
    options: dict[str, Any], said: str, with_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said):
        seehear.train(tmp_path, **options)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--on", "ray"], "--on without --out"),
        (["--on", "ray", "--out", "answers", "--json"], "--json with --on"),
        (["--on", "ray", "--out", "answers", "--parts", "xml"], "--parts xml. Allowed: jsonl, parquet"),
        (["--resume"], "--resume without --on"),
        (["--workers", "2"], "--workers without --on"),
    ],
)
def test_predict_refuses_wrong_flags(
    flags: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.seehear").touch()
    assert run(["predict", "a.seehear", "pictures", *flags]) == 2
    assert said in capsys.readouterr().err
