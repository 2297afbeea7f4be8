"""What a training is doing, in words for somebody who never trained anything."""

from __future__ import annotations

WORDS = {
    "checking": "it looks whether anything is wrong with the examples",
    "reading": "it reads the examples",
    "training": "it learns",
    "training the last layer": "it learns to tell your kinds apart with what it has seen or heard before",
    "answering unlabelled examples": "it answers examples without an answer, to learn from those it is sure of",
    "transcribing before training": "it transcribes before it has learned, to see afterwards how much that helped",
    "calibrating": "it is asked about what was put aside, to find out when it may be sure",
    "preparing the export": "the file that will answer is prepared",
    "estimating time": "it finds out how much time each step takes",
    "trying recipes": "it learns in several ways, to keep the one that works best",
    "evaluating": "it is asked about what it did not learn from",
    "stress tests": "it is asked about darker, noisier and blurred ones",
}
STARTING, OTHER = "it starts", "it works"


def describe_task(task: str) -> str:
    """A task of a training as a sentence without its end; "" is one that has not begun."""
    return WORDS.get(task, OTHER) if task else STARTING
