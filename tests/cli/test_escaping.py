"""Names and answers are untrusted: output holds no formulas and no terminal commands, and numbers stay numbers."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import seehear
import tiny
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.exchange import to_csv
from seehear.cli import run
from seehear.escaping import CsvWriter, escape_toml, escape_unprintable, to_json_line
from seehear.runtime.bundle import Bundle, write_bundle
from subprocesses import source_environment

FORMULAS = (
    '=HYPERLINK("http://a/?"&A1,"x")',
    "=1+1",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "|cmd",
    "wren;=1+1",
    "wren; -1+cmd",
    "-",
    "+wren",
    "-1 HYPERLINK(A1)",
    "-1 a!b",
)
COMMANDS = ("\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "a\x00b", "a\rb", "a\x08b", "‮cba", "a\u2028b", "a\nb", "\x7f")
NUMBERS = ("-3.2", "+1", "-1e-05", "-.5", "-3", "0.5", "-3.2 °C (-4 to -2)", "-12 km/h", "-1.5 (-2 to -1)", "-7 %")
BEGINNINGS = "=+-@|\t\r\n＝＋－＠"


def write_and_read(cells: list[Any]) -> list[str]:
    file = io.StringIO(newline="")
    CsvWriter(file).row(cells)
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    return row


@pytest.mark.parametrize("cell", FORMULAS)
def test_formulas_become_text(cell: str) -> None:
    (written,) = write_and_read([cell])
    for part in written.split(";"):
        assert part.strip()[0] not in BEGINNINGS
    assert "'" in written and written.replace("'", "").replace("\\t", "\t").replace("\\r", "\r").replace("\\n", "\n")


@pytest.mark.parametrize("cell", COMMANDS)
def test_terminal_commands_are_escaped(cell: str) -> None:
    (written,) = write_and_read([cell])
    assert written.isprintable() and written.lstrip("'") == escape_unprintable(cell)
    assert to_json_line(cell).isprintable() and json.loads(to_json_line(cell)) == cell


@pytest.mark.parametrize("cell", [*NUMBERS, -3.25, 7, -1, "wren", "Zaunkönig, klein", "a-b", "x=1", "things/a.png", ""])
def test_numbers_and_words_are_unchanged(cell: Any) -> None:
    assert write_and_read([cell, "x"]) == [str(cell), "x"]


@given(st.text(max_size=20))
@settings(max_examples=300)
def test_no_text_begins_like_a_formula(text: str) -> None:
    written = write_and_read([text, "x"])[0]
    assert written.isprintable()
    if written[:1] and written[0] in BEGINNINGS:
        assert math.isfinite(float(written.split(" ")[0])), "a number"


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=5))
@settings(max_examples=200)
def test_escaped_json_and_toml_have_the_same_value(value: Any) -> None:
    text = to_json_line(value)
    assert text.isprintable() and json.loads(text) == value
    toml = tomli_w.dumps({"value": value})
    assert tomllib.loads(escape_toml(toml)) == tomllib.loads(toml)
    assert all(line.isprintable() for line in escape_toml(toml).split("\n"))


def test_lone_surrogates_are_valid_json() -> None:
    assert to_json_line("a\udcff") == '"a\\udcff"'
    assert to_json_line("\U000e0001") == '"\\udb40\\udc01"'


# The others write tables of examples, for training and for export, in which every cell must stay as it is.
MAY_WRITE_CSV = {"escaping.py", "training_data.py", "corrections.py"}


def test_only_escaping_writes_csv() -> None:
    source = Path(seehear.__file__).parent
    wrong = [
        f"{path.relative_to(source)}:{node.lineno}"
        for path in sorted(source.rglob("*.py"))
        if "csv." in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("csv.writer", "csv.DictWriter")
        and path.name not in MAY_WRITE_CSV
    ]
    assert not wrong, "use CsvWriter"


HOSTILE = ('=HYPERLINK("http://a")', "\x1b[2J\x9bm")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    answer = {"classes": HOSTILE, "several": False, "counts": (10, 10)}
    bundle = tiny.bundle(answer=answer)
    write_bundle(Path("m.seehear"), Bundle(bundle.recipe, bundle.model, bundle.weights, f"# {HOSTILE[1]}\n"))
    for name, brightness in (("=1+1", 0.02), ("@b\x1b[2J", 0.98), ("-c", 0.98)):
        Image.fromarray(tiny.picture(brightness)[..., 0]).save(f"{name}.png")
    return tmp_path


def test_predictions_hold_no_formulas_and_no_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["=1+1.png", "@b\x1b[2J.png", "./-c.png", "=missing.png"]
    for json_flag in ([], ["--json"]):
        assert run(["predict", "m.seehear", *names, "--out", "out", *json_flag]) == 1
        captured = capsys.readouterr()
        assert all(line.isprintable() for line in (captured.out + captured.err).splitlines())
    table = (here / "out/predictions.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(table, newline="")))
    assert [row[0] for row in rows[1:]] == ["'=1+1.png", "'@b\\x1b[2J.png", "'-c.png", "'=missing.png"]
    assert all(cell.isprintable() and cell[:1] not in [*"=+@-"] for row in rows for cell in row)
    lines = (here / "out/predictions.jsonl").read_text().splitlines()
    assert all(line.isprintable() for line in lines)
    assert [json.loads(line)["input"] for line in lines] == [str(Path(name)) for name in names]


def test_tables_of_boxes_hold_no_formulas_and_no_commands(here: Path) -> None:
    boxes = [Box(label=label, xyxy=(-1.0, 0.0, 5.0, 5.0), confidence=0.5, accepted=True) for label in HOSTILE]
    rows = list(csv.reader(io.StringIO(to_csv(boxes))))
    assert rows[1][:2] == ["'" + HOSTILE[0], "-1.0"] and rows[2][0].isprintable()


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_hostile_card_does_not_reach_the_terminal(
    here: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert run(["show", "m.seehear", *flags]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


NATIVE = """
import ctypes, sys
from seehear import api, cli
load = api.load

def load_with_output(path, listen):
    libc = ctypes.CDLL(None)
    libc.puts(b"native words")
    libc.fflush(None)
    return load(path, listen=listen)

api.load = load_with_output
cli.main()
"""


def test_stdout_carries_only_results(here: Path) -> None:
    environment = source_environment()
    command = [sys.executable, "-c", NATIVE, "predict", "m.seehear", "=1+1.png", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert [json.loads(line)["input"] for line in done.stdout.splitlines()] == ["=1+1.png"]
    assert "native words" in done.stderr
