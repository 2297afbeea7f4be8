"""The parts of a prediction on a cluster: listed once, named alike for ever, continued after an interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seehear.cluster.object_storage import RemoteFile
from seehear.cluster.work_list import (
    FOLDER,
    MANIFEST,
    PartRecord,
    Plan,
    check_empty,
    check_same,
    find_open_parts,
    part_name,
    read_plan,
    read_record,
    read_work_list,
    save_record,
    write_manifest,
    write_plan,
    write_work_list,
)
from seehear.errors import InputError, UsageError
from seehear.files import hash_file
from seehear.media import Excerpt, TableExample

LISTED: list[Any] = [
    Path("/data/ä b.png"),
    RemoteFile("s3://bucket/c.png"),
    {"image": Path("d.png"), "audio": Excerpt(Path("d.wav"), 1.0, 2.0)},
    {"image": RemoteFile("gs://bucket/e.png")},
    TableExample(Path("f.csv"), "row 7", {"image": Path("f.png")}),
    TableExample(Path("f.csv"), "row 8", {}, InputError("names no file", where="f.csv, row 8", hint="name one")),
    InputError("cannot be opened", where="closed", allowed="a folder", hint="check the permissions"),
]


def plan_of(parts: int, **changes: Any) -> Plan:
    return Plan(
        **{"model": "ab", "inputs": ("pictures",), "options": {"tiles": False}, "suffix": ".jsonl"} | changes,
        parts=parts,
        examples=2 * parts,
    )


def test_examples_are_read_as_they_were_listed(tmp_path: Path) -> None:
    assert write_work_list(tmp_path, iter(LISTED), size=3) == (3, len(LISTED))
    found = [example for part in range(3) for example in read_work_list(tmp_path, part)]
    assert [type(example) for example in found] == [type(example) for example in LISTED]
    for example, listed in zip(found, LISTED, strict=True):
        if isinstance(listed, InputError):
            assert str(example) == str(listed)
        else:
            assert example == listed
    row, failed = found[4], found[5]
    assert isinstance(row, TableExample)
    assert (row.table, row.row, row.error) == (Path("f.csv"), "row 7", None)
    assert isinstance(failed, TableExample)
    assert str(failed.error) == "f.csv, row 8: names no file. Next: name one."


def test_parts_that_are_there_are_not_done_again(tmp_path: Path) -> None:
    write_work_list(tmp_path, (Path(f"{i}.png") for i in range(7)), size=2)
    write_plan(tmp_path, plan_of(4))
    assert read_plan(tmp_path) == plan_of(4)
    (tmp_path / part_name(2, ".jsonl")).touch()
    (tmp_path / f".{part_name(1, '.jsonl')}").touch()  # a worker died while writing it
    assert find_open_parts(tmp_path, plan_of(4)) == [0, 1, 3]


def test_names_sort_like_numbers() -> None:
    names = [part_name(number, ".parquet") for number in range(12)]
    assert names == sorted(names)
    assert names[0] == "part-000000.parquet"


def test_a_list_without_a_plan_is_not_complete(tmp_path: Path) -> None:
    write_work_list(tmp_path, [Path("a.png")])
    assert read_plan(tmp_path) is None


def test_the_manifest_replaces_the_work_list(tmp_path: Path) -> None:
    write_work_list(tmp_path, [Path("a.png"), Path("b.png")], size=1)
    for number in (1, 0):
        file = tmp_path / part_name(number, ".jsonl")
        file.write_text(f"{number}\n")
        save_record(tmp_path, number, PartRecord(name=file.name, examples=1, unreadable=number, sha256=hash_file(file)))
    write_manifest(tmp_path, plan_of(2), [read_record(tmp_path, number) for number in (1, 0)])
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert (manifest["examples"], manifest["unreadable"], manifest["model_sha256"]) == (2, 1, "ab")
    assert [part["name"] for part in manifest["parts"]] == ["part-000000.jsonl", "part-000001.jsonl"]
    assert not (tmp_path / FOLDER).exists()


def test_another_run_is_not_continued() -> None:
    check_same(plan_of(2), plan_of(0))
    with pytest.raises(UsageError, match="the run started with other values of the model and the format"):
        check_same(plan_of(2), plan_of(2, model="cd", suffix=".parquet"))


@pytest.mark.parametrize("name", ["work/plan.json", MANIFEST, "part-000000.jsonl"])
def test_answers_of_another_run_are_not_mixed_with_new_ones(name: str, tmp_path: Path) -> None:
    check_empty(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"holds answers of an earlier run.*--resume"):
        check_empty(tmp_path)


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    write_work_list(tmp_path, [Path("a.png")])
    (tmp_path / FOLDER / "plan.json").write_text('{"model": 3}')
    with pytest.raises(UsageError, match="another version of seehear"):
        read_plan(tmp_path)
