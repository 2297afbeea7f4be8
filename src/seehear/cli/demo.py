"""`seehear demo`."""

from __future__ import annotations


def demo() -> None:
    """Watch it learn digits, seen and heard."""
