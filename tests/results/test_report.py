"""The report is one page that needs no other file, and it escapes every name."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

from seehear.answers import ANSWERS, Items, fonts
from seehear.answers.figure import Plot
from seehear.answers.label import Label, LabelSpec
from seehear.answers.score import Score, ScoreSpec
from seehear.measure.evaluate import evaluate
from seehear.results.report import write_report
from seehear.results.report.plots import Mistake, plot_risk_coverage, tile_mistakes
from seehear.table import RowProblem

LABEL, SCORE = ANSWERS["label"], ANSWERS["score"]
EVIL = '<script>alert("1")</script>'
SPEC = LabelSpec(classes=("no", EVIL), several=False, counts=(5, 5))


class Page(HTMLParser):
    """The tags and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]


def evaluate_labels():
    answers = [Label((EVIL,), confidence=0.9, probabilities=(0.1, 0.9))] * 10
    truths = [Label((EVIL,))] * 8 + [Label(("no",))] * 2
    skipped = [RowProblem(EVIL, "is cut off", "replace it")]
    return evaluate(LABEL, SPEC, answers, truths, accepted=[True] * 10, skipped=skipped), answers, truths


def test_the_page_stands_alone_and_escapes_every_name(tmp_path):
    evaluation, answers, truths = evaluate_labels()
    picture = Image.new("L", (8, 8), 128)
    worst = [Mistake(f"{EVIL}/{i}\udce4.png", (picture,), answers[i], truths[i]) for i in evaluation.worst()]
    page = write_report(tmp_path / "new" / "report", evaluation, LABEL, SPEC, worst).read_text("utf-8")
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert parsed.tags.count("img") == 4
    assert all(link.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for link in parsed.links)
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("&lt;script&gt;") >= 5
    assert "The model answers with one of 2 classes: no (5), " in page
    assert "{{" not in page and "{%" not in page
    files = {"index.html", "answers.png", "reliability.png", "risk-coverage.png", "mistakes.jpg"}
    assert {path.name for path in (tmp_path / "new" / "report").iterdir()} == files


def test_groups_are_listed_and_their_names_escaped(tmp_path):
    _, answers, truths = evaluate_labels()
    metadata = {EVIL: ["f"] * 50 + ["x & y"] * 10 + [EVIL] * 40, "site": ["here", "there"] * 50}
    evaluation = evaluate(
        LABEL, SPEC, answers * 10, sorted(truths * 10, key=str), accepted=[True] * 100, metadata=metadata
    )
    page = write_report(tmp_path, evaluation, LABEL, SPEC, []).read_text("utf-8")
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert f"<b>{escape(EVIL)}</b>: more answers are wrong for {escape(EVIL)}, 50 %, than for" in page
    assert "x &amp; y" in page
    assert page.count('<div class="interval">') == 5  # a bar for each group


def test_groups_without_significant_differences_are_not_called_equal(tmp_path):
    _, answers, truths = evaluate_labels()
    evaluation = evaluate(LABEL, SPEC, answers, truths, accepted=[True] * 10, metadata={"sex": ["f", "m"] * 5})
    page = write_report(tmp_path, evaluation, LABEL, SPEC, []).read_text("utf-8")
    assert "With few examples, that does not mean that the groups are equal" in page


@pytest.mark.parametrize(("n", "accepted"), [(1, False), (12, True)])
def test_scores_without_mistakes_are_reported(tmp_path, n, accepted):
    spec = ScoreSpec(unit="cm", mean=5, spread=2, low=0, high=10, tolerance=1)
    numbers = np.linspace(0, 10, n)
    answers = [Score(x + 0.1, "cm", x - 1, x + 1, confidence=0.6) for x in numbers]
    truths = [Score(x, "cm", x, x) for x in numbers]
    evaluation = evaluate(SCORE, spec, answers, truths, accepted=[accepted] * n)
    page = write_report(tmp_path, evaluation, SCORE, spec, []).read_text("utf-8")
    assert "a number in cm" in page
    assert "Worst mistakes" not in page
    assert not (tmp_path / "mistakes.jpg").exists()
    assert "unknown" not in page
    assert page.count("<div><b>") == (3 if accepted else 2)


@pytest.mark.parametrize(("mode", "size"), [("L", (1, 4000)), ("P", (4000, 1)), ("I;16", (1, 1)), ("RGBA", (300, 200))])
@pytest.mark.parametrize("pictures", [1, 2])
def test_any_picture_and_any_name_fit_the_tile_mistakes(mode, size, pictures):
    name = "bad \udce4 name\n\x00" + "long" * 1000
    tiles = tile_mistakes([Mistake(name, (Image.new(mode, size),) * pictures, Label((name,)), Label(("no",)))])
    assert tiles.width < 1000


def test_the_risk_coverage_curve_stays_in_its_frame(monkeypatch):
    assert plot_risk_coverage(Items.from_answers(np.zeros(0), np.zeros(0, bool)), coverage=0.0).width > 0
    curves = []
    monkeypatch.setattr(Plot, "curve", lambda plot, xs, ys, **_: curves.append((plot.y.high, max(ys))))
    right = np.arange(60) > 0  # the most confident one is wrong
    plot_risk_coverage(Items.from_answers(np.linspace(0.9, 0.1, 60), right), coverage=0.5)
    assert all(highest <= top for top, highest in curves)


def test_letters_are_those_of_the_first_font_that_has_them_all():
    font, text = fonts.choose_font("Ka\u0308tzchen", 12)
    assert font.getlength(text) > 0
    assert text == ("Katzchen" if fonts._available_fonts() == (fonts.PILLOW_FONT,) else "Kätzchen")


def test_letters_that_no_font_has_are_replaced_by_the_nearest(monkeypatch):
    monkeypatch.setattr(fonts, "_available_fonts", lambda: (fonts.PILLOW_FONT,))
    assert fonts.choose_font("Kätzchen", 12)[1] == "Katzchen"
    assert fonts.choose_font("a\u2192b \u732b\x00\udce4", 12)[1] == "a?b ???"
    assert fonts.truncate("Kätzchen " * 20, 80, 12).endswith("...")
