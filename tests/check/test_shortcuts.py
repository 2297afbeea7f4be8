"""Facts that give the answer away are found by name; none is claimed where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from photos import photo
from seehear.check import CheckReport, check
from seehear.check.shortcuts import search_shortcuts


def shortcuts(report: CheckReport) -> list[str]:
    return [finding.sentence for finding in report.findings if finding.kind == "shortcut"]


def save(folder: Path, number: int, label: str, change: str) -> None:
    picture = photo(number)
    if change == "border":
        picture.paste("black", (0, 0, 64, 3))
    if change == "size":
        picture = picture.resize((80, 60))
    (folder / label).mkdir(parents=True, exist_ok=True)
    picture.save(folder / label / f"{number}.{'jpg' if change == 'format' else 'png'}", quality=95)


@pytest.mark.parametrize(
    ("change", "words"),
    [("border", "the width of the plain border"), ("size", "the width gives"), ("format", "the format gives")],
)
def test_a_planted_shortcut_is_named(tmp_path: Path, change: str, words: str) -> None:
    for number in range(60):
        planted = number % 2 if number % 5 else 1 - number % 2  # in four of five
        save(tmp_path, number, ("ill", "well")[number % 2], change if planted else "")
    found = shortcuts(check(tmp_path))
    assert any(sentence.startswith(words) for sentence in found), found
    assert all("gives 'ill' away" in sentence or "gives 'well' away" in sentence for sentence in found)


def test_a_site_that_gives_the_answer_away(tmp_path: Path) -> None:
    rows = ["image,label,hospital,patient"]
    for number in range(60):
        photo(number).save(tmp_path / f"{number}.png")
        site = number % 2 if number % 5 else 1 - number % 2
        rows.append(f"{number}.png,{('ill', 'well')[number % 2]},{('north', 'south')[site]},p{number}")
    (tmp_path / "d.csv").write_text("\n".join(rows))
    (found,) = shortcuts(check(tmp_path / "d.csv"))
    assert found.startswith("the column 'hospital' gives")
    assert "in 80% of its examples and in 20% of the others" in found


def test_people_with_one_answer_each_are_one_piece_of_evidence(tmp_path: Path) -> None:
    """All ten pictures of a patient have one size and one answer: with six patients, that is no evidence."""
    rows = ["image,label,patient"]
    for number in range(60):
        patient = number // 10
        Image.fromarray(np.asarray(photo(number, 40 + 4 * (patient % 2), 64))).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{('ill', 'well')[patient % 2]},p{patient}")
    (tmp_path / "d.csv").write_text("\n".join(rows))
    assert shortcuts(check(tmp_path / "d.csv")) == []


def test_hum_in_the_recordings_of_one_class(tmp_path: Path) -> None:
    rng, time_s = np.random.default_rng(0), np.arange(8000) / 8000
    for number in range(40):
        (tmp_path / ("yes", "no")[number % 2]).mkdir(exist_ok=True)
        samples = rng.normal(0, 0.05, 8000) + (number % 2) * 0.03 * np.sin(2 * np.pi * 50 * time_s + number)
        soundfile.write(tmp_path / ("yes", "no")[number % 2] / f"{number}.wav", samples, 8000)
    assert "the hum at 50 Hz" in [sentence.split(" gives")[0] for sentence in shortcuts(check(tmp_path))]


def test_chance_is_not_claimed() -> None:
    """Of a hundred datasets with twenty facts that are unrelated to the classes, about one may be accused."""
    rng = np.random.default_rng(0)
    accused = sum(
        bool(search_shortcuts(rng.integers(0, 8, (20, 30)), rng.integers(0, 2, 30), 2, seed=seed))
        for seed in range(100)
    )
    assert accused <= 4  # P(more) = 0.003 at one in a hundred
