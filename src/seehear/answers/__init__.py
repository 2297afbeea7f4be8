"""The kinds of answer, in one table."""

from __future__ import annotations

from seehear.answers.boxes import BoxesKind
from seehear.answers.capabilities import Concatenation as Concatenation
from seehear.answers.items import ItemCount as ItemCount
from seehear.answers.items import Items as Items
from seehear.answers.kind import Answer as Answer
from seehear.answers.kind import AnswerKind as AnswerKind
from seehear.answers.kind import AnyKind as AnyKind
from seehear.answers.kind import Arrays as Arrays
from seehear.answers.kind import Decoder as Decoder
from seehear.answers.kind import Headline as Headline
from seehear.answers.kind import RunDecoder as RunDecoder
from seehear.answers.kind import Shape as Shape
from seehear.answers.kind import TileOutput as TileOutput
from seehear.answers.kind import Tracker as Tracker
from seehear.answers.label import LabelKind
from seehear.answers.mask import MaskKind
from seehear.answers.score import ScoreKind
from seehear.answers.text import TextKind

_KINDS: tuple[AnyKind, ...] = (LabelKind(), ScoreKind(), TextKind(), BoxesKind(), MaskKind())

ANSWERS: dict[str, AnyKind] = {kind.name: kind for kind in _KINDS}
