"""The check of a dataset: each fault that is planted is found, and nothing is found in data without faults."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from photos import photo, save_photos
from seehear.check import CheckReport, Finding, check, report_findings
from seehear.check.checks import run_checks
from seehear.check.examined import examine_table
from seehear.cli import run
from seehear.datasets import open_labelled, open_training_data
from seehear.errors import UsageError
from seehear.escaping import escape_markdown
from seehear.events import Event, Notice, ignore_events
from seehear.learn.provenance import hash_data

CATS, DOGS = range(12), range(100, 112)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of twelve photos each, without faults."""
    return save_photos(tmp_path / "pets", {"cat": CATS, "dog": DOGS})


def find(report: CheckReport, kind: str) -> Finding:
    (found,) = (finding for finding in report.findings if finding.kind == kind)
    return found


def places(finding: Finding) -> list[str]:
    return [concern.where for concern in finding.concerns]


def test_nothing_is_found_in_data_without_faults(pets: Path) -> None:
    report = check(pets)
    assert {finding.kind for finding in report.findings} == {"classes", "how the table was read"}
    assert find(report, "classes").figures == {"cat": 12, "dog": 12}
    assert "nothing wrong was found" in str(report)
    assert report.summarise(5) == []


def test_files_that_are_damaged_or_cut_short_are_named_with_the_reason(pets: Path) -> None:
    whole = (pets / "cat/0.png").read_bytes()
    (pets / "cat/0.png").write_bytes(whole[: len(whole) // 2])
    (pets / "dog/100.png").write_bytes(b"not a picture at all")
    found = find(check(pets), "unreadable picture")
    assert found.severity == "problem"
    assert places(found) == ["cat/0.png", "dog/100.png"]
    assert "not a picture but text" in found.concerns[1].reason


def test_copies_are_found_and_the_first_is_kept(pets: Path) -> None:
    shutil.copy(pets / "cat/3.png", pets / "cat/copy.png")
    found = find(check(pets), "duplicates")
    assert places(found) == ["cat/copy.png"]
    assert found.concerns[0].reason == "identical to cat/3.png"
    assert found.figures == {"groups": 1, "identical": 1, "near": 0}


def test_one_picture_under_two_labels_contradicts_itself(pets: Path) -> None:
    shutil.copy(pets / "cat/3.png", pets / "dog/copy.png")
    found = find(check(pets), "contradicting answers")
    assert found.severity == "problem"
    assert places(found) == ["cat/3.png", "dog/copy.png"]


def test_a_held_out_picture_that_is_trained_on_too_is_a_leak(tmp_path: Path) -> None:
    save_photos(tmp_path / "d/train", {"cat": CATS, "dog": DOGS})
    save_photos(tmp_path / "d/test", {"cat": range(200, 212), "dog": range(300, 312)})
    photo(100).save(tmp_path / "d/test/dog/again.png", compress_level=1)
    found = find(check(tmp_path / "d"), "leaks between parts")
    (concern,) = found.concerns
    assert concern.where.endswith("train/dog/100.png")  # the held-out part stays as it is
    assert found.severity == "problem"


def test_the_same_recording_of_two_speakers_is_shared(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), ["audio,label,speaker"]
    for number in range(12):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, 8000), 16000)
        rows.append(f"{number}.wav,{'yes' if number % 2 else 'no'},{'a' if number < 6 else 'b'}")
    shutil.copy(tmp_path / "1.wav", tmp_path / "11.wav")
    (tmp_path / "d.csv").write_text("\n".join(rows))
    found = find(check(tmp_path / "d.csv"), "shared between groups")
    assert places(found) == ["11.wav"]
    assert "speaker" in found.sentence


def test_small_and_outnumbered_classes(tmp_path: Path) -> None:
    report = check(save_photos(tmp_path / "d", {"cat": range(3), "dog": range(100, 140)}))
    assert find(report, "small classes").figures == {"cat": 3}
    assert "13 times as many" in find(report, "imbalance").sentence


