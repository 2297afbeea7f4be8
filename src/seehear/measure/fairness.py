"""The part of the report that tells whether a recogniser serves some groups worse than others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from seehear.measure.groups import Group, Grouping
from seehear.measure.html import Html, table
from seehear.measure.scored_answers import SHARES

DRAWN = "wrong"  # the figure that is shown as a bar, too
ALIKE = (
    "No two groups lie further apart than chance explains. With few examples that does not show that they are alike: "
    "look how far the bars reach."
)
HOW = (
    "Behind each figure its 95 % interval. The dot shows how many of 100 are wrong, the bar its interval, the line how "
    "many of all examples are. Examples of one person are alike: a group of few people may lie beyond its bar."
)


def fairness(groups: Mapping[str, Grouping], wrong: float) -> str:
    """What differs in sentences, then a table for each column of metadata; `wrong` is the share of all examples."""
    apart = [f"<li><b>{escape(column)}</b>: {escape(s)}" for column, g in groups.items() for s in g.differences()]
    found = f"<ul>{''.join(apart)}</ul>" if apart else f"<p>{ALIKE}</p>"
    tables = "".join(_grouping(grouping, wrong) for grouping in groups.values())
    return f"<div class=groups>{found}{tables}<p><small>{HOW}</small></p></div>"


def _grouping(grouping: Grouping, wrong: float) -> str:
    head = ("", "examples", grouping.headline, "wrong of 100", "", "accepted", "of those wrong")
    few = f"<p><small>Too few to tell: {escape(grouping.few())}.</small></p>" if grouping.few() else ""
    return f"<h3>{escape(grouping.heading())}</h3>{table(head, _rows(grouping, wrong))}{few}"


def _rows(grouping: Grouping, wrong: float) -> Iterator[tuple[str, ...]]:
    told = grouping.told()
    furthest = max(wrong, *(group.intervals[DRAWN][1] for group in told.values()))
    for value, group in told.items():
        headline, share, itself, of_those = (_figure(*group.words(name)) for name in (grouping.headline, *SHARES))
        yield value, f"{group.n:,}", headline, share, _bar(group, wrong, furthest), itself, of_those


def _figure(figure: str, interval: str) -> Html:
    return Html(f"{figure} <small>{interval}</small>")


def _bar(group: Group, wrong: float, furthest: float) -> Html:
    """Across a cell, which is as wide as the furthest that there is."""
    low, high = group.intervals[DRAWN]
    figure, start, length, of_all = (
        f"{100 * share / furthest:.1f}%" for share in (group.metrics[DRAWN], low, high - low, wrong)
    )
    return Html(
        f'<div class=reach><u style="left:{of_all}"></u><i style="left:{start};width:{length}"></i>'
        f'<b style="left:{figure}"></b></div>'
    )
