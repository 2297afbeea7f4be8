"""DICOM pictures as a radiologist's screen shows them. Clauses are those of PS3.3 of the standard."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.sight.limits import check_size

Pixels = NDArray[np.uint8]

_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax that inflates without bounds, hardly used for pictures
_META_BYTES = 4096  # where a file's own description of itself lies

# As for Pillow in read.py: pydicom warns of odd metadata in pictures that decode well.
warnings.filterwarnings("ignore", module=r"pydicom\.")


def read_dicom(data: bytes) -> Pixels:
    """The bytes of a DICOM file -> (H, W, 1 | 3): its first frame, windowed, white always the brighter end."""
    try:
        from pydicom import dcmread
        from pydicom.pixels.processing import apply_color_lut
        from pydicom.pixels.utils import pixel_array
    except ImportError:
        raise InputError("a DICOM picture needs pydicom", hint="pip install 'seehear[dicom]'") from None

    if _DEFLATED in data[:_META_BYTES]:
        raise InputError("a deflated DICOM file", hint="save it with another transfer syntax")
    dataset = dcmread(BytesIO(data))
    _check(dataset)
    frame = pixel_array(dataset, index=0)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        coloured = apply_color_lut(frame, dataset)
        return _scaled(coloured / np.iinfo(coloured.dtype).max)
    if frame.ndim == 3:
        return _scaled(frame / (2 ** int(dataset.BitsStored) - 1))
    grey = _scaled(_windowed(frame, dataset))[:, :, None]
    return np.uint8(255) - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _check(dataset: Any) -> None:
    if "Rows" not in dataset or "Columns" not in dataset or "PixelData" not in dataset:
        raise InputError(f"a DICOM file without a picture (modality {dataset.get('Modality', 'unknown')})")
    check_size(int(dataset.Columns), int(dataset.Rows))


def _scaled(unit: NDArray[Any]) -> Pixels:
    scaled: Pixels = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    return scaled


def _windowed(frame: NDArray[Any], dataset: Any) -> NDArray[Any]:
    """Modality LUT, then VOI LUT or window (C.11.1, C.11.2) -> about 0..1.

    Where there is neither, the picture's least and greatest value become 0 and 1.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    values = apply_modality_lut(frame, dataset)
    if "VOILUTSequence" in dataset:
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        unit: NDArray[Any] = apply_voi(values, dataset) / (2**bits - 1)
    elif "WindowCenter" in dataset and "WindowWidth" in dataset:
        unit = _window(values.astype(np.float64), dataset)
    else:
        least, greatest = float(values.min()), float(values.max())
        unit = (values - least) / max(greatest - least, 1e-9)
    return unit


def _window(values: NDArray[np.float64], dataset: Any) -> NDArray[np.float64]:
    """The first window given: formulas of C.11.2.1.2.1 and C.11.2.1.3."""
    centre, width = (_first(dataset[tag].value) for tag in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction", "LINEAR"))
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    return (values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5


def _first(value: Any) -> float:
    return float(value if isinstance(value, (int, float, str)) else value[0])
