"""Teach a computer to see and hear, from your own few hundred examples, and let it say when it does not know.

import seehear
model = seehear.train("birds/", minutes=5)
print(model.predict("unknown.wav"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seehear.answers.boxes import Boxes
    from seehear.answers.label import Label
    from seehear.answers.mask import Mask
    from seehear.answers.score import Score
    from seehear.answers.text import Text
    from seehear.api import Recogniser, load, train
    from seehear.errors import SeehearError
    from seehear.runtime.prediction import Prediction

__version__ = "0.2.0"

# Looked up when first asked for, so that importing seehear is quick and loads nothing that is not used.
_ROOMS = {
    "Boxes": "seehear.answers.boxes",
    "Label": "seehear.answers.label",
    "Mask": "seehear.answers.mask",
    "Prediction": "seehear.runtime.prediction",
    "Recogniser": "seehear.api",
    "Score": "seehear.answers.score",
    "SeehearError": "seehear.errors",
    "Text": "seehear.answers.text",
    "load": "seehear.api",
    "train": "seehear.api",
}

__all__ = [
    "Boxes",
    "Label",
    "Mask",
    "Prediction",
    "Recogniser",
    "Score",
    "SeehearError",
    "Text",
    "__version__",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"seehear has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
