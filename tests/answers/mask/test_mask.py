"""Semantic segmentation: mask files, warping there and back, metrics, calibration, overlays and the head."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import jaccard_score

from learning import recipe_for
from present import present
from seehear.answers import ANSWERS
from seehear.answers.figure import FAINT
from seehear.answers.items import NEVER, ItemCount
from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.mask.answer import compress
from seehear.answers.mask.head import Head
from seehear.answers.mask.levels import CONFIDENCES, min_level, to_levels
from seehear.answers.mask.picture import load_mask
from seehear.answers.mask.spec import UNKNOWN
from seehear.errors import DataError, InputError
from seehear.geometry import Cells, Geometry, Grid, Warp, Warps
from seehear.senses.sight import SIGHT
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec

MASK = ANSWERS["mask"]
SPEC = MaskSpec(
    classes=("ground", "road", "car"),
    numbers=(0, 1, 2),
    unknown=(255,),
    shares=(0.6, 0.3, 0.1),
    colors=("#000000", "#804080", "#4000a0"),
)


def save(folder: Path, pixels: np.ndarray, name: str = "0.png", palette: list[int] | None = None) -> str:
    picture = Image.fromarray(pixels.astype(np.uint8))
    if palette:
        picture.putpalette(palette)
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / name)
    return str(folder / name)


def scene(height: int = 40, width: int = 60) -> np.ndarray:
    """Ground above a road, and a car on the road, left of the centre."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 2 :] = 1
    pixels[height // 2 : height // 2 + 8, 10:22] = 2
    return pixels


def geometry_of(shape: tuple[int, int], spec: SightSpec) -> Geometry:
    preprocessed, warp = SIGHT.preprocess(np.zeros((*shape, 1), np.uint8), spec)
    return Geometry(warp, Grid(shape, 1.0, "px"), SIGHT.grid(preprocessed))


def raw_of(pixels: np.ndarray, cell_px: int, *, logit: float = 8.0) -> dict[str, np.ndarray]:
    """The output of a head that classifies the centre pixel of each cell correctly."""
    cells = pixels[cell_px // 2 :: cell_px, cell_px // 2 :: cell_px]
    logits = logit * (cells == np.arange(len(SPEC.classes))[:, None, None])
    return {"logits": logits.astype(np.float32), "cell_px": np.array(cell_px, np.float32)}


# Columns and files


def test_class_names_come_from_a_file_near_the_masks(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("Sky\nRoad\nCar\nUnlabelled\n")
    cells = [save(tmp_path / "train/masks", np.array([[0, 0, 1, 3]]), f"{i}.png") for i in range(3)]
    spec = MASK.plan(cells, "mask")
    assert (spec.classes, spec.numbers, spec.unknown) == (("Sky", "Road", "Car"), (0, 1, 2), (3, 255))
    assert spec.shares == (0.666667, 0.333333, 0.0)
    assert str(spec).startswith(
        "one of 3 classes per pixel: Sky (66.7 %), Road (33.3 %), Car (0.0 %); a mask counts as right from a pixel"
    )
    assert MASK.read(cells[0], spec).pixels.tolist() == [[0, 0, 1, UNKNOWN]]


@pytest.mark.parametrize(
    ("pixels", "classes", "unknown"),
    [([[0, 255]], ("0", "255"), ()), ([[0, 1, 255]], ("0", "1"), (255,)), ([[3, 7]], ("3", "7"), (255,))],
)
def test_without_names_classes_are_named_by_number(
    pixels: list[list[int]], classes: tuple[str, ...], unknown: tuple[int, ...], tmp_path: Path
) -> None:
    spec = MASK.plan([save(tmp_path, np.array(pixels))], "mask")
    assert (spec.classes, spec.unknown) == (classes, unknown)


def test_255_is_unknown_even_if_the_plan_saw_none(tmp_path: Path) -> None:
    spec = MASK.plan([save(tmp_path, np.array([[0, 1]]))], "mask")
    assert MASK.read(save(tmp_path, np.array([[1, 255]]), "1.png"), spec).pixels.tolist() == [[1, UNKNOWN]]


def test_trailing_blank_lines_are_not_classes(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\n\nroad\n\n \n")
    spec = MASK.plan([save(tmp_path, np.array([[0, 1, 2]]))], "mask")
    assert spec.classes == ("sky", "1", "road")


@pytest.mark.parametrize(("bits", "most"), [(1, 1), (2, 3), (4, 15), (8, 3)])
def test_grey_of_few_bits_keeps_its_numbers(bits: int, most: int, tmp_path: Path) -> None:
    """As the PNG specification packs them, section 7.2: the leftmost pixel in the high bits of a byte."""
    pixels = np.array([[most, 0, 1, most - 1]])
    row = sum(int(pixel) << bits * (3 - i) for i, pixel in enumerate(pixels[0])) << (-4 * bits % 8)
    header = struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" + row.to_bytes(-(-4 * bits // 8), "big"))
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    file = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    (tmp_path / "grey.png").write_bytes(b"\x89PNG\r\n\x1a\n" + file)
    assert load_mask(str(tmp_path / "grey.png"))[0].tolist() == pixels.tolist()


def test_palettes_are_kept(tmp_path: Path) -> None:
    cell = save(tmp_path, np.array([[0, 3, 3], [0, 0, 3]]), palette=[9, 9, 9, 0, 0, 0, 0, 0, 0, 255, 0, 128])
    spec = MASK.plan([cell], "mask")
    assert spec.colors == ("#090909", "#ff0080")
    again = Image.open(BytesIO(MASK.read(cell, spec).files()["png"]))
    assert (again.mode, np.asarray(again).tolist()) == ("P", [[0, 3, 3], [0, 0, 3]])
    assert present(again.getpalette())[9:12] == [255, 0, 128]


TABLES = {
    "class_dict.csv": "name, r, g, b\nroad,128,64,128\nsky,128,128,128\nVoid,0,0,0\n",
    "label_colors.txt": "128 64 128\troad\n128 128 128\tsky\n0 0 0\t\tVoid\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nroad:128,64,128::\nsky:128,128,128::\nVoid:0,0,0::\n",
}


def save_coloured(folder: Path, *colours: tuple[int, int, int], mode: str = "RGB", name: str = "1.png") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([colours], np.uint8)).convert(mode).save(folder / name)
    return str(folder / name)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("table", TABLES)
def test_colours_are_looked_up_in_a_table_near_the_masks(tmp_path: Path, table: str, mode: str) -> None:
    (tmp_path / table).write_text(TABLES[table])
    road, sky, void = (128, 64, 128), (128, 128, 128), (0, 0, 0)
    cell = save_coloured(tmp_path / "train/masks", road, sky, sky, void, mode="RGB" if mode == "P" else mode)
    if mode == "P":
        Image.open(cell).quantize(4).save(cell)
    spec = MASK.plan([cell], "mask")
    assert (spec.classes, spec.numbers, spec.unknown) == (("road", "sky"), (0, 1), (2, 255))
    assert (spec.colors, spec.shares) == (("#804080", "#808080"), (0.333333, 0.666667))
    assert MASK.read(cell, spec).pixels.tolist() == [[0, 1, 1, UNKNOWN]]


def test_class_names_matter_if_another_table_has_another_order(tmp_path: Path) -> None:
    for folder, rows in (("a", "road,1,0,0\nsky,0,1,0\n"), ("b", "sky,0,1,0\ntree,0,0,1\nroad,1,0,0\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "class_dict.csv").write_text(f"name,r,g,b\n{rows}")
    spec = MASK.plan([save_coloured(tmp_path / "a", (1, 0, 0), (0, 1, 0))], "mask")
    assert MASK.read(save_coloured(tmp_path / "b", (0, 1, 0), (1, 0, 0)), spec).pixels.tolist() == [[1, 0]]
    with pytest.raises(InputError, match=r"the pixel at \(0, 0\) is 1, which is not the number of a class"):
        MASK.read(save_coloured(tmp_path / "b", (0, 0, 1), (1, 0, 0)), spec)


def test_unlisted_colours_are_rejected(tmp_path: Path) -> None:
    cell = save_coloured(tmp_path, (1, 2, 3), (9, 8, 7))
    with pytest.raises(InputError, match=r"colours without a palette.*Next: put a class_dict\.csv"):
        load_mask(cell)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\ncat,1,2,3\n")
    with pytest.raises(InputError, match=r"1\.png: the pixel at \(1, 0\) is #090807, which is not in class_dict"):
        load_mask(cell)


def test_a_colour_table_does_not_change_masks_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "label_colors.txt").write_text(TABLES["label_colors.txt"])
    spec = MASK.plan([save(tmp_path, np.array([[0, 1]]))], "mask")
    assert (spec.classes, spec.numbers) == (("0", "1"), (0, 1))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("class_dict.csv", b"name,r,g,b\ncat,1,2\n"),
        ("class_dict.csv", b"name,r,g,b\ncat,1,2,256\n"),
        ("class_dict.csv", b"name,r,g,b\ncat,1,2,3\ndog,1,2,3\n"),
        ("class_dict.csv", b'name,r,g,b\n"cat,1,2,3\n'),
        ("label_colors.txt", b"1 2 cat\n"),
        ("label_colors.txt", b"\xff\xfe"),
        ("label_colors.txt", b""),
        ("labelmap.txt", b"cat:1,2::\n"),
        ("labelmap.txt", b"a:0,0," + b"9" * 70_000),
        ("class_dict.csv", b"name,r,g,b\n" + b"".join(b"c%d,%d,0,%d\n" % (i, i % 256, i // 256) for i in range(300))),
    ],
)
def test_a_damaged_colour_table_is_rejected_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: .*Allowed: lines with a name and its red, green and blue"):
        load_mask(save_coloured(tmp_path, (1, 2, 3), (0, 0, 0)))


def test_weights_of_rare_classes_are_bounded() -> None:
    assert np.allclose(SPEC.weights, [1 / np.log(1.62), 1 / np.log(1.32), 1 / np.log(1.12)])
    assert max(SPEC.model_copy(update={"shares": (1.0, 0.0, 0.0)}).weights) < 51


def test_invalid_masks_are_rejected_with_their_file(tmp_path: Path) -> None:
    spec = MASK.plan([save(tmp_path, np.array([[0, 1]]))], "mask")
    with pytest.raises(
        InputError, match=r"5\.png: the pixel at \(1, 0\) is 4, which is not the number.*Allowed: 0 0, 1 1"
    ):
        MASK.read(save(tmp_path, np.array([[0, 4]]), "5.png"), spec)
    Image.fromarray(np.full((2, 2, 3), (9, 0, 0), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match=r"in colours without a palette.*save it with a palette"):
        MASK.read(str(tmp_path / "rgb.png"), spec)
    whole = Path(save(tmp_path, np.random.default_rng(0).integers(0, 2, (40, 40)), "whole.png")).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("cut.png", "none.png"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as a mask"):
            MASK.read(str(tmp_path / name), spec)
    Image.fromarray(np.full((2, 2), 300, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"a pixel is 300.*from 0 to 255"):
        MASK.read(str(tmp_path / "deep.png"), spec)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ([], "contains no answers"),
        ([[7, 7]], "all pixels of its masks have the same class, '7'"),
        (None, "none of its masks can be"),
    ],
)
def test_plan_rejects_unusable_columns(pixels: list[list[int]] | None, words: str, tmp_path: Path) -> None:
    cells = [str(tmp_path / "x.png")] if pixels is None else [save(tmp_path, np.array(pixels))] if pixels else []
    with pytest.raises(DataError, match=words):
        MASK.plan(cells, "mask")


def test_a_decompression_bomb_is_rejected_before_decoding(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="20000 by 20000 pixels are too many"):
        load_mask(str(tmp_path / "bomb.png"))


# Geometry


@settings(max_examples=40)
@given(st.integers(8, 300), st.integers(8, 300), st.booleans())
def test_resampling_takes_the_pixel_at_the_same_place(height: int, width: int, mirrored: bool) -> None:
    """The border of the letterbox is unknown."""
    spec = SightSpec(height=64, width=96, channels=1, encoder=FeaturePyramid(stages=(8,)), output_stride_px=4)
    geometry = geometry_of((height, width), spec)
    warp = geometry.warp.then(Warp((-1.0, 1.0), (96.0, 0.0))) if mirrored else geometry.warp
    pixels = np.random.default_rng(height * width).integers(0, 3, (height, width)).astype(np.uint8)
    resampled = Mask.from_pixels(pixels, SPEC).transform(warp).resample(64, 96)
    for y, x in np.random.default_rng(0).integers(0, (64, 96), (50, 2)):
        column, row = np.floor(warp.back(np.array([x + 0.5, y + 0.5]))).astype(int)
        inside = 0 <= row < height and 0 <= column < width
        assert resampled[y, x] == (pixels[row, column] if inside else UNKNOWN)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (80, 240)])
def test_answers_are_in_original_pixels(shape: tuple[int, int]) -> None:
    """Through letterboxing and back, to within a cell."""
    spec = SightSpec(height=160, width=240, channels=1, encoder=FeaturePyramid(stages=(8,)), output_stride_px=4)
    geometry, pixels = geometry_of(shape, spec), scene(*shape)
    preprocessed = Mask.from_pixels(pixels, SPEC).transform(geometry.warp).resample(160, 240)
    answer = MASK.to_answer(raw_of(preprocessed, 4), SPEC, {}, geometry)
    assert answer.shape == shape
    assert (answer.pixels == pixels).mean() > 0.96
    assert MASK.right(MASK.compare([answer], [Mask.from_pixels(pixels, SPEC)], SPEC), SPEC).all()
    assert MASK.to_answer(raw_of(preprocessed, 4), SPEC, {}, None).shape == (160, 240)


def test_the_block_size_does_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {
        "logits": np.random.default_rng(0).normal(size=(3, 7, 9)).astype(np.float32),
        "cell_px": np.array(4, np.float32),
    }
    whole = MASK.to_answer(raw, SPEC, {}, None)
    monkeypatch.setattr("seehear.answers.mask.answer.BLOCK", 200)
    assert MASK.to_answer(raw, SPEC, {}, None).compressed_pixels == whole.compressed_pixels


def test_interpolation_equals_torch() -> None:
    raw = {
        "logits": np.random.default_rng(1).normal(size=(3, 6, 8)).astype(np.float32),
        "cell_px": np.array(4, np.float32),
    }
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(raw["logits"])[None].softmax(1), scale_factor=4.0, mode="bilinear"
    )[0]
    answer = MASK.to_answer(raw, SPEC, {}, None)
    assert np.array_equal(answer.pixels, smooth.argmax(0).numpy())
    assert answer.expected_accuracy == pytest.approx(float(smooth.amax(0).mean()), abs=1e-5)


def test_targets_are_warped_like_pictures(tmp_path: Path) -> None:
    head = Head(SPEC, (8, 16))
    classes = torch.from_numpy(scene(32, 48))[None].repeat(3, 1, 1)
    warps = Warps(
        torch.tensor([[1.0, 1.0], [-1.0, 1.0], [2.0, 2.0]]), torch.tensor([[3.0, 0.0], [48.0, 0.0], [0.0, -8.0]])
    )
    warped = head.warp_target({"classes": classes}, warps)["classes"].numpy()
    assert np.array_equal(warped[0][:, 3:], scene(32, 48)[:, :-3]) and (warped[0][:, :3] == UNKNOWN).all()
    assert np.array_equal(warped[1], scene(32, 48)[:, ::-1])
    for y, x in np.random.default_rng(0).integers(0, (32, 48), (40, 2)):
        assert warped[2][y, x] == scene(32, 48)[(y + 8) // 2, x // 2]


def test_a_mask_of_another_size_than_its_picture_is_rejected(tmp_path: Path) -> None:
    spec = SightSpec(height=64, width=96, channels=1, encoder=FeaturePyramid(stages=(8,)), output_stride_px=4)
    truth = Mask.from_pixels(scene(), SPEC, where="m.png")
    with pytest.raises(InputError, match=r"m\.png: a mask of 60 by 40 pixels for a picture of 30 by 20"):
        MASK.target(truth, SPEC, geometry_of((20, 30), spec))
    with pytest.raises(InputError, match="for a picture of 20 by 10"):
        MASK.check(Mask.from_pixels(np.zeros((10, 20), np.uint8), SPEC), truth, 0.0)


# Metrics


def test_iou_equals_scikit_learn() -> None:
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 3, (2, 5, 12, 10)).astype(np.uint8)
    true[:, 0] = UNKNOWN
    answers, truths = ([Mask.from_pixels(pixels, SPEC) for pixels in each] for each in (predicted, true))
    found = MASK.metrics(MASK.compare(answers, truths, SPEC), SPEC)
    known = true != UNKNOWN
    expected = jaccard_score(true[known], predicted[known], average=None)
    assert [found[f"iou:{name}"] for name in SPEC.classes] == pytest.approx(expected.tolist())
    assert found["miou"] == pytest.approx(expected.mean())
    assert found["pixel_accuracy"] == pytest.approx((true == predicted)[known].mean())


def test_absent_classes_do_not_count() -> None:
    masks = [Mask.from_pixels(np.array([[0, 1]], np.uint8), SPEC)] * 2
    found = MASK.metrics(MASK.compare(masks, masks, SPEC), SPEC)
    assert np.isnan(found["iou:car"]) and found["miou"] == 1
    assert MASK.draw(MASK.compare(masks, masks, SPEC), SPEC).width > 100


def test_calibrated_confidence_is_the_frequency_of_right_answers() -> None:
    """Logits three times too large, of pictures of very different difficulty."""
    random = np.random.default_rng(0)
    raws: list[dict[str, np.ndarray]] = []
    truths = []
    for noise in random.uniform(0.2, 4.0, 240):
        cells = np.repeat(np.repeat(random.integers(0, 3, (3, 4)), 2, 0), 2, 1)
        seen = 2.0 * (cells == np.arange(3)[:, None, None]) + noise * random.normal(size=(3, 6, 8))
        logits = (3 * 2 * seen / noise**2).astype(np.float32)  # three times the log odds
        raws.append({"logits": logits, "cell_px": np.array(4, np.float32)})
        truths.append(Mask.from_pixels(np.repeat(np.repeat(cells, 4, 0), 4, 1).astype(np.uint8), SPEC))
    spec = SPEC.model_copy(update={"min_accuracy": 0.75})
    calibration = MASK.calibrate(raws[:120], truths[:120], spec)
    assert calibration["temperature"] > 2
    answers = [MASK.to_answer(raw, spec, calibration, None) for raw in raws[120:]]
    right = MASK.right(MASK.compare(answers, truths[120:], spec), spec)
    confidence = np.array([a.confidence for a in answers])
    assert abs(confidence.mean() - right.mean()) < 0.1
    assert right[confidence > 0.8].mean() > 0.8
    assert right[confidence < 0.2].mean() < 0.2


def test_text_and_json_of_an_answer() -> None:
    pixels = scene(20, 60)
    levels = to_levels(np.where(pixels == 2, 0.4, 0.95))
    answer = Mask.from_pixels(
        pixels,
        SPEC,
        confidence=0.8,
        expected_accuracy=0.93,
        class_confidence=(0.97, 0.9, 0.4),
        compressed_levels=compress(levels),
        accepted_from=min_level(0.9),
    )
    assert str(answer) == "ground 50 %, road 42 %, car 8 %"
    assert answer.to_marked_text() == "ground 50 %, road 42 %, [car 8 %]"
    value = answer.to_json()
    assert value["mask"][2] == {"class": "car", "px": 96, "share": 0.08, "confidence": 0.4, "accepted_px": 0}
    assert value["mask"][0]["accepted_px"] == value["mask"][0]["px"] == 600
    assert (answer.items, answer.reject_items().items.accepted) == (ItemCount("pixel", 1104, 1200), 0)
    assert (value["width"], value["height"], value["expected_accuracy"]) == (60, 20, 0.93)
    assert str(Mask.from_pixels(np.full((2, 2), UNKNOWN, np.uint8), SPEC)) == "no known class"


def test_overlay_colours() -> None:
    pixels = scene()
    pixels[0, 59] = UNKNOWN
    overlay = np.asarray(Mask.from_pixels(pixels, SPEC).draw_on(Image.new("L", (60, 40), 100)))[::8, ::8]  # 480 px wide
    for row, column in [(1, 59), (39, 0), (22, 12)]:
        color = np.array(list(bytes.fromhex(SPEC.colors[pixels[row, column]][1:])))
        assert np.abs(overlay[row, column] - (100 + color) / 2).max() <= 1
    assert overlay[0, 59].tolist() == [100, 100, 100]


def test_unaccepted_pixels_are_striped_and_black_in_the_accepted_file() -> None:
    pixels = scene()
    sure = np.zeros(pixels.shape, bool)
    sure[:, 30:] = True
    levels = compress(to_levels(np.where(sure, 0.99, 0.6)))
    answer = Mask.from_pixels(pixels, SPEC, compressed_levels=levels, accepted_from=min_level(0.9))
    overlay = np.asarray(answer.draw_on(Image.new("L", (60, 40), 100)))[::8, ::8]
    plain = (overlay == 100).all(2)
    assert not plain[20:, 30:].any()
    assert 0.5 < plain[20:, :30].mean() < 0.8
    with Image.open(BytesIO(answer.files()["accepted.png"])) as file:
        assert np.array_equal(np.asarray(file) == 255, sure)
    assert "accepted.png" not in Mask.from_pixels(pixels, SPEC).files()


def test_levels_are_monotonic_and_accepted_pixels_reach_the_threshold() -> None:
    sure = np.sort(np.random.default_rng(0).random(5000))
    levels = to_levels(sure)
    assert (np.diff(levels.astype(int)) >= 0).all()
    for limit in (*CONFIDENCES[[1, 40, -1]], 0.5, 0.9):  # the lowest level holds all lower confidences
        accepted = levels >= min_level(limit)
        assert (sure[accepted] >= limit - 1e-6).all()
    assert min_level(NEVER) > levels.max()


def test_items_are_pixels_with_a_known_class() -> None:
    said, truth = scene(), scene()
    truth[:10] = UNKNOWN
    truth[39] = 2
    levels = np.where(np.arange(40)[:, None] < 35, np.uint8(90), np.uint8(20)).repeat(60, 1)
    answer = Mask.from_pixels(said, SPEC, compressed_levels=compress(levels), accepted_from=50)
    items = present(MASK.items).score(MASK.compare([answer], [Mask.from_pixels(truth, SPEC)], SPEC), SPEC)
    number, accepted = items.counts()
    assert (number.tolist(), accepted.tolist(), items.mistakes().tolist()) == ([1800], [1500], [0])
    assert items.wrong.sum() == (said[39] != 2).sum()


def test_the_legend_names_present_classes_in_their_colours() -> None:
    def colours(pixels: np.ndarray) -> set[tuple[int, ...]]:
        overlay = np.asarray(Mask.from_pixels(pixels, SPEC).draw_on(Image.new("L", (60, 40), 100)))
        return {tuple(each) for each in overlay[:, 1].tolist()}

    _, road, car = (tuple(bytes.fromhex(color[1:])) for color in SPEC.colors)
    assert {road, car} <= colours(scene())
    assert not {road, car} & colours(np.zeros((40, 60), np.uint8))


def test_a_legend_too_long_for_its_picture_says_so() -> None:
    names = tuple(map(str, range(60)))
    many = MaskSpec(classes=names, numbers=tuple(range(60)), shares=(1 / 60,) * 60, colors=("#123456",) * 60)
    overlay = Mask.from_pixels(np.arange(60, dtype=np.uint8).reshape(6, 10), many).draw_on(Image.new("L", (10, 6)))
    shown = np.asarray(overlay)[:, 1]
    assert FAINT in {"#{:02x}{:02x}{:02x}".format(*color) for color in shown.tolist()}


def test_tracking_averages_the_area_of_each_class() -> None:
    tracker = present(MASK.spatial).tracker()
    ground = Mask.from_pixels(np.zeros((40, 60), np.uint8), SPEC)
    tracked = list(tracker.track([(0.0, Mask.from_pixels(scene(), SPEC)), (0.5, None), (1.0, ground)]))
    assert tracked[1] is None and tracked[2] is ground
    assert tracker.to_json() == {"ground": 0.75, "road": 0.23, "car": 0.02}
    assert str(tracker) == "ground 75 %, road 23 %, car 2 %"
    assert list(tracker.rows(ground)) == [("ground", 2400, 1.0, 1.0, 2400)]


# The head


def test_unknown_pixels_have_no_loss() -> None:
    torch.manual_seed(0)
    head = Head(SPEC, (8, 16)).train()
    cells = Cells(torch.randn(2, 4, 16), torch.ones(2, 4).bool(), Grid((2, 2), 8.0, "px"))
    finer = Cells(torch.randn(2, 16, 8), torch.ones(2, 16).bool(), Grid((4, 4), 4.0, "px"))
    raw = head(Cells(cells.x, cells.valid_mask, cells.grid, (finer,)))
    assert raw["logits"].shape == (2, 3, 4, 4) and raw["cell_px"].tolist() == [4.0, 4.0]
    unknown = {"classes": torch.full((2, 16, 16), UNKNOWN, dtype=torch.uint8)}
    assert head.loss(raw, unknown).tolist() == [0.0, 0.0]
    half = {"classes": torch.zeros(2, 16, 16, dtype=torch.uint8)}
    all_known = head.loss(raw, half)
    half["classes"][:, 8:] = UNKNOWN
    assert torch.allclose(head.loss(raw, half), all_known)  # the same logits everywhere at first


def test_a_mask_recipe_survives_json() -> None:
    recipe = recipe_for("mask", ("image",))
    assert type(recipe).from_json(recipe.to_json()) == recipe
