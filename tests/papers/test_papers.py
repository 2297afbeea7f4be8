"""The card for the hub and the dossier: what was measured is in them, and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from learning import recipe_for
from made_projects import make_project
from seehear.answers import ANSWERS
from seehear.audit import AuditLog, verify
from seehear.cli import run
from seehear.learn.calibrate.card import render_model_card as render_card
from seehear.papers import render_model_card
from seehear.papers.dossier import gather, render_markdown, render_page
from seehear.papers.facts import NOT_MEASURED
from seehear.papers.sensitive_topics import EMOTIONS, LEARNERS, MEDICINE, find_topics
from seehear.recipe import Provenance, Recipe, Training
from seehear.runtime.bundle import Bundle, write_bundle
from serving import client, picture_file, registry

SHA256 = "0123456789abcdef" * 4
ORIGIN = Provenance(examples=271, data_sha256="fedcba98" * 8, processor_s=4321.0, energy_j=54_321.0)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
TEMPLATE = Path(render_markdown.__code__.co_filename).parent / "templates" / "dossier.jinja"


def make_bundle(**changes: Any) -> Bundle:
    result = {
        "n": 83,
        "metrics": {"accuracy": 0.9163, "wrong": 0.0837, "coverage": 0.7531, "accepted_error": 0.0231, "odd": None},
        "intervals": {"accuracy": [0.8412, 0.9577], "wrong": [0.0423, 0.1588]},
    }
    training = Training(minutes=3, steps=412, batch=16, learning_rate=0.01)
    recipe = tiny.recipe(
        training=training, results={"image": result}, groups_seen="7 patients", provenance=ORIGIN, **changes
    )
    return replace(tiny.bundle(), recipe=recipe, card=render_card(recipe))


def dossier(bundle: Bundle, name: str = "moths", **more: Any) -> str:
    return render_markdown(gather(name, bundle, SHA256, more.get("evaluation"), more.get("logs", ())))


def numbers(value: Any) -> Iterator[float]:
    """All numbers in nested values, and in their text."""
    if isinstance(value, dict):
        for each in value.items():
            yield from numbers(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in NUMBER.findall(value))


def is_rounded(text: str, known: set[float]) -> bool:
    """Whether a number in a text is one of those that are known, in percent, or in watt-hours, rounded."""
    said = float(text.replace(",", ""))
    return any(f"{said:.3g}" in (f"{scale * value:.3g}", f"{scale * value:.0f}") or said == round(scale * value, 1)
               for value in known for scale in (1, 100, 60, 1 / 3600))  # fmt: skip


def test_every_number_in_the_dossier_is_in_the_facts_of_the_model():
    bundle = make_bundle()
    known = {*numbers(json.loads(bundle.recipe.to_json())), 95.0, 96.0}
    known |= {0.0, 1.0, 2.0}  # counts of classes and the like
    wording = set(NUMBER.findall(TEMPLATE.read_text(encoding="utf-8"))) | set(NUMBER.findall(str(bundle.recipe.answer)))
    wording |= set(NUMBER.findall(" ".join(map(str, bundle.recipe.senses.values()))))
    text = dossier(bundle).replace(SHA256, "").replace(ORIGIN.data_sha256, "").split("## Appendix")[0]
    version = re.search(r"wrote this dossier: \*\*(.*)\*\*", text)
    assert version
    text = text.replace(version[1], "").replace("95 % interval", "")
    unknown = [each for each in NUMBER.findall(text) if each not in wording and not is_rounded(each, known)]
    assert not unknown
    for told in ("0.916", "0.841 to 0.958", "7 patients", "271", "4,321 seconds", "15.1 Wh", "83 held-out examples"):
        assert told in text


def test_what_was_not_measured_is_not_made_up():
    text = dossier(tiny.bundle())
    assert f"Processor time of the training: **{NOT_MEASURED}**" in text
    assert f"Energy of the processor meanwhile, with all that ran on it: **{NOT_MEASURED}**" in text
    assert "Results on held-out examples: not measured." in text
    assert "Results on data of the use, and by group: not measured." in text
    assert "SHA-256 of their files and answers: **not recorded in the model file**" in text


def test_the_points_of_annex_iv_are_in_order_and_blanks_are_marked():
    text = dossier(make_bundle())
    points = re.findall(r"^## (\d)\. ", text, re.MULTILINE)
    assert points == list("123456789")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    for section in sections[2:-1]:
        assert "- [ ] **To be filled in by people:**" in section, section.splitlines()[0]
    assert "This is not legal advice." in text
    page = render_page(gather("moths", make_bundle(), SHA256, None, ()))
    assert page.count('class="blank"') == text.count("- [ ]")


@settings(max_examples=25)
@given(name=st.text(min_size=1, max_size=20))
def test_names_of_classes_cannot_change_the_papers(name):
    evil = f"{name}</dd><script>alert(1)</script>|`*\n# x"
    answer = {"classes": (evil, "other"), "several": False, "counts": (1, 2)}
    bundle = make_bundle(answer=answer)
    page = render_page(gather(evil, bundle, SHA256, None, ()))
    assert "<script" not in page
    text = dossier(bundle, evil)
    assert "\n# x" not in text.split("## Appendix")[0].replace("\n# Dossier", "", 1)
    assert not re.search(r"(?<!\\)<script", text.split("## Appendix")[0])


@pytest.mark.parametrize(
    ("labels", "topics"),
    [
        (["happy", "sad", "neutral"], [EMOTIONS]),
        (["grade_A", "grade_B"], [LEARNERS]),
        (["Pneumonia", "normal"], [MEDICINE]),
        (["students: angry"], [EMOTIONS, LEARNERS]),
        (["oak", "elm", "joystick", "sadden"], []),
    ],
)
def test_labels_of_sensitive_uses_are_pointed_out(labels, topics):
    assert [each.topic for each in find_topics(labels)] == topics


def test_warnings_are_in_both_papers():
    bundle = make_bundle(answer={"classes": ("happy", "pneumonia"), "several": False, "counts": (3, 4)})
    for text in (dossier(bundle), render_model_card("x", bundle, SHA256)):
        assert "Article 5(1)(f)" in text
        assert "not a medical device" in text


def test_the_dossier_tells_what_was_found_in_logs(tmp_path):
    path = tmp_path / "answers.jsonl"
    head = AuditLog(path).append("answer", {})
    assert f"Hash of the last entry: **{head.hash}**" in dossier(make_bundle(), logs=[verify(path)])
    assert "Intact: **yes**" in dossier(make_bundle(), logs=[verify(path)])


def metadata(card: str) -> dict[str, Any]:
    _, head, _ = card.split("---\n", 2)
    return dict(yaml.safe_load(head))


def test_the_card_has_the_metadata_of_the_hub():
    card = render_model_card("moths", make_bundle(), SHA256, licence="apache-2.0")
    found = metadata(card)
    assert found["license"] == "apache-2.0"
    assert found["pipeline_tag"] == "image-classification"
    assert found["metrics"] == ["accuracy"]
    (result,) = found["model-index"][0]["results"]
    assert {each["type"]: each["value"] for each in result["metrics"]} == {
        name: value for name, value in make_bundle().recipe.results["image"]["metrics"].items() if value is not None
    }
    assert "*To be filled in by people.*" in card
    assert "Processor time of the training: 4,321 seconds" in card


def test_the_hub_accepts_the_card():
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(render_model_card("moths", make_bundle(), SHA256), ignore_metadata_errors=False).data
    assert data.model_name == "moths"
    assert data.eval_results[0].metric_value == 0.9163


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_kind_of_answer_has_papers(kind):
    sense = sorted(ANSWERS[kind].senses[0])
    recipe: Recipe = recipe_for(kind, tuple(sense), steps=1)
    bundle = replace(tiny.bundle(), recipe=recipe, card="# Card")
    found = metadata(render_model_card("x", bundle, SHA256))
    assert kind in found["tags"]
    assert str(recipe.answer).split()[0] in dossier(bundle)


def test_the_command_line_writes_both(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("moths.seehear"), make_bundle())
    for name, brightness in (("dark", 0.1), ("bright", 0.8)):
        Path("data", name).mkdir(parents=True)
        for n in range(3):
            Path("data", name, f"{n}.png").write_bytes(picture_file(brightness + n / 100))
    assert run(["card", "moths.seehear", "-o", "README.md", "--licence", "mit"]) == 0
    assert metadata(Path("README.md").read_text(encoding="utf-8"))["license"] == "mit"
    assert run(["card", "moths.seehear"]) == 0
    assert capsys.readouterr().out.startswith("---\n")
    assert run(["dossier", "moths.seehear", "-o", "papers", "--data", "data"]) == 0
    text = Path("papers/dossier.md").read_text(encoding="utf-8")
    assert "On other data, for this dossier:" in text
    assert "6 examples:" in text
    assert Path("papers/dossier.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_processor_time_is_measured():
    from seehear.learn.provenance import EffortMeter

    meter, until_s = EffortMeter(), time.process_time() + 0.2
    while time.process_time() < until_s:
        pass
    processor_s, energy_j = meter.stop()
    assert 0.1 < processor_s < 60
    assert energy_j is None or energy_j > 0


def test_energy_is_the_sum_of_the_counters_unless_one_began_again(tmp_path, monkeypatch):
    from seehear.learn import provenance

    for n, before in enumerate((1_000_000, 5_000_000)):
        (tmp_path / f"intel-rapl:{n}").mkdir()
        (tmp_path / f"intel-rapl:{n}" / "energy_uj").write_text(f"{before}\n")
    monkeypatch.setattr(provenance, "RAPL", tmp_path)
    meter = provenance.EffortMeter()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("3500000\n")
    assert meter.stop()[1] == 2.5
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("100\n")
    assert meter.stop()[1] is None


def test_the_hash_of_data_is_that_of_its_contents(tmp_path):
    from seehear.datasets import open_unlabelled
    from seehear.learn.provenance import hash_data

    hashes = []
    for folder, names in (("one", "ab"), ("two", "xy"), ("three", "ab")):
        for name, brightness in zip(names, (0.2, 0.7 if folder != "three" else 0.8), strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.png").write_bytes(picture_file(brightness))
        hashes.append(hash_data([open_unlabelled(tmp_path / folder, ("image",), tmp_path / f"{folder}-unpacked")]))
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_page_of_a_version_offers_both(tmp_path):
    with make_project(tmp_path / "home") as project:
        project.versions.add(make_bundle())
    with client(registry(), projects=tmp_path / "home") as served:
        page = served.get("/p/boards/model/1").text
        for address, beginning in (("card", "---\nlicense:"), ("dossier", "# Dossier of boards-1")):
            assert f'href="/p/boards/model/1/{address}"' in page
            answered = served.get(f"/p/boards/model/1/{address}")
            assert answered.status_code == 200
            assert answered.text.startswith(beginning)
            assert "attachment" in answered.headers["content-disposition"]