def test_flaws_of_pictures(pets: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(pets / "cat/plain.png")
    photo(50).point(lambda level: level // 16).save(pets / "cat/night.png")
    photo(51, 8, 10).save(pets / "dog/tiny.png")
    photo(52).resize((16, 12)).resize((64, 48), Image.Resampling.BICUBIC).save(pets / "dog/soft.png")
    report = check(pets)
    flaws = {finding.kind: places(finding) for finding in report.findings if finding.kind.endswith("picture")}
    assert flaws == {
        "empty picture": ["cat/plain.png"],
        "dark picture": ["cat/night.png"],
        "tiny picture": ["dog/tiny.png"],
        "blurred picture": ["dog/soft.png"],
    }


def test_flaws_of_recordings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sounds = {
        **{f"good{n}": rng.normal(0, 0.1, 8000) for n in range(4)},
        "silent": np.zeros(8000),
        "faint": rng.normal(0, 0.001, 8000),
        "cut off": np.clip(rng.normal(0, 0.5, 8000).cumsum() / 20, -0.3, 0.3),
        "short": rng.normal(0, 0.1, 800),
    }
    for label in ("a", "b"):
        (tmp_path / "d" / label).mkdir(parents=True)
    for name, samples in sounds.items():
        soundfile.write(tmp_path / f"d/a/{name}.wav", samples, 16000)
    soundfile.write(tmp_path / "d/b/other.wav", rng.normal(0, 0.1, 8000), 16000)
    report = check(tmp_path / "d")
    flaws = {finding.kind: places(finding) for finding in report.findings if finding.kind.endswith("recording")}
    assert flaws == {
        "empty recording": ["a/silent.wav"],
        "nearly silent recording": ["a/faint.wav"],
        "clipped recording": ["a/cut off.wav"],
        "very short recording": ["a/short.wav"],
    }


def test_personal_data_in_pictures(pets: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)  # latitude
    exif[0x013B] = "Jane Doe"
    photo(60).save(pets / "cat/holiday.jpg", exif=exif)
    (pets / "dog/jane.doe@example.org.png").write_bytes((pets / "dog/100.png").read_bytes())
    found = [finding for finding in check(pets).findings if finding.kind == "personal data"]
    assert [places(finding) for finding in found] == [
        ["cat/holiday.jpg"],
        ["cat/holiday.jpg"],
        ["dog/jane.doe@example.org.png"],
    ]
    assert "a GPS position" in found[0].sentence and "owner or author" in found[1].sentence


def test_doubtful_boxes(tmp_path: Path) -> None:
    boxes = {
        0: [{"label": "cat", "xyxy": [4, 4, 20, 20]}],
        1: [{"label": "cat", "xyxy": [4, 4, 60, 20]}],
        2: [{"label": "cat", "xyxy": [4, 4, 20, 20]}, {"label": "cat", "xyxy": [4, 4, 20, 20.5]}],
        3: [{"label": "cat", "xyxy": [4, 4, 20, 20]}, {"label": "dog", "xyxy": [4, 4, 20, 20]}],
    }
    with (tmp_path / "d.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "boxes"])
        for seed, each in boxes.items():
            photo(seed).save(tmp_path / f"{seed}.png")
            table.writerow([f"{seed}.png", json.dumps(each)])
    report = check(tmp_path / "d.csv", fix=tmp_path / "fixed.csv")
    doubts = {finding.kind: places(finding) for finding in report.findings if finding.kind.endswith(" boxes")}
    assert doubts == {
        "repeated boxes": ["2.png"],
        "contradicting boxes": ["3.png"],
    }
    fixed = {row["image"]: json.loads(row["boxes"]) for row in read(tmp_path / "fixed.csv")}
    assert fixed["2.png"] == boxes[2][:1]
    assert fixed["3.png"] == boxes[3]


def test_doubtful_transcripts(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), ["audio\ttext"]
    texts = ["one two", "", "go on and on and on and on until the end of the day", "so"]
    for number, (text, seconds) in enumerate(zip(texts, (1, 1, 1, 20), strict=True)):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, 16000 * seconds), 16000)
        rows.append(f"{number}.wav\t{text}")
    (tmp_path / "d.tsv").write_text("\n".join(rows))
    report = check(tmp_path / "d.tsv")
    doubts = {finding.kind: places(finding) for finding in report.findings if finding.kind.endswith(" text")}
    assert doubts == {"too long text": ["2.wav"], "too short text": ["3.wav"]}


def test_numbers_far_from_all_others(tmp_path: Path) -> None:
    rows = ["image,score"]
    for seed in range(30):
        photo(seed).save(tmp_path / f"{seed}.png")
        rows.append(f"{seed}.png,{999 if seed == 7 else seed / 10}")
    (tmp_path / "d.csv").write_text("\n".join(rows))
    assert places(find(check(tmp_path / "d.csv"), "far-off score")) == ["7.png"]


def read(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_corrected_table_has_reasons_and_leaves_the_data_alone(pets: Path, tmp_path: Path) -> None:
    shutil.copy(pets / "cat/3.png", pets / "cat/copy.png")
    (pets / "dog/100.png").write_bytes(b"")
    before = sorted((path, path.stat().st_mtime_ns) for path in pets.rglob("*"))
    check(pets, fix=tmp_path / "fixed.csv")
    assert sorted((path, path.stat().st_mtime_ns) for path in pets.rglob("*")) == before
    kept, removed = read(tmp_path / "fixed.csv"), read(tmp_path / "fixed-removed.csv")
    assert [(row["image"], row["label"], row["reason"]) for row in kept[:1]] == [("pets/cat/0.png", "cat", "")]
    assert {row["image"]: row["reason"] for row in removed} == {
        "pets/cat/copy.png": "duplicates: identical to cat/3.png",
        "pets/dog/100.png": "unreadable picture: empty: 0 bytes",
    }
    again = check(tmp_path / "fixed.csv")
    assert again.examples == 23 and not again.problems


def test_the_report_is_one_page_without_requests(pets: Path, tmp_path: Path) -> None:
    shutil.copy(pets / "cat/3.png", pets / "dog/<b>copy.png")
    check(pets, report=tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text("utf-8")
    assert page.count('src="data:image/jpeg;base64,') == 4  # both, each beside the other
    assert "&lt;b&gt;copy.png" in page and "<b>copy" not in page
    assert "http://" not in page and "https://" not in page
    assert "Not looked for" in page


def test_recordings_can_be_played_in_the_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "d/a").mkdir(parents=True)
    for number in range(4):
        soundfile.write(tmp_path / f"d/a/{number}.wav", rng.normal(0, 0.1, 8000), 16000)
    shutil.copy(tmp_path / "d/a/1.wav", tmp_path / "d/a/9.wav")
    (tmp_path / "d/b").mkdir()
    soundfile.write(tmp_path / "d/b/5.wav", rng.normal(0, 0.1, 8000), 16000)
    check(tmp_path / "d", report=tmp_path / "report")
    assert (tmp_path / "report/index.html").read_text("utf-8").count('<audio controls preload="none" src="data:') == 2


def test_training_is_told_in_a_few_sentences(pets: Path) -> None:
    events: list[Event] = []
    shutil.copy(pets / "cat/3.png", pets / "dog/copy.png")
    data = open_training_data(pets, None, None, None, None, pets.parent / "workspace", ignore_events)
    report_findings(data, events.append)
    said = [event.text for event in events if isinstance(event, Notice) and event.text.startswith("check: ")]
    assert len(said) == 1
    assert said[0].startswith("check: 1 example is in the table with several answers: cat/3.png")


def test_senses_that_only_training_reads_are_not_examined(pets: Path) -> None:
    table = open_labelled(pets, None, None, pets.parent / "workspace")
    report = run_checks(examine_table(table, [], ignore_events))
    assert {finding.kind for finding in report.findings} == {"classes", "how the table was read"}


def test_pictures_without_answers_are_checked_too(pets: Path) -> None:
    shutil.copytree(pets / "cat", pets.parent / "unsorted")
    shutil.copy(pets / "cat/3.png", pets.parent / "unsorted/copy.png")
    found = find(check(pets.parent / "unsorted", fix=pets.parent / "fixed.csv"), "duplicates")
    assert places(found) == ["copy.png"]
    assert len(read(pets.parent / "fixed.csv")) == 12


def test_an_archive_cannot_be_corrected(pets: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "pets"), "zip", pets)
    assert check(archive).examples == 24
    with pytest.raises(UsageError, match=r"an archive cannot be corrected. Next: unpack it, and check the folder"):
        check(archive, fix=tmp_path / "fixed.csv")


def test_the_command_line(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(pets)]) == 0
    assert "nothing wrong was found" in capsys.readouterr().out
    shutil.copy(pets / "cat/3.png", pets / "dog/copy.png")
    assert run(["check", str(pets), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["examples"] == 25
    assert report["findings"][0]["kind"] == "contradicting answers"
    assert report["findings"][0]["concerns"][0]["correction"] == "remove"
    assert report["not_looked_for"]


def test_a_data_sheet_has_what_was_found_and_marks_what_people_must_say(pets: Path, tmp_path: Path) -> None:
    shutil.copy(pets / "cat" / "0.png", pets / "cat" / "again_[x].png")
    sheet = tmp_path / "pets.md"
    report = check(pets, sheet=sheet)
    text = sheet.read_text()
    assert "- Examples: **25**" in text and "- Examples of each class: **cat 13, dog 12**" in text
    assert hash_data([open_labelled(pets, None, None, tmp_path / "unpacked")]) in text
    for finding in report.findings:
        assert f"{finding.severity}: {escape_markdown(finding.sentence)}" in text
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [each.splitlines()[0] for each in sections if "- [ ]" not in each] == ["Errors, noise and repetitions"]
    assert "none found" in next(each for each in sections if each.startswith("Personal data"))


def test_names_cannot_change_a_data_sheet(pets: Path, tmp_path: Path) -> None:
    (pets / "cat").rename(pets / "<b>#x")
    check(pets, sheet=tmp_path / "sheet.md")
    assert "<b>" not in (tmp_path / "sheet.md").read_text().replace("\\<b\\>", "")
