from __future__ import annotations

import io
import os
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from malformed_corpus import SEEDS, encoded, filmed, heic, held_upright, patched, picture, seed
from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.file_type import detect_file_type
from seehear.senses.sight import SIGHT, pillow_plugins
from seehear.senses.sight.limits import MOST_PIXELS
from seehear.senses.sight.read import AT_ONCE, read_size
from seehear.table.layouts.image_sizes import read_sizes_px

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest puts aside the filter of the module
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "WEBP": {"lossless": True},
    "PPM": {},
}
PICTURES = [name for name, (senses, _) in SEEDS.items() if senses == ("image",)]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refusal(source: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        SIGHT.read(source)
    return caught.value


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    kind=st.sampled_from(sorted(LOSSLESS)),
    number=st.integers(0, 999),
)
@settings(max_examples=40)
def test_lossless_formats_give_back_every_pixel(height: int, width: int, channels: int, kind: str, number: int) -> None:
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, channels), dtype=np.uint8)
    image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
    read = SIGHT.read(saved(image, kind, **LOSSLESS[kind]))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels if read.shape[2] == channels else np.repeat(pixels, 3, axis=2))


@pytest.mark.parametrize("name", PICTURES)
def test_formats_are_read_from_path_and_bytes_under_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a wrong name.wav"
    path.write_bytes(seed(name))
    pixels = SIGHT.read(path)
    assert pixels.shape[:2] == (48, 64) and pixels.shape[2] in (1, 3) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(SIGHT.read(str(path)), pixels)
    np.testing.assert_array_equal(SIGHT.read(path.read_bytes()), pixels)
    if name in ("jpeg", "progressive.jpeg", "webp"):
        assert np.abs(pixels.astype(int) - picture()).mean() < 20


@pytest.mark.parametrize("name", [name for name, (senses, _) in SEEDS.items() if "image" in senses and name != "ts"])
def test_truncated_files_are_rejected_or_complete(name: str) -> None:
    data = seed(name)
    whole = SIGHT.read(data)
    for length in {*range(1, len(data), len(data) // 12), len(data) - 1}:
        try:
            pixels = SIGHT.read(data[:length])
        except InputError:
            continue
        np.testing.assert_array_equal(pixels, whole)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    stored = np.zeros((32, 48), np.uint8)
    stored[:16, :24] = 255  # the quarter that the camera stored first
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = SIGHT.read(saved(Image.fromarray(stored), kind, exif=exif))
    assert pixels.shape[:2] == ((32, 48) if orientation <= 4 else (48, 32))
    bright = pixels[:, :, 0] > 128
    top, left = bright[: len(bright) // 2].mean() > 0.25, bright[:, : bright.shape[1] // 2].mean() > 0.25
    # EXIF 2.32, table 5: where the stored first row and first column belong in the upright picture.
    corner = {1: (1, 1), 2: (1, 0), 3: (0, 0), 4: (0, 1), 5: (1, 1), 6: (1, 0), 7: (0, 0), 8: (0, 1)}
    assert (top, left) == corner[orientation]
    height, width = pixels.shape[:2]
    assert read_size(saved(Image.fromarray(stored), kind, exif=exif)) == (width, height)


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_read_in_strips(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (AT_ONCE // 1000 + 7, 1000, channels), dtype=np.uint8)
    image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
    assert np.array_equal(SIGHT.read(saved(image, "BMP")), pixels)


def test_transparency_is_blended_on_white() -> None:
    rgba = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    on_white = [[[200, 0, 0], [255, 255, 255], [127, 127, 127]]]
    for source in (rgba, saved(Image.fromarray(rgba), "PNG"), Image.fromarray(rgba)):
        np.testing.assert_allclose(SIGHT.read(source), on_white, atol=1)
    keyed = saved(Image.fromarray(np.array([[0, 90]], np.uint8)), "PNG", transparency=90)
    np.testing.assert_array_equal(SIGHT.read(keyed)[:, :, 0], [[0, 255]])


def test_palette_and_bilevel_pictures() -> None:
    palette = Image.fromarray(picture()).quantize(16)
    np.testing.assert_array_equal(SIGHT.read(saved(palette, "PNG")), np.asarray(palette.convert("RGB")))
    bilevel = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    np.testing.assert_array_equal(SIGHT.read(saved(bilevel, "PNG"))[:, :, 0], [[0, 255]])


def test_cmyk_becomes_colour() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(SIGHT.read(saved(red, "TIFF"))[0, 0], [255, 0, 0], atol=2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 257, 65535]], np.uint16), [0, 1, 255]),
        (np.array([[0, 2048, 4095]], np.uint16), [0, 128, 255]),  # 12 bits kept in 16
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[-1000.0, 0.0, 1000.0]], np.float32), [0, 128, 255]),  # no known range
        (np.array([[-70000, 10000, 70000]], np.int32), [0, 146, 255]),
        (np.array([[7.0, 7.0, 7.0]], np.float32), [0, 0, 0]),
    ],
)
def test_high_bit_depths_become_8_bits(values: np.ndarray, expected: list[int]) -> None:
    np.testing.assert_array_equal(SIGHT.read(saved(Image.fromarray(values), "TIFF"))[0, :, 0], expected)
    if values.dtype == np.uint16:
        np.testing.assert_array_equal(SIGHT.read(saved(Image.fromarray(values), "PNG"))[0, :, 0], expected)
        np.testing.assert_array_equal(SIGHT.read(values)[0, :, 0], expected)


