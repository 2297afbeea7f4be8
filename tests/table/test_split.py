"""Splits: no person on both sides, every class in training, the requested share, and notes about all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.table import Split, Table, split
from seehear.table.duplicates import find_identical_files, find_overlap, find_shared_rows
from seehear.table.groups import is_group, plural
from seehear.table.rows import Columns
from table_kinds import make, open_data


def _table(answers: Sequence[str] | None, **metadata: Sequence[str | None]) -> Table:
    def column(cells: Sequence[str | None]) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(cells, pa.large_string())])

    rows = len(answers if answers is not None else next(iter(metadata.values())))
    keys = column([f"{i}.png" for i in range(rows)])
    return Table(
        Columns(
            key=keys,
            senses={"image": keys},
            answer=None if answers is None else column(answers),
            metadata={name: column(cells) for name, cells in metadata.items()},
            part=column([""] * rows),
        ),
        root=Path(),
    )


def _split(table: Table, share: float, seed: int = 0) -> Split:
    return split(table, share, seed=seed, stratum=str.strip)


def _share(table: Table, out: Split, answer: str) -> float:
    answers = np.array(table.answers())
    return float(np.mean(np.isin(np.flatnonzero(answers == answer), out.held_out)))


def test_the_split_is_stratified() -> None:
    table = _table(["cat"] * 700 + ["dog"] * 280 + ["newt"] * 20)
    out = _split(table, 0.1)
    assert out.notes == "held out 100 of 1,000 examples at random, stratified by class"
    assert [_share(table, out, answer) for answer in ("cat", "dog", "newt")] == [0.1, 0.1, 0.1]
    assert sorted([*out.train, *out.held_out]) == list(range(1000))
    assert (np.diff(out.train) > 0).all()
    assert (np.diff(out.held_out) > 0).all()


def test_the_same_seed_gives_the_same_split() -> None:
    table = _table(["a", "b"] * 50, speaker=[f"s{i // 5}" for i in range(100)])
    for plain in (table, _table(table.answers())):
        assert _split(plain, 0.2, 3).held_out.tolist() == _split(plain, 0.2, 3).held_out.tolist()
        assert _split(plain, 0.2, 3).held_out.tolist() != _split(plain, 0.2, 4).held_out.tolist()


def test_speakers_stay_together_and_are_listed() -> None:
    speakers = ["jackson", "theo", "lucas", "nicolas", "yweweler"]
    table = _table([str(i % 10) for i in range(500)], speaker=[speakers[i // 100] for i in range(500)])
    out = _split(table, 0.4)
    held = sorted({speakers[i // 100] for i in out.held_out})
    assert (len(held), len(out.held_out)) == (2, 200)
    assert out.notes == f"held out 2 of 5 speakers ({', '.join(held)}): 200 of 500 examples"
    assert len(_split(table, 0.05).held_out) == 100  # one speaker is the least


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["p1", "p2", "p3", "p4", "p5", None])), min_size=1),
    st.floats(0.05, 0.5),
    st.integers(0, 99),
)
def test_any_table_can_be_split(rows: list[tuple[str, str | None]], share: float, seed: int) -> None:
    table = _table([answer for answer, _ in rows], patient=[patient for _, patient in rows])
    out = _split(table, share, seed)
    assert sorted([*out.train, *out.held_out]) == list(range(len(rows)))
    assert {rows[i][0] for i in out.train} == {answer for answer, _ in rows}
    both = {rows[i][1] for i in out.train} & {rows[i][1] for i in out.held_out} - {None}
    assert not both or "patients are on both sides" in out.notes
    assert len(out.held_out) <= max(0.46 * len(rows), 1.25 * share * len(rows)) + 1


def test_groups_are_stratified_and_near_the_share() -> None:
    rng = np.random.default_rng(0)
    patients = rng.integers(0, 300, 3000)
    ill = rng.random(300) < 0.2
    table = _table(["ill" if ill[p] else "well" for p in patients], patient_id=[f"p{p}" for p in patients])
    out = _split(table, 0.2)
    assert abs(len(out.held_out) / 3000 - 0.2) < 0.01
    assert abs(_share(table, out, "ill") - 0.2) < 0.03
    assert not set(patients[out.train]) & set(patients[out.held_out])
    assert " of 300 patients: " in out.notes


def test_more_is_held_out_if_the_share_reaches_too_few_classes() -> None:
    """Twenty drives, each on one of ten kinds of road: a tenth of them would cover two kinds."""
    drives = [i // 10 for i in range(200)]
    table = _table([f"road {d % 10}" for d in drives], drive=[str(d) for d in drives])
    out = _split(table, 0.1)
    assert 0.2 < len(out.held_out) / 200 <= 0.3
    assert len({drives[i] % 10 for i in out.held_out}) >= 5
    assert "; no examples of 'road " in out.notes


@pytest.mark.parametrize(
    ("answers", "groups", "words"),
    [
        (["a", "b"] * 20, ["anna"] * 40, "patients are on both sides, because there are too few to keep each together"),
        (["a", "b"] * 20, ["anna"] * 20 + ["bert"] * 20, "patients are on both sides"),
        (["a"] * 20 + ["b"] * 20, ["anna"] * 20 + ["bert"] * 20, "patients are on both sides"),
        (["a", "b"] * 20, [f"p{i}" for i in range(40)], "at random, stratified by class"),
        (["a", "b"] * 20, [None] * 40, "at random, stratified by class"),
    ],
)
def test_too_few_groups_fall_back_and_say_so(answers: list[str], groups: list[str | None], words: str) -> None:
    out = _split(_table(answers, Patient=groups), 0.2)
    assert words in out.notes
    assert len(out.held_out) == 8
    assert ("both sides" in words) == ("both sides" in out.notes)


def test_groups_that_share_a_row_are_one() -> None:
    """A patient seen at two sites connects them; there are too few sites, so that grouping is dropped first."""
    patients = [f"p{i // 4}" for i in range(80)]
    table = _table(["a", "b"] * 40, patient=patients, site=["north", "south"] * 40, sex=["m", "f"] * 40)
    out = _split(table, 0.2)
    assert not {patients[i] for i in out.train} & {patients[i] for i in out.held_out}
    assert "of 20 patients" in out.notes
    assert out.notes.endswith("; sites are on both sides, because there are too few to keep each together")
    sites = [f"s{i // 8}" for i in range(80)]
    out = _split(_table(["a", "b"] * 40, patient=patients, site=sites), 0.2)
    assert out.notes == "held out 2 of 10 groups that share no patients and sites: 16 of 80 examples"
    assert not {sites[i] for i in out.train} & {sites[i] for i in out.held_out}


def test_a_class_of_one_stays_in_training() -> None:
    table = _table(["a"] * 9 + ["rare"])
    out = _split(table, 0.3)
    assert 9 in out.train
    assert out.notes.endswith("; no examples of 'rare'")
    assert len(_split(_table(["a", "b"]), 0.5).held_out) == 0


def test_scores_are_split_without_strata() -> None:
    table = _table([str(i / 7) for i in range(100)])
    assert len(split(table, 0.25, seed=0, stratum=lambda _: "").held_out) == 25
    assert len(_split(_table(None, note=["x"] * 10), 0.3).held_out) == 3
    assert len(_split(_table([], speaker=[]), 0.3).held_out) == 0


def test_many_groups_come_near_the_share() -> None:
    rows = np.arange(60_000)
    table = _table([str(i % 7) for i in rows], user=[str(i // 3) for i in rows])
    out = _split(table, 0.1)
    assert len(out.held_out) == pytest.approx(6000, abs=6)


@pytest.mark.parametrize(
    "heading", ["speaker", "Patient", "patient_id", "Patient ID", "siteName", "SUBJECT-NO", "client - id", "clientid"]
)
def test_headings_that_group(heading: str) -> None:
    assert is_group(heading)


@pytest.mark.parametrize("heading", ["label", "sex", "age", "id", "name", "speakers_age", "filename", ""])
def test_headings_that_do_not_group(heading: str) -> None:
    assert not is_group(heading)


def test_classes_are_mentioned_only_if_there_are_some() -> None:
    out = split(_table([f"text {i}" for i in range(40)]), 0.1, seed=0, stratum=lambda _: "")
    assert out.notes == "held out 4 of 40 examples at random"


def test_plurals() -> None:
    assert [plural(heading) for heading in ("patient_id", "person", "Site")] == ["patients", "people", "sites"]


def _split_files(folder: Path, files: dict[str, bytes], rows: Sequence[tuple[str, str, str]], share: float) -> Split:
    """Splits a table of (image, label, patient); asserts that no bytes are on both sides unless the notes say so."""
    headings, many = "image,label,patient", [",".join(row) for row in rows]
    table = open_data(make(folder, files | {"t.csv": "\n".join([headings, *many]).encode()}))
    out = _split(table, share)
    learned, held_out = (
        {files[row.key.partition("#")[0]] for row in table.take(side)} for side in (out.train, out.held_out)
    )
    assert bool(learned & held_out) == ("files are on both sides" in out.notes)
    return out


@pytest.mark.parametrize(
    "content",
    [
        lambda i: bytes([i]),
        lambda i: b"same size %d" % (i % 10),
        lambda i: b"long" * 50_000 + bytes([i]),
    ],
)
@pytest.mark.parametrize("names", [1, 3])
def test_duplicates_stay_together(tmp_path: Path, content: Callable[[int], bytes], names: int) -> None:
    """In several rows, or under several names: 20 pictures, each three times."""
    files = {f"{i}-{k}.png": content(i) for i in range(20) for k in range(names)}
    rows = [(f"{i}-{k % names}.png", "xy"[(i + k) % 2], "") for k in range(3) for i in range(20)]
    out = _split_files(tmp_path / "d", files, rows, 0.25)
    different = len(set(files.values()))
    assert f" of {different} files" in out.notes and " of 60 examples" in out.notes
    assert 9 <= len(out.held_out) <= 21


def test_duplicates_connect_patients(tmp_path: Path) -> None:
    """The same picture was filed under two patients, so both are on one side; otherwise nothing changes."""
    files = {f"{i}.png": bytes([i % 36]) for i in range(40)}
    rows = [(f"{i}.png", "xy"[i // 2 % 2], f"p{i // 4}") for i in range(40)]
    out = _split_files(tmp_path / "d", files, rows, 0.25)
    assert " of 9 groups that share no patients and files: " in out.notes
    own = _split_files(tmp_path / "e", {f"{i}.png": bytes([i]) for i in range(40)}, rows, 0.25)
    assert " of 10 patients " in own.notes
    assert not {rows[i][2] for i in out.train} & {rows[i][2] for i in out.held_out}


def test_a_missing_file_is_no_duplicate(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "gone", "b", "also gone", "c")]
    for path in (paths[0], paths[2], paths[4]):
        path.write_bytes(b"same" if path != paths[2] else b"else")
    assert find_identical_files(paths).tolist() == [0, 1, 2, 3, 0]


def test_only_files_of_one_size_and_beginning_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"a", b"bc", b"x" * 100_000, b"y" * 100_000, b"x" * 99_999 + b"z", b"x" * 99_999 + b"z"]
    paths = [tmp_path / str(i) for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    opened_files: list[str] = []
    read = Path.open

    def watched(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened_files.append(path.name)
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", watched)
    assert find_identical_files(paths).tolist() == [0, 1, 2, 3, 4, 4]
    assert sorted(opened_files) == ["2", "2", "3", "4", "4", "5", "5"]


def test_overlap_between_parts_is_reported(tmp_path: Path) -> None:
    rows = "1.png,x,ann,train\n2.png,y,bob,train\n1.png,x,ann,val\n3.png,y,cid,val\n4.png,y,dan,val\n5.png,x,eve,test\n"
    files = {f"{i}.png": bytes([i % 4]) for i in range(1, 6)} | {
        "t.csv": b"image,label,patient,split\n" + rows.encode()
    }
    table = open_data(make(tmp_path / "d", files))
    notes = find_overlap(table.part("train"), table.part("val")).describe("'train'", "'val'")
    assert notes == [
        "1 of the 3 files of 'val' are in 'train' too (1.png): "
        "figures measured on 'val' will be better than on new files",
        "1 of the 3 patients of 'val' are in 'train' too (ann): "
        "figures measured on 'val' will be better than on new patients",
    ]
    assert (
        find_overlap(table.part("train"), table.part("test"))
        .describe("'train'", "'test'")[0]
        .startswith("1 of the 1 files of 'test' are in 'train' too (5.png)")
    ), "the same bytes under two names"
    apart = find_overlap(table.take([1]), table.part("test"))
    assert apart.describe("'train'", "'test'") == []


def test_rows_that_share_a_file_or_a_group_are_found(tmp_path: Path) -> None:
    rows = b"image,patient\n1.png,ann\n2.png,\n"
    known = open_data(make(tmp_path / "a", {"1.png": b"1", "2.png": b"2", "t.csv": rows}))
    rows = b"image,patient\nsame.png,bob\nother.png,ann\nnew.png,cid\nnameless.png,\n"
    files = {"same.png": b"1", "other.png": b"3", "new.png": b"4", "nameless.png": b"5", "t.csv": rows}
    assert find_shared_rows(known, open_data(make(tmp_path / "b", files))).tolist() == [True, True, False, False]
