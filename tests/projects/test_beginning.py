"""Projects that begin from a model file, in Python, on the command line and on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from pretended_training import dark_or_bright
from reading_html import read_html
from seehear.cli import run
from seehear.errors import UsageError
from seehear.projects import begin_from_model
from seehear.runtime.bundle import write_bundle
from seehear.serve.models import ModelRegistry
from serving import client, picture_file


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "light.seehear", dark_or_bright())
    return tmp_path / "light.seehear"


def test_the_model_answers_as_the_first_version(model: Path, tmp_path: Path) -> None:
    with begin_from_model("Light", model, home=tmp_path / "home") as project:
        assert project.classes() == list(tiny.CLASSES)
        version = project.versions.served()
        assert version is not None and (version.number, version.job, version.learned) == (1, None, 0)
        assert version.figures["value"] == 0.75
        assert project.versions.load(1).predict(tiny.picture(0.9)).accepted
        column = project.answer_column()
        assert column is not None and column.kind_name == "label"
        assert project.setting("senses") == ["image"]


def test_a_model_that_was_never_measured_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "plain.seehear", tiny.bundle())
    with pytest.raises(UsageError, match="never measured"):
        begin_from_model("Plain", tmp_path / "plain.seehear", home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_on_the_command_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert run(["project", "new", "Light", "--model", str(model), *home]) == 0
    assert run(["project", "versions", "light", *home]) == 0
    assert "version 1: accuracy" in capsys.readouterr().out
    assert run(["project", "new", "Other", "--model", str(model), "--answer", "label", *home]) == 2
    assert run(["project", "new", "Light", "--model", str(model), *home]) == 2


def test_on_the_page(model: Path, tmp_path: Path) -> None:
    with client(ModelRegistry({"light": model}), projects=tmp_path / "home") as served:
        home = read_html(served.get("/").text)
        assert "Served, not trained here." in home.text
        (link,) = [each.attributes["href"] for each in home.all("a") if "Begin a project from it" in each.text]
        form = read_html(served.get(link).text)
        (field,) = form.all("input", name="model")
        page = served.post("/new", data={"name": "My light", "model": field.attributes["value"]}).text
        assert "dark" in page and "bright" in page
        answered = served.post("/p/my-light/try", files={"file": ("a.png", picture_file(0.95))})
        assert "bright" in answered.text
        assert "a model file" in served.get("/p/my-light/versions").text
        assert served.get("/p/my-light/model/1").status_code == 200
        assert served.post("/new", data={"name": "x", "model": "none"}).status_code == 404