def test_arrays_and_pil_images_are_accepted() -> None:
    pixels = picture()
    np.testing.assert_array_equal(SIGHT.read(pixels), pixels)
    np.testing.assert_array_equal(SIGHT.read(Image.fromarray(pixels)), pixels)
    assert SIGHT.read(pixels[:, :, 0]).shape == (48, 64, 1)
    np.testing.assert_array_equal(SIGHT.read(pixels / 255), pixels)
    np.testing.assert_array_equal(SIGHT.read(np.array([[True, False]]))[:, :, 0], [[255, 0]])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((2, 2, 2), np.uint8), "an array of shape (2, 2, 2). Allowed: (H, W) or (H, W, 1 | 3 | 4)."),
        (np.zeros((0, 5), np.uint8), "a picture of 5 by 0 pixels. Allowed: at least 1 by 1."),
        (np.array([[0.0, 255.0]]), "an array of float64 from 0.0 to 255.0. Allowed: uint8, uint16, bool, or floats"),
        (np.zeros((2, 2), np.int64), "an array of int64 from 0 to 0. Allowed: uint8"),
        (np.array([[0.5, np.nan]]), "pixels that are not numbers (nan or infinite)."),
        (np.array([["a"]]), "cannot be decoded"),
        (3.5, "a float cannot be read. Allowed: a path, a file object, the bytes of a file, or a decoded array."),
        (b"", "empty: 0 bytes."),
        (b"<!DOCTYPE html><html>404</html>", "not a picture but html. Allowed: a jpeg, png,"),
        (b"seven,8\n", "not a picture but text."),
        (bytes(100), "not a picture but a file of unknown type."),
        (b"\0\0\0\x18ftypheic" + bytes(99), "damaged: the picture cannot be decoded"),
        (np.zeros((1, 300), np.uint8), "300 by 1 pixels are nearly a line. Allowed: up to 200 times as long as wide."),
    ],
)
def test_errors_name_the_reason(source: Any, words: str) -> None:
    assert words in str(refusal(source))


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_phone_pictures_are_upright(tmp_path: Path, name: str) -> None:
    lying = Image.Exif()
    lying[0x0112] = 6
    make = (lambda **how: encoded("RGB", "AVIF", **how)) if name == "avif" else heic
    straight, to_upright_array = (SIGHT.read(make(exif=exif.tobytes())) for exif in (Image.Exif(), lying))
    assert np.abs(straight.astype(int) - picture()).mean() < 20
    assert np.abs(to_upright_array.astype(int) - np.rot90(picture(), -1)).mean() < 20
    (tmp_path / f"a.{name}").write_bytes(make(exif=lying.tobytes()))
    assert read_sizes_px(tmp_path, [f"a.{name}"]).tolist() == [[48, 64]]


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif\0\0\0\0mif1", "avif"),
        (b"mif1\0\0\0\0mif1avif", "avif"),
        (b"mif1\0\0\0\0mif1heic", "heif"),
        (b"heic\0\0\0\0mif1", "heif"),
        (b"isom\0\0\0\0avif", "mp4"),
    ],
)
def test_brands_distinguish_pictures_from_videos(brands: bytes, kind: str) -> None:
    assert detect_file_type(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"avif") == kind


