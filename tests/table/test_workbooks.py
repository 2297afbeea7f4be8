"""Spreadsheets and JSON lists as tables, also from untrusted sources."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import Workbook

from seehear.errors import DataError
from seehear.table import RowProblem, workbooks
from seehear.table.sheets import read_sheet
from table_kinds import make, open_data

HEAD = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
)
TAIL = "</office:spreadsheet></office:body></office:document-content>"
ROWS: list[list[Any]] = [["image", "label", "age", "note"], ["a.png", "cat", 7, None], ["b.png", "dog", 8.5, "x"]]


def cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, int | float):
        number = f'office:value-type="float" office:value="{value}"'
        return f"<table:table-cell {number}><text:p>{value},00</text:p></table:table-cell>"
    return f"<table:table-cell><text:p>{value}</text:p></table:table-cell>"


Sheets = dict[str, list[list[Any]]]


def ods(path: Path, sheets: Sheets) -> Path:
    """With the empty cells and rows that LibreOffice writes up to the edge of a sheet."""
    edge = '<table:table-cell table:number-columns-repeated="16380"/>'
    bottom = '<table:table-row table:number-rows-repeated="1048500"><table:table-cell/></table:table-row>'
    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join(f"<table:table-row>{''.join(map(cell, row))}{edge}</table:table-row>" for row in rows)
        + f"{bottom}</table:table>"
        for name, rows in sheets.items()
    )
    return packed(path, "content.xml", HEAD + tables + TAIL)


def packed(path: Path, name: str, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def xlsx(path: Path, sheets: Sheets) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


WRITERS = {"t.xlsx": xlsx, "t.ods": ods}


@pytest.mark.parametrize("name", WRITERS)
def test_a_spreadsheet_is_a_table(tmp_path: Path, name: str) -> None:
    WRITERS[name](make(tmp_path / "d", ["a.png", "b.png"]) / name, {"Sheet1": ROWS})
    table = open_data(tmp_path / "d")
    assert [row.answer for row in table] == ["cat", "dog"]
    assert [row.metadata for row in table] == [{"age": "7", "note": ""}, {"age": "8.5", "note": "x"}]
    assert open_data(tmp_path / "d" / name).answers() == table.answers()


@pytest.mark.parametrize("name", WRITERS)
def test_the_sheet_that_names_files_is_read(tmp_path: Path, name: str) -> None:
    sheets: Sheets = {"Notes": [["who", "when"], ["ann", "today"]], "Empty": [], "Pictures": [[], *ROWS]}
    sheet = read_sheet(WRITERS[name](tmp_path / name, sheets), name)
    assert sheet.cells["label"].to_pylist() == ["cat", "dog"]
    assert (sheet.row.tolist(), sheet.notes) == (
        [3, 4],
        (f"{name}: reading the sheet 'Pictures', not 'Notes', 'Empty'",),
    )


@pytest.mark.parametrize("name", WRITERS)
def test_a_row_longer_than_the_headings_is_reported(tmp_path: Path, name: str) -> None:
    rows: list[list[Any]] = [["image", "label"], ["a.png", "cat"], ["b.png", "dog", "x"], [], ["c.png"]]
    sheet = read_sheet(WRITERS[name](tmp_path / name, {"S": rows}), name)
    assert sheet.cells.to_pydict() == {"image": ["a.png", "c.png"], "label": ["cat", None]}
    assert sheet.problems == (RowProblem(f"{name} row 3", "3 cells under 2 headings"),)
    assert sheet.row.tolist() == [2, 5]


def test_dates_and_booleans_of_a_spreadsheet(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["image", "day", "ill"], ["a.png", date(2026, 11, 28), True]]
    sheet = read_sheet(xlsx(tmp_path / "t.xlsx", {"S": rows}), "t.xlsx")
    assert sheet.cells.to_pydict() == {"image": ["a.png"], "day": ["2026-11-28T00:00:00"], "ill": ["True"]}


SHEET = "xl/worksheets/sheet1.xml"


def replaced(path: Path, member: str, old: bytes, new: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert old in files[member]
    files[member] = files[member].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def far(path: Path) -> Path:
    """One cell in the far corner: a dense reader would need half a terabyte."""
    xlsx(path, {"S": ROWS})
    corner = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    return replaced(path, SHEET, b"</sheetData>", corner)


def repeated(path: Path) -> Path:
    filled = '<table:table-cell table:number-columns-repeated="{}"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="{{}}">{filled}</table:table-row>'
    return packed(
        path, "content.xml", f'{HEAD}<table:table table:name="S">{row.format(10**9, 10**9)}</table:table>{TAIL}'
    )


def bomb(path: Path) -> Path:
    return packed(path, "content.xml", HEAD + " " * (600 << 20) + TAIL)


@pytest.mark.parametrize(
    ("name", "make_file", "words"),
    [
        ("t.xlsx", far, "a cell in row 1,048,576, column 16,384. Allowed: up to 1,048,576 rows of 4,096 columns"),
        ("t.ods", repeated, "a cell in row"),
        ("t.xlsx", lambda path: make(path.parent, {path.name: b"PK"}) / path.name, "not a readable spreadsheet"),
        ("t.ods", lambda path: packed(path, "x", "x"), "not a readable spreadsheet"),
        ("t.xlsx", lambda path: packed(path, "x", "x"), "not a readable spreadsheet"),
        ("t.xlsx", lambda path: xlsx(path, {"S": []}), "no sheet with anything in it"),
        ("t.ods", lambda path: ods(path, {"S": [["a.png", "cat"]]}), "the first row looks like an example"),
    ],
)
def test_spreadsheets_that_are_refused(tmp_path: Path, name: str, make_file: Any, words: str) -> None:
    path = make_file(tmp_path / name)
    with pytest.raises(DataError, match=rf"t\.\w+: {words}"):
        read_sheet(path, name)


def test_a_spreadsheet_that_unpacks_to_more_than_is_allowed_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "_LARGEST_BYTES", 1 << 20)
    path = packed(tmp_path / "t.ods", "content.xml", HEAD + " " * (3 << 20) + TAIL)
    with pytest.raises(DataError, match=r"t\.ods: it unpacks to 3 MiB. Allowed: up to 1 MiB"):
        read_sheet(path, "t.ods")


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_spreadsheets_are_read_or_refused(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, {"S": ROWS})
    whole = path.read_bytes()
    chance = np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        at, to = np.sort(chance.integers(0, len(whole), 2)).tolist()
        flipped = whole[:at] + bytes([chance.integers(256)]) + whole[at + 1 :]
        path.write_bytes([flipped, whole[:to], whole[:at] + whole[to:]][chance.integers(3)])
        try:
            outcomes.add(len(read_sheet(path, name).cells) > 0)
        except DataError as error:
            assert error.where.startswith(name)
            outcomes.add(False)
    assert outcomes == {True, False}


# Lists of JSON


def test_a_list_of_json_objects_is_a_table(tmp_path: Path) -> None:
    told = [{"image": "a.png", "label": "cat", "n": 1}, 7, {"image": "b.png", "label": ["x"], "more": None}]
    data = make(tmp_path / "d", {"examples.json": json.dumps(told, indent=2), "a.png": "x", "b.png": "x"})
    table = open_data(data)
    assert table.answers() == ["cat", '["x"]']
    assert [row.metadata for row in table] == [{"n": "1", "more": ""}, {"n": "", "more": ""}]
    assert table.problems == (RowProblem("examples.json row 2", "not a JSON object: 7"),)
    assert open_data(data / "examples.json").answers() == table.answers()


@pytest.mark.parametrize("content", ['[{"image": "a.png"', "[" * 100_000, '[{"image": 1e999, "x": "\\ud800"}]', "[{}]"])
def test_lists_of_json_that_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError):
        open_data(make(tmp_path / "d", {"t.json": content}) / "t.json")


def test_other_json_beside_classes_is_no_table(tmp_path: Path) -> None:
    files = {"info.json": '{"images": ["a"]}', "list.json": '["a", "b"]', "cat/1.png": "x", "dog/2.png": "x"}
    assert open_data(make(tmp_path / "d", files)).answers() == ["cat", "dog"]
