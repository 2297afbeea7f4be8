"""The colours and letters of classes: distinct letters, readable, and unchanged when classes are added."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seehear.answers.class_marks import COLOURS, contrast, mark_classes

NAMES = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=30)


def test_a_class_has_its_first_letter_unless_another_has_it() -> None:
    letters = [mark.letters for mark in mark_classes(["red cell", "white cell", "ring form", "rod", "r", "!", "7 up"])]
    assert letters == ["R", "W", "RI", "RO", "R2", "?", "7"]


@given(NAMES)
def test_no_two_classes_have_the_same_letters(names: list[str]) -> None:
    assert len({mark.letters for mark in mark_classes(names)}) == len(names)


@given(NAMES, NAMES)
def test_a_mark_stays_when_classes_are_added(names: list[str], more: list[str]) -> None:
    all_of_them = list(dict.fromkeys([*names, *more]))
    assert mark_classes(all_of_them)[: len(names)] == mark_classes(names)


def test_letters_can_be_read_on_every_colour() -> None:
    for mark in mark_classes([str(number) for number in range(len(COLOURS))]):
        assert contrast(mark.ink, mark.colour) >= 4.5
