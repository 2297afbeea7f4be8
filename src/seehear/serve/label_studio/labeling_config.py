"""Reads the labeling config of a project: which control takes which answers, about which file of a task.

    <View>
      <Image name="img" value="$image"/>
      <Choices name="bird" toName="img"><Choice value="owl"/><Choice value="wren"/></Choices>
    </View>

See https://labelstud.io/guide/setup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from seehear.errors import UsageError
from seehear.strict_xml import from_xml

WHERE = "the labeling config"
MOST_CHARACTERS = 1 << 20
MEDIA = {"image": "picture", "audio": "recording", "audioplus": "recording", "video": "video"}  # by the tag's name


@dataclass(frozen=True)
class FileTag:
    """A tag that shows a file. `field` is where the data of a task name it."""

    name: str
    medium: str
    field: str


@dataclass(frozen=True)
class Control:
    """A tag that takes answers.

    kind      the name of the tag in lower case, such as rectanglelabels
    to_names  the tags that its answers are about
    values    of its labels or choices; () if each task has its own
    """

    name: str
    kind: str
    to_names: Sequence[str]
    values: Sequence[str]


@dataclass(frozen=True)
class LabelingConfig:
    """The tags by their names, in the order of the config."""

    files: Mapping[str, FileTag]
    controls: Mapping[str, Control]


def read_config(text: str) -> LabelingConfig:
    """Raises UsageError for what is not a labeling config."""
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{len(text):,} characters", where=WHERE, allowed=f"up to {MOST_CHARACTERS:,}")
    try:
        root = from_xml(text)
    except ValueError as error:
        raise UsageError(str(error), where=WHERE) from None
    files: dict[str, FileTag] = {}
    controls: dict[str, Control] = {}
    for tag in root.iter():
        name, kind, value = tag.get("name", ""), str(tag.tag).lower(), tag.get("value", "")
        if kind in MEDIA and value.startswith("$"):
            files[name] = FileTag(name, MEDIA[kind], value[1:])
        elif name and tag.get("toName"):
            names = [each.strip() for each in tag.get("toName", "").split(",")]
            controls[name] = Control(name, kind, names, _values(tag))
    return LabelingConfig(files, controls)


def _values(control: ElementTree.Element) -> Sequence[str]:
    """What Label Studio stores for each label or choice: its alias, if it has one."""
    inner = (each for each in control.iter() if each is not control and str(each.tag).lower() in ("choice", "label"))
    given = (each.get("alias") or each.get("value") or "" for each in inner)
    return [value for value in given if value and not value.startswith("$")]
