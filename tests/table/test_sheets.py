"""Table files: encodings, quotes, ragged rows, and files that are no tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.errors import DataError
from seehear.inputs import gather
from seehear.table import RowProblem
from seehear.table import parquet as unfolding
from seehear.table.sheets import read_sheet
from table_kinds import make, open_data


def _sheet(folder: Path, content: str | bytes, name: str = "t.csv") -> tuple[dict[str, list[str | None]], list[int]]:
    sheet = read_sheet(make(folder, {name: content}) / name, name)
    return sheet.cells.to_pydict(), sheet.row.tolist()


@pytest.mark.parametrize(
    ("encoding", "notes"),
    [
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("utf-16", ()),
        ("latin-1", ("t.csv is not UTF-8; reading it as Windows-1252",)),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, notes: tuple[str, ...]) -> None:
    path = make(tmp_path, {"t.csv": "image,label\r\ncafé.png,größer\r\n".encode(encoding)}) / "t.csv"
    sheet = read_sheet(path, "t.csv")
    assert sheet.cells.to_pydict() == {"image": ["café.png"], "label": ["größer"]}
    assert sheet.notes == notes


def test_quotes_and_row_numbers(tmp_path: Path) -> None:
    content = 'image,note\n1.png,"two\nlines, ""so"""\n\n 2.png , \n'
    assert _sheet(tmp_path, content) == ({"image": ["1.png", "2.png"], "note": ['two\nlines, "so"', None]}, [2, 4])


def test_a_row_with_wrong_quotes_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = make(tmp_path, {"t.csv": 'image,label\n1.png,a\n"2"x.png,b\n3.png,c,d\n4.png,e\n'}) / "t.csv"
    sheet = read_sheet(path, "t.csv")
    assert (sheet.cells["label"].to_pylist(), sheet.row.tolist()) == (["a", "e"], [2, 5])
    assert sheet.problems == (
        RowProblem("t.csv row 3", "the quotes are wrong: ',' expected after '\"'"),
        RowProblem("t.csv row 4", "3 cells under 2 headings"),
    )


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_may_hold_thousands_of_boxes(tmp_path: Path, quote: str) -> None:
    cells, _ = _sheet(tmp_path, f"image,boxes\n1.png,{quote}{'b' * 200_000}{quote}\n2.png,c\n")
    assert cells == {"image": ["1.png", "2.png"], "boxes": ["b" * 200_000, "c"]}


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("image;label\n1.png;a,b\n", ("t.csv is delimited by semicolons",)),
        ("image\tlabel\n1.png\ta,b\n", ("t.csv is delimited by tabs",)),
        (',image,label\n0,1.png,"a,b"\n', ("t.csv: column 1 has no heading and is not used",)),
    ],
)
def test_dividers_and_unnamed_columns(tmp_path: Path, content: str, notes: tuple[str, ...]) -> None:
    sheet = read_sheet(make(tmp_path, {"t.csv": content}) / "t.csv", "t.csv")
    assert sheet.cells.to_pydict() == {"image": ["1.png"], "label": ["a,b"]}
    assert sheet.notes == notes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "t.csv: the table is empty. Next: begin with a line of headings such as image,label"),
        ("\n\n", "t.csv: the table is empty"),
        ("image,label\n", "t.csv: no rows that can be read"),
        ("image,label\n1.png\n", "no rows that can be read; t.csv row 2: 1 cells under 2 headings"),
        ("image,label,label\n1.png,a,b\n", "t.csv: more than one column is called 'label'"),
        ("1.png,cat\n2.png,dog\n", "the first row looks like an example, not like headings: ['1.png', 'cat']"),
        (
            'image,label\n1.png,"a\n2.png,b\n',
            't.csv row 2: one cell runs on to the end of the file. Next: is a quote (") opened',
        ),
        ('image,label\n1.png,"' + "a" * 200_000, "t.csv row 2: one cell runs on to the end of the file"),
        ("image,label\n1.png,a\0b\n", "not a text table: it holds NUL bytes"),
        (b"image,label\n\xff.png,a\0b\n", "not a text table: it holds NUL bytes"),
        (b"PK\x03\x04\x14\x00", "not a text table but an Excel workbook or a zip. Next: save it as csv"),
        (b"\x89PNG\r\n\x1a\n", "not a text table but a PNG picture"),
        (b"\xff\xfei\x00m\x00a", "its first bytes say utf-16, but the rest does not decode"),
        (",".join(f"c{i}" for i in range(5000)), "5,000 columns. Allowed: at most 4,096"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError) as caught:
        _sheet(tmp_path, content)
    assert words in str(caught.value)


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        '{"image": "1.png", "label": ["a", "b"]}',
        "",
        '{"image": "2.png", "n": 1.5, "ok": true}',
        "[1]",
        '{"image',
        "null",
    ]
    path = make(tmp_path, {"t.jsonl": "\n".join(lines)}) / "t.jsonl"
    sheet = read_sheet(path, "t.jsonl")
    assert sheet.cells.to_pydict() == {
        "image": ["1.png", "2.png"],
        "label": ['["a", "b"]', None],
        "n": [None, "1.5"],
        "ok": [None, "true"],
    }
    assert sheet.row.tolist() == [1, 3]
    assert [problem.where for problem in sheet.problems] == ["t.jsonl row 4", "t.jsonl row 5", "t.jsonl row 6"]
    assert "not a JSON object: [1]" in str(sheet.problems[0])


