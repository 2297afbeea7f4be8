"""Pictures for a first try: handwritten digits of four classes, and six pictures that are not among the examples."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from seehear.demo.digits import TEST_EXAMPLES, write_picture

CLASSES = {"one": 1, "two": 2, "three": 3, "four": 4}  # and their digits
ANSWER, SENSES = "label", ("image",)
OF_EACH = 60
PHOTOS = ("flower", "china")  # by vultilion and danielbuechele on Flickr, both CC BY 2.0
PHOTO_SIDE_PX = 160


class DemoPictures(NamedTuple):
    """Folders. `examples` has one folder for each class; `unseen` has pictures to try."""

    examples: Path
    unseen: Path


def make_pictures(folder: Path) -> DemoPictures:
    """Write the pictures. Nothing is downloaded: the scans and photos are part of scikit-learn.

    The unseen digits were written by other people than the examples.
    """
    from sklearn.datasets import load_digits

    made = DemoPictures(folder / "examples", folder / "unseen")
    scans = load_digits()
    pictures, digits = scans.images / scans.images.max(), scans.target
    made.unseen.mkdir(parents=True)
    for name, digit in CLASSES.items():
        (made.examples / name).mkdir(parents=True)
        (known,) = (digits[:-TEST_EXAMPLES] == digit).nonzero()
        for number, row in enumerate(known[:OF_EACH], 1):
            write_picture(made.examples / name / f"{name}-{number:02d}.png", pictures[row])
        (others,) = (digits[-TEST_EXAMPLES:] == digit).nonzero()
        write_picture(made.unseen / f"digit-{digit}.png", pictures[-TEST_EXAMPLES:][others[0]])
    for number, name in enumerate(PHOTOS, 1):
        _write_photo(made.unseen / f"photo-{number}.jpg", name)
    return made


def _write_photo(path: Path, name: str) -> None:
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image(f"{name}.jpg"))
    photo.thumbnail((PHOTO_SIDE_PX, PHOTO_SIDE_PX))
    photo.save(path, quality=90)
