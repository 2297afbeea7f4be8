"""The curves of a stress test as one picture: a small plot for each corruption."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from seehear.answers.figure import BLUE, FAINT, GRID, INK, RED, Canvas, text_width
from seehear.measure.stress import FALSE_ACCEPTANCE, Curve, Stress

GREEN, VIOLET = "#2f855a", "#7c3aed"
COLUMNS, WIDTH, HEIGHT, GAP = 4, 208, 150, 16  # CSS pixels
LEFT, TOP, BOTTOM = 34, 26, 24  # of one plot
LEGEND_HEIGHT = 26


@dataclass(frozen=True)
class Line:
    """One line of every plot: the values of a metric by level, as shares of one."""

    label: str
    colour: str
    metric: str


ACCEPTANCE = (
    Line("accepted", GREEN, "coverage"),
    Line("wrong if accepted", RED, "accepted_error"),
    Line("accepted if wrong", VIOLET, FALSE_ACCEPTANCE),
)


def plot_stress(stress: Stress) -> Image.Image:
    """By amount of each corruption: the share of the headline metric that is kept, and what is accepted."""
    rows = -(-len(stress.curves) // COLUMNS)
    columns = min(COLUMNS, len(stress.curves))
    canvas = Canvas(max(560, GAP + columns * (WIDTH + GAP)), LEGEND_HEIGHT + GAP + rows * (HEIGHT + GAP))
    kept = Line(f"{stress.headline.metric} kept", BLUE, stress.headline.metric)
    _draw_legend(canvas, (kept, *ACCEPTANCE))
    for number, (name, curve) in enumerate(stress.curves.items()):
        corner = GAP + number % COLUMNS * (WIDTH + GAP), LEGEND_HEIGHT + GAP + number // COLUMNS * (HEIGHT + GAP)
        panel = _Panel(canvas, corner, len(curve.levels))
        panel.draw_axes(name, curve)
        panel.draw_line([1.0, *stress.kept(curve)], BLUE)
        for line in ACCEPTANCE:
            clean = stress.clean.metrics.get(line.metric, math.nan)
            panel.draw_line([clean, *curve.values(line.metric)], line.colour)
    return canvas.to_image()


@dataclass(frozen=True)
class _Panel:
    """One small plot: uncorrupted at the left, then the levels at equal distances."""

    canvas: Canvas
    corner: tuple[float, float]
    levels: int

    def at(self, level: float, share: float) -> tuple[float, float]:
        x, y = self.corner
        across = x + LEFT + level / self.levels * (WIDTH - LEFT - 8)
        return across, y + TOP + (1 - min(1.0, max(0.0, share))) * (HEIGHT - TOP - BOTTOM)

    def draw_axes(self, name: str, curve: Curve) -> None:
        x, y = self.corner
        self.canvas.text((x, y + 10), name, size=11, color=INK)
        for share in (0.0, 0.5, 1.0):
            self.canvas.line([self.at(0, share), self.at(self.levels, share)], color=GRID)
            self.canvas.text(
                (x + LEFT - 6, self.at(0, share)[1]), f"{100 * share:g} %", size=9, color=FAINT, anchor="rm"
            )
        taken: list[tuple[float, float]] = []
        for level in (self.levels, 1, (self.levels + 1) // 2):
            label = curve.levels[level - 1].amount
            half = text_width(label, 9) / 2
            across = min(max(self.at(level, 0)[0], x + LEFT), x + WIDTH - half)
            if all(across + half < left or right < across - half for left, right in taken):
                self.canvas.text((across, y + HEIGHT - BOTTOM + 11), label, size=9, color=FAINT, anchor="mm")
                taken.append((across - half, across + half))

    def draw_line(self, shares: Iterable[float], colour: str) -> None:
        """Joins the known shares; unknown ones are left out."""
        points = [self.at(level, share) for level, share in enumerate(shares) if not math.isnan(share)]
        if len(points) > 1:
            self.canvas.line(points, color=colour, width=1.5)
        for point in points:
            self.canvas.dot(point, radius=2, color=colour)


def _draw_legend(canvas: Canvas, lines: Iterable[Line]) -> None:
    across = float(GAP)
    for line in lines:
        canvas.line([(across, LEGEND_HEIGHT / 2), (across + 18, LEGEND_HEIGHT / 2)], color=line.colour, width=2)
        canvas.text((across + 24, LEGEND_HEIGHT / 2), line.label, size=11)
        across += 24 + text_width(line.label, 11) + 20