@pytest.mark.parametrize("line", ['{"image": "\\ud800.png"}', "[" * 100_000, "1" * 5000])
def test_hostile_json_lines_do_not_stop_the_others(tmp_path: Path, line: str) -> None:
    cells, _ = _sheet(tmp_path, f'{line}\n{{"image": "1.png"}}\n', "t.jsonl")
    assert cells["image"][-1] == "1.png"


def test_parquet(tmp_path: Path) -> None:
    columns = {
        "image": pa.array(["1.png", "2.png"]).dictionary_encode(),
        "score": [1.5, None],
        "n": pa.array([1, 2], pa.int8()),
        "labels": [["a", "b"], []],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    cells = read_sheet(tmp_path / "t.parquet", "t.parquet").cells.to_pydict()
    assert cells == {
        "image": ["1.png", "2.png"],
        "score": ["1.5", None],
        "n": ["1", "2"],
        "labels": ['["a", "b"]', "[]"],
    }


def test_unusable_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [{"bytes": b"x", "path": "1.png"}]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'image' holds the contents of files, not their paths"):
        read_sheet(tmp_path / "t.parquet", "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    for broken in (b"", b"PAR1", content[:-9], content[:20] + b"\xff" * 40 + content[60:]):
        with pytest.raises(DataError, match=r"t\.parquet"):
            _sheet(tmp_path, broken, "t.parquet")


LONG = "x" * 100_000
UNFOLDING = {
    "one text in every row": ({"image": pa.DictionaryArray.from_arrays(pa.array([0] * 2_000), [LONG])}, {}),
    "in lists": ({"objects": pa.ListArray.from_arrays([0, 2_000], pa.array([LONG] * 2_000))}, {}),
    "packed": ({"image": [f"{i}{LONG}" for i in range(200)]}, {"use_dictionary": False, "compression": "zstd"}),
    "as the row before": ({"image": [LONG] * 400}, {"column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False}),
    "rows of nothing": ({"image": pa.nulls(3_000_000, pa.string())}, {}),
}


@pytest.mark.parametrize("kind", UNFOLDING)
def test_parquet_is_refused_before_it_expands_too_far(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, options = UNFOLDING[kind]
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", **options)
    assert (tmp_path / "t.parquet").stat().st_size < 400_000
    monkeypatch.setattr(unfolding, "MOST_BYTES", 1 << 24)
    usual, counting = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(counting)
    try:
        with pytest.raises(DataError, match=r"t\.parquet: it expands to [\d,]+ MiB or more\. Allowed: up to 16 MiB"):
            read_sheet(tmp_path / "t.parquet", "t.parquet")
    finally:
        pa.set_memory_pool(usual)
    assert counting.max_memory() < 4 << 24


def test_parquet_in_which_each_text_repeats_the_one_before_is_read(tmp_path: Path) -> None:
    names = [f"{'a' * number}.png" for number in range(300)]
    options = {"column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False}
    pq.write_table(pa.table({"image": names}), tmp_path / "t.parquet", **options)
    assert read_sheet(tmp_path / "t.parquet", "t.parquet").cells["image"].to_pylist() == names


@settings(max_examples=60)
@given(
    st.sampled_from(["t.csv", "t.tsv", "t.jsonl"]), st.binary(max_size=80) | st.text('a,"\n;\t\r{}[]:1', max_size=40)
)
def test_any_bytes_are_a_table_or_an_error_with_a_name(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes | str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        cells, rows = _sheet(folder, content, name)
        assert all(len(column) == len(rows) for column in cells.values())
    except DataError as error:
        assert name in str(error)


CELLS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@settings(max_examples=30)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("round")
    quoted = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("h", "i"), *rows])
    expected = {"h": [a for a, _ in rows], "i": [b for _, b in rows]}
    assert _sheet(folder, quoted)[0] == expected
    assert _sheet(folder, "\n".join(json.dumps({"h": a, "i": b}) for a, b in rows), "t.jsonl")[0] == expected


def test_many_rows_keep_their_numbers(tmp_path: Path) -> None:
    lines = [f"{i}.png,{i % 3}" for i in range(70_000)]
    lines[66_000] = "ragged"
    _, rows = _sheet(tmp_path, "image,label\n" + "\n".join(lines))
    assert (len(rows), rows[65_999], rows[66_000], rows[-1]) == (69_999, 66_001, 66_003, 70_001)


def test_a_table_without_its_folder_of_files(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": "image,label\n" + "1.png,a\n" * 3 + "2.png,b\n", "1.png": "x"})
    table = open_data(data)
    assert [row.key for row in table] == ["1.png", "1.png#2", "1.png#3"]
    assert [str(problem) for problem in table.problems] == ["t.csv row 5: no file '2.png'"]


ROWS = st.text(alphabet="ab,\n\r\t é", max_size=40)


@settings(max_examples=60)
@given(ROWS, st.sampled_from(["a,b\n", "a,,c\n", "\ufeffa,b\r\n", "x y,b\n"]))
def test_the_fast_csv_reader_agrees_with_the_general_one(
    tmp_path_factory: pytest.TempPathFactory, rows: str, headings: str
) -> None:
    """Reading only the first rows always uses the general reader."""
    path = tmp_path_factory.mktemp("d") / "t.csv"
    path.write_bytes((headings + rows).encode())

    def told(most_rows: int | None) -> Any:
        try:
            sheet = read_sheet(path, "t.csv", most_rows)
        except DataError as error:
            return str(error)
        return sheet.cells.to_pydict(), sheet.row.tolist(), sheet.problems, sheet.notes

    assert told(None) == told(1000)


@pytest.mark.parametrize("name", ["n" * 300 + ".png", "a/" * 3000 + "1.png", "a\u2028b.png", "..", "1.png/x.png"])
def test_one_strange_name_is_one_problem(tmp_path: Path, name: str) -> None:
    rows = "".join(f"{image},{label}\n" for image, label in (("1.png", "x"), (name, "x"), ("2.png", "y")))
    data = make(tmp_path / "d", {"t.csv": f"image,label\n{rows}", "1.png": "x", "2.png": "y"})
    table = open_data(data)
    assert [row.key for row in table] == ["1.png", "2.png"]
    assert len(table.problems) == 1 and "row 3" in table.problems[0].where
    assert len(list(gather([data / "t.csv"], ["image"]))) == 3