def test_missing_pillow_heif_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic()
    monkeypatch.setattr(pillow_plugins, "find_spec", lambda _: None)
    assert "a HEIC picture needs pillow-heif. Next: pip install 'seehear[heic]'" in str(refusal(data))


def test_file_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "no.jpg"
    assert str(refusal(missing)).startswith(f"{missing}: there is no such file. Next: check the path")
    assert str(refusal(tmp_path)).startswith(f"{tmp_path}: a folder, not a file.")
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe or a device, not a file" in str(refusal(tmp_path / "pipe"))
    assert "cannot be opened" in str(refusal("a\0b"))

    def forbidden(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", forbidden)
    assert "permission denied. Next: check the file's permissions." in str(refusal(missing))


def test_size_is_checked_before_decoding() -> None:
    error = refusal(patched("jpeg", b"\xff\xc0", 5, b"\xff\xdc\xff\xdc"))
    assert f"65500 by 65500 pixels are too many. Allowed: up to {MOST_PIXELS // 1_000_000} million." in str(error)


def test_a_video_gives_its_middle_frame() -> None:
    for name in ("mp4", "webm", "mkv", "avi", "ts"):
        pixels = SIGHT.read(seed(name))
        assert pixels.shape == (48, 64, 3)
        np.testing.assert_allclose(pixels.mean(), 120, atol=15, err_msg=name)
    assert "a recording without a picture. Next: use it as audio." in str(refusal(seed("m4a")))
    assert "not a picture but wav." in str(refusal(seed("wav")))


@pytest.mark.parametrize("name", ["mp4", "webm", "mkv", "avi"])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.2), (0.32, 0.4), (0.7, 0.9)])
def test_an_excerpt_gives_its_middle_frame(tmp_path: Path, name: str, start_s: float, end_s: float) -> None:
    path = tmp_path / f"film.{name}"
    path.write_bytes(seed(name))
    level = 10 * 25 * (start_s + end_s) / 2  # of 25 frames in one second each is 10 brighter
    np.testing.assert_allclose(SIGHT.read(Excerpt(path, start_s, end_s)).mean(), level, atol=15)


def test_invalid_excerpts_are_rejected(tmp_path: Path) -> None:
    for name in ("mp4", "png"):
        (tmp_path / name).write_bytes(seed(name))
    beyond_end_error = str(refusal(Excerpt(tmp_path / "mp4", 1.5, 2.5)))
    assert beyond_end_error.startswith(
        f"{tmp_path / 'mp4'} [1.50 s to 2.50 s]: the excerpt ends at 2.50 s, the recording at 1.00"
    )
    still = str(refusal(Excerpt(tmp_path / "png", 0, 1)))
    assert "an excerpt of a file that is not a video but png. Next: use the whole file." in still


def test_video_rotation_is_applied() -> None:
    data = filmed("mp4", None, "mpeg4")
    assert SIGHT.read(data).shape == (48, 64, 3)
    assert SIGHT.read(held_upright(data)).shape == (64, 48, 3)


def test_reading_is_thread_safe() -> None:
    sources = [seed(name) for name in PICTURES] * 4
    alone = [SIGHT.read(source) for source in sources]
    together: dict[int, np.ndarray] = {}

    def work(start: int) -> None:
        for i in range(start, len(sources), 4):
            together[i] = SIGHT.read(sources[i])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, pixels in enumerate(alone):
        np.testing.assert_array_equal(together[i], pixels)


