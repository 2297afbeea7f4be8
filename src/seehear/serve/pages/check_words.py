"""What a check found, in the words of the pages: what it is, and why it matters to somebody new to training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from seehear.amounts import conjugate, format_count
from seehear.check import Concern, Finding
from seehear.serve.pages.rendering import to_sentence

NAMED = 5  # kinds in a sentence
LEAKS, CONTRADICTIONS, MISSING = "leaks between parts", "contradicting answers", "classes missing in "


class Words(NamedTuple):
    """A heading, and what it means."""

    heading: str
    meaning: str


def describe_finding(finding: Finding) -> Words:
    """The words for a finding; its own sentence for those that need no others."""
    describe = _DESCRIBED.get(finding.kind)
    if describe is not None:
        return describe(finding)
    if finding.kind.startswith(MISSING):
        return _describe_missing(finding)
    heading, _, rest = finding.sentence.partition(": ")
    meaning = next((words for ending, words in _MEANINGS.items() if finding.kind.endswith(ending)), "")
    return Words(_start(heading), meaning or (to_sentence(rest) if rest and not finding.concerns else ""))


def describe_concern(finding: Finding, concern: Concern) -> str:
    """Why one example is named."""
    if finding.kind == LEAKS:  # the reason ends with the part of the other one
        return f"{concern.reason.rpartition(' in ')[0]}, which is put aside"
    return concern.reason


def _describe_repeats(finding: Finding) -> Words:
    return Words(
        f"{format_count(len(finding.concerns), 'example')} {conjugate('repeats', len(finding.concerns))} another",
        "It learns nothing new from them. If one of them is put aside, it also looks better than it is. Keep them if "
        "they only look alike.",
    )


def _describe_leaks(finding: Finding) -> Words:
    count = int(finding.figures["groups"])
    verb = conjugate("is", count)
    return Words(
        f"{format_count(count, 'example')} that {verb} put aside {verb} also among those it learns from",
        "What is put aside shows how good it is. It must not learn from the same, or it looks better than it is.",
    )


def _describe_contradictions(finding: Finding) -> Words:
    count = int(finding.figures["groups"])
    return Words(
        f"{format_count(count, 'example')} {conjugate('is', count)} there with different answers",
        "It cannot learn which of them is right. Open them, and give both the same answer.",
    )


def _describe_shared(finding: Finding) -> Words:
    heading, _, _ = finding.sentence.partition(": ")
    return Words(
        _start(heading.replace(" in the table", " there")),
        "All examples of one group are kept together, so that it is asked about groups it has never met. These are in "
        "two.",
    )


def _describe_small(finding: Finding) -> Words:
    return Words(
        f"There are few examples of {_name(finding.figures)}",
        "From fewer than 10 it hardly learns a kind, and nobody can tell how well. 20 of each are a good beginning.",
    )


def _describe_imbalance(finding: Finding) -> Words:
    heading, _, _ = finding.sentence.partition(": ")
    return Words(
        heading,
        "It could be right most of the time and still never find what is rare. More examples of the rare kind help.",
    )


def _describe_missing(finding: Finding) -> Words:
    named = _name(dict.fromkeys(finding.figures, 0.0))
    if finding.kind.removeprefix(MISSING) == "train":
        return Words(f"There is nothing to learn {named} from", "All examples of it are put aside. Add some more.")
    return Words(f"No example of {named} is put aside", "So nobody can tell afterwards how well it knows it. Add some.")


def _describe_shortcut(finding: Finding) -> Words:
    heading, _, rest = finding.sentence.partition(": ")
    shares, _, _ = rest.partition(";")
    return Words(
        _start(heading),
        f"{to_sentence(shares)} It may learn that instead of what you mean, and fail as soon as it differs. Add "
        "examples in which it does.",
    )


_DESCRIBED: Mapping[str, Callable[[Finding], Words]] = {
    "duplicates": _describe_repeats,
    LEAKS: _describe_leaks,
    CONTRADICTIONS: _describe_contradictions,
    "shared between groups": _describe_shared,
    "small classes": _describe_small,
    "imbalance": _describe_imbalance,
    "shortcut": _describe_shortcut,
}
_LOOK = "Look at them: if a person can hardly tell what it is, it learns little from them."
_MEANINGS = {  # by what kinds of findings that list their examples end with
    "personal data": "It is not in the model, but in the files: whoever gets them can read it.",
    "picture": _LOOK,
    "recording": _LOOK,
    "video": _LOOK,
}


def _name(figures: Mapping[str, float]) -> str:
    """Kinds with their numbers, the fewest first: 'crack' (3) and 'knot' (7)."""
    ordered = sorted(figures.items(), key=lambda item: item[1])
    named = [f"{name!r}" + (f" ({count:.0f})" if count else "") for name, count in ordered[:NAMED]]
    if len(ordered) > NAMED:
        return f"{', '.join(named)} and {len(ordered) - NAMED} more kinds"
    return f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]


def _start(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
