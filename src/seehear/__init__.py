"""Train a model on a few hundred pictures or recordings of your own. It says "I don't know" rather than guess.

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
    from seehear.api import Recogniser, compare, load, train
    from seehear.errors import SeehearError
    from seehear.projects import Project
    from seehear.runtime.prediction import Prediction

__version__ = "0.2.0"

# Imported on first use, so that `import seehear` is quick and loads nothing that is not used.
_MODULES = {
    "Boxes": "seehear.answers.boxes",
    "Label": "seehear.answers.label",
    "Mask": "seehear.answers.mask",
    "Prediction": "seehear.runtime.prediction",
    "Project": "seehear.projects",
    "Recogniser": "seehear.api",
    "Score": "seehear.answers.score",
    "SeehearError": "seehear.errors",
    "Text": "seehear.answers.text",
    "compare": "seehear.api",
    "load": "seehear.api",
    "train": "seehear.api",
}

__all__ = [
    "Boxes",
    "Label",
    "Mask",
    "Prediction",
    "Project",
    "Recogniser",
    "Score",
    "SeehearError",
    "Text",
    "__version__",
    "compare",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'seehear' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