class TestDicom:
    """Values 0 to 3071 in rows, 12 bits stored; see malformed_corpus.dicom."""

    @pytest.fixture(autouse=True)
    def _needs_pydicom(self) -> None:
        pytest.importorskip("pydicom")

    def read(self, **tags: Any) -> np.ndarray:
        from malformed_corpus import dicom

        return SIGHT.read(dicom(**tags))

    def test_window(self) -> None:
        """PS3.3 C.11.2.1.2.1: black to centre - 0.5 - (width - 1) / 2, white from centre - 0.5 + (width - 1) / 2."""
        pixels = self.read(WindowCenter=1000, WindowWidth=201)[:, :, 0].ravel()
        assert pixels[899] == 0 and pixels[1100] == 255
        assert pixels[1000] == round((1000 - 999.5) / 200 * 255 + 127.5)

    def test_several_windows_and_rescale(self) -> None:
        """The first window counts, and it is said of rescaled values: Hounsfield units."""
        pixels = self.read(WindowCenter=[0, 50], WindowWidth=[201, 100], RescaleSlope=1, RescaleIntercept=-1000)
        np.testing.assert_array_equal(pixels, self.read(WindowCenter=1000, WindowWidth=201))

    def test_other_window_functions(self) -> None:
        exact = self.read(WindowCenter=1000, WindowWidth=200, VOILUTFunction="LINEAR_EXACT")[:, :, 0].ravel()
        assert exact[900] == 0 and exact[1000] == 128 and exact[1100] == 255
        sigmoid = self.read(WindowCenter=1000, WindowWidth=200, VOILUTFunction="SIGMOID")[:, :, 0].ravel()
        assert sigmoid[1000] == 128 and sigmoid[0] == 0 and sigmoid[1100] == round(255 / (1 + np.exp(-2)))

    def test_without_a_window_the_range_is_used(self) -> None:
        pixels = self.read()[:, :, 0].ravel()
        assert pixels[0] == 0 and pixels[-1] == 255 and (np.diff(pixels.astype(int)) >= 0).all()

    def test_monochrome1_is_inverted(self) -> None:
        np.testing.assert_array_equal(self.read(PhotometricInterpretation="MONOCHROME1"), 255 - self.read())

    def test_first_frame_and_colour(self) -> None:
        two = np.concatenate([np.full((48, 64), 7), np.arange(48 * 64).reshape(48, 64)]).astype(np.uint16)
        first = self.read(NumberOfFrames=2, PixelData=two.tobytes(), WindowCenter=7.5, WindowWidth=11)
        assert first.shape == (48, 64, 1) and (first == 128).all()
        colour = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
        rgb = self.read(PhotometricInterpretation="RGB", PixelData=picture().tobytes(), **colour)
        np.testing.assert_array_equal(rgb, picture())
        ybr = np.asarray(Image.fromarray(picture()).convert("YCbCr"))
        back = self.read(PhotometricInterpretation="YBR_FULL", PixelData=ybr.tobytes(), **colour)
        np.testing.assert_allclose(back.astype(int), picture(), atol=3)

    def test_without_a_picture_or_pydicom(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from malformed_corpus import dicom

        data = dicom()
        assert "not be decoded" in str(refusal(data[: len(data) // 2]))
        monkeypatch.setitem(sys.modules, "pydicom", None)
        assert "a DICOM picture needs pydicom. Next: pip install 'seehear[dicom]'." in str(refusal(data))


def test_summary_of_size_colour_and_constancy() -> None:
    facts = SIGHT.summarise(SIGHT.read(picture()))
    assert (facts["height"], facts["width"], facts["channels"], facts["constant"]) == (48, 64, 3, False)
    assert facts["thumbnail"].shape == (16, 16)
    grey_jpeg = SIGHT.read(saved(Image.fromarray(picture()).convert("L").convert("RGB"), "JPEG"))
    assert grey_jpeg.shape[2] == 3 and SIGHT.summarise(grey_jpeg)["channels"] == 1
    assert SIGHT.summarise(np.full((5, 5, 3), 9, np.uint8))["constant"]


def test_draw() -> None:
    np.testing.assert_array_equal(np.asarray(SIGHT.draw(picture())), picture())
    assert SIGHT.draw(SIGHT.read(encoded("L", "PNG"))).mode == "L"
