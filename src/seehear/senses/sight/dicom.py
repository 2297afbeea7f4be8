"""Read DICOM pictures as a radiology viewer shows them. Clause numbers refer to PS3.3 of the standard."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.sight.limits import check_size

Pixels = NDArray[np.uint8]
Tone = Callable[[NDArray[Any]], NDArray[Any]]  # rows of a frame -> values to clip to 0 to 1

AT_ONCE = 1 << 20  # pixels per step

_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax with unbounded inflation, rare for pictures
_ENDINGS = (".dcm", ".dicom", "")
_PATIENT_ID, _PATIENT_ADDRESS = 0x00100020, 0x00101040
_PERSONAL = {"PatientName": "name", "PatientBirthDate": "date of birth", "PatientAddress": "address"}
_HEAD_BYTES = 1 << 20  # the patient ID comes after a few short elements; the bound protects from bombs
_META_BYTES = 4096  # holds the file meta information

# As for Pillow in read.py: pydicom warns about odd metadata in valid pictures.
warnings.filterwarnings("ignore", module=r"pydicom\.")


def check_pydicom() -> None:
    if find_spec("pydicom") is None:
        raise InputError("a DICOM picture needs pydicom", hint="pip install 'seehear[dicom]'")


def read_dicom(file: BinaryIO) -> Pixels:
    """An open DICOM file -> (H, W, 1 | 3): its first frame, windowed; MONOCHROME1 is inverted."""
    check_pydicom()
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array

    file.seek(0)
    if _DEFLATED in file.read(_META_BYTES):
        raise InputError("a deflated DICOM file", hint="save it with another transfer syntax")
    file.seek(0)
    dataset = dcmread(file)
    _check_dataset(dataset)
    frame = pixel_array(dataset, index=0)
    del dataset.PixelData  # frees as much memory as the frame
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return _apply_tone(frame, partial(_apply_palette, dataset=dataset), channels=3)
    if frame.ndim == 3:
        white = 2 ** int(dataset.BitsStored) - 1
        return _apply_tone(frame, lambda rows: rows / white, channels=frame.shape[2])
    grey = _apply_tone(frame[:, :, None], _choose_tone(frame, dataset), channels=1)
    return np.subtract(255, grey, out=grey) if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def may_be_dicom(file: Path) -> bool:
    """Whether the file name allows it; scanners often write numbers without an extension."""
    return file.suffix.lower() in _ENDINGS


def read_patient_code(file: Path) -> str:
    """A code for the patient ID (0010,0020) of a DICOM file, the same for all files of a patient; "" if there is none.

    Codes keep the pictures of one person together without putting names into reports.
    """
    dataset = _read_until(file, _PATIENT_ID)
    named = "" if dataset is None else str(dataset.get("PatientID") or "").strip()
    return hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=6).hexdigest() if named else ""


def read_personal_kinds(file: Path) -> list[str]:
    """The kinds of personal data in a DICOM file (PS3.15, annex E): "the name of the patient"."""
    dataset = _read_until(file, _PATIENT_ADDRESS)
    present = [] if dataset is None else [kind for name, kind in _PERSONAL.items() if str(dataset.get(name) or "")]
    return [f"the {kind} of the patient" for kind in present]


def _read_until(file: Path, last: int) -> Any:
    """The elements of a DICOM file up to a tag; None for a file that is damaged or another, or without pydicom."""
    try:
        from pydicom.filereader import read_partial
    except ImportError:
        return None
    try:
        with file.open("rb") as content:
            head = content.read(_HEAD_BYTES)
        if _DEFLATED in head[:_META_BYTES] or head[128:132] != b"DICM":
            return None
        return read_partial(BytesIO(head), stop_when=lambda tag, *_: tag > last)
    except Exception:  # damaged files are reported when they are read
        return None


def _check_dataset(dataset: Any) -> None:
    if "Rows" not in dataset or "Columns" not in dataset or "PixelData" not in dataset:
        raise InputError(f"a DICOM file without a picture (modality {dataset.get('Modality', 'unknown')})")
    check_size(int(dataset.Columns), int(dataset.Rows))


def _apply_tone(frame: NDArray[Any], tone: Tone, channels: int) -> Pixels:
    """(H, W, channels): apply `tone`, clip, and convert to 8 bits, some rows at a time, as float64 needs 8 times the
    memory."""
    pixels = np.empty((*frame.shape[:2], channels), np.uint8)
    for rows in _split_rows(frame):
        pixels[rows] = np.rint(np.clip(tone(frame[rows]), 0, 1) * 255)
    return pixels


def _split_rows(frame: NDArray[Any]) -> list[slice]:
    """Slices of rows of about AT_ONCE pixels each."""
    height, width = frame.shape[:2]
    step = max(1, AT_ONCE // width)
    return [slice(top, top + step) for top in range(0, height, step)]


def _apply_palette(rows: NDArray[Any], dataset: Any) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_color_lut

    coloured = apply_color_lut(rows, dataset)
    return coloured / np.iinfo(coloured.dtype).max


def _choose_tone(frame: NDArray[Any], dataset: Any) -> Tone:
    """Modality LUT, then VOI LUT or window (C.11.1, C.11.2) -> about 0 to 1.

    Without either, minimum and maximum of the picture become 0 and 1.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    values = partial(apply_modality_lut, ds=dataset)
    if "VOILUTSequence" in dataset:
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return lambda rows: apply_voi(values(rows), dataset) / (2**bits - 1)
    if "WindowCenter" in dataset and "WindowWidth" in dataset:
        return lambda rows: _window(values(rows).astype(np.float64), dataset)
    extremes = np.array(
        [[np.min(shown), np.max(shown)] for rows in _split_rows(frame) for shown in [values(frame[rows])]]
    )
    least, greatest = float(extremes[:, 0].min()), float(extremes[:, 1].max())
    return lambda rows: (values(rows) - least) / max(greatest - least, 1e-9)


def _window(values: NDArray[np.float64], dataset: Any) -> NDArray[np.float64]:
    """Apply the first window: formulas of C.11.2.1.2.1 and C.11.2.1.3."""
    centre, width = (_first(dataset[tag].value) for tag in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction", "LINEAR"))
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    return (values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5


def _first(value: Any) -> float:
    return float(value if isinstance(value, (int, float, str)) else value[0])
